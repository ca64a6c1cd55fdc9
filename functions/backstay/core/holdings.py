"""Holdings: what the audit keeps of the recovery points of a Database in one place: figures, and not the points.

A fleet has a million points, so each is reduced to what the rules ask as its page comes in. Whatever could not be read
stands beside the figures: what was seen proves that something is there, and never that nothing else is.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from backstay.core.model import Database, Scope
from backstay.core.places import Place, Wanted
from backstay.core.points import (
    OWN_KEY,
    OWNED_KEY,
    UNENCRYPTED,
    PointState,
    RecoveryPoint,
    ReplicatedBackups,
    moment_of,
)
from backstay.core.policy import Tier
from backstay.core.restoring import Unchecked
from backstay.core.stores import KeyFacts

_EXAMPLES = 3
_IDLE = timedelta(minutes=10)  # RDS writes a heartbeat every five minutes (RDS user guide, "Backup and restore")
_GONE = (PointState.FAILED, PointState.LEAVING)


@dataclass(slots=True)
class Some:
    """How many points something holds of, and a few of their names."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """One more."""
        self.count += 1
        if len(self.names) < _EXAMPLES:
            self.names.append(name)

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        return f"{', '.join(self.names)}{f' and {more} more' if (more := self.count - len(self.names)) else ''}"


@dataclass(slots=True)
class Holding:
    """The figures of one Database in one account and region.

    Attributes:
        coming: the newest slot (or data time) of ours that is being made; None when nothing is.
        points: how many there are, whoever made them; not those that failed or are being removed.
        ageless: ours of which nobody tells when the data is from.
        unencrypted: as it says.
        untold: those of which the service does not say whether they are encrypted, or under which key.
        keys: those in use, as the points name them.
        manual: how many could be shared: only what is manual and available can (RDS user guide, "Sharing a DB
            snapshot").
        unlooked: of those, how many nobody has looked at (lately).
        fresh: of those, how many we have made ourselves within the day: their look may come, while looks are possible.
        shared: name to the accounts that may copy it and that we do not know; ``all`` is everyone.
    """

    coming: datetime | None = None
    points: int = 0
    ageless: Some = field(default_factory=Some)
    unencrypted: Some = field(default_factory=Some)
    untold: Some = field(default_factory=Some)
    keys: set[str] = field(default_factory=set)
    manual: int = 0
    unlooked: int = 0
    fresh: int = 0
    shared: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _times: array[float] = field(default_factory=lambda: array("d"))
    _sorted: bool = True

    def add(self, point: RecoveryPoint, *, ours: bool) -> None:
        """Counts a point in."""
        if point.state in _GONE:
            return
        self.points += 1
        if point.encryption == UNENCRYPTED:
            self.unencrypted.add(point.id)
        elif point.encryption == OWN_KEY and point.kms_key:
            self.keys.add(point.kms_key)
        elif point.encryption != OWNED_KEY:
            self.untold.add(point.id)
        if ours and not point.helper_for:
            self._count(point)

    def _count(self, point: RecoveryPoint) -> None:
        if point.state is PointState.CREATING:
            slot = moment_of(point.slot) or point.data_time
            if slot is not None:
                self.coming = max(self.coming or slot, slot)
        elif point.state is PointState.AVAILABLE:
            if point.data_time is None:
                self.ageless.add(point.id)
            else:
                self._times.append(_counted(point, point.data_time).timestamp())
                self._sorted = False

    def times(self, now: datetime) -> array[float]:
        """Data times of ours that are available, oldest first, in seconds; not those from the future: a clock is wrong.

        Neither helpers of copies nor points of an unknown age.
        """
        if not self._sorted:
            self._times = array("d", sorted(self._times))
            self._sorted = True
        return self._times[: bisect_right(self._times, now.timestamp())]

    def newest(self, now: datetime) -> datetime | None:
        """The data time of the newest of ours that is available; None without one."""
        times = self.times(now)
        return datetime.fromtimestamp(times[-1], UTC) if times else None


def _counted(point: RecoveryPoint, data: datetime) -> datetime:
    """The time that a point counts for: its slot, where the last transaction before it was a little earlier.

    RDS tells the time of the last transaction (``SnapshotDatabaseTime``), and an idle database has one every few
    minutes only: the snapshot of three o'clock would count for two.
    """
    slot = _slot(point.slot)
    return slot if slot is not None and data < slot <= data + _IDLE else data


_slot = lru_cache(maxsize=4096)(moment_of)  # Databases of a tier have the same ones


@dataclass(frozen=True, slots=True)
class There:
    """What there is of a Database in one place.

    Attributes:
        unread: why not all that is there is known; empty when all is.
        unlooked: why nobody could look at whom points are shared with; empty when they could.
    """

    scope: Scope
    holding: Holding
    unread: str = ""
    unlooked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The recovery points of one Database, for the rules.

    Attributes:
        zone: the policy's.
        home: those where the Database lives.
        copies: what the tier asks for elsewhere, each with what is there.
        nowhere: names of locations that it asks for and that have no entry for the Database's cloud.
        replica: where backups are to be replicated to; None when that is not asked.
        replicated: what is replicated of the Database there.
        keys: what is known of each key in use, by place and by what points name it.
    """

    zone: tzinfo
    home: There
    copies: tuple[tuple[Wanted, There], ...] = ()
    nowhere: tuple[str, ...] = ()
    replica: Place | None = None
    replicated: tuple[ReplicatedBackups, ...] | Unchecked = ()
    keys: Mapping[tuple[Scope, str], KeyFacts | Unchecked] = field(default_factory=dict)

    @property
    def places(self) -> tuple[There, ...]:
        """Everywhere, its own place first."""
        return (self.home, *(there for _, there in self.copies))

    def elsewhere(self, database: Database, now: datetime) -> Iterator[tuple[datetime, Scope]]:
        """What could be brought back without the Database's region: the newest data time of each other region."""
        for there in self.places:
            newest = there.holding.newest(now)
            if newest is not None and there.scope.region != database.id.scope.region:
                yield newest, there.scope
        for each in () if isinstance(self.replicated, Unchecked) else self.replicated:
            if each.window is not None:
                yield min(each.window.latest, now), each.scope

    def blind(self, database: Database) -> str:
        """Why not all that is in other regions is known; empty when it is."""
        torn = [
            f"{there.scope}: {there.unread}"
            for there in self.places
            if there.unread and there.scope.region != database.id.scope.region
        ]
        if isinstance(self.replicated, Unchecked):
            torn.append(self.replicated.error)
        return "; ".join(torn)


def asks_points(tier: Tier) -> bool:
    """Whether a tier (its blocks filled in) asks for anything that only a recovery point can answer."""
    return bool(tier.snapshots or tier.copies or (tier.pitr and tier.pitr.replicate_to))
