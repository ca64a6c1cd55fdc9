"""A rule's verdict on a Database: passed, failed, skipped with the reason, or unknown with the error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from backstay.core.model import Database


class Severity(StrEnum):
    """Security Hub's words (ASFF ``Severity.Label``)."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Pass:
    """The rule holds. ``message`` says what was measured."""

    message: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The rule does not hold. ``pending`` when a change that mends it is asked for but not done: not fixed yet."""

    message: str
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """The rule does not apply, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """We could not find out, with the error. Never green."""

    error: str


Verdict = Pass | Fail | Skipped | Unknown


def verdict_name(verdict: Verdict) -> str:
    """``pass``, ``fail``, ``skipped`` or ``unknown``: the word that reports, events and memory use."""
    return type(verdict).__name__.lower()


def verdict_text(verdict: Verdict) -> str:
    """The sentence that goes with the word."""
    match verdict:
        case Pass(message) | Fail(message):
            return message
        case Skipped(reason):
            return reason
        case Unknown(error):
            return error


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's verdict on one Database.

    Attributes:
        measured: the figures behind the verdict (seconds, days), for machines.
        repairable: a Fail that protect may mend now: the tier enforces it, and the database can be changed.
    """

    rule: str
    database: Database
    verdict: Verdict
    tier: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)
    repairable: bool = False

    @property
    def mark(self) -> str:
        """What has to differ for a finding to be news: the verdict's word, and whether it can be repaired now."""
        return f"{verdict_name(self.verdict)}{' repairable' if self.repairable else ''}"
