"""BK011: copies its tags to snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.policy import Enforce, Require
from backstay.core.rules.bk011 import RULE
from backstay.providers.aws import shapes
from tests.unit.core.given import asking, requiring, subject
from tests.unit.shapes import SCOPE, cluster, cluster_answer, instance, instance_answer

if TYPE_CHECKING:
    from backstay.core.model import Database

ASKED = requiring(Require.COPY_TAGS)


@pytest.mark.parametrize(
    "database", [instance("orders"), cluster("ledger"), cluster("trades")], ids=lambda each: each.name
)
def test_given_it_is_so_when_judged_then_pass(database: Database) -> None:
    assert RULE.judge(subject(database, ASKED)).verdict == Pass("tags are copied to snapshots")


@pytest.mark.parametrize("database", [instance("off"), cluster("one-day")], ids=lambda each: each.name)
def test_given_it_is_not_when_judged_then_fail_that_can_be_repaired(database: Database) -> None:
    finding = RULE.judge(subject(database, ASKED))
    assert finding.verdict == Fail("its snapshots carry none of its tags")
    assert finding.repairable


@pytest.mark.parametrize("enforce", [(), (Enforce.PITR,)], ids=str)
def test_given_the_tier_does_not_enforce_it_when_judged_then_fail_that_nobody_repairs(
    enforce: tuple[Enforce, ...],
) -> None:
    finding = RULE.judge(subject(instance("off"), requiring(Require.COPY_TAGS, enforce=enforce)))
    assert isinstance(finding.verdict, Fail)
    assert not finding.repairable


@pytest.mark.parametrize(
    ("database", "reason"),
    [
        (instance("orders-read"), "replica of orders: the primary is audited"),
        (instance("leaving"), "is being deleted"),
    ],
    ids=["replica", "leaving"],
)
def test_given_it_does_not_apply_when_judged_then_skipped(database: Database, reason: str) -> None:
    assert RULE.judge(subject(database, ASKED)).verdict == Skipped(reason)


def test_given_it_is_not_asked_when_judged_then_skipped() -> None:
    assert RULE.judge(subject(instance("off"), asking())).verdict == Skipped("not asked")


def test_given_an_answer_without_the_field_when_judged_then_unknown() -> None:
    answers = instance_answer("orders"), cluster_answer("ledger")
    for answer in answers:
        del answer["CopyTagsToSnapshot"]
    for database in (shapes.instance(answers[0], SCOPE), shapes.cluster(answers[1], SCOPE)):
        assert RULE.judge(subject(database, ASKED)).verdict == Unknown(
            "RDS does not say whether tags are copied to snapshots"
        )
