"""Manual snapshots: create, describe, delete. Automated ones are described beside them."""

from __future__ import annotations

import shutil
from typing import Any

from tests.lab.rds import databases, lifecycle, names, shapes
from tests.lab.rds.lab import Arguments, Call, frozen
from tests.lab.rds.model import fault, invalid_value
from tests.lab.rds.paging import page, select
from tests.lab.rds.state import Cluster, Instance, Region, Snapshot, now

_TYPES = frozenset({"automated", "manual"})
COMPLETE = 100
_DELETABLE = frozenset({"available", "failed"})
_CLUSTER_NAMES = ("DBClusterSnapshot", "ManualClusterSnapshots")


def create_instance_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateDBSnapshot. The instance must be available or storage-optimization."""
    item = databases.instance(call.region, arguments["DBInstanceIdentifier"])
    databases.need_server(item)
    if item.cluster is not None:
        raise invalid_value(f"{item.identifier} has no storage of its own: snapshot its cluster")
    databases.need_instance_state(item, databases.MODIFIABLE)
    tags = names.tags(arguments.get("Tags", []))
    made = take_instance(call, item, arguments["DBSnapshotIdentifier"], tags)
    return {"DBSnapshot": shapes.snapshot(call.region, made)}


def create_cluster_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateDBClusterSnapshot."""
    item = databases.cluster(call.region, arguments["DBClusterIdentifier"])
    databases.need_server(item)
    databases.need_cluster_state(item, frozenset({"available"}))
    tags = names.tags(arguments.get("Tags", []))
    made = take_cluster(call, item, arguments["DBClusterSnapshotIdentifier"], tags)
    return {"DBClusterSnapshot": shapes.cluster_snapshot(call.region, made)}


def take_instance(call: Call, item: Instance, asked: str, tags: dict[str, str]) -> Snapshot:
    """Begin a manual snapshot of an instance."""
    region = call.region
    name = names.identifier(asked, "DBSnapshotIdentifier", names.SNAPSHOT_LENGTH)
    may_be_added(region, "instance", name)
    return _take(call, _snapshot(call, item, name, "snapshot", tags), item, region.snapshots)


def take_cluster(call: Call, item: Cluster, asked: str, tags: dict[str, str]) -> Snapshot:
    """Begin a manual snapshot of a cluster: its identifier has 63 characters at most."""
    region = call.region
    name = names.identifier(asked, "DBClusterSnapshotIdentifier")
    may_be_added(region, "cluster", name)
    return _take(call, _snapshot(call, item, name, "cluster-snapshot", tags), item, region.cluster_snapshots)


def may_be_added(region: Region, kind: str, name: str) -> None:
    """The name is free, and the quota of manual snapshots of instances or of clusters (`kind`) allows one more.

    The words are RDS's own, as people report them: https://github.com/pbudzon/aws-maintenance/issues/12
    """
    shape, quota = ("DBSnapshot", "ManualSnapshots") if kind == "instance" else _CLUSTER_NAMES
    known, most = region.snapshots_of(kind), region.quotas[quota]
    if name in known:
        raise fault(
            f"{shape}AlreadyExistsFault",
            f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.",
        )
    if sum(1 for snapshot in known.values() if snapshot.type == "manual") >= most:
        raise fault("SnapshotQuotaExceededFault", f"Cannot create more than {most} manual snapshots")


def _snapshot(call: Call, item: Instance | Cluster, name: str, kind: str, tags: dict[str, str]) -> Snapshot:
    copied = dict(item.tags) if item.copy_tags and not tags else {}
    arn = call.region.arn(kind, name)
    return Snapshot(name, arn, item.kind, "manual", frozen(item), "creating", None, tags | copied)


def _take(call: Call, made: Snapshot, item: Instance | Cluster, known: dict[str, Snapshot]) -> Snapshot:
    lab, region = call.lab, call.region
    known[made.identifier] = made
    instance = isinstance(item, Instance)
    if instance:
        item.status = "backing-up"

    def work() -> None:
        with lab.jobs.at_least():
            made.folder, made.data_time = lab.servers.snapshot(item.resource_id)
        with lab.store.lock:
            if known.get(made.identifier) is not made:
                remove_folder(made)
                return
            made.created, made.status, made.progress = now(), "available", 100
            made.original = made.created
        lifecycle.set_status(lab, item, "available")
        lab.events.happened(region, made, "RDS-EVENT-0042" if instance else "RDS-EVENT-0075")

    lab.events.happened(region, made, "RDS-EVENT-0040" if instance else "RDS-EVENT-0074")
    lifecycle.start(lab, region, item, f"snapshot {made.identifier} of", work)
    return made


