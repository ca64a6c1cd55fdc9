"""``Restorer`` over RDS: always a new instance or cluster, made with everything that a bare restore would lose."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from backstay.core.decide.restore import reachable, writer_class
from backstay.core.decide.versions import origin, ungrouped
from backstay.core.errors import NotFound, Rejected
from backstay.core.model import Kind, State
from backstay.core.requests import DatabaseRef
from backstay.core.restoring import RestoreFacts
from backstay.providers.aws import shapes
from backstay.providers.aws.errors import calling
from backstay.providers.aws.preflight import Preflight, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backstay.core.model import Configuration, Database
    from backstay.core.requests import RestoreRunRequest
    from backstay.core.restoring import Backup, RestorePlan, Snapshot, Unchecked
    from backstay.providers.aws.clients import Clients
    from backstay.providers.aws.inventory import RdsInventory

# Up to this many IOPS a gp3 volume has the baseline of a small one, which no request may name: "You can't specify IOPS
# or storage throughput for engine mysql and a storage size less than 400" (200 for Oracle). A larger one has at least
# 12,000. Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage,
# https://github.com/cloudtools/troposphere/pull/2153
_GP3_BASELINE: Final = 3000
# Expired authorities: old instances still name them, and RDS answers "Certificate not found" to a new one that does
# (https://github.com/aws/aws-cdk/pull/31387). Without a name it takes the account's default.
_RETIRED_CAS: Final = frozenset({"rds-ca-2015", "rds-ca-2019"})
_COMBINATION: Final = "InvalidParameterCombination"

_Orders: TypeAlias = "tuple[tuple[Backup, ...] | Unchecked, bool | Unchecked, tuple[str, ...] | Unchecked | None]"


class RdsRestorer:
    """Restores within one region."""

    def __init__(self, clients: Clients, inventory: RdsInventory) -> None:
        region = inventory.scope.region
        self._rds, self._inventory, self._read = clients.rds(region), inventory, Preflight(clients, region)

    def snapshot(self, ident: str, kind: Kind | None) -> Snapshot | None:
        """See ``Restorer.snapshot``."""
        return self._read.snapshot(ident, kind)

    def facts(self, request: RestoreRunRequest, source: Database | None) -> RestoreFacts:
        """See ``Restorer.facts``. Existence of the data and of the target must be known; the rest may be Unchecked."""
        kind = DatabaseRef.parse(request.database).kind
        snapshot = self._read.snapshot(request.snapshot, kind) if request.snapshot else None
        target = self._inventory.find(DatabaseRef(request.target, kind))
        if source is None:
            used = snapshot.kms_key if snapshot else ""
            return RestoreFacts(
                database=None,
                snapshot=snapshot,
                target=target,
                key=checked(lambda: self._read.key(used)),
                quotas=checked(self._read.quotas),
            )
        config, read = source.config, self._read
        with ThreadPoolExecutor() as pool:  # the person at the front door waits for the slowest, not for all of them
            window = pool.submit(checked, lambda: read.window(source))
            key = pool.submit(checked, lambda: read.key(snapshot.kms_key if snapshot else config.kms_key))
            groups = pool.submit(checked, lambda: read.missing_groups(source))
            addresses = pool.submit(checked, lambda: read.free_addresses(config.subnet_group))
            orders = pool.submit(self._orders, request, source, snapshot)
            quotas = pool.submit(checked, read.quotas)
        backups, orderable, sold = orders.result()
        return RestoreFacts(
            database=source,
            window=window.result(),
            snapshot=snapshot,
            target=target,
            key=key.result(),
            missing_groups=groups.result(),
            free_addresses=addresses.result(),
            orderable=orderable,
            sold=sold,
            quotas=quotas.result(),
            backups=backups,
        )

    def _orders(self, request: RestoreRunRequest, source: Database, snapshot: Snapshot | None) -> _Orders:
        """What can be ordered depends on the engine version of the data, and that of a moment on the backups around."""
        backups = checked(lambda: self._read.backups(source)) if request.at else ()
        made = replace(source, engine_version=origin(source, snapshot, request.at, backups).version)
        orderable = checked(lambda: self._read.orderable(made))
        return backups, orderable, checked(lambda: self._read.sold(made)) if orderable is False else None

    def create(self, plan: RestorePlan) -> None:
        """See ``Restorer.create``."""
        _fittingly(self._create_instance if plan.target.kind is Kind.INSTANCE else self._create_cluster, plan)

    def _create_instance(self, plan: RestorePlan) -> None:
        parameters = _instance_parameters(plan)
        if plan.snapshot:
            with calling("rds:RestoreDBInstanceFromDBSnapshot"):
                self._rds.restore_db_instance_from_db_snapshot(
                    DBInstanceIdentifier=plan.target.name, DBSnapshotIdentifier=plan.snapshot, **parameters
                )
            return
        with calling("rds:RestoreDBInstanceToPointInTime"):
            self._rds.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=plan.source.name,
                TargetDBInstanceIdentifier=plan.target.name,
                RestoreTime=_moment(plan),
                **parameters,
            )

    def _create_cluster(self, plan: RestorePlan) -> None:
        parameters = _cluster_parameters(plan)
        if plan.snapshot:
            with calling("rds:RestoreDBClusterFromSnapshot"):
                self._rds.restore_db_cluster_from_snapshot(
                    DBClusterIdentifier=plan.target.name,
                    SnapshotIdentifier=plan.snapshot,
                    Engine=plan.engine,
                    EngineVersion=plan.engine_version,
                    **parameters,
                )
            return
        with calling("rds:RestoreDBClusterToPointInTime"):
            self._rds.restore_db_cluster_to_point_in_time(
                DBClusterIdentifier=plan.target.name,
                SourceDBClusterIdentifier=plan.source.name,
                RestoreToTime=_moment(plan),
                **parameters,
            )

    def create_writer(self, plan: RestorePlan) -> None:
        """See ``Restorer.create_writer``."""
        _fittingly(self._create_writer, plan)

    def _create_writer(self, plan: RestorePlan) -> None:
        config = plan.config
        writer = next((member for member in config.members if member.writer), None)
        parameters = _given(
            DBParameterGroupName=writer.parameter_group if writer else "",
            PromotionTier=writer.promotion_tier if writer else None,
            CACertificateIdentifier=_authority(config),
            # The cluster's. RDS has asked for it wherever the cluster is not in the default VPC and the instance is
            # private (https://github.com/hashicorp/terraform/issues/3607); the two must be equal in any case.
            DBSubnetGroupName=config.subnet_group,
        )
        with calling("rds:CreateDBInstance"):
            self._rds.create_db_instance(
                DBInstanceIdentifier=plan.writer,
                DBClusterIdentifier=plan.target.name,
                DBInstanceClass=writer_class(config),
                Engine=plan.engine,
                # As the source's writer is, and always told: left out, it would be public in a group named "default".
                PubliclyAccessible=reachable(config),
                Tags=_tags(plan.tags),
                **parameters,
            )

    def member_status(self, plan: RestorePlan) -> str | None:
        """See ``Restorer.member_status``."""
        try:
            with calling("rds:DescribeDBInstances"):
                answers = self._rds.describe_db_instances(DBInstanceIdentifier=plan.writer)["DBInstances"]
        except NotFound:
            return None
        status = answers[0]["DBInstanceStatus"] if answers else None
        if status and shapes.state_of(status) is State.FAILED:
            raise Rejected(f"{plan.writer} ended in {status}")
        return status

    def settle(self, plan: RestorePlan) -> None:
        """See ``Restorer.settle``. The managed login comes by a modify: a PITR call takes it for Oracle only."""
        name = plan.target.name
        if plan.target.kind is Kind.INSTANCE:
            with calling("rds:ModifyDBInstance"):
                self._rds.modify_db_instance(
                    DBInstanceIdentifier=name, ManageMasterUserPassword=True, ApplyImmediately=True
                )
        else:
            with calling("rds:ModifyDBCluster"):
                self._rds.modify_db_cluster(
                    DBClusterIdentifier=name, ManageMasterUserPassword=True, ApplyImmediately=True
                )

    def attach_roles(self, plan: RestorePlan) -> None:
        """See ``Restorer.attach_roles``."""
        target = self._inventory.find(DatabaseRef.of(plan.target))
        have = {(role.arn, role.feature) for role in target.config.roles} if target else set()
        for role in plan.config.roles:
            if (role.arn, role.feature) not in have:
                self._attach(plan, role.arn, role.feature)

    def _attach(self, plan: RestorePlan, arn: str, feature: str) -> None:
        if plan.target.kind is Kind.INSTANCE:
            with calling("rds:AddRoleToDBInstance"):
                self._rds.add_role_to_db_instance(
                    DBInstanceIdentifier=plan.target.name, RoleArn=arn, FeatureName=feature
                )
            return
        parameters = _given(FeatureName=feature)
        with calling("rds:AddRoleToDBCluster"):
            self._rds.add_role_to_db_cluster(DBClusterIdentifier=plan.target.name, RoleArn=arn, **parameters)


def _fittingly(make: Callable[[RestorePlan], None], plan: RestorePlan) -> None:
    """Makes it with its groups; where these may not fit and are refused, which makes nothing, without them.

    "The parameter group … with DBParameterGroupFamily … can't be used for this instance" is what RDS says, with this
    code; what the second call is refused for is told in any case.
    """
    try:
        make(plan)
    except Rejected as refused:
        if not plan.unsure or refused.code != _COMBINATION:
            raise
        make(replace(plan, config=ungrouped(plan.config)))


def _given(**parameters: Any) -> dict[str, Any]:
    """Only what has a value: an empty string is not "none" to RDS but an error."""
    return {key: value for key, value in parameters.items() if value not in ("", None, [], ())}


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _moment(plan: RestorePlan) -> Any:
    if plan.moment is None:
        raise NotFound(f"the plan for {plan.target} has neither a moment nor a snapshot")
    return plan.moment


def _common(plan: RestorePlan) -> dict[str, Any]:
    config = plan.config
    return _given(
        DBSubnetGroupName=config.subnet_group,
        VpcSecurityGroupIds=list(config.security_groups),
        Port=config.port,
        EnableIAMDatabaseAuthentication=config.iam_auth or None,
        EnableCloudwatchLogsExports=list(config.log_exports),
        DeletionProtection=plan.deletion_protection,
        CopyTagsToSnapshot=plan.copy_tags,
        BackupRetentionPeriod=plan.retention_days,
        Tags=_tags(plan.tags),
    )


def _instance_parameters(plan: RestorePlan) -> dict[str, Any]:
    config = plan.config
    return _common(plan) | _given(
        DBInstanceClass=config.instance_class,
        DBParameterGroupName=config.parameter_group,
        OptionGroupName=config.option_group,
        MultiAZ=config.multi_az,
        NetworkType=config.network_type,
        PubliclyAccessible=reachable(config),
        AutoMinorVersionUpgrade=config.minor_upgrades,
        CACertificateIdentifier=_authority(config),
        **_storage(plan),
    )


def _storage(plan: RestorePlan) -> dict[str, Any]:
    """How the volume is to be; it is taken from the backup where RDS takes no word on it.

    "SQL server engines would reject storage-related set of attributes" in a restore:
    https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds/pull/436
    """
    config = plan.config
    if "sqlserver" in plan.engine:
        return {}
    iops = _nameable_iops(config)
    return {
        "StorageType": config.storage_type,
        "Iops": iops,
        "StorageThroughput": config.throughput if iops and config.storage_type == "gp3" else None,
    }


def _nameable_iops(config: Configuration) -> int | None:
    provisioned = config.storage_type.startswith("io") or (config.iops or 0) > _GP3_BASELINE
    return config.iops if provisioned else None


def _authority(config: Configuration) -> str:
    return "" if config.ca in _RETIRED_CAS else config.ca


def _cluster_parameters(plan: RestorePlan) -> dict[str, Any]:
    """What fits the kind of cluster.

    A Multi-AZ DB cluster takes no NetworkType, and Iops with its StorageType, but for a small gp3 volume (see above);
    without a StorageType it would become io1. Aurora takes no Iops. Source:
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterToPointInTime.html
    """
    config = plan.config
    multi_az = bool(config.instance_class)
    iops = _nameable_iops(config) if multi_az else None
    named = iops or (config.storage_type == "gp3" and config.iops) or not multi_az
    parameters = _common(plan) | _given(
        DBClusterParameterGroupName=config.parameter_group,
        DBClusterInstanceClass=config.instance_class,
        NetworkType="" if multi_az else config.network_type,
        StorageType=config.storage_type if named else "",
        Iops=iops,
        # An encrypted copy keeps its key by itself; naming the key of an sse-rds one would be refused.
        ServerlessV2ScalingConfiguration=_capacity(config),
    )
    if config.instance_class:  # a Multi-AZ DB cluster; Aurora says it per instance
        parameters["PubliclyAccessible"] = reachable(config)
    return parameters


def _capacity(config: Configuration) -> dict[str, float] | None:
    if config.serverless is None:
        return None
    minimum, maximum = config.serverless
    # Refused with any other minimum (https://github.com/anomalyco/sst/pull/5276).
    pause = config.auto_pause if minimum == 0 else None
    return _given(MinCapacity=minimum, MaxCapacity=maximum, SecondsUntilAutoPause=pause)
