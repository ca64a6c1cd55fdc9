"""What a rule is, and what it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backstay.core.findings import Fail, Finding, Severity, Skipped, Verdict
from backstay.core.holdings import Points
from backstay.core.model import Database, State
from backstay.core.policy import Enforce, Require, Tier
from backstay.core.surroundings import UNSEEN, Surroundings
from backstay.core.tiering import Elsewhere, Exempt, InTier, Placement, Scratch, Unplaced


@dataclass(frozen=True, slots=True)
class Answer:
    """One identifier in somebody else's framework that a rule answers."""

    framework: str
    version: str
    id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One Database with its place in the policy and what stands around it, at one moment.

    ``points`` is what is known of its recovery points; None where nobody read them.
    """

    database: Database
    placement: Placement
    now: datetime
    surroundings: Surroundings = UNSEEN
    points: Points | None = None

    @property
    def tier_name(self) -> str:
        """The tier's name, or empty outside of any."""
        return self.placement.tier.name if isinstance(self.placement, InTier) else ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with the figures behind it, in the units that their names say."""

    verdict: Verdict
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that the audit asks of every Database.

    Attributes:
        id: ours, stable, never reused.
        applies_to: in words, for people.
        why: what breaks when it fails.
        fix: what to do, as a sentence.
        source: where the requirement stands.
        answers: the identifiers in other frameworks.
        repairs: what a tier must enforce for protect to mend it; None when only a person can.
        check: the rule itself; pure.
    """

    id: str
    title: str
    severity: Severity
    applies_to: str
    why: str
    fix: str
    source: str
    answers: tuple[Answer, ...]
    check: Callable[[Subject], Judged]
    repairs: Enforce | None = None

    def judge(self, subject: Subject) -> Finding:
        """The verdict on one Database."""
        judged = self.check(subject)
        return Finding(
            rule=self.id,
            database=subject.database,
            verdict=judged.verdict,
            tier=subject.tier_name,
            measured=judged.measured,
            repairable=isinstance(judged.verdict, Fail) and self._repairable(subject, judged.verdict),
        )

    def _repairable(self, subject: Subject, failure: Fail) -> bool:
        """Not while the database is busy: a change would be refused, and its next event wakes us again."""
        placement = subject.placement
        return (
            self.repairs is not None
            and not failure.pending
            and subject.database.state is State.AVAILABLE
            and isinstance(placement, InTier)
            and placement.tier.enforces(self.repairs)
        )


def tier_of(subject: Subject) -> Tier | Skipped:
    """The tier that asks something of the Database, or why nothing is asked."""
    if subject.database.state is State.LEAVING:
        return Skipped("is being deleted")
    match subject.placement:
        case InTier(tier=tier):
            return tier
        case Exempt(exemption):
            return Skipped(f"exempt until {exemption.until}: {exemption.reason}")
        case Elsewhere(by=by):
            return Skipped(f"managed by {by}")
        case Scratch():
            return Skipped("a scratch database")
        case Unplaced(reason=reason):
            return Skipped(f"in no tier ({reason}): see BK003")


def primary(subject: Subject) -> Tier | Skipped:
    """The tier of a Database that is restored itself; of a replica, why nothing is asked."""
    tier = tier_of(subject)
    if isinstance(tier, Skipped) or not subject.database.replica_of:
        return tier
    return Skipped(f"replica of {subject.database.replica_of}: the primary is audited")


def required(subject: Subject, what: Require, *, of: Tier | Skipped | None = None) -> Tier | Skipped:
    """The tier, when it holds the Database to ``what``, or why it does not; ``of`` when it is known already."""
    tier = tier_of(subject) if of is None else of
    return tier if isinstance(tier, Skipped) or tier.requires(what) else Skipped("not asked")


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def span(value: timedelta) -> str:
    """A duration for people: ``14 d``, ``26 h``, ``5 min``, ``40 s``; the largest unit that keeps it readable."""
    seconds = round(value.total_seconds())
    for size, unit in _UNITS:
        if abs(seconds) >= 2 * size or (seconds and seconds % size == 0):
            number = seconds / size
            return f"{number:.0f} {unit}" if number == int(number) else f"{number:.1f} {unit}"
    return f"{seconds} s"
