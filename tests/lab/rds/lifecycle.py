"""What happens to a database in the background: coming up, being backed up, losing its backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.postgres import RecoveryFailed
from tests.lab.rds.lab import Lab, frozen
from tests.lab.rds.state import Cluster, Instance, Region, Snapshot, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.rds.servers import Server

HEARTBEAT_SECONDS = 10.0

Item = Instance | Cluster


def set_status(lab: Lab, item: Item, status: str) -> None:
    """Change the status, unless the database is being deleted."""
    with lab.store.lock:
        if not item.deleted:
            item.status = status


def start(lab: Lab, region: Region, item: Item, name: str, work: Callable[[], None]) -> None:
    """Run `work` after everything that was begun before on this database.

    When it fails, the status says so: `incompatible-restore` when PostgreSQL could not recover, else `failed`.
    """

    ticket = item.turns.take()

    def one_at_a_time() -> None:
        with item.turns.mine(ticket):
            work()

    def failed(exc: Exception) -> None:
        lost = isinstance(exc, RecoveryFailed)
        set_status(lab, item, "incompatible-restore" if lost else "failed")
        lab.events.happened(region, item, "RDS-EVENT-0031", str(exc))

    lab.jobs.start(f"{name} {item.identifier}", one_at_a_time, failed)


def bring_up(lab: Lab, region: Region, item: Item, build: Callable[[], None], events: list[tuple[str, str]]) -> None:
    """Build the server, then offer it: logins work from here on, while a first backup may still run.

    The members of a Multi-AZ DB cluster, which come with it, are available with it.
    """

    def work() -> None:
        with lab.jobs.at_least():
            build()
        with lab.store.lock:
            if item.deleted:
                return
            item.created = now()
        for event, detail in events:
            lab.events.happened(region, item, event, detail)
        if item.retention > 0:
            begin_backups(lab, region, item)
        for member in item.members if isinstance(item, Cluster) else ():
            set_status(lab, region.instances[member], "available")
        set_status(lab, item, "available")

    start(lab, region, item, "create", work)


def prepare_master(server: Server, item: Item, password: str) -> None:
    """Make the master user and the asked logical database, owned by it as RDS does."""
    server.cluster.set_password(item.master_username, password)
    for name in ["postgres", *([item.db_name] if item.db_name else [])]:
        server.cluster.create_database(name, item.master_username)


def begin_backups(lab: Lab, region: Region, item: Item) -> None:
    """Take the first base backup and let the restorable window begin at its end.

    An instance shows `backing-up` meanwhile; Aurora's storage is backed up continuously, without a status.
    """
    instance = isinstance(item, Instance)
    if instance:
        lab.events.happened(region, item, "RDS-EVENT-0001")
        set_status(lab, item, "backing-up")
    made = _automated(lab, region, item)
    lab.events.happened(region, made, "RDS-EVENT-0090" if instance else "RDS-EVENT-0168")
    with lab.jobs.at_least(1.0 if instance else 0.0):
        end, folder = lab.servers.begin_backups(item.resource_id)
        server = lab.servers.get(item.resource_id)
        if server.heartbeat is not None:
            server.heartbeat.wait_first(HEARTBEAT_SECONDS)
    with lab.store.lock:
        item.earliest = end
        made.created = made.data_time = made.original = end
        made.folder, made.status, made.progress = folder, "available", 100
    lab.events.happened(region, made, "RDS-EVENT-0091" if instance else "RDS-EVENT-0169")
    if instance:
        lab.events.happened(region, item, "RDS-EVENT-0002")


def _automated(lab: Lab, region: Region, item: Item) -> Snapshot:
    """The automated snapshot that is being taken, named as RDS names them."""
    moment = now()
    with lab.store.lock:
        known = region.snapshots_of(item.kind)
        name = f"rds:{item.identifier}-{moment:%Y-%m-%d-%H-%M}"
        if name in known:
            name = f"rds:{item.identifier}-{moment:%Y-%m-%d-%H-%M-%S}"
        arn = region.arn("snapshot" if isinstance(item, Instance) else "cluster-snapshot", name)
        tags = dict(item.tags) if item.copy_tags else {}
        known[name] = Snapshot(name, arn, item.kind, "automated", frozen(item), "creating", None, tags)
        return known[name]


def end_backups(lab: Lab, region: Region, item: Item) -> None:
    """Remove every automated backup: the window is gone."""
    lab.servers.end_backups(item.resource_id)
    with lab.store.lock:
        item.earliest = item.latest = None
        forget_automated(region, item)


def forget_automated(region: Region, item: Item) -> None:
    """Drop the automated snapshots of `item`."""
    known = region.snapshots if isinstance(item, Instance) else region.cluster_snapshots
    for name, snapshot in list(known.items()):
        if snapshot.type == "automated" and snapshot.source.resource_id == item.resource_id:
            del known[name]
