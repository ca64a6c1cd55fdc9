"""What instances and clusters are made of alike, when they are created and when they are restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds import groups, keys, names
from tests.lab.rds.attributes import volume_of
from tests.lab.rds.engines import ENGINES, Engine
from tests.lab.rds.model import invalid_combination
from tests.lab.rds.state import Instance, Turns, new_resource_id, now

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Cluster, Region

DEFAULT_BACKUP_WINDOW = "03:30-04:00"
DEFAULT_MAINTENANCE_WINDOW = "sun:05:00-sun:05:30"


def identity(region: Region, prefix: str, name: str) -> dict[str, Any]:
    """Who a new database is; `prefix` is `db` or `cluster`, as in its ARN and its resource id."""
    return {
        "identifier": name,
        "region": region.name,
        "arn": region.arn(prefix, name),
        "resource_id": new_resource_id(prefix),
        "status": "creating",
        "created": now(),
    }


def created(
    call: Call, arguments: Arguments, prefix: str, name: str, *, engine: Engine, version: str
) -> dict[str, Any]:
    """Of a database that is created: its identity, and what its call says or leaves to the same default."""
    backups, maintenance = DEFAULT_BACKUP_WINDOW, DEFAULT_MAINTENANCE_WINDOW
    return {
        **identity(call.region, prefix, name),
        "engine": engine.name,
        "engine_version": version,
        "master_username": names.username(arguments["MasterUsername"]),
        "retention": names.retention(arguments.get("BackupRetentionPeriod", 1), _least_retention(prefix)),
        "backup_window": names.backup_window(arguments.get("PreferredBackupWindow", backups)),
        "maintenance_window": names.maintenance_window(arguments.get("PreferredMaintenanceWindow", maintenance)),
        "port": 0,
        "option_group": groups.option_group(call, arguments.get("OptionGroupName"), engine, version),
        "tags": names.tags(arguments.get("Tags", [])),
        "auto_minor": arguments.get("AutoMinorVersionUpgrade", True),
        "public": arguments.get("PubliclyAccessible", False),
        "iops": arguments.get("Iops"),
        **_said_anew(call, arguments),
    }


def restored(
    call: Call, arguments: Arguments, source: Instance | Cluster, name: str, tags: dict[str, str]
) -> dict[str, Any]:
    """Of a database that is restored: what is new, falls back to a default, or is the source's unless the call says.

    RestoreDBClusterToPointInTime, PubliclyAccessible: public where the VPC has an internet gateway, as the default one
    has. Of Aurora, its members tell.
    """
    prefix = "db" if isinstance(source, Instance) else "cluster"
    told_by_members = not isinstance(source, Instance) and source.aurora
    exposed = not told_by_members and arguments.get("DBSubnetGroupName", "default") == "default"
    return {
        **_handed_down(call, arguments, source, _least_retention(prefix)),
        **identity(call.region, prefix, name),
        "tags": names.tags(arguments["Tags"]) if arguments.get("Tags") else tags,
        "port": call.lab.servers.new_port(),
        "public": arguments.get("PubliclyAccessible", exposed),
        **_said_anew(call, arguments),
        "backup_arn": None,
        "earliest": None,
        "latest": None,
        "restored": True,
        "upgrades": [],
        "deleted": False,
        "turns": Turns(),
    }


def _said_anew(call: Call, arguments: Arguments) -> dict[str, Any]:
    """What no source hands down."""
    return {
        "subnet_group": groups.subnet_group(call, arguments.get("DBSubnetGroupName")),
        "security_groups": groups.security_groups(call, arguments.get("VpcSecurityGroupIds")),
        "deletion_protection": arguments.get("DeletionProtection", False),
        "copy_tags": arguments.get("CopyTagsToSnapshot", False),
        "iam_auth": arguments.get("EnableIAMDatabaseAuthentication", False),
    }


def _handed_down(call: Call, arguments: Arguments, source: Instance | Cluster, least: int) -> dict[str, Any]:
    engine, version = ENGINES[source.engine], source.engine_version
    encryption, key = keys.inherited(call, source.encryption, source.kms_key)
    if "KmsKeyId" in arguments:
        encryption, key = keys.KMS, keys.usable(call, arguments["KmsKeyId"])
    kind = arguments.get("StorageType", source.storage_type)
    return {
        "retention": names.retention(arguments.get("BackupRetentionPeriod", source.retention), least),
        "backup_window": names.backup_window(arguments.get("PreferredBackupWindow", source.backup_window)),
        "encryption": encryption,
        "kms_key": key,
        "option_group": groups.option_group(call, arguments.get("OptionGroupName"), engine, version),
        "storage_type": volume_of(engine.name, kind, source.storage, arguments),
        "iops": arguments.get("Iops", source.iops),
    }


def _least_retention(prefix: str) -> int:
    """Only instances can be without automated backups."""
    return 0 if prefix == "db" else 1


def zone(region: Region, arguments: Arguments) -> str:
    """The asked zone, or the first one; a Multi-AZ instance cannot be put into one."""
    asked: str | None = arguments.get("AvailabilityZone")
    if asked is not None and (arguments.get("MultiAZ") or asked not in region.zones()):
        raise invalid_combination(f"AvailabilityZone {asked} is not valid here or not with MultiAZ")
    return asked or region.zones()[0]
