"""Who calls, from which region, on which resources, and whether IAM allows it.

Resources per action follow the service authorization reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html): creating and
restoring also touch the groups that the new database will have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.rds import databases, tags
from tests.lab.rds.engines import ENGINES, Engine
from tests.lab.rds.lab import Arguments, Call, Lab, denied
from tests.lab.rds.model import Fault

if TYPE_CHECKING:
    from tests.lab.rds.cloud import Verdict
    from tests.lab.rds.state import Region

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_APP = re.compile(r"\bapp/([A-Za-z0-9!$%&*+.^_`|~-]+)")

_KINDS = {
    "DBInstanceIdentifier": "db",
    "SourceDBInstanceIdentifier": "db",
    "TargetDBInstanceIdentifier": "db",
    "DBClusterIdentifier": "cluster",
    "SourceDBClusterIdentifier": "cluster",
    "DBSnapshotIdentifier": "snapshot",
    "FinalDBSnapshotIdentifier": "snapshot",
    "DBClusterSnapshotIdentifier": "cluster-snapshot",
    "SnapshotIdentifier": "cluster-snapshot",
    "SourceDBSnapshotIdentifier": "snapshot",
    "TargetDBSnapshotIdentifier": "snapshot",
    "SourceDBClusterSnapshotIdentifier": "cluster-snapshot",
    "TargetDBClusterSnapshotIdentifier": "cluster-snapshot",
    "DBSubnetGroupName": "subgrp",
    "DBParameterGroupName": "pg",
    "DBClusterParameterGroupName": "cluster-pg",
    "OptionGroupName": "og",
    "DBInstanceAutomatedBackupsArn": "auto-backup",
    "SourceDBInstanceAutomatedBackupsArn": "auto-backup",
    "SourceDBInstanceArn": "db",
}

_DESCRIBED = {
    "DescribeDBInstances": "db",
    "DescribeDBClusters": "cluster",
    "DescribeDBSnapshots": "snapshot",
    "DescribeDBClusterSnapshots": "cluster-snapshot",
    "DescribeDBInstanceAutomatedBackups": "auto-backup",
    "DescribeDBClusterAutomatedBackups": "cluster-auto-backup",
    "DescribeDBSubnetGroups": "subgrp",
    "DescribeDBParameterGroups": "pg",
    "DescribeDBClusterParameterGroups": "cluster-pg",
    "DescribeOptionGroups": "og",
}

_REPLICATION = frozenset({"StartDBInstanceAutomatedBackupsReplication", "StopDBInstanceAutomatedBackupsReplication"})

_ALSO = {
    "CreateDBInstance": ("og", "pg", "subgrp"),
    "RestoreDBInstanceToPointInTime": ("og", "subgrp"),
    "RestoreDBInstanceFromDBSnapshot": ("og", "subgrp"),
    "CreateDBCluster": ("og", "cluster-pg", "subgrp"),
    "RestoreDBClusterToPointInTime": ("og", "subgrp"),
    "RestoreDBClusterFromSnapshot": ("og", "subgrp"),
}
"""Kinds of groups that are checked by their default when the call names none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request says about itself."""

    access_key: str
    region: str
    app: str | None


def caller(authorization: str | None, user_agent: str, regions: dict[str, Region]) -> Caller:
    """Access key and region from the SigV4 credential scope.

    The signature itself is not verified: the lab has no user's secret.
    """
    if not authorization:
        raise Fault("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    scope = _CREDENTIAL.search(authorization)
    if scope is None or not authorization.startswith("AWS4-HMAC-SHA256"):
        raise Fault("IncompleteSignature", "The request signature does not conform to AWS standards", 403)
    if scope[4] != "rds" or scope[3] not in regions:
        raise Fault(
            "SignatureDoesNotMatch", f"Credential should be scoped to a valid region and to rds: {scope[0]}", 403
        )
    app = _APP.search(user_agent)
    return Caller(scope[1], scope[3], app[1] if app else None)


def resources(region: Region, action: str, arguments: Arguments) -> list[str]:
    """ARNs that the call touches."""
    found: list[str] = []
    for name, kind in _KINDS.items():
        if name in arguments:
            wanted = "cluster-snapshot" if name.startswith("Final") and action.endswith("Cluster") else kind
            found.append(_arn(region, wanted, arguments[name]))
    if "ResourceName" in arguments:
        found.append(arguments["ResourceName"])
    kinds = {arn.split(":", 6)[5] for arn in found if arn.count(":") >= 6}
    found += [region.arn(kind, name) for kind, name in _defaults(region, action, arguments) if kind not in kinds]
    if action in _REPLICATION:
        found.append(region.arn("auto-backup", "*"))  # its name is RDS's to choose
    if action in _DESCRIBED and not found:
        found.append(region.arn(_DESCRIBED[action], "*"))
    return found or ["*"]


def _defaults(region: Region, action: str, arguments: Arguments) -> list[tuple[str, str]]:
    """Default groups that the new database would get, by kind."""
    engine, version = _engine(region, arguments)
    name = {
        "og": f"default:{engine.name}-{engine.major(version).replace('.', '-')}",
        "pg": f"default.{engine.family(version)}",
        "cluster-pg": f"default.{engine.family(version)}",
        "subgrp": "default",
    }
    return [(kind, name[kind]) for kind in _ALSO.get(action, ())]


def _engine(region: Region, arguments: Arguments) -> tuple[Engine, str]:
    source = region.instances.get(databases.short(arguments.get("SourceDBInstanceIdentifier", ""), "db"))
    owner = region.clusters.get(databases.short(arguments.get("SourceDBClusterIdentifier", ""), "cluster"))
    found = source or owner
    if found is not None:
        return ENGINES[found.engine], found.engine_version
    engine = ENGINES.get(arguments.get("Engine", "postgres"), ENGINES["postgres"])
    return engine, arguments.get("EngineVersion", engine.versions[0])


def _arn(region: Region, kind: str, value: str) -> str:
    return value if value.startswith("arn:") else region.arn(kind, databases.short(value, kind))


def authorize(lab: Lab, region: Region, who: Caller, action: str, arguments: Arguments) -> Call:
    """The call, when IAM allows it on every resource; tags at creation need AddTagsToResource too.

    Raises:
        Fault: AccessDenied.
    """
    asked_tags = {tag["Key"]: tag.get("Value", "") for tag in arguments.get("Tags", []) if "Key" in tag}
    wanted = [(action, arn) for arn in resources(region, action, arguments)]
    if (asked_tags or arguments.get("CopyTags")) and action != "AddTagsToResource":
        wanted.append(("AddTagsToResource", _new(region, action, arguments) or wanted[0][1]))
    shared = _context(region, asked_tags, arguments)
    verdict: Verdict | None = None
    for name, arn in wanted:
        context = {**shared, **_held_tags(lab, region, arn)}
        verdict = lab.cloud.authorize(who.access_key, f"rds:{name}", [arn], context)
        if not verdict.allowed:
            raise denied(verdict.principal, f"rds:{name}", arn)
    if verdict is None:
        raise Fault("InternalFailure", "nothing was asked", 500)
    call = Call(lab, region, who.access_key, verdict)
    if "MonitoringRoleArn" in arguments:
        passed_to = {"iam:PassedToService": "monitoring.rds.amazonaws.com"}
        call.demand("iam:PassRole", arguments["MonitoringRoleArn"], passed_to)
    return call


def _new(region: Region, action: str, arguments: Arguments) -> str | None:
    """ARN of what a snapshot, a copy or a replication makes: its tags are put on that, not on the source."""
    if "SourceDBInstanceArn" in arguments:
        return region.arn("auto-backup", "*")
    targets = {
        "CreateDBSnapshot": "DBSnapshotIdentifier",
        "CreateDBClusterSnapshot": "DBClusterSnapshotIdentifier",
        "CopyDBSnapshot": "TargetDBSnapshotIdentifier",
        "CopyDBClusterSnapshot": "TargetDBClusterSnapshotIdentifier",
    }
    name = targets.get(action)
    return _arn(region, _KINDS[name], arguments[name]) if name else None


def _context(region: Region, asked_tags: dict[str, str], arguments: Arguments) -> dict[str, str]:
    context = {"aws:RequestedRegion": region.name}
    context |= {f"aws:RequestTag/{key}": value for key, value in asked_tags.items()}
    for name, key in (("DBInstanceClass", "rds:DatabaseClass"), ("Engine", "rds:DatabaseEngine")):
        if name in arguments:
            context[key] = arguments[name]
    return context


def _held_tags(lab: Lab, region: Region, arn: str) -> dict[str, str]:
    parts = arn.split(":", 6)
    elsewhere = lab.store.find(region.account, parts[3]) if len(parts) == 7 else None
    with lab.store.lock:
        held = dict(tags.tagged(elsewhere or region, arn) or {})
    return {f"aws:ResourceTag/{key}": value for key, value in held.items()}
