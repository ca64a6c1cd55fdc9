"""Stop, start and reboot."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tests.lab.rds import databases, lifecycle, shapes, snapshots
from tests.lab.rds.changes import BACKUPS
from tests.lab.rds.model import invalid_combination
from tests.lab.rds.state import Cluster, Instance, now

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call

RESTARTS_AFTER = dt.timedelta(days=7)
_AVAILABLE, _STOPPED = frozenset({"available"}), frozenset({"stopped"})


def stop_instance(call: Call, arguments: Arguments) -> dict[str, Any]:
    """StopDBInstance. A pending change of the backups is dropped, and a stopped instance takes no backups.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
    """
    item = _alone(call, arguments)
    databases.need_instance_state(item, _AVAILABLE)
    if "DBSnapshotIdentifier" in arguments:
        snapshots.take_instance(call, item, arguments["DBSnapshotIdentifier"], {})
    _stop(call, item, "RDS-EVENT-0087")
    return {"DBInstance": shapes.instance(call.region, item)}


def start_instance(call: Call, arguments: Arguments) -> dict[str, Any]:
    """StartDBInstance."""
    item = _alone(call, arguments)
    databases.need_instance_state(item, _STOPPED)
    _start(call, item, "RDS-EVENT-0088")
    return {"DBInstance": shapes.instance(call.region, item)}


def stop_cluster(call: Call, arguments: Arguments) -> dict[str, Any]:
    """StopDBCluster."""
    item = databases.cluster(call.region, arguments["DBClusterIdentifier"])
    databases.need_server(item)
    databases.need_cluster_state(item, _AVAILABLE)
    _stop(call, item, "RDS-EVENT-0150")
    return {"DBCluster": shapes.cluster(item)}


def start_cluster(call: Call, arguments: Arguments) -> dict[str, Any]:
    """StartDBCluster."""
    item = databases.cluster(call.region, arguments["DBClusterIdentifier"])
    databases.need_cluster_state(item, _STOPPED)
    _start(call, item, "RDS-EVENT-0151")
    return {"DBCluster": shapes.cluster(item)}


def reboot_instance(call: Call, arguments: Arguments) -> dict[str, Any]:
    """RebootDBInstance: an outage of moments."""
    item = databases.instance(call.region, arguments["DBInstanceIdentifier"])
    databases.need_server(item)
    databases.need_instance_state(item, _AVAILABLE)
    if arguments.get("ForceFailover") and not item.multi_az:
        raise invalid_combination("ForceFailover cannot be specified since the instance is not configured for Multi-AZ")
    owner = call.region.clusters[item.cluster] if item.cluster else item
    item.status = "rebooting"

    def work() -> None:
        with call.lab.jobs.at_least(0.5):
            call.lab.servers.get(owner.resource_id).cluster.restart()
        lifecycle.set_status(call.lab, item, "available")
        call.lab.events.happened(call.region, item, "RDS-EVENT-0006")

    lifecycle.start(call.lab, call.region, owner, "reboot", work)
    return {"DBInstance": shapes.instance(call.region, item)}


def _alone(call: Call, arguments: Arguments) -> Instance:
    item = databases.instance(call.region, arguments["DBInstanceIdentifier"])
    databases.need_server(item)
    if item.cluster is not None:
        raise invalid_combination("Members of a cluster are stopped and started with the cluster")
    return item


def _stop(call: Call, item: Instance | Cluster, event: str) -> None:
    lab = call.lab
    databases.refresh(lab, item)
    item.status = "stopping"
    item.pending.pop(BACKUPS, None)

    def work() -> None:
        with lab.jobs.at_least(0.5):
            lab.servers.pause(item.resource_id)
            lab.servers.get(item.resource_id).cluster.stop()
        _show(call, item, "stopped")
        with lab.store.lock:
            item.attributes["AutomaticRestartTime"] = now() + RESTARTS_AFTER
        lab.events.happened(call.region, item, event)

    lifecycle.start(lab, call.region, item, "stop", work)


def _start(call: Call, item: Instance | Cluster, event: str) -> None:
    lab = call.lab
    item.status = "starting"
    item.attributes.pop("AutomaticRestartTime", None)

    def work() -> None:
        with lab.jobs.at_least(0.5):
            lab.servers.get(item.resource_id).cluster.start()
            lab.servers.resume(item.resource_id)
        _show(call, item, "available")
        lab.events.happened(call.region, item, event)

    lifecycle.start(lab, call.region, item, "start", work)


def _show(call: Call, item: Instance | Cluster, status: str) -> None:
    for name in item.members if isinstance(item, Cluster) else ():
        lifecycle.set_status(call.lab, call.region.instances[name], status)
    lifecycle.set_status(call.lab, item, status)
