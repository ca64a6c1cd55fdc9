"""Databases and snapshots that exist as metadata only, as many and as old as a test wants."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.lab.rds import levers, made
from tests.lab.rds.engines import CLASSES, ENGINES
from tests.lab.rds.keys import KMS, NONE, OWNED
from tests.lab.rds.lab import frozen
from tests.lab.rds.state import Cluster, Group, Instance, Region, Snapshot, now

if TYPE_CHECKING:
    from tests.lab.rds.lab import Lab

Body = dict[str, Any]
Answer = dict[str, Any]


def databases(lab: Lab, body: Body) -> Answer:
    """Add metadata-only databases.

    Args:
        body: `region`; `instances` and `clusters`: how many; `engine` (default postgres); `prefix` of the
            identifiers (default `seed`); `tags`; `retention` (default 7); `set`: further fields of the state by
            name, such as `encryption` or `backup_arn`.
    """
    region = levers.place(lab, body)
    unknown = set(body) - {"region", "account", "instances", "clusters", "engine", "prefix", "tags", "retention", "set"}
    if unknown or body.get("engine", "postgres") not in ENGINES:
        raise ValueError(f"unknown keys {sorted(unknown)}, or an unknown engine")
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


_SNAPSHOT_KEYS = frozenset(
    {
        *("region", "account", "kind", "identifier", "source", "resource_id", "engine", "type", "status"),
        *("created", "data_time", "original", "tags", "encryption", "kms_key", "copied_from", "option_group"),
        *("gb", "shared", "progress"),
    }
)


def snapshots(lab: Lab, body: Body) -> Answer:
    """Add snapshots that hold no data: restoring one is refused as InvalidRestoreFault.

    Quotas of manual snapshots grow by what is added, as those of databases do.

    Args:
        body: `snapshots`, a list of objects: `region`; `account` (default the first one); `kind` (`instance` or
            `cluster`); `identifier`; `source`, the database's identifier: a living one of that region lends its
            metadata, any other name needs `engine` (default postgres, of clusters aurora-postgresql), and may have
            `resource_id` (default: made from the name, the same in every region); `type` (default manual); `status`
            (default available); `created` (RFC 3339, default now; null: absent, as while creating); `data_time`
            (default `created`; null: none); `original` (default `data_time`); `tags`; `encryption` and `kms_key`;
            `copied_from` (an ARN); `option_group`; `gb`; `shared` (accounts); `progress` (percent, default 100).
    """
    asked = [dict(each) for each in body["snapshots"]]
    wrong = sorted({key for each in asked for key in each} - _SNAPSHOT_KEYS)
    if wrong or set(body) != {"snapshots"}:
        raise ValueError(f"unknown keys {wrong or sorted(body)}")
    bases: dict[tuple[str, ...], Instance | Cluster] = {}
    with lab.store.lock:
        found = [(levers.place(lab, each), _snapshot(lab, each, bases)) for each in asked]
        for region, item in found:
            region.snapshots_of(item.kind)[item.identifier] = item
            if item.type == "manual":
                region.quotas["ManualSnapshots" if item.kind == "instance" else "ManualClusterSnapshots"] += 1
    return {"snapshots": [item.arn for _, item in found]}


def _snapshot(lab: Lab, asked: Body, bases: dict[tuple[str, ...], Instance | Cluster]) -> Snapshot:
    region = levers.place(lab, asked)
    kind, name = asked.get("kind", "instance"), str(asked["identifier"])
    if kind not in ("instance", "cluster") or name in region.snapshots_of(kind):
        raise ValueError(f"{name}: an unknown kind, {kind}, or a name that is taken in {region.name}")
    created = _moment(asked.get("created", now().isoformat()))
    data_time = _moment(asked["data_time"]) if "data_time" in asked else created
    return Snapshot(
        name,
        region.arn("snapshot" if kind == "instance" else "cluster-snapshot", name),
        kind,
        str(asked.get("type", "manual")),
        _source(region, asked, kind, bases),
        str(asked.get("status", "available")),
        None,
        {str(key): str(value) for key, value in dict(asked.get("tags", {})).items()},
        created=created,
        data_time=data_time,
        progress=int(asked.get("progress", 100)),
        original=_moment(asked["original"]) if "original" in asked else data_time,
        copied_from=asked.get("copied_from"),
        shared=set(asked.get("shared", [])),
    )


def _source(
    region: Region, asked: Body, kind: str, bases: dict[tuple[str, ...], Instance | Cluster]
) -> Instance | Cluster:
    """The database as it was; snapshots that differ in nothing share it, since a fleet has thousands."""
    fields = ("encryption", "kms_key", "option_group", "gb", "engine", "resource_id")
    place = (region.account, region.name, kind, str(asked["source"]), *(str(asked.get(name)) for name in fields))
    if place not in bases:
        bases[place] = _as_asked(region, asked, kind)
    return bases[place]


def _as_asked(region: Region, asked: Body, kind: str) -> Instance | Cluster:
    name = str(asked["source"])
    known: dict[str, Any] = {**region.instances} if kind == "instance" else {**region.clusters}
    base: Instance | Cluster = frozen(known[name]) if name in known else _invented(region, asked, kind, name)
    changes: dict[str, Any] = {
        "encryption": asked.get("encryption", base.encryption),
        "kms_key": asked.get("kms_key", base.kms_key),
        "option_group": asked.get("option_group", base.option_group),
        "storage": int(asked.get("gb", base.storage)),
        "resource_id": asked.get("resource_id", base.resource_id),
    }
    if changes["encryption"] not in (NONE, OWNED, KMS) or (changes["encryption"] == KMS) != bool(changes["kms_key"]):
        raise ValueError(f"{asked['identifier']}: sse-kms needs a kms_key, and nothing else may have one")
    return replace(base, **changes)


def _invented(region: Region, asked: Body, kind: str, name: str) -> Instance | Cluster:
    engine = asked.get("engine", "postgres" if kind == "instance" else "aurora-postgresql")
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine}")
    prefix = "db" if kind == "instance" else "cluster"
    fields = _seeded(region, {"engine": engine}, prefix, name)
    fields["resource_id"] = f"{prefix}-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{kind}.{name}').hex.upper()[:26]}"
    if kind == "instance":
        return Instance(**fields, instance_class=CLASSES[0], zone=region.zones()[0])
    return Cluster(**fields, zones=region.zones())


def _moment(text: Any) -> dt.datetime | None:
    """A moment in RFC 3339 with its zone, or None."""
    if text is None:
        return None
    moment = dt.datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text} needs its zone")
    return moment.astimezone(dt.UTC)
