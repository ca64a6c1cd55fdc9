"""RDS answers as our facts. The only module that knows the provider's field names for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backstay.core.errors import Unexpected
from backstay.core.model import (
    Configuration,
    Database,
    DatabaseId,
    Kind,
    Member,
    RecoveryWindow,
    Role,
    Scope,
    State,
)
from backstay.core.restoring import Snapshot

# Other services that answer on the RDS API: seen, named as not covered, never treated as ours.
FOREIGN_ENGINES: Final = frozenset({"docdb", "neptune"})

# RDS user guide, "Viewing DB instance status"; Aurora user guide, "Viewing DB cluster status".
_AVAILABLE: Final = frozenset({"available", "storage-optimization"})
_STOPPED: Final = frozenset({"stopped"})
_LEAVING: Final = frozenset({"deleting", "delete-precheck"})
_FAILED: Final = frozenset(
    {
        "cloning-failed",
        "failed",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
        "incompatible-create",
        "incompatible-credentials",
        "incompatible-network",
        "incompatible-option-group",
        "incompatible-parameters",
        "incompatible-restore",
        "insufficient-capacity",
        "migration-failed",
        "restore-error",
        "storage-full",
    }
)
_BUSY: Final = frozenset(
    {
        "backing-up",
        "backtracking",
        "configuring-activity-stream",
        "configuring-associated-roles",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "converting-to-vpc",
        "creating",
        "failing-over",
        "maintenance",
        "migrating",
        "modifying",
        "moving-to-vpc",
        "preparing-data-migration",
        "promoting",
        "rebooting",
        "renaming",
        "resetting-master-credentials",
        "scaling-capacity",
        "starting",
        "stopping",
        "storage-config-upgrade",
        "storage-initialization",
        "update-iam-db-auth",
        "upgrading",
    }
)


def state_of(status: str) -> State:
    """Our reading of a provider's status; one that we have not met is UNKNOWN, which nothing treats as available."""
    for state, statuses in (
        (State.AVAILABLE, _AVAILABLE),
        (State.BUSY, _BUSY),
        (State.STOPPED, _STOPPED),
        (State.LEAVING, _LEAVING),
        (State.FAILED, _FAILED),
    ):
        if status in statuses:
            return state
    return State.UNKNOWN


