"""Which snapshot is due: one a slot, named the same in every run, tried again and given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from backstay.core.actions import TakeSnapshot
from backstay.core.decide.protect import LeftAlone
from backstay.core.decide.snapshot import ATTEMPTS, snapshot, tags_of
from backstay.core.model import Database, Kind, Outcome, Result, State, utc_text
from backstay.core.naming import (
    MAX_TAGS,
    TAG_DATA_TIME,
    TAG_DATABASE,
    TAG_DEPLOYMENT,
    TAG_HELPER,
    TAG_HOLD,
    TAG_SHARED,
    TAG_SLOT,
    TAG_VERIFIED,
    free_name,
    point_name,
)
from backstay.core.points import PointState, RecoveryPoint
from backstay.core.policy import Keep, Policy, Snapshots
from tests.fleet import LONDON, database, point
from tests.unit.core.given import ELSEWHERE, NOWHERE, asking, exempting, scratch, subject

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
SLOT = datetime(2026, 11, 24, tzinfo=UTC)
ORDERS = database()
DAILY = asking(snapshots=Snapshots(every=DAY, keep=Keep(daily=7)))


def decided(
    *points: RecoveryPoint, of: Database = ORDERS, under: Policy = DAILY, now: datetime = NOW
) -> TakeSnapshot | Outcome | LeftAlone:
    return snapshot(subject(of, under, now), points, under, "backstay")


def taken(*points: RecoveryPoint, of: Database = ORDERS, now: datetime = NOW) -> TakeSnapshot:
    found = decided(*points, of=of, now=now)
    assert isinstance(found, TakeSnapshot)
    return found


def attempt(number: int, state: PointState = PointState.FAILED) -> RecoveryPoint:
    name = point_name("backstay", ORDERS.id, SLOT, number)
    return point(ORDERS, SLOT, id=name, state=state, status=state.value)


def test_given_an_empty_slot_when_decided_then_one_is_taken_with_the_source_s_tags_and_ours() -> None:
    found = taken(of=replace(ORDERS, tags={"team": "orders", "aws:cloudformation:stack-id": "x", TAG_SLOT: "lie"}))
    assert found.name == point_name("backstay", ORDERS.id, SLOT)
    assert found.slot == SLOT
    assert found.tags == {
        "team": "orders",
        TAG_DEPLOYMENT: "backstay",
        TAG_DATABASE: ORDERS.id.key,
        TAG_SLOT: "2026-11-24T00:00:00Z",
    }


@pytest.mark.parametrize("state", [PointState.AVAILABLE, PointState.CREATING])
def test_given_a_slot_that_is_taken_when_decided_then_nothing(state: PointState) -> None:
    assert decided(attempt(1, state)) == LeftAlone("slot 2026-11-24T00:00:00Z is taken")


def test_given_only_yesterday_s_when_decided_then_todays_is_taken() -> None:
    assert taken(point(ORDERS, SLOT - DAY)).slot == SLOT


def test_given_the_same_slot_when_decided_hours_later_then_the_very_same_action() -> None:
    assert taken(now=SLOT) == taken(now=SLOT + 23 * HOUR)


@pytest.mark.parametrize(
    ("there", "number"), [([1], 2), ([1, 2], 3), ([2], 1), ([1, 3], 2)], ids=["one", "two", "first gone", "gap"]
)
def test_given_failed_attempts_when_decided_then_the_first_name_that_none_of_them_has(
    there: list[int], number: int
) -> None:
    assert taken(*(attempt(each) for each in there)).name == point_name("backstay", ORDERS.id, SLOT, number)


def test_given_three_failed_attempts_when_decided_then_given_up_until_the_next_slot() -> None:
    points = [attempt(each + 1) for each in range(ATTEMPTS)]
    found = decided(*points)
    assert isinstance(found, Outcome)
    assert (found.result, found.passing) == (Result.FAILED, False)
    assert "failed 3 times" in found.message
    assert taken(*points, now=NOW + DAY).slot == SLOT + DAY


def test_given_a_status_that_we_have_not_met_when_decided_then_the_same_name_again_and_never_another() -> None:
    """Whatever is there has that name, so the call is refused: else each run would take one more."""
    assert taken(attempt(1, PointState.UNKNOWN)).name == point_name("backstay", ORDERS.id, SLOT)


def test_given_a_helper_of_a_copy_when_decided_then_the_slot_is_still_empty() -> None:
    helper = point(ORDERS, SLOT, id="backstay-h-orders", also={TAG_HELPER: "aws/222233334444/eu-west-1"})
    assert taken(helper, replace(helper, state=PointState.FAILED)).name == point_name("backstay", ORDERS.id, SLOT)


@pytest.mark.parametrize("state", [each for each in State if each not in (State.AVAILABLE, State.LEAVING)])
def test_given_a_database_that_cannot_be_snapshotted_now_when_decided_then_refused_in_passing(state: State) -> None:
    found = decided(of=replace(ORDERS, state=state, status=state.value))
    assert isinstance(found, Outcome)
    assert (found.result, found.passing) == (Result.REFUSED, True)
    assert "is due, but it is" in found.message


@pytest.mark.parametrize(
    ("of", "under"),
    [
        (ORDERS, NOWHERE),
        (ORDERS, ELSEWHERE),
        (ORDERS, exempting(date(2027, 1, 1))),
        (ORDERS, asking()),
        (scratch(ORDERS), DAILY),
        (replace(ORDERS, replica_of="primary"), DAILY),
        (replace(ORDERS, state=State.LEAVING), DAILY),
    ],
    ids=["in no tier", "elsewhere", "exempt", "no snapshots", "scratch", "replica", "leaving"],
)
def test_given_nothing_asked_when_decided_then_left_alone(of: Database, under: Policy) -> None:
    assert isinstance(decided(of=of, under=under), LeftAlone)


@pytest.mark.parametrize("kind", list(Kind))
def test_given_a_long_name_when_named_then_63_characters_and_still_told_apart(kind: Kind) -> None:
    names = {
        point_name(deployment, database(name, kind=kind).id, SLOT + number * HOUR, tries)
        for deployment in ("backstay", "b" * 40)
        for name in ("o" * 63, "o" * 62 + "p", "o" * 62)
        for number in range(3)
        for tries in (1, 2, 10)
    }
    assert len(names) == 2 * 3 * 3 * 3
    assert all(len(each) <= 63 and each == each.lower() and "--" not in each for each in names)


def test_given_databases_of_one_name_when_named_then_kind_region_and_account_tell_them_apart() -> None:
    others = [
        database(kind=Kind.CLUSTER).id,
        database(scope=replace(LONDON, region="eu-west-1")).id,
        database(scope=replace(LONDON, account="222233334444")).id,
    ]
    assert len({point_name("backstay", each, SLOT) for each in [ORDERS.id, *others]}) == 4


def test_given_names_that_are_taken_when_named_then_the_first_free_attempt() -> None:
    names = [point_name("backstay", ORDERS.id, SLOT, number) for number in (1, 2, 3)]
    assert free_name("backstay", ORDERS.id, SLOT, ()) == names[0]
    assert free_name("backstay", ORDERS.id, SLOT, {names[0], names[2]}) == names[1]


def test_given_fifty_tags_when_carried_then_there_is_room_for_all_of_ours() -> None:
    source = {f"tag-{number:02}": "x" for number in range(MAX_TAGS)}
    tags = tags_of(source, ORDERS.id, SLOT, "backstay", SLOT)
    every = {*tags, TAG_HELPER, TAG_SHARED, TAG_VERIFIED, TAG_HOLD}
    assert len(every) == MAX_TAGS
    assert tags[TAG_DATA_TIME] == utc_text(SLOT)
    assert "tag-00" in tags
