"""What every plan of prune has in common, over ten thousand made-up histories for each property.

Points live in several locations, are held, verified, foreign, broken, ageless, of the future, helpers and copies.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.core.decide.prune import NO_RULE, PrunePlan
from backstay.core.notation import UNLIMITED
from backstay.core.points import PointState, RecoveryPoint, is_of, is_ours
from backstay.core.retention import Period
from tests.fleet import FRANKFURT, IRELAND, LONDON
from tests.properties.histories import ORDERS, RULED, SEEN, SITUATIONS, Situation, note
from tests.properties.test_retention import EXAMPLES, Point, oracle
from tests.workflows.places import VAULT

if TYPE_CHECKING:
    from collections.abc import Iterable

Arns = set[str]


def removed(plan: PrunePlan) -> dict[str, RecoveryPoint]:
    return {each.point.arn: each.point for shelf in plan.shelves for each in shelf.removed}


def kept(plan: PrunePlan) -> Arns:
    return {each.point.arn for shelf in plan.shelves for each in shelf.kept}


def dated(points: Iterable[RecoveryPoint]) -> list[Point]:
    """As the oracle takes them."""
    return [Point(each.data_time, each.key) for each in points if each.data_time]


def refused(plan: PrunePlan) -> list[tuple[str, int, str]]:
    return sorted((each.point.arn, each.guard, each.reason) for shelf in plan.shelves for each in shelf.refused)


def each_point_stays_goes_or_is_refused_once_and_with_a_reason(found: Situation, plan: PrunePlan) -> None:
    assert [each.scope for each in plan.shelves] == sorted({p.scope for p in found.points if not p.helper_for})
    for shelf in plan.shelves:
        parts = [each.point for some in (shelf.kept, shelf.removed, shelf.refused) for each in some]
        there = [each.arn for each in found.points if each.scope == shelf.scope and not each.helper_for]
        assert sorted(each.arn for each in parts) == sorted(there)
        assert all(each.reasons and all(each.reasons) for each in shelf.kept)
        assert all(each.reason for each in shelf.removed)
        assert all(each.reason for each in shelf.refused)
    assert [each.point.arn for each in plan.actions] == list(removed(plan))
    if not plan.beyond:
        most, total = found.policy.guards.max_delete, len(found.points)
        assert len(plan.actions) <= min(most.count, -(-most.percent * total // 100))


def what_is_held_the_newest_and_the_last_verified_survive_in_every_location(found: Situation, plan: PrunePlan) -> None:
    gone = set(removed(plan))
    assert not gone & {each.arn for each in found.points if each.held}
    for scope in RULED:
        there = found.settled(scope)
        for some in (there, [each for each in there if each.verified]):
            newest = max((each.data_time for each in some if each.data_time), default=None)
            assert not gone & {each.arn for each in some if each.data_time == newest}
        left = [each for each in there if each.arn not in gone]
        assert len(left) >= min(len(there), found.policy.guards.min_points)


def nothing_goes_that_is_not_ours_not_whole_of_no_age_or_where_no_rule_says_how_long(
    found: Situation, plan: PrunePlan
) -> None:
    for each in removed(plan).values():
        assert is_ours(each, "backstay")
        assert is_of(each, ORDERS.id)
        assert each.state is PointState.AVAILABLE
        assert each.data_time is not None
        assert each.data_time <= found.now
        assert not each.helper_for
        assert each.scope in RULED
    for shelf in plan.shelves:
        assert shelf.scope != FRANKFURT or {each.reasons for each in shelf.kept} <= {(NO_RULE,)}


def what_goes_is_what_no_rule_keeps_over_the_age_of_its_data(found: Situation, plan: PrunePlan) -> None:
    """The oracle groups what can be restored from by the calendar's own fields, and never by its creation."""
    zone = found.policy.timezone
    for scope, keep in zip(RULED, found.keeps, strict=True):
        there = found.settled(scope)
        by_rule = oracle(dated(there), keep, zone)
        stays = {each.arn for each in there if each.key in by_rule}
        assert stays <= kept(plan)
        assert not (kept(plan) - stays) & {each.arn for each in there}


def no_original_goes_whose_copy_a_place_would_keep_and_has_not(found: Situation, plan: PrunePlan) -> None:
    gone, zone = removed(plan), found.policy.timezone
    home = found.settled(LONDON)
    for scope, keep in zip((IRELAND, VAULT), found.keeps[1:], strict=True):
        there = found.settled(scope)
        ageless = [each for each in found.points if each.scope == scope and each.data_time is None]
        slots = {each.slot for each in [*there, *ageless]}
        missing = [each for each in home if each.slot not in slots]
        wanted = oracle(dated([*there, *missing]), keep, zone)
        assert not set(gone) & {each.arn for each in missing if each.key in wanted}


