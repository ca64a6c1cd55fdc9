"""BK001: PITR is on, with the tier's window."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Finding, Pass, Skipped
from backstay.core.policy import Enforce, Pitr, Policy
from backstay.core.rules import RULES
from backstay.core.rules.bk001 import RULE
from tests.unit.core.given import ELSEWHERE, NOWHERE, asking, exempting, scratch, subject
from tests.unit.shapes import cluster, instance

if TYPE_CHECKING:
    from backstay.core.model import Database

FIVE_WEEKS_AND_A_DAY = Pitr(window=timedelta(days=36))


def judge(database: Database, under: Policy | None = None) -> Finding:
    return RULE.judge(subject(database, under))


def test_given_the_rules_when_listed_then_each_id_stands_once_and_says_why_what_to_do_and_where_it_is_written() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert [rule.id for rule in RULES] == sorted(rule.id for rule in RULES)
    for rule in RULES:
        assert all((rule.title, rule.why, rule.fix, rule.source, rule.applies_to))


@pytest.mark.parametrize(
    "database", [instance("orders"), cluster("ledger"), cluster("trades")], ids=lambda each: each.name
)
def test_given_the_asked_window_when_judged_then_pass_with_both_figures(database: Database) -> None:
    finding = judge(database)
    assert finding.verdict == Pass("window 14 d, asked 14 d")
    assert finding.measured == {"window_days": 14, "asked_days": 14}
    assert finding.tier == "gold"
    assert not finding.repairable


def test_given_a_longer_window_than_asked_when_judged_then_pass() -> None:
    assert isinstance(judge(instance("orders"), asking(pitr=Pitr(window=timedelta(days=7)))).verdict, Pass)


def test_given_pitr_off_when_judged_then_fail_that_can_be_repaired() -> None:
    finding = judge(instance("off"))
    assert finding.verdict == Fail("PITR is off, asked 14 d")
    assert finding.repairable


def test_given_a_short_window_when_judged_then_fail_with_both() -> None:
    assert judge(instance("short")).verdict == Fail("window 7 d, asked 14 d")
    assert judge(cluster("one-day")).verdict == Fail("window 1 d, asked 14 d")


@pytest.mark.parametrize(
    ("database", "message"),
    [
        (instance("turning-on"), "PITR is off; a change to 14 d is pending, not done"),
        (cluster("rising"), "window 7 d; a change to 14 d is pending, not done"),
    ],
    ids=["instance", "cluster"],
)
def test_given_the_mending_change_is_pending_when_judged_then_pending_is_not_fixed(
    database: Database, message: str
) -> None:
    finding = judge(database)
    assert finding.verdict == Fail(message, pending=True)
    assert not finding.repairable


def test_given_a_pending_change_that_would_not_suffice_when_judged_then_fail_that_is_not_pending() -> None:
    finding = judge(instance("turning-on"), asking(pitr=Pitr(window=timedelta(days=35))))
    assert finding.verdict == Fail("PITR is off, asked 35 d")


def test_given_backups_are_about_to_be_turned_off_when_judged_then_fail_before_it_happens() -> None:
    finding = judge(instance("turning-off"))
    assert finding.verdict == Fail("the window is about to drop to nothing (change pending)")
    assert finding.repairable


@pytest.mark.parametrize(
    ("database", "under", "reason"),
    [
        (instance("off"), asking(pitr=None), "not asked"),
        (instance("orders-read"), None, "replica of orders: the primary is audited"),
        (cluster("ledger-far"), None, "replica of arn:aws:rds:eu-west-1:111122223333:cluster:ledger"),
        (instance("leaving"), None, "is being deleted"),
        (instance("off"), exempting(date(2027, 3, 31)), "exempt until 2027-03-31: rebuilt nightly"),
        (instance("off"), ELSEWHERE, "managed by aws-backup"),
        (instance("off"), NOWHERE, "see BK003"),
        (scratch(instance("off")), None, "a scratch database"),
    ],
    ids=["not asked", "replica", "cluster replica", "leaving", "exempt", "elsewhere", "no tier", "scratch"],
)
def test_given_it_does_not_apply_when_judged_then_skipped_with_the_reason(
    database: Database, under: Policy | None, reason: str
) -> None:
    finding = judge(database, under)
    assert isinstance(finding.verdict, Skipped)
    assert reason in finding.verdict.reason
    assert not finding.repairable


def test_given_a_window_that_rds_cannot_keep_when_judged_then_fail_that_names_the_limit() -> None:
    verdict = judge(instance("orders"), asking(pitr=FIVE_WEEKS_AND_A_DAY)).verdict
    assert verdict == Fail("a window of 36 d is asked, but Amazon RDS keeps at most 35 d")


@pytest.mark.parametrize("enforce", [(), (Enforce.COPY_TAGS,)], ids=str)
def test_given_the_tier_does_not_enforce_pitr_when_judged_then_fail_that_nobody_repairs(
    enforce: tuple[Enforce, ...],
) -> None:
    finding = judge(instance("off"), asking(enforce=enforce))
    assert isinstance(finding.verdict, Fail)
    assert not finding.repairable


@pytest.mark.parametrize("name", ["asleep", "strange", "broken"])
def test_given_a_status_that_forbids_changes_when_judged_by_a_longer_window_then_fail_that_waits(name: str) -> None:
    finding = judge(instance(name), asking(pitr=Pitr(window=timedelta(days=21))))
    assert isinstance(finding.verdict, Fail)
    assert not finding.repairable
