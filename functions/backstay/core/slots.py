"""Slots: the times at which a tier wants a recovery point, in the policy's time zone.

Slots of whole days start at the tier's ``at`` by the clock on the wall; of seven days, on Mondays. Shorter ones divide
the day from ``at`` on: where clocks change, the last slot of that day is shorter, or one more follows it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date, tzinfo

    from backstay.core.asks import Snapshots

DAY: Final = timedelta(days=1)
SHORTEST: Final = timedelta(hours=1)
_LEAST_GRACE, _MOST_GRACE = timedelta(hours=1), timedelta(hours=6)
# A copy across regions takes hours (RDS user guide, "Copying a DB snapshot").
_LEAST_COPYING, _MOST_COPYING = timedelta(hours=2), timedelta(hours=12)


def slot_of(asked: Snapshots, zone: tzinfo, moment: datetime) -> datetime:
    """The start, in UTC, of the slot that ``moment`` (aware) falls into."""
    day = moment.astimezone(zone).date() + DAY
    while (start := _anchor(asked, zone, day)) > moment:
        day -= DAY
    if asked.every < DAY:
        return start + (moment - start) // asked.every * asked.every
    behind = (day.toordinal() - 1) % (asked.every // DAY)  # the first day of the calendar, ordinal 1, was a Monday
    return _anchor(asked, zone, day - behind * DAY)


def _anchor(asked: Snapshots, zone: tzinfo, day: date) -> datetime:
    """When the slots of a day start: ``at`` by the clock, the first where it comes twice.

    Where clocks go forward over it, as long after midnight as ever, which may be on the next day (Nuuk, at 23:30).
    """
    return datetime.combine(day, asked.at, tzinfo=zone).astimezone(UTC)


def grace(asked: Snapshots) -> timedelta:
    """How long a slot may stay empty before somebody is told: a quarter of it, at least 1 h and at most 6 h."""
    return min(max(asked.every / 4, _LEAST_GRACE), _MOST_GRACE)


def due_by(asked: Snapshots, zone: tzinfo, now: datetime) -> datetime:
    """How new the newest snapshot's data must be by now: of the slot that was open ``grace`` ago, or a later one."""
    return slot_of(asked, zone, now - grace(asked))


def copying(asked: Snapshots) -> timedelta:
    """How long a copy may take before somebody is told: half a slot, at least 2 h and at most 12 h."""
    return min(max(asked.every / 2, _LEAST_COPYING), _MOST_COPYING)


def copied_by(asked: Snapshots, zone: tzinfo, now: datetime) -> datetime:
    """How new the newest copy's data must be by now: of the slot whose snapshot and copy have had their time."""
    return slot_of(asked, zone, now - grace(asked) - copying(asked))
