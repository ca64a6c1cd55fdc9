"""BK001: PITR is on, and its window reaches back as far as the tier asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Verdict
from backstay.core.model import Database
from backstay.core.policy import Enforce, Pitr
from backstay.core.rules.base import Answer, Judged, Rule, Subject, span, tier_of

# RDS API reference, BackupRetentionPeriod: 0 to 35 on instances, 1 to 35 on clusters.
LONGEST_WINDOW: Final = timedelta(days=35)


def check(subject: Subject) -> Judged:
    """Pass, Fail (pending when the mending change is asked for already) or Skipped."""
    database, tier = subject.database, tier_of(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    if tier.pitr is None:
        return Judged(Skipped("not asked"))
    if database.replica_of:
        return Judged(Skipped(f"replica of {database.replica_of}: the primary is audited"))
    measured = {
        "window_days": database.retention.total_seconds() / 86400,
        "asked_days": tier.pitr.window.total_seconds() / 86400,
    }
    return Judged(_verdict(database, tier.pitr), measured)


def _verdict(database: Database, asked: Pitr) -> Verdict:
    if asked.window > LONGEST_WINDOW:
        return Fail(f"a window of {span(asked.window)} is asked, but Amazon RDS keeps at most {span(LONGEST_WINDOW)}")
    if database.retention >= asked.window:
        if database.pending_retention is not None and database.pending_retention < asked.window:
            return Fail(f"the window is about to drop to {_window(database.pending_retention)} (change pending)")
        return Pass(f"window {span(database.retention)}, asked {span(asked.window)}")
    now = "PITR is off" if not database.retention else f"window {span(database.retention)}"
    if database.pending_retention is not None and database.pending_retention >= asked.window:
        return Fail(f"{now}; a change to {span(database.pending_retention)} is pending, not done", pending=True)
    return Fail(f"{now}, asked {span(asked.window)}")


def _window(retention: timedelta) -> str:
    return span(retention) if retention else "nothing"


RULE: Final = Rule(
    id="BK001",
    title="PITR is on, with the tier's window",
    severity=Severity.CRITICAL,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters",
    why="Without PITR a dropped table is gone back to the last snapshot; with a short window, once nobody noticed.",
    fix="Raise the backup retention period; protect does it where the tier enforces pitr.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.11"),
        Answer("Security Hub", "FSBP 1.0.0", "RDS.50"),
        Answer("AWS Config", "managed rules", "db-instance-backup-enabled"),
        Answer("AWS Config", "managed rules", "rds-cluster-backup-retention-check"),
        Answer("CIS GCP", "2-4", "6.7"),
        Answer("CIS GCP", "5", "6.8"),
        Answer("Prowler", "5", "rds_instance_backup_enabled"),
        Answer("Prowler", "5", "cloudsql_instance_automated_backups"),
        Answer("HIPAA", "164.308", "(a)(7)(ii)(A)"),
        Answer("NIST 800-53", "r5", "CP-9"),
    ),
    check=check,
    repairs=Enforce.PITR,
)
