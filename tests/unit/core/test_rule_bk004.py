"""BK004: a snapshot no older than its slot."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.points import PointState
from backstay.core.rules.bk004 import RULE
from tests.fleet import database, point
from tests.unit.core.kept import (
    DAY,
    DENIED,
    HOUR,
    LEAVING,
    LEDGER,
    NOW,
    ORDERS,
    REPLICA,
    STOPPED,
    TODAY,
    holding,
    nights,
    subject,
    unasked,
    unseen,
)
from tests.workflows.places import rules

if TYPE_CHECKING:
    from backstay.core.model import Database

MAKING: dict[str, Any] = {"state": PointState.CREATING, "status": "creating", "made": None, "data_time": None}
OLD = "the newest snapshot is 34 h old"


@pytest.mark.parametrize("of", [ORDERS, LEDGER], ids=lambda each: each.name)
def test_given_the_snapshot_of_the_slot_when_judged_then_pass_with_its_age(of: Database) -> None:
    finding = RULE.judge(subject(of, here=holding(*nights(of))))
    assert finding.verdict == Pass("the newest snapshot is 10 h old, asked 10 h")
    assert finding.measured == {"age_seconds": 36000.0, "asked_seconds": 36000.0}


def test_given_the_slot_of_yesterday_when_judged_then_fail_only_once_the_grace_is_over() -> None:
    yesterday = holding(*nights(first=1))
    assert RULE.judge(subject(here=yesterday)).verdict == Fail(f"{OLD}; one of the slot 2026-11-24T00:00:00Z is due")
    assert isinstance(RULE.judge(subject(here=yesterday, now=TODAY + 6 * HOUR)).verdict, Fail)
    just_before = subject(here=yesterday, now=TODAY + 6 * HOUR - timedelta(seconds=1))
    assert isinstance(RULE.judge(just_before).verdict, Pass)


def test_given_none_at_all_when_judged_then_fail() -> None:
    text = "no snapshot of ours is there; one of the slot 2026-11-24T00:00:00Z is due"
    assert RULE.judge(subject()).verdict == Fail(text)
    theirs = holding(*nights(), ours=False)
    assert RULE.judge(subject(here=theirs)).verdict == Fail(text)


def test_given_the_slot_s_snapshot_is_being_made_when_judged_then_pending() -> None:
    making = point(ORDERS, TODAY, **MAKING)
    verdict = RULE.judge(subject(here=holding(making, *nights(first=1)))).verdict
    assert verdict == Fail(f"{OLD}; one is being made", pending=True)


def test_given_an_older_slot_s_snapshot_is_being_made_or_failed_when_judged_then_not_pending() -> None:
    older = point(ORDERS, TODAY - DAY, **MAKING)
    failed = point(ORDERS, TODAY, **{**MAKING, "state": PointState.FAILED})
    for each in (older, failed):
        verdict = RULE.judge(subject(here=holding(each))).verdict
        assert isinstance(verdict, Fail)
        assert not verdict.pending


def test_given_a_snapshot_of_the_future_when_judged_then_it_counts_for_nothing() -> None:
    future = point(ORDERS, NOW + HOUR)
    assert RULE.judge(subject(here=holding(future, *nights(first=1)))).verdict == Fail(
        f"{OLD}; one of the slot 2026-11-24T00:00:00Z is due"
    )


def test_given_a_helper_of_a_copy_when_judged_then_it_is_no_snapshot() -> None:
    helper = point(ORDERS, TODAY, also={"backstay:helper": "aws/222233334444/eu-west-1"})
    assert isinstance(RULE.judge(subject(here=holding(helper))).verdict, Fail)


def test_given_a_listing_that_failed_when_judged_then_unknown_unless_a_fresh_one_was_seen() -> None:
    assert RULE.judge(subject(here=holding(*nights(first=1)), torn=("home",))).verdict == Unknown(DENIED)
    assert isinstance(RULE.judge(subject(here=holding(*nights()), torn=("home",))).verdict, Pass)
    assert RULE.judge(unseen()).verdict == Unknown("the recovery points were not read")


def test_given_a_point_of_unknown_age_when_nothing_fresh_is_there_then_unknown() -> None:
    ageless = replace(point(ORDERS, TODAY), data_time=None)
    verdict = RULE.judge(subject(here=holding(ageless))).verdict
    assert verdict == Unknown(f"no snapshot of ours is there, but of {ageless.id} nobody tells how old the data is")
    assert isinstance(RULE.judge(subject(here=holding(ageless, *nights()))).verdict, Pass)


def test_given_a_new_database_when_judged_then_its_first_snapshot_has_its_grace() -> None:
    new = database(created=NOW - 5 * HOUR)
    assert RULE.judge(subject(new)).verdict == Skipped("is new: its first snapshot has time for 6 h")
    assert isinstance(RULE.judge(subject(database(created=NOW - 6 * HOUR))).verdict, Fail)


def test_given_nothing_is_asked_when_judged_then_skipped() -> None:
    assert RULE.judge(unasked()).verdict == Skipped("not asked")
    assert RULE.judge(subject(REPLICA)).verdict == Skipped("replica of orders: the primary is audited")
    assert RULE.judge(subject(LEAVING)).verdict == Skipped("is being deleted")
    stopped = RULE.judge(subject(STOPPED)).verdict
    assert stopped == Skipped("is stopped: it cannot be snapshotted before it runs again")


def test_given_slots_in_another_zone_when_judged_then_they_begin_there() -> None:
    auckland = rules(zone="Pacific/Auckland")  # thirteen hours ahead: today's slot began at 11:00 UTC yesterday
    taken = holding(point(ORDERS, TODAY - 13 * HOUR))
    assert isinstance(RULE.judge(subject(under=auckland, here=taken)).verdict, Pass)
    assert isinstance(RULE.judge(subject(under=auckland, here=taken, now=NOW + 7 * HOUR)).verdict, Fail)
