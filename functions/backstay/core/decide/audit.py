"""The audit's decisions: every rule on one Database, and which verdicts changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from backstay.core.findings import Fail, Finding, Pass, Severity, Skipped, Unknown, verdict_name
from backstay.core.model import Status
from backstay.core.naming import digest
from backstay.core.ports import FindingChanged
from backstay.core.rules import RULES, Subject
from backstay.core.surroundings import UNSEEN
from backstay.core.tiering import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backstay.core.model import Database, Unread
    from backstay.core.policy import Policy
    from backstay.core.surroundings import Surroundings


# A little less than the hour between two audits, so that each of them counts.
RETELL: Final = timedelta(minutes=50)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A finding as the vault remembers it.

    Attributes:
        told: when somebody was last told of it.
        since: since when the verdict has been what it is.
    """

    verdict: str
    mark: str
    told: datetime
    since: datetime


def subject_of(policy: Policy, database: Database, now: datetime, seen: Surroundings = UNSEEN) -> Subject:
    """The Database with its place in the policy and what stands around it."""
    return Subject(database, place(policy, database, policy.today(now)), now, seen)


def judge(subject: Subject) -> tuple[Finding, ...]:
    """Every rule's verdict on one Database, in the order of the rules."""
    return tuple(rule.judge(subject) for rule in RULES)


def fingerprint(findings: Iterable[Finding]) -> str:
    """The same for two audits exactly when nothing in them is news, whatever their messages say."""
    return digest(*(f"{each.rule}={each.mark}" for each in findings))[:16]


def changed(
    subject: Subject, findings: Iterable[Finding], previous: Mapping[str, Remembered], *, digest: bool = False
) -> tuple[FindingChanged, ...]:
    """What is to be told.

    Args:
        subject: the Database that was judged.
        findings: its verdicts now.
        previous: what is remembered by rule; empty on the first audit, when what is green is no news.
        digest: whether this run's own message tells people of it.
    """
    severities = {rule.id: rule.severity for rule in RULES}
    return tuple(
        FindingChanged(
            finding=finding,
            previous=before.verdict if before else None,
            severity=severities[finding.rule],
            found_at=subject.now,
            digest=digest,
        )
        for finding in findings
        if is_news(finding, before := previous.get(finding.rule), subject.now)
    )


def mails_at_once(change: FindingChanged) -> bool:
    """Whether the rule ``new-failure`` mails the change: it was in order, and fails something critical or high.

    Not what the digest of the same run tells. The rule's pattern in template.yaml says the same, and a test holds the
    two together.
    """
    failed = isinstance(change.finding.verdict, Fail) and change.previous == "pass"
    return failed and not change.digest and change.severity in (Severity.CRITICAL, Severity.HIGH)


def is_news(finding: Finding, before: Remembered | None, now: datetime) -> bool:
    """A verdict that differs, a failure that has become repairable, or a repairable one left unrepaired for an hour.

    The last two wake protect again: a change is often noticed while the database is still busy with it, and an event
    can be lost. People are told by the verdict alone.
    """
    if before is None:
        return not isinstance(finding.verdict, Pass | Skipped)
    if before.verdict != verdict_name(finding.verdict):
        return True
    return finding.repairable and (before.mark != finding.mark or now - before.told >= RETELL)


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


def worst(statuses: Iterable[Status]) -> Status:
    """Of several runs' statuses the one to answer with."""
    found = set(statuses)
    return next((each for each in (Status.UNKNOWN, Status.ERROR, Status.FINDINGS) if each in found), Status.OK)
