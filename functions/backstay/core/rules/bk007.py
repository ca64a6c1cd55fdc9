"""BK007: the recovery points are encrypted, and under keys that can still decrypt them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.restoring import Unchecked
from backstay.core.rules.base import Answer, Judged, Rule, Subject
from backstay.core.rules.places import points_of, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.holdings import Points, There


def check(subject: Subject) -> Judged:
    """Pass, Fail naming points or keys, Skipped, or Unknown where points or a key could not be read."""
    found = points_of(subject)
    if isinstance(found, Skipped | Unknown):
        return Judged(found)
    _, points = found
    measured = {
        "points": sum(each.holding.points for each in points.places),
        "unencrypted": sum(each.holding.unencrypted.count for each in points.places),
    }
    verdicts = [verdict for there in points.places for verdict in _place(there, points)]
    return Judged(together(verdicts) if verdicts else _fine(points), measured)


def _place(there: There, points: Points) -> Iterator[Verdict]:
    """What is not in order in one place."""
    holding, where = there.holding, there.scope
    if holding.unencrypted:
        count = holding.unencrypted.count
        yield Fail(f"{where}: {count} of {holding.points} not encrypted: {holding.unencrypted}")
    for key in sorted(holding.keys):
        facts = points.keys.get((where, key), Unchecked(f"key {key} was not looked at"))
        if isinstance(facts, Unchecked):
            yield Unknown(f"{where}: {facts.error}")
        elif facts.problem:
            yield Fail(f"{where}: {facts.problem}")
    if holding.untold:
        yield Unknown(f"{where}: RDS does not say how {holding.untold} is encrypted")
    if there.unread:
        yield Unknown(f"{where}: {there.unread}")


def _fine(points: Points) -> Verdict:
    count, keys = (
        sum(each.holding.points for each in points.places),
        sum(len(each.holding.keys) for each in points.places),
    )
    if not count:
        return Skipped("there is no recovery point: see BK004 and BK006")
    return Pass(f"recovery points encrypted: all {count}; keys usable: all {keys}")


RULE: Final = Rule(
    id="BK007",
    title="Recovery points encrypted, under keys that are there",
    severity=Severity.HIGH,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier asks for "
    "snapshots, copies or replicate_to: their manual snapshots, whoever took them, and our copies",
    why="An unencrypted snapshot can be read by whoever it is shared with; one whose key is deleted by nobody, ever.",
    fix="Cancel the key's deletion or enable it, as the message says. Copy an unencrypted instance snapshot under a "
    "key, or encrypt the database itself (BK009): an Aurora snapshot cannot be encrypted by copying.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.4"),
        Answer("Security Hub", "FSBP 1.0.0", "Backup.1"),
        Answer("AWS Backup Audit Manager", "controls", "BACKUP_RECOVERY_POINT_ENCRYPTED"),
        Answer("AWS Config", "managed rules", "rds-snapshot-encrypted"),
        Answer("CIS Controls", "8.1", "11.3"),
    ),
    check=check,
)
