"""BK022: one master only. AWS Backup beside us changes the same settings, and each undoes the other."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped
from backstay.core.model import State
from backstay.core.rules.base import Answer, Judged, Rule, Subject, tier_of
from backstay.core.tiering import Elsewhere


def check(subject: Subject) -> Judged:
    """Fail when the service says that another master owns the backups and the policy does not say so."""
    database = subject.database
    if isinstance(subject.placement, Elsewhere) and database.state is not State.LEAVING:
        return Judged(Pass(f"the policy leaves it to {subject.placement.by}"))
    tier = tier_of(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    if database.managed_by:
        return Judged(Fail(f"{database.managed_by} owns its backups, and tier {tier.name} asks for ours"))
    return Judged(Pass("no other master"))


RULE: Final = Rule(
    id="BK022",
    title="Not governed by two masters",
    severity=Severity.MEDIUM,
    applies_to="RDS DB instances, Aurora and Multi-AZ DB clusters",
    why="A database under continuous backup by AWS Backup refuses our changes, and two retention rules fight.",
    fix="List it under managed_elsewhere in the policy, or take it out of the backup plan.",
    source="https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.26"),
        Answer("AWS Config", "managed rules", "rds-resources-protected-by-backup-plan"),
        Answer("AWS Config", "managed rules", "aurora-resources-protected-by-backup-plan"),
    ),
    check=check,
)
