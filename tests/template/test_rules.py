"""What wakes whom: patterns match our samples and not their near misses, and nothing that is undelivered is lost."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from moto.events.models import EventPattern, EventPatternParser

from backstay.core.decide.audit import mails_at_once
from backstay.core.findings import Fail, Finding, Severity
from backstay.core.ports import FindingChanged
from backstay.providers.aws.messages import finding_detail
from tests.fleet import NOW, database
from tests.template.conftest import sample
from tests.template.stacks import ACCOUNT, home_stack

if TYPE_CHECKING:
    from tests.template.stacks import Stack

MEMBER = "444455556666"
RULES = {
    "backstay-rds-events": "backstay-audit:live",
    "backstay-api-calls": "backstay-audit:live",
    "backstay-config-items": "backstay-audit:live",
    "backstay-repairable-finding": "backstay-protect:live",
    "backstay-new-failure": "backstay-alarms",
    "backstay-snapshot-events": "backstay-replicate-wakes",
}
WAKES = {
    "rds-instance-event": {"backstay-rds-events"},
    "rds-cluster-event": {"backstay-rds-events"},
    "cloudtrail-modify-db-instance": {"backstay-api-calls"},
    "cloudtrail-modify-db-cluster": {"backstay-api-calls"},
    "config-db-instance": {"backstay-config-items"},
    "config-oversized-db-cluster": {"backstay-config-items"},
    "finding-changed": {"backstay-repairable-finding", "backstay-new-failure"},
    "rds-snapshot-event": {"backstay-snapshot-events"},
    "rds-cluster-snapshot-event": {"backstay-snapshot-events"},
}
FORWARDED = {
    "rds-instance-event": {"backstay-forward-rds-events"},
    "rds-cluster-event": {"backstay-forward-rds-events"},
    "cloudtrail-modify-db-instance": {"backstay-forward-api-calls"},
    "cloudtrail-modify-db-cluster": {"backstay-forward-api-calls"},
    "config-db-instance": {"backstay-forward-config-items"},
    "config-oversized-db-cluster": {"backstay-forward-config-items"},
    "finding-changed": set(),
    "rds-snapshot-event": {"backstay-forward-rds-events"},
    "rds-cluster-snapshot-event": {"backstay-forward-rds-events"},
}


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """What moto's EventBridge says."""
    parsed = EventPatternParser(json.dumps(pattern)).parse()
    judge: Any = EventPattern(json.dumps(pattern), parsed)
    return bool(judge.matches_event(event))


def woken(stack: Stack, event: dict[str, Any]) -> set[str]:
    """The rules that match an event."""
    rules = stack.of_type("AWS::Events::Rule").values()
    return {rule["Name"] for rule in rules if matches(rule["EventPattern"], event)}


def changed(name: str, **detail: Any) -> dict[str, Any]:
    """A sample with other values in its detail; None removes."""
    event = copy.deepcopy(sample(name))
    event["detail"] = {k: v for k, v in {**event["detail"], **detail}.items() if v is not None}
    return event


def test_the_rules_and_their_targets(home: Stack) -> None:
    found = {
        rule["Name"]: [target["Arn"].split(":", 5)[5].removeprefix("function:") for target in rule["Targets"]]
        for rule in home.of_type("AWS::Events::Rule").values()
    }
    assert found == {name: [target] for name, target in RULES.items()}
    assert {rule["EventBusName"] for rule in home.of_type("AWS::Events::Rule").values()} == {"backstay"}


@pytest.mark.parametrize("name", WAKES)
def test_a_sample_wakes_whom_it_should(home: Stack, name: str) -> None:
    assert woken(home, sample(name)) == WAKES[name]


@pytest.mark.parametrize("name", FORWARDED)
def test_a_region_forwards_what_the_home_listens_to(location: Stack, name: str) -> None:
    assert woken(location, sample(name)) == FORWARDED[name]


