"""What the page server answers: a fleet of many teams, classes, keys and windows, and what stands around it.

Databases differ by their number, so that nothing can be measured that only a fleet of equals would allow. One in fifty
has no second zone, which is the fleet's only open finding.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from backstay.core.naming import FORWARDING
from tests.lab.rds import serialize
from tests.lab.rds.model import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAGE: Final = 100
ACCOUNT: Final = "111122223333"
LISTINGS: Final = 8
"""Page chains of a region besides its databases, one page each."""

_CLASSES: Final = ("db.m7g.large", "db.m7g.xlarge", "db.r7g.large", "db.r7g.2xlarge", "db.t4g.medium")
_VERSIONS: Final = ("17.2", "16.6", "15.10")
_KEYS: Final = 5
_GROUPS: Final = 40
_AURORA: Final = ("16.6", "db.r7g.large")
# What stands where a value goes that differs by the database's number.
_FORMS: Final[Mapping[str, Callable[[int], str]]] = {
    "@team@": lambda number: f"team-{number % 60}",
    "@class@": lambda number: _CLASSES[number % len(_CLASSES)],
    "@version@": lambda number: _VERSIONS[number % len(_VERSIONS)],
    "@key@": lambda number: f"0b8a8f0e-8d2b-4a9b-9a3f-{number % _KEYS:012d}",
    "@group@": lambda number: f"{number % _GROUPS:02d}",
    "@hour@": lambda number: f"{number % 20:02d}",
    "<MultiAZ>true": lambda number: "<MultiAZ>false" if number % 50 == 0 else "<MultiAZ>true",
}


def combinations(instances: int, clusters: int) -> int:
    """Distinct engine, version and class: one call each."""
    own = {(number % len(_CLASSES), number % len(_VERSIONS)) for number in range(clusters, instances)}
    return len(own) + bool(clusters)


def keys(instances: int, clusters: int) -> int:
    """Distinct KMS keys: one call each."""
    return min(max(instances, clusters), _KEYS)


def _common(region: str, word: str) -> dict[str, Any]:
    kind = "db" if word == "Instance" else "cluster"
    return {
        "AllocatedStorage": 100,
        "AutoMinorVersionUpgrade": True,
        "BackupRetentionPeriod": 14,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": True,
        "LatestRestorableTime": datetime.now(UTC) - timedelta(minutes=3),
        "IAMDatabaseAuthenticationEnabled": True,
        "KmsKeyId": f"arn:aws:kms:{region}:{ACCOUNT}:key/@key@",
        "MasterUsername": "app_admin",
        "MultiAZ": True,
        "PreferredBackupWindow": "@hour@:30-@hour@:59",
        "PreferredMaintenanceWindow": "sun:22:00-sun:22:30",
        "StorageEncrypted": True,
        "StorageType": "gp3",
        "TagList": [{"Key": "backup-tier", "Value": "gold"}, {"Key": "team", "Value": "@team@"}],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-000000@group@", "Status": "active"}],
        f"DB{word}Identifier": "@name@",
        f"DB{word}Arn": f"arn:aws:rds:{region}:{ACCOUNT}:{kind}:@name@",
    }


def _instance(region: str) -> dict[str, Any]:
    return {
        **_common(region, "Instance"),
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "DBInstanceClass": "@class@",
        "DBInstanceStatus": "available",
        "DBParameterGroups": [{"DBParameterGroupName": "postgres-@group@", "ParameterApplyStatus": "in-sync"}],
        "DBSubnetGroup": {
            "DBSubnetGroupName": "private",
            "SubnetGroupStatus": "Complete",
            "Subnets": [
                {"SubnetIdentifier": f"subnet-0000000{zone}", "SubnetAvailabilityZone": {"Name": f"{region}{zone}"}}
                for zone in "abc"
            ],
            "VpcId": "vpc-0a1b2c3d",
        },
        "DbiResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "Endpoint": {"Address": f"@name@.x.{region}.rds.amazonaws.com", "Port": 5432, "HostedZoneId": "Z1TTGA775OQIYO"},
        "Engine": "postgres",
        "EngineVersion": "@version@",
        "InstanceCreateTime": datetime.now(UTC) - timedelta(days=100),
        "OptionGroupMemberships": [{"OptionGroupName": "options-@group@", "Status": "in-sync"}],
        "PendingModifiedValues": {},
        "PubliclyAccessible": False,
    }


def _member(region: str) -> dict[str, Any]:
    aurora = {"Engine": "aurora-postgresql", "EngineVersion": _AURORA[0], "DBInstanceClass": _AURORA[1]}
    return {**_instance(region), **aurora, "DBClusterIdentifier": "c-@number@"}


def _cluster(region: str) -> dict[str, Any]:
    return {
        **_common(region, "Cluster"),
        "AvailabilityZones": [f"{region}{zone}" for zone in "abc"],
        "ClusterCreateTime": datetime.now(UTC) - timedelta(days=100),
        "DBClusterMembers": [{"DBInstanceIdentifier": "i-@number@", "IsClusterWriter": True, "PromotionTier": 1}],
        "DBClusterParameterGroup": "aurora-@group@",
        "DBSubnetGroup": "private",
        "DbClusterResourceId": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "EarliestRestorableTime": datetime.now(UTC) - timedelta(days=14),
        "Endpoint": f"@name@.cluster-abc.{region}.rds.amazonaws.com",
        "Engine": "aurora-postgresql",
        "EngineMode": "provisioned",
        "EngineVersion": _AURORA[0],
        "Port": 5432,
        "Status": "available",
    }


_KINDS: Final = {
    "instance": ("DBInstance", _instance),
    "member": ("DBInstance", _member),
    "cluster": ("DBCluster", _cluster),
}


@functools.cache
def _form(kind: str, region: str) -> str:
    tag, make = _KINDS[kind]
    text = answer(f"Describe{tag}s", {f"{tag}s": [make(region)]})
    return text[text.index(f"<{tag}>") : text.rindex(f"</{tag}>") + len(f"</{tag}>")]


def entry(kind: str, region: str, number: int) -> str:
    """One database's XML: ``instance``, ``member`` (of the cluster with its number) or ``cluster``."""
    text = _form(kind, region).replace("@name@", f"{'c' if kind == 'cluster' else 'i'}-@number@")
    for form, value in _FORMS.items():
        text = text.replace(form, value(number))
    return text.replace("@number@", f"{number:05d}")


