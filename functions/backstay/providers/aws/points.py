"""RDS answers as recovery points. A fleet has a million of them, so this reads each with few calls and few copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.errors import Unexpected
from backstay.core.model import Kind, RecoveryWindow, Scope
from backstay.core.points import Origin, PointState, RecoveryPoint, ReplicatedBackups, tagged_data_time
from backstay.providers.aws.shapes import (
    FOREIGN_ENGINES,
    UNREADABLE,
    aware,
    encryption,
    provisioned,
    reading,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# RDS API reference, ``DBSnapshot.Status`` and ``DBClusterSnapshot.Status``, which list no values; these are what the
# user guides, the console and the waiters of the SDKs know. Any other is UNKNOWN.
_STATES: Final[Mapping[str, PointState]] = {
    "available": PointState.AVAILABLE,
    "creating": PointState.CREATING,
    "copying": PointState.CREATING,
    "pending": PointState.CREATING,
    "failed": PointState.FAILED,
    "canceled": PointState.FAILED,
    "cancelled": PointState.FAILED,
    "deleting": PointState.LEAVING,
    "deleted": PointState.LEAVING,
}
_ORIGINS: Final[Mapping[str, Origin]] = {
    "manual": Origin.MANUAL,
    "automated": Origin.AUTOMATED,
    "awsbackup": Origin.AWS_BACKUP,
}
_BACKUPS: Final = "awsbackup:"
_ARN: Final = "arn:"
# What an automated backup is called while it is kept here of another region's instance. Source: AWS CLI reference,
# the examples of (start|stop)-db-instance-automated-backups-replication.
_REPLICATED: Final = frozenset({"pending", "replicating"})


def state_of(status: str) -> PointState:
    """Our reading of a snapshot's status; one that we have not met is UNKNOWN."""
    return _STATES.get(status, PointState.UNKNOWN)


def origin_of(kind: str, name: str) -> Origin:
    """Who made a snapshot, by RDS's type; AWS Backup's of clusters are of type manual, and told by their names."""
    return Origin.AWS_BACKUP if name.startswith(_BACKUPS) else _ORIGINS.get(kind, Origin.OTHER)


def point(answer: Mapping[str, Any], kind: Kind, scope: Scope) -> RecoveryPoint:
    """A ``DBSnapshot`` or ``DBClusterSnapshot``.

    Raises:
        Unexpected: a field that every snapshot has is missing or of another type.
    """
    instance = kind is Kind.INSTANCE
    try:
        return _instance_point(answer, scope) if instance else _cluster_point(answer, scope)
    except UNREADABLE as exc:
        name = "DBSnapshotIdentifier" if instance else "DBClusterSnapshotIdentifier"
        raise unreadable("snapshot", answer, name, exc) from exc


def _instance_point(answer: Mapping[str, Any], scope: Scope) -> RecoveryPoint:
    name, status = answer["DBSnapshotIdentifier"], answer["Status"]
    made, tags = aware(answer.get("SnapshotCreateTime")), _tags(answer)
    source = answer.get("SourceDBSnapshotIdentifier") or ""
    told = aware(answer.get("SnapshotDatabaseTime") or answer.get("OriginalSnapshotCreateTime"))
    return RecoveryPoint(
        id=name,
        arn=answer["DBSnapshotArn"],
        scope=scope,
        kind=Kind.INSTANCE,
        source=answer["DBInstanceIdentifier"],
        origin=origin_of(answer["SnapshotType"], name),
        status=status,
        state=state_of(status),
        made=made,
        data_time=told or _data_time(made, tags, copied=bool(source)),
        tags=tags,
        engine=answer["Engine"],
        engine_version=answer.get("EngineVersion", ""),
        encryption=encryption(answer),
        kms_key=answer.get("KmsKeyId", ""),
        copied_from=source if source.startswith(_ARN) else "",
        option_group=answer.get("OptionGroupName", ""),
        gb=provisioned(answer),
    )


def _cluster_point(answer: Mapping[str, Any], scope: Scope) -> RecoveryPoint:
    name, status = answer["DBClusterSnapshotIdentifier"], answer["Status"]
    made, tags = aware(answer.get("SnapshotCreateTime")), _tags(answer)
    source = answer.get("SourceDBClusterSnapshotArn") or ""
    return RecoveryPoint(
        id=name,
        arn=answer["DBClusterSnapshotArn"],
        scope=scope,
        kind=Kind.CLUSTER,
        source=answer["DBClusterIdentifier"],
        origin=origin_of(answer["SnapshotType"], name),
        status=status,
        state=state_of(status),
        made=made,
        data_time=_data_time(made, tags, copied=bool(source)),
        tags=tags,
        engine=answer["Engine"],
        engine_version=answer.get("EngineVersion", ""),
        encryption=encryption(answer),
        kms_key=answer.get("KmsKeyId", ""),
        copied_from=source,
        gb=provisioned(answer),
    )


def _data_time(made: datetime | None, tags: Mapping[str, str], *, copied: bool) -> datetime | None:
    """Where RDS tells no time of the data: an original's own creation, and of a copy what our tag says."""
    return tagged_data_time(tags) if copied else made


def _tags(answer: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in answer.get("TagList") or ()}


def points(answers: list[Any], kind: Kind, scope: Scope) -> tuple[list[RecoveryPoint], list[str]]:
    """Those that can be read, and of the others what is wrong with each.

    DocumentDB's and Neptune's, which answer on the same API, are left out: of databases that are not covered.
    """
    found, bad = [], []
    for answer in answers:
        try:
            each = point(answer, kind, scope)
        except Unexpected as exc:
            bad.append(str(exc))
            continue
        if each.engine not in FOREIGN_ENGINES:
            found.append(each)
    return found, bad


def replicated(answer: Mapping[str, Any], scope: Scope) -> ReplicatedBackups | None:
    """A ``DBInstanceAutomatedBackup``; None for one that is not kept here of another region's instance.

    Raises:
        Unexpected: a field that every automated backup has is missing or of another type.
    """
    with reading("automated backup", answer, "DBInstanceIdentifier"):
        status = answer["Status"]
        if status not in _REPLICATED or answer["Region"] == scope.region:
            return None
        window: Mapping[str, Any] = answer.get("RestoreWindow") or {}
        latest = aware(window.get("LatestTime"))
        return ReplicatedBackups(
            arn=answer["DBInstanceAutomatedBackupsArn"],
            scope=scope,
            source=answer["DBInstanceArn"],
            status=status,
            window=None if latest is None else RecoveryWindow(aware(window.get("EarliestTime")), latest),
        )