def aware(moment: Any) -> datetime | None:
    """A timestamp in UTC, or None where the answer has none."""
    if moment is None:
        return None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise Unexpected(f"a timestamp that cannot be read: {moment!r}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def instance(answer: Mapping[str, Any], scope: Scope) -> Database:
    """A ``DBInstance`` that is no cluster's member.

    Raises:
        Unexpected: a field that every instance has is missing or of another type.
    """
    with reading("DB instance", answer, "DBInstanceIdentifier"):
        return Database(
            id=DatabaseId(scope, Kind.INSTANCE, answer["DBInstanceIdentifier"]),
            arn=answer["DBInstanceArn"],
            status=answer["DBInstanceStatus"],
            state=state_of(answer["DBInstanceStatus"]),
            replica_of=answer.get("ReadReplicaSourceDBInstanceIdentifier")
            or answer.get("ReadReplicaSourceDBClusterIdentifier")
            or "",
            created=aware(answer.get("InstanceCreateTime")),
            endpoint=_endpoint(answer.get("Endpoint")),
            replicated_to=_replicated_to(answer),
            window=_window(None, answer.get("LatestRestorableTime")),
            config=_instance_config(answer),
            **_common(answer),
        )


def cluster(answer: Mapping[str, Any], scope: Scope) -> Database:
    """A ``DBCluster``: Aurora or Multi-AZ.

    Raises:
        Unexpected: a field that every cluster has is missing or of another type.
    """
    with reading("DB cluster", answer, "DBClusterIdentifier"):
        port = answer.get("Port")
        return Database(
            id=DatabaseId(scope, Kind.CLUSTER, answer["DBClusterIdentifier"]),
            arn=answer["DBClusterArn"],
            status=answer["Status"],
            state=state_of(answer["Status"]),
            replica_of=answer.get("ReplicationSourceIdentifier") or "",
            created=aware(answer.get("ClusterCreateTime")),
            endpoint=(answer["Endpoint"], int(port)) if answer.get("Endpoint") and port else None,
            window=_window(answer.get("EarliestRestorableTime"), answer.get("LatestRestorableTime")),
            config=_cluster_config(answer),
            **_common(answer),
        )


UNREADABLE: Final = (Unexpected, KeyError, TypeError, AttributeError, ValueError)
"""What reading an answer of another shape raises."""


@contextmanager
def reading(what: str, answer: Any, key: str) -> Iterator[None]:
    """One answer that cannot be read is Unexpected, and the message says whose it is."""
    try:
        yield
    except UNREADABLE as exc:
        raise unreadable(what, answer, key, exc) from exc


def unreadable(what: str, answer: Any, key: str, why: Exception) -> Unexpected:
    """The error that says whose answer cannot be read, and why."""
    text = str(why) if isinstance(why, Unexpected) else f"cannot read {why!r}"
    return Unexpected(f"{what} {_name(answer, key)}: {text}")


def _name(answer: Any, key: str) -> str:
    return str(answer.get(key, "without a name")) if isinstance(answer, Mapping) else "of an unknown shape"


def _common(answer: Mapping[str, Any]) -> dict[str, Any]:
    pending = answer.get("PendingModifiedValues") or {}
    retention = pending.get("BackupRetentionPeriod")
    secret = answer.get("MasterUserSecret") or {}
    return {
        "engine": answer["Engine"],
        "engine_version": answer.get("EngineVersion", ""),
        "tags": {tag["Key"]: tag.get("Value", "") for tag in answer.get("TagList") or []},
        "retention": timedelta(days=int(answer["BackupRetentionPeriod"])),
        # A pending password is shown as asterisks; its value is nobody's business in a plan or a report.
        "pending": {key: "…" if "Password" in key else str(value) for key, value in pending.items()},
        "pending_retention": None if retention is None else timedelta(days=int(retention)),
        "managed_by": "aws-backup" if answer.get("AwsBackupRecoveryPointArn") else "",
        "copy_tags": answer.get("CopyTagsToSnapshot"),
        "deletion_protection": answer.get("DeletionProtection"),
        "storage_gb": provisioned(answer),
        "secret": (secret["SecretArn"], secret.get("SecretStatus", "")) if secret.get("SecretArn") else None,
    }


def provisioned(answer: Mapping[str, Any]) -> int | None:
    """Aurora answers 1 whatever its volume holds (RDS API reference, ``DBCluster.AllocatedStorage``)."""
    size = answer.get("AllocatedStorage")
    return None if size is None or str(answer["Engine"]).startswith("aurora") else int(size)


def _endpoint(answer: Mapping[str, Any] | None) -> tuple[str, int] | None:
    if not answer or not answer.get("Address") or not answer.get("Port"):
        return None
    return answer["Address"], int(answer["Port"])


def _replicated_to(answer: Mapping[str, Any]) -> tuple[str, ...]:
    kept = answer.get("DBInstanceAutomatedBackupsReplications") or ()
    return tuple(each["DBInstanceAutomatedBackupsArn"] for each in kept)


def _window(earliest: Any, latest: Any) -> RecoveryWindow | None:
    newest = aware(latest)
    return None if newest is None else RecoveryWindow(aware(earliest), newest)


def _security_groups(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(group["VpcSecurityGroupId"] for group in answer.get("VpcSecurityGroups") or [])


def _roles(answer: Mapping[str, Any]) -> tuple[Role, ...]:
    return tuple(
        Role(role["RoleArn"], role.get("FeatureName") or "")
        for role in answer.get("AssociatedRoles") or []
        if role.get("Status") != "INVALID"
    )


def _first(answers: Any, key: str) -> str:
    return next((str(each[key]) for each in answers or [] if each.get(key)), "")


def encryption(answer: Mapping[str, Any]) -> str:
    """RDS's word; older answers have only a flag (instance snapshots name it shorter). Empty when neither is there."""
    encrypted = answer.get("StorageEncrypted", answer.get("Encrypted"))
    flag = "" if encrypted is None else "none" if not encrypted else "sse-kms" if answer.get("KmsKeyId") else "sse-rds"
    return str(answer.get("StorageEncryptionType") or flag)


def _instance_config(answer: Mapping[str, Any]) -> Configuration:
    return Configuration(
        instance_class=answer.get("DBInstanceClass", ""),
        parameter_group=_first(answer.get("DBParameterGroups"), "DBParameterGroupName"),
        option_group=_first(answer.get("OptionGroupMemberships"), "OptionGroupName"),
        security_groups=_security_groups(answer),
        subnet_group=(answer.get("DBSubnetGroup") or {}).get("DBSubnetGroupName", ""),
        roles=_roles(answer),
        port=(answer.get("Endpoint") or {}).get("Port") or answer.get("DbInstancePort") or None,
        multi_az=answer.get("MultiAZ"),
        public=answer.get("PubliclyAccessible"),
        kms_key=answer.get("KmsKeyId", ""),
        encryption=encryption(answer),
        iam_auth=bool(answer.get("IAMDatabaseAuthenticationEnabled")),
        log_exports=tuple(answer.get("EnabledCloudwatchLogsExports") or ()),
        minor_upgrades=bool(answer.get("AutoMinorVersionUpgrade", True)),
        storage_type=answer.get("StorageType", ""),
        iops=answer.get("Iops"),
        throughput=answer.get("StorageThroughput"),
        network_type=answer.get("NetworkType", ""),
        ca=answer.get("CACertificateIdentifier", ""),
        backup_window=answer.get("PreferredBackupWindow", ""),
        maintenance_window=answer.get("PreferredMaintenanceWindow", ""),
    )


def _cluster_config(answer: Mapping[str, Any]) -> Configuration:
    scaling = answer.get("ServerlessV2ScalingConfiguration") or {}
    return Configuration(
        instance_class=answer.get("DBClusterInstanceClass", ""),
        parameter_group=answer.get("DBClusterParameterGroup", ""),
        security_groups=_security_groups(answer),
        subnet_group=answer.get("DBSubnetGroup", "") or "",
        roles=_roles(answer),
        port=answer.get("Port"),
        multi_az=answer.get("MultiAZ"),
        public=answer.get("PubliclyAccessible"),
        kms_key=answer.get("KmsKeyId", ""),
        encryption=encryption(answer),
        iam_auth=bool(answer.get("IAMDatabaseAuthenticationEnabled")),
        log_exports=tuple(answer.get("EnabledCloudwatchLogsExports") or ()),
        minor_upgrades=bool(answer.get("AutoMinorVersionUpgrade", True)),
        storage_type=answer.get("StorageType", "") or "",
        iops=answer.get("Iops"),
        network_type=answer.get("NetworkType", ""),
        auto_pause=scaling.get("SecondsUntilAutoPause"),
        serverless=(float(scaling["MinCapacity"]), float(scaling["MaxCapacity"])) if scaling else None,
        members=tuple(
            Member(
                name=member["DBInstanceIdentifier"],
                writer=bool(member.get("IsClusterWriter")),
                promotion_tier=member.get("PromotionTier"),
            )
            for member in answer.get("DBClusterMembers") or []
        ),
        backup_window=answer.get("PreferredBackupWindow", ""),
        maintenance_window=answer.get("PreferredMaintenanceWindow", ""),
    )


def member(answer: Mapping[str, Any]) -> Member:
    """What a ``DBInstance`` tells of itself as a cluster's member; which of them writes, the cluster tells.

    Raises:
        Unexpected: it has no name.
    """
    with reading("DB instance", answer, "DBInstanceIdentifier"):
        return Member(
            name=answer["DBInstanceIdentifier"],
            writer=False,
            parameter_group=_first(answer.get("DBParameterGroups"), "DBParameterGroupName"),
            instance_class=answer.get("DBInstanceClass", ""),
            public=answer.get("PubliclyAccessible"),
        )


def with_members(database: Database, instances: Sequence[Mapping[str, Any]]) -> Database:
    """The cluster with what only its members' own listing tells: class, group and reach of each, and the CA."""
    joined = database.with_members({each["DBInstanceIdentifier"]: member(each) for each in instances})
    certificate = next((str(each.get("CACertificateIdentifier") or "") for each in instances), "")
    return replace(joined, config=replace(joined.config, ca=certificate))


def snapshot(answer: Mapping[str, Any], kind: Kind) -> Snapshot:
    """A ``DBSnapshot`` or ``DBClusterSnapshot``.

    An instance snapshot's data is as old as ``SnapshotDatabaseTime``, else ``OriginalSnapshotCreateTime``; a cluster
    snapshot has neither, and its own creation is that of its data only when it is no copy.

    Raises:
        Unexpected: a field that every snapshot has is missing or of another type.
    """
    prefix = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    source = "DBInstanceIdentifier" if kind is Kind.INSTANCE else "DBClusterIdentifier"
    with reading("snapshot", answer, f"{prefix}Identifier"):
        own_age = None if answer.get("SourceDBClusterSnapshotArn") else answer.get("SnapshotCreateTime")
        return Snapshot(
            id=answer[f"{prefix}Identifier"],
            arn=answer[f"{prefix}Arn"],
            kind=kind,
            source=answer[source],
            engine=answer["Engine"],
            engine_version=answer.get("EngineVersion", ""),
            status=answer["Status"],
            ready=answer["Status"] == "available",
            data_time=aware(answer.get("SnapshotDatabaseTime") or answer.get("OriginalSnapshotCreateTime") or own_age),
            kms_key=answer.get("KmsKeyId", ""),
            tags={tag["Key"]: tag.get("Value", "") for tag in answer.get("TagList") or []},
        )
