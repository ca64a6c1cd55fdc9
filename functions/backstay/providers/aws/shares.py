"""Whom a snapshot is shared with: a call per snapshot, since no listing tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.model import Kind
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_rds.client import RDSClient

    from backstay.core.actions import PointRef
    from backstay.core.model import Scope
    from backstay.providers.aws.clients import Clients

_RESTORE: Final = "restore"  # the attribute that names who may copy and restore


class RdsShares:
    """The sharing of one account's snapshots in one region.

    Args:
        acting: clients that may read there. Asked for when first used.
        scope: the account and region.
    """

    def __init__(self, acting: Callable[[], Clients], scope: Scope) -> None:
        self._acting, self._scope = acting, scope

    def accounts(self, point: PointRef) -> tuple[str, ...]:
        """See ``Shares.accounts``."""
        client: RDSClient = self._acting().rds(self._scope.region)
        if point.kind is Kind.INSTANCE:
            with calling("rds:DescribeDBSnapshotAttributes"):
                answer: Any = client.describe_db_snapshot_attributes(DBSnapshotIdentifier=point.id)
                attributes = answer["DBSnapshotAttributesResult"]["DBSnapshotAttributes"]
                return _restorers(attributes)
        with calling("rds:DescribeDBClusterSnapshotAttributes"):
            answer = client.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier=point.id)
            return _restorers(answer["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"])


def _restorers(attributes: list[dict[str, Any]]) -> tuple[str, ...]:
    """An answer without the attribute is none: that nobody may restore is said by an empty list of values."""
    values: list[str] | None = next(
        (each["AttributeValues"] for each in attributes if each["AttributeName"] == _RESTORE), None
    )
    if values is None:
        raise KeyError(_RESTORE)
    return tuple(sorted(values))
