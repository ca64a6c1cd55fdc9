"""BK020: no quota is near that would stop the next snapshot, copy or restore."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.restoring import QUOTAS, Quota, Unchecked
from backstay.core.rules.base import Judged, Rule, Subject, primary

# Raising a quota takes AWS a day or more, so the last tenth is what an incident is left with.
NEAR: Final = 0.9


def check(subject: Subject) -> Judged:
    """Pass, Fail naming each quota that is nearly used up, Skipped, or Unknown when they could not be read."""
    tier = primary(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    quotas, wanted = subject.surroundings.quotas, QUOTAS[subject.database.id.kind]
    if isinstance(quotas, Unchecked):
        return Judged(Unknown(quotas.error))
    concerned = [quota for quota in quotas if quota.name in wanted]
    measured = {f"{each.name}_used_ratio": round(_ratio(each), 3) for each in concerned}
    return Judged(_verdict(concerned, wanted), measured)


def _ratio(quota: Quota) -> float:
    return quota.used / quota.maximum if quota.maximum else 1.0


def _verdict(quotas: list[Quota], wanted: tuple[str, ...]) -> Verdict:
    near = [f"{quota.used} of {quota.maximum} {quota.name} used" for quota in quotas if _ratio(quota) >= NEAR]
    if near:
        return Fail(", ".join(near))
    untold = [name for name in wanted if name not in {quota.name for quota in quotas}]
    if untold:
        return Unknown(f"RDS does not tell the quota of {', '.join(untold)}")
    return Pass(f"less than {NEAR:.0%} of every quota is used")


RULE: Final = Rule(
    id="BK020",
    title="Not near a quota",
    severity=Severity.MEDIUM,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters",
    why="A restore makes a new database, a copy a new snapshot: at the quota both are refused, in the incident.",
    fix="Ask for a higher quota in Service Quotas, or remove databases and manual snapshots that nobody needs.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
    answers=(),
    check=check,
)
