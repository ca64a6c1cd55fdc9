"""Protect never does harm: never lowers, never hurries, never leaves what is enforced, never asks twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import assume, given
from hypothesis import strategies as st

from backstay.core.decide.audit import judge, subject_of
from backstay.core.decide.protect import (
    COPY_TAGS,
    DELETION_PROTECTION,
    QUIET,
    RETENTION,
    WITHDRAW,
    LeftAlone,
    Repair,
    protect,
    read_back,
)
from backstay.core.model import ChangeSettings, Database, Outcome, Result, State
from backstay.core.policy import Apply, Enforce, Match, Pitr, Policy, Tier
from tests.properties.made import ENFORCING, NOW, REPAIRS, TIERS, databases

if TYPE_CHECKING:
    from backstay.core.rules import Subject

ENFORCED_BY = {
    RETENTION: Enforce.PITR,
    WITHDRAW: Enforce.PITR,
    COPY_TAGS: Enforce.COPY_TAGS,
    DELETION_PROTECTION: Enforce.DELETION_PROTECTION,
}
EVERYTHING = Match(names=("*",))
READY = databases(ready=True)


def subject(database: Database, tier: Tier) -> Subject:
    return subject_of(Policy(version=1, tiers=(tier,)), database, NOW)


def action(database: Database, tier: Tier, repairs: tuple[Repair, ...] = ()) -> ChangeSettings:
    """The change that is decided; the few examples without one say nothing here."""
    decision = protect(subject(database, tier), repairs)
    assume(isinstance(decision, ChangeSettings))
    assert isinstance(decision, ChangeSettings)
    return decision


def applied(asked: ChangeSettings, database: Database) -> Database:
    """The Database after the provider did all that was asked."""
    wanted = {change.setting: change.after for change in asked.changes}
    days = wanted.get(RETENTION, wanted.get(WITHDRAW))
    if isinstance(days, int):
        database = replace(database, retention=timedelta(days=days), pending_retention=None)
    return replace(
        database,
        copy_tags=True if COPY_TAGS in wanted else database.copy_tags,
        deletion_protection=True if DELETION_PROTECTION in wanted else database.deletion_protection,
    )


@given(database=databases(), tier=TIERS, repairs=REPAIRS)
def test_given_anything_when_decided_then_there_is_a_decision_and_every_refusal_says_why(
    database: Database, tier: Tier, repairs: tuple[Repair, ...]
) -> None:
    match protect(subject(database, tier), repairs):
        case LeftAlone(reason):
            assert reason
        case Outcome(result=result, message=message):
            assert result in (Result.REFUSED, Result.PENDING)
            assert message
        case ChangeSettings(changes=changes):
            assert changes


@given(database=READY, tier=ENFORCING, repairs=REPAIRS)
def test_given_a_change_when_decided_then_the_window_is_never_lower_than_the_database_has(
    database: Database, tier: Tier, repairs: tuple[Repair, ...]
) -> None:
    for change in action(database, tier, repairs).changes:
        if change.setting in (RETENTION, WITHDRAW):
            assert isinstance(change.after, int)
            assert change.after >= database.retention.days
            assert tier.pitr is not None
            assert change.after >= tier.pitr.window.days


@given(database=READY, tier=ENFORCING, repairs=REPAIRS)
def test_given_a_change_when_decided_then_immediately_only_where_the_tier_says_so_and_nothing_else_is_pending(
    database: Database, tier: Tier, repairs: tuple[Repair, ...]
) -> None:
    asked = action(database, tier, repairs)
    if asked.immediately:
        assert tier.pitr is not None
        assert tier.pitr.apply is Apply.IMMEDIATELY
        assert set(database.pending) <= {"BackupRetentionPeriod"}
        assert asked.may_restart


@given(database=READY | databases(), tier=ENFORCING | TIERS, repairs=REPAIRS)
def test_given_a_change_when_decided_then_only_of_what_is_enforced_on_an_available_database_of_ours(
    database: Database, tier: Tier, repairs: tuple[Repair, ...]
) -> None:
    asked = protect(subject(database, tier), repairs)
    if not isinstance(asked, ChangeSettings):
        return
    settings = [change.setting for change in asked.changes]
    assert len(set(settings)) == len(settings)
    assert not {RETENTION, WITHDRAW} <= set(settings)
    for change in asked.changes:
        assert tier.enforces(ENFORCED_BY[change.setting])
        assert change.before != change.after
    assert asked.database == database.id
    assert database.state is State.AVAILABLE
    assert not database.managed_by
    assert not database.replica_of
    assert "backstay:scratch" not in database.tags


@given(database=READY, tier=ENFORCING)
def test_given_a_change_that_was_made_when_decided_again_then_left_alone_and_read_back_as_done(
    database: Database, tier: Tier
) -> None:
    asked = action(database, tier)
    now = applied(asked, database)
    assert read_back(asked, now, now.arn).result is Result.DONE
    repairs = (Repair(NOW, tuple(change.setting for change in asked.changes)),)
    again = protect(subject(now, tier), repairs)
    if isinstance(again, Outcome):  # what was left out, since it was asked for by somebody before, still waits
        assert again.result is Result.PENDING
        assert RETENTION not in repairs[0].settings
    else:
        assert isinstance(again, LeftAlone)


@given(database=READY, have=st.integers(0, 13), asked=st.integers(14, 35))
def test_given_a_window_that_waits_when_decided_again_then_pending_and_never_a_second_call(
    database: Database, have: int, asked: int
) -> None:
    waiting = Tier(name="gold", match=EVERYTHING, pitr=Pitr(window=timedelta(days=asked)), enforce=(Enforce.PITR,))
    before = replace(database, retention=timedelta(days=have), pending={}, pending_retention=None)
    change = action(before, waiting)
    assert [each.after for each in change.changes] == [asked]
    waits = replace(before, pending_retention=timedelta(days=asked))
    assert read_back(change, waits, waits.arn).result is Result.PENDING
    again = protect(subject(waits, waiting), ())
    assert isinstance(again, Outcome)
    assert again.result is Result.PENDING


@given(database=READY, tier=ENFORCING, settings=st.sets(st.sampled_from(sorted(ENFORCED_BY)), min_size=1))
def test_given_two_repairs_within_the_hour_when_decided_then_never_a_third_of_the_same_setting(
    database: Database, tier: Tier, settings: set[str]
) -> None:
    repairs = tuple(Repair(NOW - QUIET / 3 * count, tuple(sorted(settings))) for count in (1, 2))
    decision = protect(subject(database, tier), repairs)
    if isinstance(decision, ChangeSettings):
        assert not settings & {change.setting for change in decision.changes}


@given(database=READY | databases(), tier=ENFORCING | TIERS)
def test_given_a_finding_that_says_repairable_when_protect_looks_then_it_does_something_about_it(
    database: Database, tier: Tier
) -> None:
    found = subject(database, tier)
    if any(finding.repairable for finding in judge(found)):
        assert not isinstance(protect(found, ()), LeftAlone)
