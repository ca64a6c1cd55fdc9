"""BK019: its changes are watched."""

from __future__ import annotations

from typing import Any

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.rules.bk019 import RULE
from tests.unit.core.given import DENIED, ELSEWHERE, NOW, around, policy, subject
from tests.unit.shapes import instance

ORDERS = instance("orders")
ENABLED = {
    "backstay-forward-rds-events": True,
    "backstay-forward-api-calls": True,
    "backstay-forward-config-items": True,
}


def judged(watchers: Any) -> Any:
    return RULE.judge(subject(ORDERS, policy(), NOW, around(ORDERS, watchers=watchers))).verdict


def test_given_all_rules_enabled_when_judged_then_pass() -> None:
    assert judged(ENABLED) == Pass("its region's changes wake us")


def test_given_a_rule_that_is_missing_or_disabled_when_judged_then_fail_that_names_it() -> None:
    found = {**ENABLED, "backstay-forward-rds-events": False}
    del found["backstay-forward-api-calls"]
    assert judged(found) == Fail(
        "its region's changes do not wake us: -forward-api-calls is missing, backstay-forward-rds-events is disabled"
    )
    assert isinstance(judged({}), Fail)


def test_given_nothing_is_deployed_or_asked_when_judged_then_skipped() -> None:
    assert judged(None) == Skipped("nothing is deployed")
    assert RULE.judge(subject(ORDERS, ELSEWHERE)).verdict == Skipped("managed by aws-backup")


def test_given_rules_that_could_not_be_listed_when_judged_then_unknown() -> None:
    assert judged(DENIED) == Unknown(DENIED.error)
