"""Which copies lack: those that the place itself would keep, and never one that is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from backstay.core.decide.copies import Lack, lacks, originals
from backstay.core.model import Kind, utc_text
from backstay.core.naming import TAG_HELPER, TAG_SLOT
from backstay.core.places import Place, Wanted
from backstay.core.points import PointState, RecoveryPoint
from backstay.core.policy import Keep
from backstay.core.retention import select
from tests.fleet import IRELAND, LONDON, database, point
from tests.unit.core.given import tier

if TYPE_CHECKING:
    from backstay.core.model import Database

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)
ORDERS, LEDGER = database(), database("ledger", kind=Kind.CLUSTER)
ZONE = ZoneInfo("Europe/London")
PLACE = Place("dr", IRELAND, "alias/backstay")


def night(number: int, of: Database = ORDERS) -> RecoveryPoint:
    return point(of, NIGHT - number * DAY)


def copy(number: int, state: PointState = PointState.AVAILABLE, of: Database = ORDERS) -> RecoveryPoint:
    return point(of, NIGHT - number * DAY, scope=IRELAND, state=state, status=state.value)


def lacking(*points: RecoveryPoint, keep: Keep | None = None, of: Database = ORDERS, now: datetime = NOW) -> list[Lack]:
    wanted = Wanted(PLACE, keep or Keep(daily=7), immutable=False)
    return lacks(of, tier(), wanted, points, zone=ZONE, now=now)


def nights(found: list[Lack]) -> list[int]:
    return [(NIGHT - each.source.at) // DAY for each in found]


def test_given_originals_without_copies_when_asked_then_those_that_the_place_would_keep_newest_first() -> None:
    points = [night(number) for number in range(10)]
    assert nights(lacking(*points, keep=Keep(daily=3))) == [0, 1, 2]
    assert nights(lacking(*points, keep=Keep(last=1))) == [0]
    assert nights(lacking(*points, keep=Keep(weekly=2))) == [0, 2]  # Tuesday, and the Sunday before


@pytest.mark.parametrize("state", [PointState.AVAILABLE, PointState.CREATING])
def test_given_a_copy_that_is_there_or_on_its_way_when_asked_then_it_does_not_lack(state: PointState) -> None:
    assert nights(lacking(night(0), night(1), copy(0, state))) == [1]


@pytest.mark.parametrize("state", [PointState.FAILED, PointState.LEAVING, PointState.UNKNOWN])
def test_given_a_copy_that_nobody_can_restore_when_asked_then_it_lacks(state: PointState) -> None:
    assert nights(lacking(night(0), copy(0, state))) == [0]


def test_given_newer_copies_there_when_asked_then_nothing_is_copied_only_to_be_pruned() -> None:
    there = [copy(number) for number in range(3)]
    assert lacking(*there, *(night(number) for number in range(3, 9)), keep=Keep(daily=3)) == []


def test_given_copies_made_when_the_place_s_own_rule_is_applied_then_every_one_of_them_stays() -> None:
    points = [night(number) for number in range(40)] + [copy(number) for number in (5, 9, 33)]
    keep = Keep(last=2, daily=4, weekly=3, monthly=2)
    made = [point(ORDERS, each.source.at, scope=IRELAND) for each in lacking(*points, keep=keep)]
    there = [each for each in [*points, *made] if each.scope == IRELAND]
    stays = {each.point.arn for each in select(there, keep, ZONE, NOW).kept}
    assert {each.arn for each in made} <= stays
    assert lacking(*points, *made, keep=keep) == []


def test_given_two_originals_of_the_same_moment_when_one_is_copied_then_the_other_is_not_copied_only_to_be_pruned() -> (
    None
):
    """The place is called eu-west-1 and sorts before eu-west-2; which of two stays must not hang on that."""
    twin = replace(
        night(3), id="twin", arn=f"{night(3).arn}-twin", tags={**night(3).tags, TAG_SLOT: "2026-11-20T00:00:00Z"}
    )
    points = [night(0), copy(0), night(3), copy(3), twin]
    assert lacking(*points, keep=Keep(daily=2)) == []


def test_given_a_tag_that_was_taken_off_when_asked_then_what_rds_remembers_tells_that_it_is_there() -> None:
    bare = replace(copy(0), tags={**copy(0).tags, TAG_SLOT: "2020-01-01T00:00:00Z"})
    assert lacking(night(0), bare) == []


def test_given_a_cluster_s_copy_without_an_age_when_asked_then_it_counts_with_its_original_s() -> None:
    bare = replace(copy(0, of=LEDGER), data_time=None)
    points = [night(0, LEDGER), night(1, LEDGER), bare]
    assert lacking(*points, keep=Keep(last=1), of=LEDGER) == []
    (lack,) = lacking(*points, keep=Keep(daily=7), of=LEDGER)
    assert (lack.newest, lack.backfill) == (NIGHT, True)


def test_given_helpers_when_asked_then_they_are_neither_originals_nor_copies() -> None:
    helper = point(ORDERS, NIGHT, id="helper", also={TAG_HELPER: str(IRELAND)})
    there = replace(copy(0), tags={**copy(0).tags, TAG_HELPER: "aws/222233334444/eu-west-1"})
    assert originals(ORDERS.id, [helper, night(0)]) == [night(0)]
    assert nights(lacking(night(0), there)) == [0]


def test_given_what_cannot_be_copied_when_asked_then_it_does_not_lack() -> None:
    points = [replace(night(0), data_time=None), replace(night(1), state=PointState.CREATING)]
    assert lacking(*points, replace(night(2), state=PointState.FAILED)) == []


def test_given_a_point_of_the_future_when_asked_then_it_waits_for_its_time_and_pushes_nobody_out() -> None:
    points = [night(-1), night(0)]
    assert nights(lacking(*points, keep=Keep(last=1))) == [0]
    assert nights(lacking(*points, keep=Keep(last=1), now=NOW + DAY)) == [-1]


def test_given_failed_attempts_and_one_under_way_when_asked_then_both_are_told() -> None:
    points = [night(0), night(1), copy(0, PointState.FAILED), copy(1, PointState.CREATING)]
    (lack,) = lacking(*points)
    assert (lack.failed, lack.under_way, lack.newest, lack.backfill) == (1, True, NIGHT - DAY, False)


def test_given_a_newer_copy_or_a_newer_lack_when_asked_then_the_older_is_only_filled_in() -> None:
    assert [each.backfill for each in lacking(night(0), night(1))] == [False, True]
    assert [each.backfill for each in lacking(night(1), copy(0))] == [True]


def test_given_a_newer_one_that_is_given_up_when_asked_then_the_older_makes_it_fresher() -> None:
    names = [f"attempt-{number}" for number in range(3)]
    failed = [replace(copy(0, PointState.FAILED), id=name, arn=f"arn:{name}") for name in names]
    assert [each.backfill for each in lacking(night(0), night(1), night(2), *failed)] == [False, False, True]
    assert [each.backfill for each in lacking(night(0), night(1), *failed[:2])] == [False, True]


def test_given_no_objectives_when_asked_then_the_longest_time_is_borne() -> None:
    (lack,) = lacking(night(0))
    assert lack.rpo == timedelta(minutes=5)
    assert replace(lack, tier=tier(objectives=None)).rpo == timedelta.max


def test_given_points_of_any_order_when_asked_then_the_same() -> None:
    points = [*(night(number) for number in range(9)), copy(2), copy(4, PointState.FAILED)]
    assert lacking(*points) == lacking(*reversed(points))
    assert utc_text(lacking(*points)[0].source.at) == utc_text(NIGHT)
    assert all(each.source.scope == LONDON for each in lacking(*points))
