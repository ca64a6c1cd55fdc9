"""BK010: protected from deletion, which would take the automated backups along."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.policy import Enforce, Require
from backstay.core.rules.base import Answer, Judged, Rule, Subject, primary, required


def check(subject: Subject) -> Judged:
    """Pass, Fail, Skipped where the tier does not ask or a replica could go; Unknown when RDS does not say."""
    asked = required(subject, Require.DELETION_PROTECTION, of=primary(subject))
    if isinstance(asked, Skipped):
        return Judged(asked)
    return Judged(_verdict(protected=subject.database.deletion_protection))


def _verdict(*, protected: bool | None) -> Verdict:
    match protected:
        case True:
            return Pass("protected from deletion")
        case False:
            return Fail("one call can delete it, and by default its automated backups with it")
        case None:
            return Unknown("RDS does not say whether it is protected from deletion")


RULE: Final = Rule(
    id="BK010",
    title="Protected from deletion",
    severity=Severity.HIGH,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier requires "
    "deletion_protection",
    why="Deleting a database deletes its automated backups unless the caller asks otherwise. That choice is made in "
    "the call itself, so no setting but this one keeps the backups.",
    fix="Turn deletion protection on; protect does it where the tier enforces deletion_protection.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.7"),
        Answer("Security Hub", "FSBP 1.0.0", "RDS.8"),
        Answer("CIS GCP", "5", "6.9"),
    ),
    check=check,
    repairs=Enforce.DELETION_PROTECTION,
)
