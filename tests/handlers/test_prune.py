"""prune through its real frame: by night, dry, confirmed, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from backstay.handlers.prune import handler
from tests.handlers.cloud import ACCOUNT, AWAY, ORDERS, Cloud, Report, context, sample
from tests.handlers.points import keeping, measured, take, there

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[[], list[dict[str, Any]]]

OLD, OLDER, NEW = "backstay-orders-2", "backstay-orders-1", "backstay-orders-3"


def prune(event: Any) -> Report:
    return handler(event, context("prune"))


@pytest.fixture
def three(fleet: Cloud, policy: Path) -> Cloud:
    """`orders` has three snapshots of ours, of which the policy keeps the last, and one that somebody made."""
    keeping(policy, copies=False)
    for number, name in enumerate((OLDER, OLD, NEW), 1):
        take(name, f"2026-11-2{number}T03:00:00Z")
    take("before-the-upgrade", "", ours=False)
    return fleet


def test_given_the_nightly_schedule_when_it_fires_then_what_the_policy_no_longer_keeps_is_gone(three: Cloud) -> None:
    report = prune(sample("schedule-prune"))
    assert (report["schema"], report["status"], report["counts"]) == ("backstay.prune/1", "ok", {"done": 2})
    assert {(call.operation, call.region) for call in three.changes} == {("rds:DeleteDBSnapshot", AWAY)}
    assert {call.parameters["DBSnapshotIdentifier"] for call in three.changes} == {OLD, OLDER}
    assert there() == {NEW, "before-the-upgrade"}


def test_given_a_night_when_it_ends_then_report_heartbeat_and_metrics_are_kept(three: Cloud, console: Console) -> None:
    report = prune(sample("schedule-prune"))
    (kept,) = three.reports("prune")
    assert (kept["pruned"], kept["outcomes"]) == (report["pruned"], report["outcomes"])
    assert three.stored("heartbeat/prune.json")["verb"] == "prune"
    assert measured(console(), "prune") == {"Heartbeat": 1, "NeedsAttention": 0, "BlastRadiusRefused": 0}


def test_given_a_dry_run_when_asked_then_all_of_the_plan_and_nothing_removed(three: Cloud) -> None:
    report = prune({"all": True, "dry_run": True})
    assert (report["counts"], three.changes) == ({"planned": 2}, [])
    assert there() == {OLDER, OLD, NEW, "before-the-upgrade"}
    assert "heartbeat/prune.json" not in three.keys


class TestBeyondTheBlastRadius:
    def test_given_more_than_the_policy_allows_when_it_fires_then_nothing_goes_and_it_is_told(
        self, three: Cloud, policy: Path, console: Console
    ) -> None:
        keeping(policy, copies=False, most=1)
        report = prune(sample("schedule-prune"))
        assert (report["status"], report["counts"], three.changes) == ("refused", {"refused": 1}, [])
        assert report["confirm"] in report["outcomes"][0]["message"]
        assert measured(console(), "prune") == {"Heartbeat": 1, "NeedsAttention": 1, "BlastRadiusRefused": 1}

    def test_given_the_plans_hash_when_confirmed_then_it_is_carried_out(self, three: Cloud, policy: Path) -> None:
        keeping(policy, copies=False, most=1)
        told = prune({"database": ORDERS, "dry_run": True})["confirm"]
        report = prune({**sample("prune-confirm"), "confirm": told})
        assert (report["status"], report["counts"]) == ("ok", {"done": 2})
        assert there() == {NEW, "before-the-upgrade"}
        assert "heartbeat/prune.json" not in three.keys

    def test_given_another_plans_hash_when_confirmed_then_nothing_goes(self, three: Cloud, policy: Path) -> None:
        keeping(policy, copies=False, most=1)
        report = prune(sample("prune-confirm"))
        assert (report["status"], three.changes) == ("refused", [])
        assert "not the one that was confirmed" in report["outcomes"][0]["message"]


def test_given_a_place_that_cannot_be_read_when_it_fires_then_nothing_of_that_database_goes(
    three: Cloud, console: Console
) -> None:
    three.fail("rds:DescribeDBSnapshots", "AccessDenied", 403, region=AWAY)
    report = prune(sample("schedule-prune"))
    assert (report["exit_status"], three.changes) == (2, [])
    assert {each["scope"] for each in report["unread"]} == {f"aws/{ACCOUNT}/{AWAY}"}
    assert measured(console(), "prune")["NeedsAttention"] == len(report["unread"])


def test_given_a_refused_call_when_it_fires_then_failed_and_told(three: Cloud, console: Console) -> None:
    three.fail("rds:DeleteDBSnapshot", "AccessDenied", 403)
    report = prune(sample("schedule-prune"))
    assert (report["status"], report["counts"]) == ("error", {"failed": 2})
    assert "AccessDenied" in report["outcomes"][0]["message"]
    assert measured(console(), "prune")["NeedsAttention"] == 2


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "request"),
        ({"all": True, "confirm": "yes"}, "confirm"),
        ({"all": True, "confirmed": True}, "confirmed"),
        ({"all": False}, "all"),
        ({"Records": []}, "Records"),
    ],
    ids=str,
)
def test_given_a_request_with_a_typo_when_sent_then_refused_and_nothing_is_called(
    account: Cloud, event: Any, field: str
) -> None:
    report = prune(event)
    assert (report["schema"], report["status"], report["error"]["field"]) == ("backstay.prune/1", "refused", field)
    assert account.calls == []
