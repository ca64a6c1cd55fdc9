"""BK021: recovery points that the tier wants immutable are: nobody can remove them before their time."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Severity, Skipped
from backstay.core.rules.base import Answer, Judged, Rule, Subject, primary


def check(subject: Subject) -> Judged:
    """Fail where a tier asks for what no snapshot can be, else Skipped.

    RDS has no lock for snapshots: what can be locked lies in a vault of AWS Backup, and is not made by us (AWS Backup
    developer guide, "AWS Backup Vault Lock" and "Logically air-gapped vault").
    """
    tier = primary(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    asked = [copy.to for copy in tier.copies or () if copy.immutable]
    if not asked:
        return Judged(Skipped("not asked"))
    return Judged(
        Fail(f"copies in {', '.join(asked)} are asked to be immutable, but Amazon RDS has no lock for snapshots")
    )


RULE: Final = Rule(
    id="BK021",
    title="Immutable where the tier asks",
    severity=Severity.MEDIUM,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier asks for "
    "immutable copies",
    why="Whoever takes over an account removes the backups first.",
    fix="Let AWS Backup keep these copies in a locked or logically air-gapped vault and list the database under "
    "managed_elsewhere; or forbid rds:DeleteDBSnapshot and rds:DeleteDBClusterSnapshot in the account of the copies by "
    "a service control policy, and leave immutable out.",
    source="https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html",
    answers=(
        Answer("AWS Backup Audit Manager", "controls", "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK"),
        Answer("AWS Config", "managed rules", "aurora-resources-in-logically-air-gapped-vault"),
    ),
    check=check,
)
