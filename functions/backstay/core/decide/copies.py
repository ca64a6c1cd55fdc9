"""Which copies a tier asks for and has not: one function for replicate, which makes them, and prune, which waits.

A copy is required of what the destination's own keep rule would keep there, selected over what is there and what could
be: so nothing is copied only to be pruned, and nothing is pruned that is still to be copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from backstay.core.decide.snapshot import ATTEMPTS
from backstay.core.model import Database, DatabaseId
from backstay.core.places import Wanted
from backstay.core.points import PointState, RecoveryPoint
from backstay.core.policy import Tier
from backstay.core.retention import select

_THERE = (PointState.AVAILABLE, PointState.CREATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A copy that is asked for and is not there.

    Attributes:
        source: the original that it is to be made of.
        newest: the data time of the newest copy there, of those under way too; None without one.
        backfill: a newer copy is there, or lacks too and is not given up, so this one makes nothing fresher.
        failed: how many attempts have failed and lie there.
        under_way: whether a copy of this Database is on its way there.
    """

    database: Database
    tier: Tier
    source: RecoveryPoint
    wanted: Wanted
    newest: datetime | None
    backfill: bool
    failed: int
    under_way: bool

    @property
    def rpo(self) -> timedelta:
        """The lost time that its tier bears; the longest there is where it says nothing."""
        return self.tier.objectives.rpo if self.tier.objectives else timedelta.max


def originals(database: DatabaseId, points: Iterable[RecoveryPoint]) -> list[RecoveryPoint]:
    """What can be copied: the Database's own points, in its own location, available and of a known age."""
    return [
        each
        for each in points
        if each.scope == database.scope
        and each.state is PointState.AVAILABLE
        and each.data_time is not None
        and not each.helper_for
    ]


def lacks(
    database: Database, tier: Tier, wanted: Wanted, points: Sequence[RecoveryPoint], *, zone: tzinfo, now: datetime
) -> list[Lack]:
    """The copies that lack in one place, newest first.

    Args:
        database: whose.
        tier: its own, with every block filled in.
        wanted: the place, and what is kept there.
        points: ours of this Database, in every location.
        zone: the policy's.
        now: aware.
    """
    there = [each for each in points if each.scope == wanted.place.scope and not each.helper_for]
    copies = [each for each in there if each.state in _THERE]
    made = _Made(copies)
    missing = [each for each in originals(database.id, points) if not made.has(each)]
    if not missing:
        return []
    known = [dated for each in copies if (dated := _dated(each, points)) is not None]
    absent = {each.arn for each in missing}
    kept = select([*known, *missing], wanted.keep, zone, now).kept
    newest = max((each.at for each in known), default=None)
    under_way = any(each.state is PointState.CREATING for each in copies)
    found: list[Lack] = []
    fresher = False
    for each in kept:
        if each.point.arn not in absent or each.point.at > now:
            continue
        lack = Lack(
            database=database,
            tier=tier,
            source=each.point,
            wanted=wanted,
            newest=newest,
            backfill=fresher or (newest is not None and each.point.at <= newest),
            failed=_failures(each.point, there),
            under_way=under_way,
        )
        found.append(lack)
        fresher = fresher or lack.failed < ATTEMPTS
    return found


class _Made:
    """The copies that are there, to be found by slot, or by what the provider remembers."""

    def __init__(self, copies: Iterable[RecoveryPoint]) -> None:
        self._slots, self._sources = set[str](), set[str]()
        for each in copies:
            self._slots.add(each.slot)
            self._sources.add(each.copied_from)

    def has(self, source: RecoveryPoint) -> bool:
        return source.arn in self._sources or (bool(source.slot) and source.slot in self._slots)


def _dated(copy: RecoveryPoint, points: Iterable[RecoveryPoint]) -> RecoveryPoint | None:
    """The copy with a data time: where a tag was taken off, that of the original; None where nobody tells it."""
    if copy.data_time is not None:
        return copy
    source = next((each for each in points if each.arn == copy.copied_from and each.data_time), None)
    return replace(copy, data_time=source.data_time) if source else None


def _failures(source: RecoveryPoint, there: Iterable[RecoveryPoint]) -> int:
    return sum(each.state is PointState.FAILED and each.slot == source.slot for each in there)
