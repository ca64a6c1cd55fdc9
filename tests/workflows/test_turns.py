"""Whose turn it is when a destination is short of places, rooms or tags: nothing may stand in others' way for ever."""

from __future__ import annotations

from dataclasses import replace

from backstay.core.model import Kind
from backstay.core.naming import TAG_HELPER, TAG_SHARED
from backstay.core.points import OWN_KEY, UNENCRYPTED, PointState
from backstay.core.policy import AwsLocation, Copy, Keep, Location, Require
from backstay.core.restoring import Quota
from backstay.providers.memory import Surroundings
from tests.fleet import IRELAND, LONDON, configuration, database, fleet, point
from tests.workflows.places import DR, TO_VAULT, VAULT, replicates, rules, there


def test_given_clusters_that_can_never_be_copied_then_they_are_told_and_the_others_copied() -> None:
    """They have no copy at all, and so come first: six of them would take all of a destination's five places."""
    plain = [database(f"plain-{number}", kind=Kind.CLUSTER) for number in range(6)]
    config = replace(configuration("safe", Kind.CLUSTER), encryption=OWN_KEY, kms_key="arn:aws:kms:eu-west-2:1:key/a")
    safe = database("safe", kind=Kind.CLUSTER, config=config)
    given = fleet(*plain, safe, rules=rules(DR, require=(Require.ENCRYPTED,)))
    for each in plain:
        given.cloud.add_point(point(each, encryption=UNENCRYPTED))
    given.cloud.add_point(point(safe))
    report = replicates(given)
    assert [each.source for each in there(given, IRELAND)] == ["safe"]
    assert report["counts"] == {"refused": 6, "pending": 1}


def test_given_room_for_one_then_it_is_not_used_up_by_what_cannot_begin() -> None:
    plain = database("a-plain", kind=Kind.CLUSTER)
    config = replace(configuration("safe", Kind.CLUSTER), encryption=OWN_KEY, kms_key="arn:aws:kms:eu-west-2:1:key/a")
    safe = database("safe", kind=Kind.CLUSTER, config=config)
    given = fleet(plain, safe, rules=rules(DR, require=(Require.ENCRYPTED,)))
    given.cloud.surroundings[IRELAND] = Surroundings(quotas=(Quota("ManualClusterSnapshots", 99, 100),))
    given.cloud.add_point(point(plain, encryption=UNENCRYPTED), point(safe))
    replicates(given)
    assert [each.source for each in there(given, IRELAND)] == ["safe"]


def test_given_two_vault_accounts_then_one_after_the_other_and_nothing_stays_shared() -> None:
    policy = rules(TO_VAULT, Copy(to="second", keep=Keep(weekly=4)))
    second = Location(aws=AwsLocation(region="eu-west-1", account="333344445555", kms_key="alias/backstay"))
    orders = database()
    given = fleet(orders, rules=replace(policy, locations={**policy.locations, "second": second}))
    given.cloud.add_point(point(orders))
    for _ in range(5):
        replicates(given)
    (source,) = there(given, LONDON)
    assert TAG_SHARED not in source.tags
    assert given.cloud.points.shared_with(source) == frozenset()
    copies = [*there(given, VAULT), *there(given, replace(VAULT, account="333344445555"))]
    assert [each.state for each in copies] == [PointState.AVAILABLE] * 2
    assert replicates(given)["outcomes"] == []


def test_given_a_tier_that_asks_for_copies_no_longer_then_what_served_them_is_tidied_up_all_the_same() -> None:
    orders = database()
    given = fleet(orders, rules=rules(TO_VAULT))
    given.cloud.add_point(point(orders), point(orders, id="helper", arn="arn:helper", also={TAG_HELPER: str(VAULT)}))
    replicates(given)
    assert TAG_SHARED in {tag for each in there(given, LONDON) for tag in each.tags}
    replicates(given, given.but(policy=rules()))
    (source,) = there(given, LONDON)
    assert TAG_SHARED not in source.tags
    assert given.cloud.points.shared_with(source) == frozenset()
