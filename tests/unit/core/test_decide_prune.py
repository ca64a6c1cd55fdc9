"""What prune would remove: keep rules per location, then the guards, with a reason for every point."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.decide.prune import NO_RULE, PrunePlan, confirmation, prune
from backstay.core.model import Kind
from backstay.core.naming import TAG_HELPER, TAG_HOLD, TAG_SLOT, TAG_VERIFIED
from backstay.core.points import Origin, PointState, RecoveryPoint
from backstay.core.policy import AwsLocation, Copy, Keep, Location, MaxDelete
from backstay.core.retention import FUTURE
from tests.fleet import FRANKFURT, IRELAND, LONDON, database, point
from tests.workflows.places import DAY, DR, TO_VAULT, VAULT, VAULT_ACCOUNT, rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstay.core.model import Scope
    from backstay.core.policy import Policy

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)
ORDERS, LEDGER = database(), database("ledger", kind=Kind.CLUSTER)
THREE = rules(keep=Keep(daily=3))


def night(number: int, **given: Any) -> RecoveryPoint:
    return point(ORDERS, NIGHT - number * DAY, **given)


def nights(count: int, **given: Any) -> list[RecoveryPoint]:
    return [night(number, **given) for number in range(count)]


def planned(points: Sequence[RecoveryPoint], under: Policy = THREE, now: datetime = NOW, **given: Any) -> PrunePlan:
    of = given.pop("of", ORDERS)
    return prune(of, under.tiers[0], under, points, deployment="backstay", now=now, **given)


def gone(plan: PrunePlan, scope: Scope = LONDON) -> list[int]:
    """The nights whose points go there, oldest first."""
    return [(NIGHT - each.point.at) // DAY for shelf in plan.shelves if shelf.scope == scope for each in shelf.removed]


def refused(plan: PrunePlan, scope: Scope = LONDON) -> dict[str, int]:
    return {each.point.id: each.guard for shelf in plan.shelves if shelf.scope == scope for each in shelf.refused}


def test_given_a_rule_when_planned_then_every_point_says_why_it_stays_or_goes() -> None:
    plan = planned(nights(5))
    (shelf,) = plan.shelves
    assert [each.reasons for each in shelf.kept] == [
        ("daily 2026-11-24",),
        ("daily 2026-11-23",),
        ("daily 2026-11-22",),
    ]
    assert [each.reason for each in shelf.removed] == ["daily: 3 newer days have one"] * 2
    assert shelf.refused == ()
    assert [(each.point.id, each.reason) for each in plan.actions] == [
        (night(number).id, "daily: 3 newer days have one") for number in (4, 3)
    ]


def test_given_several_locations_when_planned_then_each_by_its_own_rule() -> None:
    points = [*nights(10), *nights(10, scope=IRELAND), *nights(10, scope=VAULT)]
    plan = planned(points, rules(DR, TO_VAULT, keep=Keep(daily=3)))
    assert gone(plan) == [9, 8, 7, 6, 5, 4, 3]
    assert gone(plan, IRELAND) == [9, 8, 7]
    assert gone(plan, VAULT) == [8, 7, 6, 5, 4, 3, 1]  # of three weeks the newest: nights 0, 2 and 9


def test_given_a_place_that_the_tier_no_longer_names_when_planned_then_all_stay_and_say_so() -> None:
    plan = planned([*nights(5), *nights(5, scope=FRANKFURT)])
    assert gone(plan, FRANKFURT) == []
    assert {each.reasons for shelf in plan.shelves if shelf.scope == FRANKFURT for each in shelf.kept} == {(NO_RULE,)}


def test_given_a_tier_without_snapshots_when_planned_then_those_at_home_stay() -> None:
    under = rules(DR, snapshots=None)
    plan = planned([*nights(12), *nights(12, scope=IRELAND)], under)
    assert gone(plan) == []
    assert gone(plan, IRELAND) == [11, 10, 9, 8, 7]


def test_given_a_rule_of_zeros_when_planned_then_everything_stays() -> None:
    assert gone(planned(nights(5), rules(keep=Keep()))) == []


def test_given_copies_when_planned_then_the_age_of_their_data_counts_and_never_their_own() -> None:
    """The oldest data was copied last."""
    copies = [night(number, scope=IRELAND, made=NOW - (9 - number) * DAY) for number in range(10)]
    assert gone(planned([*nights(3), *copies], rules(DR, keep=Keep(daily=3))), IRELAND) == [9, 8, 7]


def test_given_one_local_day_that_is_two_in_utc_when_planned_then_the_policy_s_zone_counts() -> None:
    summer = datetime(2026, 7, 10, 12, tzinfo=UTC)
    points = [point(ORDERS, summer - number * DAY) for number in range(3)]
    late = point(ORDERS, datetime(2026, 7, 9, 23, 30, tzinfo=UTC))  # half past midnight of the tenth in London
    under = rules(keep=Keep(daily=3), min_points=1)
    removed = planned([*points, late], under, now=summer + DAY).actions
    assert [each.point.id for each in removed] == [late.id]
    in_utc = rules(keep=Keep(daily=3), zone="UTC", min_points=1)
    assert [each.point.id for each in planned([*points, late], in_utc, now=summer + DAY).actions] == [points[1].id]


def test_given_what_no_rule_may_touch_when_planned_then_refused_with_its_guard_and_it_pushes_nobody_out() -> None:
    odd = [
        night(1, id="human", arn="arn:human", tags={}),
        night(2, id="vaulted", arn="arn:vaulted", origin=Origin.AWS_BACKUP),
        night(3, id="other", arn="arn:other", source="ledger"),
        night(4, id="broken", arn="arn:broken", state=PointState.FAILED),
        night(5, id="ageless", arn="arn:ageless", data_time=None),
    ]
    plan = planned([*odd, *(night(number) for number in (0, 6, 7, 8))])
    assert refused(plan) == {"human": 1, "vaulted": 1, "other": 1, "broken": 3, "ageless": 4}
    assert gone(plan) == [8]


def test_given_held_and_verified_ones_when_planned_then_they_stay_and_the_others_go() -> None:
    points = [*nights(5), night(5, also={TAG_HOLD: "x"}), night(6, also={TAG_VERIFIED: "x"}), night(7)]
    plan = planned(points)
    assert refused(plan) == {night(5).id: 2, night(6).id: 7}
    assert gone(plan) == [7, 4, 3]


def test_given_a_copy_on_its_way_when_planned_then_what_it_is_made_of_stays() -> None:
    under = rules(DR, keep=Keep(daily=3))
    flying = night(3, scope=IRELAND, state=PointState.CREATING)
    plan = planned([*nights(5), *(night(number, scope=IRELAND) for number in (0, 1, 2, 4)), flying], under)
    assert refused(plan) == {night(3).id: 3}
    assert gone(plan) == [4]


def test_given_a_required_copy_that_lacks_when_planned_then_its_original_stays_in_every_place_s_name() -> None:
    under = rules(DR, TO_VAULT, keep=Keep(daily=3))
    plan = planned([*nights(5), *nights(5, scope=IRELAND), *nights(2, scope=VAULT)], under)
    assert gone(plan) == [4, 3]  # the vault would keep the second, of the week before, which is not about to go
    plan = planned([*nights(5), *nights(2, scope=IRELAND), *nights(5, scope=VAULT)], under)
    assert refused(plan) == {night(3).id: 8, night(4).id: 8}


def test_given_a_failed_copy_when_planned_then_it_does_not_exist() -> None:
    under = rules(DR, keep=Keep(daily=3))
    failed = [replace(each, state=PointState.FAILED) for each in nights(5, scope=IRELAND)]
    assert refused(planned([*nights(5), *failed], under)) == {night(3).id: 8, night(4).id: 8}


def test_given_a_copy_that_the_place_would_not_keep_when_planned_then_its_original_may_go() -> None:
    under = rules(Copy(to="dr", keep=Keep(last=1)), keep=Keep(daily=3))
    assert gone(planned(nights(5), under)) == [4, 3]


def test_given_points_whose_slot_is_empty_when_planned_then_they_are_not_each_other_s_copies() -> None:
    under = rules(DR, keep=Keep(daily=2))
    blank = [replace(each, tags={**each.tags, TAG_SLOT: ""}) for each in nights(4)]
    other = night(2, scope=IRELAND, copied_from="arn:gone", tags={**night(2).tags, TAG_SLOT: ""})
    assert set(refused(planned([*blank, other], under)).values()) == {8}


def test_given_two_locations_that_are_one_place_when_planned_then_what_either_keeps_stays() -> None:
    under = rules(Copy(to="dr", keep=Keep(daily=5)), Copy(to="second", keep=Keep(weekly=2)), keep=Keep(daily=3))
    locations = {**under.locations, "second": Location(aws=AwsLocation(region="eu-west-1", kms_key="alias/other"))}
    plan = planned([*nights(5), *nights(12, scope=IRELAND)], replace(under, locations=locations))
    assert gone(plan, IRELAND) == [11, 10, 9, 8, 7, 6, 5]


def test_given_a_stale_policy_or_an_unread_place_when_planned_then_nothing_goes() -> None:
    assert set(refused(planned(nights(5), stale="line 3")).values()) == {0}
    assert set(refused(planned(nights(5), unread={IRELAND: "denied"})).values()) == {0}
    assert planned(nights(5), unread={IRELAND: "denied"}).actions == ()


def test_given_a_rule_that_keeps_little_when_planned_then_min_points_stay_the_newest() -> None:
    plan = planned(nights(6), rules(keep=Keep(last=1), min_points=3))
    assert gone(plan) == [5, 4, 3]
    assert refused(plan) == {night(2).id: 6, night(1).id: 6}


def test_given_points_of_the_future_when_planned_then_they_stay_and_protect_nothing() -> None:
    plan = planned([night(-2), night(-1), *nights(5)])
    assert gone(plan) == [4, 3]
    kept = [each.reasons for shelf in plan.shelves for each in shelf.kept]
    assert kept[:2] == [(FUTURE,), (FUTURE,)]


def test_given_points_of_one_moment_when_planned_then_one_is_kept_and_the_newest_ones_all_stay() -> None:
    """Several snapshots of an idle instance have one data time, that of its last transaction."""
    twins = [replace(night(2), id=f"twin-{each}", arn=f"arn:twin-{each}") for each in range(3)]
    plan = planned([night(0), night(1), *twins])
    assert len(plan.actions) == 2
    idle = [replace(each, data_time=NIGHT) for each in nights(4)]
    assert set(refused(planned(idle)).values()) == {5}


def test_given_helpers_when_planned_then_they_count_for_nothing() -> None:
    helpers = [night(number, id=f"helper-{number}", also={TAG_HELPER: str(VAULT)}) for number in range(9)]
    plan = planned([*nights(3), *helpers])
    assert (plan.actions, [len(each.kept) for each in plan.shelves]) == ((), [3])


def test_given_nothing_when_planned_then_nothing() -> None:
    assert planned([]) == PrunePlan(ORDERS, (), "")


def test_given_cluster_copies_without_any_age_when_planned_then_they_stay() -> None:
    copies = [point(LEDGER, NIGHT - number * DAY, scope=IRELAND, data_time=None) for number in range(9)]
    plan = planned(copies, rules(DR), of=LEDGER)
    assert set(refused(plan, IRELAND).values()) == {4}


class TestBlastRadius:
    UNDER = rules(keep=Keep(daily=3), most=MaxDelete(count=20, percent=30))

    def test_given_what_reaches_a_bound_when_planned_then_inside(self) -> None:
        assert planned(nights(4), self.UNDER).beyond == ""
        assert planned(nights(6), self.UNDER).beyond == "3 of 6 would go at once, and 30 % may"

    def test_given_several_locations_when_planned_then_all_removals_count_together(self) -> None:
        under = rules(DR, keep=Keep(daily=3), most=MaxDelete(count=20, percent=30))
        points = [*nights(5), *nights(10, scope=IRELAND)]
        assert planned(points, under).beyond == ""  # 5 of 15
        assert planned([*points, night(10, scope=IRELAND)], under).beyond == "6 of 16 would go at once, and 30 % may"

    def test_given_what_guards_keep_when_planned_then_it_does_not_count_as_going(self) -> None:
        held = [night(number, also={TAG_HOLD: "x"}) for number in range(4, 9)]
        assert planned([*nights(4), *held], self.UNDER).beyond == ""

    def test_given_the_same_removals_when_hashed_then_reasons_ages_order_and_now_are_left_out(self) -> None:
        points = nights(9)
        hashed = confirmation([planned(points, self.UNDER)])
        assert len(hashed) == 16
        later = planned(points, self.UNDER, now=NOW + DAY)
        other_words = planned(points, rules(keep=Keep(last=3), most=MaxDelete(count=20, percent=30)))
        assert other_words.actions[0].reason != later.actions[0].reason
        shuffled = list(points)
        random.Random(1).shuffle(shuffled)
        aged = [replace(each, made=NOW, data_time=each.at + timedelta(minutes=1)) for each in points]
        for plan in (later, other_words, planned(shuffled, self.UNDER), planned(aged, self.UNDER)):
            assert confirmation([plan]) == hashed

    def test_given_one_removal_more_or_another_when_hashed_then_another_hash(self) -> None:
        hashed = confirmation([planned(nights(9), self.UNDER)])
        assert confirmation([planned(nights(10), self.UNDER)]) != hashed
        held = [*nights(8), night(8, also={TAG_HOLD: "x"})]
        assert confirmation([planned(held, self.UNDER)]) != hashed

    def test_given_plans_inside_the_radius_when_hashed_then_they_do_not_count(self) -> None:
        inside, beyond = planned(nights(4), self.UNDER), planned(nights(9), self.UNDER)
        assert confirmation([inside]) == ""
        assert confirmation([inside, beyond]) == confirmation([beyond])
        assert confirmation([beyond, inside]) == confirmation([beyond])


@pytest.mark.parametrize("account", ["", VAULT_ACCOUNT])
def test_given_a_database_in_the_place_itself_when_planned_then_its_own_rule_counts(account: str) -> None:
    home = replace(IRELAND, account=account or IRELAND.account)
    of = database(scope=home)
    under = rules(DR, keep=Keep(daily=3))
    points = [point(of, NIGHT - number * DAY) for number in range(10)]
    assert gone(planned(points, under, of=of), home) == [9, 8, 7, 6, 5, 4, 3]
