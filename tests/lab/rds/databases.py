"""Finding databases, their state and their restorable window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.rds import shapes
from tests.lab.rds.model import fault, not_here

if TYPE_CHECKING:
    import datetime as dt

    from tests.lab.rds.lab import Lab
    from tests.lab.rds.state import Cluster, Database, Instance, Region

MODIFIABLE = frozenset({"available", "storage-optimization"})


def short(value: str, kind: str) -> str:
    """Identifier in `value`, which may be an ARN of `kind` (`arn:aws:rds:region:account:kind:identifier`)."""
    parts = value.split(":", 6)
    return (parts[6] if len(parts) == 7 and parts[0] == "arn" and parts[5] == kind else value).lower()


def short_here(region: Region, value: str, kind: str) -> str:
    """Identifier in `value`; an ARN that is not of this region and account stays whole, and so names nothing here."""
    own = region.arn(kind, "")
    return value.removeprefix(own).lower()


def instance(region: Region, name: str) -> Instance:
    """The instance `name` (identifier or ARN)."""
    found = region.instances.get(short(name, "db"))
    if found is None:
        raise fault("DBInstanceNotFoundFault", f"DBInstance {short(name, 'db')} not found.")
    return found


def cluster(region: Region, name: str) -> Cluster:
    """The cluster `name` (identifier or ARN)."""
    found = region.clusters.get(short(name, "cluster"))
    if found is None:
        raise fault("DBClusterNotFoundFault", f"DBCluster {short(name, 'cluster')} not found.")
    return found


def need_instance_state(item: Instance, states: frozenset[str]) -> None:
    """InvalidDBInstanceState unless the status is one of `states`."""
    if item.status not in states:
        raise fault("InvalidDBInstanceStateFault", f"Instance {item.identifier} is not in available state.")


def need_cluster_state(item: Cluster, states: frozenset[str]) -> None:
    """InvalidDBClusterStateFault unless the status is one of `states`."""
    if item.status not in states:
        raise fault("InvalidDBClusterStateFault", f"DBCluster {item.identifier} is not in available state.")


def need_server(item: Instance | Cluster) -> None:
    """Engines that only exist as metadata cannot be worked with."""
    if item.metadata_only:
        raise not_here(f"Working with {item.identifier}, which is metadata only,")


def new_instance_name(region: Region, name: str) -> None:
    """The name is free and the quota allows one more."""
    if name in region.instances:
        raise fault("DBInstanceAlreadyExistsFault", "DB Instance already exists")
    if len(region.instances) >= region.quotas["DBInstances"]:
        raise fault("InstanceQuotaExceededFault", "DB Instance quota exceeded")


def new_cluster_name(region: Region, name: str) -> None:
    """The name is free and the quota allows one more."""
    if name in region.clusters:
        raise fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    if len(region.clusters) >= region.quotas["DBClusters"]:
        raise fault("DBClusterQuotaExceededFault", "DB Cluster quota exceeded")


def refresh(lab: Lab, item: Database) -> None:
    """Take over the measured latest restorable moment."""
    server = lab.servers.find(item.resource_id)
    if server is not None and server.heartbeat is not None and server.heartbeat.latest is not None:
        item.latest = server.heartbeat.latest


def need_moment(lab: Lab, item: Database, asked: dt.datetime | None) -> dt.datetime:
    """The moment to restore to (None: the latest one), inside the window as it is now.

    Source: RestoreDBInstanceToPointInTime: "any point in time before the time identified by
    LatestRestorableTime", "up to the number of days specified by BackupRetentionPeriod"; RestoreTime: "Must be before
    the latest restorable time for the DB instance".
    """
    if item.retention == 0:
        raise fault(
            "PointInTimeRestoreNotEnabledFault",
            f"Point-in-time restore is not enabled for {item.identifier}: BackupRetentionPeriod is 0",
        )
    refresh(lab, item)
    span = shapes.window(item)
    if span is None:
        raise fault("InvalidRestoreFault", f"{item.identifier} has no restorable time yet")
    earliest, latest = span
    if asked is not None and not earliest <= asked < latest:
        raise fault(
            "InvalidRestoreFault",
            f"The specified time {asked.isoformat()} is outside the restorable window of {item.identifier}: "
            f"{earliest.isoformat()} to before {latest.isoformat()}",
        )
    return latest if asked is None else asked
