"""How much of a Database would be lost with its region, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from backstay.core.holdings import Points
from backstay.core.model import Database, Scope
from backstay.core.points import PointState, RecoveryPoint, ReplicatedBackups
from backstay.core.rules.base import span


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is the newest that could be brought back if the Database's region were gone now.

    Attributes:
        newest: its data time; None when nothing is anywhere else.
        where: the account and region that have it; empty when nothing has.
        blind: why not all that is elsewhere is known; empty when it is.
    """

    newest: datetime | None
    where: str
    blind: str = ""

    def lost(self, now: datetime) -> timedelta | None:
        """The time of which the data would be lost at most; None when all of it would, or nobody can tell."""
        return None if self.newest is None else now - self.newest

    def line(self, now: datetime) -> str:
        """``if its region is gone now, you lose 26 h``."""
        lost = self.lost(now)
        if lost is None and self.blind:
            return f"nobody can tell what you lose if its region is gone now: {self.blind}"
        if lost is None:
            return "if its region is gone now, you lose everything: nothing of it is in another region"
        return f"if its region is gone now, you lose {span(lost)}; the newest copy is in {self.where}"


def exposure(
    database: Database,
    points: Iterable[RecoveryPoint],
    now: datetime,
    replicated: Iterable[ReplicatedBackups] = (),
) -> Exposure:
    """The newest of what is available in other regions: copies of ours, and replicated backups.

    A point whose data claims to be of the future does not count: some clock is wrong, and nothing would seem lost.
    """
    away = [
        (each.data_time, each.scope)
        for each in points
        if each.state is PointState.AVAILABLE
        and each.data_time is not None
        and each.data_time <= now
        and each.scope.region != database.id.scope.region
        and not each.helper_for
    ]
    away += [
        (min(each.window.latest, now), each.scope)
        for each in replicated
        if each.source == database.arn and each.window is not None
    ]
    return _newest(away)


def exposure_of(database: Database, points: Points, now: datetime) -> Exposure:
    """The same, of what the audit keeps of the points."""
    return _newest(points.elsewhere(database, now), points.blind(database))


def _newest(away: Iterable[tuple[datetime, Scope]], blind: str = "") -> Exposure:
    newest, where = max(away, default=(None, ""))
    return Exposure(newest, str(where), blind)
