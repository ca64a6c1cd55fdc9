"""BK017: restorable with its configuration: the groups that it uses still exist."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown
from backstay.core.restoring import Unchecked
from backstay.core.rules.base import Judged, Rule, Subject, primary
from backstay.core.surroundings import missing_groups


def check(subject: Subject) -> Judged:
    """Pass, Fail naming each group that is gone, Skipped, or Unknown when a list of groups could not be read."""
    tier = primary(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    missing = missing_groups(subject.database, subject.surroundings)
    if isinstance(missing, Unchecked):
        return Judged(Unknown(missing.error))
    return Judged(Fail(f"gone: {', '.join(missing)}") if missing else Pass("all its groups exist"))


RULE: Final = Rule(
    id="BK017",
    title="Restorable with its configuration",
    severity=Severity.MEDIUM,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters",
    why="A restore that names a group that is gone is refused; one that names none comes back with the defaults.",
    fix="Make the group again under its name, or give the database one that exists.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html",
    answers=(),
    check=check,
)
