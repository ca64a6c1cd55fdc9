"""One role per function, and in it no more than the function calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cfnlint
import pytest

from tests.template.policies import Role, function_roles, like, roles, statements
from tests.template.stacks import ACCOUNT, home_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.template.policies import Statement
    from tests.template.stacks import Stack

VAULT = f"arn:aws:s3:::backstay-vault-{ACCOUNT}-eu-west-1"
ORDERS = f"arn:aws:rds:eu-west-2:{ACCOUNT}:db:orders"
LEDGER = f"arn:aws:rds:eu-west-2:{ACCOUNT}:cluster:ledger"
OURS = {"aws:ResourceTag/backstay:deployment": "backstay"}
THEIRS = {"aws:ResourceTag/backstay:deployment": ""}

# Actions besides Describe and List that stand on every resource, with the reason.
EVERYWHERE: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
    ),
    "Lambda attaches a function to subnets with it, checks it on every resource, and the code itself is denied it",
)


def everything(**given: str) -> Stack:
    """The home stack with every optional permission granted."""
    return home_stack(
        PolicyUri="s3://policies/backstay/policy.yaml",
        SubnetIds="subnet-1",
        SecurityGroupIds="sg-1",
        PassRoleArns=f"arn:aws:iam::{ACCOUNT}:role/rds-s3",
        MemberAccounts="444455556666",
        **given,
    )


@pytest.fixture(scope="module")
def widest() -> Stack:
    return everything()


@pytest.fixture(scope="module")
def role() -> dict[str, Role]:
    return {name.removeprefix("backstay-"): each for name, each in function_roles(everything()).items()}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """AWS's service authorization reference, as cfn-lint carries it."""
    file = Path(cfnlint.__file__).with_name("data") / "AdditionalSpecs" / "Policies.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def granted(stack: Stack) -> Iterator[tuple[str, Statement]]:
    """Every statement that a role or one of the managed policies for people holds."""
    for name, each in roles(stack).items():
        yield from ((name, statement) for statement in each.statements)
    for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in statements(policy["PolicyDocument"]))


def test_no_two_functions_share_a_role(home: Stack) -> None:
    names = [each.name for each in function_roles(home).values()]
    assert len(names) == len(set(names)) == 7


def test_a_function_role_is_for_lambda_alone(home: Stack) -> None:
    assert {each.trusts for each in function_roles(home).values()} == {("lambda.amazonaws.com",)}


def test_no_action_wildcard_anywhere(widest: Stack, location: Stack) -> None:
    wild = [
        (name, s.sid, s.actions) for stack in (widest, location) for name, s in granted(stack) if "*" in str(s.actions)
    ]
    assert wild == []


def test_every_resource_only_for_reading_lists(widest: Stack, location: Stack) -> None:
    wide = {
        (name, action)
        for stack in (widest, location)
        for name, statement in granted(stack)
        if statement.effect == "Allow" and "*" in statement.resources
        for action in statement.actions
        if not action.partition(":")[2].startswith(("Describe", "List"))
    }
    assert wide == {("RestoreRunRole", action) for action in EVERYWHERE}