class TestRdsEvents:
    def test_a_message_without_an_id_is_let_through(self, home: Stack) -> None:
        assert woken(home, changed("rds-instance-event", EventID=None)) == {"backstay-rds-events"}

    @pytest.mark.parametrize("event_id", ["RDS-EVENT-0028", "RDS-EVENT-0032", "RDS-EVENT-0005", "RDS-EVENT-0420"])
    def test_what_changes_restorability_is_let_through(self, home: Stack, event_id: str) -> None:
        assert woken(home, changed("rds-instance-event", EventID=event_id)) == {"backstay-rds-events"}

    @pytest.mark.parametrize("event_id", ["RDS-EVENT-0001", "RDS-EVENT-0006", "RDS-EVENT-0026", "RDS-EVENT-0049"])
    def test_what_does_not_is_left_alone(self, home: Stack, event_id: str) -> None:
        assert woken(home, changed("rds-instance-event", EventID=event_id)) == set()


class TestSnapshotEvents:
    """What can be copied now, and what has been: both free a copy that waits."""

    ENDS = (
        ("rds-snapshot-event", "0042"),  # made by hand, which is how ours are made too
        ("rds-snapshot-event", "0091"),  # made by RDS
        ("rds-snapshot-event", "0060"),  # a copy across regions finished
        ("rds-snapshot-event", "0061"),  # … and cancelled
        ("rds-snapshot-event", "0197"),  # a copy within one region finished
        ("rds-snapshot-event", "0190"),  # … and cancelled
        ("rds-cluster-snapshot-event", "0075"),
        ("rds-cluster-snapshot-event", "0169"),
    )
    BEGINS = (
        ("rds-snapshot-event", "0040"),
        ("rds-snapshot-event", "0041"),  # deleted
        ("rds-snapshot-event", "0059"),
        ("rds-snapshot-event", "0090"),
        ("rds-snapshot-event", "0161"),  # an export
        ("rds-snapshot-event", "0196"),
        ("rds-cluster-snapshot-event", "0074"),
        ("rds-cluster-snapshot-event", "0168"),
    )

    @pytest.mark.parametrize(("name", "number"), ENDS)
    def test_what_has_come_to_an_end_wakes_replicate(self, home: Stack, name: str, number: str) -> None:
        assert woken(home, changed(name, EventID=f"RDS-EVENT-{number}")) == {"backstay-snapshot-events"}

    @pytest.mark.parametrize(("name", "number"), BEGINS)
    def test_what_begins_or_is_gone_does_not(self, home: Stack, name: str, number: str) -> None:
        assert woken(home, changed(name, EventID=f"RDS-EVENT-{number}")) == set()

    @pytest.mark.parametrize("name", ["rds-snapshot-event", "rds-cluster-snapshot-event"])
    def test_a_message_without_an_id_is_let_through(self, home: Stack, name: str) -> None:
        assert woken(home, changed(name, EventID=None)) == {"backstay-snapshot-events"}

    @pytest.mark.parametrize("name", ["rds-snapshot-event", "rds-cluster-snapshot-event"])
    def test_it_goes_into_the_queue_whole_since_its_origin_is_in_it(self, home: Stack, name: str) -> None:
        (rule,) = (
            each for each in home.of_type("AWS::Events::Rule").values() if woken(home, sample(name)) == {each["Name"]}
        )
        (target,) = rule["Targets"]
        assert not {"Input", "InputPath", "InputTransformer", "SqsParameters"} & target.keys()

    def test_a_snapshot_that_somebody_else_puts_wakes_nobody(self, home: Stack, location: Stack) -> None:
        event = {**sample("rds-snapshot-event"), "source": "com.example"}
        assert woken(home, event) == woken(location, event) == set()


