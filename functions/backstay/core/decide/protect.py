"""What protect would change on one Database, or why it leaves it alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backstay.core.findings import Skipped
from backstay.core.model import Change, ChangeSettings, Database, Kind, Outcome, Result, State
from backstay.core.policy import Apply, Enforce, Tier
from backstay.core.rules.base import Subject, span, tier_of

RETENTION: Final = "retention_days"
# A drop that somebody has asked for and that is not done yet: asking for the present window withdraws it, before the
# automated backups are gone.
WITHDRAW: Final = "pending_retention_days"
COPY_TAGS: Final = "copy_tags"
DELETION_PROTECTION: Final = "deletion_protection"
# Somebody who undoes a repair is repaired once within this time; the second time is a disagreement between people.
QUIET: Final = timedelta(hours=1)
_REPAIRS_WITHIN_QUIET: Final = 2
# A claim whose run died without a word holds no longer than a function can live (Lambda quotas, "Function timeout").
CLAIM: Final = timedelta(minutes=15)
_PENDING_RETENTION: Final = "BackupRetentionPeriod"


@dataclass(frozen=True, slots=True)
class Repair:
    """One remembered repair: when, and of which settings. Until the provider has accepted it (``made``), a claim."""

    at: datetime
    settings: tuple[str, ...]
    made: bool = True


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Nothing is asked of this Database, or everything asked is true; ``reason`` says which."""

    reason: str


def protect(subject: Subject, repairs: tuple[Repair, ...]) -> ChangeSettings | Outcome | LeftAlone:
    """One modify call that makes the enforced settings true, a refusal or a pending change, or nothing to do.

    Args:
        subject: the Database as it is now, with its place in the policy.
        repairs: what we repaired on it lately.
    """
    tier = tier_of(subject)
    if isinstance(tier, Skipped):
        return LeftAlone(tier.reason)
    if not tier.enforce:
        return LeftAlone(f"tier {tier.name} enforces nothing: report only")
    database = subject.database
    if database.replica_of:
        return LeftAlone(f"replica of {database.replica_of}: the primary is protected")
    changes = _wanted(database, tier)
    if not changes:
        return LeftAlone("already as the tier asks")
    if any(not each.made and subject.now - each.at < CLAIM for each in repairs):
        message = "another run is repairing this database right now"
        return Outcome(database=database.id, arn=database.arn, result=Result.PENDING, message=message)
    if refusal := _refusal(database, changes, repairs, subject.now):
        busy = database.state is State.BUSY and not database.managed_by
        return Outcome(database=database.id, arn=database.arn, result=Result.REFUSED, message=refusal, passing=busy)
    ours = any(RETENTION in each.settings and subject.now - each.at < CLAIM for each in repairs)
    return _action(database, tier, changes, asked_by_us=ours)


def _wanted(database: Database, tier: Tier) -> tuple[Change, ...]:
    changes = []
    if tier.enforces(Enforce.PITR) and tier.pitr is not None:
        asked, pending = tier.pitr.window, database.pending_retention
        if database.retention < asked:
            # Somebody may have asked for more already: that is not taken back.
            changes.append(Change(RETENTION, database.retention.days, max(asked, pending or asked).days))
        elif pending is not None and pending < asked:
            changes.append(Change(WITHDRAW, pending.days, database.retention.days))
    if tier.enforces(Enforce.COPY_TAGS) and database.copy_tags is False:
        changes.append(Change(COPY_TAGS, before=False, after=True))
    if tier.enforces(Enforce.DELETION_PROTECTION) and database.deletion_protection is False:
        changes.append(Change(DELETION_PROTECTION, before=False, after=True))
    return tuple(changes)


def _refusal(database: Database, changes: tuple[Change, ...], repairs: tuple[Repair, ...], now: datetime) -> str:
    if database.managed_by:
        how = "take it out of the backup plan, or list it under managed_elsewhere"
        return f"{database.managed_by} owns its backups: {how}"
    if database.state is not State.AVAILABLE:
        return f"is {database.status}, and can be changed only while available; the next run looks again"
    for change in changes:
        made = [each for each in repairs if each.made and now - each.at < QUIET]
        lately = [each for each in made if change.setting in each.settings]
        if len(lately) >= _REPAIRS_WITHIN_QUIET:
            return (
                f"{change.setting} was repaired {len(lately)} times within {span(QUIET)} and undone each time: "
                "somebody disagrees with the policy; find out who before the next run"
            )
    return ""


def _action(
    database: Database, tier: Tier, changes: tuple[Change, ...], *, asked_by_us: bool
) -> ChangeSettings | Outcome:
    turning_on = database.id.kind is Kind.INSTANCE and not database.retention
    asks_window = any(change.setting == RETENTION for change in changes)
    immediately = bool(turning_on and asks_window and tier.pitr and tier.pitr.apply is Apply.IMMEDIATELY)
    asked = database.pending_retention
    # Our own call is shown as pending for some seconds while the database is still available: not asked for twice.
    waits = not immediately or asked_by_us
    if waits and asks_window and tier.pitr and asked is not None and asked >= tier.pitr.window:
        changes = tuple(change for change in changes if change.setting != RETENTION)
        if not changes:
            what = "is being applied" if immediately else "waits for the maintenance window"
            message = f"a window of {span(asked)} is asked for and {what}"
            return Outcome(database=database.id, arn=database.arn, result=Result.PENDING, message=message)
        immediately = False
    others = sorted(key for key in database.pending if key != _PENDING_RETENTION)
    if immediately and others:
        message = f"applying now would also apply what somebody else left pending: {', '.join(others)}"
        return Outcome(database=database.id, arn=database.arn, result=Result.REFUSED, message=message)
    return ChangeSettings(
        database=database.id,
        changes=changes,
        reason=f"tier {tier.name} enforces it",
        immediately=immediately,
        may_restart=turning_on and any(change.setting == RETENTION for change in changes),
    )


def read_back(action: ChangeSettings, now: Database | None, arn: str) -> Outcome:
    """What became of an accepted change, judged by the Database as it is: done, or pending. Accepted is not done."""
    if now is None:
        message = "the database is gone"
        return Outcome(database=action.database, arn=arn, result=Result.FAILED, message=message, action=action)
    waiting = [change for change in action.changes if _value(now, change.setting) != change.after]
    if not waiting:
        done = ", ".join(f"{change.setting} {change.before} -> {change.after}" for change in action.changes)
        return Outcome(database=now.id, arn=arn, result=Result.DONE, message=done, action=action)
    text = ", ".join(f"{change.setting} is still {_value(now, change.setting)}" for change in waiting)
    message = f"accepted, not done yet: {text}, asked {', '.join(str(change.after) for change in waiting)}"
    return Outcome(database=now.id, arn=arn, result=Result.PENDING, message=message, action=action)


def _value(database: Database, setting: str) -> object:
    pending = database.retention if database.pending_retention is None else database.pending_retention
    return {
        RETENTION: database.retention.days,
        WITHDRAW: pending.days,
        COPY_TAGS: database.copy_tags,
        DELETION_PROTECTION: database.deletion_protection,
    }[setting]
