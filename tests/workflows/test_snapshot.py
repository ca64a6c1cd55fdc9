"""Snapshot takes each slot once, whatever wakes it, and says what it could not take."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.errors import Denied, Rejected, Throttled
from backstay.core.model import Kind, State
from backstay.core.naming import TAG_DATABASE, TAG_DEPLOYMENT, TAG_SLOT
from backstay.core.points import PointState
from backstay.providers.memory import Work
from tests.fleet import FRANKFURT, LONDON, NOW, database, fleet, point
from tests.workflows.places import outcomes, rules, snapshots, there, wait

if TYPE_CHECKING:
    from collections.abc import Callable

SLOT = "2026-11-24T00:00:00Z"


def raising(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


def test_given_an_empty_slot_when_it_runs_then_it_begins_a_snapshot_with_our_tags_and_the_source_s() -> None:
    orders = database(tags={"backup-tier": "gold", "aws:cloudformation:stack-name": "shop", "team": "payments"})
    given = fleet(orders, rules=rules())
    given.cloud.takes(Work.SNAPSHOT, looks=1)
    report = snapshots(given)
    assert (report["status"], report["exit_status"], report["counts"]) == ("pending", 3, {"pending": 1})
    assert report["outcomes"][0]["action"]["slot"] == SLOT
    (made,) = there(given, LONDON)
    assert made.state is PointState.CREATING
    assert made.tags == {
        "backup-tier": "gold",
        "team": "payments",
        TAG_DEPLOYMENT: "backstay",
        TAG_DATABASE: orders.id.key,
        TAG_SLOT: SLOT,
    }


@pytest.mark.parametrize("runs", [2, 5])
def test_however_often_it_runs_within_a_slot_it_takes_one(runs: int) -> None:
    given = fleet(database(), database("ledger", kind=Kind.CLUSTER), rules=rules())
    given.cloud.takes(Work.SNAPSHOT, span=timedelta(minutes=30))
    reports = []
    for _ in range(runs):
        reports.append(snapshots(given))
        wait(given, timedelta(minutes=15))
    assert reports[0]["counts"] == {"pending": 2}
    assert all(each["outcomes"] == [] and each["status"] == "ok" for each in reports[1:])
    assert len(given.cloud.called("take")) == 2


def test_each_day_s_slot_gets_its_own() -> None:
    given = fleet(database(), rules=rules())
    for _ in range(3):
        snapshots(given)
        wait(given, timedelta(days=1))
    assert [each.slot for each in there(given, LONDON)] == [
        "2026-11-24T00:00:00Z",
        "2026-11-25T00:00:00Z",
        "2026-11-26T00:00:00Z",
    ]


@pytest.mark.parametrize(
    ("status", "state"), [("stopped", State.STOPPED), ("modifying", State.BUSY), ("storage-full", State.FAILED)]
)
def test_given_a_database_that_cannot_be_snapshotted_now_then_it_says_so_and_the_next_run_takes_it(
    status: str, state: State
) -> None:
    orders = database(status=status, state=state)
    given = fleet(orders, rules=rules())
    report = snapshots(given)
    assert (report["status"], report["counts"]) == ("refused", {"refused": 1})
    assert f"it is {status}; the next run tries again" in report["outcomes"][0]["message"]
    given.cloud.edit(orders.id, lambda each: replace(each, status="available", state=State.AVAILABLE))
    assert outcomes(snapshots(given)) == [("snapshot", "pending")]


def test_given_a_state_that_changed_since_the_listing_then_it_is_refused_in_passing() -> None:
    orders = database()
    given = fleet(orders, rules=rules())
    given.cloud.interfere(
        "take",
        lambda: given.cloud.edit(orders.id, lambda each: replace(each, status="modifying", state=State.BUSY)),
    )
    report = snapshots(given)
    assert [(each["result"], each["passing"]) for each in report["outcomes"]] == [("refused", True)]
    assert there(given, LONDON) == []


def test_given_a_failed_snapshot_then_another_is_tried_under_another_name_and_after_three_somebody_is_told() -> None:
    given = fleet(database(), rules=rules())
    names = []
    for _ in range(3):
        assert outcomes(snapshots(given)) == [("snapshot", "pending")]
        newest = next(each for each in there(given, LONDON) if each.state is not PointState.FAILED)
        names.append(newest.id)
        given.cloud.fail_point(newest)
    assert len(set(names)) == 3
    report = snapshots(given)
    assert (report["status"], report["counts"]) == ("error", {"failed": 1})
    assert "failed 3 times" in report["outcomes"][0]["message"]


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (Throttled("Throttling: Rate exceeded", code="Throttling"), True),
        (Denied("AccessDenied: no", code="AccessDenied"), False),
        (Rejected("SnapshotQuotaExceeded: full", code="SnapshotQuotaExceeded"), False),
    ],
)
def test_given_a_call_that_fails_then_the_others_are_taken_and_it_is_told(error: Exception, passing: bool) -> None:
    given = fleet(database(), database("billing"), rules=rules())
    given.cloud.interfere("take", raising(error), times=1)
    report = snapshots(given)
    assert report["status"] == "error"
    assert report["counts"] == {"failed": 1, "pending": 1}
    failed = next(each for each in report["outcomes"] if each["result"] == "failed")
    assert (failed["passing"], str(error) in failed["message"]) == (passing, True)


def test_given_a_listing_that_fails_then_the_slot_is_taken_all_the_same_but_never_twice() -> None:
    given = fleet(database(), rules=rules())
    snapshots(given)
    given.cloud.interfere("points_of", raising(Denied("AccessDenied: no", code="AccessDenied")), times=1)
    report = snapshots(given)
    assert (report["status"], report["exit_status"]) == ("unknown", 2)
    assert outcomes(report) == [("snapshot", "already_done")]
    assert len(there(given, LONDON)) == 1


def test_given_two_runs_at_once_then_the_second_finds_that_the_first_has_made_it() -> None:
    given = fleet(database(), rules=rules())

    def meanwhile() -> None:
        snapshots(given)

    given.cloud.interfere("take", meanwhile, times=1)
    report = snapshots(given)
    assert report["outcomes"][0]["message"].startswith("another run has made it")
    assert len(there(given, LONDON)) == 1


def test_given_somebody_s_snapshot_of_that_name_then_it_is_refused_with_what_to_do() -> None:
    orders = database()
    given = fleet(orders, rules=rules())
    name = snapshots(given, dry_run=True)["outcomes"][0]["action"]["name"]
    given.cloud.add_point(point(orders, NOW, id=name, tags={}))
    report = snapshots(given)
    assert (report["status"], report["outcomes"][0]["passing"]) == ("refused", False)
    assert "backstay adopt" in report["outcomes"][0]["message"]


def test_a_dry_run_answers_with_the_plan_and_takes_nothing() -> None:
    given = fleet(database(), rules=rules())
    report = snapshots(given, dry_run=True)
    assert (report["status"], outcomes(report)) == ("findings", [("snapshot", "planned")])
    assert there(given, LONDON) == []


@pytest.mark.parametrize(
    "which",
    [
        database(tags={"backup-tier": "none"}),
        database(replica_of="primary"),
        database(tags={"backup-tier": "gold", "backstay:scratch": "yes"}),
        database(status="deleting", state=State.LEAVING),
    ],
    ids=["no tier", "replica", "scratch", "leaving"],
)
def test_what_no_tier_asks_of_is_left_alone(which: object) -> None:
    given = fleet(which, rules=rules())  # type: ignore[arg-type]
    assert snapshots(given)["outcomes"] == []
    assert there(given, LONDON) == []


def test_a_tier_that_asks_for_none_gets_none() -> None:
    given = fleet(database(), rules=rules(snapshots=None))
    assert (snapshots(given)["outcomes"], there(given, LONDON)) == ([], [])


def test_one_page_chain_per_kind_and_region_however_many_databases() -> None:
    many = [database(f"db-{number}", scope=scope) for number in range(50) for scope in (LONDON, FRANKFURT)]
    given = fleet(*many, scopes=(LONDON, FRANKFURT), rules=rules())
    snapshots(given)
    assert len(given.cloud.called("points")) == 4
    assert given.cloud.called("points_of") == []
    assert len(given.cloud.called("take")) == 100
