"""BK019: its changes are watched: the rules that forward its region's events to us exist and are enabled."""

from __future__ import annotations

from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.naming import FORWARDING
from backstay.core.restoring import Unchecked
from backstay.core.rules.base import Judged, Rule, Subject, tier_of
from backstay.core.surroundings import Surroundings


def check(subject: Subject) -> Judged:
    """Pass, Fail naming each rule that is missing or disabled, Skipped, or Unknown when they could not be listed."""
    tier = tier_of(subject)
    return Judged(tier if isinstance(tier, Skipped) else _verdict(subject.surroundings))


def _verdict(seen: Surroundings) -> Verdict:
    if seen.watchers is None:
        return Skipped("nothing is deployed")
    if isinstance(seen.watchers, Unchecked):
        return Unknown(seen.watchers.error)
    missing = [f"{tail} is missing" for tail in FORWARDING if not any(name.endswith(tail) for name in seen.watchers)]
    disabled = [f"{name} is disabled" for name, enabled in sorted(seen.watchers.items()) if not enabled]
    if missing or disabled:
        return Fail(f"its region's changes do not wake us: {', '.join(missing + disabled)}")
    return Pass("its region's changes wake us")


RULE: Final = Rule(
    id="BK019",
    title="Its changes are watched",
    severity=Severity.MEDIUM,
    applies_to="every Database in a tier, where Backstay is deployed",
    why="Without the rules a change is seen only by the next scheduled audit: up to an hour without backups.",
    fix=(
        "Deploy infra/region.yaml to the database's region again, in a member account infra/member-region.yaml; enable "
        "the rules that somebody disabled."
    ),
    source="docs/operations.md",
    answers=(),
    check=check,
)
