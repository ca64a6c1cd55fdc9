"""Slots: by the clock on the wall, over every change of it, and how late a snapshot or a copy may be."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from backstay.core.policy import Keep, Snapshots
from backstay.core.slots import copied_by, due_by, grace, slot_of

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONDON, SYDNEY, LORD_HOWE, NUUK, SANTIAGO = (
    ZoneInfo(each)
    for each in ("Europe/London", "Australia/Sydney", "Australia/Lord_Howe", "America/Nuuk", "America/Santiago")
)
ZONES = [ZoneInfo("UTC"), LONDON, SYDNEY, LORD_HOWE, NUUK, SANTIAGO, ZoneInfo("Asia/Kathmandu")]
EVERY = [HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY]


def asked(every: timedelta, at: str = "03:00") -> Snapshots:
    return Snapshots(every=every, at=time.fromisoformat(at), keep=Keep(daily=7))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


def slot(every: timedelta, at: str, zone: ZoneInfo, moment: str) -> str:
    return f"{slot_of(asked(every, at), zone, utc(moment)):%Y-%m-%dT%H:%M}"


def starts(every: timedelta, at: str, zone: ZoneInfo, begin: str, end: str) -> list[str]:
    """The slots that open between two moments, found by asking every ten minutes."""
    found, moment = dict[datetime, None](), utc(begin)
    while moment < utc(end):
        found[slot_of(asked(every, at), zone, moment)] = None
        moment += timedelta(minutes=10)
    return [f"{each:%m-%dT%H:%M}" for each in found if each >= utc(begin)]


def test_given_a_daily_slot_when_it_is_a_minute_before_at_then_yesterdays() -> None:
    assert slot(DAY, "03:00", LONDON, "2026-11-24T02:59") == "2026-11-23T03:00"
    assert slot(DAY, "03:00", LONDON, "2026-11-24T03:00") == "2026-11-24T03:00"


def test_given_summer_time_when_a_slot_opens_then_by_the_clock_on_the_wall() -> None:
    assert slot(DAY, "03:00", LONDON, "2026-07-01T12:00") == "2026-07-01T02:00"
    assert slot(DAY, "03:00", SYDNEY, "2026-01-10T12:00") == "2026-01-09T16:00"
    assert slot(DAY, "03:00", SYDNEY, "2026-07-10T12:00") == "2026-07-09T17:00"


@pytest.mark.parametrize(
    ("zone", "at", "begin", "end", "opens"),
    [
        (LONDON, "01:30", "2026-03-28T00:00", "2026-03-31T00:00", ["03-28T01:30", "03-29T01:30", "03-30T00:30"]),
        (LONDON, "01:30", "2026-10-24T00:00", "2026-10-27T00:00", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        (SYDNEY, "02:30", "2026-10-02T12:00", "2026-10-05T12:00", ["10-02T16:30", "10-03T16:30", "10-04T15:30"]),
        (SYDNEY, "02:30", "2026-04-03T12:00", "2026-04-06T12:00", ["04-03T15:30", "04-04T15:30", "04-05T16:30"]),
        (LORD_HOWE, "02:15", "2026-10-02T12:00", "2026-10-05T12:00", ["10-02T15:45", "10-03T15:45", "10-04T15:15"]),
        (SANTIAGO, "00:30", "2026-09-05T00:00", "2026-09-08T00:00", ["09-05T04:30", "09-06T04:30", "09-07T03:30"]),
        (NUUK, "23:30", "2026-03-28T00:00", "2026-03-30T12:00", ["03-28T01:30", "03-29T01:30", "03-30T00:30"]),
    ],
    ids=["gap", "twice", "sydney gap", "sydney twice", "half an hour", "gap at midnight", "gap before it"],
)  # fmt: skip
def test_given_at_where_clocks_change_when_days_pass_then_one_slot_a_day(
    zone: ZoneInfo, at: str, begin: str, end: str, opens: list[str]
) -> None:
    assert starts(DAY, at, zone, begin, end) == opens


def test_given_clocks_that_go_forward_over_midnight_when_at_is_jumped_over_then_no_slot_of_the_future() -> None:
    """Half past eleven in the evening does not come in Nuuk on 28 March 2026: it becomes half past midnight."""
    assert slot(DAY, "23:30", NUUK, "2026-03-29T01:10") == "2026-03-28T01:30"
    assert slot(DAY, "23:30", NUUK, "2026-03-29T01:40") == "2026-03-29T01:30"
    assert slot(6 * HOUR, "23:30", NUUK, "2026-03-29T01:10") == "2026-03-28T19:30"


def test_given_six_hours_when_clocks_go_forward_then_the_last_slot_is_five_hours() -> None:
    opens = starts(6 * HOUR, "00:00", LONDON, "2026-03-29T00:00", "2026-03-30T05:00")
    assert opens == ["03-29T00:00", "03-29T06:00", "03-29T12:00", "03-29T18:00", "03-29T23:00"]


def test_given_six_hours_when_clocks_go_back_then_one_more_slot_of_an_hour() -> None:
    opens = starts(6 * HOUR, "00:00", LONDON, "2026-10-24T23:00", "2026-10-26T06:00")
    assert opens == ["10-24T23:00", "10-25T05:00", "10-25T11:00", "10-25T17:00", "10-25T23:00", "10-26T00:00"]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 23), ("2026-10-24", 25), ("2026-07-01", 24)])
def test_given_hourly_slots_when_clocks_change_then_one_each_hour(day: str, hours: int) -> None:
    begin = datetime.fromisoformat(day).replace(hour=3, tzinfo=LONDON)
    end = (begin + DAY).astimezone(UTC)  # arithmetic in one zone is by the clock on the wall
    opens = starts(HOUR, "03:00", LONDON, f"{begin.astimezone(UTC):%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}")
    assert len(opens) == hours


def test_given_a_week_when_slots_open_then_on_mondays() -> None:
    assert starts(7 * DAY, "03:00", LONDON, "2026-10-12T00:00", "2026-11-03T00:00") == [
        "10-12T02:00",
        "10-19T02:00",
        "10-26T03:00",
        "11-02T03:00",
    ]


def test_given_three_days_when_a_leap_day_passes_then_still_every_three() -> None:
    opens = starts(3 * DAY, "03:00", ZoneInfo("UTC"), "2028-02-20T03:00", "2028-03-10T00:00")
    days = [datetime.fromisoformat(f"2028-{each}") for each in opens]
    assert {after - before for before, after in pairwise(days)} == {3 * DAY}


@pytest.mark.parametrize("every", EVERY, ids=str)
@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_given_a_year_when_asked_at_any_moment_then_the_slot_is_open_and_its_own(
    every: timedelta, zone: ZoneInfo
) -> None:
    wants, before = asked(every, "23:30"), datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(int(timedelta(days=366) / timedelta(minutes=97))):
        moment = datetime(2026, 1, 8, tzinfo=UTC) + number * timedelta(minutes=97)
        opened = slot_of(wants, zone, moment)
        assert before <= opened <= moment < opened + every + HOUR
        assert slot_of(wants, zone, opened) == opened
        before = opened


@pytest.mark.parametrize(("every", "late"), list(zip(EVERY, [1, 1.5, 6, 6, 6], strict=True)), ids=str)
def test_given_a_slot_when_it_stays_empty_then_a_quarter_of_it_passes_in_bounds(every: timedelta, late: float) -> None:
    assert grace(asked(every)) == late * HOUR


def test_given_a_daily_slot_when_the_grace_is_over_then_it_is_due() -> None:
    wants = asked(DAY)
    assert due_by(wants, LONDON, utc("2026-11-24T08:59")) == utc("2026-11-23T03:00")
    assert due_by(wants, LONDON, utc("2026-11-24T09:00")) == utc("2026-11-24T03:00")


def test_given_a_daily_slot_when_half_of_it_has_passed_too_then_its_copy_is_due() -> None:
    wants = asked(DAY)
    assert copied_by(wants, LONDON, utc("2026-11-24T20:59")) == utc("2026-11-23T03:00")
    assert copied_by(wants, LONDON, utc("2026-11-24T21:00")) == utc("2026-11-24T03:00")


def test_given_hourly_slots_when_copied_then_a_copy_may_take_two_hours() -> None:
    assert copied_by(asked(HOUR), LONDON, utc("2026-11-24T12:00")) == utc("2026-11-24T09:00")
