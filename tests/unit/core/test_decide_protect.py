"""Protect, branch by branch: what would be changed, what is refused, what is left alone, what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from backstay.core.decide.protect import (
    CLAIM,
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
from backstay.core.model import Change, ChangeSettings, Database, Outcome, Result, State
from backstay.core.policy import Apply, Enforce, Pitr, Policy
from tests.unit.core.given import ELSEWHERE, NOW, NOWHERE, asking, exempting, scratch, subject
from tests.unit.shapes import cluster, instance

WAITING = asking(pitr=Pitr(window=timedelta(days=14)))
PITR_ONLY = asking(enforce=(Enforce.PITR,))
UNTAGGED = replace(instance("orders"), copy_tags=False)


def decision(
    database: Database, under: Policy | None = None, repairs: tuple[Repair, ...] = ()
) -> ChangeSettings | Outcome | LeftAlone:
    return protect(subject(database, under), repairs)


def action(database: Database, under: Policy | None = None, repairs: tuple[Repair, ...] = ()) -> ChangeSettings:
    found = decision(database, under, repairs)
    assert isinstance(found, ChangeSettings), found
    return found


def refused(database: Database, under: Policy | None = None, repairs: tuple[Repair, ...] = ()) -> Outcome:
    found = decision(database, under, repairs)
    assert isinstance(found, Outcome), found
    assert found.result is Result.REFUSED
    assert found.database == database.id
    assert found.arn == database.arn
    return found


# --- left alone -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "under", "reason"),
    [
        (instance("orders"), None, "already as the tier asks"),
        (cluster("ledger"), None, "already as the tier asks"),
        (instance("off"), asking(enforce=()), "tier gold enforces nothing: report only"),
        (instance("off"), asking(enforce=None), "tier gold enforces nothing: report only"),
        (instance("orders-read"), None, "replica of orders: the primary is protected"),
        (cluster("ledger-far"), None, "replica of arn:aws:rds:eu-west-1:111122223333:cluster:ledger"),
        (instance("off"), NOWHERE, "in no tier"),
        (instance("off"), exempting(date(2026, 11, 24)), "exempt until 2026-11-24"),
        (instance("off"), ELSEWHERE, "managed by aws-backup"),
        (scratch(instance("off")), None, "a scratch database"),
        (instance("leaving"), None, "is being deleted"),
        (instance("off"), asking(enforce=(Enforce.PITR,), pitr=None), "already as the tier asks"),
        (replace(instance("orders"), copy_tags=None, deletion_protection=None), None, "already as the tier asks"),
    ],
)
def test_given_nothing_to_do_when_decided_then_left_alone_with_the_reason(
    database: Database, under: Policy | None, reason: str
) -> None:
    found = decision(database, under)
    assert isinstance(found, LeftAlone)
    assert reason in found.reason


# --- changes ----------------------------------------------------------------------------------------------------


def test_given_pitr_off_and_a_tier_that_says_immediately_when_decided_then_one_call_with_everything_and_a_warning() -> (
    None
):
    assert action(instance("off")) == ChangeSettings(
        database=instance("off").id,
        changes=(
            Change(RETENTION, 0, 14),
            Change(COPY_TAGS, before=False, after=True),
            Change(DELETION_PROTECTION, before=False, after=True),
        ),
        reason="tier gold enforces it",
        immediately=True,
        may_restart=True,
    )


def test_given_pitr_off_and_a_tier_that_waits_when_decided_then_not_immediately_but_still_a_warning() -> None:
    found = action(instance("off"), WAITING)
    assert (found.immediately, found.may_restart) == (False, True)


@pytest.mark.parametrize("database", [instance("short"), cluster("one-day")], ids=lambda each: str(each.name))
def test_given_a_short_window_when_decided_then_no_outage_and_no_need_to_apply_at_once(database: Database) -> None:
    found = action(database, PITR_ONLY)
    assert found.changes == (Change(RETENTION, database.retention.days, 14),)
    assert (found.immediately, found.may_restart) == (False, False)


@pytest.mark.parametrize(
    ("enforce", "settings"),
    [
        ((Enforce.PITR,), {RETENTION}),
        ((Enforce.COPY_TAGS,), {COPY_TAGS}),
        ((Enforce.DELETION_PROTECTION,), {DELETION_PROTECTION}),
        ((Enforce.COPY_TAGS, Enforce.PITR), {COPY_TAGS, RETENTION}),
    ],
)
def test_given_some_of_it_is_enforced_when_decided_then_only_that_is_changed(
    enforce: tuple[Enforce, ...], settings: set[str]
) -> None:
    found = action(instance("off"), asking(enforce=enforce))
    assert {change.setting for change in found.changes} == settings
    assert found.immediately is (RETENTION in settings)
    assert found.may_restart is (RETENTION in settings)


def test_given_replication_alone_is_enforced_when_decided_then_nothing_of_protects_is_touched() -> None:
    assert isinstance(decision(instance("off"), asking(enforce=(Enforce.REPLICATE,))), LeftAlone)


def test_given_tags_are_not_copied_and_pitr_is_off_but_not_enforced_when_decided_then_not_immediately() -> None:
    found = action(replace(instance("off"), deletion_protection=True), asking(enforce=(Enforce.COPY_TAGS,)))
    assert (found.immediately, found.may_restart) == (False, False)


def test_given_a_drop_is_pending_when_decided_then_the_present_window_is_asked_for_again() -> None:
    found = action(instance("turning-off"))
    assert found.changes == (Change(WITHDRAW, 0, 14),)
    assert (found.immediately, found.may_restart) == (False, False)


def test_given_a_drop_is_pending_from_a_longer_window_when_decided_then_all_of_that_window_is_kept() -> None:
    database = replace(instance("turning-off"), retention=timedelta(days=21))
    assert action(database).changes == (Change(WITHDRAW, 0, 21),)


def test_given_a_smaller_pending_window_that_still_suffices_when_decided_then_left_alone() -> None:
    database = replace(instance("orders"), retention=timedelta(days=35), pending_retention=timedelta(days=14))
    assert isinstance(decision(database), LeftAlone)


# --- pending ----------------------------------------------------------------------------------------------------


def test_given_the_window_is_asked_for_and_the_tier_waits_when_decided_then_pending_and_no_second_call() -> None:
    found = decision(instance("turning-on"), asking(enforce=(Enforce.PITR,), pitr=Pitr(window=timedelta(days=14))))
    assert isinstance(found, Outcome)
    assert found.result is Result.PENDING
    assert found.message == "a window of 14 d is asked for and waits for the maintenance window"
    assert found.action is None


def test_given_the_window_is_asked_for_and_tags_are_not_when_decided_then_only_the_tags_are() -> None:
    database = replace(instance("turning-on"), copy_tags=False)
    found = action(database, WAITING)
    assert found.changes == (Change(COPY_TAGS, before=False, after=True),)
    assert found.may_restart is False


def test_given_too_little_is_asked_for_when_decided_then_asked_again() -> None:
    database = replace(instance("turning-on"), pending_retention=timedelta(days=7))
    assert action(database, WAITING).changes == (Change(RETENTION, 0, 14),)


def test_given_the_window_is_pending_and_the_tier_says_immediately_when_decided_then_applied_now() -> None:
    database = replace(instance("turning-on"), pending={"BackupRetentionPeriod": "14"})
    found = action(database)
    assert (found.changes, found.immediately) == ((Change(RETENTION, 0, 14),), True)


def test_given_the_window_that_we_asked_for_just_now_is_pending_when_decided_then_pending_and_no_second_call() -> None:
    database = replace(instance("turning-on"), pending={"BackupRetentionPeriod": "14"})
    found = decision(database, repairs=(Repair(NOW - timedelta(seconds=5), (RETENTION,)),))
    assert isinstance(found, Outcome)
    assert (found.result, found.message) == (Result.PENDING, "a window of 14 d is asked for and is being applied")
    long_ago = (Repair(NOW - CLAIM, (RETENTION,)),)
    assert action(database, repairs=long_ago).immediately is True


def test_given_our_window_is_pending_and_tags_are_lacking_when_decided_then_only_the_tags_and_no_hurry() -> None:
    database = replace(instance("turning-on"), pending={"BackupRetentionPeriod": "14"}, copy_tags=False)
    found = action(database, repairs=(Repair(NOW, (RETENTION,)),))
    assert (found.changes, found.immediately) == ((Change(COPY_TAGS, before=False, after=True),), False)


# --- refusals ---------------------------------------------------------------------------------------------------


def test_given_aws_backup_owns_it_when_decided_then_refused_with_what_to_do() -> None:
    message = refused(instance("owned")).message
    assert message.startswith("aws-backup owns its backups")
    assert "managed_elsewhere" in message


@pytest.mark.parametrize("name", ["turning-on", "upgrading-soon"])
def test_given_somebody_elses_pending_change_when_applying_now_would_flush_it_then_refused_by_name(name: str) -> None:
    found = refused(instance(name))
    expected = {"turning-on": "MasterUserPassword", "upgrading-soon": "DBInstanceClass, EngineVersion"}[name]
    assert found.message.endswith(f"left pending: {expected}")
    assert not found.passing


def test_given_somebody_elses_pending_change_when_ours_waits_for_the_window_too_then_not_refused() -> None:
    assert action(instance("upgrading-soon"), WAITING).immediately is False


@pytest.mark.parametrize(
    ("state", "passing"),
    [(State.BUSY, True), (State.STOPPED, False), (State.FAILED, False), (State.UNKNOWN, False)],
)
def test_given_a_state_that_forbids_changes_when_decided_then_refused_and_only_busy_passes(
    state: State, *, passing: bool
) -> None:
    found = refused(replace(instance("off"), state=state, status="whatever"))
    assert found.message == "is whatever, and can be changed only while available; the next run looks again"
    assert found.passing is passing


def test_given_aws_backup_owns_a_busy_one_when_decided_then_no_reason_to_come_back_soon() -> None:
    assert not refused(replace(instance("owned"), state=State.BUSY)).passing


def repaired(*ago: timedelta, settings: tuple[str, ...] = (COPY_TAGS,)) -> tuple[Repair, ...]:
    return tuple(Repair(NOW - each, settings) for each in ago)


MINUTES = timedelta(minutes=5), timedelta(minutes=40)


@pytest.mark.parametrize(
    ("repairs", "fought"),
    [
        ((), False),
        (repaired(MINUTES[0]), False),
        (repaired(*MINUTES), True),
        (repaired(MINUTES[0], QUIET - timedelta(seconds=1)), True),
        (repaired(MINUTES[0], QUIET), False),
        (repaired(*MINUTES, settings=(DELETION_PROTECTION,)), False),
        (repaired(MINUTES[0]) + repaired(MINUTES[1], settings=(COPY_TAGS, DELETION_PROTECTION)), True),
        (repaired(*MINUTES, timedelta(minutes=50)), True),
    ],
)
def test_given_repairs_of_the_last_hour_when_decided_then_the_second_time_it_is_undone_is_reported_not_fought(
    repairs: tuple[Repair, ...], *, fought: bool
) -> None:
    if not fought:
        assert action(UNTAGGED, repairs=repairs).changes == (Change(COPY_TAGS, before=False, after=True),)
        return
    message = refused(UNTAGGED, repairs=repairs).message
    assert message.startswith(f"{COPY_TAGS} was repaired")
    assert "undone each time" in message


# --- what came of it --------------------------------------------------------------------------------------------


def test_given_every_setting_is_as_asked_when_read_back_then_done() -> None:
    asked = action(instance("off"))
    now = replace(instance("off"), retention=timedelta(days=14), copy_tags=True, deletion_protection=True)
    outcome = read_back(asked, now, now.arn)
    assert outcome.result is Result.DONE
    assert outcome.message == "retention_days 0 -> 14, copy_tags False -> True, deletion_protection False -> True"
    assert outcome.action == asked


def test_given_a_setting_that_did_not_move_when_read_back_then_accepted_is_not_done() -> None:
    asked = action(instance("off"))
    now = replace(instance("off"), copy_tags=True, deletion_protection=True)
    outcome = read_back(asked, now, now.arn)
    assert outcome.result is Result.PENDING
    assert outcome.message == "accepted, not done yet: retention_days is still 0, asked 14"


@pytest.mark.parametrize(("pending", "result"), [(None, Result.DONE), (timedelta(), Result.PENDING)])
def test_given_a_withdrawn_drop_when_read_back_then_done_only_once_nothing_is_pending(
    pending: timedelta | None, result: Result
) -> None:
    asked = action(instance("turning-off"))
    now = replace(instance("turning-off"), pending_retention=pending)
    assert read_back(asked, now, now.arn).result is result


def test_given_the_database_is_gone_when_read_back_then_failed_with_its_name() -> None:
    asked = action(instance("off"))
    outcome = read_back(asked, None, "arn:…")
    assert (outcome.result, outcome.database, outcome.arn) == (Result.FAILED, instance("off").id, "arn:…")


def test_given_the_modes_of_a_tier_when_listed_then_waiting_is_the_default() -> None:
    assert Pitr(window=timedelta(days=14)).apply is Apply.MAINTENANCE_WINDOW
