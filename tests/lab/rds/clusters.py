"""CreateDBCluster and DescribeDBClusters: Aurora, and Multi-AZ DB clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds import databases, groups, instances, keys, lifecycle, made, names, secrets, shapes
from tests.lab.rds.attributes import CLUSTER, class_of, remembered, running_engine, storage_of, version_of, volume_of
from tests.lab.rds.engines import MULTI_AZ_CLUSTER_CLASSES, Engine
from tests.lab.rds.model import Fault, invalid_combination, invalid_value
from tests.lab.rds.paging import page, select
from tests.lab.rds.state import Cluster

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call

CREATE = frozenset(
    {
        "BackupRetentionPeriod",
        "DatabaseName",
        "DBClusterIdentifier",
        "DBClusterParameterGroupName",
        "VpcSecurityGroupIds",
        "DBSubnetGroupName",
        "Engine",
        "EngineVersion",
        "Port",
        "MasterUsername",
        "MasterUserPassword",
        "OptionGroupName",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
        "Tags",
        "StorageEncrypted",
        "KmsKeyId",
        "EnableIAMDatabaseAuthentication",
        "DBClusterInstanceClass",
        "AllocatedStorage",
        "StorageType",
        "Iops",
        "PubliclyAccessible",
        "AutoMinorVersionUpgrade",
        "DeletionProtection",
        "CopyTagsToSnapshot",
        "ManageMasterUserPassword",
        "MasterUserSecretKmsKeyId",
        *CLUSTER,
    }
)

MULTI_AZ_ONLY = frozenset({"DBClusterInstanceClass", "AllocatedStorage", "Iops", "PubliclyAccessible"})


def cluster_class(engine: Engine, version: str, arguments: Arguments) -> str | None:
    """Class of a Multi-AZ DB cluster's members; Aurora has none on the cluster."""
    asked = arguments.get("DBClusterInstanceClass")
    if engine.name.startswith("aurora"):
        wrong = sorted(MULTI_AZ_ONLY & set(arguments))
        if wrong:
            raise invalid_combination(f"{', '.join(wrong)} isn't supported for DB engine {engine.name}")
        return None
    if asked is None:
        raise Fault("MissingParameter", "The request must contain the parameter DBClusterInstanceClass")
    if asked not in MULTI_AZ_CLUSTER_CLASSES:
        raise invalid_combination(f"DBClusterInstanceClass {asked} is not supported for Multi-AZ DB clusters")
    return class_of(engine, version, str(asked))


def cluster_name(arguments: Arguments, engine: Engine) -> str:
    """1 to 63 characters for Aurora, 1 to 52 for Multi-AZ DB clusters (CreateDBCluster, DBClusterIdentifier)."""
    length = names.INSTANCE_LENGTH if engine.name.startswith("aurora") else names.MULTI_AZ_CLUSTER_LENGTH
    return names.identifier(arguments["DBClusterIdentifier"], "DBClusterIdentifier", length)


def create(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateDBCluster. An Aurora cluster accepts no logins until a writer is created in it."""
    lab, region = call.lab, call.region
    engine = running_engine(arguments["Engine"])
    version = version_of(engine, arguments.get("EngineVersion"))
    name = cluster_name(arguments, engine)
    databases.new_cluster_name(region, name)
    if "MasterUsername" not in arguments:
        raise invalid_value("The parameter MasterUsername must be provided and must not be blank.")
    names.port(arguments.get("Port", engine.port))
    aurora = engine.name.startswith("aurora")
    encryption, key = keys.chosen(call, arguments, owned_by_default=aurora)
    item = Cluster(
        **made.created(call, arguments, "cluster", name, engine=engine, version=version),
        encryption=encryption,
        kms_key=key,
        parameter_group=groups.cluster_parameter_group(
            call, arguments.get("DBClusterParameterGroupName"), engine, version
        ),
        storage=1 if aurora else storage_of(arguments.get("AllocatedStorage", 100)),
        storage_type=volume_of(
            engine.name,
            arguments.get("StorageType", "aurora" if aurora else "io1"),
            arguments.get("AllocatedStorage", 100),
            arguments,
        ),
        multi_az=not aurora,
        db_name=arguments.get("DatabaseName"),
        instance_class=cluster_class(engine, version, arguments),
        zones=region.zones(),
        attributes=remembered(arguments, CLUSTER),
    )
    password, item.secret = secrets.initial(call, arguments, "cluster", item.master_username, item.arn)
    item.port = lab.servers.new_port()

    def build() -> None:
        server = lab.servers.create(item.resource_id, item.port, listen=not item.aurora)
        lifecycle.prepare_master(server, item, password)
        instances.activate(item.secret)

    region.clusters[name] = item
    add_members(call, item)
    lifecycle.bring_up(lab, region, item, build, [("RDS-EVENT-0170", "")])
    return {"DBCluster": shapes.cluster(item)}


def add_members(call: Call, item: Cluster) -> None:
    """A Multi-AZ DB cluster comes with its writer and two readers; Aurora with none."""
    if item.aurora:
        return
    for number in (1, 2, 3):
        name = f"{item.identifier}-instance-{number}"
        call.region.instances[name] = instances.member(call, item, name, item.instance_class or "")


def describe(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBClusters: of all engines, tags inline."""
    region = call.region
    if arguments.get("IncludeShared"):
        raise invalid_value("Shared clusters do not exist in this lab")
    if "DBClusterIdentifier" in arguments:
        found = [databases.cluster(region, arguments["DBClusterIdentifier"])]
    else:
        found = list(region.clusters.values())
    found = select(
        arguments,
        found,
        {
            "db-cluster-id": lambda c: (c.identifier, c.arn),
            "db-cluster-resource-id": lambda c: (c.resource_id,),
            "engine": lambda c: (c.engine,),
            "clone-group-id": lambda _: (),
            "domain": lambda _: (),
        },
    )
    for item in found:
        databases.refresh(call.lab, item)
    items = {item.identifier: item for item in found}
    return page(arguments, items, shapes.cluster, "DBClusters")