def test_logs_only_to_the_functions_own_group(home: Stack) -> None:
    for name, each in function_roles(home).items():
        resources = {r for s in each.statements for r in s.resources if any(a.startswith("logs:") for a in s.actions)}
        assert resources == {f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/aws/lambda/{name}:*"}


def test_no_managed_policy_of_aws_brings_what_we_did_not_write(home: Stack) -> None:
    attached = {
        name: properties["ManagedPolicyArns"]
        for name, properties in home.of_type("AWS::IAM::Role").items()
        if properties.get("ManagedPolicyArns")
    }
    assert attached == {}


class TestAudit:
    def test_cannot_change_anything_in_rds(self, role: dict[str, Role]) -> None:
        mutating = [a for a in role["audit"].granted if a.startswith("rds:") and not a.startswith("rds:Describe")]
        assert mutating == []

    @pytest.mark.parametrize(
        "key",
        [
            "findings/orders.json",
            "shares/snapshots.json",
            "shards/audit/run/1.json",
            "reports/audit/1.json",
            "heartbeat/audit.json",
        ],
    )
    def test_writes_what_it_remembers_and_reports(self, role: dict[str, Role], key: str) -> None:
        assert role["audit"].allows("s3:PutObject", f"{VAULT}/{key}")

    def test_reads_back_only_what_it_remembers(self, role: dict[str, Role]) -> None:
        assert role["audit"].allows("s3:GetObject", f"{VAULT}/findings/orders.json")
        assert role["audit"].allows("s3:GetObject", f"{VAULT}/shares/snapshots.json")
        assert role["audit"].allows("s3:GetObject", f"{VAULT}/shards/audit/run/1.json")
        assert not role["audit"].allows("s3:GetObject", f"{VAULT}/reports/audit/1.json")

    @pytest.mark.parametrize(
        "key",
        [
            "evidence/orders/1.json",
            "ca/rds-global-bundle.pem",
            "policy/policy.yaml",
            "heartbeat/protect.json",
            "shards/x",
        ],
    )
    def test_writes_nowhere_else(self, role: dict[str, Role], key: str) -> None:
        assert not role["audit"].allows("s3:PutObject", f"{VAULT}/{key}")

    def test_starts_no_other_function(self, role: dict[str, Role]) -> None:
        assert "lambda:InvokeFunction" not in role["audit"].granted

    @pytest.mark.parametrize("action", ["SendMessage", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"])
    def test_works_off_its_own_shards_and_no_other_queue(self, role: dict[str, Role], action: str) -> None:
        queue = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:backstay"
        assert role["audit"].allows(f"sqs:{action}", f"{queue}-audit-shards")
        assert [name for name, each in role.items() if each.allows(f"sqs:{action}", f"{queue}-audit-shards")] == [
            "audit"
        ]
        assert role["audit"].allows(f"sqs:{action}", f"{queue}-dead-letters") is (action == "SendMessage")


class TestProtect:
    @pytest.mark.parametrize(("action", "database"), [("ModifyDBInstance", ORDERS), ("ModifyDBCluster", LEDGER)])
    def test_repairs_any_database(self, role: dict[str, Role], action: str, database: str) -> None:
        assert role["protect"].allows(f"rds:{action}", database)

    def test_cannot_change_groups(self, role: dict[str, Role]) -> None:
        assert not role["protect"].allows("rds:ModifyDBInstance", f"arn:aws:rds:eu-west-2:{ACCOUNT}:pg:custom")

    def test_modifying_is_all_it_can_do_to_rds(self, role: dict[str, Role]) -> None:
        mutating = {a for a in role["protect"].granted if a.startswith("rds:") and not a.startswith("rds:Describe")}
        assert mutating == {"rds:ModifyDBInstance", "rds:ModifyDBCluster"}

    def test_no_other_account(self, role: dict[str, Role]) -> None:
        assert not role["protect"].allows("rds:ModifyDBInstance", "arn:aws:rds:eu-west-2:444455556666:db:orders")


def changing(role: Role) -> set[str]:
    """What it may do to RDS beside looking."""
    return {action for action in role.granted if action.startswith("rds:") and not action.startswith("rds:Describe")}


POINTS = {
    "snapshot": f"arn:aws:rds:eu-west-2:{ACCOUNT}:snapshot:backstay-orders-1",
    "cluster-snapshot": f"arn:aws:rds:eu-west-2:{ACCOUNT}:cluster-snapshot:backstay-ledger-1",
}
TAGGED = {"aws:RequestTag/backstay:deployment": "backstay"}
UNTAGGED = {"aws:RequestTag/backstay:deployment": ""}
HELPER = {**OURS, "aws:ResourceTag/backstay:helper": f"aws/{ACCOUNT}/eu-west-1"}


class TestSnapshot:
    TAKES = (
        ("rds:CreateDBSnapshot", ORDERS),
        ("rds:CreateDBSnapshot", POINTS["snapshot"]),
        ("rds:CreateDBClusterSnapshot", LEDGER),
        ("rds:CreateDBClusterSnapshot", POINTS["cluster-snapshot"]),
        ("rds:AddTagsToResource", POINTS["snapshot"]),
        ("rds:AddTagsToResource", POINTS["cluster-snapshot"]),
    )

    def test_taking_them_is_all_it_can_do_to_rds(self, role: dict[str, Role]) -> None:
        assert changing(role["snapshot"]) == {action for action, _ in self.TAKES}

    @pytest.mark.parametrize(("action", "resource"), TAKES)
    def test_of_any_database_but_only_with_our_tag(self, role: dict[str, Role], action: str, resource: str) -> None:
        assert role["snapshot"].allows(action, resource, {**TAGGED, **THEIRS})
        assert not role["snapshot"].allows(action, resource, {**UNTAGGED, **OURS})
        assert not role["snapshot"].allows(action, resource.replace(ACCOUNT, "444455556666"), TAGGED)

    def test_tags_no_database(self, role: dict[str, Role]) -> None:
        assert not role["snapshot"].allows("rds:AddTagsToResource", ORDERS, TAGGED)

    def test_uses_no_key_but_the_vaults(self, role: dict[str, Role]) -> None:
        resources = {r for s in role["snapshot"].statements for r in s.resources if s.actions[0].startswith("kms:")}
        assert len(resources) == 1
        assert "*" not in resources.pop()


class TestReplicate:
    SHARES = (
        ("rds:ModifyDBSnapshotAttribute", POINTS["snapshot"]),
        ("rds:ModifyDBClusterSnapshotAttribute", POINTS["cluster-snapshot"]),
        ("rds:RemoveTagsFromResource", POINTS["snapshot"]),
        ("rds:RemoveTagsFromResource", POINTS["cluster-snapshot"]),
        ("rds:AddTagsToResource", POINTS["snapshot"]),
    )
    COPIES = (("rds:CopyDBSnapshot", POINTS["snapshot"]), ("rds:CopyDBClusterSnapshot", POINTS["cluster-snapshot"]))
    DELETES = (
        ("rds:DeleteDBSnapshot", POINTS["snapshot"]),
        ("rds:DeleteDBClusterSnapshot", POINTS["cluster-snapshot"]),
    )

    def test_copying_sharing_and_tidying_is_all_it_can_do_to_rds(self, role: dict[str, Role]) -> None:
        named = {action for action, _ in (*self.SHARES, *self.COPIES, *self.DELETES)}
        assert changing(role["replicate"]) == {*named, "rds:StartDBInstanceAutomatedBackupsReplication"}

    @pytest.mark.parametrize(("action", "resource"), COPIES)
    def test_copies_whatever_is_there_into_what_carries_our_tag(
        self, role: dict[str, Role], action: str, resource: str
    ) -> None:
        for account in (ACCOUNT, "444455556666"):
            source = resource.replace(ACCOUNT, account)
            assert role["replicate"].allows(action, source, {**TAGGED, **THEIRS})
            assert not role["replicate"].allows(action, source, {**UNTAGGED, **OURS})

    def test_no_condition_names_where_a_call_comes_from_or_goes_to(self, role: dict[str, Role]) -> None:
        """RDS calls the source's region in our name; these keys break that (field of cross-region copies)."""
        keys = {key for s in role["replicate"].statements for each in s.condition.values() for key in each}
        assert not keys & {
            "aws:RequestedRegion",
            "aws:SourceVpce",
            "aws:SourceVpc",
            "aws:SourceIp",
            "aws:ViaAWSService",
        }

    @pytest.mark.parametrize(("action", "resource"), SHARES)
    def test_shares_only_what_carries_our_tag(self, role: dict[str, Role], action: str, resource: str) -> None:
        assert role["replicate"].allows(action, resource, {**UNTAGGED, **OURS})
        assert not role["replicate"].allows(action, resource, {**UNTAGGED, **THEIRS})

    @pytest.mark.parametrize(("action", "resource"), DELETES)
    def test_removes_helpers_and_no_recovery_point(self, role: dict[str, Role], action: str, resource: str) -> None:
        assert role["replicate"].allows(action, resource, HELPER)
        assert not role["replicate"].allows(action, resource, {**OURS, "aws:ResourceTag/backstay:helper": ""})
        assert not role["replicate"].allows(action, resource, {**HELPER, **THEIRS})

    def test_that_a_helper_carries_the_tag_is_asked_where_it_carries_none(self, widest: Stack) -> None:
        (statement,) = (s for s in roles(widest)["ReplicateRole"].statements if s.sid == "RemoveOurHelpers")
        # IAM: a StringLike without IfExists is not met by a key that is not there.
        assert statement.condition["StringLike"] == {"aws:ResourceTag/backstay:helper": "?*"}

    def test_uses_keys_of_any_account_through_rds_alone(self, role: dict[str, Role]) -> None:
        key = "arn:aws:kms:eu-west-2:444455556666:key/1"
        via_rds = {"kms:ViaService": "rds.eu-west-2.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
        for action in ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "CreateGrant"):
            assert role["replicate"].allows(f"kms:{action}", key, via_rds)
            assert not role["replicate"].allows(
                f"kms:{action}", key, {**via_rds, "kms:ViaService": "s3.eu-west-2.amazonaws.com"}
            )
        assert not role["replicate"].allows("kms:CreateGrant", key, {**via_rds, "kms:GrantIsForAWSResource": "false"})
        assert role["replicate"].allows("kms:DescribeKey", key, {"kms:ViaService": ""})

    def test_is_woken_by_its_own_queue_alone(self, role: dict[str, Role]) -> None:
        queue = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:backstay-replicate-wakes"
        assert [name for name, each in role.items() if each.allows("sqs:ReceiveMessage", queue)] == ["replicate"]
        assert not role["replicate"].allows("sqs:SendMessage", queue)


class TestPrune:
    @pytest.mark.parametrize(("action", "resource"), TestReplicate.DELETES)
    def test_removes_only_what_carries_our_tag(self, role: dict[str, Role], action: str, resource: str) -> None:
        assert role["prune"].allows(action, resource, OURS)
        assert not role["prune"].allows(action, resource, THEIRS)
        assert not role["prune"].allows(action, resource, {"aws:ResourceTag/backstay:deployment": "second"})
        assert not role["prune"].allows(action, resource.replace(ACCOUNT, "444455556666"), OURS)

    def test_removing_them_is_all_it_can_do_to_rds(self, role: dict[str, Role]) -> None:
        assert changing(role["prune"]) == {action for action, _ in TestReplicate.DELETES}

    def test_it_alone_and_replicate_can_remove_anything(self, role: dict[str, Role]) -> None:
        removing = {name for name, each in role.items() for a in each.granted if a.startswith(("rds:Delete", "s3:Del"))}
        assert removing == {"prune", "replicate"}


@pytest.mark.parametrize("verb", ["snapshot", "replicate", "prune"])
class TestTheVaultOfPoints:
    def test_its_reports_and_its_heartbeat_are_all_that_it_writes(self, role: dict[str, Role], verb: str) -> None:
        written = {r for s in role[verb].statements for r in s.resources if "s3:PutObject" in s.actions}
        assert written == {f"{VAULT}/reports/{verb}/*", f"{VAULT}/heartbeat/{verb}.json"}

    def test_it_reads_nothing_there(self, role: dict[str, Role], verb: str) -> None:
        assert not role[verb].allows("s3:GetObject", f"{VAULT}/findings/orders.json")
        assert not role[verb].allows("s3:GetObject", f"{VAULT}/reports/{verb}/1.json")


class TestRestore:
    def test_the_front_door_holds_no_right_to_change(self, role: dict[str, Role]) -> None:
        writes = {a for a in role["restore"].granted if not a.partition(":")[2].startswith(("Describe", "List", "Get"))}
        assert writes - {"kms:Decrypt", "kms:GenerateDataKey"} == {
            "lambda:InvokeFunction",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "s3:PutObject",
            "sqs:SendMessage",
        }

    def test_starts_the_runner_through_its_alias_only(self, role: dict[str, Role]) -> None:
        runner = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:backstay-restore-run"
        assert role["restore"].allows("lambda:InvokeFunction", f"{runner}:live")
        assert not role["restore"].allows("lambda:InvokeFunction", runner)
        assert not role["restore"].allows(
            "lambda:InvokeFunction", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:backstay-protect:live"
        )


class TestRestoreRun:
    CREATES = (
        "rds:CreateDBInstance",
        "rds:RestoreDBClusterFromSnapshot",
        "rds:RestoreDBClusterToPointInTime",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
        "rds:AddTagsToResource",
    )

    @pytest.mark.parametrize("action", CREATES)
    def test_creates_only_what_is_tagged_as_ours(self, role: dict[str, Role], action: str) -> None:
        untagged = {"aws:RequestTag/backstay:deployment": "", **THEIRS}
        assert role["restore-run"].allows(action, ORDERS, {"aws:RequestTag/backstay:deployment": "backstay", **THEIRS})
        assert not role["restore-run"].allows(action, ORDERS, untagged)

    @pytest.mark.parametrize(
        "action", ["rds:ModifyDBInstance", "rds:ModifyDBCluster", "rds:AddRoleToDBInstance", "rds:AddRoleToDBCluster"]
    )
    def test_changes_only_what_carries_our_tag(self, role: dict[str, Role], action: str) -> None:
        assert role["restore-run"].allows(action, ORDERS, OURS)
        assert not role["restore-run"].allows(action, ORDERS, THEIRS)
        assert not role["restore-run"].allows(action, ORDERS, {"aws:ResourceTag/backstay:deployment": "second"})

    def test_names_groups_and_snapshots_that_carry_no_tag_of_ours(self, role: dict[str, Role]) -> None:
        here = f"arn:aws:rds:eu-west-2:{ACCOUNT}"
        assert role["restore-run"].allows("rds:RestoreDBInstanceToPointInTime", f"{here}:subgrp:private", THEIRS)
        assert role["restore-run"].allows("rds:ModifyDBInstance", f"{here}:pg:custom", THEIRS)
        assert role["restore-run"].allows(
            "rds:RestoreDBInstanceFromDBSnapshot", f"{here}:snapshot:rds:orders-1", THEIRS
        )

    def test_deletes_nothing(self, role: dict[str, Role]) -> None:
        assert [a for a in role["restore-run"].granted if a.startswith(("rds:Delete", "s3:Delete"))] == []

    def test_reads_only_secrets_that_rds_manages(self, role: dict[str, Role]) -> None:
        secret = f"arn:aws:secretsmanager:eu-west-2:{ACCOUNT}:secret"
        assert role["restore-run"].allows("secretsmanager:GetSecretValue", f"{secret}:rds!db-0b5e-abc")
        assert not role["restore-run"].allows("secretsmanager:GetSecretValue", f"{secret}:payments/api-key")

    def test_grants_keys_to_services_only(self, role: dict[str, Role]) -> None:
        key = f"arn:aws:kms:eu-west-2:{ACCOUNT}:key/1"
        via_rds = {"kms:ViaService": "rds.eu-west-2.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
        assert role["restore-run"].allows("kms:CreateGrant", key, via_rds)
        assert not role["restore-run"].allows("kms:CreateGrant", key, {**via_rds, "kms:GrantIsForAWSResource": "false"})
        assert not role["restore-run"].allows("kms:Decrypt", key, {"kms:ViaService": "s3.eu-west-2.amazonaws.com"})

    def test_its_code_keeps_off_the_network_that_the_service_attaches(self, role: dict[str, Role]) -> None:
        function = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:backstay-restore-run"
        from_code = {"lambda:SourceFunctionArn": function}
        from_service = {"lambda:SourceFunctionArn": ""}
        assert role["restore-run"].allows("ec2:CreateNetworkInterface", "*", from_service)
        assert not role["restore-run"].allows("ec2:CreateNetworkInterface", "*", from_code)
        assert role["restore-run"].allows("ec2:DescribeSubnets", "*", from_code)  # its preflight counts free addresses

    def test_passes_only_named_roles_and_only_to_rds(self, role: dict[str, Role]) -> None:
        to_rds = {"iam:PassedToService": "rds.amazonaws.com"}
        assert role["restore-run"].allows("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/rds-s3", to_rds)
        assert not role["restore-run"].allows("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Admin", to_rds)
        assert not role["restore-run"].allows(
            "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/rds-s3", {"iam:PassedToService": "ec2.amazonaws.com"}
        )


class TestOptionalPermissions:
    def test_none_is_granted_by_default(self, home: Stack) -> None:
        default = {action for each in function_roles(home).values() for action in each.granted}
        assert not default & {"iam:PassRole", "s3:ListBucketVersions", "s3:GetObjectVersion", *EVERYWHERE}

    @pytest.mark.parametrize("verb", ["audit", "protect", "snapshot", "replicate", "prune", "restore"])
    def test_policy_object_is_read_where_it_is_and_nothing_beside_it(self, role: dict[str, Role], verb: str) -> None:
        document = "arn:aws:s3:::policies/backstay/policy.yaml"
        assert role[verb].allows("s3:GetObject", document)
        assert role[verb].allows("s3:GetObjectVersion", document)
        assert role[verb].allows("s3:ListBucketVersions", "arn:aws:s3:::policies")
        assert not role[verb].allows("s3:GetObject", "arn:aws:s3:::policies/backstay/other.yaml")
        assert not role[verb].allows("s3:PutObject", document)

    def test_ca_bundle_can_be_elsewhere(self) -> None:
        stack = home_stack(CaBundleUri="s3://trust/rds/bundle.pem")
        runner = function_roles(stack)["backstay-restore-run"]
        assert runner.allows("s3:GetObject", "arn:aws:s3:::trust/rds/bundle.pem")
        assert not runner.allows("s3:GetObject", f"{VAULT}/ca/rds-global-bundle.pem")


class TestPeople:
    def policy(self, stack: Stack, name: str) -> Role:
        return Role(name, (), statements(stack.of_type("AWS::IAM::ManagedPolicy")[name]["PolicyDocument"]))

    def test_the_auditor_reads_and_audits(self, home: Stack) -> None:
        auditor = self.policy(home, "AuditorPolicy")
        assert auditor.allows("s3:GetObject", f"{VAULT}/evidence/orders/1.json")
        assert auditor.allows(
            "lambda:InvokeFunction", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:backstay-audit:live"
        )
        assert not [a for a in auditor.granted if a.startswith("rds:") or "Put" in a or "Delete" in a]

    def test_the_restore_operator_has_no_rights_on_rds(self, home: Stack) -> None:
        operator = self.policy(home, "RestoreOperatorPolicy")
        here = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function"
        assert operator.allows("lambda:InvokeFunction", f"{here}:backstay-restore:live")
        assert operator.allows("lambda:InvokeFunction", f"{here}:backstay-restore")  # the console's Test tab
        assert not operator.allows("lambda:InvokeFunction", f"{here}:backstay-restore-run")
        assert not operator.allows("lambda:InvokeFunction", f"{here}:backstay-restore-run:live")
        assert operator.allows(
            "lambda:GetDurableExecutionHistory", f"{here}:backstay-restore-run:3/durable-execution/orders-r/1"
        )
        assert not [a for a in operator.granted if a.startswith(("rds:", "s3:", "iam:"))]

    def test_both_are_told_in_the_outputs(self, home: Stack) -> None:
        values = {name: home.resolve(output["Value"]) for name, output in home.template["Outputs"].items()}
        assert values["AuditorPolicyArn"] == f"arn:aws:iam::{ACCOUNT}:policy/AuditorPolicy"
        assert values["RestoreOperatorPolicyArn"] == f"arn:aws:iam::{ACCOUNT}:policy/RestoreOperatorPolicy"


class TestAgainstTheServiceAuthorizationReference:
    """cfn-lint carries AWS's reference as data: which actions exist, and which resources each is authorized on."""

    def test_every_action_exists(self, widest: Stack, reference: dict[str, Any]) -> None:
        unknown = {
            action
            for _, statement in granted(widest)
            for action in statement.actions
            if action.partition(":")[2].lower() not in reference[action.partition(":")[0]]["Actions"]
        }
        assert unknown == set()

    @pytest.mark.parametrize("verb", ["protect", "snapshot", "replicate", "prune", "restore-run"])
    def test_every_rds_resource_is_one_that_an_action_beside_it_is_authorized_on(
        self, role: dict[str, Role], reference: dict[str, Any], verb: str
    ) -> None:
        known = reference["rds"]["Actions"]
        pointless = {
            (statement.sid, resource)
            for statement in role[verb].statements
            if statement.actions[0].startswith("rds:")
            for resource in statement.resources
            if resource != "*"
            and not any(
                resource.split(":")[5] in known[action[4:].lower()]["Resources"] for action in statement.actions
            )
        }
        assert pointless == set()

    @pytest.mark.parametrize("verb", ["snapshot", "replicate", "prune", "restore-run"])
    def test_every_resource_that_a_change_is_authorized_on_is_allowed(
        self, role: dict[str, Role], reference: dict[str, Any], verb: str
    ) -> None:
        missing = {
            (action, kind)
            for action in changing(role[verb])
            if not action.endswith("Resource")  # tags: of what the function makes only, on purpose
            for kind in reference["rds"]["Actions"][action.partition(":")[2].lower()]["Resources"]
            if not role[verb].allows(action, f"arn:aws:rds:eu-west-2:{ACCOUNT}:{kind}:x", {**TAGGED, **HELPER})
        }
        assert missing == set()


def test_wildcards_match_as_iam_does() -> None:
    assert like("arn:aws:s3:::b/findings/x.json", "arn:aws:s3:::b/findings/*")
    assert not like("arn:aws:s3:::b/Findings/x.json", "arn:aws:s3:::b/findings/*")
    assert like("a.b", "a?b")
