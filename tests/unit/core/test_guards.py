"""Each guard: what it keeps, and what it lets go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backstay.core.guards import Ground, Refusal, Shelf, before_selection, blast, newest_of
from backstay.core.naming import TAG_DATABASE, TAG_DEPLOYMENT, TAG_HOLD, TAG_SLOT, TAG_VERIFIED
from backstay.core.points import Origin, PointState, RecoveryPoint
from backstay.core.policy import MaxDelete
from tests.fleet import FRANKFURT, IRELAND, database, point

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)
ORDERS = database()


def night(number: int, **given: Any) -> RecoveryPoint:
    return point(ORDERS, NIGHT - number * DAY, **given)


def ground(**given: Any) -> Ground:
    defaults: dict[str, Any] = {
        "deployment": "backstay",
        "database": ORDERS.id,
        "key": ORDERS.id.key,
        "stale": "",
        "unread": {},
        "copying": (),
        "lacking": {},
    }
    return Ground(**(defaults | given))


def guards(points: list[RecoveryPoint], which: RecoveryPoint, least: int = 1, **given: Any) -> tuple[int, str] | None:
    found = Shelf(points, least, NOW).refusal(which, ground(**given))
    assert found is None or found.point == which
    return (found.guard, found.reason) if found else None


def first(found: Refusal | None) -> tuple[int, str] | None:
    return (found.guard, found.reason) if found else None


WEEK = [night(number) for number in range(7)]
OLD = WEEK[6]
SLOTLESS = {tag: value for tag, value in OLD.tags.items() if tag != TAG_SLOT}


def test_given_nothing_against_it_when_asked_then_it_goes() -> None:
    assert guards(WEEK, OLD) is None
    assert before_selection(OLD, ground()) is None


def test_given_guard_0_when_the_policy_stands_in_then_refused() -> None:
    assert guards(WEEK, OLD, stale="line 3: no tiers") == (0, "the policy in force is not the newest: line 3: no tiers")


def test_given_guard_0_when_a_place_was_not_read_then_refused_with_the_first() -> None:
    unread = {FRANKFURT: "throttled", IRELAND: "denied"}
    assert guards(WEEK, OLD, unread=unread) == (0, f"{FRANKFURT} could not be read: throttled")


@pytest.mark.parametrize(
    ("point_", "reason"),
    [
        (replace(OLD, origin=Origin.AWS_BACKUP), "not ours: aws-backup, and without our tags"),
        (replace(OLD, tags={}), "not ours: manual, and without our tags"),
        (replace(OLD, tags={**OLD.tags, TAG_DEPLOYMENT: "other"}), "not ours: of deployment other"),
        (replace(OLD, tags=SLOTLESS), "not ours: manual, and without our tags"),
        (replace(OLD, source="ledger"), f"not ours: its tag names {ORDERS.id.key}, but it is of ledger"),
        (replace(OLD, tags={**OLD.tags, TAG_DATABASE: "x"}), "not ours: its tag names x, but it is of orders"),
    ],
    ids=["aws backup", "a human's", "another stack's", "no slot", "of another", "tag of another"],
)  # fmt: skip
def test_given_guard_1_when_it_is_not_ours_then_refused(point_: RecoveryPoint, reason: str) -> None:
    assert first(before_selection(point_, ground())) == (1, reason)


@pytest.mark.parametrize("value", ["legal", "", "false"])
def test_given_guard_2_when_on_hold_then_refused_whatever_the_tag_says(value: str) -> None:
    held = night(6, also={TAG_HOLD: value})
    assert guards([*WEEK[:6], held], held) == (2, "on hold")


@pytest.mark.parametrize("state", [each for each in PointState if each is not PointState.AVAILABLE])
def test_given_guard_3_when_it_is_not_available_then_refused(state: PointState) -> None:
    assert first(before_selection(replace(OLD, state=state, status="odd"), ground())) == (3, "is odd")


def test_given_guard_3_when_it_is_being_copied_then_refused() -> None:
    assert guards(WEEK, OLD, copying={OLD.arn}) == (3, "is being copied")
    assert guards(WEEK, OLD, copying={WEEK[5].arn}) is None


def test_given_guard_4_when_nobody_tells_its_age_then_refused() -> None:
    assert first(before_selection(replace(OLD, data_time=None), ground())) == (4, "nobody tells when its data is from")


def test_given_guard_5_when_it_is_the_newest_then_refused_and_so_are_all_of_the_same_moment() -> None:
    twin = replace(WEEK[0], id="twin", arn="arn:twin")
    for which in (WEEK[0], twin):
        assert guards([*WEEK, twin], which) == (5, "the newest here")
    assert guards([*WEEK, twin], WEEK[1]) is None


def test_given_guard_5_when_something_claims_to_be_of_the_future_then_it_is_the_newest_of_nothing() -> None:
    future = night(-1)
    assert guards([future, *WEEK], WEEK[0]) == (5, "the newest here")
    assert guards([future, *WEEK], WEEK[1]) is None


def test_given_guard_5_when_all_claim_to_be_of_the_future_then_none_goes() -> None:
    future = [night(-number) for number in (1, 2, 3)]
    assert [guards(future, each) for each in future] == [(5, "the newest here")] * 3


def test_given_guard_5_when_the_newest_is_younger_only_as_a_copy_then_its_data_decides() -> None:
    """The older data was copied last: its own creation is later, and must count for nothing."""
    late_copy = night(3, scope=IRELAND, made=NOW)
    early_copy = night(1, scope=IRELAND, made=NOW - DAY)
    assert guards([late_copy, early_copy, night(5, scope=IRELAND)], early_copy) == (5, "the newest here")
    assert guards([late_copy, early_copy, night(5, scope=IRELAND)], late_copy) is None


def test_given_guard_6_when_so_few_are_left_then_refused() -> None:
    assert guards(WEEK[:3], WEEK[2], least=3) == (6, "3 left here, and 3 stay at least")
    assert guards(WEEK[:4], WEEK[3], least=3) is None


def test_given_guard_6_when_something_claims_to_be_of_the_future_then_it_is_none_of_those_that_stay() -> None:
    assert guards([night(-1), *WEEK[:3]], WEEK[2], least=3) == (6, "3 left here, and 3 stay at least")


def test_given_guard_6_when_several_go_then_each_counts_as_gone() -> None:
    shelf = Shelf(WEEK, 5, NOW)
    assert [first(shelf.refusal(each, ground())) for each in (WEEK[6], WEEK[5])] == [None, None]
    assert first(shelf.refusal(WEEK[4], ground())) == (6, "5 left here, and 5 stay at least")


def test_given_guard_6_when_one_is_refused_then_it_does_not_count_as_gone() -> None:
    held = night(6, also={TAG_HOLD: "x"})
    shelf = Shelf([*WEEK[:6], held], 6, NOW)
    assert first(shelf.refusal(held, ground())) == (2, "on hold")
    assert shelf.refusal(WEEK[5], ground()) is None


def test_given_guard_7_when_no_newer_one_is_verified_then_refused_and_so_is_its_twin() -> None:
    verified = night(6, also={TAG_VERIFIED: "2026-11-20 ev-7"})
    twin = replace(verified, id="twin", arn="arn:twin")
    points = [*WEEK[:6], verified, twin]
    for which in (verified, twin):
        assert guards(points, which) == (7, "the last verified one here: no newer one is")
    assert guards(points, WEEK[5]) is None


def test_given_guard_7_when_a_newer_one_is_verified_then_the_older_goes() -> None:
    verified = night(6, also={TAG_VERIFIED: "x"})
    newer = night(2, also={TAG_VERIFIED: "x"})
    points = [night(0), night(1), newer, night(3), night(4), night(5), verified]
    assert guards(points, verified) is None
    assert guards(points, newer) == (7, "the last verified one here: no newer one is")


def test_given_guard_7_when_the_newer_one_claims_to_be_of_the_future_then_it_does_not_count() -> None:
    verified, future = night(6, also={TAG_VERIFIED: "x"}), night(-1, also={TAG_VERIFIED: "x"})
    assert guards([future, *WEEK[:6], verified], verified) == (7, "the last verified one here: no newer one is")


def test_given_guard_8_when_a_required_copy_is_not_there_then_refused() -> None:
    assert guards(WEEK, OLD, lacking={OLD.arn: str(IRELAND)}) == (8, f"its copy in {IRELAND} does not exist yet")
    assert guards(WEEK, OLD, lacking={WEEK[5].arn: str(IRELAND)}) is None


@pytest.mark.parametrize(
    ("removed", "points", "most", "beyond"),
    [
        (20, 100, MaxDelete(count=20, percent=30), ""),
        (21, 100, MaxDelete(count=20, percent=30), "21 would go at once, and 20 may"),
        (3, 10, MaxDelete(count=20, percent=30), ""),
        (4, 10, MaxDelete(count=20, percent=30), "4 of 10 would go at once, and 30 % may"),
        (1, 3, MaxDelete(count=20, percent=30), ""),
        (2, 3, MaxDelete(count=20, percent=30), "2 of 3 would go at once, and 30 % may"),
        (0, 0, MaxDelete(count=0, percent=0), ""),
        (1, 100, MaxDelete(count=0, percent=30), "1 would go at once, and 0 may"),
        (1, 100, MaxDelete(count=20, percent=0), "1 of 100 would go at once, and 0 % may"),
    ],
)
def test_given_guard_9_when_a_bound_is_reached_then_still_inside_and_beyond_it_refused(
    removed: int, points: int, most: MaxDelete, beyond: str
) -> None:
    assert blast(removed, points, most) == beyond


def test_given_points_when_the_newest_is_asked_then_of_those_available_now() -> None:
    assert newest_of(WEEK, NOW) == NIGHT
    assert newest_of([replace(WEEK[0], state=PointState.CREATING), replace(WEEK[1], data_time=None)], NOW) is None
    assert newest_of([night(-1), WEEK[2]], NOW) == WEEK[2].at
