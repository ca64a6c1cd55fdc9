"""BK005: the points that the keep rule keeps are there: no day, week, month or year lacks its own without a reason."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.holdings import Some
from backstay.core.retention import Period, begin_of, periods_before
from backstay.core.rules.base import Answer, Judged, Rule, Subject
from backstay.core.rules.places import is_new, points_of, together
from backstay.core.slots import copied_by, copying, due_by, grace

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator
    from datetime import tzinfo

    from backstay.core.asks import Keep, Snapshots
    from backstay.core.holdings import There

# A kind is held against the slots only where every period of it has one: a daily snapshot leaves most hours empty.
_SHORTEST: Final = {
    Period.HOURLY: timedelta(hours=1),
    Period.DAILY: timedelta(days=1),
    Period.WEEKLY: timedelta(days=7),
    Period.MONTHLY: timedelta(days=28),
    Period.YEARLY: timedelta(days=365),
}
_FURTHEST: Final = 400  # of an unlimited count, so many periods are looked at


class _Asked(NamedTuple):
    """What one place is held against: ``due`` is the slot that must be there by now, ``takes`` how long that takes."""

    there: There
    times: array[float]
    keep: Keep
    due: datetime
    takes: timedelta


def check(subject: Subject) -> Judged:
    """Pass, Fail naming what lacks, Skipped, or Unknown where not all points could be read."""
    found = points_of(subject)
    if isinstance(found, Skipped | Unknown):
        return Judged(found)
    tier, points = found
    slots = tier.snapshots
    if slots is None:
        return Judged(Skipped("not asked"))
    zone, now = points.zone, subject.now
    own, away = (due_by(slots, zone, now), grace(slots)), (copied_by(slots, zone, now), grace(slots) + copying(slots))
    asked = [_Asked(points.home, points.home.holding.times(now), slots.keep, *own)]
    asked += [_Asked(there, there.holding.times(now), wanted.keep, *away) for wanted, there in points.copies]
    gaps = [_gaps(subject, slots, each, zone) for each in asked]
    verdicts = [_verdict(subject, each, lacking) for each, lacking in zip(asked, gaps, strict=True)]
    return Judged(together(verdicts), {"gaps": sum(each.count for each in gaps)})


def _verdict(subject: Subject, asked: _Asked, gaps: Some) -> Verdict:
    """Of a place that was not read to its end nobody knows how far back its points reach."""
    there = asked.there
    if there.unread:
        return Unknown(f"{there.scope}: {there.unread}")
    if there.holding.ageless:
        return Unknown(f"{there.scope}: of {there.holding.ageless} nobody tells how old the data is")
    if not asked.times:
        return Skipped("is new") if is_new(subject, asked.takes) else Fail(f"{there.scope}: no point of ours")
    return Fail(f"{there.scope}: no point of {gaps}") if gaps else Pass(f"{there.scope}: no gap")


def _gaps(subject: Subject, slots: Snapshots, asked: _Asked, zone: tzinfo) -> Some:
    """The names of the periods that lack a point, latest first, fine kinds before coarse ones."""
    found = Some()
    if not asked.times:
        return found
    created = subject.database.created
    since = max(asked.times[0], created.timestamp() if created else 0.0)
    for period, shortest in _SHORTEST.items():
        if slots.every <= shortest:
            for name in _lacking(asked, period, zone, since):
                found.add(name)
    return found


def _lacking(asked: _Asked, period: Period, zone: tzinfo, since: float) -> Iterator[str]:
    """A period that has begun since the slot that is due counts among those that are kept, when it has a point."""
    times, count = asked.times, min(getattr(asked.keep, period), _FURTHEST)
    if not count:
        return
    newer = _begun(period, times[bisect_left(times, begin_of(period, asked.due, zone).timestamp()) :], zone)
    for begin, end, name in islice(_periods(period, asked.due, zone), max(count - newer, 0)):
        if begin <= since:
            return
        if bisect_left(times, begin) == bisect_left(times, end):
            yield name


def _begun(period: Period, times: array[float], zone: tzinfo) -> int:
    """How many periods these times fall into."""
    begins = [begin_of(period, datetime.fromtimestamp(each, UTC), zone) for each in times]
    return bool(begins) + sum(one != other for one, other in pairwise(begins))


@lru_cache(maxsize=256)
def _periods(period: Period, due: datetime, zone: tzinfo) -> tuple[tuple[float, float, str], ...]:
    """Begin, end and name, latest first. Many Databases of one tier ask for the same."""
    found = islice(periods_before(period, due, zone), _FURTHEST)
    return tuple((begin.timestamp(), end.timestamp(), name) for begin, end, name in found)


RULE: Final = Rule(
    id="BK005",
    title="No gap in what the keep rule keeps",
    severity=Severity.MEDIUM,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier asks for "
    "snapshots; in their own region and in each place of copies, for the kinds of the keep rule that are no finer than "
    "the slots, back to the oldest point that is there",
    why="A month without its point is noticed when somebody asks for that month: by then nothing brings it back.",
    fix="A gap stays, and its neighbours are kept in its place: find out who removed the points, or why none were "
    "taken (BK004), so that it remains the only one.",
    source="https://docs.aws.amazon.com/aws-backup/latest/devguide/controls-and-remediation.html",
    answers=(
        Answer("AWS Backup Audit Manager", "controls", "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK"),
        Answer("NIST 800-53", "r5", "CP-9"),
        Answer("CIS Controls", "8.1", "11.2"),
    ),
    check=check,
)
