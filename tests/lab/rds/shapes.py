"""State to the members of RDS's API. Every answer goes through the model's serialiser afterwards."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.lab.rds.attributes import GP3_STRIPED
from tests.lab.rds.engines import ENGINES
from tests.lab.rds.model import service
from tests.lab.rds.state import Cluster, Database, Event, Group, Instance, Region, Secret, Snapshot

ADDRESS = "localhost"
"""Every endpoint of the lab: it resolves on this host and stands in the servers' certificate."""

Shape = dict[str, Any]


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as the API lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def ceil_milliseconds(moment: dt.datetime) -> dt.datetime:
    """The API shows milliseconds: an earliest moment is rounded up, so that it is really restorable."""
    rest = moment.microsecond % 1000
    return moment if not rest else moment + dt.timedelta(microseconds=1000 - rest)


def floor_milliseconds(moment: dt.datetime) -> dt.datetime:
    """A latest moment is cut, for the same reason."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def window(database: Database) -> tuple[dt.datetime, dt.datetime] | None:
    """The restorable span as the API shows it, or None while there is none."""
    if database.earliest is None or database.latest is None:
        return None
    earliest, latest = ceil_milliseconds(database.earliest), floor_milliseconds(database.latest)
    return (earliest, latest) if earliest <= latest else None


def instance(region: Region, item: Instance) -> Shape:
    """A `DBInstance`."""
    owner = region.clusters.get(item.cluster) if item.cluster else None
    return {
        **_common(owner or item),
        "DBInstanceIdentifier": item.identifier,
        "DBInstanceClass": item.instance_class,
        "DBInstanceStatus": item.status,
        "DBName": (owner or item).db_name,
        "Endpoint": _endpoint(item),
        "AllocatedStorage": 1 if owner is not None and owner.aurora else item.storage,
        "InstanceCreateTime": None if item.status == "creating" else item.created,
        "DBSecurityGroups": [],
        "DBParameterGroups": [{"DBParameterGroupName": item.parameter_group, "ParameterApplyStatus": "in-sync"}],
        "AvailabilityZone": item.zone or None,
        "DBSubnetGroup": subnet_group(region.subnet_groups[item.subnet_group]),
        "PendingModifiedValues": _pending(item, "PendingModifiedValues"),
        "LatestRestorableTime": None if item.cluster else _latest(item),
        "MultiAZ": item.multi_az,
        "ReadReplicaDBInstanceIdentifiers": [],
        "LicenseModel": ENGINES[item.engine].licence,
        "OptionGroupMemberships": [{"OptionGroupName": item.option_group, "Status": "in-sync"}],
        "DbInstancePort": 0,
        "DBClusterIdentifier": item.cluster,
        "DbiResourceId": item.resource_id,
        "DBInstanceArn": item.arn,
        "MonitoringInterval": 0,
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "PerformanceInsightsEnabled": False,
        "CustomerOwnedIpEnabled": False,
        "NetworkType": "IPV4",
        "BackupTarget": "region",
        "DBInstanceAutomatedBackupsReplications": replications(item),
        **_own(item),
    }


def replications(item: Database) -> list[Shape]:
    """Where the automated backups of an instance are replicated to."""
    return [{"DBInstanceAutomatedBackupsArn": arn} for arn in item.replicas]


def cluster(item: Cluster) -> Shape:
    """A `DBCluster`."""
    span = window(item)
    return {
        **_common(item),
        # DBCluster, StorageEncrypted: "encrypted with an AWS owned key, this value is false".
        "StorageEncrypted": item.encryption == "sse-kms",
        "DBClusterIdentifier": item.identifier,
        "Status": item.status,
        "DatabaseName": item.db_name,
        "AllocatedStorage": 1 if item.aurora else item.storage,
        "AvailabilityZones": item.zones,
        "DBClusterParameterGroup": item.parameter_group,
        "DBSubnetGroup": item.subnet_group,
        "Endpoint": ADDRESS,
        "ReaderEndpoint": ADDRESS,
        "Port": item.port,
        "MultiAZ": item.multi_az or len(item.members) > 1,
        "EarliestRestorableTime": span[0] if span else None,
        "LatestRestorableTime": span[1] if span else None,
        "DBClusterMembers": [_member(place, name) for place, name in enumerate(item.members)],
        "ReadReplicaIdentifiers": [],
        "PendingModifiedValues": _pending(item, "ClusterPendingModifiedValues"),
        "DbClusterResourceId": item.resource_id,
        "DBClusterArn": item.arn,
        "ClusterCreateTime": item.created,
        "EngineMode": "provisioned",
        "DBClusterInstanceClass": item.instance_class,
        "HttpEndpointEnabled": False,
        "CrossAccountClone": False,
        **_own(item),
    }


def _own(item: Database) -> Shape:
    """What instances and clusters have each for itself; last, since what was asked for wins over what is always so."""
    return {
        "CopyTagsToSnapshot": item.copy_tags,
        "DeletionProtection": item.deletion_protection,
        "AssociatedRoles": [{"RoleArn": r.arn, "FeatureName": r.feature, "Status": r.status} for r in item.roles],
        "DomainMemberships": [],
        "TagList": tag_list(item.tags),
        "MasterUserSecret": _secret(item.secret),
        **item.attributes,
    }


def _common(item: Database) -> Shape:
    return {
        "Engine": item.engine,
        "EngineVersion": item.engine_version,
        "MasterUsername": item.master_username,
        "BackupRetentionPeriod": item.retention,
        "PreferredBackupWindow": item.backup_window,
        "PreferredMaintenanceWindow": item.maintenance_window,
        "VpcSecurityGroups": [{"VpcSecurityGroupId": group, "Status": "active"} for group in item.security_groups],
        "StorageEncrypted": item.encryption != "none",
        "StorageEncryptionType": item.encryption,
        "StorageType": item.storage_type,
        "Iops": item.iops or _baseline(item)[0],
        "StorageThroughput": item.throughput or _baseline(item)[1],
        "KmsKeyId": item.kms_key,
        "IAMDatabaseAuthenticationEnabled": item.iam_auth,
        "AutoMinorVersionUpgrade": item.auto_minor,
        "PubliclyAccessible": item.public,
        "AwsBackupRecoveryPointArn": item.backup_arn,
    }


def _baseline(item: Database) -> tuple[int | None, int | None]:
    """IOPS and throughput that a gp3 volume shows without being asked for any."""
    if item.storage_type != "gp3":
        return None, None
    return (12000, 500) if item.storage >= GP3_STRIPED["oracle" if "oracle" in item.engine else ""] else (3000, 125)


def _endpoint(item: Instance) -> Shape | None:
    if item.status in {"creating", "incompatible-restore", "failed"}:
        return None
    return {"Address": ADDRESS, "Port": item.port, "HostedZoneId": "ZLAB"}


def _latest(item: Database) -> dt.datetime | None:
    span = window(item)
    return span[1] if span else None


def _secret(secret: Secret | None) -> Shape | None:
    if secret is None:
        return None
    return {"SecretArn": secret.arn, "SecretStatus": secret.status, "KmsKeyId": secret.kms_key}


def _member(place: int, name: str) -> Shape:
    return {
        "DBInstanceIdentifier": name,
        "IsClusterWriter": place == 0,
        "DBClusterParameterGroupStatus": "in-sync",
        "PromotionTier": 1,
    }


_PENDING_NAMES = {"DBPortNumber": "Port", "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled"}


def _pending(item: Database, shape: str) -> Shape:
    """What the model has a place for; RDS too shows only these."""
    if not item.pending:
        return {}
    members = service().shape_for(shape).members  # type: ignore[attr-defined]
    named = {_PENDING_NAMES.get(name, name): value for name, value in item.pending.items()}
    if "MasterUserPassword" in named:
        named["MasterUserPassword"] = "****"
    return {name: value for name, value in named.items() if name in members}


def subnet_group(group: Group) -> Shape:
    """A `DBSubnetGroup`."""
    return {
        "DBSubnetGroupName": group.name,
        "DBSubnetGroupDescription": group.description,
        "VpcId": group.vpc,
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {"SubnetIdentifier": name, "SubnetAvailabilityZone": {"Name": zone}, "SubnetStatus": "Active"}
            for name, zone in group.subnets
        ],
        "DBSubnetGroupArn": group.arn,
        "SupportedNetworkTypes": ["IPV4"],
    }


def parameter_group(group: Group) -> Shape:
    """A `DBParameterGroup`."""
    return {
        "DBParameterGroupName": group.name,
        "DBParameterGroupFamily": group.family,
        "Description": group.description,
        "DBParameterGroupArn": group.arn,
    }


def cluster_parameter_group(group: Group) -> Shape:
    """A `DBClusterParameterGroup`."""
    return {
        "DBClusterParameterGroupName": group.name,
        "DBParameterGroupFamily": group.family,
        "Description": group.description,
        "DBClusterParameterGroupArn": group.arn,
    }


def option_group(group: Group) -> Shape:
    """An `OptionGroup`."""
    return {
        "OptionGroupName": group.name,
        "OptionGroupDescription": group.description,
        "EngineName": group.engine,
        "MajorEngineVersion": group.major,
        "Options": [],
        "AllowsVpcAndNonVpcInstanceMemberships": True,
        "OptionGroupArn": group.arn,
    }


def snapshot(region: Region, item: Snapshot) -> Shape:
    """A `DBSnapshot`."""
    source = item.source
    if not isinstance(source, Instance):
        raise TypeError(f"{item.identifier} is a cluster's snapshot")
    return {
        **_snapshot_common(region, item),
        "DBSnapshotIdentifier": item.identifier,
        "DBInstanceIdentifier": source.identifier,
        "InstanceCreateTime": source.created,
        "AvailabilityZone": source.zone or None,
        "StorageThroughput": source.throughput,
        "Iops": source.iops,
        "OptionGroupName": source.option_group,
        "Encrypted": source.encryption != "none",
        "DBSnapshotArn": item.arn,
        "ProcessorFeatures": [],
        "DbiResourceId": source.resource_id,
        "SnapshotTarget": "region",
        "OriginalSnapshotCreateTime": item.original,
        "SnapshotDatabaseTime": item.data_time,
        **_copied(item),
    }


def _copied(item: Snapshot) -> Shape:
    """Where an instance's snapshot is from.

    Source: DBSnapshot, SourceDBSnapshotIdentifier: "It only has a value in the case of a cross-account or cross-Region
    copy".
    """
    if item.copied_from is None or item.copied_from.split(":")[3:5] == item.arn.split(":")[3:5]:
        return {}
    return {"SourceRegion": item.copied_from.split(":")[3], "SourceDBSnapshotIdentifier": item.copied_from}


def cluster_snapshot(region: Region, item: Snapshot) -> Shape:
    """A `DBClusterSnapshot`. It has no original-creation field, on RDS either."""
    source = item.source
    if not isinstance(source, Cluster):
        raise TypeError(f"{item.identifier} is an instance's snapshot")
    return {
        **_snapshot_common(region, item),
        "AvailabilityZones": source.zones,
        "DBClusterSnapshotIdentifier": item.identifier,
        "DBClusterIdentifier": source.identifier,
        "EngineMode": "provisioned",
        "ClusterCreateTime": source.created,
        "StorageEncrypted": source.encryption == "sse-kms",  # as in `cluster`
        "DBClusterSnapshotArn": item.arn,
        "DbClusterResourceId": source.resource_id,
        "SourceDBClusterSnapshotArn": item.copied_from,
    }


def _snapshot_common(region: Region, item: Snapshot) -> Shape:
    source = item.source
    group = region.subnet_groups.get(source.subnet_group)
    return {
        "SnapshotCreateTime": item.created,
        "Engine": source.engine,
        "EngineVersion": source.engine_version,
        "AllocatedStorage": source.storage,
        "Status": item.status,
        "Port": source.port,
        "VpcId": group.vpc if group else None,
        "MasterUsername": source.master_username,
        "LicenseModel": ENGINES[source.engine].licence,
        "SnapshotType": item.type,
        "PercentProgress": item.progress,
        "StorageType": source.storage_type,
        "StorageEncryptionType": source.encryption,
        "BackupRetentionPeriod": source.retention,
        "PreferredBackupWindow": source.backup_window,
        "KmsKeyId": source.kms_key,
        "IAMDatabaseAuthenticationEnabled": source.iam_auth,
        "TagList": tag_list(item.tags),
    }


def event(item: Event) -> Shape:
    """An `Event`."""
    return {
        "SourceIdentifier": item.source_identifier,
        "SourceType": item.source_type,
        "Message": item.message,
        "EventCategories": list(item.categories),
        "Date": item.date,
        "SourceArn": item.source_arn,
    }
