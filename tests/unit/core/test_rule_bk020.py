"""BK020: not near a quota."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.restoring import Quota
from backstay.core.rules.bk020 import RULE
from tests.unit.core.given import DENIED, NOW, around, policy, subject
from tests.unit.shapes import cluster, instance

ORDERS, LEDGER = instance("orders"), cluster("ledger")


def room(**used: int) -> tuple[Quota, ...]:
    names = ("AllocatedStorage", "DBClusters", "DBInstances", "ManualClusterSnapshots", "ManualSnapshots")
    return tuple(Quota(name, used.get(name, 1), 40) for name in names)


def judged(database: Any, quotas: Any) -> Any:
    return RULE.judge(subject(database, policy(), NOW, around(database, quotas=quotas))).verdict


def test_given_room_when_judged_then_pass_with_the_figures() -> None:
    finding = RULE.judge(subject(ORDERS, policy(), NOW, around(ORDERS, quotas=room(DBInstances=35))))
    assert finding.verdict == Pass("less than 90% of every quota is used")
    assert finding.measured["DBInstances_used_ratio"] == 0.875


@pytest.mark.parametrize(
    ("database", "name"),
    [(ORDERS, "DBInstances"), (ORDERS, "ManualSnapshots"), (ORDERS, "AllocatedStorage"), (LEDGER, "DBClusters")],
    ids=str,
)
def test_given_a_quota_nearly_used_up_when_judged_then_fail_that_names_it(database: Any, name: str) -> None:
    assert judged(database, room(**{name: 36})) == Fail(f"36 of 40 {name} used")


def test_given_a_quota_that_is_none_of_its_business_when_near_then_pass() -> None:
    assert isinstance(judged(ORDERS, room(DBClusters=40, ManualClusterSnapshots=40)), Pass)
    assert isinstance(judged(LEDGER, room(ManualSnapshots=40, AllocatedStorage=40)), Pass)


def test_given_a_replica_when_judged_then_skipped() -> None:
    assert isinstance(judged(instance("orders-read"), room()), Skipped)


def test_given_quotas_that_are_unread_or_untold_when_judged_then_unknown() -> None:
    assert judged(ORDERS, DENIED) == Unknown(DENIED.error)
    assert judged(ORDERS, room()[1:]) == Unknown("RDS does not tell the quota of AllocatedStorage")
    assert judged(ORDERS, ()) == Unknown(
        "RDS does not tell the quota of DBInstances, ManualSnapshots, AllocatedStorage"
    )
