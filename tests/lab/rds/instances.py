"""CreateDBInstance and DescribeDBInstances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds import databases, groups, keys, lifecycle, made, names, secrets, shapes
from tests.lab.rds.attributes import INSTANCE, class_of, remembered, running_engine, storage_of, version_of, volume_of
from tests.lab.rds.engines import ENGINES
from tests.lab.rds.faults import Plant
from tests.lab.rds.model import Fault, invalid_combination, invalid_value
from tests.lab.rds.paging import page, select
from tests.lab.rds.state import Cluster, Instance, Secret

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call

CREATE = frozenset(
    {
        "DBName",
        "DBInstanceIdentifier",
        "AllocatedStorage",
        "DBInstanceClass",
        "Engine",
        "MasterUsername",
        "MasterUserPassword",
        "VpcSecurityGroupIds",
        "AvailabilityZone",
        "DBSubnetGroupName",
        "PreferredMaintenanceWindow",
        "DBParameterGroupName",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "Port",
        "MultiAZ",
        "EngineVersion",
        "AutoMinorVersionUpgrade",
        "Iops",
        "StorageThroughput",
        "OptionGroupName",
        "PubliclyAccessible",
        "Tags",
        "DBClusterIdentifier",
        "StorageType",
        "StorageEncrypted",
        "KmsKeyId",
        "CopyTagsToSnapshot",
        "EnableIAMDatabaseAuthentication",
        "DeletionProtection",
        "ManageMasterUserPassword",
        "MasterUserSecretKmsKeyId",
        *INSTANCE,
    }
)

CLUSTER_OWNED = frozenset(
    {
        "DBName",
        "AllocatedStorage",
        "MasterUsername",
        "MasterUserPassword",
        "ManageMasterUserPassword",
        "MasterUserSecretKmsKeyId",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "StorageEncrypted",
        "KmsKeyId",
        "DeletionProtection",
        "Port",
        "Iops",
        "StorageThroughput",
        "VpcSecurityGroupIds",
        "MultiAZ",
        "EnableIAMDatabaseAuthentication",
    }
)
"""Settings that the cluster owns: its members refuse them."""


def create(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateDBInstance: an instance of its own, or a member of an Aurora cluster."""
    name = names.identifier(arguments["DBInstanceIdentifier"], "DBInstanceIdentifier")
    databases.new_instance_name(call.region, name)
    if "DBClusterIdentifier" in arguments:
        item = _create_member(call, arguments, name)
    else:
        item = _create_alone(call, arguments, name)
    call.region.instances[name] = item
    return {"DBInstance": shapes.instance(call.region, item)}


def _create_alone(call: Call, arguments: Arguments, name: str) -> Instance:
    lab, region = call.lab, call.region
    if arguments["Engine"].startswith("aurora"):
        raise invalid_combination("The engine aurora-postgresql requires DBClusterIdentifier")
    engine = running_engine(arguments["Engine"])
    version = version_of(engine, arguments.get("EngineVersion"))
    if "AllocatedStorage" not in arguments:
        raise Fault("MissingParameter", "The request must contain the parameter AllocatedStorage")
    if "MasterUsername" not in arguments:
        raise invalid_value("The parameter MasterUsername must be provided and must not be blank.")
    names.port(arguments.get("Port", engine.port))
    zone = made.zone(region, arguments)
    encryption, key = keys.chosen(call, arguments, owned_by_default=False)
    item = Instance(
        **made.created(call, arguments, "db", name, engine=engine, version=version),
        encryption=encryption,
        kms_key=key,
        parameter_group=groups.parameter_group(call, arguments.get("DBParameterGroupName"), engine, version),
        storage=storage_of(arguments["AllocatedStorage"]),
        storage_type=volume_of(
            engine.name, arguments.get("StorageType", "gp3"), arguments["AllocatedStorage"], arguments
        ),
        multi_az=arguments.get("MultiAZ", False),
        throughput=arguments.get("StorageThroughput"),
        db_name=arguments.get("DBName"),
        instance_class=class_of(engine, version, arguments["DBInstanceClass"]),
        zone=zone,
        attributes=remembered(arguments, INSTANCE),
    )
    password, item.secret = secrets.initial(call, arguments, "db", item.master_username, item.arn)
    item.port = lab.servers.new_port()
    _launch(call, item, password)
    return item


