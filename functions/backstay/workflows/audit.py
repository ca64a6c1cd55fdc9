"""Audit: observe, judge, remember, tell. Never changes a database."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from backstay.core.decide.audit import changed, fingerprint, judge, status_of, subject_of
from backstay.core.decide.standing import Standings, stand, together
from backstay.core.errors import LostRace
from backstay.core.findings import Finding, verdict_name
from backstay.core.surroundings import UNSEEN
from backstay.workflows import digest, memory, reports
from backstay.workflows.closing import close
from backstay.workflows.observe import observe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backstay.core.ports import FindingChanged, World
    from backstay.core.requests import AuditRequest
    from backstay.core.rules import Subject

_WORKERS: Final = 16
_TRIES: Final = 5
T = TypeVar("T")
R = TypeVar("R")
Judgement = tuple["Subject", tuple[Finding, ...]]


def audit(world: World, request: AuditRequest) -> reports.Report:
    """Judges the selected Databases by every rule.

    Returns:
        the Report ``backstay.audit/1``: ``counts`` by verdict, ``findings`` (all of them), ``changed`` (how many
        verdicts were told), ``new``, ``still_open`` and ``resolved`` (identities of findings, against what the last
        audit remembered), ``digest_sent``, ``unread`` (listings that failed) and ``not_covered``.

    Raises:
        BadRequest: the request names no Database that we could look at.
        ProviderError: the vault or the bus failed, so what changed could not be remembered or told.
    """
    started, whole = world.clock.now(), request.all is True
    known = digest.known(world) if whole else None
    seen = observe(world, request, survey=True)
    around = seen.surroundings
    subjects = [
        subject_of(world.policy, database, started, around.get(database.id.scope, UNSEEN))
        for database in seen.databases
    ]
    judged: list[Judgement] = [(subject, judge(subject)) for subject in subjects]
    index = memory.known_fingerprints(world.vault) if request.ref is None and (judged or whole) else {}
    told, standings = _remember(world, judged, index, whole=whole, trust_index=request.ref is None)
    if whole:
        closed, unconfirmed = close(world, index, seen, started, digest=known is not None)
        standings, seen = together((standings, closed)), replace(seen, unread=(*seen.unread, *unconfirmed))
        told += len(closed.resolved)
    findings = [finding for _, each in judged for finding in each]
    sent = known is not None and digest.send(world, known, findings, seen)
    return reports.frame(
        "audit",
        world,
        started,
        status_of(findings, seen.unread),
        databases=len(seen.databases),
        counts=Counter(verdict_name(finding.verdict) for finding in findings),
        changed=told,
        **reports.standings_part(standings),
        digest_sent=sent,
        findings=[reports.finding_part(finding) for finding in findings],
        unread=[reports.unread_part(each) for each in seen.unread],
        not_covered=[reports.not_covered_part(each) for each in seen.not_covered],
    )


def _remember(
    world: World, judged: Sequence[Judgement], index: Mapping[str, str], *, whole: bool, trust_index: bool
) -> tuple[int, Standings]:
    """Writes what changed and tells it. Returns how many verdicts were told, and how the findings stand.

    One Database, woken by an event, is compared with its own object; a fleet with the index first.
    """
    news = [each for each in judged if _may_be_news(index, *each)]
    changes = [each for each in _map(lambda each: _differs(world, *each), news) if each]
    if changes:
        memory.note_fingerprints(world.vault, {each[0].database.id.key: None for each in changes})
    digested = whole and world.pager is not None
    answers = _map(lambda each: _tell(world, *each, digested=digested), changes)
    if news:
        entries = {subject.database.id.key: fingerprint(findings) for subject, findings in news}
        memory.note_fingerprints(world.vault, entries if trust_index or changes else {})
    differing = {subject.database.id for subject, _ in changes}
    same = [stand(findings, None) for subject, findings in judged if subject.database.id not in differing]
    return sum(count for count, _ in answers), together([*same, *(standing for _, standing in answers)])


def _map(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    if not items:
        return []
    with ThreadPoolExecutor(max_workers=min(_WORKERS, len(items))) as pool:
        return list(pool.map(work, items))


def _may_be_news(index: Mapping[str, str], subject: Subject, findings: tuple[Finding, ...]) -> bool:
    """Whether the Database's own object must be read: a repairable failure is told again while nobody repairs it."""
    known = index.get(subject.database.id.key) == fingerprint(findings)
    return not known or any(finding.repairable for finding in findings)


def _differs(world: World, subject: Subject, findings: tuple[Finding, ...]) -> Judgement | None:
    before = memory.Verdicts(world.vault, subject.database.id).remembered
    same = {rule: each.mark for rule, each in before.items()} == {each.rule: each.mark for each in findings}
    return None if same and not changed(subject, findings, before) else (subject, findings)


def _tell(world: World, subject: Subject, findings: tuple[Finding, ...], *, digested: bool) -> tuple[int, Standings]:
    """Remembers first, so that of two audits that see the same change only one tells it; then tells."""
    for attempt in range(_TRIES):
        memo = memory.Verdicts(world.vault, subject.database.id)
        changes = changed(subject, findings, memo.remembered, digest=digested)
        try:
            etag = memo.replace(subject, findings, {change.finding.rule for change in changes})
        except LostRace:
            if attempt == _TRIES - 1:
                raise
            continue
        return _publish(world, memo, etag, changes), stand(findings, memo.remembered)
    return 0, Standings()


def _publish(world: World, memo: memory.Verdicts, etag: str, changes: Sequence[FindingChanged]) -> int:
    if not changes:
        return 0
    try:
        world.bus.finding_changed(changes)
    except Exception:
        memo.put_back(etag)
        raise
    digest.note_mailed(world, changes)
    return len(changes)
