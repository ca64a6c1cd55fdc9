"""BK005: no gap in what the keep rule keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.asks import Keep
from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.notation import UNLIMITED
from backstay.core.policy import Copy
from backstay.core.retention import select
from backstay.core.rules.bk005 import RULE
from tests.fleet import IRELAND, database, point
from tests.unit.core.kept import (
    DAY,
    DENIED,
    HOUR,
    LONDON_ZONE,
    NOW,
    ORDERS,
    REPLICA,
    TODAY,
    holding,
    nights,
    subject,
    unasked,
    unseen,
)
from tests.workflows.places import rules

if TYPE_CHECKING:
    from backstay.core.findings import Verdict
    from backstay.core.points import RecoveryPoint

HERE = "aws/111122223333/eu-west-2"
THERE = "aws/111122223333/eu-west-1"
OLD = database(created=NOW - 4000 * DAY)


def judged(*points: RecoveryPoint, keep: Keep, every: timedelta = DAY, now: datetime = NOW) -> Verdict:
    return RULE.judge(subject(OLD, rules(keep=keep, every=every), holding(*points), now=now)).verdict


def kept(keep: Keep, days: int, *, but: tuple[int, ...] = ()) -> list[RecoveryPoint]:
    """What pruning leaves of a point every night."""
    selection = select(nights(OLD, last=days, but=but), keep, LONDON_ZONE, NOW)
    return [each.point for each in selection.kept]


RULES = [
    Keep(daily=7),
    Keep(daily=7, weekly=4),
    Keep(daily=7, weekly=4, monthly=12, yearly=3),
    Keep(weekly=5),
    Keep(monthly=6),
    Keep(last=9, daily=3),
    Keep(hourly=24, daily=7),
    Keep(yearly=UNLIMITED, daily=2),
]


@pytest.mark.parametrize("keep", RULES, ids=str)
@pytest.mark.parametrize("days", [0, 1, 6, 7, 8, 30, 400, 1200])
def test_given_a_point_every_night_when_pruned_by_the_rule_then_no_gap(keep: Keep, days: int) -> None:
    assert judged(*kept(keep, days), keep=keep) == Pass(f"{HERE}: no gap")


@pytest.mark.parametrize("keep", RULES, ids=str)
def test_given_a_point_every_night_when_not_pruned_yet_then_no_gap(keep: Keep) -> None:
    assert judged(*nights(OLD, last=500), keep=keep) == Pass(f"{HERE}: no gap")


@pytest.mark.parametrize("hour", range(24))
def test_given_any_hour_of_the_day_when_last_night_s_is_still_to_come_then_no_gap(hour: int) -> None:
    now = TODAY + hour * HOUR
    points = [each for each in nights(OLD, last=7) if each.at <= now - 5 * HOUR]
    assert judged(*points, keep=Keep(daily=7), now=now) == Pass(f"{HERE}: no gap")


def test_given_a_night_that_lacks_when_judged_then_fail_with_its_day() -> None:
    verdict = judged(*nights(OLD, last=8, but=(3,)), keep=Keep(daily=7))
    assert verdict == Fail(f"{HERE}: no point of 2026-11-21")


def test_given_more_gaps_than_one_reads_when_judged_then_a_few_and_how_many_more() -> None:
    finding = RULE.judge(
        subject(OLD, rules(keep=Keep(daily=10, weekly=3)), holding(*nights(OLD, last=40, but=tuple(range(1, 16)))))
    )
    text = f"{HERE}: no point of 2026-11-23, 2026-11-22, 2026-11-21 and 8 more"
    assert finding.verdict == Fail(text)
    assert finding.measured == {"gaps": 11}


def test_given_a_week_a_month_and_a_year_that_lack_when_judged_then_each_is_named() -> None:
    week = judged(*nights(OLD, last=40, but=tuple(range(9, 16))), keep=Keep(weekly=4))
    assert week == Fail(f"{HERE}: no point of 2026-W46")
    october = tuple((TODAY - datetime(2026, 10, day, tzinfo=UTC)).days for day in range(1, 32))
    assert judged(*nights(OLD, last=100, but=october), keep=Keep(monthly=3)) == Fail(f"{HERE}: no point of 2026-10")
    lost = [each for each in nights(OLD, last=800) if each.at.year != 2025]
    assert judged(*lost, keep=Keep(yearly=3)) == Fail(f"{HERE}: no point of 2025")


def test_given_what_is_older_than_the_rule_reaches_when_it_lacks_then_no_gap() -> None:
    keep = Keep(daily=7)
    assert judged(*nights(OLD, last=20, but=(7, 8)), keep=keep) == Pass(f"{HERE}: no gap")
    assert isinstance(judged(*nights(OLD, last=20, but=(6,)), keep=keep), Fail)


def test_given_nights_before_the_database_was_created_when_they_lack_then_no_gap() -> None:
    points = [*nights(last=2), point(ORDERS, TODAY - 6 * DAY)]
    young = replace(ORDERS, created=TODAY - 2 * DAY)
    assert isinstance(RULE.judge(subject(young, rules(keep=Keep(daily=7)), holding(*points))).verdict, Pass)
    unknown = replace(ORDERS, created=None)
    assert isinstance(RULE.judge(subject(unknown, rules(keep=Keep(daily=7)), holding(*points))).verdict, Fail)


def test_given_kinds_finer_than_the_slots_when_judged_then_only_the_others_count() -> None:
    weekly = [point(OLD, TODAY - timedelta(days=1 + 7 * week)) for week in range(8)]  # Mondays
    keep = Keep(hourly=24, daily=7, weekly=4)
    assert judged(*weekly, keep=keep, every=7 * DAY) == Pass(f"{HERE}: no gap")
    lacking = judged(*weekly[:2], *weekly[3:], keep=keep, every=7 * DAY)
    assert lacking == Fail(f"{HERE}: no point of 2026-W46")


@pytest.mark.parametrize("day", [(2026, 3, 29), (2026, 10, 25)], ids=["spring", "autumn"])
def test_given_hourly_slots_when_clocks_change_then_no_gap_and_each_hour_is_its_own(day: tuple[int, int, int]) -> None:
    change = datetime(*day, tzinfo=UTC)
    now = change + 6 * HOUR + timedelta(minutes=30)
    hours = [point(OLD, change + timedelta(hours=hour, minutes=5)) for hour in range(-20, 7)]
    keep = Keep(hourly=20)
    assert judged(*hours, keep=keep, every=HOUR, now=now) == Pass(f"{HERE}: no gap")
    lacking = [each for each in hours if each.at != change + timedelta(hours=1, minutes=5)]
    name = "2026-03-29 02:00" if day[1] == 3 else "2026-10-25 01:00 again"
    assert judged(*lacking, keep=keep, every=HOUR, now=now) == Fail(f"{HERE}: no point of {name}")


def test_given_copies_when_judged_then_each_place_by_its_own_rule_and_with_time_to_be_made() -> None:
    asked = rules(Copy(to="dr", keep=Keep(daily=3)), keep=Keep(daily=7))
    home = holding(*nights(OLD, last=8))
    copies = nights(OLD, first=1, last=5, scope=IRELAND)

    def at(place: list[RecoveryPoint]) -> Verdict:
        return RULE.judge(subject(OLD, asked, home, {"dr": holding(*place)})).verdict

    assert at(copies) == Pass(f"{HERE}: no gap; {THERE}: no gap")
    assert at(nights(OLD, first=1, last=5, but=(2,), scope=IRELAND)) == Fail(f"{THERE}: no point of 2026-11-22")
    assert at([]) == Fail(f"{THERE}: no point of ours")


def test_given_a_place_that_was_not_read_to_its_end_when_judged_then_unknown() -> None:
    torn = RULE.judge(subject(OLD, rules(), holding(*nights(OLD)), torn=("home",))).verdict
    assert torn == Unknown(f"{HERE}: {DENIED}")
    ageless = replace(point(OLD, TODAY - 30 * DAY), data_time=None)
    verdict = judged(*nights(OLD), ageless, keep=Keep(daily=7))
    assert verdict == Unknown(f"{HERE}: of {ageless.id} nobody tells how old the data is")
    assert isinstance(RULE.judge(unseen()).verdict, Unknown)


def test_given_nothing_is_asked_or_nothing_can_be_there_when_judged_then_skipped() -> None:
    assert RULE.judge(unasked()).verdict == Skipped("not asked")
    assert isinstance(RULE.judge(subject(REPLICA)).verdict, Skipped)
    assert RULE.judge(subject(database(created=NOW - HOUR), rules())).verdict == Skipped("is new")


def test_given_points_of_the_future_when_judged_then_they_count_for_nothing() -> None:
    future = [point(OLD, TODAY + day * DAY) for day in range(1, 8)]
    assert judged(*future, *nights(OLD, last=8, but=(3,)), keep=Keep(daily=7)) == Fail(
        f"{HERE}: no point of 2026-11-21"
    )
