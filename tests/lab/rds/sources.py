"""Which source a restore names, and whether it can be restored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tests.lab.rds import backup_shapes, databases, sharing
from tests.lab.rds.model import fault, invalid_combination, not_here
from tests.lab.rds.state import NOT_READY, Cluster, Instance, Snapshot

if TYPE_CHECKING:
    import datetime as dt

    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Region


def moment_asked(arguments: Arguments, parameter: str) -> dt.datetime | None:
    """The asked moment, or None for the latest one; exactly one of both must be given.

    Source: RestoreTime: "Can't be specified if the UseLatestRestorableTime parameter is enabled";
    RestoreToTime: "Must be specified if UseLatestRestorableTime parameter isn't provided".
    """
    moment: dt.datetime | None = arguments.get(parameter)
    if (moment is not None) == bool(arguments.get("UseLatestRestorableTime")):
        raise invalid_combination(f"Specify either {parameter} or UseLatestRestorableTime, and not both of them")
    return moment


Item = TypeVar("Item", Instance, Cluster)


def as_it_was(source: Item, moment: dt.datetime) -> Item:
    """The source at the engine version of `moment`, which is the one that a restore has.

    Source: Aurora user guide, "Upgrading the Aurora PostgreSQL engine to a new major version": "If you want to return
    to a previous version after an upgrade is complete, you can restore the DB cluster […] to a specific point in time
    before the upgrade started". The groups that a restore names must be of that version's family.
    """
    version = next((before for when, before in source.upgrades if moment < when), source.engine_version)
    return replace(source, engine_version=version)


def instance_restore_source(call: Call, arguments: Arguments) -> Instance:
    """The instance (living, or deleted with its backups retained) that a point-in-time restore names."""
    region = call.region
    asked = [
        name
        for name in ("SourceDBInstanceIdentifier", "SourceDbiResourceId", "SourceDBInstanceAutomatedBackupsArn")
        if name in arguments
    ]
    if len(asked) != 1:
        raise invalid_combination("Exactly one source must be specified")
    value = arguments[asked[0]]
    if asked[0] == "SourceDBInstanceIdentifier":
        found = databases.instance(region, value)
    else:
        known = [*region.instances.values(), *region.retained.values(), *replicated(region)]
        matching = [i for i in known if isinstance(i, Instance) and value in _called(region, i)]
        if not matching:
            raise fault("DBInstanceAutomatedBackupNotFoundFault", f"Automated backup {value} not found")
        found = matching[0]
    if found.cluster is not None or found.metadata_only:
        raise invalid_combination(f"{found.identifier} is a cluster's member or metadata: it has no backups of its own")
    if found.status in NOT_READY | {"pending"} and found.resource_id not in region.retained:
        raise fault("InvalidDBInstanceStateFault", f"Instance {found.identifier} is {found.status}")
    return found


def replicated(region: Region) -> list[Instance]:
    """Instances of other regions whose backups are kept here; their data is found by the replica's own name."""
    return [replace(each.source, resource_id=each.store) for each in region.replications.values()]


def _called(region: Region, item: Instance) -> set[str]:
    kept = next((each for each in region.replications.values() if each.store == item.resource_id), None)
    if kept is not None:
        return {kept.arn, kept.source.resource_id}
    return {item.resource_id, backup_shapes.backup_arn(region, item)}


def cluster_restore_source(call: Call, arguments: Arguments) -> Cluster:
    """The cluster (living, or deleted with its backups retained) that a point-in-time restore names."""
    region = call.region
    asked = [n for n in ("SourceDBClusterIdentifier", "SourceDbClusterResourceId") if n in arguments]
    if len(asked) != 1:
        raise invalid_combination("Exactly one source must be specified")
    value = arguments[asked[0]]
    if asked[0] == "SourceDBClusterIdentifier":
        found = databases.cluster(region, value)
    else:
        known = [*region.clusters.values(), *region.retained.values()]
        matching = [c for c in known if isinstance(c, Cluster) and value == c.resource_id]
        if not matching:
            raise fault("DBClusterAutomatedBackupNotFoundFault", f"Automated backup {value} not found")
        found = matching[0]
    if found.metadata_only:
        raise invalid_combination(f"{found.identifier} is metadata only in this lab")
    if found.status in NOT_READY and found.resource_id not in region.retained:
        raise fault("InvalidDBClusterStateFault", f"Cluster {found.identifier} is {found.status}")
    return found


def instance_snapshot_source(call: Call, arguments: Arguments) -> Snapshot:
    """The snapshot that RestoreDBInstanceFromDBSnapshot names."""
    if ("DBSnapshotIdentifier" in arguments) == ("DBClusterSnapshotIdentifier" in arguments):
        raise invalid_combination("Specify either DBSnapshotIdentifier or DBClusterSnapshotIdentifier")
    if "DBClusterSnapshotIdentifier" in arguments:
        return _cluster_snapshot(call, arguments["DBClusterSnapshotIdentifier"])
    return _available(call, "instance", arguments["DBSnapshotIdentifier"])


def cluster_snapshot_source(call: Call, arguments: Arguments) -> Snapshot:
    """The snapshot that RestoreDBClusterFromSnapshot names."""
    return _cluster_snapshot(call, arguments["SnapshotIdentifier"])


def _cluster_snapshot(call: Call, value: str) -> Snapshot:
    return _available(call, "cluster", value)


def _available(call: Call, kind: str, asked: str) -> Snapshot:
    """The caller's own snapshot: what another account shares is copied first here, as encrypted ones have to be."""
    shape, arn_kind = ("DBSnapshot", "snapshot") if kind == "instance" else ("DBClusterSnapshot", "cluster-snapshot")
    name = databases.short_here(call.region, asked, arn_kind)
    if any(item.arn == asked for item in sharing.shared_here(call, kind)):
        raise not_here(f"Restoring from {asked}, which is another account's,")
    found = call.region.snapshots_of(kind).get(name)
    if found is None:
        raise fault(f"{shape}NotFoundFault", f"{shape} {name} not found.")
    if found.status != "available":
        raise fault(f"Invalid{shape}StateFault", f"{shape} {name} is {found.status}")
    return found
