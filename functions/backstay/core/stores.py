"""The port for recovery points: one store per account and region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from backstay.core.actions import (
    AdoptPoint,
    CopyPoint,
    DeletePoint,
    PointRef,
    ReplicateBackups,
    SharePoint,
    TakeSnapshot,
)
from backstay.core.model import DatabaseId, Kind, Scope
from backstay.core.points import RecoveryPoint, ReplicatedBackups
from backstay.core.restoring import Quota


@dataclass(frozen=True, slots=True)
class PointPage:
    """One page of a listing of recovery points; of each entry that could not be parsed, what was wrong with it."""

    points: tuple[RecoveryPoint, ...]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of an encryption key.

    Attributes:
        arn: its own full name; empty when it does not exist.
        problem: why it cannot encrypt now; empty when it can.
        shareable: whether other accounts can be let use it: one that AWS manages for us is not.
        hidden: whether we may not look at it, so that ``problem`` says no more than that.
    """

    arn: str
    problem: str = ""
    shareable: bool = True
    hidden: bool = False


class SnapshotStore(Protocol):
    """The recovery points of one account and region. Every change returns when it was accepted, not when it is true."""

    @property
    def scope(self) -> Scope:
        """The account and region."""

    def pages(self, kind: Kind) -> Iterator[PointPage]:
        """Every point of a kind of Database, whoever made it, page by page; what is shared with us is not ours.

        Raises:
            ProviderError: a page could not be read; pages yielded before it are good.
        """

    def of(self, database: DatabaseId) -> tuple[RecoveryPoint, ...]:
        """The points here of Databases of that kind and name, as they are now. The Database may live elsewhere."""

    def find(self, point: PointRef) -> RecoveryPoint | None:
        """The point as it is now; None when there is none."""

    def replicated(self) -> Iterator[ReplicatedBackups]:
        """What is replicated to here of other regions' automated backups."""

    def take(self, action: TakeSnapshot) -> None:
        """Begins a snapshot. Raises Conflict when the name is taken, or while the Database cannot be snapshotted."""

    def copy(self, action: CopyPoint) -> None:
        """Begins a copy to here.

        Raises:
            Conflict: the name is taken, or the source is in no state for it.
            Rejected: with the code ``SnapshotQuotaExceeded``, the quota is full, or too many copies are on their way.
        """

    def share(self, action: SharePoint) -> None:
        """Lets the account copy the point and tags it as shared, or takes both back."""

    def delete(self, action: DeletePoint) -> None:
        """Removes the point. Raises NotFound when it is gone, Conflict when it is not in a state for it."""

    def adopt(self, action: AdoptPoint) -> None:
        """Puts the tags on the point."""

    def replicate(self, action: ReplicateBackups) -> None:
        """Begins to replicate an instance's automated backups to here."""

    def key(self, key: str) -> KeyFacts:
        """A key as we see it from this account and region, by id, ARN or alias."""

    def option_groups(self) -> frozenset[str]:
        """The names of the option groups that exist here."""

    def quotas(self) -> tuple[Quota, ...]:
        """Used and maximum of the limits here, in one call."""


class Shares(Protocol):
    """Tells whom the points of one account and region are shared with: no listing does, so it is a call for each."""

    def accounts(self, point: PointRef) -> tuple[str, ...]:
        """The accounts that may copy and restore the point, in order; ``all`` is everyone.

        Raises:
            NotFound: there is no such point.
        """
