"""BK012: no public address. Of Aurora, each member says it for itself."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.model import Database, Kind
from backstay.core.policy import Require
from backstay.core.rules.base import Answer, Judged, Rule, Subject, required


def check(subject: Subject) -> Judged:
    """Pass, Fail, Skipped where the tier does not ask; Unknown when RDS, or a member's listing, does not say."""
    asked = required(subject, Require.PRIVATE)
    return Judged(asked if isinstance(asked, Skipped) else _verdict(subject.database))


def _verdict(database: Database) -> Verdict:
    if database.id.kind is Kind.INSTANCE or database.config.instance_class:  # a Multi-AZ cluster says it as a whole
        return _of(database.config.public)
    members = database.config.members
    public = [each.name for each in members if each.public]
    if public:
        return Fail(f"has a public address: {', '.join(public)}")
    unseen = [each.name for each in members if each.public is None]
    if unseen:
        return Unknown(f"not known of its members {', '.join(unseen)}")
    return Pass("no member has a public address" if members else "has no instances, so no address")


def _of(public: bool | None) -> Verdict:
    match public:
        case False:
            return Pass("no public address")
        case True:
            return Fail("has a public address")
        case None:
            return Unknown("RDS does not say whether it has a public address")


RULE: Final = Rule(
    id="BK012",
    title="Not reachable from the internet",
    severity=Severity.CRITICAL,
    applies_to="RDS DB instances, Aurora and Multi-AZ DB clusters, where the tier requires private",
    why="Who can reach a database can try its passwords, encrypt it or drop it: the day that backups are for.",
    fix="Turn public access off (PubliclyAccessible); reach it through the VPC.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    answers=(
        Answer("Security Hub", "FSBP 1.0.0", "RDS.2"),
        Answer("CIS AWS", "1.5-3", "2.3.3"),
        Answer("CIS AWS", "4-5", "2.2.3"),
        Answer("CIS AWS", "6-7", "3.2.3"),
        Answer("CIS GCP", "2-4", "6.5"),
        Answer("CIS GCP", "2-4", "6.6"),
        Answer("CIS GCP", "5", "6.7"),
    ),
    check=check,
)
