"""audit through its real frame: by schedule, by events, by nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import BackstayError, Denied, NotFound
from backstay.core.rules import RULES
from backstay.handlers.audit import handler
from backstay.workflows.reports import every_verdict
from tests.fleet import GREEN, SKIPPED
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, ORDERS, VAULT, Cloud, Report, client, context, database, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    Console = Callable[[], list[dict[str, Any]]]


CLUSTER_WITHOUT_A_REGION = {"SourceType": "CLUSTER", "SourceIdentifier": "ledger"}


def audit(event: Any) -> Report:
    return handler(event, context("audit"))


def verdicts(report: Report, name: str) -> dict[str, str]:
    return {each["rule"]: each["verdict"] for each in every_verdict(report) if each["database"]["name"] == name}


# --- by schedule ------------------------------------------------------------------------------------------------


def test_given_a_fleet_when_the_schedule_fires_then_the_whole_of_it_is_judged_once(fleet: Cloud) -> None:
    report = audit(sample("schedule-audit"))
    assert (report["schema"], report["status"], report["exit_status"]) == ("backstay.audit/1", "findings", 1)
    assert report["databases"] == 5
    assert report["counts"] == {"pass": 9 + 9 + 8 + 1, "fail": 1 + 1, "skipped": 5 * len(RULES) - 29}
    assert report["changed"] == 2
    assert report["unread"] == []
    assert fleet.changes == []
    listings = [call for call in fleet.calls if call.operation.startswith("rds:")]
    assert sorted((call.region, call.operation) for call in listings) == [
        (HOME, "rds:DescribeDBClusters"),
        (HOME, "rds:DescribeDBInstances"),
        (AWAY, "rds:DescribeDBClusters"),
        (AWAY, "rds:DescribeDBInstances"),
    ]


def test_given_green_findings_when_answered_then_only_in_the_vault(fleet: Cloud) -> None:
    answer = audit(sample("schedule-audit"))
    assert {each["verdict"] for each in answer["findings"]} == {"fail"}
    (kept,) = fleet.reports("audit")
    assert len(list(every_verdict(kept))) == 5 * len(RULES)
    assert verdicts(kept, "orders") == {**GREEN, "BK001": "fail"}
    assert verdicts(kept, "legacy") == {**SKIPPED, "BK003": "fail"}
    assert verdicts(kept, "scratch-1")["BK003"] == "pass"
    assert {**answer, "green": kept["green"]} == {**kept, "report": answer["report"]}
    assert answer["report"].startswith(f"s3://{VAULT}/reports/audit/")
    assert answer["report"].removeprefix(f"s3://{VAULT}/") in fleet.keys


def test_given_a_run_over_everything_when_it_ends_then_a_heartbeat_and_what_is_remembered(fleet: Cloud) -> None:
    audit(sample("schedule-audit"))
    heartbeat = fleet.stored("heartbeat/audit.json")
    assert (heartbeat["schema"], heartbeat["verb"]) == ("backstay.heartbeat/1", "audit")
    assert heartbeat["report"] in fleet.keys
    remembered = fleet.stored(f"findings/{ORDERS}.json")
    assert remembered["database"] == f"arn:aws:rds:{AWAY}:{ACCOUNT}:db:orders"
    assert remembered["findings"]["BK001"]["verdict"] == "fail"


def test_given_changed_verdicts_when_told_then_one_event_each_that_wakes_protect(fleet: Cloud) -> None:
    audit(sample("schedule-audit"))
    told = {(each["name"], each["rule"]): each for each in fleet.told}
    assert set(told) == {("orders", "BK001"), ("legacy", "BK003")}
    orders = told["orders", "BK001"]
    assert (orders["schema"], orders["verdict"], orders["repairable"]) == ("backstay.finding/1", "fail", True)
    assert (orders["region"], orders["account"], orders["severity"]) == (AWAY, ACCOUNT, "critical")
    assert told["legacy", "BK003"]["repairable"] is False


def test_given_an_unchanged_fleet_when_audited_again_then_nothing_is_told_and_nothing_rewritten(fleet: Cloud) -> None:
    audit(sample("schedule-audit"))
    before = {key: fleet.stored(key) for key in fleet.keys if key.startswith("findings/")}
    fleet.calls.clear()
    assert audit(sample("schedule-audit"))["changed"] == 0
    assert fleet.told == []
    assert {key: fleet.stored(key) for key in fleet.keys if key.startswith("findings/")} == before


def test_given_an_audit_of_everything_when_all_was_read_then_a_heartbeat_is_on_the_bus(fleet: Cloud) -> None:
    audit(sample("schedule-audit"))
    (beat,) = fleet.heartbeats
    assert (beat["schema"], beat["status"], beat["databases"]) == ("backstay.heartbeat/1", "findings", 5)
    assert "orders" not in str(beat)


def test_given_a_region_that_cannot_be_read_when_everything_is_audited_then_no_heartbeat(fleet: Cloud) -> None:
    fleet.fail("rds:DescribeDBClusters", "AccessDenied", 403, region=AWAY)
    assert audit(sample("schedule-audit"))["status"] == "unknown"
    assert fleet.heartbeats == []


@pytest.mark.parametrize("request_", [{"match": {"names": ["*"]}}, {"database": "orders"}])
def test_given_less_than_everything_when_audited_then_no_heartbeat(fleet: Cloud, request_: dict[str, Any]) -> None:
    audit(request_)
    assert fleet.heartbeats == []


def test_given_a_topic_when_everything_is_audited_then_one_digest_and_none_when_nothing_changed(
    fleet: Cloud, environment: pytest.MonkeyPatch
) -> None:
    topic = client("sns").create_topic(Name="backstay-alarms")["TopicArn"]
    environment.setenv("BACKSTAY_TOPIC", topic)
    assert audit(sample("schedule-audit"))["digest_sent"]
    assert not audit(sample("schedule-audit"))["digest_sent"]
    (sent,) = fleet.named("sns:Publish")
    assert sent.parameters["TopicArn"] == topic
    assert sent.parameters["Subject"] == "Backstay: 2 new, 0 resolved, 2 open (1 critical) [backstay]"
    assert f"backstay protect arn:aws:rds:{AWAY}:{ACCOUNT}:db:orders --region {AWAY}" in sent.parameters["Message"]
    assert all(each["digest"] for each in fleet.told)
    assert fleet.stored("findings/told.json")["findings"] == [
        f"BK001/{ORDERS}",
        f"BK003/aws/{ACCOUNT}/{AWAY}/instance/legacy",
    ]


def test_given_a_topic_that_refuses_when_everything_is_audited_then_the_next_audit_tells(
    fleet: Cloud, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("BACKSTAY_TOPIC", client("sns").create_topic(Name="backstay-alarms")["TopicArn"])
    fleet.fail("sns:Publish", "KMSDisabled")
    with pytest.raises(BackstayError, match="KMSDisabled"):
        audit(sample("schedule-audit"))
    fleet.answers.clear()
    assert audit(sample("schedule-audit"))["digest_sent"]


def test_given_an_empty_account_when_audited_then_ok_with_zero_databases(account: Cloud) -> None:
    report = audit(sample("audit-all"))
    assert (report["status"], report["databases"], report["counts"]) == ("ok", 0, {})
    assert "heartbeat/audit.json" in account.keys


def test_given_a_match_when_audited_then_only_those_and_no_heartbeat(fleet: Cloud) -> None:
    report = audit({"match": {"tags": {"backup-tier": "gold"}}})
    assert report["databases"] == 3
    assert "heartbeat/audit.json" not in fleet.keys


# --- by event ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["rds-instance-event", "cloudtrail-modify-db-instance", "config-db-instance", "audit-one"]
)
def test_given_one_database_is_named_when_woken_then_it_alone_is_judged(fleet: Cloud, name: str) -> None:
    report = audit(sample(name))
    assert report["databases"] == 1
    assert verdicts(report, "orders") == {"BK001": "fail"}
    assert [each["name"] for each in fleet.told] == ["orders"]
    assert "heartbeat/audit.json" not in fleet.keys
    assert fleet.changes == []


@pytest.mark.parametrize("name", ["rds-cluster-event", "cloudtrail-modify-db-cluster", "config-oversized-db-cluster"])
def test_given_a_cluster_is_named_when_woken_then_it_is_the_database_and_its_member_is_not(
    fleet: Cloud, name: str
) -> None:
    report = audit(sample(name))
    assert (report["databases"], report["status"]) == (1, "ok")
    assert [key for key in fleet.keys if key.startswith("findings/aws")] == [
        f"findings/aws/{ACCOUNT}/{AWAY}/cluster/ledger.json"
    ]


def test_given_a_member_is_named_when_woken_then_its_cluster_is_judged(fleet: Cloud) -> None:
    event = sample("cloudtrail-modify-db-instance")
    event["detail"]["requestParameters"]["dBInstanceIdentifier"] = "ledger-1"
    assert audit(event)["databases"] == 1
    assert f"findings/aws/{ACCOUNT}/{AWAY}/cluster/ledger.json" in fleet.keys


def test_given_a_forwarded_event_when_woken_then_only_its_own_region_is_asked(fleet: Cloud) -> None:
    audit(sample("rds-instance-event"))
    assert {call.region for call in fleet.calls if call.operation.startswith("rds:")} == {AWAY}


def test_given_a_doubled_event_when_woken_twice_then_told_once(fleet: Cloud) -> None:
    audit(sample("rds-instance-event"))
    assert audit(sample("rds-instance-event"))["changed"] == 0
    assert len(fleet.told) == 1


def test_given_an_event_about_something_else_when_woken_then_ignored_without_a_single_call(account: Cloud) -> None:
    event = sample("rds-instance-event")
    event["detail-type"] = "RDS DB Snapshot Event"
    event["detail"] = {"SourceType": "SNAPSHOT", "SourceIdentifier": "by-hand", "EventID": "RDS-EVENT-0042"}
    assert audit(event) == {
        "schema": "backstay.audit/1",
        "status": "ok",
        "exit_status": 0,
        "ignored": "RDS DB Snapshot Event RDS-EVENT-0042 names no database",
    }
    assert account.calls == []


def test_given_an_event_that_outlived_its_database_when_woken_then_ignored(fleet: Cloud) -> None:
    client("rds", AWAY).modify_db_instance(DBInstanceIdentifier="orders", DeletionProtection=False)
    client("rds", AWAY).delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)
    report = audit(sample("cloudtrail-modify-db-instance"))
    assert (report["status"], report["exit_status"]) == ("ok", 0)
    assert "is not there" in report["ignored"]
    assert not [key for key in fleet.keys if key.startswith("findings/")]
    assert fleet.told == []


def test_given_a_person_names_a_database_that_is_not_there_when_audited_then_refused(fleet: Cloud) -> None:
    report = audit({"database": "order"})
    assert (report["status"], report["error"]["type"], report["error"]["field"]) == (
        "refused",
        "NoSuchDatabase",
        "database",
    )
    assert fleet.keys == []


# --- nonsense ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "request"),
        ({"all": False}, "all"),
        ({"all": "true"}, "all"),
        ({"all": True, "database": "orders"}, "request"),
        ({"database": "orders; rm -rf /"}, "database"),
        ({"database": "../../orders"}, "database"),
        ({"databse": "orders"}, "databse"),
        ([], ""),
        ("orders", ""),
        (None, ""),
        ({"all": float("nan")}, ""),
        ({"detail-type": "Backstay Finding Changed", "detail": {}}, "detail.database"),
        (
            {"detail-type": "RDS DB Instance Event", "detail": {"SourceType": "CLUSTER", "SourceIdentifier": "a"}},
            "region",
        ),
        ({"detail-type": "AWS API Call via CloudTrail", "detail": "ModifyDBInstance"}, "detail-type"),
    ],
    ids=str,
)
def test_given_a_malformed_event_when_woken_then_refused_with_its_field_and_nothing_is_called(
    account: Cloud, console: Console, event: Any, field: str
) -> None:
    report = audit(event)
    assert (report["schema"], report["status"], report["exit_status"]) == ("backstay.audit/1", "refused", 1)
    assert report["error"]["field"] == field
    assert account.calls == []
    (line,) = console()
    assert (line["level"], line["message"], line["report"]) == ("WARNING", "request refused", report)
    assert "exception" not in line


# --- what fails -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("Throttling", 400), ("InternalFailure", 500)], ids=str
)
def test_given_one_region_does_not_answer_when_audited_then_unknown_and_the_rest_is_judged(
    fleet: Cloud, code: str, status: int
) -> None:
    fleet.fail("rds:DescribeDBInstances", code, status, HOME)
    report = audit(sample("schedule-audit"))
    assert (report["status"], report["exit_status"]) == ("unknown", 2)
    assert report["databases"] == 4
    (unread,) = report["unread"]
    assert (unread["scope"], unread["what"]) == (f"aws/{ACCOUNT}/{HOME}", "instances")
    assert code in unread["error"]
    assert verdicts(report, "orders") == {"BK001": "fail"}


def test_given_the_named_database_cannot_be_read_when_woken_then_unknown_and_never_gone(fleet: Cloud) -> None:
    fleet.fail("rds:DescribeDBInstances", "AccessDenied", 403)
    report = audit(sample("rds-instance-event"))
    assert (report["status"], report["databases"], report["findings"]) == ("unknown", 0, [])


@pytest.mark.parametrize("operation", ["s3:GetObject", "s3:PutObject", "events:PutEvents"])
def test_given_vault_or_bus_refuse_when_audited_then_logged_and_raised_for_lambda_to_retry(
    fleet: Cloud, console: Console, operation: str
) -> None:
    fleet.fail(operation, "AccessDenied", 403)
    with pytest.raises(Denied, match=operation):
        audit(sample("schedule-audit"))
    failed = [line for line in console() if line["level"] == "ERROR"]
    assert [line["report"]["error"]["type"] for line in failed] == ["Denied"]
    assert failed[0]["report"]["exit_status"] == 2
    assert "heartbeat/audit.json" not in fleet.keys


def test_given_the_bus_failed_when_lambda_retries_then_the_change_is_told_after_all(fleet: Cloud) -> None:
    fleet.fail("events:PutEvents", "InternalException", 500)
    with pytest.raises(BackstayError):
        audit(sample("rds-instance-event"))
    fleet.answers.clear()
    fleet.calls.clear()
    assert audit(sample("rds-instance-event"))["changed"] == 1
    assert [each["name"] for each in fleet.told] == ["orders"]


def test_given_there_is_no_vault_when_audited_then_raised_and_nothing_is_told(fleet: Cloud) -> None:
    client("s3").delete_bucket(Bucket=VAULT)
    with pytest.raises(NotFound, match="NoSuchBucket"):
        audit(sample("schedule-audit"))
    assert fleet.told == []


def test_given_a_bug_when_audited_then_raised_as_it_is(fleet: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstay.entry.publish", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        audit({"all": True})
    assert fleet.calls


def test_given_many_databases_when_audited_then_no_call_per_database(account: Cloud) -> None:
    for number in range(45):
        database(f"many-{number}", backup_tier="gold")
    assert audit({"all": True})["databases"] == 45
    assert len(account.named("rds:DescribeDBInstances")) == 2
