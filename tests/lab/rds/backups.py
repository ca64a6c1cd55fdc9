"""Automated backups of living and of deleted databases, and events."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tests.lab.rds import backup_shapes, databases, shapes
from tests.lab.rds.model import fault, invalid_value
from tests.lab.rds.paging import page, select
from tests.lab.rds.state import Cluster, Instance, now

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call


def _status(item: Instance | Cluster) -> str:
    if item.status == "retained":
        return "retained"
    return "active" if item.earliest is not None else "creating"


def describe_instance_backups(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBInstanceAutomatedBackups: of living instances with backups on, and retained ones."""
    region = call.region
    living = [i for i in region.instances.values() if i.cluster is None and i.retention > 0]
    kept = [r for r in region.retained.values() if isinstance(r, Instance)]
    everything = {i.resource_id: i for i in [*living, *kept]}
    name, resource = arguments.get("DBInstanceIdentifier"), arguments.get("DbiResourceId")
    arn = arguments.get("DBInstanceAutomatedBackupsArn")
    found = [
        i
        for i in everything.values()
        if name is None or i.identifier == databases.short(name, "db")
        if resource is None or i.resource_id == resource
        if arn is None or backup_shapes.backup_arn(region, i) == arn
    ]
    kept_here = [
        each
        for each in region.replications.values()
        if name is None or each.source.identifier == databases.short(name, "db")
        if resource is None or each.source.resource_id == resource
        if arn is None or each.arn == arn
    ]
    if not found and not kept_here and (resource or arn):
        raise fault("DBInstanceAutomatedBackupNotFoundFault", f"Automated backup {resource or arn} not found")
    for item in found:
        databases.refresh(call.lab, item)
    shown = [backup_shapes.automated_backup(region, item, _status(item)) for item in found]
    shown += [backup_shapes.replicated_backup(each) for each in kept_here]
    shown = select(
        arguments,
        shown,
        {
            "status": lambda b: (b["Status"],),
            "db-instance-id": lambda b: (b["DBInstanceIdentifier"], b["DBInstanceArn"]),
            "dbi-resource-id": lambda b: (b["DbiResourceId"],),
        },
    )
    items = {backup["DBInstanceAutomatedBackupsArn"]: backup for backup in shown}
    return page(arguments, items, dict, "DBInstanceAutomatedBackups")


def describe_cluster_backups(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBClusterAutomatedBackups."""
    region = call.region
    kept = [r for r in region.retained.values() if isinstance(r, Cluster)]
    name, resource = arguments.get("DBClusterIdentifier"), arguments.get("DbClusterResourceId")
    found = [
        c
        for c in [*region.clusters.values(), *kept]
        if name is None or c.identifier == databases.short(name, "cluster")
        if resource is None or c.resource_id == resource
    ]
    if not found and resource:
        raise fault("DBClusterAutomatedBackupNotFoundFault", f"Automated backup {resource} not found")
    found = select(
        arguments,
        found,
        {
            "status": lambda c: (_status(c),),
            "db-cluster-id": lambda c: (c.identifier, c.arn),
            "db-cluster-resource-id": lambda c: (c.resource_id,),
        },
    )
    for item in found:
        databases.refresh(call.lab, item)
    items = {c.resource_id: c for c in found}
    return page(
        arguments,
        items,
        lambda c: backup_shapes.cluster_automated_backup(region, c, _status(c)),
        "DBClusterAutomatedBackups",
    )


def describe_events(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeEvents. Source: Duration: minutes, default 60; SourceIdentifier needs SourceType."""
    if "SourceIdentifier" in arguments and "SourceType" not in arguments:
        raise invalid_value("SourceType must be provided with SourceIdentifier")
    end = arguments.get("EndTime", now())
    start = arguments.get("StartTime", end - dt.timedelta(minutes=arguments.get("Duration", 60)))
    wanted = set(arguments.get("EventCategories", []))
    found = {
        f"{place:08d}": event
        for place, event in enumerate(call.region.events)
        if start <= event.date <= end
        if arguments.get("SourceIdentifier") in (None, event.source_identifier)
        if arguments.get("SourceType") in (None, event.source_type)
        if not wanted or wanted & set(event.categories)
    }
    if arguments.get("Filters"):
        raise invalid_value("This operation supports no filters")
    return page(arguments, found, shapes.event, "Events")
