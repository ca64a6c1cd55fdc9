"""Audit over moto where a tier asks for snapshots and copies: which calls it makes, and what comes of the answers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from backstay.handlers.audit import handler
from backstay.workflows.reports import every_verdict
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, Cloud, Report, client, context, database, sample

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
version: 1
locations:
  dr: {aws: {region: eu-west-1, kms_key: alias/backstay}}
tiers:
  - name: gold
    match: {tags: {backup-tier: gold}}
    snapshots: {every: 1d, keep: {daily: 7}}
    copies: [{to: dr, keep: {daily: 7}}]
"""
OF_POINTS = ("BK004", "BK005", "BK006", "BK007", "BK008", "BK021")
READING = ("rds:DescribeDBSnapshots", "rds:DescribeDBClusterSnapshots", "rds:DescribeDBSnapshotAttributes")


@pytest.fixture
def asked(account: Cloud, policy: Path) -> Cloud:
    """`orders` in the second region, whose copies are to be at home, and a snapshot that somebody has shared."""
    policy.write_text(POLICY)
    database("orders", backup_tier="gold")
    rds: Any = client("rds", AWAY)
    for name in ("by-hand", "shared"):
        rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier=name)
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="shared", AttributeName="restore", ValuesToAdd=["all"])
    account.forget()
    return account


def audit(event: Any) -> Report:
    return handler(event, context("audit"))


def found(report: Report) -> dict[str, str]:
    return {each["rule"]: each["message"] for each in every_verdict(report) if each["rule"] in OF_POINTS}


def test_given_a_tier_that_asks_when_the_schedule_fires_then_each_place_is_listed_once_and_each_snapshot_looked_at(
    asked: Cloud,
) -> None:
    audit(sample("schedule-audit"))
    made = Counter((call.operation, call.region) for call in asked.calls if call.operation in READING)
    assert made == {
        ("rds:DescribeDBSnapshots", AWAY): 1,
        ("rds:DescribeDBClusterSnapshots", AWAY): 1,
        ("rds:DescribeDBSnapshots", HOME): 1,
        ("rds:DescribeDBClusterSnapshots", HOME): 1,
        ("rds:DescribeDBSnapshotAttributes", AWAY): 2,
    }
    assert asked.changes == []


@pytest.mark.parametrize("event", [None, {"database": "orders"}], ids=["all", "one"])
def test_given_a_snapshot_that_everyone_may_copy_when_audited_then_the_finding_names_it(
    asked: Cloud, event: Any
) -> None:
    audit(event or sample("schedule-audit"))
    (kept,) = asked.reports("audit")
    messages = found(kept)
    assert messages["BK008"] == f"aws/{ACCOUNT}/{AWAY}: shared is shared with everyone"
    assert "2 of 2 not encrypted" in messages["BK007"]
    assert messages["BK021"] == "not asked"
    (row,) = kept["exposures"]
    assert "you lose everything" in row["line"]
    assert set(asked.stored(f"shares/aws/{ACCOUNT}/{AWAY}.json")["snapshots"]) == {
        "instance/by-hand",
        "instance/shared",
    }


def test_given_a_look_that_is_denied_when_audited_then_unknown_with_the_call(asked: Cloud) -> None:
    asked.fail("rds:DescribeDBSnapshotAttributes", "AccessDenied", 403)
    report = audit(sample("schedule-audit"))
    assert report["status"] == "unknown"
    assert (
        "2 of 2 snapshots not looked at yet (rds:DescribeDBSnapshotAttributes: AccessDenied" in found(report)["BK008"]
    )


def test_given_the_place_of_copies_that_is_denied_when_audited_then_unread_by_name(asked: Cloud) -> None:
    asked.fail("rds:DescribeDBSnapshots", "AccessDenied", 403, region=HOME)
    report = audit(sample("schedule-audit"))
    (unread,) = report["unread"]
    assert (unread["scope"], unread["what"]) == (f"aws/{ACCOUNT}/{HOME}", "instance snapshots")
