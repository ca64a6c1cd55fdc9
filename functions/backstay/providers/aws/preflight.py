"""What the restore's preflight reads: window, snapshot, key, groups, addresses, class, quota. Creates nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from backstay.core.decide.restore import ordered_class
from backstay.core.errors import NotFound, ProviderError
from backstay.core.model import Configuration, Database, Kind, RecoveryWindow
from backstay.core.restoring import QUOTAS, Backup, Quota, Unchecked
from backstay.providers.aws import shapes
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_rds.client import RDSClient

    from backstay.core.restoring import Snapshot
    from backstay.providers.aws.clients import Clients

T = TypeVar("T")
_QUOTAS: Final = frozenset({name for names in QUOTAS.values() for name in names})
_USABLE_KEY: Final = "Enabled"
_CALLS: Final = {
    "describe_db_cluster_snapshots": "rds:DescribeDBClusterSnapshots",
    "describe_db_snapshots": "rds:DescribeDBSnapshots",
    "describe_orderable_db_instance_options": "rds:DescribeOrderableDBInstanceOptions",
}


def checked(read: Callable[[], T]) -> T | Unchecked:
    """The fact, or why it could not be read."""
    try:
        return read()
    except ProviderError as exc:
        return Unchecked(str(exc))


def of_type(ident: str, *, cluster: bool = False) -> dict[str, Any]:
    """What RDS must also be told to find a snapshot that is not a manual one of this account.

    An automated one's type must be given; a shared one is only listed when asked for, and named by its ARN; AWS
    Backup's have a type of their own, but not for clusters. Source:
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
    """
    is_arn = ident.startswith("arn:")
    name = ident.split(":", 6)[-1] if is_arn else ident
    if name.startswith("rds:"):
        return {"SnapshotType": "automated"}
    if name.startswith("awsbackup:") and not cluster:
        return {"SnapshotType": "awsbackup"}
    return {"IncludeShared": True} if is_arn else {}


def quotas(rds: RDSClient) -> tuple[Quota, ...]:
    """Used and maximum of the region's instances, clusters, snapshots and storage, in one call."""
    with calling("rds:DescribeAccountAttributes"):
        answers = rds.describe_account_attributes()["AccountQuotas"]
    return tuple(
        Quota(quota["AccountQuotaName"], int(quota["Used"]), int(quota["Max"]))
        for quota in answers
        if quota.get("AccountQuotaName") in _QUOTAS and "Used" in quota and "Max" in quota
    )


