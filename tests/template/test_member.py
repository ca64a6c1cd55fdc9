"""What a member account lets the home's functions do, and whom it lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.template.policies import Role, function_roles, like, statements
from tests.template.stacks import ACCOUNT, MEMBER, Stack, home_stack, load

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
