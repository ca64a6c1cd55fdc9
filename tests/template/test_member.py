"""What a member account lets the home's functions do, whom it lets in, and how its events reach the home bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.naming import FORWARDING, forwarding_prefix
from tests.template.policies import Role, function_roles, like, statements
from tests.template.stacks import ACCOUNT, MEMBER, MEMBER_REGION, Stack, home_stack, load, region_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = "999988887777"
ORDERS = f"arn:aws:rds:eu-west-2:{ACCOUNT}:db:orders"
LEDGER = f"arn:aws:rds:eu-west-2:{ACCOUNT}:cluster:ledger"


def member(**given: str) -> Stack:
    """infra/member.yaml in account 111122223333, for functions of another account."""
    return Stack(load(MEMBER), {"HomeAccount": HOME, **given})


def trusts(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each role's name and the one statement that says who may take it on."""
    for properties in stack.of_type("AWS::IAM::Role").values():
        (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
        yield properties["RoleName"], statement


def role(name: str) -> Role:
    """A role's own permissions."""
    for properties in member().of_type("AWS::IAM::Role").values():
        if properties["RoleName"] == name:
            (policy,) = properties["Policies"]
            return Role(name, (), statements(policy["PolicyDocument"]))
    raise AssertionError(f"no {name}")


def test_its_roles_are_those_that_the_functions_ask_for() -> None:
    assert [name for name, _ in trusts(member())] == ["backstay-member-read", "backstay-member-repair"]
    assert [name for name, _ in trusts(member(DeploymentId="second"))] == ["second-member-read", "second-member-repair"]
    functions = function_roles(home_stack(MemberAccounts=ACCOUNT))
    asked = {
        (name.removeprefix("backstay-"), part)
        for name, each in functions.items()
        for part in ("read", "repair")
        if each.allows("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/backstay-member-{part}")
    }
    assert asked == {("audit", "read"), ("protect", "read"), ("protect", "repair")}


def test_without_members_nobody_may_take_on_a_role() -> None:
    assert [name for name, each in function_roles(home_stack()).items() if "sts:AssumeRole" in each.granted] == []


@pytest.mark.parametrize(
    ("name", "function", "let_in"),
    [
        ("backstay-member-read", "AuditRole", True),
        ("backstay-member-read", "ProtectRole", True),
        ("backstay-member-read", "RestoreRole", False),
        ("backstay-member-read", "RestoreRunRole", False),
        ("backstay-member-repair", "AuditRole", False),
        ("backstay-member-repair", "ProtectRole", True),
        ("backstay-member-repair", "RestoreRunRole", False),
    ],
)
def test_only_the_functions_that_need_it_are_let_in(name: str, function: str, *, let_in: bool) -> None:
    condition = dict(trusts(member()))[name]["Condition"]
    wanted = condition["ArnLike"]["aws:PrincipalArn"]
    patterns = [wanted] if isinstance(wanted, str) else wanted
    ours = f"arn:aws:iam::{HOME}:role/backstay-{function}-1A2B3C4D5E6F"
    assert any(like(ours, each) for each in patterns) is let_in
    for stranger in (
        f"arn:aws:iam::{HOME}:role/Admin",
        f"arn:aws:iam::{ACCOUNT}:role/backstay-{function}-1A2B3C4D5E6F",
    ):
        assert not any(like(stranger, each) for each in patterns)


def test_the_home_account_alone_and_only_with_the_external_id() -> None:
    for _, statement in trusts(member()):
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{HOME}:root"}
        assert statement["Action"] == "sts:AssumeRole"
        assert statement["Condition"]["StringEquals"] == {"sts:ExternalId": f"backstay/{HOME}"}
        assert set(statement["Condition"]) == {"StringEquals", "ArnLike"}


def test_reading_is_what_audit_may_at_home_and_changes_nothing() -> None:
    granted = role("backstay-member-read").granted
    assert [action for action in granted if not action.partition(":")[2].startswith(("Describe", "List"))] == []
    at_home = function_roles(home_stack())["backstay-audit"].granted
    looking = {action for action in at_home if action.startswith(("rds:", "ec2:", "kms:Describe", "events:List"))}
    assert looking <= granted, "infra/member.yaml lacks what audit reads with"


def test_repairing_is_what_protect_may_at_home_and_no_more() -> None:
    repair = role("backstay-member-repair")
    assert repair.granted == {"rds:ModifyDBInstance", "rds:ModifyDBCluster"}
    assert repair.allows("rds:ModifyDBInstance", ORDERS)
    assert repair.allows("rds:ModifyDBCluster", LEDGER)
    assert not repair.allows("rds:ModifyDBInstance", f"arn:aws:rds:eu-west-2:{ACCOUNT}:pg:custom")
    assert not repair.allows("rds:ModifyDBInstance", ORDERS.replace(ACCOUNT, HOME))


def test_an_account_can_be_read_only() -> None:
    assert [name for name, _ in trusts(member(Repairs="false"))] == ["backstay-member-read"]


def forwarding(**given: str) -> Stack:
    """infra/member-region.yaml in eu-west-2 of account 111122223333."""
    return Stack(load(MEMBER_REGION), {"HomeAccount": HOME, "HomeRegion": "eu-west-1", **given}, "eu-west-2")


class TestForwarding:
    BUS = f"arn:aws:events:eu-west-1:{HOME}:event-bus/backstay"

    def rules(self, stack: Stack) -> dict[str, dict[str, Any]]:
        return {rule["Name"]: rule for rule in stack.of_type("AWS::Events::Rule").values()}

    def test_it_forwards_what_a_region_at_home_forwards_and_bk019_looks_for(self) -> None:
        ours, theirs = self.rules(forwarding()), self.rules(region_stack("eu-west-2"))
        assert {name: rule["EventPattern"] for name, rule in ours.items()} == {
            name: rule["EventPattern"] for name, rule in theirs.items()
        }
        assert all(name.startswith(forwarding_prefix("backstay")) and name.endswith(FORWARDING) for name in ours)
        assert len(ours) == len(FORWARDING)

    def test_to_the_home_bus_alone_by_a_role_that_can_do_nothing_else(self) -> None:
        stack = forwarding()
        (properties,) = stack.of_type("AWS::IAM::Role").values()
        targets = [target for rule in self.rules(stack).values() for target in rule["Targets"]]
        assert {target["Arn"] for target in targets} == {self.BUS}
        assert {target["RoleArn"] for target in targets} == {stack.resolve({"Fn::GetAtt": ["ForwardRole", "Arn"]})}
        (policy,) = properties["Policies"]
        (statement,) = statements(policy["PolicyDocument"])
        assert (statement.actions, statement.resources) == (("events:PutEvents",), (self.BUS,))
        (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "events.amazonaws.com"}
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

    @pytest.mark.parametrize("region", ["eu-west-2", "ap-southeast-1"])
    def test_its_role_has_a_name_of_its_own_in_each_region_and_the_home_bus_lets_it_in(self, region: str) -> None:
        stack = Stack(load(MEMBER_REGION), {"HomeAccount": HOME, "HomeRegion": "eu-west-1"}, region)
        (properties,) = stack.of_type("AWS::IAM::Role").values()
        name = properties["RoleName"]
        assert name.endswith(region)
        let_in = self.home_policy()["Condition"]["ArnLike"]["aws:PrincipalArn"]
        assert like(f"arn:aws:iam::{ACCOUNT}:role/{name}", let_in)
        assert not like(f"arn:aws:iam::{ACCOUNT}:role/Admin", let_in)
        longest = Stack(load(MEMBER_REGION), {**stack.given, "DeploymentId": "x" * 20}, "ap-southeast-1")
        (role,) = longest.of_type("AWS::IAM::Role").values()
        assert len(role["RoleName"]) <= 64  # IAM, CreateRole

    def home_policy(self) -> dict[str, Any]:
        home = home_stack(MemberAccounts=f"{ACCOUNT},777788889999")
        (policy,) = home.of_type("AWS::Events::EventBusPolicy").values()
        assert policy["EventBusName"] == "backstay"
        statement: dict[str, Any] = policy["Statement"]
        return statement

    def test_the_home_bus_takes_from_members_what_aws_says_and_nothing_else(self) -> None:
        statement = self.home_policy()
        assert statement["Principal"] == {"AWS": [ACCOUNT, "777788889999"]}
        assert statement["Action"] == "events:PutEvents"
        assert statement["Resource"].endswith(":event-bus/backstay")
        assert statement["Condition"]["ForAllValues:StringEquals"] == {"events:source": ["aws.config", "aws.rds"]}
        forwarded = {s for rule in self.rules(forwarding()).values() for s in rule["EventPattern"]["source"]}
        assert forwarded == {"aws.config", "aws.rds"}

    def test_without_members_nobody_else_may_put_an_event_on_it(self) -> None:
        assert home_stack().of_type("AWS::Events::EventBusPolicy") == {}

    def test_what_is_not_delivered_is_kept_and_told_where_there_is_a_topic(self) -> None:
        stack = forwarding()
        (queue,) = stack.of_type("AWS::SQS::Queue").values()
        assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 24 * 3600)
        (alarm,) = stack.of_type("AWS::CloudWatch::Alarm").values()
        assert "AlarmActions" not in alarm
        topic = f"arn:aws:sns:eu-west-2:{ACCOUNT}:ops"
        (alarm,) = forwarding(AlarmTopicArn=topic).of_type("AWS::CloudWatch::Alarm").values()
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
