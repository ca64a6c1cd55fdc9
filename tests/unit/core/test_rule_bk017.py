"""BK017: restorable with its configuration."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.rules.bk017 import RULE
from tests.unit.core.given import DENIED, NOW, around, joined, policy, subject
from tests.unit.shapes import cluster, instance

ORDERS, LEDGER = instance("orders"), joined(cluster("ledger"))


def judged(database: Any, **parts: Any) -> Any:
    return RULE.judge(subject(database, policy(), NOW, around(database, **parts))).verdict


def test_given_all_groups_when_judged_then_pass() -> None:
    assert judged(ORDERS) == judged(LEDGER) == judged(cluster("trades")) == Pass("all its groups exist")


def test_given_groups_that_are_gone_when_judged_then_fail_that_names_each() -> None:
    nothing: frozenset[str] = frozenset()
    assert judged(ORDERS, parameter_groups=nothing, option_groups=nothing) == Fail(
        "gone: parameter group orders-pg17, option group default:postgres-17"
    )
    assert judged(ORDERS, security_groups=nothing) == Fail("gone: security group sg-0a1b2c3d4e5f60718")
    assert judged(LEDGER, parameter_groups=nothing) == Fail("gone: parameter group theirs")
    assert isinstance(judged(LEDGER, cluster_parameter_groups=nothing), Fail)


def test_given_a_replica_when_judged_then_skipped() -> None:
    assert judged(instance("orders-read")) == Skipped("replica of orders: the primary is audited")


@pytest.mark.parametrize("part", ["parameter_groups", "option_groups", "security_groups"])
def test_given_a_list_that_could_not_be_read_when_judged_then_unknown(part: str) -> None:
    assert judged(ORDERS, **{part: DENIED}) == Unknown(DENIED.error)


def test_given_a_list_that_it_does_not_need_when_unread_then_it_does_not_matter() -> None:
    assert isinstance(judged(ORDERS, cluster_parameter_groups=DENIED, quotas=DENIED, watchers=DENIED), Pass)
    assert isinstance(judged(LEDGER, option_groups=DENIED), Pass)
