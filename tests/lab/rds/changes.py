"""How a modification becomes true: at once, soon, or in the maintenance window.

Source: ModifyDBInstance. BackupRetentionPeriod: "applied during the next maintenance window unless the
ApplyImmediately parameter is enabled", "from one non-zero value to another non-zero value, the change is
asynchronously applied as soon as possible". ApplyImmediately: "the modifications in this request and any
pending modifications".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.lab.rds import lifecycle, secrets
from tests.lab.rds.engines import ENGINES
from tests.lab.rds.faults import Plant
from tests.lab.rds.state import Cluster, Instance, Region, now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.rds.lab import Lab

Item = Instance | Cluster

FIELDS = {
    "DBInstanceClass": "instance_class",
    "DBClusterInstanceClass": "instance_class",
    "EngineVersion": "engine_version",
    "AllocatedStorage": "storage",
    "StorageType": "storage_type",
    "Iops": "iops",
    "StorageThroughput": "throughput",
    "MultiAZ": "multi_az",
    "EnableIAMDatabaseAuthentication": "iam_auth",
    "BackupRetentionPeriod": "retention",
}
"""Where a deferred value goes when it is applied."""

_OUTAGE = frozenset({"DBInstanceClass", "DBClusterInstanceClass", "EngineVersion"})

BACKUPS = "BackupRetentionPeriod"
PASSWORD = "MasterUserPassword"


@dataclass(slots=True)
class Changes:
    """One request's changes: `soon` and `deferred` by the request's names."""

    soon: dict[str, Any] = field(default_factory=dict)
    deferred: dict[str, Any] = field(default_factory=dict)


def retention(item: Item, asked: int, changes: Changes) -> None:
    """Sort a new retention: turning backups on or off waits for the window, another length does not."""
    if asked == item.retention:
        item.pending.pop(BACKUPS, None)
    elif (asked == 0) != (item.retention == 0):
        changes.deferred[BACKUPS] = asked
    else:
        changes.soon[BACKUPS] = asked


def defer(item: Item, name: str, asked: Any, changes: Changes) -> None:
    """Sort a value that waits for the window; asking for the present one withdraws what was pending."""
    if getattr(item, FIELDS[name]) == asked:
        item.pending.pop(name, None)
    else:
        changes.deferred[name] = asked


def commit(lab: Lab, region: Region, item: Item, changes: Changes, *, immediately: bool) -> None:
    """Show what is asked as pending, and start to apply what is due."""
    item.pending |= changes.deferred | changes.soon
    rising = item.pending.get(BACKUPS, 0) > item.retention
    due = set(item.pending) if immediately else set(changes.soon)
    if rising and lab.faults.planted(Plant.PROTECT_LIES):
        due.discard(BACKUPS)  # the planted fault: answered, shown as pending, never done
    apply(lab, region, item, due)


def apply(lab: Lab, region: Region, item: Item, due: Iterable[str]) -> None:
    """Apply the pending values named `due` in the background."""
    names = sorted(due)
    if not names:
        return

    def work() -> None:
        lab.jobs.stopping.wait(lab.jobs.pace / 2)
        with lab.store.lock:
            values = {name: item.pending[name] for name in names if name in item.pending}
            usable = item.status in ("available", "storage-optimization") and not item.deleted
        if not values or not usable:
            return
        lifecycle.set_status(lab, item, "resetting-master-credentials" if set(values) == {PASSWORD} else "modifying")
        with lab.jobs.at_least(0.5):
            _do(lab, region, item, values)
        lifecycle.set_status(lab, item, "available")

    lifecycle.start(lab, region, item, "modify", work)


def _do(lab: Lab, region: Region, item: Item, values: dict[str, Any]) -> None:
    server = lab.servers.get(item.resource_id)
    if _OUTAGE & set(values):
        server.cluster.restart()  # a new class or engine version is an outage on RDS too
    if PASSWORD in values:
        server.cluster.set_password(item.master_username, values[PASSWORD])
        if item.secret is not None:
            secrets.rotate(lab, item, values[PASSWORD])
            item.secret.status = "active"
        lab.events.happened(region, item, "RDS-EVENT-0016")
    if BACKUPS in values:
        _set_retention(lab, region, item, values[BACKUPS])
    with lab.store.lock:
        if "EngineVersion" in values:
            _upgrade(region, item, values["EngineVersion"])
        for name, value in values.items():
            if name in FIELDS and name != BACKUPS:
                setattr(item, FIELDS[name], value)
            if item.pending.get(name) == value:
                del item.pending[name]
    if set(values) - {PASSWORD, BACKUPS}:
        lab.events.happened(region, item, "RDS-EVENT-0014", ", ".join(sorted(values)))


def _upgrade(region: Region, item: Item, version: str) -> None:
    """From now on it is of another version; a major one comes with its family's default groups.

    Source: ModifyDBInstance, EngineVersion: "The new DB parameter group can be the default for that DB parameter group
    family". The lab takes no other one in the same request.
    """
    engine = ENGINES[item.engine]
    item.upgrades.append((now(), item.engine_version))
    members = [region.instances[name] for name in item.members] if isinstance(item, Cluster) else []
    for each in (item, *members):
        if engine.major(version) != engine.major(each.engine_version):
            each.parameter_group = f"default.{engine.family(version)}"
            each.option_group = f"default:{engine.name}-{engine.major(version).replace('.', '-')}"
        each.engine_version = version


def _set_retention(lab: Lab, region: Region, item: Item, asked: int) -> None:
    before = item.retention
    with lab.store.lock:
        item.retention = asked
        item.pending.pop(BACKUPS, None)
        for member in item.members if isinstance(item, Cluster) else ():
            region.instances[member].retention = asked
    if before == 0 and asked > 0:
        lab.events.happened(region, item, "RDS-EVENT-0032")
        lifecycle.begin_backups(lab, region, item)
    elif before > 0 and asked == 0:
        lifecycle.end_backups(lab, region, item)
        lab.events.happened(region, item, "RDS-EVENT-0028")
