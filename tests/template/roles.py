"""Holds the calls that functions made against the roles that the template gives them.

`judge` answers two questions: which calls would the function's role not have allowed, and which permissions did no call
use. A permission that no story needs stands in `UNUSED` with its reason, or it goes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.template.policies import Role, function_roles
from tests.template.stacks import home_stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_BY_S3: Final = "S3 asks for it while it encrypts or decrypts the vault's objects; the function makes no such call"
_BY_LAMBDA: Final = "Lambda uses the role itself: no call of the function's shows it"
_IN_SHARDS: Final = "Lambda reads the shards' queue with the role, but only of an audit that is too large for one run"
_BY_RDS: Final = "RDS asks for it in the caller's name while it restores or makes the managed secret"
_WHEN_BAD: Final = "only when the newest policy document does not validate"
_WITH_ROLES: Final = "only where the source has IAM roles attached"
_FROM_SNAPSHOT: Final = "only where a person names a snapshot, which the story does not"
_WITH_TAGS: Final = "RDS asks for it when something is created with tags; no call of its own shows it"
_FOR_A_COPY: Final = "RDS asks for it in the caller's name while it copies an encrypted snapshot"
_INTO_ACCOUNTS: Final = "only where a copy goes to another account, which the story's does not"
_IN_WAKES: Final = "Lambda reads the queue of snapshot events with the role: no call of the function's shows it"
_WITH_REPLICAS: Final = "only where a tier asks that automated backups are replicated, which the story's does not"
_VPC: Final = "Lambda attaches the function to subnets with it; only granted where subnets are given"

# Permissions that the story does not use, by function (without the deployment's prefix) and action.
UNUSED: Final[Mapping[str, Mapping[str, str]]] = {
    "audit": {
        "rds:DescribeDBInstanceAutomatedBackups": _WITH_REPLICAS,
        "kms:Decrypt": _BY_S3,
        "kms:GenerateDataKey": _BY_S3,
        "logs:CreateLogStream": _BY_LAMBDA,
        "logs:PutLogEvents": _BY_LAMBDA,
        "sqs:SendMessage": _BY_LAMBDA,
        "sqs:DeleteMessage": _IN_SHARDS,
        "sqs:GetQueueAttributes": _IN_SHARDS,
        "sqs:ReceiveMessage": _IN_SHARDS,
        "s3:ListBucket": "it only turns the 403 of a missing object into a 404; listing itself is not called",
        "s3:GetObjectVersion": _WHEN_BAD,
        "s3:ListBucketVersions": _WHEN_BAD,
    },
    "protect": {
        "kms:Decrypt": _BY_S3,
        "kms:GenerateDataKey": _BY_S3,
        "logs:CreateLogStream": _BY_LAMBDA,
        "logs:PutLogEvents": _BY_LAMBDA,
        "sqs:SendMessage": _BY_LAMBDA,
        "s3:ListBucket": "it only turns the 403 of a missing object into a 404; listing itself is not called",
        "s3:GetObjectVersion": _WHEN_BAD,
        "s3:ListBucketVersions": _WHEN_BAD,
    },
    "snapshot": {
        "rds:AddTagsToResource": _WITH_TAGS,
        "kms:Decrypt": _BY_S3,
        "kms:GenerateDataKey": _BY_S3,
        "logs:CreateLogStream": _BY_LAMBDA,
        "logs:PutLogEvents": _BY_LAMBDA,
        "sqs:SendMessage": _BY_LAMBDA,
        "s3:GetObjectVersion": _WHEN_BAD,
        "s3:ListBucketVersions": _WHEN_BAD,
    },
    "replicate": {
        "rds:AddTagsToResource": _WITH_TAGS,
        "rds:DeleteDBClusterSnapshot": _INTO_ACCOUNTS,
        "rds:DeleteDBSnapshot": _INTO_ACCOUNTS,
        "rds:DescribeOptionGroups": "only where a snapshot has an option group that is not the engine's default",
        "rds:ModifyDBClusterSnapshotAttribute": _INTO_ACCOUNTS,
        "rds:ModifyDBSnapshotAttribute": _INTO_ACCOUNTS,
        "rds:RemoveTagsFromResource": _INTO_ACCOUNTS,
        "rds:StartDBInstanceAutomatedBackupsReplication": _WITH_REPLICAS,
        "kms:CreateGrant": _FOR_A_COPY,
        "kms:Decrypt": _FOR_A_COPY,
        "kms:Encrypt": _FOR_A_COPY,
        "kms:GenerateDataKey": _FOR_A_COPY,
        "kms:GenerateDataKeyWithoutPlaintext": _FOR_A_COPY,
        "kms:ReEncryptFrom": _FOR_A_COPY,
        "kms:ReEncryptTo": _FOR_A_COPY,
        "logs:CreateLogStream": _BY_LAMBDA,
        "logs:PutLogEvents": _BY_LAMBDA,
        "sqs:SendMessage": _BY_LAMBDA,
        "sqs:DeleteMessage": _IN_WAKES,
        "sqs:GetQueueAttributes": _IN_WAKES,
        "sqs:ReceiveMessage": _IN_WAKES,
        "s3:GetObjectVersion": _WHEN_BAD,
        "s3:ListBucketVersions": _WHEN_BAD,
    },
    "prune": {
        "rds:DeleteDBClusterSnapshot": "only of a cluster with more than its rules keep; the story prunes an instance",
        "kms:Decrypt": _BY_S3,
        "kms:GenerateDataKey": _BY_S3,
        "logs:CreateLogStream": _BY_LAMBDA,
        "logs:PutLogEvents": _BY_LAMBDA,
        "sqs:SendMessage": _BY_LAMBDA,
        "s3:GetObjectVersion": _WHEN_BAD,
        "s3:ListBucketVersions": _WHEN_BAD,
    },
    "restore": {
        "rds:DescribeDBClusterSnapshots": _FROM_SNAPSHOT,
        "rds:DescribeDBSnapshots": _FROM_SNAPSHOT,
        "kms:Decrypt": _BY_S3,
        "kms:GenerateDataKey": _BY_S3,
        "logs:CreateLogStream": _BY_LAMBDA,
        "logs:PutLogEvents": _BY_LAMBDA,
        "sqs:SendMessage": _BY_LAMBDA,
        "s3:GetObjectVersion": _WHEN_BAD,
        "s3:ListBucketVersions": _WHEN_BAD,
    },
    "restore-run": {
        "rds:AddTagsToResource": _WITH_TAGS,
        "rds:DescribeDBClusterSnapshots": _FROM_SNAPSHOT,
        "rds:DescribeDBSnapshots": _FROM_SNAPSHOT,
        "rds:AddRoleToDBCluster": _WITH_ROLES,
        "rds:AddRoleToDBInstance": _WITH_ROLES,
        "rds:RestoreDBClusterFromSnapshot": _FROM_SNAPSHOT,
        "rds:RestoreDBInstanceFromDBSnapshot": _FROM_SNAPSHOT,
        "s3:GetObjectVersion": _WHEN_BAD,
        "s3:ListBucketVersions": _WHEN_BAD,
        "kms:CreateGrant": _BY_RDS,
        "kms:Decrypt": _BY_RDS,
        "kms:GenerateDataKey": _BY_RDS,
        "secretsmanager:CreateSecret": _BY_RDS,
        "secretsmanager:TagResource": _BY_RDS,
        "lambda:CheckpointDurableExecution": "made by the SDK against the lab's runner, which records nothing",
        "lambda:GetDurableExecutionState": "made by the SDK against the lab's runner, which records nothing",
        "logs:CreateLogStream": _BY_LAMBDA,
        "logs:PutLogEvents": _BY_LAMBDA,
        "sqs:SendMessage": _BY_LAMBDA,
        "iam:PassRole": "RDS checks it when a role is attached; only granted where roles are given",
        "ec2:AssignPrivateIpAddresses": _VPC,
        "ec2:CreateNetworkInterface": _VPC,
        "ec2:DeleteNetworkInterface": _VPC,
        "ec2:DescribeNetworkInterfaces": _VPC,
        "ec2:DescribeSubnets": _VPC,
        "ec2:UnassignPrivateIpAddresses": _VPC,
    },
}


# Recorded for a call that names no resource, or none that the recorder can tell.
NO_RESOURCE: Final = "*"


@dataclass(frozen=True, order=True)
class Refused:
    """A call that the role of the function that made it does not allow."""

    function: str
    action: str
    resource: str


@dataclass(frozen=True)
class Judgement:
    """What `judge` found. `unused` holds (function, action) pairs.

    Attributes:
        refused: calls outside the role, each once.
        unused: granted, not called, and without a reason in `UNUSED`.
        strangers: functions that made calls and are not in the template.
    """

    refused: tuple[Refused, ...]
    unused: tuple[tuple[str, str], ...]
    strangers: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every call is allowed and every permission is used or explained."""
        return not (self.refused or self.unused or self.strangers)


