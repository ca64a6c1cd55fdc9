"""Parameter, option and subnet groups: create, describe, and the defaults that exist by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.lab.rds import names, shapes
from tests.lab.rds.engines import ENGINES, Engine
from tests.lab.rds.model import fault, invalid_combination, invalid_value
from tests.lab.rds.paging import page
from tests.lab.rds.state import Group

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Region

NAME_LENGTH = 255


def parameter_group(call: Call, name: str | None, engine: Engine, version: str) -> str:
    """Name of the DB parameter group to use; without a name the engine's default one."""
    groups = call.region.parameter_groups
    missing = "DBParameterGroupNotFoundFault"
    return _family_group(call, groups, name, kind="pg", missing=missing, family=engine.family(version))


def cluster_parameter_group(call: Call, name: str | None, engine: Engine, version: str) -> str:
    """Name of the DB cluster parameter group to use."""
    groups = call.region.cluster_parameter_groups
    missing = "DBClusterParameterGroupNotFoundFault"
    return _family_group(call, groups, name, kind="cluster-pg", missing=missing, family=engine.family(version))


def _family_group(
    call: Call, groups: dict[str, Group], name: str | None, *, kind: str, missing: str, family: str
) -> str:
    default = f"default.{family}"
    if name is None or name == default:
        text = f"Default parameter group for {family}"
        groups.setdefault(default, Group(default, call.region.arn(kind, default), text, family=family))
        return default
    group = groups.get(name.lower())
    if group is None:
        raise fault(missing, f"DBParameterGroup not found: {name}")
    if group.family != family:
        raise invalid_combination(
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used for this "
            f"database. Please use a parameter group with DBParameterGroupFamily {family}"
        )
    return group.name


def option_group(call: Call, name: str | None, engine: Engine, version: str) -> str:
    """Name of the option group to use; without a name the engine's default one."""
    groups, major = call.region.option_groups, engine.major(version)
    default = f"default:{engine.name}-{major.replace('.', '-')}"
    if name is None or name == default:
        text = f"Default option group for {engine.name} {major}"
        arn = call.region.arn("og", default)
        groups.setdefault(default, Group(default, arn, text, engine=engine.name, major=major))
        return default
    group = groups.get(name.lower())
    if group is None:
        raise fault("OptionGroupNotFoundFault", f"Specified OptionGroupName: {name} not found.")
    if (group.engine, group.major) != (engine.name, major):
        raise invalid_combination(f"Option group {name} is for {group.engine} {group.major}")
    return group.name


def carried(call: Call, origin: Region, name: str) -> str:
    """An option group of another account's region, made here too under its name unless it is here already."""
    found = origin.option_groups.get(name)
    if found is not None and name not in call.region.option_groups:
        call.region.option_groups[name] = replace(
            found, arn=call.region.arn("og", name), subnets=list(found.subnets), tags={}
        )
    return name


def defaults(call: Call, engine: Engine, version: str) -> None:
    """The default groups of a version are there, whether anything uses them or not."""
    for make in (parameter_group, cluster_parameter_group, option_group):
        make(call, None, engine, version)


def subnet_group(call: Call, name: str | None) -> str:
    """Name of the subnet group to use; `default` covers the default VPC."""
    groups = call.region.subnet_groups
    if name is None or name.lower() == "default":
        if "default" not in groups:
            network = call.lab.cloud.network(call.region.name, call.region.account)
            groups["default"] = Group(
                "default",
                call.region.arn("subgrp", "default"),
                "default",
                vpc=network.vpc,
                subnets=list(network.subnets),
            )
        return "default"
    if name.lower() not in groups:
        raise fault("DBSubnetGroupNotFoundFault", f"DBSubnetGroup '{name}' does not exist.")
    return name.lower()


def security_groups(call: Call, ids: list[str] | None) -> list[str]:
    """VPC security groups to use; without any the default VPC's default one."""
    if ids is None:
        return [call.lab.cloud.network(call.region.name, call.region.account).security_group]
    if not ids or not call.lab.cloud.security_groups_exist(call.region.name, ids, call.region.account):
        raise invalid_value(f"Invalid security group , groupId= {', '.join(ids)}, groupName=.")
    return list(ids)


