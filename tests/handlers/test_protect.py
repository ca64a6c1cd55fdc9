"""protect through its real frame: woken by a finding, by night, dry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import Conflict, Denied
from backstay.handlers.protect import handler
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, ORDERS, Cloud, Report, client, context, database, sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[[], list[dict[str, Any]]]


def protect(event: Any) -> Report:
    return handler(event, context("protect"))


def retention(name: str, region: str = AWAY) -> int:
    answer = client("rds", region).describe_db_instances(DBInstanceIdentifier=name)
    days: int = answer["DBInstances"][0]["BackupRetentionPeriod"]
    return days


def test_given_a_repairable_finding_when_woken_then_exactly_one_call_and_read_back(fleet: Cloud) -> None:
    report = protect(sample("finding-changed"))
    (change,) = fleet.changes
    assert (change.region, change.operation) == (AWAY, "rds:ModifyDBInstance")
    assert change.parameters == {
        "DBInstanceIdentifier": "orders",
        "BackupRetentionPeriod": 14,
        "ApplyImmediately": True,
    }
    assert (report["schema"], report["status"], report["counts"]) == ("backstay.protect/1", "ok", {"done": 1})
    (outcome,) = report["outcomes"]
    assert (outcome["database"], outcome["result"]) == (ORDERS, "done")
    assert outcome["action"]["changes"] == [{"setting": "retention_days", "before": 0, "after": 14}]
    assert retention("orders") == 14
    assert fleet.stored(f"repairs/{ORDERS}.json")["repairs"][0]["settings"] == ["retention_days"]
    (kept,) = fleet.reports("protect")
    assert kept["outcomes"] == report["outcomes"]


def test_given_a_doubled_event_when_woken_again_then_no_second_call(fleet: Cloud) -> None:
    protect(sample("finding-changed"))
    report = protect(sample("finding-changed"))
    assert len(fleet.changes) == 1
    assert (report["status"], report["outcomes"]) == ("ok", [])


def test_given_a_dry_run_when_asked_then_the_very_plan_and_nothing_changed_or_claimed(fleet: Cloud) -> None:
    planned = protect(sample("protect-one"))
    assert fleet.changes == []
    assert (planned["status"], planned["dry_run"], planned["counts"]) == ("findings", True, {"planned": 1})
    assert not [key for key in fleet.keys if key.startswith("repairs/")]
    assert protect(sample("finding-changed"))["outcomes"][0]["action"] == planned["outcomes"][0]["action"]


def test_given_the_nightly_schedule_when_it_fires_then_everything_enforced_is_true_and_the_heart_beats(
    fleet: Cloud,
) -> None:
    database("short", HOME, retention=7, backup_tier="gold")
    report = protect(sample("schedule-protect"))
    assert report["databases"] == 6
    assert {(change.region, change.parameters.get("DBInstanceIdentifier")) for change in fleet.changes} == {
        (AWAY, "orders"),
        (HOME, "short"),
        (AWAY, None),  # the cluster ledger, whose tags moto does not copy
    }
    # Only turning PITR on is worth flushing what else is pending; a longer window comes by itself.
    hurried = [change.parameters for change in fleet.changes if "ApplyImmediately" in change.parameters]
    assert [parameters["DBInstanceIdentifier"] for parameters in hurried] == ["orders"]
    assert retention("short", HOME) == 14
    assert retention("scratch-1") == 0
    assert fleet.stored("heartbeat/protect.json")["verb"] == "protect"


def test_given_a_dry_run_over_everything_when_it_ends_then_no_heartbeat(fleet: Cloud) -> None:
    protect({"all": True, "dry_run": True})
    assert fleet.changes == []
    assert "heartbeat/protect.json" not in fleet.keys


def test_given_a_tier_that_enforces_nothing_when_woken_then_report_only(fleet: Cloud, policy: Path) -> None:
    policy.write_text(policy.read_text().replace("[pitr, copy_tags, deletion_protection]", "[]"))
    report = protect(sample("finding-changed"))
    assert (report["status"], report["outcomes"], fleet.changes) == ("ok", [], [])


def test_given_somebody_undoes_it_twice_within_the_hour_when_woken_then_refused_not_fought(fleet: Cloud) -> None:
    for _ in range(2):
        assert protect(sample("finding-changed"))["counts"] == {"done": 1}
        client("rds", AWAY).modify_db_instance(DBInstanceIdentifier="orders", BackupRetentionPeriod=0)
    report = protect(sample("finding-changed"))
    assert (report["status"], report["exit_status"], report["counts"]) == ("refused", 1, {"refused": 1})
    assert "undone each time" in report["outcomes"][0]["message"]
    assert len(fleet.changes) == 2


def test_given_the_modify_call_is_denied_when_woken_then_failed_and_the_claim_is_put_back(fleet: Cloud) -> None:
    fleet.fail("rds:ModifyDBInstance", "AccessDenied", 403)
    report = protect(sample("finding-changed"))
    assert (report["status"], report["exit_status"], report["counts"]) == ("error", 2, {"failed": 1})
    assert "AccessDenied" in report["outcomes"][0]["message"]
    fleet.answers.clear()
    assert protect(sample("finding-changed"))["counts"] == {"done": 1}


def test_given_the_database_is_busy_when_woken_then_lambda_is_asked_to_come_back_and_by_hand_it_is_refused(
    fleet: Cloud,
) -> None:
    answer = client("rds", AWAY).describe_db_instances(DBInstanceIdentifier="orders")
    answer["DBInstances"][0]["DBInstanceStatus"] = "backing-up"
    fleet.answer("rds:DescribeDBInstances", answer)
    with pytest.raises(Conflict, match="is backing-up"):
        protect(sample("finding-changed"))
    by_hand = protect({"database": ORDERS})
    assert (by_hand["status"], by_hand["counts"]) == ("refused", {"refused": 1})
    assert fleet.changes == []
    assert len(fleet.reports("protect")) == 2


def test_given_the_vault_refuses_when_woken_then_raised_before_anything_is_changed(fleet: Cloud) -> None:
    fleet.fail("s3:PutObject", "AccessDenied", 403)
    with pytest.raises(Denied):
        protect(sample("finding-changed"))
    assert fleet.changes == []


def test_given_a_finding_about_a_database_in_a_region_that_is_not_watched_when_woken_then_refused(
    fleet: Cloud, console: Console
) -> None:
    event = sample("finding-changed")
    event["detail"]["database"] = f"arn:aws:rds:us-east-1:{ACCOUNT}:db:orders"
    report = protect(event)
    assert (report["status"], report["error"]["field"]) == ("refused", "database")
    assert f"aws/{ACCOUNT}/{HOME}" in report["error"]["accepted"]
    assert [line["level"] for line in console()] == ["WARNING"]
    assert fleet.calls == []


@pytest.mark.parametrize(
    ("event", "field"),
    [({}, "request"), ({"all": True, "dry_run": "no"}, "dry_run"), ({"all": True, "dryrun": True}, "dryrun")],
    ids=str,
)
def test_given_a_request_with_a_typo_when_sent_then_refused_and_nothing_is_called(
    account: Cloud, event: Any, field: str
) -> None:
    report = protect(event)
    assert (report["schema"], report["status"], report["error"]["field"]) == ("backstay.protect/1", "refused", field)
    assert account.calls == []
