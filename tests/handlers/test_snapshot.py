"""snapshot through its real frame: by schedule, dry, of one, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from backstay.handlers.snapshot import handler
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, ORDERS, Cloud, Report, context, sample
from tests.handlers.points import BILLING, LEDGER, keeping, measured, tags, there

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[[], list[dict[str, Any]]]


def snapshot(event: Any) -> Report:
    return handler(event, context("snapshot"))


@pytest.fixture(autouse=True)
def asked(policy: Path) -> None:
    keeping(policy)


def test_given_the_schedule_when_it_fires_then_each_slot_is_taken_once_with_our_tags(fleet: Cloud) -> None:
    report = snapshot(sample("schedule-snapshot"))
    assert (report["schema"], report["status"], report["counts"]) == ("backstay.snapshot/1", "pending", {"pending": 3})
    by_database = {each["database"]: each["action"] for each in report["outcomes"]}
    assert set(by_database) == {ORDERS, LEDGER, BILLING}
    made = {tags(call)["backstay:database"]: call for call in fleet.changes}
    assert {(each.region, each.operation) for each in made.values()} == {
        (AWAY, "rds:CreateDBSnapshot"),
        (AWAY, "rds:CreateDBClusterSnapshot"),
        (HOME, "rds:CreateDBSnapshot"),
    }
    for database, call in made.items():
        assert tags(call) == {
            "backup-tier": "gold",
            "backstay:deployment": "backstay",
            "backstay:database": database,
            "backstay:slot": by_database[database]["slot"],
        }
    assert by_database[ORDERS]["name"] in there()


def test_given_a_doubled_schedule_when_it_fires_again_then_nothing_is_taken(fleet: Cloud) -> None:
    snapshot(sample("schedule-snapshot"))
    fleet.calls.clear()
    report = snapshot(sample("schedule-snapshot"))
    assert (report["status"], report["outcomes"], fleet.changes) == ("ok", [], [])


def test_given_a_run_over_everything_when_it_ends_then_report_heartbeat_and_metrics_are_kept(
    fleet: Cloud, console: Console
) -> None:
    report = snapshot(sample("schedule-snapshot"))
    (kept,) = fleet.reports("snapshot")
    assert kept["outcomes"] == report["outcomes"]
    assert fleet.stored("heartbeat/snapshot.json")["verb"] == "snapshot"
    assert measured(console(), "snapshot") == {"Heartbeat": 1, "NeedsAttention": 0}


def test_given_a_dry_run_when_asked_then_the_plan_and_nothing_taken(fleet: Cloud) -> None:
    report = snapshot(sample("snapshot-one"))
    assert (report["dry_run"], report["counts"], fleet.changes) == (True, {"planned": 1}, [])
    (planned,) = report["outcomes"]
    assert (planned["database"], planned["action"]["action"]) == (ORDERS, "snapshot")
    (taken,) = snapshot({"database": ORDERS})["outcomes"]
    assert taken["action"] == planned["action"]


def test_given_one_database_when_asked_then_no_heartbeat(fleet: Cloud, console: Console) -> None:
    snapshot({"database": ORDERS})
    assert len(fleet.changes) == 1
    assert "heartbeat/snapshot.json" not in fleet.keys
    assert measured(console(), "snapshot") == {"NeedsAttention": 0}


def test_given_a_refused_call_when_it_fires_then_failed_told_and_the_others_taken(
    fleet: Cloud, console: Console
) -> None:
    fleet.fail("rds:CreateDBClusterSnapshot", "AccessDenied", 403)
    report = snapshot(sample("schedule-snapshot"))
    assert (report["status"], report["counts"]) == ("error", {"failed": 1, "pending": 2})
    (failed,) = (each for each in report["outcomes"] if each["result"] == "failed")
    assert failed["database"] == LEDGER
    assert "AccessDenied" in failed["message"]
    assert measured(console(), "snapshot") == {"Heartbeat": 1, "NeedsAttention": 1}


def test_given_a_region_that_cannot_be_read_when_it_fires_then_unread_and_the_other_is_served(fleet: Cloud) -> None:
    fleet.fail("rds:DescribeDBInstances", "AccessDenied", 403, region=AWAY)
    report = snapshot(sample("schedule-snapshot"))
    assert f"aws/{ACCOUNT}/{AWAY}" in {each["scope"] for each in report["unread"]}
    assert BILLING in {each["database"] for each in report["outcomes"]}
    assert report["exit_status"] == 2


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "request"),
        ({"all": False}, "all"),
        ({"all": True, "database": "orders"}, "request"),
        ({"all": True, "confirm": "0123456789abcdef"}, "confirm"),
        ({"all": True, "dryrun": True}, "dryrun"),
        ({"Records": []}, "Records"),
    ],
    ids=str,
)
def test_given_a_request_with_a_typo_when_sent_then_refused_and_nothing_is_called(
    account: Cloud, event: Any, field: str
) -> None:
    report = snapshot(event)
    assert (report["schema"], report["status"], report["error"]["field"]) == ("backstay.snapshot/1", "refused", field)
    assert account.calls == []


def test_given_an_event_about_a_snapshot_when_sent_here_by_mistake_then_ignored(account: Cloud) -> None:
    report = snapshot(sample("rds-snapshot-event"))
    assert report["ignored"] == "RDS DB Snapshot Event RDS-EVENT-0042 names no database"
    assert account.calls == []
