"""DeleteDBInstance and DeleteDBCluster."""

from __future__ import annotations

from typing import Any

from tests.lab.rds import databases, lifecycle, secrets, shapes, snapshots
from tests.lab.rds.lab import Arguments, Call, frozen
from tests.lab.rds.model import fault, invalid_combination
from tests.lab.rds.state import Cluster, Instance

INSTANCE = frozenset(
    {"DBInstanceIdentifier", "SkipFinalSnapshot", "FinalDBSnapshotIdentifier", "DeleteAutomatedBackups"}
)
CLUSTER = frozenset({"DBClusterIdentifier", "SkipFinalSnapshot", "FinalDBSnapshotIdentifier", "DeleteAutomatedBackups"})

PROTECTED = "Cannot delete protected {}, please disable deletion protection and try again."


def _final_snapshot(arguments: Arguments) -> str | None:
    """Name of the final snapshot.

    Source: FinalDBSnapshotIdentifier and SkipFinalSnapshot: exactly one of both must be given.
    """
    final: str | None = arguments.get("FinalDBSnapshotIdentifier")
    skip = arguments.get("SkipFinalSnapshot", False)
    if skip and final is not None:
        raise invalid_combination("FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is enabled")
    if not skip and final is None:
        raise invalid_combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
    return final


def instance(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DeleteDBInstance. Automated backups go with it unless DeleteAutomatedBackups is false."""
    item = databases.instance(call.region, arguments["DBInstanceIdentifier"])
    if item.status == "deleting":
        raise fault("InvalidDBInstanceStateFault", f"Instance {item.identifier} is already being deleted.")
    if item.cluster is not None:
        return _member(call, item)
    final = _final_snapshot(arguments)
    if item.deletion_protection:
        raise invalid_combination(PROTECTED.format("DB Instance"))
    if final is not None and item.status not in ("available", "backing-up", "storage-optimization"):
        raise fault(
            "InvalidDBInstanceStateFault",
            f"Instance {item.identifier} is {item.status}: it can only be deleted with SkipFinalSnapshot.",
        )
    if final is not None:
        snapshots.take_instance(call, item, final, {})
    item.status, item.deleted = "deleting", True
    shown = shapes.instance(call.region, item)
    _finish(call, item, keep=_kept(arguments, item))
    return {"DBInstance": shown}


def _kept(arguments: Arguments, item: Instance | Cluster) -> bool:
    return not arguments.get("DeleteAutomatedBackups", True) and item.retention > 0 and item.earliest is not None


def _member(call: Call, item: Instance) -> dict[str, Any]:
    """A member has no data of its own; when the last one goes, the endpoint closes."""
    owner = call.region.clusters[item.cluster or ""]
    if not owner.aurora:
        raise fault("InvalidDBClusterStateFault", "Members of a Multi-AZ DB cluster are deleted with the cluster")
    item.status, item.deleted = "deleting", True

    def work() -> None:
        with call.lab.jobs.at_least(0.5):
            with call.lab.store.lock:
                owner.members.remove(item.identifier)
            server = call.lab.servers.find(owner.resource_id)
            if not owner.members and not owner.deleted and server is not None:
                server.cluster.restart(listen=False)
        with call.lab.store.lock:
            del call.region.instances[item.identifier]
        call.lab.events.happened(call.region, item, "RDS-EVENT-0003")

    lifecycle.start(call.lab, call.region, owner, f"delete member {item.identifier}", work)
    return {"DBInstance": shapes.instance(call.region, item)}


def cluster(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DeleteDBCluster. An Aurora cluster's members must be deleted first."""
    item = databases.cluster(call.region, arguments["DBClusterIdentifier"])
    final = _final_snapshot(arguments)
    if item.status == "deleting":
        raise fault("InvalidDBClusterStateFault", f"Cluster {item.identifier} is already being deleted.")
    if item.deletion_protection:
        raise invalid_combination(PROTECTED.format("DB Cluster"))
    living = [name for name in item.members if call.region.instances[name].status != "deleting"]
    if item.aurora and living:
        raise fault(
            "InvalidDBClusterStateFault",
            "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
        )
    if final is not None:
        databases.need_cluster_state(item, frozenset({"available"}))
        snapshots.take_cluster(call, item, final, {})
    item.status, item.deleted = "deleting", True
    for name in item.members:
        call.region.instances[name].status = "deleting"
    shown = shapes.cluster(item)
    _finish(call, item, keep=_kept(arguments, item))
    return {"DBCluster": shown}


def _finish(call: Call, item: Instance | Cluster, *, keep: bool) -> None:
    lab, region = call.lab, call.region
    databases.refresh(lab, item)
    retained = frozen(item)

    def work() -> None:
        with lab.jobs.at_least(0.5):
            lab.servers.remove(item.resource_id, keep_backups=keep)
            secrets.delete(lab, item)
        with lab.store.lock:
            lifecycle.forget_automated(region, item)
            if isinstance(item, Instance):
                del region.instances[item.identifier]
            else:
                for name in item.members:
                    region.instances.pop(name, None)
                del region.clusters[item.identifier]
            if keep:
                retained.status = "retained"
                region.retained[item.resource_id] = retained
        lab.events.happened(region, item, "RDS-EVENT-0003" if isinstance(item, Instance) else "RDS-EVENT-0171")

    lifecycle.start(lab, region, item, "delete", work)