class TestApiCalls:
    @pytest.mark.parametrize(
        ("call", "parameters"),
        [
            ("CreateDBInstance", {"dBInstanceIdentifier": "orders"}),
            ("DeleteDBInstance", {"dBInstanceIdentifier": "orders"}),
            ("StopDBInstance", {"dBInstanceIdentifier": "orders"}),
            ("StartDBCluster", {"dBClusterIdentifier": "ledger"}),
            ("PromoteReadReplica", {"dBInstanceIdentifier": "orders"}),
            ("RestoreDBClusterToPointInTime", {"dBClusterIdentifier": "ledger-r-1"}),
            ("RestoreDBInstanceToPointInTime", {"targetDBInstanceIdentifier": "orders-r-1"}),
            ("AddTagsToResource", {"resourceName": f"arn:aws:rds:eu-west-2:{ACCOUNT}:db:orders"}),
            ("RemoveTagsFromResource", {"resourceName": f"arn:aws:rds:eu-west-2:{ACCOUNT}:cluster:ledger"}),
        ],
    )
    def test_calls_that_change_a_database_wake_audit(
        self, home: Stack, location: Stack, call: str, parameters: dict[str, str]
    ) -> None:
        event = changed("cloudtrail-modify-db-instance", eventName=call, requestParameters=parameters)
        assert woken(home, event) == {"backstay-api-calls"}
        assert woken(location, event) == {"backstay-forward-api-calls"}

    @pytest.mark.parametrize(
        "different",
        [
            {"errorCode": "AccessDenied"},
            {"errorCode": "InvalidDBInstanceState"},
            {"eventName": "DescribeDBInstances"},
            {"eventName": "ListTagsForResource"},
            {"eventName": "DownloadDBLogFilePortion"},
            {"eventSource": "ec2.amazonaws.com"},
            {"eventName": "ModifyDBParameterGroup", "requestParameters": {"dBParameterGroupName": "custom"}},
            {"eventName": "DeleteDBSnapshot", "requestParameters": {"dBSnapshotIdentifier": "orders-1"}},
            {"eventName": "ModifyDBInstance", "requestParameters": None},
            {
                "eventName": "AddTagsToResource",
                "requestParameters": {"resourceName": f"arn:aws:rds:eu-west-2:{ACCOUNT}:snapshot:orders-1"},
            },
        ],
    )
    def test_failed_reading_and_foreign_calls_wake_nobody(self, home: Stack, different: dict[str, Any]) -> None:
        assert woken(home, changed("cloudtrail-modify-db-instance", **different)) == set()

    def test_the_same_call_from_another_source_wakes_nobody(self, home: Stack) -> None:
        assert woken(home, {**sample("cloudtrail-modify-db-instance"), "source": "aws.ec2"}) == set()


class TestConfigItems:
    @pytest.mark.parametrize("kind", ["AWS::RDS::DBInstance", "AWS::RDS::DBCluster"])
    @pytest.mark.parametrize(
        ("name", "part"),
        [("config-db-instance", "configurationItem"), ("config-oversized-db-cluster", "configurationItemSummary")],
    )
    def test_both_kinds_of_database_wake_audit_whole_or_oversized(
        self, home: Stack, location: Stack, name: str, part: str, kind: str
    ) -> None:
        item = sample(name)["detail"][part]
        event = changed(name, **{part: {**item, "resourceType": kind}})
        assert woken(home, event) == {"backstay-config-items"}
        assert woken(location, event) == {"backstay-forward-config-items"}

    @pytest.mark.parametrize(
        "kind", ["AWS::EC2::Instance", "AWS::RDS::DBSnapshot", "AWS::RDS::DBSubnetGroup", "AWS::RDS::DBSecurityGroup"]
    )
    @pytest.mark.parametrize(
        ("name", "part"),
        [("config-db-instance", "configurationItem"), ("config-oversized-db-cluster", "configurationItemSummary")],
    )
    def test_other_resources_wake_nobody(self, home: Stack, location: Stack, name: str, part: str, kind: str) -> None:
        item = sample(name)["detail"][part]
        event = changed(name, **{part: {**item, "resourceType": kind}})
        assert woken(home, event) == woken(location, event) == set()

    @pytest.mark.parametrize("kind", ["Config Rules Compliance Change", "Config Configuration History Delivery Status"])
    def test_other_news_of_config_wakes_nobody(self, home: Stack, location: Stack, kind: str) -> None:
        event = {**sample("config-db-instance"), "detail-type": kind}
        assert woken(home, event) == woken(location, event) == set()

    def test_an_item_that_somebody_else_puts_wakes_nobody(self, home: Stack, location: Stack) -> None:
        event = {**sample("config-db-instance"), "source": "com.example"}
        assert woken(home, event) == woken(location, event) == set()


