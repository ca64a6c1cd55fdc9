"""BK004: the newest snapshot of ours is no older than the tier's slots allow."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.holdings import There
from backstay.core.model import State, utc_text
from backstay.core.rules.base import Answer, Judged, Rule, Subject, span
from backstay.core.rules.places import is_new, points_of
from backstay.core.slots import due_by, grace


def check(subject: Subject) -> Judged:
    """Pass, Fail (pending while the slot's snapshot is being made), Skipped, or Unknown when not all could be read."""
    found = points_of(subject)
    if isinstance(found, Skipped | Unknown):
        return Judged(found)
    tier, points = found
    if tier.snapshots is None:
        return Judged(Skipped("not asked"))
    if subject.database.state is State.STOPPED:
        return Judged(Skipped("is stopped: it cannot be snapshotted before it runs again"))
    due, newest = due_by(tier.snapshots, points.zone, subject.now), points.home.holding.newest(subject.now)
    measured = {"asked_seconds": (subject.now - due).total_seconds()}
    if newest is not None:
        measured["age_seconds"] = round((subject.now - newest).total_seconds(), 3)
    verdict = _verdict(points.home, newest, due, subject.now)
    if isinstance(verdict, Fail) and not verdict.pending and is_new(subject, grace(tier.snapshots)):
        return Judged(Skipped(f"is new: its first snapshot has time for {span(grace(tier.snapshots))}"))
    return Judged(verdict, measured)


def _verdict(home: There, newest: datetime | None, due: datetime, now: datetime) -> Verdict:
    """A fresh one that was seen is there, whatever could not be read beside it."""
    holding = home.holding
    text = f"the newest snapshot is {span(now - newest)} old" if newest else "no snapshot of ours is there"
    if newest is not None and newest >= due:
        return Pass(f"{text}, asked {span(now - due)}")
    if holding.coming is not None and holding.coming >= due:
        return Fail(f"{text}; one is being made", pending=True)
    if home.unread:
        return Unknown(home.unread)
    if holding.ageless:
        return Unknown(f"{text}, but of {holding.ageless} nobody tells how old the data is")
    return Fail(f"{text}; one of the slot {utc_text(due)} is due")


RULE: Final = Rule(
    id="BK004",
    title="A snapshot no older than its slot",
    severity=Severity.HIGH,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier asks for "
    "snapshots",
    why="Automated backups go with the database and reach back 35 days at most; a snapshot stays, and is what copies "
    "are made of.",
    fix="Run snapshot for the database and read its outcome: it says why none could be taken.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CreateSnapshot.html",
    answers=(
        Answer("AWS Config", "managed rules", "rds-last-backup-recovery-point-created"),
        Answer("AWS Config", "managed rules", "aurora-last-backup-recovery-point-created"),
        Answer("AWS Backup Audit Manager", "controls", "BACKUP_LAST_RECOVERY_POINT_CREATED"),
        Answer("HIPAA", "164.308", "(a)(7)(ii)(A)"),
        Answer("NIST 800-53", "r5", "CP-9"),
        Answer("CIS Controls", "8.1", "11.2"),
    ),
    check=check,
)
