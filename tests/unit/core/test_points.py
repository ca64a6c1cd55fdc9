"""Whose a point is, which Database it is of, and how its tags are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backstay.core.decide.snapshot import tags_of
from backstay.core.decide.tags import with_ours
from backstay.core.model import Kind
from backstay.core.naming import (
    TAG_DATA_TIME,
    TAG_DATABASE,
    TAG_DEPLOYMENT,
    TAG_HELPER,
    TAG_HOLD,
    TAG_SHARED,
    TAG_SLOT,
    TAG_VERIFIED,
)
from backstay.core.points import Origin, PointState, is_of, is_ours, moment_of, same_data, tagged_data_time
from tests.fleet import IRELAND, LONDON, database, point

NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)
ORDERS = database()
OURS = point(ORDERS, NIGHT)


def without(tag: str) -> dict[str, str]:
    return {key: value for key, value in OURS.tags.items() if key != tag}


def test_given_our_tags_and_no_other_master_when_asked_then_it_is_ours() -> None:
    assert is_ours(OURS, "backstay")
    assert not is_ours(OURS, "another-stack")


@pytest.mark.parametrize("tag", [TAG_DEPLOYMENT, TAG_DATABASE, TAG_SLOT])
def test_given_a_tag_that_somebody_took_off_when_asked_then_it_is_not_ours_any_more(tag: str) -> None:
    assert not is_ours(replace(OURS, tags=without(tag)), "backstay")


@pytest.mark.parametrize("origin", [each for each in Origin if each is not Origin.MANUAL])
def test_given_another_master_when_asked_then_it_is_never_ours_whatever_it_carries(origin: Origin) -> None:
    assert not is_ours(replace(OURS, origin=origin), "backstay")


def test_given_a_restored_database_when_somebody_snapshots_it_then_our_tags_on_it_prove_nothing() -> None:
    """It carries deployment and database, and hands both on: only a slot says that we took it."""
    handed_on = with_ours({"team": "orders"}, ORDERS.id, "request-1", "backstay")
    restored = database("orders-r-20261124-030000", tags=handed_on)
    by_hand = point(restored, NIGHT, tags=restored.tags)
    assert by_hand.tags[TAG_DEPLOYMENT] == "backstay"
    assert by_hand.tags[TAG_DATABASE] == ORDERS.id.key
    assert not is_ours(by_hand, "backstay")


def test_given_a_restored_database_when_we_snapshot_it_then_it_is_of_itself_and_not_of_its_source() -> None:
    restored = database("orders-r", tags=with_ours({}, ORDERS.id, "request-1", "backstay"))
    taken = point(restored, NIGHT, tags=tags_of(restored.tags, restored.id, NIGHT, "backstay"))
    assert is_ours(taken, "backstay")
    assert is_of(taken, restored.id)
    assert not is_of(taken, ORDERS.id)


def test_given_a_tag_that_names_another_database_when_asked_then_what_rds_remembers_wins() -> None:
    lie = replace(OURS, source="ledger")
    assert is_ours(lie, "backstay")
    assert not is_of(lie, ORDERS.id)
    assert not is_of(replace(OURS, kind=Kind.CLUSTER), ORDERS.id)
    assert not is_of(OURS, database(scope=IRELAND).id)


def test_given_tags_when_read_then_each_says_what_it_says() -> None:
    told = replace(OURS, tags={TAG_HOLD: "", TAG_VERIFIED: "x", TAG_HELPER: str(IRELAND), TAG_SHARED: "222233334444"})
    assert (told.held, told.verified, told.helper_for, told.shared_with) == (True, True, str(IRELAND), "222233334444")
    assert (told.slot, told.database) == ("", "")
    assert (OURS.held, OURS.verified, OURS.helper_for, OURS.shared_with) == (False, False, "", "")
    assert (OURS.slot, OURS.database) == ("2026-11-24T03:00:00Z", ORDERS.id.key)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-24", "2026-11-24T03:00:00", "2026-13-01T00:00:00Z"])
def test_given_a_value_that_is_no_moment_with_a_zone_when_read_then_none(text: str) -> None:
    assert moment_of(text) is None
    assert tagged_data_time({TAG_DATA_TIME: text}) is None
    assert tagged_data_time({}) is None


def test_given_a_moment_in_another_zone_when_read_then_in_utc() -> None:
    assert moment_of("2026-11-24T05:00:00+02:00") == NIGHT


def test_given_no_data_time_when_asked_for_it_then_it_says_of_which_point() -> None:
    with pytest.raises(ValueError, match="nobody tells when the data of arn:aws:rds:eu-west-2"):
        _ = replace(OURS, data_time=None).at
    assert OURS.at == NIGHT


def test_given_a_copy_when_compared_then_by_slot_or_by_what_rds_remembers() -> None:
    copy = point(ORDERS, NIGHT, scope=IRELAND)
    assert same_data(copy, OURS)
    assert same_data(replace(copy, copied_from=""), OURS)
    assert same_data(replace(copy, tags={}), OURS)
    assert not same_data(replace(copy, tags={}, copied_from=""), OURS)
    assert not same_data(replace(copy, tags={}, copied_from=""), replace(OURS, tags={}))
    assert not same_data(point(database("ledger"), NIGHT, scope=IRELAND), OURS)


def test_given_points_of_one_moment_when_ordered_then_alike_in_every_region() -> None:
    early, late = point(ORDERS, NIGHT), point(ORDERS, NIGHT.replace(hour=4))
    copies = [point(ORDERS, NIGHT, scope=IRELAND), point(ORDERS, NIGHT.replace(hour=4), scope=IRELAND)]
    assert early.key < late.key
    assert copies[0].key < late.key
    assert early.key < copies[1].key
    assert len({each.key for each in [early, late, *copies]}) == 4


def test_given_a_point_when_an_action_names_it_then_by_what_calls_need() -> None:
    ref = OURS.ref
    assert (ref.id, ref.arn, ref.scope, ref.kind) == (OURS.id, OURS.arn, LONDON, Kind.INSTANCE)
    assert OURS.state is PointState.AVAILABLE
