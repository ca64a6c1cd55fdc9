"""How a finding stands against what is remembered: new, still open, or resolved.

A finding is *open* while its verdict is Fail or Unknown. Its identity is its rule and its Database, whatever its
message says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backstay.core.findings import verdict_name
from backstay.core.naming import finding_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backstay.core.decide.audit import Remembered
    from backstay.core.findings import Finding

OPEN: Final = frozenset({"fail", "unknown"})
GONE: Final = "gone"


@dataclass(frozen=True, slots=True)
class Standings:
    """Identities of findings, told apart.

    Attributes:
        resolved: with what made an end of it: ``pass``, ``skipped``, or ``gone`` with its Database.
    """

    new: tuple[str, ...] = ()
    still_open: tuple[str, ...] = ()
    resolved: tuple[tuple[str, str], ...] = ()


def is_open(finding: Finding) -> bool:
    """Whether somebody has to do something about it."""
    return verdict_name(finding.verdict) in OPEN


def stand(findings: Iterable[Finding], before: Mapping[str, Remembered] | None) -> Standings:
    """The standings of one Database.

    Args:
        findings: its verdicts now.
        before: what is remembered by rule; None when every verdict is known to be the one that is remembered.
    """
    new: list[str] = []
    still: list[str] = []
    resolved: list[tuple[str, str]] = []
    for finding in findings:
        ident, word = finding_id(finding.rule, finding.database.id), verdict_name(finding.verdict)
        known = before is None or (finding.rule in before and before[finding.rule].verdict in OPEN)
        if word in OPEN:
            (still if known else new).append(ident)
        elif before is not None and known:
            resolved.append((ident, word))
    return Standings(tuple(new), tuple(still), tuple(resolved))


def together(parts: Iterable[Standings]) -> Standings:
    """The standings of many Databases as one, in order."""
    every = tuple(parts)
    return Standings(
        tuple(sorted(each for part in every for each in part.new)),
        tuple(sorted(each for part in every for each in part.still_open)),
        tuple(sorted(each for part in every for each in part.resolved)),
    )
