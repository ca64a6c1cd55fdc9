"""Examine: what an audit does to the Databases that it was given, scope by scope. People are told elsewhere."""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Semaphore
from typing import TYPE_CHECKING, Final, TypeVar

from backstay.core.decide.audit import changed, fingerprint, judge, status_of, subject_of, worst
from backstay.core.decide.standing import Standings, is_open, stand, together
from backstay.core.errors import LostRace
from backstay.core.exposure import exposure_of
from backstay.core.findings import Finding, verdict_name
from backstay.core.model import Status
from backstay.core.surroundings import UNSEEN
from backstay.workflows import digest, memory, reports
from backstay.workflows.closing import close
from backstay.workflows.exposures import exposure_part
from backstay.workflows.holdings import reading
from backstay.workflows.observe import observe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from backstay.core.model import Database, Scope, Unread
    from backstay.core.ports import FindingChanged, World
    from backstay.core.requests import AuditRequest
    from backstay.core.rules import Subject
    from backstay.workflows.holdings import Reading
    from backstay.workflows.observe import Observation

_WORKERS: Final = 16
_SCOPES: Final = 4  # at once; each may have _WORKERS calls to the vault under way
_WALKS: Final = 16  # scopes at once, of two page chains each
_TRIES: Final = 5
_AT_ONCE: Final = 1000  # Databases whose verdicts are held at the same time
T = TypeVar("T")
R = TypeVar("R")
Judgement = tuple["Subject", tuple[Finding, ...]]


@dataclass(slots=True)
class _Examined:
    """What is left of one scope's Databases as they are judged: what is in order is kept small, facts are let go."""

    databases: int = 0
    open: list[reports.Report] = field(default_factory=list)
    green: list[reports.Report] = field(default_factory=list)
    exposures: list[reports.Report] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    tiers: dict[str, reports.Report] = field(default_factory=dict)
    status: Status = Status.OK
    told: int = 0
    standings: list[Standings] = field(default_factory=list)
    unread: tuple[Unread, ...] = ()

    def add(self, judged: Sequence[Judgement], scope: Scope) -> None:
        """Adds what some Databases were found to be."""
        self.databases += len(judged)
        for subject, findings in judged:
            unsolved = [each for each in findings if is_open(each)]
            self.open += [reports.finding_part(each) for each in unsolved]
            self.counts.update(verdict_name(each.verdict) for each in findings)
            self.status = worst((self.status, status_of(unsolved, ())))
            if row := reports.green_part(findings):
                self.green.append(row)
            if subject.points is not None:
                away = exposure_of(subject.database, subject.points, subject.now)
                self.exposures.append(exposure_part(subject.database, away, subject.now))
            tier = subject.tier_name
            where = {"tier": tier, "account": scope.account, "region": scope.region}
            sums = self.tiers.setdefault(tier, {**where, "databases": 0, "open": 0})
            sums["databases"] += 1
            sums["open"] += len(unsolved)


def examine(world: World, request: AuditRequest) -> reports.Report:
    """Judges the selected Databases by every rule, remembers the verdicts and tells machines what changed.

    Returns:
        the Report ``backstay.audit/1``: ``counts`` by verdict, ``tiers`` (databases and open findings by tier, account
        and region), ``findings`` (all that fail or are unknown), ``green``
        (the others, by Database), ``changed`` (how many verdicts were told), ``new``, ``still_open`` and ``resolved``
        (identities of findings, against what the last audit remembered), ``exposures`` (one line per Database whose
        tier asks for recovery points: what is lost with its region), ``unread`` (listings that failed) and
        ``not_covered``.

    Raises:
        BadRequest: the request names no Database that we could look at.
        ProviderError: the vault or the bus failed, so what changed could not be remembered or told.
    """
    started, gate = world.clock.now(), Semaphore(_SCOPES)
    if request.ref is None:  # each scope is judged while the walks of the others go on
        walks = [replace(world, inventories={scope: world.inventories[scope]}) for scope in sorted(world.inventories)]
    else:
        walks = [world]
    with reading(world, request, started) as points:
        done = _map(lambda each: _walked(each, request, gate, points, now=started), walks, _WALKS)
    seen = [each for each, _ in done]
    parts = [part for _, found in done for part in found]
    unread = [each for walk in seen for each in walk.unread] + [each for part in parts for each in part.unread]
    unread += points.unread
    return reports.frame(
        "audit",
        world,
        started,
        worst((status_of((), unread), *(part.status for part in parts))),
        databases=sum(part.databases for part in parts),
        counts=sum((part.counts for part in parts), Counter()),
        tiers=[part.tiers[tier] for part in parts for tier in sorted(part.tiers)],
        changed=sum(part.told for part in parts),
        **reports.standings_part(together(each for part in parts for each in part.standings)),
        findings=[each for part in parts for each in part.open],
        green=[row for part in parts for row in part.green],
        exposures=[row for part in parts for row in part.exposures],
        unread=[reports.unread_part(each) for each in unread],
        not_covered=[reports.not_covered_part(each) for walk in seen for each in walk.not_covered],
    )


