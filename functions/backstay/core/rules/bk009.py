"""BK009: encrypted at rest, and so is every recovery point made of it."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.policy import Require
from backstay.core.rules.base import Answer, Judged, Rule, Subject, required

# RDS API reference, StorageEncryptionType.
_WORDS: Final = {"sse-kms": "under a KMS key", "sse-rds": "under a key that AWS owns"}


def check(subject: Subject) -> Judged:
    """Pass, Fail, Skipped where the tier does not ask; Unknown when RDS does not say."""
    asked = required(subject, Require.ENCRYPTED)
    return Judged(asked if isinstance(asked, Skipped) else _verdict(subject.database.config.encryption))


def _verdict(encryption: str) -> Verdict:
    if encryption in _WORDS:
        return Pass(f"encrypted {_WORDS[encryption]}")
    if encryption == "none":
        return Fail("is not encrypted, and neither is any backup of it")
    return Unknown(f"RDS does not say how it is encrypted (StorageEncryptionType {encryption or 'missing'})")


RULE: Final = Rule(
    id="BK009",
    title="Encrypted at rest",
    severity=Severity.HIGH,
    applies_to="RDS DB instances, Aurora and Multi-AZ DB clusters, where the tier requires encrypted",
    why="Snapshots and copies inherit it: an unencrypted database leaves readable copies wherever its backups go.",
    fix="It cannot be switched on: copy a snapshot with a KMS key, restore from the copy, and move over.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.3"),
        Answer("Security Hub", "FSBP 1.0.0", "RDS.27"),
        Answer("CIS AWS", "1.5-3", "2.3.1"),
        Answer("CIS AWS", "4-5", "2.2.1"),
        Answer("CIS AWS", "6-7", "3.2.1"),
        Answer("Prowler", "5", "cloudsql_instance_cmek_encryption_enabled"),
    ),
    check=check,
)
