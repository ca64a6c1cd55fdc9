"""The lab's own routes beside the API: health, faults, plants, databases, maintenance, quotas.

Those for copies in flight and for regions are in `levers`, those that seed are in `seeds`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds import changes, databases, levers, seeds, shapes
from tests.lab.rds.serialize import timestamp
from tests.lab.rds.state import Instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.rds.lab import Lab

Body = dict[str, Any]
Answer = dict[str, Any]


def health(lab: Lab, body: Body) -> Answer:
    """Alive, and how much there is."""
    del body
    with lab.store.lock:
        count = {r.name: len(r.instances) + len(r.clusters) for r in lab.store.regions.values()}
    return {"ok": True, "databases": count}


def ask_fault(lab: Lab, body: Body) -> Answer:
    """Let calls fail: see `Faults.ask`."""
    lab.faults.ask(body)
    return {"ok": True}


def clear_faults(lab: Lab, body: Body) -> Answer:
    """No call fails any more."""
    del body
    lab.faults.clear()
    return {"ok": True}


def plant(lab: Lab, body: Body) -> Answer:
    """Plant a fault in the data."""
    lab.faults.plant(str(body.get("fault")))
    return {"ok": True}


def uproot(lab: Lab, body: Body) -> Answer:
    """Remove all planted faults."""
    del body
    lab.faults.uproot()
    return {"ok": True}


def list_databases(lab: Lab, body: Body) -> Answer:
    """Every database with a server (members are not databases), with a DSN for the lab's own SQL."""
    del body
    found = []
    with lab.store.lock:
        for region in lab.store.everywhere():
            for item in region.databases():
                server = lab.servers.find(item.resource_id)
                if server is None or (isinstance(item, Instance) and item.cluster is not None):
                    continue
                databases.refresh(lab, item)
                found.append(
                    {
                        "identifier": item.identifier,
                        "region": region.name,
                        "account": region.account,
                        "kind": item.kind,
                        "engine": item.engine,
                        "status": item.status,
                        "resource_id": item.resource_id,
                        "dsn": server.cluster.dsn(item.db_name or "postgres"),
                        "host": shapes.ADDRESS,
                        "port": item.port,
                        "reachable": server.cluster.listen and server.cluster.pid is not None,
                        "pid": server.cluster.pid,
                        "dbname": item.db_name or "postgres",
                        "master_username": item.master_username,
                        "earliest": None if item.earliest is None else timestamp(item.earliest),
                        "latest": None if item.latest is None else timestamp(item.latest),
                    }
                )
    return {"databases": found}


def maintenance(lab: Lab, body: Body) -> Answer:
    """The maintenance window has come: apply what is pending (of one identifier, or everywhere)."""
    wanted, where = body.get("identifier"), body.get("region")
    applied = []
    with lab.store.lock:
        for region in lab.store.everywhere():
            for item in region.databases():
                if where in (None, region.name) and wanted in (None, item.identifier) and item.pending:
                    applied.append(item.identifier)
                    changes.apply(lab, region, item, set(item.pending))
    return {"applied": applied}


def quotas(lab: Lab, body: Body) -> Answer:
    """Set quotas of a region, and caps of what is in flight: {"region", "quotas": {"DBInstances": 2}}.

    Caps: `SnapshotCopies` (20) and `ClusterSnapshotCopies` (5).
    """
    region = levers.place(lab, body)
    asked = {str(name): int(value) for name, value in dict(body["quotas"]).items()}
    if set(asked) - set(region.quotas) - set(region.caps):
        raise ValueError(f"unknown quotas: {sorted(set(asked) - set(region.quotas) - set(region.caps))}")
    with lab.store.lock:
        for known in (region.quotas, region.caps):
            known |= {name: value for name, value in asked.items() if name in known}
    return {"quotas": region.quotas | region.caps}


ROUTES: dict[tuple[str, str], Callable[[Lab, Body], Answer]] = {
    ("GET", "/_lab/health"): health,
    ("GET", "/_lab/databases"): list_databases,
    ("POST", "/_lab/faults"): ask_fault,
    ("DELETE", "/_lab/faults"): clear_faults,
    ("POST", "/_lab/plant"): plant,
    ("DELETE", "/_lab/plant"): uproot,
    ("POST", "/_lab/seed"): seeds.databases,
    ("POST", "/_lab/maintenance"): maintenance,
    ("POST", "/_lab/quotas"): quotas,
    ("GET", "/_lab/copies"): levers.list_copies,
    ("POST", "/_lab/copies"): levers.set_copies,
    ("POST", "/_lab/copies/end"): levers.end_copy,
    ("POST", "/_lab/regions"): levers.switch_region,
    ("POST", "/_lab/snapshots"): seeds.snapshots,
    ("POST", "/_lab/snapshots/hold"): levers.hold_snapshots,
}