def _walked(
    world: World, request: AuditRequest, gate: Semaphore, points: Reading, *, now: datetime
) -> tuple[Observation, list[_Examined]]:
    """What one walk saw and could not read, without the Databases, which are judged."""
    seen = observe(world, request, survey=True)
    fleets: dict[Scope, deque[Database]] = {scope: deque() for scope in (world.inventories if request.all else ())}
    for database in seen.databases:
        fleets.setdefault(database.id.scope, deque()).append(database)
    seen = replace(seen, databases=())  # what was judged can go
    with gate:
        return seen, [_scope(world, request, seen, points, fleets[scope], at=(scope, now)) for scope in sorted(fleets)]


def _scope(
    world: World,
    request: AuditRequest,
    seen: Observation,
    points: Reading,
    databases: deque[Database],
    *,
    at: tuple[Scope, datetime],
) -> _Examined:
    scope, now = at
    around, whole = seen.surroundings.get(scope, UNSEEN), request.all is True
    index = memory.known_fingerprints(world.vault, scope) if request.ref is None else {}
    found, fresh, present = _Examined(), dict[str, str](), {each.id.key for each in databases}
    while databases:
        some = [databases.popleft() for _ in range(min(_AT_ONCE, len(databases)))]
        subjects = points.with_points([subject_of(world.policy, database, now, around) for database in some])
        judged: list[Judgement] = [(subject, judge(subject)) for subject in subjects]
        fresh |= _remember(world, scope, judged, index, found, request=request)
        found.add(judged, scope)
    if fresh:
        memory.note_fingerprints(world.vault, scope, fresh)
    if whole and all(each.scope != scope for each in seen.unread):
        closed, unread = close(world, scope, index.keys() - present, now, digest=world.pager is not None)
        found.standings.append(closed)
        found.told += len(closed.resolved)
        found.unread += unread
    return found


def _remember(
    world: World,
    scope: Scope,
    judged: Sequence[Judgement],
    index: Mapping[str, str],
    found: _Examined,
    *,
    request: AuditRequest,
) -> dict[str, str]:
    """Writes what changed and tells it. Returns the fingerprints that are now true.

    One Database, woken by an event, is compared with its own object; a fleet with the index first.
    """
    news = [each for each in judged if _may_be_news(index, *each)]
    changes = [each for each in _map(lambda each: _differs(world, *each), news) if each]
    if changes:
        memory.note_fingerprints(world.vault, scope, {each[0].database.id.key: None for each in changes})
    digested = request.all is True and world.pager is not None
    answers = _map(lambda each: _tell(world, *each, digested=digested), changes)
    differing = {subject.database.id for subject, _ in changes}
    found.told += sum(count for count, _ in answers)
    found.standings += [stand(findings, None) for subject, findings in judged if subject.database.id not in differing]
    found.standings += [standing for _, standing in answers]
    if request.ref is not None and not changes:
        return {}
    return {subject.database.id.key: fingerprint(findings) for subject, findings in news}


def _map(work: Callable[[T], R], items: Sequence[T], workers: int = _WORKERS) -> list[R]:
    if not items:
        return []
    with ThreadPoolExecutor(max_workers=min(workers, len(items))) as pool:
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
    with memory.forgotten_unless_told(memo, etag):
        world.bus.finding_changed(changes)
    digest.note_mailed(world, changes)
    return len(changes)
