"""BK011: tags are copied to snapshots, by which tiers, holds and owners are found when the database is gone."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.policy import Enforce, Require
from backstay.core.rules.base import Answer, Judged, Rule, Subject, primary, required


def check(subject: Subject) -> Judged:
    """Pass, Fail, Skipped where the tier does not ask or it is a replica; Unknown when RDS does not say."""
    asked = required(subject, Require.COPY_TAGS, of=primary(subject))
    if isinstance(asked, Skipped):
        return Judged(asked)
    return Judged(_verdict(copies=subject.database.copy_tags))


def _verdict(*, copies: bool | None) -> Verdict:
    match copies:
        case True:
            return Pass("tags are copied to snapshots")
        case False:
            return Fail("its snapshots carry none of its tags")
        case None:
            return Unknown("RDS does not say whether tags are copied to snapshots")


RULE: Final = Rule(
    id="BK011",
    title="Copies its tags to snapshots",
    severity=Severity.LOW,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier requires "
    "copy_tags",
    why="When the database is gone, its snapshots' tags are all that says whose they are and which tier they had.",
    fix="Turn copying of tags to snapshots on; protect does it where the tier enforces copy_tags.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.16"),
        Answer("Security Hub", "FSBP 1.0.0", "RDS.17"),
        Answer("Security Hub", "FSBP 1.0.0", "RDS.47"),
        Answer("Security Hub", "FSBP 1.0.0", "RDS.48"),
        Answer("AWS Config", "managed rules", "rds-mysql-cluster-copy-tags-to-snapshot-check"),
        Answer("AWS Config", "managed rules", "rds-pgsql-cluster-copy-tags-to-snapshot-check"),
    ),
    check=check,
    repairs=Enforce.COPY_TAGS,
)
