"""BK013: survives the loss of a zone, where the tier asks."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.policy import Require
from backstay.core.rules.base import Answer, Judged, Rule, Subject, primary, required


def check(subject: Subject) -> Judged:
    """Pass, Fail, Skipped where the tier does not ask or it is a replica; Unknown when RDS does not say."""
    asked = required(subject, Require.MULTI_AZ, of=primary(subject))
    if isinstance(asked, Skipped):
        return Judged(asked)
    return Judged(_verdict(several=subject.database.config.multi_az))


def _verdict(*, several: bool | None) -> Verdict:
    match several:
        case True:
            return Pass("instances in several zones")
        case False:
            return Fail("in one zone only: while that is down, so is the database")
        case None:
            return Unknown("RDS does not say in how many zones it is")


RULE: Final = Rule(
    id="BK013",
    title="Survives the loss of a zone",
    severity=Severity.MEDIUM,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier requires "
    "multi_az",
    why="A zone fails more often than a region. With a standby that is a minute; without one it is a restore.",
    fix="Turn Multi-AZ on; give an Aurora cluster a reader in another zone.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.5"),
        Answer("Security Hub", "FSBP 1.0.0", "RDS.15"),
        Answer("CIS AWS", "4-5", "2.2.4"),
        Answer("CIS AWS", "6-7", "3.2.4"),
    ),
    check=check,
)
