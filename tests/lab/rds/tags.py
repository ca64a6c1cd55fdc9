"""Tags of any resource, and the IAM roles of databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds import databases, names, shapes
from tests.lab.rds.model import fault, invalid_value
from tests.lab.rds.state import Role

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Region

_MISSING = {
    "db": "DBInstanceNotFoundFault",
    "cluster": "DBClusterNotFoundFault",
    "snapshot": "DBSnapshotNotFoundFault",
    "cluster-snapshot": "DBClusterSnapshotNotFoundFault",
}


def tagged(region: Region, arn: str) -> dict[str, str] | None:
    """The tags of a resource of this region, or None when there is no such resource."""
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[:5] != ["arn", "aws", "rds", region.name, region.account]:
        return None
    places: dict[str, dict[str, Any]] = {
        "db": region.instances,
        "cluster": region.clusters,
        "snapshot": region.snapshots,
        "cluster-snapshot": region.cluster_snapshots,
        "pg": region.parameter_groups,
        "cluster-pg": region.cluster_parameter_groups,
        "og": region.option_groups,
        "subgrp": region.subnet_groups,
        "auto-backup": {each.arn.split(":", 6)[6]: each.source for each in region.replications.values()},
    }
    found = places.get(parts[5], {}).get(parts[6])
    tags: dict[str, str] | None = None if found is None else found.tags
    return tags


def _need(call: Call, arn: str) -> dict[str, str]:
    tags = tagged(call.region, arn)
    if tags is not None:
        return tags
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[2] != "rds" or parts[3] != call.region.name:
        raise invalid_value(f"Invalid resource name: {arn}")
    if parts[5] in _MISSING:
        raise fault(_MISSING[parts[5]], f"{arn} not found")
    raise invalid_value(f"The specified resource name does not match an RDS resource in this region: {arn}")


def add(call: Call, arguments: Arguments) -> dict[str, Any]:
    """AddTagsToResource: replaces values of keys that are there."""
    tags = _need(call, arguments["ResourceName"])
    new = names.tags(arguments["Tags"])
    if len(tags | new) > names.MAX_TAGS:
        raise invalid_value(f"At most {names.MAX_TAGS} tags are allowed")
    tags |= new
    return {}


def remove(call: Call, arguments: Arguments) -> dict[str, Any]:
    """RemoveTagsFromResource: a key that is not there is no error."""
    tags = _need(call, arguments["ResourceName"])
    for key in arguments["TagKeys"]:
        tags.pop(key, None)
    return {}


def listed(call: Call, arguments: Arguments) -> dict[str, Any]:
    """ListTagsForResource."""
    if arguments.get("Filters"):
        raise invalid_value("This operation supports no filters")
    return {"TagList": shapes.tag_list(_need(call, arguments["ResourceName"]))}


def _pass_role(call: Call, arn: str) -> None:
    """The caller must be allowed to pass the role to RDS."""
    call.demand("iam:PassRole", arn, {"iam:PassedToService": "rds.amazonaws.com"})


def add_role_to_instance(call: Call, arguments: Arguments) -> dict[str, Any]:
    """AddRoleToDBInstance."""
    item = databases.instance(call.region, arguments["DBInstanceIdentifier"])
    databases.need_instance_state(item, databases.MODIFIABLE)
    arn, feature = arguments["RoleArn"], arguments["FeatureName"]
    if any(role.arn == arn or role.feature == feature for role in item.roles):
        raise fault("DBInstanceRoleAlreadyExistsFault", f"Role {arn} or feature {feature} is already associated")
    _pass_role(call, arn)
    item.roles.append(Role(arn, feature))
    return {}


def add_role_to_cluster(call: Call, arguments: Arguments) -> dict[str, Any]:
    """AddRoleToDBCluster."""
    item = databases.cluster(call.region, arguments["DBClusterIdentifier"])
    databases.need_cluster_state(item, databases.MODIFIABLE)
    arn, feature = arguments["RoleArn"], arguments.get("FeatureName")
    if any(role.arn == arn for role in item.roles):
        raise fault("DBClusterRoleAlreadyExistsFault", f"Role {arn} is already associated with {item.identifier}")
    _pass_role(call, arn)
    item.roles.append(Role(arn, feature))
    return {}