@pytest.fixture(scope="module")
def told() -> Stack:
    """The home stack that is told of two members."""
    return home_stack(MemberAccounts=f"777788889999,{MEMBER}")


class TestMembers:
    """Which accounts' events are listened to: ours, and those of the members that are named."""

    @pytest.mark.parametrize("name", FORWARDED)
    def test_what_a_member_forwards_wakes_whom_it_would_wake_at_home_but_for_findings(
        self, told: Stack, home: Stack, name: str
    ) -> None:
        event = {**sample(name), "account": MEMBER}
        assert woken(told, event) == (WAKES[name] if FORWARDED[name] else set())
        assert woken(home, event) == set()
        assert woken(told, {**event, "account": "123456789012"}) == set()

    @pytest.mark.parametrize("name", FORWARDED)
    def test_of_an_account_that_only_keeps_copies_its_snapshots_alone_wake_somebody(self, name: str) -> None:
        stack = home_stack(MemberAccounts="777788889999", VaultAccounts="222233334444")
        event = {**sample(name), "account": "222233334444"}
        assert woken(stack, event) == WAKES[name] & {"backstay-snapshot-events"}

    @pytest.mark.parametrize("kind", ["db", "cluster"])
    def test_a_tagged_database_of_a_member_wakes_audit(self, told: Stack, kind: str) -> None:
        named = {"resourceName": f"arn:aws:rds:eu-west-2:{MEMBER}:{kind}:orders"}
        event = changed("cloudtrail-modify-db-instance", eventName="AddTagsToResource", requestParameters=named)
        assert woken(told, {**event, "account": MEMBER}) == {"backstay-api-calls"}


class TestFindings:
    @pytest.mark.parametrize(
        ("different", "wakes"),
        [
            ({"repairable": False}, {"backstay-new-failure"}),
            ({"verdict": "pass", "previous": "fail"}, set()),
            ({"verdict": "unknown"}, set()),
            ({"verdict": "skipped"}, set()),
            ({"previous": None}, {"backstay-repairable-finding"}),
            ({"severity": "medium"}, {"backstay-repairable-finding"}),
            ({"digest": True}, {"backstay-repairable-finding"}),
        ],
    )
    def test_only_a_repairable_failure_wakes_protect(
        self, home: Stack, different: dict[str, Any], wakes: set[str]
    ) -> None:
        assert woken(home, changed("finding-changed", **different)) == wakes

    @pytest.mark.parametrize("before", ["pass", "fail"])
    @pytest.mark.parametrize("severity", list(Severity))
    @pytest.mark.parametrize("digest", [True, False])
    def test_what_is_mailed_at_once_is_what_the_digest_counts_as_told(
        self, home: Stack, before: str, severity: Severity, digest: bool
    ) -> None:
        finding = Finding("BK001", database(), Fail("PITR is off"))
        change = FindingChanged(finding, before, severity, NOW, digest)
        event = {**sample("finding-changed"), "detail": finding_detail(change)}
        assert ("backstay-new-failure" in woken(home, event)) is mails_at_once(change)

    def test_a_finding_that_somebody_else_puts_wakes_nobody(self, home: Stack) -> None:
        assert woken(home, {**sample("finding-changed"), "source": "com.example"}) == set()


