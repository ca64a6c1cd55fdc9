"""What rules share: spans for people, and which failures protect may mend."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail
from backstay.core.policy import Enforce, Require
from backstay.core.rules import RULES, span
from backstay.providers.aws import shapes
from tests.unit.core.given import requiring, subject
from tests.unit.shapes import SCOPE, cluster, instance, instance_answer

if TYPE_CHECKING:
    from backstay.core.findings import Finding
    from backstay.core.model import Database
    from backstay.core.rules import Rule


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(seconds=90), "90 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(minutes=61), "61 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=26), "26 h"),
        (timedelta(hours=2, minutes=30), "2.5 h"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=14), "14 d"),
        (timedelta(days=2, hours=12), "2.5 d"),
        (timedelta(seconds=-30), "-30 s"),
        (timedelta(minutes=-5), "-5 min"),
        (timedelta(milliseconds=400), "0 s"),
    ],
)
def test_given_a_duration_when_told_to_people_then_in_the_unit_that_reads_best(value: timedelta, text: str) -> None:
    assert span(value) == text


# --- what protect may mend ---------------------------------------------------------------------------------------

MENDS = {
    "BK001": Enforce.PITR,
    "BK010": Enforce.DELETION_PROTECTION,
    "BK011": Enforce.COPY_TAGS,
}
OF_MENDABLE = pytest.mark.parametrize("rule", [each for each in RULES if each.id in MENDS], ids=lambda each: each.id)
WITH_NOTHING_ON = pytest.mark.parametrize("database", [instance("off"), cluster("one-day")], ids=lambda each: each.name)


def failing(rule: Rule, database: Database, *enforce: Enforce) -> Finding:
    """Of a tier that asks for everything and enforces these."""
    finding = rule.judge(subject(database, requiring(*Require, enforce=enforce)))
    assert isinstance(finding.verdict, Fail)
    return finding


def test_given_all_rules_when_looked_at_then_these_can_be_mended_and_no_others() -> None:
    assert {each.id: each.repairs for each in RULES if each.repairs} == MENDS


@OF_MENDABLE
@WITH_NOTHING_ON
def test_given_its_repair_is_enforced_when_it_fails_then_it_can_be_repaired(rule: Rule, database: Database) -> None:
    assert failing(rule, database, MENDS[rule.id]).repairable


@OF_MENDABLE
@WITH_NOTHING_ON
def test_given_its_repair_is_not_enforced_when_it_fails_then_nobody_repairs(rule: Rule, database: Database) -> None:
    others = set(Enforce) - {MENDS[rule.id]}
    assert not failing(rule, database, *others).repairable
    assert not failing(rule, database).repairable


def test_given_a_rule_that_mends_nothing_when_it_fails_then_only_people_can() -> None:
    alone = shapes.instance(instance_answer("orders") | {"MultiAZ": False}, SCOPE)
    (rule,) = (each for each in RULES if each.id == "BK013")
    assert not failing(rule, alone, *Enforce).repairable
