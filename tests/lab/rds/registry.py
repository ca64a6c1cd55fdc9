"""Every operation that the lab has: its handler and the parameters that it takes.

Anything else is answered with 501 and a sentence, never with an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.lab.rds import (
    backups,
    catalogue,
    clusters,
    copies,
    groups,
    instances,
    modify,
    power,
    removal,
    replication,
    restores,
    sharing,
    snapshots,
    tags,
)
from tests.lab.rds.lab import Arguments, Call
from tests.lab.rds.paging import PAGE_PARAMETERS

Handler = Callable[[Call, Arguments], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `reads` is true for what changes nothing."""

    handler: Handler
    takes: frozenset[str]
    reads: bool = False


def _takes(*parameters: str) -> frozenset[str]:
    return frozenset(parameters)


def _describe(handler: Handler, *parameters: str) -> Operation:
    return Operation(handler, PAGE_PARAMETERS | frozenset(parameters), reads=True)


_GROUP = ("DBParameterGroupFamily", "Description", "Tags")

OPERATIONS = {
    "CreateDBInstance": Operation(instances.create, instances.CREATE),
    "ModifyDBInstance": Operation(modify.instance, modify.MODIFY_INSTANCE),
    "DeleteDBInstance": Operation(removal.instance, removal.INSTANCE),
    "RebootDBInstance": Operation(power.reboot_instance, _takes("DBInstanceIdentifier", "ForceFailover")),
    "StopDBInstance": Operation(power.stop_instance, _takes("DBInstanceIdentifier", "DBSnapshotIdentifier")),
    "StartDBInstance": Operation(power.start_instance, _takes("DBInstanceIdentifier")),
    "DescribeDBInstances": _describe(instances.describe, "DBInstanceIdentifier"),
    "CreateDBCluster": Operation(clusters.create, clusters.CREATE),
    "ModifyDBCluster": Operation(modify.cluster, modify.MODIFY_CLUSTER),
    "DeleteDBCluster": Operation(removal.cluster, removal.CLUSTER),
    "StopDBCluster": Operation(power.stop_cluster, _takes("DBClusterIdentifier")),
    "StartDBCluster": Operation(power.start_cluster, _takes("DBClusterIdentifier")),
    "DescribeDBClusters": _describe(clusters.describe, "DBClusterIdentifier", "IncludeShared"),
    "DescribeDBInstanceAutomatedBackups": _describe(
        backups.describe_instance_backups,
        "DbiResourceId",
        "DBInstanceIdentifier",
        "DBInstanceAutomatedBackupsArn",
    ),
    "DescribeDBClusterAutomatedBackups": _describe(
        backups.describe_cluster_backups, "DbClusterResourceId", "DBClusterIdentifier"
    ),
    "CreateDBSnapshot": Operation(
        snapshots.create_instance_snapshot, _takes("DBSnapshotIdentifier", "DBInstanceIdentifier", "Tags")
    ),
    "CreateDBClusterSnapshot": Operation(
        snapshots.create_cluster_snapshot,
        _takes("DBClusterSnapshotIdentifier", "DBClusterIdentifier", "Tags"),
    ),
    "CopyDBSnapshot": Operation(copies.instance_snapshot, copies.INSTANCE),
    "CopyDBClusterSnapshot": Operation(copies.cluster_snapshot, copies.CLUSTER),
    "DeleteDBSnapshot": Operation(snapshots.delete_instance_snapshot, _takes("DBSnapshotIdentifier")),
    "DeleteDBClusterSnapshot": Operation(snapshots.delete_cluster_snapshot, _takes("DBClusterSnapshotIdentifier")),
    "DescribeDBSnapshots": _describe(
        snapshots.describe_instance_snapshots,
        "DBInstanceIdentifier",
        "DBSnapshotIdentifier",
        "SnapshotType",
        "IncludeShared",
        "IncludePublic",
        "DbiResourceId",
    ),
    "DescribeDBClusterSnapshots": _describe(
        snapshots.describe_cluster_snapshots,
        "DBClusterIdentifier",
        "DBClusterSnapshotIdentifier",
        "SnapshotType",
        "IncludeShared",
        "IncludePublic",
        "DbClusterResourceId",
    ),
    "ModifyDBSnapshotAttribute": Operation(
        sharing.modify_instance_snapshot, _takes("DBSnapshotIdentifier", *sharing.MODIFY)
    ),
    "ModifyDBClusterSnapshotAttribute": Operation(
        sharing.modify_cluster_snapshot, _takes("DBClusterSnapshotIdentifier", *sharing.MODIFY)
    ),
    "DescribeDBSnapshotAttributes": Operation(
        sharing.describe_instance_snapshot, _takes("DBSnapshotIdentifier"), reads=True
    ),
    "DescribeDBClusterSnapshotAttributes": Operation(
        sharing.describe_cluster_snapshot, _takes("DBClusterSnapshotIdentifier"), reads=True
    ),
    "RestoreDBInstanceToPointInTime": Operation(restores.instance_to_moment, restores.INSTANCE_TO_MOMENT),
    "RestoreDBInstanceFromDBSnapshot": Operation(restores.instance_from_snapshot, restores.INSTANCE_FROM_SNAPSHOT),
    "RestoreDBClusterToPointInTime": Operation(restores.cluster_to_moment, restores.CLUSTER_TO_MOMENT),
    "RestoreDBClusterFromSnapshot": Operation(restores.cluster_from_snapshot, restores.CLUSTER_FROM_SNAPSHOT),
    "StartDBInstanceAutomatedBackupsReplication": Operation(replication.start, replication.START),
    "StopDBInstanceAutomatedBackupsReplication": Operation(replication.stop, replication.STOP),
    "AddTagsToResource": Operation(tags.add, _takes("ResourceName", "Tags")),
    "RemoveTagsFromResource": Operation(tags.remove, _takes("ResourceName", "TagKeys")),
    "ListTagsForResource": Operation(tags.listed, _takes("ResourceName", "Filters"), reads=True),
    "AddRoleToDBInstance": Operation(
        tags.add_role_to_instance, _takes("DBInstanceIdentifier", "RoleArn", "FeatureName")
    ),
    "AddRoleToDBCluster": Operation(tags.add_role_to_cluster, _takes("DBClusterIdentifier", "RoleArn", "FeatureName")),
    "CreateDBSubnetGroup": Operation(
        groups.create_subnet_group,
        _takes("DBSubnetGroupName", "DBSubnetGroupDescription", "SubnetIds", "Tags"),
    ),
    "CreateDBParameterGroup": Operation(groups.create_parameter_group, _takes("DBParameterGroupName", *_GROUP)),
    "CreateDBClusterParameterGroup": Operation(
        groups.create_cluster_parameter_group, _takes("DBClusterParameterGroupName", *_GROUP)
    ),
    "CreateOptionGroup": Operation(
        groups.create_option_group,
        _takes("OptionGroupName", "EngineName", "MajorEngineVersion", "OptionGroupDescription", "Tags"),
    ),
    "DescribeDBSubnetGroups": _describe(groups.describe_subnet_groups, "DBSubnetGroupName"),
    "DescribeDBParameterGroups": _describe(groups.describe_parameter_groups, "DBParameterGroupName"),
    "DescribeDBClusterParameterGroups": _describe(
        groups.describe_cluster_parameter_groups, "DBClusterParameterGroupName"
    ),
    "DescribeOptionGroups": _describe(
        groups.describe_option_groups, "OptionGroupName", "EngineName", "MajorEngineVersion"
    ),
    "DescribeOrderableDBInstanceOptions": _describe(
        catalogue.orderable, "Engine", "EngineVersion", "DBInstanceClass", "LicenseModel", "Vpc"
    ),
    "DescribeDBEngineVersions": _describe(
        catalogue.engine_versions, "Engine", "EngineVersion", "DBParameterGroupFamily", "DefaultOnly"
    ),
    "DescribeAccountAttributes": Operation(catalogue.account_attributes, _takes(), reads=True),
    "DescribeEvents": _describe(
        backups.describe_events,
        "SourceIdentifier",
        "SourceType",
        "StartTime",
        "EndTime",
        "Duration",
        "EventCategories",
    ),
}
