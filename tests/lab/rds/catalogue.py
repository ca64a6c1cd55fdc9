"""What can be ordered, engine versions, and the account's quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds.engines import ENGINES, Engine, classes
from tests.lab.rds.model import invalid_value
from tests.lab.rds.paging import page

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Group


def _engine(name: str) -> Engine:
    if name not in ENGINES:
        raise invalid_value(f"Invalid DB engine: {name}")
    return ENGINES[name]


def _no_filters(arguments: Arguments) -> None:
    if arguments.get("Filters"):
        raise invalid_value("This operation supports no filters here")


def orderable(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeOrderableDBInstanceOptions: what the lab's CreateDBInstance accepts, and nothing else."""
    _no_filters(arguments)
    engine = _engine(arguments["Engine"])
    asked, wanted = arguments.get("EngineVersion"), arguments.get("DBInstanceClass")
    zones = [{"Name": zone} for zone in call.region.zones()]
    aurora = engine.name.startswith("aurora")
    offered = {
        f"{version}|{name}": {
            "Engine": engine.name,
            "EngineVersion": version,
            "DBInstanceClass": name,
            "LicenseModel": engine.licence,
            "AvailabilityZones": zones,
            "MultiAZCapable": not aurora,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": "aurora" if aurora else "gp3",
            "SupportsIAMDatabaseAuthentication": True,
            "SupportsClusters": engine.clusters,
            "SupportedNetworkTypes": ["IPV4"],
        }
        for version in engine.versions
        for name in classes(engine.name)
        if asked in (None, version) and wanted in (None, name)
        if arguments.get("LicenseModel") in (None, engine.licence) and arguments.get("Vpc", True)
    }
    return page(arguments, offered, dict, "OrderableDBInstanceOptions")


def engine_versions(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBEngineVersions."""
    del call
    _no_filters(arguments)
    chosen = [_engine(arguments["Engine"])] if "Engine" in arguments else list(ENGINES.values())
    asked = arguments.get("EngineVersion")
    found = {
        f"{engine.name}|{version}": _version(engine, version)
        for engine in chosen
        for place, version in enumerate(engine.versions)
        if asked in (None, version, engine.major(version))
        if place == 0 or not arguments.get("DefaultOnly")
        if arguments.get("DBParameterGroupFamily") in (None, engine.family(version))
    }
    return page(arguments, found, dict, "DBEngineVersions")


def _version(engine: Engine, version: str) -> dict[str, Any]:
    newer = engine.versions[: engine.versions.index(version)]
    return {
        "Engine": engine.name,
        "MajorEngineVersion": engine.major(version),
        "EngineVersion": version,
        "DBParameterGroupFamily": engine.family(version),
        "DBEngineDescription": engine.description,
        "DBEngineVersionDescription": f"{engine.description} {version}",
        "ValidUpgradeTarget": [
            {
                "Engine": engine.name,
                "EngineVersion": target,
                "IsMajorVersionUpgrade": engine.major(target) != engine.major(version),
            }
            for target in newer
        ],
        "Status": "available",
        "SupportedEngineModes": ["provisioned"],
    }


def account_attributes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeAccountAttributes: used and maximum of each quota, in one call."""
    del arguments
    region = call.region
    used = {
        "DBInstances": len(region.instances),
        "DBClusters": len(region.clusters),
        "ManualSnapshots": sum(1 for s in region.snapshots.values() if s.type == "manual"),
        "ManualClusterSnapshots": sum(1 for s in region.cluster_snapshots.values() if s.type == "manual"),
        "DBSubnetGroups": _own(region.subnet_groups),
        "DBParameterGroups": _own(region.parameter_groups),
        "DBClusterParameterGroups": _own(region.cluster_parameter_groups),
        "OptionGroups": _own(region.option_groups),
        "AllocatedStorage": sum(i.storage for i in region.instances.values()),
    }
    return {
        "AccountQuotas": [
            {"AccountQuotaName": name, "Used": used[name], "Max": most} for name, most in region.quotas.items()
        ]
    }


def _own(groups: dict[str, Group]) -> int:
    """Groups that somebody made: the default ones count against no quota."""
    return sum(1 for name in groups if not name.startswith("default"))
