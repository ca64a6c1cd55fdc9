"""Prune removes what the rules let go, and looks anew before each removal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import Conflict, Denied, Throttled, Unreachable
from backstay.core.model import Kind
from backstay.core.naming import TAG_DATA_TIME, TAG_DEPLOYMENT, TAG_HELPER, TAG_HOLD, TAG_VERIFIED
from backstay.core.points import Origin, PointState
from backstay.core.policy import Keep, MaxDelete
from backstay.core.stores import PointPage
from tests.fleet import GOLD, IRELAND, LONDON, NOW, database, fleet, point
from tests.workflows.places import DAY, DR, outcomes, prunes, replicates, rules, there

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backstay.core.model import Database
    from backstay.core.policy import Policy
    from tests.fleet import Fleet

NIGHT = NOW - timedelta(hours=7)
THREE = Keep(daily=3)


def raising(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


def nights(orders: Database, count: int, policy: Policy) -> Fleet:
    """A fleet with a snapshot of each of the last nights."""
    given = fleet(orders, rules=policy)
    for number in range(count):
        given.cloud.add_point(point(orders, NIGHT - number * DAY))
    return given


def days(given: Fleet, scope: object = LONDON) -> list[int]:
    """How many nights ago each remaining point is from."""
    return sorted((NIGHT - each.at) // DAY for each in there(given, scope))  # type: ignore[arg-type]


def refusals(report: dict[str, object]) -> dict[int, int]:
    """Guard to how many points it keeps."""
    found: dict[int, int] = {}
    for part in report["pruned"]:  # type: ignore[attr-defined]
        for location in part["locations"]:
            for each in location["refused"]:
                found[each["guard"]] = found.get(each["guard"], 0) + 1
    return found


def test_given_more_than_the_rule_keeps_then_the_rest_goes_and_each_says_why() -> None:
    given = nights(database(), 6, rules(keep=THREE))
    report = prunes(given)
    assert (report["status"], report["counts"], days(given)) == ("ok", {"done": 3}, [0, 1, 2])
    (location,) = report["pruned"][0]["locations"]
    assert [each["reasons"] for each in location["keep"]] == [
        ["daily 2026-11-24"],
        ["daily 2026-11-23"],
        ["daily 2026-11-22"],
    ]
    assert {each["reason"] for each in location["remove"]} == {"daily: 3 newer days have one"}
    assert prunes(given)["outcomes"] == []


def test_a_dry_run_answers_with_the_very_plan_and_removes_nothing() -> None:
    given = nights(database(), 6, rules(keep=THREE))
    planned = prunes(given, dry_run=True)
    assert (planned["status"], planned["counts"], len(days(given))) == ("findings", {"planned": 3}, 6)
    done = prunes(given)
    assert [each["arn"] for each in planned["outcomes"]] == [each["arn"] for each in done["outcomes"]]


def test_what_is_not_ours_is_never_touched() -> None:
    orders = database()
    given = nights(orders, 6, rules(keep=THREE))
    old = NIGHT - 50 * DAY
    foreign: dict[str, dict[str, Any]] = {
        "by-hand": {"tags": dict(GOLD)},
        "other-stack": {"tags": {**GOLD, TAG_DEPLOYMENT: "staging"}},
        "aws-backup": {"origin": Origin.AWS_BACKUP},
        # A restored database carries our deployment's tag, and RDS hands it on to what is taken of it.
        "handed-on": {"tags": {**GOLD, TAG_DEPLOYMENT: "backstay", "backstay:database": orders.id.key}},
    }
    for name, fields in foreign.items():
        given.cloud.add_point(point(orders, old, id=name, **fields))
    report = prunes(given)
    assert {each.id for each in there(given, LONDON)} >= set(foreign)
    assert refusals(report)[1] == len(foreign)


@pytest.mark.parametrize("tag", [TAG_HOLD, TAG_VERIFIED])
def test_what_is_held_and_the_last_verified_one_stay(tag: str) -> None:
    orders = database()
    given = nights(orders, 6, rules(keep=THREE))
    given.cloud.add_point(point(orders, NIGHT - 9 * DAY, also={tag: "2026-11-15T03:00:00Z e-1"}))
    report = prunes(given)
    assert days(given) == [0, 1, 2, 9]
    assert refusals(report) == {2 if tag == TAG_HOLD else 7: 1}


def test_given_a_newer_verified_one_then_the_older_goes() -> None:
    orders = database()
    given = fleet(orders, rules=rules(keep=THREE))
    for number in range(6):
        given.cloud.add_point(point(orders, NIGHT - number * DAY, also={TAG_VERIFIED: "x"} if number in (1, 5) else {}))
    prunes(given)
    assert days(given) == [0, 1, 2]


def test_an_original_whose_copy_lacks_stays_until_the_copy_is_there() -> None:
    orders = database()
    given = nights(orders, 6, rules(DR, keep=THREE))
    assert refusals(prunes(given)) == {8: 3}
    for _ in range(6):
        replicates(given)
    prunes(given)
    assert days(given) == [0, 1, 2]
    assert len(there(given, IRELAND)) == 6


def test_a_point_that_is_being_copied_stays() -> None:
    orders = database()
    given = nights(orders, 6, rules(keep=THREE))
    oldest = there(given, LONDON)[0]
    creating: dict[str, Any] = {
        "status": "creating",
        "state": PointState.CREATING,
        "copied_from": oldest.arn,
        "data_time": None,
    }
    given.cloud.add_point(point(orders, oldest.at, scope=IRELAND, **creating))
    report = prunes(given)
    assert refusals(report)[3] == 2  # the copy on its way, and what it is copied from
    assert oldest in there(given, LONDON)


def test_a_cluster_s_copy_whose_age_nobody_tells_stays() -> None:
    ledger = database("ledger", kind=Kind.CLUSTER)
    given = fleet(ledger, rules=rules(DR, keep=Keep(daily=30), most=MaxDelete(count=100, percent=100)))
    for number in range(30):
        given.cloud.add_point(point(ledger, NIGHT - number * DAY))
        given.cloud.add_point(point(ledger, NIGHT - number * DAY, scope=IRELAND))
    oldest = there(given, IRELAND)[0]
    tags = {key: value for key, value in oldest.tags.items() if key != TAG_DATA_TIME}
    given.cloud.edit_point(oldest, lambda each: replace(each, tags=tags, data_time=None))
    report = prunes(given)
    assert refusals(report)[4] == 1
    assert oldest.id in {each.id for each in there(given, IRELAND)}
    assert len(there(given, IRELAND)) < 30


def test_a_stale_policy_removes_nothing() -> None:
    given = nights(database(), 6, rules(keep=THREE))
    report = prunes(given, given.but(policy_stale="line 3: keep: is empty"))
    assert (refusals(report), len(days(given))) == ({0: 3}, 6)


@pytest.mark.parametrize("where", [LONDON, IRELAND])
def test_a_listing_that_failed_anywhere_that_matters_removes_nothing(where: object) -> None:
    orders = database()
    given = nights(orders, 6, rules(DR, keep=THREE))
    for number in range(6):
        given.cloud.add_point(point(orders, NIGHT - number * DAY, scope=IRELAND))
    given.cloud.interfere("points", raising(Unreachable("no answer")), scope=where, about=Kind.INSTANCE)  # type: ignore[arg-type]
    report = prunes(given)
    assert (report["status"], report["exit_status"]) == ("unknown", 2)
    assert len(days(given)) == 6
    assert given.cloud.called("delete") == []


def test_a_half_page_is_no_whole_listing() -> None:
    given = nights(database(), 6, rules(keep=THREE))
    given.cloud.unreadable_points[LONDON, Kind.INSTANCE] = ["DB snapshot x: cannot read it"]
    report = prunes(given)
    assert (report["status"], len(days(given))) == ("unknown", 6)


class TestBlastRadius:
    MOST = MaxDelete(count=20, percent=30)

    def test_beyond_it_nothing_of_that_database_goes_until_its_hash_is_confirmed(self) -> None:
        given = nights(database(), 10, rules(keep=THREE, most=self.MOST))
        report = prunes(given)
        assert (report["status"], report["counts"], len(days(given))) == ("refused", {"refused": 1}, 10)
        assert report["confirm"] in report["outcomes"][0]["message"]
        assert report["outcomes"][0]["passing"] is False
        done = prunes(given, confirm=report["confirm"])
        assert (done["status"], days(given)) == ("ok", [0, 1, 2])

    def test_the_hash_is_the_same_an_hour_later_and_another_when_something_else_would_go(self) -> None:
        orders = database()
        given = nights(orders, 10, rules(keep=THREE, most=self.MOST))
        first = prunes(given, dry_run=True)["confirm"]
        given.clock.sleep(timedelta(hours=1))
        assert prunes(given, dry_run=True)["confirm"] == first
        given.cloud.add_point(point(orders, NIGHT - 20 * DAY))
        report = prunes(given, confirm=first)
        assert (report["status"], len(days(given))) == ("refused", 11)
        assert "the plan is not the one that was confirmed" in report["outcomes"][0]["message"]

    def test_it_holds_for_each_database_by_itself(self) -> None:
        orders, billing = database(), database("billing")
        given = fleet(orders, billing, rules=rules(keep=THREE, most=self.MOST))
        for number in range(10):
            given.cloud.add_point(point(orders, NIGHT - number * DAY))
        for number in range(4):
            given.cloud.add_point(point(billing, NIGHT - number * DAY))
        report = prunes(given)
        assert report["counts"] == {"refused": 1, "done": 1}
        assert len(there(given, LONDON, billing)) == 3
        assert len(there(given, LONDON, orders)) == 10


class TestBetweenPlanAndRemoval:
    """The first look of a removal at its Database is where something happens."""

    def _then(self, given: Fleet, run: Callable[[], None], *, times: int = 1) -> None:
        given.cloud.interfere("points_of", run, times=times)

    def test_given_a_point_that_somebody_removed_by_hand_then_it_is_gone_already(self) -> None:
        given = nights(database(), 6, rules(keep=THREE))
        self._then(given, lambda: given.cloud.remove_point(there(given, LONDON)[0]))
        report = prunes(given)
        assert report["counts"] == {"already_done": 1, "done": 2}
        assert report["status"] == "ok"

    def test_given_a_hold_that_was_put_on_then_it_stays(self) -> None:
        given = nights(database(), 6, rules(keep=THREE))

        def hold() -> None:
            oldest = there(given, LONDON)[0]
            given.cloud.edit_point(oldest, lambda each: replace(each, tags={**each.tags, TAG_HOLD: "legal"}))

        self._then(given, hold)
        report = prunes(given)
        assert (report["counts"], days(given)) == ({"refused": 1, "done": 2}, [0, 1, 2, 5])
        assert report["outcomes"][0]["message"] == "guard 2: on hold"

    def test_given_a_hold_put_on_while_others_go_then_it_stays_though_all_was_read_a_moment_ago(self) -> None:
        given = nights(database(), 6, rules(keep=THREE))

        def hold() -> None:
            (kept,) = [each for each in there(given, LONDON) if (NIGHT - each.at) // DAY == 4]
            given.cloud.edit_point(kept, lambda each: replace(each, tags={**each.tags, TAG_HOLD: "legal"}))

        given.cloud.interfere("point", hold, times=1, after=1)
        assert (prunes(given)["counts"], days(given)) == ({"done": 2, "refused": 1}, [0, 1, 2, 4])

    def test_given_a_point_that_cannot_be_read_again_then_it_stays_and_the_others_go(self) -> None:
        given = nights(database(), 6, rules(keep=THREE))
        given.cloud.interfere("point", raising(Unreachable("no answer")), times=1)
        report = prunes(given)
        assert (report["status"], report["counts"], days(given)) == ("error", {"failed": 1, "done": 2}, [0, 1, 2, 5])
        assert report["outcomes"][0]["passing"] is True

    def test_given_newer_ones_that_vanish_while_others_go_then_the_next_look_stops_it(self) -> None:
        given = nights(database(), 9, rules(keep=THREE))

        def lose() -> None:
            for each in there(given, LONDON)[-3:]:
                given.cloud.remove_point(each)
            given.clock.sleep(timedelta(seconds=6))  # what is known is older than a few seconds now

        given.cloud.interfere("delete", lose, times=1)
        assert prunes(given)["counts"] == {"done": 3, "refused": 3}
        assert days(given) == [3, 4, 5]

    def test_given_newer_ones_that_are_gone_then_what_was_to_go_stays(self) -> None:
        given = nights(database(), 6, rules(keep=THREE))

        def lose() -> None:
            for each in there(given, LONDON)[3:]:
                given.cloud.remove_point(each)

        self._then(given, lose)
        report = prunes(given)
        assert days(given) == [3, 4, 5]
        assert {each["result"] for each in report["outcomes"]} == {"refused"}

    def test_given_a_place_that_no_longer_answers_then_nothing_more_goes(self) -> None:
        orders = database()
        given = nights(orders, 6, rules(DR, keep=THREE))
        for number in range(6):
            given.cloud.add_point(point(orders, NIGHT - number * DAY, scope=IRELAND))
        given.cloud.interfere("points_of", raising(Unreachable("no answer")), scope=IRELAND)
        report = prunes(given)
        assert (len(days(given)), given.cloud.called("delete")) == (6, [])
        assert all(each["message"].startswith("guard 0") for each in report["outcomes"])


@pytest.mark.parametrize(
    ("error", "result", "passing"),
    [
        (Throttled("Throttling: Rate exceeded", code="Throttling"), "failed", True),
        (Denied("AccessDenied: no", code="AccessDenied"), "failed", False),
        (Conflict("InvalidDBSnapshotState: is copying", code="InvalidDBSnapshotState"), "refused", True),
    ],
)
def test_given_a_removal_that_fails_then_the_others_go_and_it_is_told(
    error: Exception, result: str, passing: bool
) -> None:
    given = nights(database(), 6, rules(keep=THREE))
    given.cloud.interfere("delete", raising(error), times=1)
    report = prunes(given)
    assert report["counts"] == {result: 1, "done": 2}
    assert [each["passing"] for each in report["outcomes"] if each["result"] == result] == [passing]


def test_points_in_a_place_that_the_tier_no_longer_names_stay() -> None:
    orders = database()
    given = nights(orders, 3, rules(keep=THREE))
    for number in range(9):
        given.cloud.add_point(point(orders, NIGHT - number * DAY, scope=IRELAND))
    report = prunes(given)
    assert len(there(given, IRELAND)) == 9
    reasons = {reason for part in report["pruned"] for place in part["locations"] for each in place["keep"]
               for reason in each["reasons"]}  # fmt: skip
    assert "no rule says how long it stays here" in reasons


def test_what_only_serves_a_copy_counts_for_nothing_here() -> None:
    orders = database()
    given = nights(orders, 3, rules(keep=THREE))
    given.cloud.add_point(point(orders, NIGHT - 30 * DAY, id="helper", also={TAG_HELPER: str(IRELAND)}))
    assert prunes(given)["outcomes"] == []
    assert len(there(given, LONDON)) == 4


def test_points_of_a_database_in_no_tier_or_that_is_gone_stay() -> None:
    orders, gone = database(tags={}), database("gone")
    given = fleet(orders, rules=rules(keep=THREE))
    for each in (orders, gone):
        for number in range(6):
            given.cloud.add_point(point(each, NIGHT - number * DAY))
    report = prunes(given)
    assert (report["outcomes"], len(there(given, LONDON))) == ([], 12)
    assert sum(report["left_alone"].values()) == 1


def test_copies_are_kept_by_their_own_rule_and_the_age_of_their_data() -> None:
    orders = database()
    given = nights(orders, 3, rules(replace(DR, keep=Keep(daily=2)), keep=THREE))
    for number in range(5):
        # Copied last night, all of them: the copy's own age would keep the wrong ones.
        copied = NIGHT + timedelta(minutes=number)
        given.cloud.add_point(point(orders, NIGHT - number * DAY, scope=IRELAND, made=copied))
    prunes(given)
    assert days(given, IRELAND) == [0, 1]


def test_all_is_decided_from_one_page_chain_per_place_and_kind() -> None:
    many = [database(f"db-{number}") for number in range(30)]
    given = fleet(*many, rules=rules(keep=THREE))
    for each in many:
        for number in range(4):
            given.cloud.add_point(point(each, NIGHT - number * DAY))
    prunes(given, dry_run=True)
    assert (len(given.cloud.called("points")), given.cloud.called("points_of")) == (7, [])
    prunes(given)
    assert (len(given.cloud.called("delete")), outcomes(prunes(given))) == (30, [])


def test_given_a_listing_that_shows_a_point_on_two_pages_then_it_counts_and_goes_once() -> None:
    orders = database()
    given = fleet(orders, rules=rules(keep=THREE), page_size=2)
    for number in range(5):
        given.cloud.add_point(point(orders, NIGHT - number * DAY))
    store = given.store()

    class Shifting:
        scope = LONDON

        def pages(self, kind: Kind) -> Iterator[PointPage]:
            pages = list(store.pages(kind))
            yield from (PointPage(here.points + there.points) for here, there in pairwise([*pages, *pages[-1:]]))

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

    stores = {**given.world.stores, LONDON: Shifting()}
    report = prunes(given, given.but(stores=stores))
    assert (report["counts"], days(given)) == ({"done": 2}, [0, 1, 2])
    assert len(given.cloud.called("delete")) == 2
