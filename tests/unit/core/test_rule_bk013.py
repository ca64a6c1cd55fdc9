"""BK013: survives the loss of a zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.policy import Require
from backstay.core.rules.bk013 import RULE
from backstay.providers.aws import shapes
from tests.unit.core.given import asking, requiring, subject
from tests.unit.shapes import SCOPE, cluster, cluster_answer, instance, instance_answer

if TYPE_CHECKING:
    from backstay.core.model import Database

ASKED = requiring(Require.MULTI_AZ)


@pytest.mark.parametrize(
    "database", [instance("orders"), cluster("ledger"), cluster("trades")], ids=lambda each: each.name
)
def test_given_it_is_so_when_judged_then_pass(database: Database) -> None:
    assert RULE.judge(subject(database, ASKED)).verdict == Pass("instances in several zones")


def test_given_one_zone_when_judged_then_fail_that_only_people_mend() -> None:
    alone = [
        shapes.instance(instance_answer("orders") | {"MultiAZ": False}, SCOPE),
        shapes.cluster(cluster_answer("ledger") | {"MultiAZ": False}, SCOPE),
    ]
    for database in alone:
        finding = RULE.judge(subject(database, ASKED))
        assert finding.verdict == Fail("in one zone only: while that is down, so is the database")
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
        del answer["MultiAZ"]
    for database in (shapes.instance(answers[0], SCOPE), shapes.cluster(answers[1], SCOPE)):
        assert RULE.judge(subject(database, ASKED)).verdict == Unknown("RDS does not say in how many zones it is")