def the_order_of_the_points_does_not_matter(found: Situation, plan: PrunePlan, pick: int) -> None:
    shuffled = list(found.points)
    random.Random(pick).shuffle(shuffled)
    other = found.plan(shuffled)
    assert [(each.scope, each.kept, each.removed) for each in other.shelves] == [
        (each.scope, each.kept, each.removed) for each in plan.shelves
    ]
    assert refused(other) == refused(plan)
    assert other.beyond == plan.beyond


def twice_is_once(found: Situation, plan: PrunePlan) -> None:
    """Whatever the blast radius says: with somebody's word, all of it goes."""
    gone = removed(plan)
    again = found.plan([each for each in found.points if each.arn not in gone])
    assert again.actions == ()
    assert kept(again) == kept(plan)


def a_more_generous_rule_never_keeps_less(found: Situation, plan: PrunePlan, pick: int) -> None:
    """Guard 6 may keep another point than before where a rule keeps more, but never fewer points."""
    which, period, more = pick % 3, list(Period)[pick // 3 % len(Period)], 1 + pick % 5
    keep = found.keeps[which]
    count = min(getattr(keep, period.value) + more, UNLIMITED)
    generous = found.keeping(which, replace(keep, **{period.value: count})).plan()
    assert kept(plan) <= kept(generous)
    for one, other in zip(plan.shelves, generous.shelves, strict=True):
        assert len(other.removed) <= len(one.removed)


def a_missed_run_promotes_its_neighbour(found: Situation, plan: PrunePlan, pick: int) -> None:
    """Without the points of one slot, whatever a rule kept stays, in every location."""
    slots = sorted({each.slot for each in found.points})
    if not slots:
        return
    missed = slots[pick % len(slots)]
    rest = [each for each in found.points if each.slot != missed]
    gone = {each.arn for each in found.points if each.slot == missed}
    after = found.plan(rest)
    assert kept(plan) - gone <= kept(after)
    assert not set(removed(after)) & kept(plan)


def with_anything_unread_or_a_policy_that_stands_in_nothing_goes(found: Situation, plan: PrunePlan, pick: int) -> None:
    why = pick % 3
    unread = {RULED[pick // 3 % 3]: "throttled"} if why != 1 else {}
    blind = found.plan(stale="line 3" if why else "", unread=unread)
    assert blind.actions == ()
    assert blind.beyond == ""
    assert {arn for arn, guard, _ in refused(blind) if guard == 0} >= set(removed(plan))
    assert kept(blind) == kept(plan)


OF_ONE = (
    each_point_stays_goes_or_is_refused_once_and_with_a_reason,
    what_is_held_the_newest_and_the_last_verified_survive_in_every_location,
    what_goes_is_what_no_rule_keeps_over_the_age_of_its_data,
    nothing_goes_that_is_not_ours_not_whole_of_no_age_or_where_no_rule_says_how_long,
    no_original_goes_whose_copy_a_place_would_keep_and_has_not,
    twice_is_once,
)
OF_TWO = (
    the_order_of_the_points_does_not_matter,
    a_more_generous_rule_never_keeps_less,
    a_missed_run_promotes_its_neighbour,
    with_anything_unread_or_a_policy_that_stands_in_nothing_goes,
)


@EXAMPLES
@given(SITUATIONS, st.integers(0, 2**32 - 1))
def test_whatever_is_planned_all_of_this_holds(found: Situation, pick: int) -> None:
    """One history serves them all: to make it up takes as long as to plan it twice."""
    plan = found.plan()
    note(found, plan)
    for holds in OF_ONE:
        holds(found, plan)
    for holds_too in OF_TWO:
        holds_too(found, plan, pick)


def test_the_generator_comes_across_what_is_odd() -> None:
    if not SEEN["histories"]:
        pytest.fail("run it after the test above: it looks at what that one came across")
    expected = {"histories", "empty", "ties", "leap day", "clocks changed", "gaps", "several locations"}
    expected |= {"of the future", "removed in several", "beyond", *(f"guard {number}" for number in range(1, 9))}
    assert {name for name, count in SEEN.items() if count >= SEEN["histories"] / 200} == expected
