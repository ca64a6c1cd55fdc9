"""The audit's decisions: every rule on one Database, and which verdicts changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.model import Fail, Finding, Pass, Skipped, Status, Unknown, verdict_name
from backstay.core.naming import digest
from backstay.core.ports import FindingChanged
from backstay.core.rules import RULES, Subject
from backstay.core.tiering import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from backstay.core.model import Database, Unread
    from backstay.core.policy import Policy


def subject_of(policy: Policy, database: Database, now: datetime) -> Subject:
    """The Database with its place in the policy."""
    return Subject(database, place(policy, database, policy.today(now)), now)


def judge(subject: Subject) -> tuple[Finding, ...]:
    """Every rule's verdict on one Database, in the order of the rules."""
    return tuple(rule.judge(subject) for rule in RULES)


def fingerprint(findings: Iterable[Finding]) -> str:
    """The same for two audits exactly when no verdict differs, whatever their messages say."""
    return digest(*(f"{each.rule}={verdict_name(each.verdict)}" for each in findings))[:16]


def changed(subject: Subject, findings: Iterable[Finding], previous: Mapping[str, str]) -> tuple[FindingChanged, ...]:
    """What is to be told: verdicts that differ from the remembered ones.

    Args:
        subject: the Database that was judged.
        findings: its verdicts now.
        previous: rule to verdict word as remembered; empty on the first audit, when what is green is no news.
    """
    rules = {rule.id: rule for rule in RULES}
    return tuple(
        FindingChanged(
            finding=finding,
            previous=previous.get(finding.rule),
            repairable=isinstance(finding.verdict, Fail)
            and not finding.verdict.pending
            and rules[finding.rule].repairable(subject),
            severity=rules[finding.rule].severity,
            found_at=subject.now,
        )
        for finding in findings
        if _is_news(finding, previous.get(finding.rule))
    )


def _is_news(finding: Finding, before: str | None) -> bool:
    if before is None:
        return not isinstance(finding.verdict, Pass | Skipped)
    return before != verdict_name(finding.verdict)


def status_of(findings: Iterable[Finding], unread: Iterable[Unread]) -> Status:
    """Unknown outranks findings: what could not be read may be worse than what was."""
    if any(True for _ in unread):
        return Status.UNKNOWN
    status = Status.OK
    for finding in findings:
        if isinstance(finding.verdict, Unknown):
            return Status.UNKNOWN
        if isinstance(finding.verdict, Fail):
            status = Status.FINDINGS
    return status