class Preflight:
    """Reads facts in one region. Every method raises ProviderError; ``checked`` makes that a warning."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._rds, self._ec2, self._kms = clients.rds(region), clients.ec2(region), clients.kms(region)

    def window(self, database: Database) -> RecoveryWindow | None:
        """The window with its earliest moment, which only the automated backup tells for an instance."""
        if database.id.kind is Kind.CLUSTER:
            return database.window
        try:
            with calling("rds:DescribeDBInstanceAutomatedBackups"):
                answer = self._rds.describe_db_instance_automated_backups(DBInstanceIdentifier=database.name)
                backups = answer["DBInstanceAutomatedBackups"]
        except NotFound:  # PITR is off, or the first backup is not made yet: known, and no reason to try all the same
            return database.window
        for backup in backups:
            window: Any = backup.get("RestoreWindow") or {}
            earliest, latest = shapes.aware(window.get("EarliestTime")), shapes.aware(window.get("LatestTime"))
            if backup.get("Status") == "active" and latest is not None:
                newest = max(latest, database.window.latest) if database.window else latest
                return RecoveryWindow(earliest, newest)
        return database.window

    def snapshot(self, ident: str, kind: Kind | None) -> Snapshot | None:
        """By identifier or ARN; looks among both kinds when the kind is not known."""
        kinds = [kind] if kind else [Kind.INSTANCE, Kind.CLUSTER]
        for each in kinds:
            found = self._instance_snapshot(ident) if each is Kind.INSTANCE else self._cluster_snapshot(ident)
            if found:
                return found
        return None

    def _instance_snapshot(self, ident: str) -> Snapshot | None:
        try:
            with calling("rds:DescribeDBSnapshots"):
                found: Any = self._rds.describe_db_snapshots(DBSnapshotIdentifier=ident, **of_type(ident))
                answers = found["DBSnapshots"]
        except NotFound:
            return None
        return shapes.snapshot(answers[0], Kind.INSTANCE) if answers else None

    def _cluster_snapshot(self, ident: str) -> Snapshot | None:
        try:
            with calling("rds:DescribeDBClusterSnapshots"):
                found: Any = self._rds.describe_db_cluster_snapshots(
                    DBClusterSnapshotIdentifier=ident, **of_type(ident, cluster=True)
                )
                answers = found["DBClusterSnapshots"]
        except NotFound:
            return None
        return shapes.snapshot(answers[0], Kind.CLUSTER) if answers else None

    def key(self, key: str) -> str:
        """Empty when the key is usable or there is none to use; else why it is not."""
        if not key:
            return ""
        try:
            with calling("kms:DescribeKey"):
                state = self._kms.describe_key(KeyId=key)["KeyMetadata"].get("KeyState", "unknown")
        except NotFound:
            return f"key {key} does not exist"
        return "" if state == _USABLE_KEY else f"key {key} is {state}"

    def missing_groups(self, database: Database) -> tuple[str, ...]:
        """The groups that the source names and that are gone."""
        config = database.config
        missing = self._missing_security_groups(config)
        if config.parameter_group and not self._parameter_group(config.parameter_group, database.id.kind):
            missing.append(f"parameter group {config.parameter_group}")
        if config.option_group and not self._option_group(config.option_group):
            missing.append(f"option group {config.option_group}")
        return tuple(missing)

    def _missing_security_groups(self, config: Configuration) -> list[str]:
        if not config.security_groups:
            return []
        wanted = list(config.security_groups)
        with calling("ec2:DescribeSecurityGroups"):
            # By filter, not by GroupIds: a missing one must be named, not fail the call for all of them.
            answer = self._ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": wanted}])
            have = {group["GroupId"] for group in answer["SecurityGroups"]}
        return [f"security group {group}" for group in wanted if group not in have]

    def _parameter_group(self, name: str, kind: Kind) -> bool:
        try:
            if kind is Kind.INSTANCE:
                with calling("rds:DescribeDBParameterGroups"):
                    return bool(self._rds.describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"])
            with calling("rds:DescribeDBClusterParameterGroups"):
                answer = self._rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=name)
                return bool(answer["DBClusterParameterGroups"])
        except NotFound:
            return False

    def _option_group(self, name: str) -> bool:
        try:
            with calling("rds:DescribeOptionGroups"):
                return bool(self._rds.describe_option_groups(OptionGroupName=name)["OptionGroupsList"])
        except NotFound:
            return False

    def free_addresses(self, subnet_group: str) -> dict[str, int]:
        """Free addresses by subnet; empty when there is no subnet group to ask about."""
        if not subnet_group:
            return {}
        with calling("rds:DescribeDBSubnetGroups"):
            groups = self._rds.describe_db_subnet_groups(DBSubnetGroupName=subnet_group)["DBSubnetGroups"]
        subnets = [str(subnet.get("SubnetIdentifier")) for group in groups for subnet in group.get("Subnets", [])]
        if not subnets:
            return {}
        with calling("ec2:DescribeSubnets"):
            found = self._ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": subnets}])["Subnets"]
        return {str(subnet.get("SubnetId")): int(subnet.get("AvailableIpAddressCount", 0)) for subnet in found}

    def orderable(self, database: Database) -> bool:
        """Whether the region still sells this class with this engine version."""
        name = ordered_class(database.config)
        with calling("rds:DescribeOrderableDBInstanceOptions"):
            answer = self._rds.describe_orderable_db_instance_options(
                Engine=database.engine, EngineVersion=database.engine_version, DBInstanceClass=name, MaxRecords=20
            )
            return bool(answer["OrderableDBInstanceOptions"])

    def sold(self, database: Database) -> tuple[str, ...]:
        """The classes that the region sells with the Database's engine version; empty where it sells none any more."""
        clustered = database.id.kind is Kind.CLUSTER and bool(database.config.instance_class)
        options = self._listed(
            "describe_orderable_db_instance_options",
            "OrderableDBInstanceOptions",
            Engine=database.engine,
            EngineVersion=database.engine_version,
        )
        return tuple(
            sorted({each["DBInstanceClass"] for each in options if each.get("SupportsClusters") or not clustered})
        )

    def backups(self, database: Database) -> tuple[Backup, ...]:
        """The automated snapshots of a Database, as far as they tell when they were made and of which version."""
        kind, automated = database.id.kind, {"SnapshotType": "automated"}
        if kind is Kind.INSTANCE:
            of = {"DBInstanceIdentifier": database.name}
            found = self._listed("describe_db_snapshots", "DBSnapshots", **of, **automated)
        else:
            of = {"DBClusterIdentifier": database.name}
            found = self._listed("describe_db_cluster_snapshots", "DBClusterSnapshots", **of, **automated)
        snapshots = [shapes.snapshot(each, kind) for each in found]
        return tuple(
            Backup(each.data_time, each.engine_version) for each in snapshots if each.data_time and each.engine_version
        )

    def _listed(self, operation: str, key: str, **given: str) -> list[Any]:
        paginator: Any = self._rds.get_paginator(operation)  # type: ignore[call-overload]
        with calling(_CALLS[operation]):
            return [each for page in paginator.paginate(**given) for each in page[key]]

    def quotas(self) -> tuple[Quota, ...]:
        """See ``quotas``."""
        return quotas(self._rds)
