"""Automated backups as the API shows them: of living, deleted and other regions' databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds import shapes
from tests.lab.rds.engines import ENGINES
from tests.lab.rds.state import Cluster, Database, Instance, Region

if TYPE_CHECKING:
    from tests.lab.rds.state import Replication

Shape = dict[str, Any]


def automated_backup(region: Region, item: Instance, status: str) -> Shape:
    """A `DBInstanceAutomatedBackup`."""
    return {
        **_backup_common(region, item, status),
        "DBInstanceArn": item.arn,
        "DbiResourceId": item.resource_id,
        "DBInstanceIdentifier": item.identifier,
        "InstanceCreateTime": item.created,
        "AvailabilityZone": item.zone or None,
        "OptionGroupName": item.option_group,
        "StorageThroughput": item.throughput,
        "Encrypted": item.encryption != "none",
        "DBInstanceAutomatedBackupsArn": backup_arn(region, item),
        "BackupTarget": "region",
        "DBInstanceAutomatedBackupsReplications": shapes.replications(item),
    }


def replicated_backup(item: Replication) -> Shape:
    """A `DBInstanceAutomatedBackup` that is kept in another region than its instance's, which `Region` names."""
    return automated_backup(item.origin, item.source, item.source.status) | {
        "DBInstanceAutomatedBackupsArn": item.arn,
        "DBInstanceAutomatedBackupsReplications": [],
        "VpcId": None,
    }


def cluster_automated_backup(region: Region, item: Cluster, status: str) -> Shape:
    """A `DBClusterAutomatedBackup`."""
    return {
        **_backup_common(region, item, status),
        "DBClusterAutomatedBackupsArn": backup_arn(region, item),
        "DBClusterIdentifier": item.identifier,
        "DbClusterResourceId": item.resource_id,
        "ClusterCreateTime": item.created,
        "StorageEncrypted": item.encryption != "none",
        "DBClusterArn": item.arn,
        "EngineMode": "provisioned",
        "AvailabilityZones": item.zones,
    }


def _backup_common(region: Region, item: Database, status: str) -> Shape:
    span = shapes.window(item)
    group = region.subnet_groups.get(item.subnet_group)
    return {
        "Region": region.name,
        "RestoreWindow": {"EarliestTime": span[0], "LatestTime": span[1]} if span else None,
        "AllocatedStorage": item.storage,
        "Status": status,
        "Port": item.port,
        "VpcId": group.vpc if group else None,
        "MasterUsername": item.master_username,
        "Engine": item.engine,
        "EngineVersion": item.engine_version,
        "LicenseModel": ENGINES[item.engine].licence,
        "Iops": item.iops,
        "StorageEncryptionType": item.encryption,
        "StorageType": item.storage_type,
        "KmsKeyId": item.kms_key,
        "IAMDatabaseAuthenticationEnabled": item.iam_auth,
        "BackupRetentionPeriod": item.retention,
        "PreferredBackupWindow": item.backup_window,
        "AwsBackupRecoveryPointArn": item.backup_arn,
        "TagList": shapes.tag_list(item.tags),
    }


def backup_arn(region: Region, item: Database) -> str:
    """ARN of a database's automated backup, which stays the same."""
    kind = "auto-backup" if isinstance(item, Instance) else "cluster-auto-backup"
    return region.arn(kind, f"ab-{item.resource_id.split('-', 1)[1].lower()}")
