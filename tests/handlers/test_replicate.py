"""replicate through its real frame: by schedule, woken by its queue, dry, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import Denied
from backstay.handlers.replicate import handler
from backstay.handlers.snapshot import handler as snapshot
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, ORDERS, Cloud, Report, context, sample
from tests.handlers.points import LEDGER, SNAPSHOT, keeping, key, measured, room, tags, there

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[[], list[dict[str, Any]]]


def replicate(event: Any) -> Report:
    return handler(event, context("replicate"))


@pytest.fixture
def taken(fleet: Cloud, policy: Path) -> Cloud:
    """Every database of tier gold has its snapshot, and nothing is copied yet."""
    keeping(policy)
    key()
    room(fleet)
    snapshot(sample("schedule-snapshot"), context("snapshot"))
    fleet.calls.clear()
    return fleet


def test_given_the_schedule_when_it_fires_then_what_lacks_is_copied_home_with_all_that_a_copy_needs(
    taken: Cloud,
) -> None:
    report = replicate(sample("schedule-replicate"))
    assert (report["schema"], report["status"]) == ("backstay.replicate/1", "pending")
    assert (report["counts"], report["waiting"]) == ({"pending": 2}, 0)
    assert {each.operation: each.region for each in taken.changes} == {
        "rds:CopyDBSnapshot": HOME,
        "rds:CopyDBClusterSnapshot": HOME,
    }
    (orders,) = taken.named("rds:CopyDBSnapshot")
    name = orders.parameters["TargetDBSnapshotIdentifier"]
    assert orders.parameters["SourceDBSnapshotIdentifier"] == f"{SNAPSHOT}:{name}"
    assert (orders.parameters["SourceRegion"], orders.parameters["KmsKeyId"]) == (AWAY, "alias/backstay")
    assert tags(orders).keys() == {
        "backup-tier", "backstay:deployment", "backstay:database", "backstay:slot", "backstay:data-time",
    }  # fmt: skip
    assert name in there(HOME)


def test_given_a_batch_of_snapshot_events_when_it_comes_then_one_run_over_everything(taken: Cloud) -> None:
    report = replicate(sample("sqs-replicate-wakes"))
    assert (report["databases"], report["counts"]) == (5, {"pending": 2})
    assert len(taken.changes) == 2
    assert "batchItemFailures" not in report, "Lambda would read which messages to bring again"
    assert len(taken.reports("replicate")) == 1
    assert taken.stored("heartbeat/replicate.json")["verb"] == "replicate"


def test_given_events_that_say_something_else_when_they_come_then_state_decides(taken: Cloud) -> None:
    batch = sample("sqs-replicate-wakes")
    for record in batch["Records"]:
        record["body"] = "not even JSON"
    assert replicate(batch)["counts"] == {"pending": 2}
    assert len(taken.changes) == 2


def test_given_copies_that_are_there_when_woken_again_then_nothing_is_copied_twice(
    taken: Cloud, console: Console
) -> None:
    replicate(sample("sqs-replicate-wakes"))
    taken.calls.clear()
    report = replicate(sample("schedule-replicate"))
    assert (report["status"], report["outcomes"], taken.changes) == ("ok", [], [])
    published = measured(console(), "replicate")
    assert published.pop("NewestCopyAge") < 60
    assert published == {"Heartbeat": 1, "NeedsAttention": 0, "CopiesWaiting": 0, "DatabasesWithoutCopy": 0}


def test_given_the_first_run_when_it_ends_then_what_has_no_copy_yet_is_measured(taken: Cloud, console: Console) -> None:
    report = replicate(sample("schedule-replicate"))
    (kept,) = taken.reports("replicate")
    assert (kept["places"], kept["exposures"]) == (report["places"], report["exposures"])
    assert measured(console(), "replicate") == {
        "Heartbeat": 1,
        "NeedsAttention": 0,
        "CopiesWaiting": 0,
        "DatabasesWithoutCopy": 2,
    }


def test_given_a_dry_run_when_asked_then_the_plan_and_nothing_copied_and_no_heartbeat(taken: Cloud) -> None:
    report = replicate({"all": True, "dry_run": True})
    assert (report["counts"], taken.changes) == ({"planned": 2}, [])
    assert {each["database"] for each in report["outcomes"]} == {ORDERS, LEDGER}
    assert "heartbeat/replicate.json" not in taken.keys


def test_given_no_room_when_it_fires_then_copies_wait_and_nobody_is_alarmed(taken: Cloud, console: Console) -> None:
    taken.fail("rds:CopyDBSnapshot", "SnapshotQuotaExceeded")
    report = replicate(sample("schedule-replicate"))
    (waits,) = (each for each in report["outcomes"] if each["database"] == ORDERS)
    assert (waits["result"], waits["passing"]) == ("pending", True)
    assert measured(console(), "replicate")["NeedsAttention"] == 0


def test_given_a_key_that_is_not_there_when_it_fires_then_refused_before_rds_is_asked(
    fleet: Cloud, policy: Path, console: Console
) -> None:
    keeping(policy)
    room(fleet)
    snapshot(sample("schedule-snapshot"), context("snapshot"))
    fleet.calls.clear()
    report = replicate(sample("schedule-replicate"))
    refused = {each["database"]: each["message"] for each in report["outcomes"] if each["result"] == "refused"}
    assert "alias/backstay does not exist" in refused[ORDERS]
    assert fleet.named("rds:CopyDBSnapshot") == []
    assert measured(console(), "replicate")["NeedsAttention"] == len(refused)


def test_given_a_destination_that_cannot_be_read_when_it_fires_then_nothing_is_copied_there_and_no_age_is_told(
    taken: Cloud, console: Console
) -> None:
    for kind in ("DBSnapshots", "DBClusterSnapshots"):
        taken.fail(f"rds:Describe{kind}", "AccessDenied", 403, region=HOME)
    report = replicate(sample("schedule-replicate"))
    assert (report["exit_status"], taken.changes) == (2, [])
    assert {each["scope"] for each in report["unread"]} == {f"aws/{ACCOUNT}/{HOME}"}
    published = measured(console(), "replicate")
    assert "NewestCopyAge" not in published
    assert published["NeedsAttention"] == len(report["unread"])


def test_given_the_vault_refuses_when_woken_then_raised_so_that_the_queue_brings_the_batch_again(taken: Cloud) -> None:
    taken.fail("s3:PutObject", "AccessDenied", 403)
    with pytest.raises(Denied):
        replicate(sample("sqs-replicate-wakes"))


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "request"),
        ([], ""),
        ({"records": []}, "records"),
        ({"all": True, "dry_run": "no"}, "dry_run"),
        ({"match": {}}, "match"),
    ],
    ids=str,
)
def test_given_a_request_with_a_typo_when_sent_then_refused_and_nothing_is_called(
    account: Cloud, event: Any, field: str
) -> None:
    report = replicate(event)
    assert (report["schema"], report["status"]) == ("backstay.replicate/1", "refused")
    assert (report["error"]["field"], account.calls) == (field, [])
