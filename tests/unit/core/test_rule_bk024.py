"""BK024: would start restoring right now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backstay.core.decide.restore import preflight
from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.restoring import Quota
from backstay.core.rules import bk024
from backstay.core.rules.bk024 import RULE
from backstay.core.surroundings import combination
from tests.unit.core.given import DENIED, NOW, around, asking, joined, policy, subject
from tests.unit.shapes import cluster, instance

ORDERS, LEDGER = instance("orders"), joined(cluster("ledger"))


def judged(database: Any, **parts: Any) -> Any:
    return RULE.judge(subject(database, policy(), NOW, around(database, **parts))).verdict


def test_given_all_in_order_when_judged_then_pass() -> None:
    assert judged(ORDERS) == judged(LEDGER) == judged(cluster("trades")) == Pass("a restore would start now")


def test_given_the_rule_when_it_checks_then_by_the_restore_s_own_preflight() -> None:
    assert vars(bk024)["preflight"] is preflight


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"keys": {ORDERS.config.kms_key: "key k is PendingDeletion"}}, "key k is PendingDeletion"),
        ({"option_groups": frozenset()}, "gone: option group default:postgres-17"),
        ({"orderable": {combination(ORDERS): False}}, "class and engine version can no longer be ordered"),
        ({"addresses": {"data": {"subnet-1": 1}}}, "1 free addresses in the subnet group, 2 needed"),
        ({"quotas": (Quota("DBInstances", 40, 40),)}, "40 of 40 DBInstances used"),
    ],
    ids=["key", "groups", "class", "addresses", "quota"],
)
def test_given_what_would_stop_the_restore_when_judged_then_fail_with_its_message(
    parts: dict[str, Any], message: str
) -> None:
    assert judged(ORDERS, **parts) == Fail(message)


def test_given_no_backup_when_judged_then_fail() -> None:
    assert judged(instance("off")) == Fail("no moment can be restored: PITR is off")


def test_given_it_is_not_asked_or_a_replica_when_judged_then_skipped() -> None:
    assert RULE.judge(subject(ORDERS, asking(objectives=None))).verdict == Skipped("not asked")
    assert isinstance(judged(instance("orders-read")), Skipped)


@pytest.mark.parametrize("part", ["parameter_groups", "option_groups", "security_groups", "addresses", "quotas"])
def test_given_a_part_that_could_not_be_read_when_judged_then_unknown(part: str) -> None:
    assert judged(ORDERS, **{part: DENIED}) == Unknown(DENIED.error)


def test_given_a_key_and_a_class_that_nobody_looked_at_when_judged_then_unknown() -> None:
    verdict = judged(ORDERS, keys={}, orderable={})
    assert isinstance(verdict, Unknown)
    assert "was not looked at" in verdict.error


def test_given_one_sure_failure_beside_what_is_unread_when_judged_then_fail() -> None:
    assert judged(ORDERS, quotas=DENIED, option_groups=frozenset()) == Fail("gone: option group default:postgres-17")


def test_given_members_that_were_not_seen_when_judged_then_unknown_and_no_guess_at_their_class() -> None:
    unseen = cluster("ledger")
    assert judged(unseen) == Unknown("the class of its members is not known")


def test_given_the_rules_of_forwarding_unread_when_judged_then_it_does_not_matter() -> None:
    assert isinstance(judged(ORDERS, watchers=DENIED), Pass)


def test_given_a_subnet_group_that_was_not_listed_when_judged_then_unknown() -> None:
    elsewhere = replace(ORDERS, config=replace(ORDERS.config, subnet_group="shared"))
    assert judged(elsewhere, addresses={}) == Unknown("subnet group shared was not looked at")
