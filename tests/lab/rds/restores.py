"""Restores: to a moment and from a snapshot, of instances and clusters. Always a new database.

Source of what a restore loses and keeps: RestoreDBInstanceToPointInTime ("with the default security
group, the default subnet group, and the default DB parameter group"; BackupRetentionPeriod "Default:
Uses existing setting"; CopyTagsToSnapshot "By default, tags are not copied"), and the field's
experience that the source's tags come along when none are passed.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.lab.rds import clusters, databases, groups, lifecycle, made, names, shapes
from tests.lab.rds.attributes import CLUSTER, INSTANCE, class_of, remembered, version_of
from tests.lab.rds.engines import ENGINES
from tests.lab.rds.faults import Plant
from tests.lab.rds.lab import Arguments, Call, Lab, frozen
from tests.lab.rds.model import fault, invalid_combination, invalid_value
from tests.lab.rds.plants import cut_archive, lose_row
from tests.lab.rds.servers import Source
from tests.lab.rds.sources import (
    as_it_was,
    cluster_restore_source,
    cluster_snapshot_source,
    instance_restore_source,
    instance_snapshot_source,
    moment_asked,
)
from tests.lab.rds.state import Cluster, Instance, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

LATE_SECONDS = 2.0

_INSTANCE_SHARED = frozenset(
    {
        "DBInstanceClass",
        "Port",
        "AvailabilityZone",
        "DBSubnetGroupName",
        "MultiAZ",
        "PubliclyAccessible",
        "AutoMinorVersionUpgrade",
        "Engine",
        "OptionGroupName",
        "CopyTagsToSnapshot",
        "Tags",
        "StorageType",
        "Iops",
        "StorageThroughput",
        "VpcSecurityGroupIds",
        "EnableIAMDatabaseAuthentication",
        "DBParameterGroupName",
        "DeletionProtection",
        "AllocatedStorage",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        *(name for name in INSTANCE if not name.startswith(("Monitoring", "Performance", "EnableP", "DatabaseI"))),
    }
) - {"PromotionTier"}

INSTANCE_TO_MOMENT = _INSTANCE_SHARED | {
    "SourceDBInstanceIdentifier",
    "TargetDBInstanceIdentifier",
    "RestoreTime",
    "UseLatestRestorableTime",
    "SourceDbiResourceId",
    "SourceDBInstanceAutomatedBackupsArn",
}
INSTANCE_FROM_SNAPSHOT = (_INSTANCE_SHARED - {"MaxAllocatedStorage"}) | {
    "DBInstanceIdentifier",
    "DBSnapshotIdentifier",
    "DBClusterSnapshotIdentifier",
}
_CLUSTER_SHARED = frozenset(
    {
        "DBClusterIdentifier",
        "Port",
        "DBSubnetGroupName",
        "OptionGroupName",
        "VpcSecurityGroupIds",
        "Tags",
        "KmsKeyId",
        "EnableIAMDatabaseAuthentication",
        "DBClusterParameterGroupName",
        "DeletionProtection",
        "CopyTagsToSnapshot",
        "DBClusterInstanceClass",
        "StorageType",
        "PubliclyAccessible",
        "Iops",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        *(name for name in CLUSTER if name not in {"EnableHttpEndpoint", "DatabaseInsightsMode"}),
    }
)
CLUSTER_TO_MOMENT = _CLUSTER_SHARED | {
    "RestoreType",
    "SourceDBClusterIdentifier",
    "RestoreToTime",
    "UseLatestRestorableTime",
    "SourceDbClusterResourceId",
}
CLUSTER_FROM_SNAPSHOT = _CLUSTER_SHARED | {
    "SnapshotIdentifier",
    "Engine",
    "EngineVersion",
    "DatabaseName",
}


def instance_to_moment(call: Call, arguments: Arguments) -> dict[str, Any]:
    """RestoreDBInstanceToPointInTime."""
    asked = moment_asked(arguments, "RestoreTime")
    source = instance_restore_source(call, arguments)
    name = names.identifier(arguments["TargetDBInstanceIdentifier"], "TargetDBInstanceIdentifier")
    databases.new_instance_name(call.region, name)
    moment = databases.need_moment(call.lab, source, asked)
    item = _restored_instance(call, arguments, name, as_it_was(source, moment), dict(source.tags))
    _launch(call, item, _to_moment(call, source, item, moment), ("RDS-EVENT-0019", source.identifier))
    return {"DBInstance": shapes.instance(call.region, item)}


def instance_from_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """RestoreDBInstanceFromDBSnapshot. Without new tags the source's own are added (CopyTagsToSnapshot's text)."""
    name = names.identifier(arguments["DBInstanceIdentifier"], "DBInstanceIdentifier")
    databases.new_instance_name(call.region, name)
    snapshot = instance_snapshot_source(call, arguments)
    source = snapshot.source
    if not isinstance(source, Instance):
        raise invalid_value("A Multi-AZ DB cluster's snapshot restores into a cluster in this lab")
    item = _restored_instance(call, arguments, name, source, dict(snapshot.tags or source.tags))
    _launch(call, item, _from_snapshot(call.lab, snapshot, item), ("RDS-EVENT-0043", snapshot.identifier))
    return {"DBInstance": shapes.instance(call.region, item)}


def cluster_to_moment(call: Call, arguments: Arguments) -> dict[str, Any]:
    """RestoreDBClusterToPointInTime. Aurora comes back without members: nothing to log in to yet."""
    asked = moment_asked(arguments, "RestoreToTime")
    kind = arguments.get("RestoreType", "full-copy")
    if kind not in ("full-copy", "copy-on-write"):
        raise invalid_value(f"Invalid RestoreType: {kind}")
    if kind == "copy-on-write" and asked is not None:
        raise invalid_combination("RestoreToTime can't be specified if RestoreType is copy-on-write")
    source = cluster_restore_source(call, arguments)
    name = clusters.cluster_name(arguments, ENGINES[source.engine])
    databases.new_cluster_name(call.region, name)
    moment = databases.need_moment(call.lab, source, asked)
    item = _restored_cluster(call, arguments, name, as_it_was(source, moment), dict(source.tags))
    _launch(call, item, _to_moment(call, source, item, moment), ("RDS-EVENT-0170", source.identifier))
    return {"DBCluster": shapes.cluster(item)}


def cluster_from_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """RestoreDBClusterFromSnapshot."""
    snapshot = cluster_snapshot_source(call, arguments)
    source = snapshot.source
    if not isinstance(source, Cluster):
        raise invalid_value("An instance's snapshot cannot be restored into a cluster in this lab")
    if arguments["Engine"] != source.engine:
        raise invalid_combination(f"Engine {arguments['Engine']} is not the snapshot's, {source.engine}")
    name = clusters.cluster_name(arguments, ENGINES[source.engine])
    databases.new_cluster_name(call.region, name)
    item = _restored_cluster(call, arguments, name, source, dict(snapshot.tags or source.tags))
    item.engine_version = version_of(ENGINES[source.engine], arguments.get("EngineVersion", source.engine_version))
    _launch(call, item, _from_snapshot(call.lab, snapshot, item), ("RDS-EVENT-0170", snapshot.identifier))
    return {"DBCluster": shapes.cluster(item)}


def _restored_instance(call: Call, arguments: Arguments, name: str, source: Instance, tags: dict[str, str]) -> Instance:
    region, engine = call.region, ENGINES[source.engine]
    if arguments.get("Engine", source.engine) != source.engine:
        raise invalid_combination(f"Engine {arguments['Engine']} is not compatible with {source.engine}")
    names.port(arguments.get("Port", engine.port))
    if arguments.get("AllocatedStorage", source.storage) < source.storage:
        raise invalid_combination("AllocatedStorage must be at least the source's")
    zone = made.zone(region, arguments)
    item = replace(
        frozen(source),
        **made.restored(call, arguments, source, name, tags),
        parameter_group=groups.parameter_group(
            call, arguments.get("DBParameterGroupName"), engine, source.engine_version
        ),
        storage=arguments.get("AllocatedStorage", source.storage),
        multi_az=arguments.get("MultiAZ", False),
        auto_minor=arguments.get("AutoMinorVersionUpgrade", source.auto_minor),
        throughput=arguments.get("StorageThroughput", source.throughput),
        instance_class=class_of(engine, source.engine_version, arguments.get("DBInstanceClass", source.instance_class)),
        zone=zone,
        attributes=remembered(arguments, INSTANCE),
    )
    region.instances[name] = item
    return item


def _restored_cluster(call: Call, arguments: Arguments, name: str, source: Cluster, tags: dict[str, str]) -> Cluster:
    region, engine = call.region, ENGINES[source.engine]
    names.port(arguments.get("Port", engine.port))
    asked = dict(arguments)
    if not source.aurora:
        asked.setdefault("DBClusterInstanceClass", source.instance_class)
    item = replace(
        frozen(source),
        **made.restored(call, arguments, source, name, tags),
        parameter_group=groups.cluster_parameter_group(
            call, arguments.get("DBClusterParameterGroupName"), engine, source.engine_version
        ),
        instance_class=clusters.cluster_class(engine, source.engine_version, asked),
        members=[],
        zones=region.zones(),
        attributes=remembered(arguments, CLUSTER),
    )
    region.clusters[name] = item
    clusters.add_members(call, item)
    return item


def _to_moment(
    call: Call, source: Instance | Cluster, item: Instance | Cluster, moment: dt.datetime
) -> Callable[[], None]:
    """The work of a point-in-time restore, with what is planted in its way."""
    lab = call.lab
    found = lab.servers.source(source.resource_id, moment)
    if found is None:
        raise fault("InvalidRestoreFault", f"{source.identifier} has no backup that reaches {moment.isoformat()}")

    def build() -> None:
        until = moment
        if lab.faults.planted(Plant.LATE_RESTORE):
            until = _later(lab, source, moment)
        if lab.faults.planted(Plant.WAL_GAP) and found.archive is not None:
            cut_archive(found)
        server = lab.servers.restore(item.resource_id, item.port, found, until, listen=_listens(item))
        if lab.faults.planted(Plant.ROW_LOST):
            lose_row(server.cluster)

    return build


def _later(lab: Lab, source: Instance | Cluster, moment: dt.datetime) -> dt.datetime:
    """Two seconds after what was asked, once the archive reaches that far (else as far as it does)."""
    late, deadline = moment + dt.timedelta(seconds=LATE_SECONDS), time.monotonic() + 5
    while time.monotonic() < deadline and not lab.jobs.stopping.is_set():
        databases.refresh(lab, source)
        if source.latest is not None and source.latest >= late:
            return late
        lab.jobs.stopping.wait(0.1)
    return source.latest or moment


def _from_snapshot(lab: Lab, snapshot: Snapshot, item: Instance | Cluster) -> Callable[[], None]:
    folder = snapshot.folder
    if folder is None or not folder.exists():
        raise fault("InvalidRestoreFault", f"Snapshot {snapshot.identifier} holds no data in this lab")

    def build() -> None:
        server = lab.servers.restore(item.resource_id, item.port, Source(folder, None), None, listen=_listens(item))
        if lab.faults.planted(Plant.ROW_LOST):
            lose_row(server.cluster)

    return build


def _listens(item: Instance | Cluster) -> bool:
    return not (isinstance(item, Cluster) and item.aurora)


def _launch(call: Call, item: Instance | Cluster, build: Callable[[], None], event: tuple[str, str]) -> None:
    lifecycle.bring_up(call.lab, call.region, item, build, [event])
