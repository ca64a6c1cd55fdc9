"""The guards of a removal: each a reason to keep a point that the keep rule has let go. Pure; deletion fails closed.

They are numbered as design and reports number them: 0 the facts are whole and current, 1 ours, 2 not on hold, 3 in a
state that can be removed and not being copied, 4 its age is known, 5 not the newest here, 6 enough are left, 7 not the
last verified one here, 8 no required copy is still to be made of it, 9 the blast radius. They run when a plan is made,
and again on a fresh read before each removal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backstay.core.model import DatabaseId, Scope
from backstay.core.naming import TAG_DEPLOYMENT
from backstay.core.points import PointState, RecoveryPoint, is_of_name, is_ours
from backstay.core.policy import MaxDelete


@dataclass(frozen=True, slots=True)
class Refusal:
    """A point that stays for the sake of a guard, though no rule keeps it."""

    point: RecoveryPoint
    guard: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the guards look at beside the point itself.

    Attributes:
        key: `DatabaseId.key`, which many points are held against.
        stale: why the newest policy is not the one in force; empty when it is.
        unread: scopes whose listing failed, with the error: of those that could hold points of this Database.
        copying: ARNs of points that are being copied from.
        lacking: ARN of each point of which a required copy does not exist yet, and where it is to be.
    """

    deployment: str
    database: DatabaseId
    key: str
    stale: str
    unread: Mapping[Scope, str]
    copying: Collection[str]
    lacking: Mapping[str, str]


def before_selection(point: RecoveryPoint, ground: Ground) -> Refusal | None:
    """Guards 1, 3 and 4: what is not ours, cannot be removed or has no age is none of the keep rule's business."""
    if not is_ours(point, ground.deployment):
        return Refusal(point, 1, f"not ours: {_whose(point, ground.deployment)}")
    if point.database != ground.key or not is_of_name(point, ground.database):
        return Refusal(point, 1, f"not ours: its tag names {point.database}, but it is of {point.source}")
    if point.state is not PointState.AVAILABLE:
        return Refusal(point, 3, f"is {point.status}")
    if point.data_time is None:
        return Refusal(point, 4, "nobody tells when its data is from")
    return None


def _whose(point: RecoveryPoint, deployment: str) -> str:
    other = point.tags.get(TAG_DEPLOYMENT, "")
    if other and other != deployment:
        return f"of deployment {other}"
    return f"{point.origin.value}, and without our tags"


class Shelf:
    """The points of one Database in one location while some of them are let go, oldest first.

    Args:
        points: ours, available and with a known age; all of them, those that stay too.
        min_points: how many stay at least.
        now: aware; what claims to be of the future is the newest of nothing and counts for none that stays, since some
            clock is wrong.
    """

    def __init__(self, points: Sequence[RecoveryPoint], min_points: int, now: datetime) -> None:
        past = [each for each in points if each.at <= now]
        self._left, self._least = len(past), min_points
        self._newest = max((each.at for each in past), default=None)
        self._verified = max((each.at for each in past if each.verified), default=None)

    def refusal(self, point: RecoveryPoint, ground: Ground) -> Refusal | None:
        """The first guard that keeps the point; None lets it go, and counts it as gone."""
        found = _facts(point, ground) or _hold(point) or _copying(point, ground)
        found = found or self._siblings(point) or _copies(point, ground)
        if found is None:
            self._left -= 1
        return found

    def _siblings(self, point: RecoveryPoint) -> Refusal | None:
        if self._newest is None or point.at >= self._newest:
            return Refusal(point, 5, "the newest here")
        if self._left <= self._least:
            return Refusal(point, 6, f"{self._left} left here, and {self._least} stay at least")
        if point.verified and self._verified is not None and point.at >= self._verified:
            return Refusal(point, 7, "the last verified one here: no newer one is")
        return None


def _facts(point: RecoveryPoint, ground: Ground) -> Refusal | None:
    if ground.stale:
        return Refusal(point, 0, f"the policy in force is not the newest: {ground.stale}")
    if ground.unread:
        scope, error = next(iter(sorted(ground.unread.items())))
        return Refusal(point, 0, f"{scope} could not be read: {error}")
    return None


def _hold(point: RecoveryPoint) -> Refusal | None:
    return Refusal(point, 2, "on hold") if point.held else None


def _copying(point: RecoveryPoint, ground: Ground) -> Refusal | None:
    return Refusal(point, 3, "is being copied") if point.arn in ground.copying else None


def _copies(point: RecoveryPoint, ground: Ground) -> Refusal | None:
    where = ground.lacking.get(point.arn)
    return Refusal(point, 8, f"its copy in {where} does not exist yet") if where else None


def blast(removed: int, points: int, most: MaxDelete) -> str:
    """Guard 9: why so many may not go at once; empty when they may.

    Args:
        removed: how many of the Database's points would go, in all locations.
        points: how many it has.
        most: the bounds; what reaches one of them is still inside.
    """
    if removed > most.count:
        return f"{removed} would go at once, and {most.count} may"
    share = -(-most.percent * points // 100)  # rounded up: else of three points none could ever go
    if removed > share:
        return f"{removed} of {points} would go at once, and {most.percent} % may"
    return ""


def newest_of(points: Iterable[RecoveryPoint], now: datetime) -> datetime | None:
    """The data time of the newest available point; None without one. What claims to be of the future tells nothing."""
    times = (each.data_time for each in points if each.state is PointState.AVAILABLE)
    return max((each for each in times if each is not None and each <= now), default=None)
