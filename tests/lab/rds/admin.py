"""The lab's own routes beside the API: health, faults, plants, databases, seeds, maintenance, quotas."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from tests.lab.rds import changes, databases, made, shapes
from tests.lab.rds.engines import CLASSES, ENGINES
from tests.lab.rds.flights import Ending
from tests.lab.rds.keys import NONE
from tests.lab.rds.serialize import timestamp
from tests.lab.rds.state import Cluster, Group, Instance, Region, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.rds.lab import Lab

Body = dict[str, Any]
Answer = dict[str, Any]


class Refused(Exception):
    """A request to these routes that makes no sense (400)."""


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
        for region in lab.store.regions.values():
            for item in region.databases():
                server = lab.servers.find(item.resource_id)
                if server is None or (isinstance(item, Instance) and item.cluster is not None):
                    continue
                databases.refresh(lab, item)
                found.append(
                    {
                        "identifier": item.identifier,
                        "region": region.name,
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
        for region in lab.store.regions.values():
            for item in region.databases():
                if where in (None, region.name) and wanted in (None, item.identifier) and item.pending:
                    applied.append(item.identifier)
                    changes.apply(lab, region, item, set(item.pending))
    return {"applied": applied}


def list_copies(lab: Lab, body: Body) -> Answer:
    """Copies in flight, oldest first, and the settings that `set_copies` takes."""
    del body
    with lab.store.lock:
        found = [
            {
                "identifier": flight.target.identifier,
                "region": flight.region.name,
                "account": flight.region.account,
                "kind": flight.target.kind,
                "source": flight.source.arn,
                "begun": flight.begun is not None,
            }
            for flight in lab.copies.flights
        ]
        return {"copies": found, "seconds": lab.copies.seconds, "hold": lab.copies.held}


def set_copies(lab: Lab, body: Body) -> Answer:
    """How long a copy takes (`seconds`), and whether none ends by itself (`hold`); what is not named stays."""
    if set(body) - {"seconds", "hold"}:
        raise Refused(f"unknown keys: {sorted(set(body) - {'seconds', 'hold'})}")
    with lab.store.lock:
        lab.copies.seconds = float(body.get("seconds", lab.copies.seconds))
        lab.copies.held = bool(body.get("hold", lab.copies.held))
    return list_copies(lab, {})


def end_copy(lab: Lab, body: Body) -> Answer:
    """End one copy in flight, held or not: {"identifier", "region", "outcome": "finish", "fail" or "cancel"}.

    `account` (default the first one) and `kind` (`instance` or `cluster`) tell it from its namesakes.
    """
    outcome = Ending(body["outcome"])
    account = str(body.get("account", lab.store.account))
    with lab.store.lock:
        found = [
            flight
            for flight in lab.copies.flights
            if (flight.target.identifier, flight.region.name) == (body["identifier"], body["region"])
            if flight.region.account == account
            if body.get("kind") in (None, flight.target.kind)
        ]
        if len(found) != 1:
            raise Refused(f"{len(found)} copies in flight are meant; they are {list_copies(lab, {})['copies']}")
        found[0].told = outcome
    return {"ok": True}


def quotas(lab: Lab, body: Body) -> Answer:
    """Set quotas of a region, and caps of what is in flight: {"region", "quotas": {"DBInstances": 2}}.

    Caps: `SnapshotCopies` (20) and `ClusterSnapshotCopies` (5).
    """
    region = _region(lab, body)
    asked = {str(name): int(value) for name, value in dict(body["quotas"]).items()}
    if set(asked) - set(region.quotas) - set(region.caps):
        raise Refused(f"unknown quotas: {sorted(set(asked) - set(region.quotas) - set(region.caps))}")
    with lab.store.lock:
        for known in (region.quotas, region.caps):
            known |= {name: value for name, value in asked.items() if name in known}
    return {"quotas": region.quotas | region.caps}


def seed(lab: Lab, body: Body) -> Answer:
    """Add metadata-only databases.

    Args:
        body: `region`; `instances` and `clusters`: how many; `engine` (default postgres); `prefix` of the
            identifiers (default `seed`); `tags`; `retention` (default 7); `set`: further fields of the state by
            name, such as `encryption` or `backup_arn`.
    """
    region = _region(lab, body)
    unknown = set(body) - {"region", "instances", "clusters", "engine", "prefix", "tags", "retention", "set"}
    if unknown or body.get("engine", "postgres") not in ENGINES:
        raise Refused(f"unknown keys {sorted(unknown)}, or an unknown engine")
    prefix = str(body.get("prefix", "seed"))
    more, clusters = int(body.get("instances", 0)), int(body.get("clusters", 0))
    with lab.store.lock:
        region.subnet_groups.setdefault("default", Group("default", region.arn("subgrp", "default"), "default"))
        region.quotas["DBInstances"] += more
        region.quotas["DBClusters"] += clusters
        names = [f"{prefix}-{number:05d}" for number in range(1, max(more, clusters) + 1)]
        for name in names[:more]:
            region.instances[name] = Instance(
                **_seeded(region, body, "db", name),
                instance_class=CLASSES[0],
                zone=region.zones()[0],
            )
        for name in names[:clusters]:
            region.clusters[name] = Cluster(**_seeded(region, body, "cluster", name), zones=region.zones())
    return {"instances": names[:more], "clusters": names[:clusters]}


def _seeded(region: Region, body: Body, kind: str, name: str) -> dict[str, Any]:
    engine = ENGINES[body.get("engine", "postgres")]
    version = engine.versions[0]
    retention = int(body.get("retention", 7))
    moment = now()
    return {
        **made.identity(region, kind, name),
        "engine": engine.name,
        "engine_version": version,
        "status": "available",
        "master_username": "app",
        "retention": retention,
        "backup_window": made.DEFAULT_BACKUP_WINDOW,
        "maintenance_window": made.DEFAULT_MAINTENANCE_WINDOW,
        "port": engine.port,
        "encryption": NONE,
        "kms_key": None,
        "subnet_group": "default",
        "security_groups": ["sg-" + uuid.uuid5(uuid.NAMESPACE_DNS, region.name).hex[:8]],
        "parameter_group": f"default.{engine.family(version)}",
        "option_group": f"default:{engine.name}-{engine.major(version).replace('.', '-')}",
        "tags": {str(k): str(v) for k, v in dict(body.get("tags", {})).items()},
        "storage": 20,
        "storage_type": "gp3",
        "earliest": moment if retention else None,
        "latest": moment if retention else None,
        "metadata_only": True,
        **dict(body.get("set", {})),
    }


def _region(lab: Lab, body: Body) -> Region:
    name = body.get("region")
    if name not in lab.store.regions:
        raise Refused(f"unknown region {name}")
    return lab.store.regions[name]


ROUTES: dict[tuple[str, str], Callable[[Lab, Body], Answer]] = {
    ("GET", "/_lab/health"): health,
    ("GET", "/_lab/databases"): list_databases,
    ("POST", "/_lab/faults"): ask_fault,
    ("DELETE", "/_lab/faults"): clear_faults,
    ("POST", "/_lab/plant"): plant,
    ("DELETE", "/_lab/plant"): uproot,
    ("POST", "/_lab/seed"): seed,
    ("POST", "/_lab/maintenance"): maintenance,
    ("POST", "/_lab/quotas"): quotas,
    ("GET", "/_lab/copies"): list_copies,
    ("POST", "/_lab/copies"): set_copies,
    ("POST", "/_lab/copies/end"): end_copy,
}
