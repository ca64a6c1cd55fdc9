"""BK025: backed up outside its maintenance window."""

from __future__ import annotations

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Unknown, Verdict
from backstay.core.rules.bk025 import RULE
from backstay.providers.aws import shapes
from tests.unit.core.given import asking, subject
from tests.unit.shapes import SCOPE, cluster, instance, instance_answer


def judged(backup: str, maintenance: str) -> Verdict:
    windows = {"PreferredBackupWindow": backup, "PreferredMaintenanceWindow": maintenance}
    return RULE.judge(subject(shapes.instance(instance_answer("orders") | windows, SCOPE))).verdict


def test_given_windows_apart_when_judged_then_pass_with_both() -> None:
    text = "backup 03:07-03:37, maintenance sun:04:12-sun:04:42 (UTC)"
    assert RULE.judge(subject(instance("orders"))).verdict == Pass(text)
    assert isinstance(RULE.judge(subject(cluster("ledger"))).verdict, Pass)


@pytest.mark.parametrize(
    ("backup", "maintenance"),
    [
        ("03:00-03:30", "mon:03:30-mon:04:00"),
        ("04:00-04:30", "mon:03:30-mon:04:00"),
        ("23:30-00:00", "mon:00:00-mon:00:30"),
        ("23:45-00:15", "sun:23:00-sun:23:45"),
        ("23:45-00:15", "mon:00:15-mon:00:45"),
    ],
)
def test_given_windows_that_only_touch_when_judged_then_pass(backup: str, maintenance: str) -> None:
    assert isinstance(judged(backup, maintenance), Pass)


@pytest.mark.parametrize(
    ("backup", "maintenance"),
    [
        ("03:00-03:31", "mon:03:30-mon:04:00"),
        ("03:59-04:29", "mon:03:30-mon:04:00"),
        ("03:40-03:50", "mon:03:30-mon:04:00"),
        ("03:00-05:00", "mon:03:30-mon:04:00"),
        ("23:45-00:15", "mon:00:00-mon:00:30"),
        ("23:45-00:15", "sun:23:30-mon:00:00"),
        ("00:00-00:30", "sun:23:45-mon:00:15"),
        ("12:00-12:30", "sat:10:00-sun:10:00"),
    ],
)
def test_given_windows_that_share_a_minute_of_any_day_when_judged_then_fail(backup: str, maintenance: str) -> None:
    verdict = judged(backup, maintenance)
    assert verdict == Fail(f"backed up during maintenance: backup {backup}, maintenance {maintenance} (UTC)")


def test_given_no_backups_are_asked_or_none_run_when_judged_then_skipped() -> None:
    assert RULE.judge(subject(instance("orders"), asking(pitr=None))).verdict == Skipped("not asked")
    stopped = RULE.judge(subject(instance("asleep"))).verdict
    assert stopped == Skipped("is stopped: it is not backed up before it runs again")
    assert isinstance(RULE.judge(subject(instance("orders-read"))).verdict, Skipped)


@pytest.mark.parametrize(("backup", "maintenance"), [("", "sun:04:12-sun:04:42"), ("03:07-03:37", "sundays")])
def test_given_windows_that_cannot_be_read_when_judged_then_unknown(backup: str, maintenance: str) -> None:
    verdict = judged(backup, maintenance)
    assert isinstance(verdict, Unknown)
    assert "windows that cannot be read" in verdict.error
