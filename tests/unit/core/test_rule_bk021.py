"""BK021: immutable where the tier asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backstay.core.decide.audit import subject_of
from backstay.core.findings import Fail, Skipped
from backstay.core.rules.bk021 import RULE
from tests.unit.core.kept import LEAVING, LEDGER, NOW, ORDERS, REPLICA
from tests.workflows.places import DR, TO_VAULT, rules

LOCKED = rules(replace(DR, immutable=True), replace(TO_VAULT, immutable=True))


@pytest.mark.parametrize("of", [ORDERS, LEDGER], ids=lambda each: each.name)
def test_given_immutable_copies_when_judged_then_fail_that_names_what_rds_cannot(of: object) -> None:
    verdict = RULE.judge(subject_of(LOCKED, of, NOW)).verdict  # type: ignore[arg-type]
    text = "copies in dr, vault are asked to be immutable, but Amazon RDS has no lock for snapshots"
    assert verdict == Fail(text)


def test_given_one_copy_that_is_to_be_immutable_when_judged_then_only_that_one_is_named() -> None:
    verdict = RULE.judge(subject_of(rules(DR, replace(TO_VAULT, immutable=True)), ORDERS, NOW)).verdict
    assert isinstance(verdict, Fail)
    assert "copies in vault are" in verdict.message


def test_given_nothing_is_asked_when_judged_then_skipped() -> None:
    assert RULE.judge(subject_of(rules(DR, TO_VAULT), ORDERS, NOW)).verdict == Skipped("not asked")
    assert RULE.judge(subject_of(rules(), ORDERS, NOW)).verdict == Skipped("not asked")
    assert RULE.judge(subject_of(LOCKED, REPLICA, NOW)).verdict == Skipped("replica of orders: the primary is audited")
    assert RULE.judge(subject_of(LOCKED, LEAVING, NOW)).verdict == Skipped("is being deleted")


def test_given_a_failure_when_judged_then_nothing_of_ours_repairs_it() -> None:
    assert not RULE.judge(subject_of(LOCKED, ORDERS, NOW)).repairable