def remove_folder(snapshot: Snapshot) -> None:
    """Remove a snapshot's data."""
    if snapshot.folder is not None:
        shutil.rmtree(snapshot.folder, ignore_errors=True)


def delete_instance_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DeleteDBSnapshot: manual ones only, available or failed; of a copy in flight it is how that is cancelled.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html, "Canceling a snapshot copy".
    """
    item = _removed(call, call.region.snapshots, arguments["DBSnapshotIdentifier"], "DBSnapshot")
    if item.progress == COMPLETE:
        call.lab.events.happened(call.region, item, "RDS-EVENT-0041")
    return {"DBSnapshot": shapes.snapshot(call.region, item)}


def delete_cluster_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DeleteDBClusterSnapshot. RDS sends no event for it."""
    item = _removed(call, call.region.cluster_snapshots, arguments["DBClusterSnapshotIdentifier"], "DBClusterSnapshot")
    return {"DBClusterSnapshot": shapes.cluster_snapshot(call.region, item)}


def _removed(call: Call, known: dict[str, Snapshot], asked: str, shape: str) -> Snapshot:
    name = asked.lower()
    if name not in known:
        raise fault(f"{shape}NotFoundFault", f"{shape} {name} not found.")
    item = known[name]
    if item.type != "manual" or not (item.status in _DELETABLE or item.copying):
        raise fault(f"Invalid{shape}StateFault", f"{shape} {name} is {item.type} and {item.status}")
    del known[name]
    call.lab.copies.cancel(item)
    remove_folder(item)
    item.status = "deleted"
    return item


def _chosen(
    arguments: Arguments, known: dict[str, Snapshot], names_of: tuple[str, str, str], missing: str
) -> list[Snapshot]:
    """Snapshots by identifier, source, resource id and type; nobody shares any with this lab.

    "If this identifier is for an automated snapshot, the SnapshotType parameter must also be specified" (RDS API
    reference, DescribeDBSnapshots).
    """
    own, source, resource = (arguments.get(name) for name in names_of)
    arn_kind = "snapshot" if names_of[0] == "DBSnapshotIdentifier" else "cluster-snapshot"
    own = None if own is None else databases.short(own, arn_kind)
    kind = arguments.get("SnapshotType")
    if kind is not None and kind not in _TYPES:
        raise invalid_value(f"SnapshotType {kind} is not available in this lab")
    untold = own is not None and own.startswith("rds:") and kind != "automated"
    if own is not None and (untold or own not in known):
        raise fault(missing, f"{own} not found.")
    return [
        s
        for s in known.values()
        if own is None or s.identifier == own
        if source is None or s.source.identifier == source.lower()
        if resource is None or s.source.resource_id == resource
        if kind is None or s.type == kind
    ]


def describe_instance_snapshots(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBSnapshots."""
    members = ("DBSnapshotIdentifier", "DBInstanceIdentifier", "DbiResourceId")
    found = _chosen(arguments, call.region.snapshots, members, "DBSnapshotNotFoundFault")
    found = select(
        arguments,
        found,
        {
            "db-instance-id": lambda s: (s.source.identifier, s.source.arn),
            "db-snapshot-id": lambda s: (s.identifier,),
            "dbi-resource-id": lambda s: (s.source.resource_id,),
            "snapshot-type": lambda s: (s.type,),
            "engine": lambda s: (s.source.engine,),
        },
    )
    items = {s.identifier: s for s in found}
    return page(arguments, items, lambda s: shapes.snapshot(call.region, s), "DBSnapshots")


def describe_cluster_snapshots(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBClusterSnapshots."""
    members = ("DBClusterSnapshotIdentifier", "DBClusterIdentifier", "DbClusterResourceId")
    found = _chosen(arguments, call.region.cluster_snapshots, members, "DBClusterSnapshotNotFoundFault")
    found = select(
        arguments,
        found,
        {
            "db-cluster-id": lambda s: (s.source.identifier, s.source.arn),
            "db-cluster-snapshot-id": lambda s: (s.identifier,),
            "snapshot-type": lambda s: (s.type,),
            "engine": lambda s: (s.source.engine,),
        },
    )
    items = {s.identifier: s for s in found}
    return page(arguments, items, lambda s: shapes.cluster_snapshot(call.region, s), "DBClusterSnapshots")
