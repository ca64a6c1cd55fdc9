"""Adoption: what can be looked after from now on, what cannot, and which tags say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backstay.core.actions import AdoptPoint
from backstay.core.decide.adopt import adopt
from backstay.core.decide.protect import LeftAlone
from backstay.core.model import Kind, Outcome, Result, utc_text
from backstay.core.naming import (
    MAX_TAGS,
    TAG_DATA_TIME,
    TAG_DATABASE,
    TAG_DEPLOYMENT,
    TAG_HELPER,
    TAG_SLOT,
)
from backstay.core.points import Origin, PointState, RecoveryPoint, is_of, is_ours
from tests.fleet import FRANKFURT, IRELAND, LONDON, NOW, database, point

ORDERS = database("orders")
AGE = NOW - timedelta(days=40)


def by_hand(**given: Any) -> RecoveryPoint:
    """A person's snapshot of orders, forty days old."""
    return point(ORDERS, AGE, **({"id": "before-upgrade", "tags": {"team": "shop"}} | given))


def refusal(given: RecoveryPoint) -> str:
    found = adopt(ORDERS, given, "backstay")
    assert isinstance(found, Outcome)
    assert (found.result, found.action, found.arn) == (Result.REFUSED, None, given.arn)
    return found.message


def test_given_a_person_s_snapshot_when_adopted_then_our_tags_say_whose_it_is_and_how_old_its_data_is() -> None:
    found = adopt(ORDERS, by_hand(), "backstay")
    assert isinstance(found, AdoptPoint)
    assert dict(found.tags) == {
        TAG_DEPLOYMENT: "backstay",
        TAG_DATABASE: "aws/111122223333/eu-west-2/instance/orders",
        TAG_SLOT: utc_text(AGE),
        TAG_DATA_TIME: utc_text(AGE),
    }
    assert found.point == by_hand().ref


def test_given_the_tags_were_put_on_it_then_it_counts_as_ours_and_nothing_is_left_to_do() -> None:
    found = adopt(ORDERS, by_hand(), "backstay")
    assert isinstance(found, AdoptPoint)
    adopted = replace(by_hand(), tags={**by_hand().tags, **found.tags})
    assert is_ours(adopted, "backstay")
    assert is_of(adopted, ORDERS.id)
    assert isinstance(adopt(ORDERS, adopted, "backstay"), LeftAlone)


def test_given_a_snapshot_of_our_own_then_nothing_is_to_be_done() -> None:
    assert isinstance(adopt(ORDERS, point(ORDERS), "backstay"), LeftAlone)


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (Origin.AUTOMATED, "RDS made it"),
        (Origin.AWS_BACKUP, "AWS Backup owns it"),
        (Origin.OTHER, "nobody made it by hand"),
    ],
)
def test_what_nobody_made_by_hand_is_refused(origin: Origin, told: str) -> None:
    assert told in refusal(by_hand(origin=origin))


def test_what_nobody_made_by_hand_is_refused_even_with_all_our_tags() -> None:
    assert "AWS Backup owns it" in refusal(point(ORDERS, origin=Origin.AWS_BACKUP))


def test_another_deployment_s_is_refused_with_its_name() -> None:
    assert "deployment staging looks after it" in refusal(by_hand(tags={TAG_DEPLOYMENT: "staging"}))


def test_given_tags_that_a_restored_database_handed_on_then_they_do_not_stand_in_the_way() -> None:
    handed_on = {TAG_DEPLOYMENT: "backstay", TAG_DATABASE: database("former").id.key}
    assert isinstance(adopt(ORDERS, by_hand(tags=handed_on), "backstay"), AdoptPoint)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"source": "ledger"}, "is of instance ledger"),
        ({"kind": Kind.CLUSTER}, "is of cluster orders"),
    ],
)
def test_what_is_of_another_database_is_refused(given: dict[str, Any], told: str) -> None:
    assert told in refusal(by_hand(**given))


def test_given_a_copy_of_ours_of_the_same_name_elsewhere_then_it_stays_with_the_database_that_it_is_of() -> None:
    elsewhere = point(database("orders", scope=IRELAND), scope=LONDON)
    assert "as one of aws/111122223333/eu-west-1/instance/orders" in refusal(elsewhere)


def test_given_a_person_s_copy_of_it_in_another_region_then_it_can_be_adopted_there() -> None:
    assert isinstance(adopt(ORDERS, by_hand(scope=IRELAND), "backstay"), AdoptPoint)


def test_given_an_original_in_another_region_then_it_is_of_that_region_s_database() -> None:
    assert "was taken there" in refusal(by_hand(scope=IRELAND, copied_from=""))


def test_given_a_copy_from_a_third_region_then_it_is_of_that_region_s_database() -> None:
    source = by_hand(scope=FRANKFURT, copied_from="").arn
    assert "was copied from aws/111122223333/eu-central-1" in refusal(by_hand(scope=IRELAND, copied_from=source))


def test_given_a_copy_that_came_here_from_another_region_then_it_is_of_that_region_s_database() -> None:
    source = by_hand(scope=IRELAND, copied_from="").arn
    assert "was copied here from aws/111122223333/eu-west-1" in refusal(by_hand(copied_from=source))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (PointState.CREATING, "once it is available"),
        (PointState.FAILED, "cannot be restored from"),
        (PointState.LEAVING, "cannot be restored from"),
        (PointState.UNKNOWN, "cannot be restored from"),
    ],
)
def test_what_is_not_available_is_refused(state: PointState, told: str) -> None:
    found = refusal(by_hand(state=state, status="whatever"))
    assert "is whatever" in found
    assert told in found


def test_what_has_no_age_is_refused_with_the_tag_that_would_tell_it() -> None:
    found = refusal(by_hand(data_time=None))
    assert "nobody tells when its data is from" in found
    assert TAG_DATA_TIME in found


def test_what_only_serves_a_copy_is_refused_for_it_would_be_removed_with_it() -> None:
    assert "only serves a copy" in refusal(by_hand(tags={TAG_HELPER: str(IRELAND)}))


@pytest.mark.parametrize(("others", "fits"), [(MAX_TAGS - 4, True), (MAX_TAGS - 3, False)])
def test_what_has_no_room_for_our_tags_is_refused(others: int, *, fits: bool) -> None:
    tags = {f"t{number}": "" for number in range(others)} | {"aws:made-by": "them"}
    found = adopt(ORDERS, by_hand(tags=tags), "backstay")
    assert isinstance(found, AdoptPoint) is fits
    if isinstance(found, Outcome):
        assert "take 1 off" in found.message


def test_given_data_older_than_the_database_then_whoever_adopts_it_is_told() -> None:
    young = replace(ORDERS, created=NOW - timedelta(days=2))
    found = adopt(young, by_hand(), "backstay")
    assert isinstance(found, AdoptPoint)
    assert "its data is older than orders" in found.reason
