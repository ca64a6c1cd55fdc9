"""What only the recovery points in memory have: pace, people who meddle, and as many points as a test wants."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.actions import CopyPoint, DeletePoint, TakeSnapshot
from backstay.core.errors import NotFound, Rejected, Unreachable
from backstay.core.model import DatabaseId, Kind, Provider, Scope, State
from backstay.core.naming import TAG_HOLD, TAG_SLOT
from backstay.core.points import PointState, RecoveryPoint, is_of, is_ours
from backstay.core.policy import AwsLocation, Location
from backstay.core.restoring import Unchecked
from backstay.providers.memory import Surroundings, Work
from tests.fleet import ACCOUNT, IRELAND, LONDON, NOW, database, fleet, point, policy

if TYPE_CHECKING:
    from tests.fleet import Fleet

HOUR = timedelta(hours=1)
ORDERS, LEDGER = database(), database("ledger", kind=Kind.CLUSTER)
BOTH = (LONDON, IRELAND)


def take(given: Fleet, of: DatabaseId = ORDERS.id, name: str = "snap") -> None:
    given.store(of.scope).take(TakeSnapshot(database=of, name=name, slot=NOW, tags={"a": "b"}, reason="test"))


def copy(given: Fleet, source: RecoveryPoint, name: str = "copy", **more: Any) -> None:
    asked: dict[str, Any] = {"name": name, "kms_key": "", "tags": source.tags, "reason": "test", **more}
    given.store(IRELAND).copy(CopyPoint(database=ORDERS.id, source=source.ref, to=IRELAND, **asked))


def seen(given: Fleet, name: str, scope: Scope = LONDON, kind: Kind = Kind.INSTANCE) -> RecoveryPoint:
    found = next(each for page in given.store(scope).pages(kind) for each in page.points if each.id == name)
    assert given.store(scope).find(found.ref) == found
    return found


def test_given_a_snapshot_of_three_looks_when_looked_at_then_it_is_there_at_the_fourth() -> None:
    given = fleet(ORDERS)
    given.cloud.takes(Work.SNAPSHOT, looks=3)
    take(given)
    looks = [given.store().of(ORDERS.id)[0].state for _ in range(4)]
    assert looks == [PointState.CREATING] * 3 + [PointState.AVAILABLE]


def test_given_a_copy_of_an_hour_when_the_clock_moves_then_it_is_there_with_the_moment_at_which_it_began() -> None:
    given = fleet(ORDERS, scopes=BOTH)
    given.cloud.add_point(source := point(ORDERS))
    given.cloud.takes(Work.COPY, span=HOUR)
    copy(given, source)
    given.clock.sleep(HOUR - timedelta(minutes=1))
    assert seen(given, "copy", IRELAND).state is PointState.CREATING
    given.clock.sleep(timedelta(minutes=1))
    found = seen(given, "copy", IRELAND)
    assert (found.state, found.made, found.data_time) == (PointState.AVAILABLE, NOW, source.data_time)


def test_given_work_without_end_when_advanced_then_all_of_it_is_done() -> None:
    given = fleet(ORDERS, LEDGER, scopes=BOTH)
    for work in (Work.SNAPSHOT, Work.COPY):
        given.cloud.takes(work, looks=10**9)
    given.cloud.add_point(source := point(LEDGER))
    take(given)
    copy(given, source)
    given.cloud.advance()
    assert seen(given, "snap").state is PointState.AVAILABLE
    assert seen(given, "copy", IRELAND, Kind.CLUSTER).state is PointState.AVAILABLE


def test_given_a_snapshot_under_way_when_its_instance_is_looked_at_then_it_is_backing_up_and_a_cluster_is_not() -> None:
    given = fleet(ORDERS, LEDGER)
    given.cloud.takes(Work.SNAPSHOT, span=HOUR)
    take(given)
    take(given, LEDGER.id)
    assert (given.now(ORDERS.id).status, given.now(ORDERS.id).state) == ("backing-up", State.BUSY)
    assert given.now(LEDGER.id).status == "available"
    given.clock.sleep(HOUR)
    assert given.now(ORDERS.id).status == "available"


def test_given_a_copy_on_its_way_when_its_source_is_removed_behind_our_back_then_it_has_failed() -> None:
    given = fleet(ORDERS, scopes=BOTH)
    given.cloud.takes(Work.COPY, span=HOUR)
    given.cloud.add_point(source := point(ORDERS))
    copy(given, source)
    given.cloud.remove_point(source)
    given.clock.sleep(HOUR)
    found = seen(given, "copy", IRELAND)
    assert (found.status, found.state, found.made) == ("failed", PointState.FAILED, None)
    with pytest.raises(NotFound):
        given.cloud.remove_point(source)


def test_given_a_copy_on_its_way_when_it_fails_then_it_stays_failed_and_the_next_may_begin() -> None:
    given = fleet(ORDERS, scopes=BOTH)
    given.cloud.takes(Work.COPY, looks=10**9)
    sources = [point(ORDERS, NOW - HOUR * number) for number in range(21)]
    given.cloud.add_point(*sources)
    for number, source in enumerate(sources[:20]):
        copy(given, source, f"copy-{number}")
    with pytest.raises(Rejected, match="20 copies"):
        copy(given, sources[20])
    given.cloud.fail_point(seen(given, "copy-7", IRELAND))
    copy(given, sources[20])
    given.cloud.advance()
    failed = [each.id for each in given.cloud.every_point(IRELAND) if each.state is PointState.FAILED]
    assert failed == ["copy-7"]


def test_given_a_person_who_strips_and_adds_tags_when_looked_at_then_so_it_is_and_stays_when_a_copy_is_done() -> None:
    given = fleet(ORDERS, scopes=BOTH)
    given.cloud.takes(Work.COPY, span=HOUR)
    given.cloud.add_point(source := point(ORDERS))
    copy(given, source)
    begun = seen(given, "copy", IRELAND)
    given.cloud.edit_point(begun, lambda each: replace(each, tags={TAG_HOLD: "legal"}))
    given.clock.sleep(HOUR)
    found = seen(given, "copy", IRELAND)
    assert (dict(found.tags), found.held, found.state) == ({TAG_HOLD: "legal"}, True, PointState.AVAILABLE)
    given.cloud.edit_point(source, lambda each: replace(each, source="renamed"))
    assert given.store().of(ORDERS.id) == ()
    assert [each.id for each in given.store().of(replace(ORDERS.id, name="renamed"))] == [source.id]


def test_given_twenty_thousand_points_when_listed_then_each_page_is_a_call_and_each_point_comes_once() -> None:
    given = fleet(ORDERS)
    given.cloud.add_point(*(point(ORDERS, NOW - HOUR * number) for number in range(20_000)))
    pages = list(given.store().pages(Kind.INSTANCE))
    assert len({each.arn for page in pages for each in page.points}) == 20_000
    assert {len(page.points) for page in pages} == {100}
    assert len(given.cloud.called("points")) == len(pages) == 200
    assert len(given.store().of(ORDERS.id)) == 20_000


def test_given_a_listing_under_way_when_points_come_and_go_then_it_is_of_what_was_there_and_still_is() -> None:
    given = fleet(ORDERS, page_size=2)
    points = [point(ORDERS, NOW - HOUR * number) for number in range(5)]
    given.cloud.add_point(*points)
    pages = given.store().pages(Kind.INSTANCE)
    first = next(pages)
    given.cloud.remove_point(points[1])
    given.cloud.remove_point(points[3])
    given.cloud.add_point(point(ORDERS, NOW + HOUR))
    rest = [each for page in pages for each in page.points]
    assert [each.id for each in (*first.points, *rest)] == [points[number].id for number in (0, 1, 2, 4)]


def test_given_room_for_two_when_three_are_taken_then_the_third_is_rejected_until_one_is_deleted() -> None:
    given = fleet(ORDERS)
    given.cloud.add_point(old := point(ORDERS))
    given.cloud.room(LONDON, Kind.INSTANCE, 2)
    take(given, name="one")
    take(given, name="two")
    with pytest.raises(Rejected, match="3 of 3 ManualSnapshots"):
        take(given, name="three")
    given.store().delete(DeletePoint(database=ORDERS.id, point=old.ref, reason="test"))
    take(given, name="three")
    assert sorted(each.id for each in given.store().of(ORDERS.id)) == ["one", "three", "two"]


def test_given_surroundings_that_cannot_be_read_when_asked_then_that_is_no_answer() -> None:
    given = fleet(ORDERS)
    unread = Unchecked("not now")
    given.cloud.surroundings[LONDON] = Surroundings(quotas=unread, missing_groups=unread)
    for read in (given.store().quotas, given.store().option_groups):
        with pytest.raises(Unreachable, match="not now"):
            read()


def test_given_a_copy_elsewhere_when_a_restore_looks_for_it_then_by_name_and_by_arn_and_only_there() -> None:
    given = fleet(ORDERS, scopes=BOTH)
    away = point(ORDERS, scope=IRELAND, status="creating", state=PointState.CREATING)
    given.cloud.add_point(away)
    there, here = given.world.restorers[IRELAND], given.world.restorers[LONDON]
    for ident in (away.id, away.arn):
        found = there.snapshot(ident, None)
        assert found is not None
        assert (found.arn, found.source, found.data_time, found.ready) == (away.arn, "orders", away.data_time, False)
        assert here.snapshot(ident, Kind.INSTANCE) is None
    assert there.snapshot(away.id, Kind.CLUSTER) is None


def test_given_a_policy_with_locations_when_a_fleet_is_made_then_points_may_be_in_each_of_them() -> None:
    vault = AwsLocation(region="eu-west-1", kms_key="alias/backstay", account="222233334444")
    rules = replace(policy(), locations={"dr": _location("eu-west-1"), "vault": Location(aws=vault)})
    given = fleet(rules=rules)
    assert set(given.world.stores) == {LONDON, IRELAND, Scope(Provider.AWS, "222233334444", "eu-west-1")}


def _location(region: str) -> Location:
    return Location(aws=AwsLocation(region=region, kms_key="alias/backstay"))


@pytest.mark.parametrize("of", [ORDERS, LEDGER], ids=["instance", "cluster"])
def test_given_a_point_made_for_tests_when_judged_then_it_is_ours_and_of_its_database(of: Any) -> None:
    home, away = point(of), point(of, scope=IRELAND)
    assert is_ours(home, "backstay")
    assert is_of(home, of.id)
    assert is_of(away, of.id)
    assert (away.copied_from, away.slot, away.id) == (home.arn, home.slot, home.id)
    assert home.tags[TAG_SLOT] == "2026-11-24T03:00:00Z"
    assert home.arn.split(":")[4] == ACCOUNT