@pytest.mark.parametrize("which", ["home", "location"])
def test_what_cannot_be_delivered_is_retried_and_then_kept(which: str, request: pytest.FixtureRequest) -> None:
    stack: Stack = request.getfixturevalue(which)
    queues = {f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{q['QueueName']}" for q in stack.of_type("AWS::SQS::Queue").values()}
    targets = [target for rule in stack.of_type("AWS::Events::Rule").values() for target in rule["Targets"]]
    targets += [schedule["Target"] for schedule in stack.of_type("AWS::Scheduler::Schedule").values()]
    assert targets
    assert {target["DeadLetterConfig"]["Arn"] for target in targets} <= queues
    assert all(target["RetryPolicy"]["MaximumRetryAttempts"] >= 5 for target in targets)


@pytest.mark.parametrize("which", ["home", "location"])
def test_the_rules_may_write_to_their_dead_letter_queue(which: str, request: pytest.FixtureRequest) -> None:
    stack: Stack = request.getfixturevalue(which)
    rules = {
        stack.resolve({"Fn::GetAtt": [name, "Arn"]}): target["DeadLetterConfig"]["Arn"]
        for name, rule in stack.of_type("AWS::Events::Rule").items()
        for target in rule["Targets"]
    }
    statements = [
        statement
        for policy in stack.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    (statement,) = (each for each in statements if each["Resource"] in rules.values())
    ((operator, condition),) = statement["Condition"].items()
    allowed = condition["aws:SourceArn"]
    for rule, queue in rules.items():
        assert queue == statement["Resource"]
        assert rule in allowed if operator == "ArnEquals" else rule.startswith(allowed.removesuffix("*"))


class TestSchedules:
    def schedules(self, stack: Stack) -> dict[str, dict[str, Any]]:
        return {each["Name"]: each for each in stack.of_type("AWS::Scheduler::Schedule").values()}

    VERBS = ("audit", "protect", "prune", "replicate", "snapshot")

    def test_all_run_over_everything_through_the_alias(self, home: Stack) -> None:
        found = self.schedules(home)
        assert sorted(found) == [f"backstay-{verb}" for verb in self.VERBS]
        for name, each in found.items():
            assert json.loads(each["Target"]["Input"]) == {"all": True}
            assert each["Target"]["Arn"] == f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}:live"
            assert each["FlexibleTimeWindow"]["Mode"] == "FLEXIBLE"

    def test_the_samples_are_what_they_send(self, home: Stack) -> None:
        for verb in self.VERBS:
            assert sample(f"schedule-{verb}") == json.loads(self.schedules(home)[f"backstay-{verb}"]["Target"]["Input"])

    def test_when_they_run_unless_told_otherwise(self, home: Stack) -> None:
        assert {name: each["ScheduleExpression"] for name, each in self.schedules(home).items()} == {
            "backstay-audit": "rate(1 hour)",
            "backstay-protect": "cron(30 1 * * ? *)",
            "backstay-snapshot": "rate(15 minutes)",
            "backstay-replicate": "rate(30 minutes)",
            "backstay-prune": "cron(30 4 * * ? *)",
        }

    def test_what_runs_often_is_not_tried_again_once_the_next_is_due(self, home: Stack) -> None:
        often = {"backstay-snapshot": 15 * 60, "backstay-replicate": 30 * 60, "backstay-audit": 3600}
        for name, span in often.items():
            assert self.schedules(home)[name]["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] < span

    def test_they_follow_the_time_zone(self) -> None:
        found = self.schedules(home_stack(TimeZone="America/New_York"))
        assert {each["ScheduleExpressionTimezone"] for each in found.values()} == {"America/New_York"}

    def test_each_has_a_role_of_its_own_that_starts_one_alias(self, home: Stack) -> None:
        roles = [each["Target"]["RoleArn"] for each in self.schedules(home).values()]
        assert len(set(roles)) == len(roles)
        for name, each in self.schedules(home).items():
            role = home.of_type("AWS::IAM::Role")[each["Target"]["RoleArn"].rpartition("/")[2]]
            granted = [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
            assert [s["Resource"] for s in granted if s["Action"] == "lambda:InvokeFunction"] == [
                f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}:live"
            ]


class TestPaused:
    """Enabled=false pauses schedules and rules, not audit."""

    def states(self, stack: Stack) -> dict[str, str]:
        kinds = ("AWS::Events::Rule", "AWS::Scheduler::Schedule")
        return {f"{k[5]} {each['Name']}": each["State"] for k in kinds for each in stack.of_type(k).values()}

    def test_everything_runs_by_default(self, home: Stack) -> None:
        assert set(self.states(home).values()) == {"ENABLED"}

    def test_only_the_hourly_audit_runs_while_paused(self) -> None:
        states = self.states(home_stack(Enabled="false"))
        assert [name for name, state in states.items() if state == "ENABLED"] == ["S backstay-audit"]
        assert len(states) == 11