def read_calls(*files: Path) -> Iterator[dict[str, Any]]:
    """The calls recorded in JSON lines, in the files' order."""
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def judge_story(*files: Path, vault_key: str = "", **parameters: str) -> Judgement:
    """`judge` over recorded files and the roles of template.yaml deployed with `parameters` beside a vault's key."""
    roles = function_roles(home_stack(vault_key=vault_key, **parameters))
    prefix = parameters.get("DeploymentId", "backstay") + "-"
    named = {name.removeprefix(prefix): role for name, role in roles.items()}
    return judge(read_calls(*files), named, prefix=prefix)


def judge(
    calls: Iterable[Mapping[str, Any]],
    roles: Mapping[str, Role],
    *,
    prefix: str = "",
    reasons: Mapping[str, Mapping[str, str]] = UNUSED,
) -> Judgement:
    """Hold `calls` against `roles`, which are named by function without `prefix`.

    A call is `{"service", "action", "function", "resources", "parameters", …}`; those that no function made are not
    looked at.
    """
    refused: set[Refused] = set()
    strangers: set[str] = set()
    used: set[tuple[str, str]] = set()
    for call in calls:
        name = str(call.get("function") or "").removeprefix(prefix)
        if not name:
            continue
        if name not in roles:
            strangers.add(name)
            continue
        action = _action(call)
        used.update((name, granted) for granted in roles[name].granted if granted.lower() == action.lower())
        context = _context(call)
        refused.update(
            Refused(name, action, resource)
            for resource in (each or NO_RESOURCE for each in call.get("resources") or [NO_RESOURCE])
            if not _allowed(roles[name], action, resource, context)
        )
    granted = {(name, action) for name, role in roles.items() for action in role.granted}
    explained = {(name, action) for name, actions in reasons.items() if name in roles for action in actions}
    return Judgement(
        tuple(sorted(refused)),
        tuple(sorted(granted - used - explained)),
        tuple(sorted(strangers)),
    )


def _allowed(role: Role, action: str, resource: str, context: Mapping[str, str]) -> bool:
    if resource == NO_RESOURCE:
        return action.lower() in {granted.lower() for granted in role.granted}
    return role.allows(action, resource, context)


def _action(call: Mapping[str, Any]) -> str:
    action = str(call["action"])
    return action if ":" in action else f"{call['service']}:{action}"


def _context(call: Mapping[str, Any]) -> dict[str, str]:
    """The condition keys that can be read off a recorded call: the tags that it asked for."""
    tags = (call.get("parameters") or {}).get("Tags")
    if not isinstance(tags, list):
        return {}
    return {f"aws:RequestTag/{tag['Key']}": str(tag.get("Value", "")) for tag in tags if isinstance(tag, dict)}
