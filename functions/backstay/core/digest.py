"""The message to people after an audit of everything: what is new, what is most urgent, what is over, what is unknown.

Plain text, since a pager or a mail client may show nothing else.
"""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backstay.core.findings import Severity, verdict_name, verdict_text
from backstay.core.model import utc_text
from backstay.core.naming import finding_id
from backstay.core.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from backstay.core.findings import Finding
    from backstay.core.model import Unread
    from backstay.core.rules import Rule

URGENT: Final = 3
# SNS API reference, Publish: a subject of less than 100 characters; a message of at most 256 KB, of which an SMS or a
# chat shows the beginning. Ours stay far below: what is left out stands in the report.
_LONGEST_SUBJECT: Final = 99
_LONGEST_TEXT: Final = 60_000
_LONGEST_LINE: Final = 400
_LISTED: Final = 20
_RULES: Final[Mapping[str, Rule]] = {rule.id: rule for rule in RULES}
_SEVERITIES: Final = {rule.id: list(Severity).index(rule.severity) for rule in RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """All that the message is made of.

    Attributes:
        open: every open finding.
        new: identities of those that nobody was told of.
        resolved: identities that somebody was told of and that are no longer open, with what made an end of each:
            ``pass``, ``skipped`` or ``gone``.
        unread: what could not be read.
        stale: why an earlier policy stands in; empty when none does.
        place: the vault, for where the whole report is.
        policy: the policy's source, for the commands.
    """

    deployment: str
    now: datetime
    databases: int
    open: tuple[Finding, ...]
    new: frozenset[str]
    resolved: tuple[tuple[str, str], ...]
    unread: tuple[Unread, ...]
    stale: str
    place: str
    policy: str

    @property
    def subject(self) -> str:
        """One line of ASCII, counts first: a telephone shows thirty characters."""
        critical = sum(_RULES[each.rule].severity is Severity.CRITICAL for each in self.open)
        counts = [f"{len(self.new)} new", f"{len(self.resolved)} resolved", f"{len(self.open)} open"]
        if critical:
            counts[-1] += f" ({critical} critical)"
        if self.unread:
            counts.append(f"{len(self.unread)} unread")
        return f"Backstay: {', '.join(counts)} [{self.deployment}]"[:_LONGEST_SUBJECT]

    @property
    def text(self) -> str:
        """The message, at most 60,000 bytes."""
        lines = [
            f"{self.databases} databases audited at {utc_text(self.now.replace(microsecond=0))} by {self.deployment}.",
            f"{len(self.new)} new, {len(self.resolved)} resolved, {len(self.open)} open: {_by_severity(self.open)}.",
            *self._urgent(),
            *self._also_new(),
            *_section("Resolved", [f"{_named(ident)}: {_OVER.get(how, how)}" for ident, how in self.resolved]),
            *_section(
                "Could not be read, so unknown", [f"{each.scope} {each.what}: {each.error}" for each in self.unread]
            ),
            *_section("An earlier policy stands in", [self.stale] if self.stale else []),
            "",
            f"All of it: the newest report under {self.place}/reports/audit/",
        ]
        return _clipped("\n".join(_clean(line) for line in lines) + "\n")

    def _urgent(self) -> list[str]:
        first = urgent(self.open, self.new)[:URGENT]
        if not first:
            return ["", "Nothing is open."]
        lines = ["", "Most urgent"]
        for number, finding in enumerate(first, 1):
            lines += [
                f"{number}. {self._line(finding)}",
                f"   Fix: {fix(finding, policy=self.policy, deployment=self.deployment)}",
            ]
        return lines

    def _also_new(self) -> list[str]:
        shown = {_ident(each) for each in urgent(self.open, self.new)[:URGENT]}
        rest = [each for each in urgent(self.open, self.new) if _ident(each) in self.new - shown]
        return _section("Also new", [self._line(each) for each in rest])

    def _line(self, finding: Finding) -> str:
        word = "new" if _ident(finding) in self.new else "still open"
        database, rule = finding.database, _RULES[finding.rule]
        tier = f"tier {finding.tier}" if finding.tier else "no tier"
        verdict = "" if verdict_name(finding.verdict) == "fail" else "unknown: "
        return (
            f"{rule.severity} {rule.id} {database.name} ({database.id.scope.region}, {tier}), {word}: "
            f"{verdict}{verdict_text(finding.verdict)}"
        )


_OVER: Final = {"pass": "in order again", "skipped": "no longer asked", "gone": "the database is gone"}


def urgent(findings: Iterable[Finding], new: frozenset[str]) -> list[Finding]:
    """Most urgent first: by severity, what is new before what is known, then by tier and name."""
    return sorted(
        findings,
        key=lambda each: (
            _SEVERITIES[each.rule],
            _ident(each) not in new,
            each.tier or "~",  # no tier: nobody said that it matters
            each.database.name,
            each.database.id.key,
            each.rule,
        ),
    )


def fix(finding: Finding, *, policy: str, deployment: str) -> str:
    """The command that mends the finding, where protect may; else what a person does."""
    if not finding.repairable:
        return _RULES[finding.rule].fix
    database = finding.database
    words = ["backstay", "protect", database.arn, "--region", database.id.scope.region]
    words += ["--policy", policy] if policy != "default" else []
    words += ["--deployment", deployment] if deployment != "backstay" else []
    return shlex.join(words)


def _ident(finding: Finding) -> str:
    return finding_id(finding.rule, finding.database.id)


def _named(ident: str) -> str:
    """``BK001 orders (eu-west-2)`` of a finding's identity."""
    rule, _, key = ident.partition("/")
    parts = key.split("/")
    return f"{rule} {parts[-1]} ({parts[2]})" if len(parts) > len(("aws", "account", "region")) else ident


def _by_severity(findings: Sequence[Finding]) -> str:
    counts = Counter(_RULES[each.rule].severity for each in findings)
    return ", ".join(f"{counts[each]} {each}" for each in Severity if counts[each]) or "none"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"- and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return ["", title, *(f"- {line}" for line in lines[:_LISTED]), *more]


def _clean(line: str) -> str:
    """Nothing that steers a terminal or begins a line of its own, and no line that hides the others."""
    printable = "".join(each if each.isprintable() else " " for each in line)
    return printable if len(printable) <= _LONGEST_LINE else f"{printable[: _LONGEST_LINE - 1]}…"


def _clipped(text: str) -> str:
    return text.encode()[:_LONGEST_TEXT].decode(errors="ignore")
