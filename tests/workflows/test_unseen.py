"""What a removal does not see just before it happens: it is not gone, and not free to go."""

from __future__ import annotations

from datetime import datetime, timedelta

from backstay.core.errors import Throttled
from backstay.core.points import PointState
from backstay.core.policy import Keep
from tests.fleet import IRELAND, LONDON, NOW, database, fleet, point
from tests.workflows.places import DAY, DR, prunes, rules, there

NIGHT: datetime = NOW - timedelta(hours=7)


def test_given_a_look_that_fails_just_before_a_removal_then_it_is_refused_and_not_taken_for_gone() -> None:
    orders = database()
    given = fleet(orders, rules=rules(keep=Keep(daily=3)))
    given.cloud.add_point(*(point(orders, NIGHT - number * DAY) for number in range(5)))

    def throttled() -> None:
        raise Throttled("Throttling: Rate exceeded", code="Throttling")

    given.cloud.interfere("points_of", throttled, scope=LONDON)
    report = prunes(given)
    assert report["counts"] == {"refused": 2}
    assert {each["message"] for each in report["outcomes"]} == {
        f"guard 0: {LONDON} could not be read: Throttling: Rate exceeded"
    }
    assert (report["status"], len(there(given, LONDON))) == ("refused", 5)


def test_given_somebody_s_own_copy_of_a_point_on_its_way_then_the_point_stays() -> None:
    orders = database()
    given = fleet(orders, rules=rules(DR, keep=Keep(daily=3)))
    nights = [point(orders, NIGHT - number * DAY) for number in range(5)]
    given.cloud.add_point(*nights, *(point(orders, each.at, scope=IRELAND) for each in nights))
    given.cloud.add_point(
        point(
            orders,
            id="by-hand",
            arn="arn:by-hand",
            scope=IRELAND,
            tags={},
            copied_from=nights[4].arn,
            state=PointState.CREATING,
            status="copying",
        )
    )
    prunes(given)
    assert next(each.slot for each in there(given, LONDON)) == nights[4].slot
    assert len(there(given, LONDON)) == 4
