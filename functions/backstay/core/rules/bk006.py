"""BK006: every place that the tier asks for has a copy as fresh as the slots allow, or the replicated backups."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.model import Kind, State
from backstay.core.restoring import Unchecked
from backstay.core.rules.base import Answer, Judged, Rule, Subject, span
from backstay.core.rules.places import is_new, points_of, together
from backstay.core.slots import copied_by, copying, grace

if TYPE_CHECKING:
    from backstay.core.holdings import Points, There
    from backstay.core.places import Place, Wanted
    from backstay.core.policy import Tier


def check(subject: Subject) -> Judged:
    """Pass, Fail naming each place (pending while a copy is on its way), Skipped, or Unknown where it was not read."""
    found = points_of(subject)
    if isinstance(found, Skipped | Unknown):
        return Judged(found)
    tier, points = found
    verdicts: list[Verdict] = [Fail(f"location {name} has no place on its cloud") for name in points.nowhere]
    verdicts += [_copy(subject, tier, points, wanted, there) for wanted, there in points.copies]
    if points.replica is not None:
        verdicts.append(_replica(subject, tier, points, points.replica))
    ages = [
        (subject.now - newest).total_seconds()
        for _, there in points.copies
        if (newest := there.holding.newest(subject.now)) is not None
    ]
    return Judged(together(verdicts), {"oldest_newest_seconds": round(max(ages), 3)} if ages else {})


def _copy(subject: Subject, tier: Tier, points: Points, wanted: Wanted, there: There) -> Verdict:
    """A fresh one that was seen is there, whatever could not be read beside it."""
    holding, now, name = there.holding, subject.now, wanted.place.name
    newest, due = holding.newest(now), _due(subject, tier, points)
    text = f"{name} ({there.scope.region}): {f'{span(now - newest)} old' if newest else 'none'}"
    if newest is not None and (due is None or newest >= due):
        return Pass(text)
    if holding.coming is not None and (due is None or holding.coming >= due):
        return Fail(f"{text}, and one is on its way", pending=True)
    if there.unread:
        return Unknown(f"{name}: {there.unread}")
    if holding.ageless:
        return Unknown(f"{text}, but of {holding.ageless} nobody tells how old the data is")
    takes = grace(tier.snapshots) + copying(tier.snapshots) if tier.snapshots else timedelta()
    if is_new(subject, takes):
        return Skipped(f"is new: its first copy has time for {span(takes)}")
    return Fail(f"{text}, asked {span(now - due)}" if due else text)


def _due(subject: Subject, tier: Tier, points: Points) -> datetime | None:
    """How new a copy must be: of what is stopped, and so writes nothing, as new as the newest snapshot.

    None where any copy will do, since no snapshots are asked that it could be held against.
    """
    due = copied_by(tier.snapshots, points.zone, subject.now) if tier.snapshots else None
    if due is None or subject.database.state is not State.STOPPED or points.home.unread:
        return due
    newest = points.home.holding.newest(subject.now)
    return due if newest is None else min(due, newest)


def _replica(subject: Subject, tier: Tier, points: Points, place: Place) -> Verdict:
    """What the database says of it, and how fresh it is there."""
    database, name = subject.database, f"replicated backups in {place.name}"
    if database.id.kind is not Kind.INSTANCE:
        return Fail(f"{name} are asked, but RDS replicates automated backups of DB instances only: ask for copies")
    if all(arn.split(":")[3:4] != [place.scope.region] for arn in database.replicated_to):
        return Fail(f"{name}: none")
    if isinstance(points.replicated, Unchecked):
        return Unknown(f"{name}: {points.replicated.error}")
    windows = [each.window for each in points.replicated if each.window is not None]
    if not windows:
        return Fail(f"{name}: the first one is on its way", pending=True)
    age = subject.now - max(each.latest for each in windows)
    text = f"{name}: restorable to {span(age)} ago"
    rpo = tier.objectives.rpo if tier.objectives else None
    if rpo is not None and age > rpo and database.state is not State.STOPPED:
        return Fail(f"{text}, asked {span(rpo)}")
    return Pass(text)


RULE: Final = Rule(
    id="BK006",
    title="A fresh copy in every place that the tier asks for",
    severity=Severity.HIGH,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier asks for copies "
    "or replicate_to",
    why="Snapshots lie in the region of their database, and in its account: what takes the region or the account away "
    "takes them along.",
    fix="Run replicate for the database and read its outcomes: they name the key, the cap or the quota in its way.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html",
    answers=(
        Answer("AWS Backup Audit Manager", "controls", "BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION"),
        Answer("AWS Backup Audit Manager", "controls", "BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT"),
        Answer("NIST 800-53", "r5", "CP-6"),
        Answer("NIST 800-53", "r5", "CP-9"),
        Answer("CIS Controls", "8.1", "11.4"),
    ),
    check=check,
)
