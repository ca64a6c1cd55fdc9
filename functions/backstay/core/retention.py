"""Which recovery points stay: grandfather, father, son *by selection*, as restic and borg do it.

Each kind of a keep rule keeps the newest point of each of the n most recent periods **that have one**, so a missed run
promotes its neighbour by itself. One pure function, linear after one sort; nothing here knows what a point is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MINYEAR, UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import tzinfo

    from backstay.core.asks import Keep


class Period(StrEnum):
    """The kinds of a keep rule, from fine to coarse; the values are its fields."""

    LAST = "last"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


class Dated(Protocol):
    """What is selected from."""

    @property
    def at(self) -> datetime:
        """The moment that its *data* is from, aware; never when a copy of it was made."""

    @property
    def key(self) -> str:
        """Its name, unique among what it is selected from: it decides between points of the same moment."""


P = TypeVar("P", bound=Dated)


@dataclass(frozen=True, slots=True)
class Kept(Generic[P]):
    """A point that stays, and what it stays for: at least one reason, finest kind first."""

    point: P
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removed(Generic[P]):
    """A point that goes, and the coarsest kind of the rule that could have kept it, with why it did not."""

    point: P
    reason: str


@dataclass(frozen=True, slots=True)
class Selection(Generic[P]):
    """Every point once, newest first in both."""

    kept: tuple[Kept[P], ...]
    removed: tuple[Removed[P], ...]


FUTURE: Final = "its time has not come: some clock is wrong"


def select(points: Iterable[P], keep: Keep, zone: tzinfo, now: datetime) -> Selection[P]:
    """What a keep rule keeps of one Database's points in one location.

    A point from the future stays and counts for nothing: it must not push out one whose clock was right.

    Args:
        points: in any order.
        keep: how many periods of each kind; a rule of zeros keeps nothing, and `policy_check` refuses it.
        zone: in which hours, days, weeks (ISO, from Monday), months and years are counted.
        now: aware.
    """
    counters = [_Counter(each, count) for each in Period if (count := getattr(keep, each))]
    open_ones = counters
    kept: list[Kept[P]] = []
    removed: list[Removed[P]] = []
    dated = [(each.at, each.key, number, each) for number, each in enumerate(points)]  # points cannot be compared
    for at, _, _, point in sorted(dated, reverse=True):
        if at > now:
            kept.append(Kept(point, (FUTURE,)))
            continue
        local = at.astimezone(zone)
        reasons = [reason for counter in open_ones if (reason := counter.takes(local))]
        if reasons:
            kept.append(Kept(point, tuple(reasons)))
            open_ones = [each for each in open_ones if not each.full]
        else:
            removed.append(Removed(point, counters[-1].why_not(local) if counters else "nothing is to be kept"))
    return Selection(tuple(kept), tuple(removed))


def _day(local: datetime) -> str:
    return local.date().isoformat()


def _week(local: datetime) -> str:
    year, week, _ = local.isocalendar()
    return f"{year}-W{week:02}"


# Per kind: what tells its periods apart, as one number, and how people call one. The hour that comes twice when clocks
# go back is two hours (``fold``); the first day of the calendar, ordinal 1, was a Monday.
_PERIODS: Final[Mapping[Period, tuple[Callable[[datetime], int], Callable[[datetime], str]]]] = {
    Period.HOURLY: (
        lambda local: (local.toordinal() * 24 + local.hour) * 2 + local.fold,
        lambda local: f"{local:%Y-%m-%d %H:00}{' again' if local.fold else ''}",
    ),
    Period.DAILY: (lambda local: local.toordinal(), _day),
    Period.WEEKLY: (lambda local: (local.toordinal() - 1) // 7, _week),
    Period.MONTHLY: (lambda local: local.year * 12 + local.month, lambda local: f"{local:%Y-%m}"),
    Period.YEARLY: (lambda local: local.year, lambda local: f"{local:%Y}"),
}
_PLURALS: Final[Mapping[Period, str]] = {
    Period.HOURLY: "hours",
    Period.DAILY: "days",
    Period.WEEKLY: "weeks",
    Period.MONTHLY: "months",
    Period.YEARLY: "years",
}


_FIRSTS: Final[Mapping[Period, Callable[[date], date]]] = {
    Period.DAILY: lambda day: day,
    Period.WEEKLY: lambda day: day - timedelta(days=day.weekday()),
    Period.MONTHLY: lambda day: day.replace(day=1),
    Period.YEARLY: lambda day: day.replace(month=1, day=1),
}


def begin_of(period: Period, moment: datetime, zone: tzinfo) -> datetime:
    """When, in UTC, the period began that ``moment`` falls into.

    Raises:
        KeyError: ``last`` has no periods.
    """
    local = moment.astimezone(zone)
    if period is Period.HOURLY:
        return _hour(local).astimezone(UTC)
    return datetime.combine(_FIRSTS[period](local.date()), time(), tzinfo=zone).astimezone(UTC)


def _hour(local: datetime) -> datetime:
    """One that comes again may do so from its middle on: Lord Howe's clocks go back by half an hour."""
    minutes = (local.replace(minute=minute, second=0, microsecond=0) for minute in range(60))
    return next(each for each in minutes if not local.fold or each.replace(fold=0).utcoffset() != each.utcoffset())


def periods_before(period: Period, moment: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime, str]]:
    """The periods that were over when that of ``moment`` began, latest first: begin and end in UTC, and its name."""
    _, called = _PERIODS[period]
    end = begin_of(period, moment, zone)
    while end.year > MINYEAR + 1:
        begin = begin_of(period, end - timedelta(seconds=1), zone)
        yield begin, end, called(begin.astimezone(zone))
        end = begin


class _Counter:
    """One kind of the rule, while points pass by, newest first."""

    def __init__(self, period: Period, count: int) -> None:
        self._period, self._count, self._used = period, count, 0
        self._of: Callable[[datetime], int] | None
        self._called: Callable[[datetime], str] | None
        self._of, self._called = _PERIODS.get(period, (None, None))
        self._last: int | None = None
        self._passed: tuple[int | None, str] = (None, "")

    @property
    def full(self) -> bool:
        """Whether it has kept all that it may."""
        return self._used >= self._count

    def takes(self, local: datetime) -> str:
        """Why the point stays; empty when this kind lets it go. Not asked any more once it is full."""
        if self._of is not None:
            period = self._of(local)
            if period == self._last:
                return ""
            self._last = period
        self._used += 1
        return f"{self._period.value} {self._called(local) if self._called else self._used}"

    def why_not(self, local: datetime) -> str:
        """Why the point goes. Many have the same reason, so the last one's text is used again."""
        if self._of is None or self._called is None:
            return f"last: {self._count} newer"
        period = self._of(local)
        if self._passed[0] != period:
            if period == self._last:
                text = f"{self._period.value}: a newer one of {self._called(local)} stays"
            else:
                text = f"{self._period.value}: {self._count} newer {_PLURALS[self._period]} have one"
            self._passed = (period, text)
        return self._passed[1]
