"""BK008: no recovery point is shared with everyone, or with an account that we do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.rules.base import Answer, Judged, Rule, Subject
from backstay.core.rules.places import points_of, together

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backstay.core.holdings import There

EVERYONE: Final = "all"
"""What stands in place of accounts (RDS API reference, ModifyDBSnapshotAttribute)."""
_NAMED: Final = 3


def check(subject: Subject) -> Judged:
    """Pass, Fail naming snapshots and accounts, Skipped, or Unknown while some have not been looked at."""
    found = points_of(subject)
    if isinstance(found, Skipped | Unknown):
        return Judged(found)
    _, points = found
    manual = sum(each.holding.manual for each in points.places)
    measured = {
        "snapshots": manual,
        "not_looked_at": sum(each.holding.unlooked for each in points.places),
        "shared": sum(len(each.holding.shared) for each in points.places),
    }
    verdicts = [verdict for there in points.places for verdict in _place(there)]
    return Judged(together(verdicts) if verdicts else _fine(manual), measured)


def _fine(manual: int) -> Verdict:
    if not manual:
        return Skipped("there is no snapshot that could be shared")
    return Pass(f"none of {manual} snapshots is shared with anybody unknown")


def _place(there: There) -> Iterator[Verdict]:
    """What is not in order in one place."""
    holding, where = there.holding, there.scope
    if holding.shared:
        yield Fail(f"{where}: {_shared(holding.shared)}")
    overdue = holding.unlooked - (0 if there.unlooked else holding.fresh)
    if overdue:
        why = f" ({there.unlooked})" if there.unlooked else ""
        yield Unknown(f"{where}: {overdue} of {holding.manual} snapshots not looked at yet{why}")
    if there.unread:
        yield Unknown(f"{where}: {there.unread}")


def _shared(shared: Mapping[str, tuple[str, ...]]) -> str:
    """Those that everyone may copy first."""
    ranked = sorted(shared.items(), key=lambda each: (EVERYONE not in each[1], each[0]))
    texts = [
        f"{name} is shared with {'everyone' if EVERYONE in accounts else ', '.join(accounts)}"
        for name, accounts in ranked[:_NAMED]
    ]
    more = len(ranked) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")


RULE: Final = Rule(
    id="BK008",
    title="No recovery point shared with everyone or unknown accounts",
    severity=Severity.CRITICAL,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier asks for "
    "snapshots, copies or replicate_to: their manual snapshots, whoever took them, and our copies",
    why="Whoever a snapshot is shared with can restore it and read all of it, and nothing in the database shows it.",
    fix="Take the account back: aws rds modify-db-snapshot-attribute --attribute-name restore --values-to-remove "
    "ACCOUNT (or all); of clusters, modify-db-cluster-snapshot-attribute. An account that is meant belongs under the "
    "policy's locations.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.1"),
        Answer("AWS Config", "managed rules", "rds-snapshots-public-prohibited"),
        Answer("CIS Controls", "8.1", "11.3"),
    ),
    check=check,
)
