"""ModifyDBInstance and ModifyDBCluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds import changes, databases, groups, instances, names, secrets, shapes
from tests.lab.rds.attributes import CLUSTER, INSTANCE, class_of, remembered, version_of
from tests.lab.rds.changes import BACKUPS, PASSWORD, Changes
from tests.lab.rds.engines import ENGINES, MULTI_AZ_CLUSTER_CLASSES
from tests.lab.rds.model import Fault, fault, invalid_combination, invalid_value
from tests.lab.rds.state import Cluster, Instance

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call

_SHARED = frozenset(
    {
        "ApplyImmediately",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
        "VpcSecurityGroupIds",
        "MasterUserPassword",
        "ManageMasterUserPassword",
        "RotateMasterUserPassword",
        "MasterUserSecretKmsKeyId",
        "EngineVersion",
        "AllowMajorVersionUpgrade",
        "AutoMinorVersionUpgrade",
        "OptionGroupName",
        "EnableIAMDatabaseAuthentication",
        "CopyTagsToSnapshot",
        "DeletionProtection",
        "AllocatedStorage",
        "StorageType",
        "Iops",
        "AwsBackupRecoveryPointArn",
        "CloudwatchLogsExportConfiguration",
    }
)
MODIFY_INSTANCE = (
    _SHARED
    | (frozenset(INSTANCE) - {"EnableCloudwatchLogsExports"})
    | {
        "DBInstanceIdentifier",
        "DBInstanceClass",
        "DBParameterGroupName",
        "MultiAZ",
        "StorageThroughput",
        "PubliclyAccessible",
    }
)
MODIFY_CLUSTER = (
    _SHARED
    | (frozenset(CLUSTER) - {"EnableCloudwatchLogsExports"})
    | {
        "DBClusterIdentifier",
        "DBClusterInstanceClass",
        "DBClusterParameterGroupName",
    }
)

_MEMBER_REFUSES = instances.CLUSTER_OWNED | {"RotateMasterUserPassword", "EngineVersion", "AwsBackupRecoveryPointArn"}


def instance(call: Call, arguments: Arguments) -> dict[str, Any]:
    """ModifyDBInstance."""
    item = databases.instance(call.region, arguments["DBInstanceIdentifier"])
    if item.cluster is not None:
        _refuse_cluster_owned(arguments)
    databases.need_server(item)
    if item.status not in databases.MODIFIABLE:
        raise _not_available()
    found = _collect(call, arguments, item, low=0)
    engine = ENGINES[item.engine]
    if "DBInstanceClass" in arguments:
        changes.defer(
            item, "DBInstanceClass", class_of(engine, item.engine_version, arguments["DBInstanceClass"]), found
        )
    for name in ("MultiAZ", "StorageThroughput"):
        if name in arguments:
            changes.defer(item, name, arguments[name], found)
    if "DBParameterGroupName" in arguments:
        item.parameter_group = groups.parameter_group(
            call, arguments["DBParameterGroupName"], engine, item.engine_version
        )
    item.public = arguments.get("PubliclyAccessible", item.public)
    item.attributes |= remembered(arguments, INSTANCE, item.attributes)
    changes.commit(call.lab, call.region, item, found, immediately=arguments.get("ApplyImmediately", False))
    return {"DBInstance": shapes.instance(call.region, item)}


def cluster(call: Call, arguments: Arguments) -> dict[str, Any]:
    """ModifyDBCluster."""
    item = databases.cluster(call.region, arguments["DBClusterIdentifier"])
    databases.need_server(item)
    databases.need_cluster_state(item, databases.MODIFIABLE)
    if item.aurora and {"AllocatedStorage", "Iops", "DBClusterInstanceClass"} & set(arguments):
        raise invalid_combination("AllocatedStorage, Iops and DBClusterInstanceClass are for Multi-AZ DB clusters")
    found = _collect(call, arguments, item, low=1)
    engine = ENGINES[item.engine]
    if "DBClusterInstanceClass" in arguments:
        if arguments["DBClusterInstanceClass"] not in MULTI_AZ_CLUSTER_CLASSES:
            raise invalid_combination(f"DBClusterInstanceClass {arguments['DBClusterInstanceClass']} is not supported")
        changes.defer(item, "DBClusterInstanceClass", arguments["DBClusterInstanceClass"], found)
    if "DBClusterParameterGroupName" in arguments:
        item.parameter_group = groups.cluster_parameter_group(
            call, arguments["DBClusterParameterGroupName"], engine, item.engine_version
        )
    item.attributes |= remembered(arguments, CLUSTER, item.attributes)
    changes.commit(call.lab, call.region, item, found, immediately=arguments.get("ApplyImmediately", False))
    return {"DBCluster": shapes.cluster(item)}


def _not_available() -> Fault:

    return fault("InvalidDBInstanceStateFault", "Database instance is not in available state.")


def _refuse_cluster_owned(arguments: Arguments) -> None:
    if BACKUPS in arguments:
        raise invalid_combination(
            "The specified DB Instance is a member of a cluster and its backup retention should not be modified "
            "directly. Instead, modify the backup retention of the cluster using the ModifyDbCluster API"
        )
    refused = sorted(_MEMBER_REFUSES & set(arguments))
    if refused:
        raise invalid_combination(
            f"{', '.join(refused)} of a DB cluster's member must be modified with the ModifyDBCluster API"
        )


def _collect(call: Call, arguments: Arguments, item: Instance | Cluster, *, low: int) -> Changes:
    """Check everything that both kinds have in common first, then take it over."""
    found = Changes()
    _retention(arguments, item, found, low)
    _storage(arguments, item, found)
    _version(call, arguments, item, found)
    if "EnableIAMDatabaseAuthentication" in arguments:
        changes.defer(item, "EnableIAMDatabaseAuthentication", arguments["EnableIAMDatabaseAuthentication"], found)
    windows = {
        "backup_window": names.backup_window(arguments.get("PreferredBackupWindow", item.backup_window)),
        "maintenance_window": names.maintenance_window(
            arguments.get("PreferredMaintenanceWindow", item.maintenance_window)
        ),
    }
    engine = ENGINES[item.engine]
    if "OptionGroupName" in arguments:
        item.option_group = groups.option_group(call, arguments["OptionGroupName"], engine, item.engine_version)
    if "VpcSecurityGroupIds" in arguments:
        item.security_groups = groups.security_groups(call, arguments["VpcSecurityGroupIds"])
    _credentials(call, arguments, item, found)
    item.backup_window, item.maintenance_window = windows["backup_window"], windows["maintenance_window"]
    item.copy_tags = arguments.get("CopyTagsToSnapshot", item.copy_tags)
    item.deletion_protection = arguments.get("DeletionProtection", item.deletion_protection)
    item.auto_minor = arguments.get("AutoMinorVersionUpgrade", item.auto_minor)
    item.backup_arn = arguments.get("AwsBackupRecoveryPointArn", item.backup_arn)
    _log_exports(arguments, item)
    return found


def _retention(arguments: Arguments, item: Instance | Cluster, found: Changes, low: int) -> None:
    if BACKUPS not in arguments:
        return
    asked = names.retention(arguments[BACKUPS], low)
    if item.backup_arn is not None and asked != item.retention:
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/AutomatedBackups.AWSBackup.html
        raise invalid_combination(
            f"The backup retention period of {item.identifier} is managed by AWS Backup and can't be modified here"
        )
    changes.retention(item, asked, found)


def _storage(arguments: Arguments, item: Instance | Cluster, found: Changes) -> None:
    """Storage never shrinks; growing by less than 10 % is rounded up to 10 % (AllocatedStorage)."""
    if "AllocatedStorage" in arguments:
        asked = arguments["AllocatedStorage"]
        if asked < item.storage:
            raise invalid_combination(
                f"Requested allocated storage {asked} is less than the current {item.storage}: storage can't shrink"
            )
        if asked > item.storage:
            asked = max(asked, -(-item.storage * 11 // 10))
        changes.defer(item, "AllocatedStorage", asked, found)
    for name in ("StorageType", "Iops"):
        if name in arguments:
            changes.defer(item, name, arguments[name], found)


def _version(call: Call, arguments: Arguments, item: Instance | Cluster, found: Changes) -> None:
    if "EngineVersion" not in arguments:
        return
    engine = ENGINES[item.engine]
    asked = version_of(engine, arguments["EngineVersion"])
    if _numbers(asked) < _numbers(item.engine_version):
        raise invalid_combination(f"Cannot upgrade {engine.name} from {item.engine_version} to {asked}")
    if engine.major(asked) != engine.major(item.engine_version) and not arguments.get("AllowMajorVersionUpgrade"):
        raise invalid_combination(
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
        )
    groups.defaults(call, engine, asked)
    changes.defer(item, "EngineVersion", asked, found)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]


def _credentials(call: Call, arguments: Arguments, item: Instance | Cluster, found: Changes) -> None:
    """A given password is set soon; a managed one is made, set and put into a secret.

    Asking again for what is so already changes nothing.
    """
    given, managed = arguments.get(PASSWORD), arguments.get("ManageMasterUserPassword")
    rotating = arguments.get("RotateMasterUserPassword")
    if given is not None and (managed or (item.secret is not None and managed is None)):
        raise invalid_combination(
            "You can't specify MasterUserPassword while the password is managed in Secrets Manager"
        )
    if rotating and item.secret is None:
        raise invalid_combination("RotateMasterUserPassword needs a managed master user password")
    if managed is False and item.secret is not None:
        if given is None:
            raise invalid_combination("MasterUserPassword must be specified when the management is turned off")
        secrets.delete(call.lab, item)
        item.secret = None
    if given is not None:
        found.soon[PASSWORD] = names.password(given)
    elif managed and item.secret is None:
        password = secrets.new_password()
        kind = "db" if isinstance(item, Instance) else "cluster"
        key = arguments.get("MasterUserSecretKmsKeyId")
        item.secret = secrets.create(
            call, kind, username=item.master_username, password=password, arn=item.arn, key=key
        )
        found.soon[PASSWORD] = password
    elif rotating and item.secret is not None:
        item.secret.status = "rotating"
        found.soon[PASSWORD] = secrets.new_password()


def _log_exports(arguments: Arguments, item: Instance | Cluster) -> None:
    asked = arguments.get("CloudwatchLogsExportConfiguration")
    if asked is None:
        return
    known = {"postgresql", "upgrade", "iam-db-auth-error", "instance"}
    wanted = {*asked.get("EnableLogTypes", []), *asked.get("DisableLogTypes", [])}
    if wanted - known:
        raise invalid_value(f"Unknown log types: {sorted(wanted - known)}")
    now_on = set(item.attributes.get("EnabledCloudwatchLogsExports", []))
    item.attributes["EnabledCloudwatchLogsExports"] = sorted(
        (now_on | set(asked.get("EnableLogTypes", []))) - set(asked.get("DisableLogTypes", []))
    )
