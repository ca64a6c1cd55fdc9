"""BK003: every Database belongs to a tier, or to an exemption that has not ended."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped
from backstay.core.model import State
from backstay.core.rules.base import Judged, Rule, Subject
from backstay.core.tiering import Elsewhere, Exempt, InTier, Scratch, Unplaced


def check(subject: Subject) -> Judged:
    """Pass, Fail or, for what nothing of ours looks after by design, Skipped."""
    if subject.database.state is State.LEAVING:
        return Judged(Skipped("is being deleted"))
    match subject.placement:
        case InTier(problem=problem) if problem:
            return Judged(Fail(problem))
        case InTier(expired=expired) | Elsewhere(expired=expired) | Unplaced(expired=expired) if expired:
            return Judged(Fail(f"its exemption ended on {expired.until}: {expired.reason}"))
        case InTier(tier=tier):
            return Judged(Pass(f"tier {tier.name}"))
        case Exempt(exemption):
            return Judged(Pass(f"exempt until {exemption.until}: {exemption.reason}"))
        case Elsewhere(by=by):
            return Judged(Pass(f"managed by {by}"))
        case Scratch():
            return Judged(Skipped("a scratch database"))
        case Unplaced(reason=reason):
            return Judged(Fail(reason))


RULE: Final = Rule(
    id="BK003",
    title="Belongs to a tier, or to an exemption that has not expired",
    severity=Severity.HIGH,
    applies_to="every Database",
    why="Nobody decided how far back this database must be restorable, so nothing else can be judged.",
    fix="Tag it for a tier, or write an exemption with a reason and an end date into the policy.",
    source="docs/policy.md",
    answers=(),
    check=check,
)
