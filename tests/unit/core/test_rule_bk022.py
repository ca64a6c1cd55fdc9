"""BK022: not governed by two masters."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Verdict
from backstay.core.model import Database, State
from backstay.core.rules.bk022 import RULE
from tests.unit.core.given import ELSEWHERE, NOWHERE, exempting, scratch, subject
from tests.unit.shapes import cluster, instance

if TYPE_CHECKING:
    from backstay.core.policy import Policy


def verdict(database: Database, under: Policy | None = None) -> Verdict:
    return RULE.judge(subject(database, under)).verdict


def test_given_no_other_master_when_judged_then_pass() -> None:
    assert verdict(instance("orders")) == Pass("no other master")
    assert verdict(cluster("ledger")) == Pass("no other master")


def test_given_aws_backup_owns_what_a_tier_asks_for_when_judged_then_fail_that_only_a_person_mends() -> None:
    finding = RULE.judge(subject(instance("owned")))
    assert finding.verdict == Fail("aws-backup owns its backups, and tier gold asks for ours")
    assert not finding.repairable


def test_given_the_policy_leaves_it_to_aws_backup_when_judged_then_pass() -> None:
    assert verdict(instance("owned"), ELSEWHERE) == Pass("the policy leaves it to aws-backup")


@pytest.mark.parametrize(
    ("database", "under", "reason"),
    [
        (instance("owned"), exempting(date(2027, 3, 31)), "exempt until 2027-03-31: rebuilt nightly"),
        (instance("owned"), NOWHERE, "see BK003"),
        (scratch(instance("owned")), None, "a scratch database"),
        (replace(instance("owned"), state=State.LEAVING), None, "is being deleted"),
        (replace(instance("owned"), state=State.LEAVING), ELSEWHERE, "is being deleted"),
    ],
    ids=["exempt", "no tier", "scratch", "leaving", "leaving elsewhere"],
)
def test_given_nothing_is_asked_when_judged_then_skipped_with_the_reason(
    database: Database, under: Policy | None, reason: str
) -> None:
    found = verdict(database, under)
    assert isinstance(found, Skipped)
    assert reason in found.reason
