"""What a member account lets the home's functions do, whom it lets in, and how its events reach the home bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from backstay.core.naming import FORWARDING, forwarding_prefix
from backstay.providers.aws.members import Part
from tests.template.policies import Role, function_roles, like, statements
from tests.template.stacks import ACCOUNT, MEMBER, MEMBER_REGION, Stack, home_stack, load, region_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = "999988887777"
ORDERS = f"arn:aws:rds:eu-west-2:{ACCOUNT}:db:orders"
LEDGER = f"arn:aws:rds:eu-west-2:{ACCOUNT}:cluster:ledger"
PARTS = ("read", "repair", "copy", "prune")


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
    assert [name for name, _ in trusts(member())] == [f"backstay-member-{part}" for part in PARTS]
    assert [name for name, _ in trusts(member(DeploymentId="second"))] == [f"second-member-{part}" for part in PARTS]
    assert set(PARTS) == set(get_args(Part))
    functions = function_roles(home_stack(MemberAccounts=ACCOUNT))
    asked = {
        (name.removeprefix("backstay-"), part)
        for name, each in functions.items()
        for part in PARTS
        if each.allows("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/backstay-member-{part}")
    }
    assert asked == {
        *((verb, "read") for verb in ("audit", "protect", "snapshot", "replicate", "prune")),
        ("protect", "repair"),
        ("snapshot", "copy"),
        ("replicate", "copy"),
        ("prune", "prune"),
    }


def test_an_account_that_only_keeps_copies_is_entered_by_all_but_protect() -> None:
    entering = {
        name.removeprefix("backstay-")
        for name, each in function_roles(home_stack(VaultAccounts=ACCOUNT)).items()
        if "sts:AssumeRole" in each.granted
    }
    assert entering == {"audit", "snapshot", "replicate", "prune"}


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
        ("backstay-member-read", "SnapshotRole", True),
        ("backstay-member-read", "ReplicateRole", True),
        ("backstay-member-read", "PruneRole", True),
        ("backstay-member-repair", "SnapshotRole", False),
        ("backstay-member-copy", "SnapshotRole", True),
        ("backstay-member-copy", "ReplicateRole", True),
        ("backstay-member-copy", "PruneRole", False),
        ("backstay-member-copy", "AuditRole", False),
        ("backstay-member-copy", "ProtectRole", False),
        ("backstay-member-prune", "PruneRole", True),
        ("backstay-member-prune", "SnapshotRole", False),
        ("backstay-member-prune", "ReplicateRole", False),
        ("backstay-member-prune", "AuditRole", False),
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


@pytest.mark.parametrize(("part", "at_home"), [("copy", ("snapshot", "replicate")), ("prune", ("prune",))])
def test_what_is_done_to_points_is_what_the_functions_may_at_home_and_no_more(
    part: str, at_home: tuple[str, ...]
) -> None:
    own = function_roles(home_stack())
    changing = {
        action
        for verb in at_home
        for action in own[f"backstay-{verb}"].granted
        if action.startswith("rds:") and not action.startswith("rds:Describe")
    }
    theirs = role(f"backstay-member-{part}").granted
    assert {action for action in theirs if action.startswith("rds:")} == changing
    keys = {action for action in own["backstay-replicate"].granted if action.startswith("kms:")}
    assert theirs - changing == (keys if part == "copy" else set())


@pytest.mark.parametrize("verb", ["audit", "protect", "snapshot", "replicate", "prune"])
def test_reading_is_enough_for_whatever_a_function_looks_at_at_home(verb: str) -> None:
    at_home = function_roles(home_stack())[f"backstay-{verb}"].granted
    assert {action for action in at_home if action.startswith("rds:Describe")} <= role("backstay-member-read").granted


SNAPSHOT = f"arn:aws:rds:eu-west-2:{ACCOUNT}:snapshot:backstay-orders-1"


@pytest.mark.parametrize("action", ["rds:DeleteDBSnapshot", "rds:ModifyDBSnapshotAttribute", "rds:AddTagsToResource"])
def test_only_what_carries_our_tag_is_changed(action: str) -> None:
    acting = role(f"backstay-member-{'prune' if 'Delete' in action else 'copy'}")
    untagged = {"aws:RequestTag/backstay:deployment": ""}
    assert acting.allows(action, SNAPSHOT, {**untagged, "aws:ResourceTag/backstay:deployment": "backstay"})
    for tag in ("", "second"):
        assert not acting.allows(action, SNAPSHOT, {**untagged, "aws:ResourceTag/backstay:deployment": tag})


def test_the_copy_role_removes_helpers_and_no_recovery_point() -> None:
    ours = {"aws:ResourceTag/backstay:deployment": "backstay"}
    copying, helper = role("backstay-member-copy"), f"aws/{ACCOUNT}/eu-west-1"
    assert copying.allows("rds:DeleteDBSnapshot", SNAPSHOT, {**ours, "aws:ResourceTag/backstay:helper": helper})
    assert not copying.allows("rds:DeleteDBSnapshot", SNAPSHOT, {**ours, "aws:ResourceTag/backstay:helper": ""})


def test_the_copy_role_copies_from_other_accounts_and_to_its_own() -> None:
    copying, tagged = role("backstay-member-copy"), {"aws:RequestTag/backstay:deployment": "backstay"}
    shared = SNAPSHOT.replace(ACCOUNT, HOME)
    assert copying.allows("rds:CopyDBSnapshot", shared, tagged)
    assert copying.allows("rds:CopyDBSnapshot", SNAPSHOT, tagged)
    assert not copying.allows("rds:CopyDBSnapshot", SNAPSHOT, {"aws:RequestTag/backstay:deployment": ""})
    assert not copying.allows("rds:AddTagsToResource", shared, tagged)
    assert not copying.allows("rds:CreateDBSnapshot", ORDERS.replace(ACCOUNT, HOME), tagged)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"Repairs": "false"}, ("read", "copy", "prune")),
        ({"Repairs": "false", "Copies": "false", "Prunes": "false"}, ("read",)),
        ({"Prunes": "false"}, ("read", "repair", "copy")),
        ({"Copies": "false"}, ("read", "repair", "prune")),
    ],
)
def test_an_account_gives_what_it_likes(given: dict[str, str], left: tuple[str, ...]) -> None:
    stack = member(**given)
    assert [name for name, _ in trusts(stack)] == [f"backstay-member-{part}" for part in left]
    outputs = stack.template["Outputs"].items()
    told = [name for name, each in outputs if "Condition" not in each or stack.holds(each["Condition"])]
    assert told == [f"{part.title()}RoleArn" for part in left]


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

    @pytest.mark.parametrize(
        ("members", "vaults", "let_in"),
        [
            (ACCOUNT, "222233334444", [ACCOUNT, "222233334444"]),
            ("", "222233334444", ["222233334444"]),
            (ACCOUNT, "", [ACCOUNT]),
        ],
    )
    def test_it_takes_from_accounts_that_keep_copies_too(self, members: str, vaults: str, let_in: list[str]) -> None:
        stack = home_stack(MemberAccounts=members, VaultAccounts=vaults)
        (policy,) = stack.of_type("AWS::Events::EventBusPolicy").values()
        assert policy["Statement"]["Principal"] == {"AWS": let_in}

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


class TestCopiesKey:
    """The key of the copies that an account keeps, made where infra/member-region.yaml is asked for one."""

    OLD = f"arn:aws:kms:eu-west-2:{ACCOUNT}:key/0b5e1c2d"

    def test_none_is_made_unless_asked_for(self) -> None:
        stack = forwarding()
        assert stack.of_type("AWS::KMS::Key") == stack.of_type("AWS::KMS::Alias") == {}

    def test_a_new_one_rotates_outlives_the_stack_and_is_found_by_the_policys_alias(self) -> None:
        stack = forwarding(CopyKey="new")
        (key,) = (each for each in stack.resources.values() if each["Type"] == "AWS::KMS::Key")
        assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert key["Properties"]["EnableKeyRotation"] is True
        (alias,) = stack.of_type("AWS::KMS::Alias").values()
        assert alias == {"AliasName": "alias/backstay", "TargetKeyId": self.arn(stack)}

    def test_after_a_reinstallation_the_earlier_one_goes_on(self) -> None:
        stack = forwarding(CopyKey=self.OLD)
        assert stack.of_type("AWS::KMS::Key") == {}
        (alias,) = stack.of_type("AWS::KMS::Alias").values()
        assert alias["TargetKeyId"] == self.OLD == stack.resolve(stack.template["Outputs"]["CopyKeyArn"]["Value"])

    def test_the_account_decides_and_home_may_read_what_is_shared_back(self) -> None:
        stack = forwarding(CopyKey="new")
        (key,) = stack.of_type("AWS::KMS::Key").values()
        by_account = {
            (
                each["Principal"]["AWS"].split(":")[4],
                tuple(sorted([each["Action"]] if isinstance(each["Action"], str) else each["Action"])),
            ): each.get("Condition")
            for each in key["KeyPolicy"]["Statement"]
        }
        assert by_account == {
            (ACCOUNT, ("kms:*",)): None,
            (HOME, ("kms:Decrypt", "kms:DescribeKey")): None,
            (HOME, ("kms:CreateGrant",)): {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        }

    def arn(self, stack: Stack) -> str:
        return str(stack.resolve({"Fn::GetAtt": ["CopiesKey", "Arn"]}))