def create_parameter_group(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateDBParameterGroup."""
    groups = call.region.parameter_groups
    names_of = {"parameter": "DBParameterGroupName", "kind": "pg", "quota": "DBParameterGroups"}
    group = _new_family_group(call, arguments, groups, **names_of)
    return {"DBParameterGroup": shapes.parameter_group(group)}


def create_cluster_parameter_group(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateDBClusterParameterGroup."""
    groups = call.region.cluster_parameter_groups
    names_of = {
        "parameter": "DBClusterParameterGroupName",
        "kind": "cluster-pg",
        "quota": "DBClusterParameterGroups",
    }
    group = _new_family_group(call, arguments, groups, **names_of)
    return {"DBClusterParameterGroup": shapes.cluster_parameter_group(group)}


def _new_family_group(
    call: Call, arguments: Arguments, groups: dict[str, Group], *, parameter: str, kind: str, quota: str
) -> Group:
    name = names.identifier(arguments[parameter], parameter, NAME_LENGTH)
    family = arguments["DBParameterGroupFamily"]
    families = {engine.family(version) for engine in ENGINES.values() for version in engine.versions}
    if family not in families:
        raise invalid_value(f"ParameterGroupFamily {family} is not a valid parameter group family")
    if name in groups:
        raise fault("DBParameterGroupAlreadyExistsFault", f"Parameter group {name} already exists")
    _within_quota(call, quota, groups, "DBParameterGroupQuotaExceededFault")
    groups[name] = Group(
        name,
        call.region.arn(kind, name),
        arguments["Description"],
        family=family,
        tags=names.tags(arguments.get("Tags", [])),
    )
    return groups[name]


def create_option_group(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateOptionGroup."""
    name = names.identifier(arguments["OptionGroupName"], "OptionGroupName", NAME_LENGTH)
    engine = ENGINES.get(arguments["EngineName"])
    major = arguments["MajorEngineVersion"]
    if engine is None or major not in {engine.major(v) for v in engine.versions}:
        raise invalid_value(f"Invalid engine or major version: {arguments['EngineName']} {major}")
    groups = call.region.option_groups
    if name in groups:
        raise fault("OptionGroupAlreadyExistsFault", f"OptionGroup {name} already exists.")
    _within_quota(call, "OptionGroups", groups, "OptionGroupQuotaExceededFault")
    groups[name] = Group(
        name,
        call.region.arn("og", name),
        arguments["OptionGroupDescription"],
        engine=engine.name,
        major=major,
        tags=names.tags(arguments.get("Tags", [])),
    )
    return {"OptionGroup": shapes.option_group(groups[name])}


def create_subnet_group(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CreateDBSubnetGroup. It must cover two zones of one VPC."""
    name = arguments["DBSubnetGroupName"].lower()
    if name == "default":
        raise invalid_value("DBSubnetGroupName must not be 'default'")
    groups = call.region.subnet_groups
    if name in groups:
        raise fault("DBSubnetGroupAlreadyExistsFault", f"The DB subnet group '{name}' already exists.")
    _within_quota(call, "DBSubnetGroups", groups, "DBSubnetGroupQuotaExceededFault")
    found = call.lab.cloud.subnets(call.region.name, arguments["SubnetIds"], call.region.account)
    if not found or len({vpc for _, _, vpc in found}) > 1:
        raise fault("InvalidSubnet", f"Invalid subnets: {', '.join(arguments['SubnetIds'])}")
    if len({zone for _, zone, _ in found}) < 2:
        raise fault(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to "
            "cover at least 2 AZs.",
        )
    groups[name] = Group(
        name,
        call.region.arn("subgrp", name),
        arguments["DBSubnetGroupDescription"],
        vpc=found[0][2],
        subnets=[(subnet, zone) for subnet, zone, _ in found],
        tags=names.tags(arguments.get("Tags", [])),
    )
    return {"DBSubnetGroup": shapes.subnet_group(groups[name])}


def _within_quota(call: Call, quota: str, groups: dict[str, Group], exceeded: str) -> None:
    own = sum(1 for name in groups if not name.startswith("default"))
    if own >= call.region.quotas[quota]:
        raise fault(exceeded, f"Quota of {quota} exceeded")


def _describe(
    arguments: Arguments,
    groups: dict[str, Group],
    *,
    parameter: str,
    missing: str,
    show: Callable[[Group], dict[str, Any]],
    member: str,
) -> dict[str, Any]:
    if arguments.get("Filters"):
        raise invalid_value("This operation supports no filters")
    name = arguments.get(parameter)
    if name is None:
        return page(arguments, groups, show, member)
    if name.lower() not in groups:
        raise fault(missing, f"{parameter} {name} not found")
    return page(arguments, {name.lower(): groups[name.lower()]}, show, member)


def _add_defaults(call: Call) -> None:
    """Default groups of every offered version exist before anything uses them, as on RDS."""
    for engine in ENGINES.values():
        for version in engine.versions:
            parameter_group(call, None, engine, version)
            option_group(call, None, engine, version)
            if engine.clusters:
                cluster_parameter_group(call, None, engine, version)


def describe_parameter_groups(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBParameterGroups."""
    _add_defaults(call)
    return _describe(
        arguments,
        call.region.parameter_groups,
        parameter="DBParameterGroupName",
        missing="DBParameterGroupNotFoundFault",
        show=shapes.parameter_group,
        member="DBParameterGroups",
    )


def describe_cluster_parameter_groups(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBClusterParameterGroups."""
    _add_defaults(call)
    return _describe(
        arguments,
        call.region.cluster_parameter_groups,
        parameter="DBClusterParameterGroupName",
        missing="DBParameterGroupNotFoundFault",
        show=shapes.cluster_parameter_group,
        member="DBClusterParameterGroups",
    )


def describe_option_groups(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeOptionGroups, by name or by engine and major version."""
    _add_defaults(call)
    engine, major = arguments.get("EngineName"), arguments.get("MajorEngineVersion")
    groups = {
        name: group
        for name, group in call.region.option_groups.items()
        if engine in (None, group.engine) and major in (None, group.major)
    }
    return _describe(
        arguments,
        groups,
        parameter="OptionGroupName",
        missing="OptionGroupNotFoundFault",
        show=shapes.option_group,
        member="OptionGroupsList",
    )


def describe_subnet_groups(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBSubnetGroups."""
    subnet_group(call, None)
    return _describe(
        arguments,
        call.region.subnet_groups,
        parameter="DBSubnetGroupName",
        missing="DBSubnetGroupNotFoundFault",
        show=shapes.subnet_group,
        member="DBSubnetGroups",
    )