def answer(action: str, result: dict[str, Any]) -> str:
    """One whole RDS answer."""
    model = operation(action)
    assert model is not None, action
    return serialize.answer(model, result, "1")


def around(action: str, region: str) -> str:
    """A listing of what stands around the databases; of EC2's two, and of RDS's. KeyError for what nobody asks."""
    if action == "DescribeSecurityGroups":
        items = "".join(f"<item><groupId>sg-000000{number:02d}</groupId></item>" for number in range(_GROUPS))
        return f"<{action}Response><securityGroupInfo>{items}</securityGroupInfo></{action}Response>"
    if action == "DescribeSubnets":
        free = "<availableIpAddressCount>200</availableIpAddressCount>"
        items = "".join(f"<item><subnetId>subnet-0000000{zone}</subnetId>{free}</item>" for zone in "abc")
        return f"<{action}Response><subnetSet>{items}</subnetSet></{action}Response>"
    return answer(action, _RDS[action](region))


def _quota(name: str) -> dict[str, Any]:
    return {"AccountQuotaName": name, "Used": 100, "Max": 100_000}


def _groups(key: str, name: str, prefix: str) -> Any:
    return lambda _region: {key: [{name: f"{prefix}-{number:02d}"} for number in range(_GROUPS)]}


_RDS: Final = {
    "DescribeAccountAttributes": lambda _region: {
        "AccountQuotas": [
            _quota(name)
            for name in ("DBInstances", "DBClusters", "ManualSnapshots", "ManualClusterSnapshots", "AllocatedStorage")
        ]
    },
    "DescribeDBParameterGroups": _groups("DBParameterGroups", "DBParameterGroupName", "postgres"),
    "DescribeDBClusterParameterGroups": _groups("DBClusterParameterGroups", "DBClusterParameterGroupName", "aurora"),
    "DescribeOptionGroups": _groups("OptionGroupsList", "OptionGroupName", "options"),
    "DescribeDBSubnetGroups": lambda region: {"DBSubnetGroups": [_instance(region)["DBSubnetGroup"]]},
    "DescribeOrderableDBInstanceOptions": lambda _region: {"OrderableDBInstanceOptions": [{"Engine": "postgres"}]},
    "DescribeDBInstanceAutomatedBackups": lambda _region: {"DBInstanceAutomatedBackups": []},
    "DescribeDBSnapshots": lambda _region: {"DBSnapshots": []},
    "DescribeDBClusterSnapshots": lambda _region: {"DBClusterSnapshots": []},
}


def json_answer(action: str) -> dict[str, Any]:
    """KMS's and EventBridge's answers."""
    if action == "DescribeKey":
        return {"KeyMetadata": {"KeyId": "0b8a8f0e-8d2b-4a9b-9a3f-000000000000", "KeyState": "Enabled"}}
    if action == "ListRules":
        return {"Rules": [{"Name": f"backstay{tail}", "State": "ENABLED"} for tail in FORWARDING]}
    return {}
