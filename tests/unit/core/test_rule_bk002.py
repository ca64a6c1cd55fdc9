"""BK002: restorable to within the RPO, as measured."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Finding, Pass, Skipped
from backstay.core.policy import Objectives, Policy
from backstay.core.rules.bk002 import RULE
from tests.unit.core.given import ELSEWHERE, NOW, NOWHERE, asking, exempting, scratch, subject
from tests.unit.shapes import cluster, instance

if TYPE_CHECKING:
    from backstay.core.model import Database

LATEST = timedelta(minutes=3, seconds=56)  # before NOW, in the answers


def judge(database: Database, under: Policy | None = None) -> Finding:
    return RULE.judge(subject(database, under))


def rpo(asked: timedelta) -> Policy:
    return asking(objectives=Objectives(rpo=asked, rto=timedelta(hours=4)))


def test_given_a_fresh_moment_when_judged_then_pass_with_the_measured_seconds() -> None:
    finding = judge(instance("orders"))
    assert finding.verdict == Pass("restorable to 3.9 min ago, asked 5 min")
    assert finding.measured == {"rpo_seconds": 236, "asked_seconds": 300}


def test_given_a_cluster_when_judged_then_its_own_latest_moment_counts() -> None:
    finding = judge(cluster("ledger"))
    assert finding.verdict == Pass("restorable to 2.3 min ago, asked 5 min")
    assert finding.measured["rpo_seconds"] == 139.899


@pytest.mark.parametrize(("asked", "kind"), [(LATEST, Pass), (LATEST - timedelta(microseconds=1), Fail)])
def test_given_the_rpo_to_the_microsecond_when_judged_then_exactly_met_is_met(
    asked: timedelta, kind: type[Pass | Fail]
) -> None:
    assert isinstance(judge(instance("orders"), rpo(asked)).verdict, kind)


def test_given_logs_stand_still_when_judged_then_fail_although_every_setting_is_right() -> None:
    finding = judge(instance("stalled"))
    assert finding.verdict == Fail("restorable to 30 min ago, asked 5 min")
    assert not finding.repairable


def test_given_a_clock_behind_the_providers_when_judged_then_pass() -> None:
    early = NOW - timedelta(minutes=10)
    assert isinstance(RULE.judge(subject(instance("orders"), now=early)).verdict, Pass)


@pytest.mark.parametrize(("name", "why"), [("off", "PITR is off"), ("new", "its first backup is not done yet")])
def test_given_nothing_to_restore_from_when_judged_then_fail_that_says_why(name: str, why: str) -> None:
    finding = judge(instance(name))
    assert finding.verdict == Fail(f"no moment can be restored: {why}")
    assert finding.measured == {"asked_seconds": 300}


@pytest.mark.parametrize("name", ["strange", "broken"])
def test_given_a_status_that_we_cannot_place_when_judged_then_the_measurement_still_counts(name: str) -> None:
    assert isinstance(judge(instance(name)).verdict, Pass)
    assert isinstance(judge(instance(name), rpo(timedelta(minutes=1))).verdict, Fail)


@pytest.mark.parametrize(
    ("database", "under", "reason"),
    [
        (instance("off"), asking(objectives=None), "not asked"),
        (instance("orders-read"), None, "replica of orders"),
        (instance("asleep"), None, "is stopped: nothing new is written"),
        (instance("leaving"), None, "is being deleted"),
        (instance("off"), exempting(date(2026, 11, 24)), "exempt until 2026-11-24"),
        (instance("off"), ELSEWHERE, "managed by aws-backup"),
        (instance("off"), NOWHERE, "see BK003"),
        (scratch(instance("off")), None, "a scratch database"),
    ],
    ids=["not asked", "replica", "stopped", "leaving", "exempt", "elsewhere", "no tier", "scratch"],
)
def test_given_it_does_not_apply_when_judged_then_skipped_with_the_reason(
    database: Database, under: Policy | None, reason: str
) -> None:
    verdict = judge(database, under).verdict
    assert isinstance(verdict, Skipped)
    assert reason in verdict.reason
