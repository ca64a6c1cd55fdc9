"""What every plan of prune has in common, over ten thousand made-up histories for each property.

Points live in several locations, are held, verified, foreign, broken, ageless, of the future, helpers and copies.
"""

from __future__ import annotations

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
    return [Point(each.at, each.key) for each in points]


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
            newest = max((each.at for each in some), default=None)
            assert not gone & {each.arn for each in some if each.at == newest}
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


HOLDS = (
    each_point_stays_goes_or_is_refused_once_and_with_a_reason,
    what_is_held_the_newest_and_the_last_verified_survive_in_every_location,
    nothing_goes_that_is_not_ours_not_whole_of_no_age_or_where_no_rule_says_how_long,
    what_goes_is_what_no_rule_keeps_over_the_age_of_its_data,
    no_original_goes_whose_copy_a_place_would_keep_and_has_not,
)


@EXAMPLES
@given(SITUATIONS)
def test_whatever_is_planned_all_of_this_holds(found: Situation) -> None:
    """One history serves them all: to make it up costs as much as to plan it."""
    plan = found.plan()
    note(found, plan)
    for each in HOLDS:
        each(found, plan)


def test_the_generator_comes_across_what_is_odd() -> None:
    if not SEEN["histories"]:
        pytest.fail("run it after the test above: it looks at what that one came across")
    expected = {"histories", "empty", "ties", "leap day", "clocks changed", "gaps", "several locations"}
    expected |= {"of the future", "removed in several", "beyond", *(f"guard {number}" for number in range(1, 9))}
    assert {name for name, count in SEEN.items() if count >= SEEN["histories"] / 200} == expected


@EXAMPLES
@given(SITUATIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(found: Situation, random: st.DataObject) -> None:
    shuffled = list(found.points)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types it as what draws it
    one, other = found.plan(), found.plan(shuffled)
    assert [(each.scope, each.kept, each.removed) for each in other.shelves] == [
        (each.scope, each.kept, each.removed) for each in one.shelves
    ]
    assert refused(other) == refused(one)
    assert other.beyond == one.beyond


@EXAMPLES
@given(SITUATIONS)
def test_twice_is_once(found: Situation) -> None:
    """Whatever the blast radius says: with somebody's word, all of it goes."""
    once = found.plan()
    gone = removed(once)
    again = found.plan([each for each in found.points if each.arn not in gone])
    assert again.actions == ()
    assert kept(again) == kept(once)


@EXAMPLES
@given(SITUATIONS, st.integers(0, 2), st.sampled_from(list(Period)), st.integers(1, 5))
def test_a_more_generous_rule_never_keeps_less(found: Situation, which: int, period: Period, more: int) -> None:
    """Guard 6 may keep another point than before where a rule keeps more, but never fewer points."""
    keep = found.keeps[which]
    count = min(getattr(keep, period.value) + more, UNLIMITED)
    strict, generous = found.plan(), found.keeping(which, replace(keep, **{period.value: count})).plan()
    assert kept(strict) <= kept(generous)
    for one, other in zip(strict.shelves, generous.shelves, strict=True):
        assert len(other.removed) <= len(one.removed)


@EXAMPLES
@given(SITUATIONS, st.data())
def test_a_missed_run_promotes_its_neighbour(found: Situation, data: st.DataObject) -> None:
    """Without the points of one slot, whatever a rule kept stays, in every location."""
    slots = sorted({each.slot for each in found.points})
    if not slots:
        return
    missed = data.draw(st.sampled_from(slots))
    rest = [each for each in found.points if each.slot != missed]
    gone = {each.arn for each in found.points if each.slot == missed}
    before, after = found.plan(), found.plan(rest)
    assert kept(before) - gone <= kept(after)
    assert not set(removed(after)) & kept(before)


@EXAMPLES
@given(SITUATIONS, st.integers(0, 2))
def test_with_anything_unread_or_a_policy_that_stands_in_nothing_goes(found: Situation, why: int) -> None:
    plain = found.plan()
    unread = {[LONDON, IRELAND, VAULT][len(found.points) % 3]: "throttled"} if why != 1 else {}
    blind = found.plan(stale="line 3" if why else "", unread=unread)
    assert blind.actions == ()
    assert blind.beyond == ""
    assert {arn for arn, guard, _ in refused(blind) if guard == 0} >= set(removed(plain))
    assert kept(blind) == kept(plain)
