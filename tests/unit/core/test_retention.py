"""Which points stay: each kind of the rule, the calendar's odd days, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backstay.core.asks import Keep
from backstay.core.notation import UNLIMITED
from backstay.core.retention import FUTURE, select

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    key: str = ""


def days(count: int, end: datetime = NOW) -> list[Point]:
    """A point a day at the hour of ``end``, newest first."""
    return [Point(end - timedelta(days=number)) for number in range(count)]


def kept(points: list[Point], keep: Keep, zone: ZoneInfo = LONDON, now: datetime = NOW) -> list[str]:
    return [f"{each.point.at:%Y-%m-%d}" for each in select(points, keep, zone, now).kept]


def test_given_last_when_selected_then_the_newest_and_their_place() -> None:
    chosen = select(days(4), Keep(last=2), LONDON, NOW)
    assert [each.reasons for each in chosen.kept] == [("last 1",), ("last 2",)]
    assert [each.reason for each in chosen.removed] == ["last: 2 newer", "last: 2 newer"]


def test_given_daily_when_a_day_has_several_then_its_newest() -> None:
    points = [Point(NOW - timedelta(hours=number)) for number in range(30)]
    chosen = select(points, Keep(daily=2), LONDON, NOW)
    assert [each.point.at for each in chosen.kept] == [NOW, datetime(2026, 11, 23, 23, tzinfo=UTC)]
    assert chosen.kept[1].reasons == ("daily 2026-11-23",)
    assert {each.reason for each in chosen.removed} == {
        "daily: a newer one of 2026-11-24 stays",
        "daily: a newer one of 2026-11-23 stays",
    }


def test_given_a_missed_run_when_selected_then_its_neighbour_is_promoted() -> None:
    year = [each for each in days(900) if each.at.date() != datetime(2025, 12, 31, tzinfo=UTC).date()]
    assert kept(year, Keep(yearly=2)) == ["2026-11-24", "2025-12-30"]


def test_given_gaps_when_selected_then_periods_without_a_point_do_not_count() -> None:
    points = [Point(NOW), Point(NOW - timedelta(days=40)), Point(NOW - timedelta(days=400))]
    assert kept(points, Keep(daily=3)) == ["2026-11-24", "2026-10-15", "2025-10-20"]


def test_given_several_kinds_when_selected_then_every_reason_from_fine_to_coarse() -> None:
    chosen = select(days(40), Keep(last=1, hourly=1, daily=1, weekly=1, monthly=2, yearly=1), LONDON, NOW)
    assert chosen.kept[0].reasons == (
        *("last 1", "hourly 2026-11-24 12:00", "daily 2026-11-24", "weekly 2026-W48", "monthly 2026-11", "yearly 2026"),
    )
    assert [each.reasons for each in chosen.kept[1:]] == [("monthly 2026-10",)]


def test_given_a_point_beyond_every_period_when_selected_then_the_coarsest_kind_says_so() -> None:
    chosen = select(days(70), Keep(daily=2, monthly=2), LONDON, NOW)
    assert chosen.removed[-1].reason == "monthly: 2 newer months have one"
    assert chosen.removed[0].reason == "monthly: a newer one of 2026-11 stays"


def test_given_unlimited_when_selected_then_every_period_of_that_kind() -> None:
    assert len(kept(days(800), Keep(monthly=UNLIMITED))) == 27


@pytest.mark.parametrize(
    ("newer", "older", "weeks"),
    [("2026-11-23", "2026-11-22", 2), ("2026-11-29", "2026-11-23", 1), ("2027-01-03", "2026-12-28", 1)],
    ids=["monday begins one", "sunday ends it", "a week over new year is one"],
)
def test_given_iso_weeks_when_selected_then_from_monday_to_sunday(newer: str, older: str, weeks: int) -> None:
    points = [Point(datetime.fromisoformat(f"{each}T12:00:00+00:00")) for each in (newer, older)]
    assert len(kept(points, Keep(weekly=2), now=points[0].at)) == weeks


def test_given_a_leap_day_when_selected_then_it_is_a_day_of_its_own() -> None:
    end = datetime(2028, 3, 1, 12, tzinfo=UTC)
    assert kept(days(3, end), Keep(daily=3), now=end) == ["2028-03-01", "2028-02-29", "2028-02-28"]


def test_given_a_time_zone_when_selected_then_its_days_and_not_those_of_utc() -> None:
    evening = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)  # half past midnight of the second in London
    points = [Point(evening), Point(evening - timedelta(hours=1))]
    assert len(kept(points, Keep(daily=5))) == 2
    assert len(kept(points, Keep(daily=5), ZoneInfo("UTC"))) == 1


def test_given_the_day_of_25_hours_when_selected_then_one_day_and_25_hours() -> None:
    start = datetime(2026, 10, 24, 23, tzinfo=UTC)  # midnight in London, in summer time
    points = [Point(start + timedelta(hours=number)) for number in range(25)]
    assert len(kept(points, Keep(daily=9))) == 1
    chosen = select(points, Keep(hourly=99), LONDON, NOW)
    assert len(chosen.kept) == 25
    assert ("hourly 2026-10-25 01:00 again",) in {each.reasons for each in chosen.kept}


def test_given_the_day_of_23_hours_when_selected_then_one_day() -> None:
    start = datetime(2026, 3, 29, tzinfo=UTC)
    points = [Point(start + timedelta(hours=number)) for number in range(23)]
    assert len(kept(points, Keep(daily=9))) == 1


def test_given_points_of_the_same_moment_when_selected_then_one_by_name_whatever_their_order() -> None:
    points = [Point(NOW, "a"), Point(NOW, "b"), Point(NOW, "c")]
    for order in (points, points[::-1]):
        assert [each.point.key for each in select(order, Keep(daily=3), LONDON, NOW).kept] == ["c"]
        assert [each.point.key for each in select(order, Keep(last=2), LONDON, NOW).kept] == ["c", "b"]


def test_given_a_point_from_the_future_when_selected_then_it_stays_and_pushes_nobody_out() -> None:
    points = [Point(NOW + timedelta(days=1)), Point(NOW)]
    chosen = select(points, Keep(last=1), LONDON, NOW)
    assert [each.reasons for each in chosen.kept] == [(FUTURE,), ("last 1",)]


def test_given_no_points_when_selected_then_nothing() -> None:
    none: list[Point] = []
    chosen = select(none, Keep(last=1), LONDON, NOW)
    assert (chosen.kept, chosen.removed) == ((), ())


def test_given_points_in_other_zones_when_selected_then_by_their_moment() -> None:
    early = Point(datetime(2026, 11, 24, 12, tzinfo=ZoneInfo("Asia/Tokyo")))
    late = Point(datetime(2026, 11, 24, 4, tzinfo=UTC))
    assert [each.point for each in select([early, late], Keep(last=2), LONDON, NOW).kept] == [late, early]
