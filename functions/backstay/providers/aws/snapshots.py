"""``SnapshotStore`` over RDS and KMS: one page chain per kind, one call per change, and no call per point to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.errors import NotFound, Rejected
from backstay.core.model import Kind
from backstay.core.naming import TAG_SHARED
from backstay.core.stores import KeyFacts, PointPage
from backstay.providers.aws import listing, points
from backstay.providers.aws.errors import calling
from backstay.providers.aws.keys import key_facts
from backstay.providers.aws.preflight import of_type, quotas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_rds.client import RDSClient

    from backstay.core.actions import (
        AdoptPoint,
        CopyPoint,
        DeletePoint,
        PointRef,
        ReplicateBackups,
        SharePoint,
        TakeSnapshot,
    )
    from backstay.core.model import DatabaseId, Scope
    from backstay.core.points import RecoveryPoint, ReplicatedBackups
    from backstay.core.restoring import Quota
    from backstay.providers.aws.clients import Clients
    from backstay.providers.aws.members import Part

_LISTS: Final = {
    Kind.INSTANCE: ("describe_db_snapshots", "DBSnapshots"),
    Kind.CLUSTER: ("describe_db_cluster_snapshots", "DBClusterSnapshots"),
}
_RESTORE: Final = "restore"  # the attribute that names who may copy and restore


class RdsSnapshotStore:
    """The recovery points of one account in one region. ``TagList`` comes inline, so tags cost no call.

    Args:
        acting: clients by what they may do: ``read``; ``copy``, which also takes, shares and tags; ``prune``, which
            removes. Asked for when first used.
        scope: the account and region.
    """

    def __init__(self, acting: Callable[[Part], Clients], scope: Scope) -> None:
        self._acting, self._scope = acting, scope

    @property
    def scope(self) -> Scope:
        """See ``SnapshotStore.scope``."""
        return self._scope

    def _rds(self, part: Part = "read") -> RDSClient:
        return self._acting(part).rds(self._scope.region)

    # Reading.

    def pages(self, kind: Kind) -> Iterator[PointPage]:
        """See ``SnapshotStore.pages``. Without a type, so manual and automated ones come; what is shared does not."""
        for page in listing.pages(self._rds(), *_LISTS[kind]):
            found, unreadable = points.points(page, kind, self._scope)
            yield PointPage(tuple(found), tuple(unreadable))

    def of(self, database: DatabaseId) -> tuple[RecoveryPoint, ...]:
        """See ``SnapshotStore.of``.

        Raises:
            Unexpected: one of them cannot be read: nobody could say then which is the newest.
        """
        word = "DBInstanceIdentifier" if database.kind is Kind.INSTANCE else "DBClusterIdentifier"
        named: dict[str, Any] = {word: database.name}
        found: list[RecoveryPoint] = []
        try:
            for page in listing.pages(self._rds(), *_LISTS[database.kind], **named):
                found += [points.point(each, database.kind, self._scope) for each in page]
        except NotFound:
            return ()
        return tuple(found)

    def find(self, point: PointRef) -> RecoveryPoint | None:
        """See ``SnapshotStore.find``."""
        self._own(point.scope)
        client, name = self._rds(), point.id
        try:
            if point.kind is Kind.INSTANCE:
                with calling("rds:DescribeDBSnapshots"):
                    answers: Any = client.describe_db_snapshots(DBSnapshotIdentifier=name, **of_type(name))
                    found = answers["DBSnapshots"]
            else:
                with calling("rds:DescribeDBClusterSnapshots"):
                    answers = client.describe_db_cluster_snapshots(
                        DBClusterSnapshotIdentifier=name, **of_type(name, cluster=True)
                    )
                    found = answers["DBClusterSnapshots"]
        except NotFound:
            return None
        return points.point(found[0], point.kind, self._scope) if found else None

    def replicated(self) -> Iterator[ReplicatedBackups]:
        """See ``SnapshotStore.replicated``."""
        operation, key = "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"
        for page in listing.pages(self._rds(), operation, key):
            for each in page:
                found = points.replicated(each, self._scope)
                if found is not None:
                    yield found

    def key(self, key: str) -> KeyFacts:
        """See ``SnapshotStore.key``."""
        return key_facts(self._acting("read").kms(self._scope.region), key, self._scope.region)

    def option_groups(self) -> frozenset[str]:
        """See ``SnapshotStore.option_groups``."""
        return listing.option_groups(self._rds())

    def quotas(self) -> tuple[Quota, ...]:
        """See ``SnapshotStore.quotas``."""
        return quotas(self._rds())

    # Changing.

    def take(self, action: TakeSnapshot) -> None:
        """See ``SnapshotStore.take``."""
        self._own(action.database.scope)
        client, name, tags = self._rds("copy"), action.database.name, _tags(action.tags)
        if action.database.kind is Kind.INSTANCE:
            with calling("rds:CreateDBSnapshot"):
                client.create_db_snapshot(DBSnapshotIdentifier=action.name, DBInstanceIdentifier=name, Tags=tags)
        else:
            with calling("rds:CreateDBClusterSnapshot"):
                client.create_db_cluster_snapshot(
                    DBClusterSnapshotIdentifier=action.name, DBClusterIdentifier=name, Tags=tags
                )

    def copy(self, action: CopyPoint) -> None:
        """See ``SnapshotStore.copy``. From another region the SDK signs what RDS then asks for there in our name."""
        self._own(action.to)
        source = action.source
        named = source.id if source.scope == self._scope else source.arn
        given: dict[str, Any] = {"Tags": _tags(action.tags), **self._from(source.scope)}
        if action.kms_key:
            given["KmsKeyId"] = action.kms_key
        client = self._rds("copy")
        if source.kind is Kind.CLUSTER:
            with calling("rds:CopyDBClusterSnapshot"):
                client.copy_db_cluster_snapshot(
                    SourceDBClusterSnapshotIdentifier=named, TargetDBClusterSnapshotIdentifier=action.name, **given
                )
            return
        if action.option_group:
            given["OptionGroupName"] = action.option_group
        if action.carry_options:
            given["CopyOptionGroup"] = True
        with calling("rds:CopyDBSnapshot"):
            client.copy_db_snapshot(SourceDBSnapshotIdentifier=named, TargetDBSnapshotIdentifier=action.name, **given)

    def _from(self, source: Scope) -> dict[str, str]:
        return {} if source.region == self._scope.region else {"SourceRegion": source.region}

    def share(self, action: SharePoint) -> None:
        """See ``SnapshotStore.share``. Tagged first and untagged last, so that what is shared always says so."""
        self._own(action.point.scope)
        if action.shared:
            self._tag(action.point, {TAG_SHARED: action.account})
            self._let(action.point, ValuesToAdd=[action.account])
        else:
            self._let(action.point, ValuesToRemove=[action.account])
            with calling("rds:RemoveTagsFromResource"):
                self._rds("copy").remove_tags_from_resource(ResourceName=action.point.arn, TagKeys=[TAG_SHARED])

    def _let(self, point: PointRef, **values: list[str]) -> None:
        client: Any = self._rds("copy")
        if point.kind is Kind.INSTANCE:
            with calling("rds:ModifyDBSnapshotAttribute"):
                client.modify_db_snapshot_attribute(DBSnapshotIdentifier=point.id, AttributeName=_RESTORE, **values)
        else:
            with calling("rds:ModifyDBClusterSnapshotAttribute"):
                client.modify_db_cluster_snapshot_attribute(
                    DBClusterSnapshotIdentifier=point.id, AttributeName=_RESTORE, **values
                )

    def _tag(self, point: PointRef, tags: Mapping[str, str]) -> None:
        with calling("rds:AddTagsToResource"):
            self._rds("copy").add_tags_to_resource(ResourceName=point.arn, Tags=_tags(tags))

    def delete(self, action: DeletePoint) -> None:
        """See ``SnapshotStore.delete``."""
        self._own(action.point.scope)
        client, name = self._rds("copy" if action.helper else "prune"), action.point.id
        if action.point.kind is Kind.INSTANCE:
            with calling("rds:DeleteDBSnapshot"):
                client.delete_db_snapshot(DBSnapshotIdentifier=name)
        else:
            with calling("rds:DeleteDBClusterSnapshot"):
                client.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)

    def adopt(self, action: AdoptPoint) -> None:
        """See ``SnapshotStore.adopt``."""
        self._own(action.point.scope)
        self._tag(action.point, action.tags)

    def replicate(self, action: ReplicateBackups) -> None:
        """See ``SnapshotStore.replicate``."""
        self._own(action.to)
        given: dict[str, Any] = self._from(action.database.scope)
        if action.kms_key:
            given["KmsKeyId"] = action.kms_key
        if action.tags:
            given["Tags"] = _tags(action.tags)
        client = self._rds("copy")
        with calling("rds:StartDBInstanceAutomatedBackupsReplication"):
            client.start_db_instance_automated_backups_replication(
                SourceDBInstanceArn=action.arn, BackupRetentionPeriod=action.days, **given
            )

    def _own(self, scope: Scope) -> None:
        """Names repeat from region to region: a point of another one is never looked for, or removed, here."""
        if scope != self._scope:
            raise Rejected(f"this store is that of {self._scope}, not of {scope}")


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
