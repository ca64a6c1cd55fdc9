"""Manual snapshots: create, describe, delete. Automated ones are described beside them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tests.lab.rds import databases, lifecycle, names, shapes, sharing
from tests.lab.rds.lab import Arguments, Call, frozen
from tests.lab.rds.model import fault, invalid_value
from tests.lab.rds.paging import page, select
from tests.lab.rds.state import Cluster, Instance, Region, Snapshot, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.lab.rds.shapes import Shape

_OWN = frozenset({"automated", "manual", "awsbackup"})
_OTHERS = frozenset({"shared", "public"})
COMPLETE = 100
TAKING = 3.0
"""Paces that taking a snapshot lasts at least: several calls are made about one that is being taken."""
BACKUP_PREFIX = "awsbackup:"
"""AWS Backup's snapshots of clusters have no type of their own (DescribeDBClusterSnapshots); only it deletes them."""
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
        with lab.jobs.at_least(TAKING):
            made.folder, moment = lab.servers.snapshot(item.resource_id)
            lab.jobs.wait_free()
        with lab.store.lock:
            if known.get(made.identifier) is not made:
                remove_folder(made)
                return
            made.created, made.status, made.progress = now(), "available", 100
            made.original, made.data_time = made.created, moment
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
    name = databases.short_here(call.region, asked, "snapshot" if shape == "DBSnapshot" else "cluster-snapshot")
    if name not in known:
        raise fault(f"{shape}NotFoundFault", f"{shape} {name} not found.")
    item = known[name]
    if item.type != "manual" or name.startswith(BACKUP_PREFIX) or not (item.status in _DELETABLE or item.copying):
        raise fault(f"Invalid{shape}StateFault", f"{shape} {name} is {item.type} and {item.status}")
    del known[name]
    call.lab.copies.cancel(item)
    remove_folder(item)
    item.status = "deleted"
    return item


def _chosen(
    call: Call, arguments: Arguments, kind: str, names_of: tuple[str, str, str], missing: str
) -> dict[str, Snapshot]:
    """Snapshots by source, resource id and type, or the one that is named; by the identifier that is shown.

    Without SnapshotType: the account's own of all types. "If this identifier is for an automated snapshot, the
    SnapshotType parameter must also be specified" (RDS API reference, DescribeDBSnapshots).
    """
    asked, source, resource = (arguments.get(name) for name in names_of)
    wanted = arguments.get("SnapshotType")
    if wanted is not None and wanted not in _OWN | _OTHERS:
        raise invalid_value(f"Invalid SnapshotType: {wanted}")
    known = {} if wanted in _OTHERS else dict(call.region.snapshots_of(kind))
    if wanted in _OWN:
        known = {name: item for name, item in known.items() if item.type == wanted}
    known |= {item.arn: item for item in _from_others(call, arguments, kind)}
    if asked is not None:
        name = databases.short_here(call.region, asked, "snapshot" if kind == "instance" else "cluster-snapshot")
        if name not in known or (name.startswith("rds:") and wanted != "automated"):
            raise fault(missing, f"{asked} not found.")
        known = {name: known[name]}
    if source is None and resource is None:
        return known
    return {
        name: item
        for name, item in known.items()
        if source is None or item.source.identifier == source.lower()
        if resource is None or item.source.resource_id == resource
    }


def _from_others(call: Call, arguments: Arguments, kind: str) -> list[Snapshot]:
    """What other accounts share with this one, if it is asked for: SnapshotType, IncludeShared, IncludePublic."""
    wanted = arguments.get("SnapshotType")
    shared = wanted == "shared" or (wanted is None and arguments.get("IncludeShared", False))
    public = wanted == "public" or (wanted is None and arguments.get("IncludePublic", False))
    if not shared and not public:
        return []
    here = call.region.account
    return [
        item
        for item in sharing.shared_here(call, kind)
        if (shared and here in item.shared) or (public and sharing.EVERYBODY in item.shared)
    ]


def _page(
    call: Call, arguments: Arguments, items: dict[str, Snapshot], show: Callable[[Snapshot], Shape], shape: str
) -> dict[str, Any]:
    """One page; of another account's snapshot the identifier is its ARN, and its tags are not shown."""

    def shown(item: Snapshot) -> Shape:
        found = show(item)
        if item.arn.split(":")[4] == call.region.account:
            return found
        kind = "shared" if call.region.account in item.shared else "public"
        return found | {f"{shape}Identifier": item.arn, "SnapshotType": kind, "TagList": []}

    return page(arguments, items, shown, f"{shape}s")


def _select(
    arguments: Arguments, items: dict[str, Snapshot], known: dict[str, Callable[[Snapshot], Iterable[str | None]]]
) -> dict[str, Snapshot]:
    if not arguments.get("Filters"):
        return items
    kept = {id(item) for item in select(arguments, items.values(), known)}
    return {name: item for name, item in items.items() if id(item) in kept}


def describe_instance_snapshots(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBSnapshots."""
    members = ("DBSnapshotIdentifier", "DBInstanceIdentifier", "DbiResourceId")
    known = _chosen(call, arguments, "instance", members, "DBSnapshotNotFoundFault")
    found = _select(
        arguments,
        known,
        {
            "db-instance-id": lambda s: (s.source.identifier, s.source.arn),
            "db-snapshot-id": lambda s: (s.identifier,),
            "dbi-resource-id": lambda s: (s.source.resource_id,),
            "snapshot-type": lambda s: (s.type,),
            "engine": lambda s: (s.source.engine,),
        },
    )
    return _page(call, arguments, found, lambda s: shapes.snapshot(call.region, s), "DBSnapshot")


def describe_cluster_snapshots(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBClusterSnapshots."""
    members = ("DBClusterSnapshotIdentifier", "DBClusterIdentifier", "DbClusterResourceId")
    known = _chosen(call, arguments, "cluster", members, "DBClusterSnapshotNotFoundFault")
    found = _select(
        arguments,
        known,
        {
            "db-cluster-id": lambda s: (s.source.identifier, s.source.arn),
            "db-cluster-snapshot-id": lambda s: (s.identifier,),
            "snapshot-type": lambda s: (s.type,),
            "engine": lambda s: (s.source.engine,),
        },
    )
    return _page(call, arguments, found, lambda s: shapes.cluster_snapshot(call.region, s), "DBClusterSnapshot")
