"""BK002: the newest restorable moment is no older than the RPO, as measured, not as configured."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped
from backstay.core.model import State
from backstay.core.rules.base import Answer, Judged, Rule, Subject, span, tier_of


def check(subject: Subject) -> Judged:
    """Pass or Fail with the measured RPO in seconds; Skipped where nothing new can be lost or nothing is asked."""
    database, tier = subject.database, tier_of(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    if tier.objectives is None:
        return Judged(Skipped("not asked"))
    if database.replica_of:
        return Judged(Skipped(f"replica of {database.replica_of}: the primary is audited"))
    if database.state is State.STOPPED:
        return Judged(Skipped("is stopped: nothing new is written"))
    asked = tier.objectives.rpo
    if database.window is None:
        why = "PITR is off" if not database.retention else "its first backup is not done yet"
        return Judged(Fail(f"no moment can be restored: {why}"), {"asked_seconds": asked.total_seconds()})
    rpo = subject.now - database.window.latest
    measured = {"rpo_seconds": round(rpo.total_seconds(), 3), "asked_seconds": asked.total_seconds()}
    text = f"restorable to {span(rpo)} ago, asked {span(asked)}"
    return Judged(Pass(text) if rpo <= asked else Fail(text), measured)


RULE: Final = Rule(
    id="BK002",
    title="Restorable to within the RPO now",
    severity=Severity.CRITICAL,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters",
    why="Backups can be on and still stand still: when logs stop shipping, the newest restorable moment stalls.",
    fix="Turn PITR on (BK001); where it is on, look at events and storage: it lags five minutes at most.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html",
    answers=(
        Answer("NIST 800-53", "r5", "CP-9"),
        Answer("NIST 800-53", "r5", "CP-10"),
        Answer("HIPAA", "164.308", "(a)(7)(ii)(B)"),
    ),
    check=check,
)