def _launch(call: Call, item: Instance, password: str) -> None:
    lab = call.lab

    def build() -> None:
        server = lab.servers.create(item.resource_id, item.port, listen=True)
        lifecycle.prepare_master(server, item, password)
        activate(item.secret)

    lifecycle.bring_up(lab, call.region, item, build, [("RDS-EVENT-0005", "")])


def activate(secret: Secret | None) -> None:
    """The password in the secret works from now on."""
    if secret is not None:
        secret.status = "active"


def _create_member(call: Call, arguments: Arguments, name: str) -> Instance:
    owner = databases.cluster(call.region, arguments["DBClusterIdentifier"])
    if not owner.aurora:
        raise invalid_combination("Members of a Multi-AZ DB cluster are created with the cluster")
    databases.need_cluster_state(owner, frozenset({"available"}))
    if arguments["Engine"] != owner.engine:
        raise invalid_combination(
            f"The engine {arguments['Engine']} doesn't match that of the DB cluster, {owner.engine}"
        )
    refused = sorted(CLUSTER_OWNED & set(arguments))
    if refused:
        raise invalid_combination(
            f"The requested DB Instance will be a member of a DB Cluster. Set {', '.join(refused)} for the DB Cluster."
        )
    item = member(
        call, owner, name, class_of(ENGINES[owner.engine], owner.engine_version, arguments["DBInstanceClass"])
    )
    engine, version = ENGINES[owner.engine], owner.engine_version
    item.parameter_group = groups.parameter_group(call, arguments.get("DBParameterGroupName"), engine, version)
    item.tags = names.tags(arguments.get("Tags", []))
    item.copy_tags = arguments.get("CopyTagsToSnapshot", False)
    # CreateDBInstance, PubliclyAccessible: false for Aurora, "unless the value of DBSubnetGroup is default".
    item.public = arguments.get("PubliclyAccessible", arguments.get("DBSubnetGroupName") == "default")
    item.attributes = remembered(arguments, INSTANCE)
    _open_cluster(call, owner, item)
    return item


def member(call: Call, owner: Cluster, name: str, instance_class: str) -> Instance:
    """A member of `owner`: what the cluster owns is read from the cluster."""
    region = call.region
    zones = region.zones()
    item = Instance(
        **made.identity(region, "db", name),
        engine=owner.engine,
        engine_version=owner.engine_version,
        master_username=owner.master_username,
        retention=owner.retention,
        backup_window=owner.backup_window,
        maintenance_window=owner.maintenance_window,
        port=owner.port,
        encryption=owner.encryption,
        kms_key=owner.kms_key,
        subnet_group=owner.subnet_group,
        security_groups=owner.security_groups,
        parameter_group=groups.parameter_group(call, None, ENGINES[owner.engine], owner.engine_version),
        option_group=owner.option_group,
        tags={},
        storage=owner.storage,
        storage_type=owner.storage_type,
        instance_class=instance_class,
        cluster=owner.identifier,
        zone=zones[len(owner.members) % len(zones)],
    )
    owner.members.append(name)
    return item


def _open_cluster(call: Call, owner: Cluster, item: Instance) -> None:
    """The first member opens the cluster's endpoint; a reader shares it."""
    lab = call.lab
    stuck = owner.restored and lab.faults.planted(Plant.NO_WRITER)

    def work() -> None:
        if stuck:
            return  # the planted fault: the call succeeded, and the writer never comes
        with lab.jobs.at_least():
            server = lab.servers.get(owner.resource_id)
            if not server.cluster.listen:
                server.cluster.restart(listen=True)
        lifecycle.set_status(lab, item, "available")
        lab.events.happened(call.region, item, "RDS-EVENT-0005")

    lifecycle.start(lab, call.region, owner, f"member {item.identifier}", work)


def describe(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBInstances: of all engines, members included, tags inline."""
    region = call.region
    if "DBInstanceIdentifier" in arguments:
        found = [databases.instance(region, arguments["DBInstanceIdentifier"])]
    else:
        found = list(region.instances.values())
    found = select(
        arguments,
        found,
        {
            "db-instance-id": lambda i: (i.identifier, i.arn),
            "db-cluster-id": lambda i: (i.cluster, region.arn("cluster", i.cluster or "")),
            "dbi-resource-id": lambda i: (i.resource_id,),
            "engine": lambda i: (i.engine,),
            "domain": lambda _: (),
        },
    )
    for item in found:
        databases.refresh(call.lab, item)
    items = {item.identifier: item for item in found}
    return page(arguments, items, lambda item: shapes.instance(region, item), "DBInstances")
