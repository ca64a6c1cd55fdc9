"""An audit in shards: an order for each account and region, and one Report when all of them are done.

A shard's Report lies in the vault under the run's name, which is all that a run consists of: nothing counts, and a
shard that is done twice is done once. The order to merge comes back until every shard is there or its time is over;
then what is missing is Unread.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from backstay.core.decide.audit import worst
from backstay.core.errors import BadRequest, LostRace, NotFound, Unexpected
from backstay.core.model import Scope, Status, Unread, utc_text
from backstay.core.naming import digest as hashed
from backstay.core.requests import AuditOrder, AuditRequest
from backstay.workflows import digest, reports
from backstay.workflows.audit import audit
from backstay.workflows.examine import examine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from backstay.core.ports import Shards, World
    from backstay.workflows.reports import Report

# As many accounts and regions as one walk reads at the same time; tests/bench measures what a run of them takes.
ALONE: Final = 16
_LOOK: Final = timedelta(minutes=1)
# The queue tries a shard three times, six minutes apart, and a try may take five: template.yaml, AuditShards.
_PATIENCE: Final = timedelta(minutes=25)


def audit_in_shards(world: World, request: AuditRequest) -> Report:
    """Audits in this run, or, where everything is asked for and is too much for one, puts the shards on the queue.

    Returns:
        the Report ``backstay.audit/1`` of `audit`; or one with the status ``pending``, ``run`` (its name) and
        ``waiting_for`` (how many shards), which the merged one follows.
    """
    if request.all is not True or world.shards is None or len(world.inventories) <= ALONE:
        return audit(world, request)
    return _fan_out(world, world.shards)


def _fan_out(world: World, shards: Shards) -> Report:
    started, scopes = world.clock.now(), sorted(world.inventories)
    known = digest.known(world)
    names = [str(scope) for scope in scopes]
    run = f"{started:%Y%m%dT%H%M%SZ}-{hashed(world.deployment, *names)[:8]}"
    document = {
        "schema": "backstay.audit-run/1",
        "started_at": utc_text(started),
        "scopes": names,
        "known": None if known is None else sorted(known),
    }
    world.vault.put(_key(run, "run"), json.dumps(document).encode())
    shards.send([AuditOrder(run=run, account=scope.account, region=scope.region) for scope in scopes])
    shards.send([AuditOrder(run=run)], delay=_LOOK)
    return reports.frame("audit", world, started, Status.PENDING, run=run, waiting_for=len(scopes))


def _key(run: str, name: str) -> str:
    return f"shards/audit/{run}/{name}.json"


def _part_key(run: str, scope: Scope) -> str:
    return _key(run, str(scope).replace("/", "-"))


def _there(world: World, run: str) -> frozenset[str]:
    """The keys of all that belongs to the run by now."""
    return frozenset(world.vault.keys(_key(run, "").removesuffix(".json")))


def shard(world: World, order: AuditOrder, scope: Scope) -> Report:
    """Audits one account and region, and keeps its Report for the run.

    Raises:
        BadRequest: we do not look there (any more).
        ProviderError: the vault or the bus failed; the queue brings the order again.
    """
    if scope not in world.inventories:
        accepted = ", ".join(str(each) for each in world.inventories)
        raise BadRequest("is nowhere that we look", field="account", value=str(scope), accepted=accepted)
    if _part_key(order.run, scope) in _there(world, order.run):
        return reports.frame("audit", world, world.clock.now(), Status.OK, ignored="this shard is done already")
    report = examine(replace(world, inventories={scope: world.inventories[scope]}), AuditRequest(all=True))
    with suppress(LostRace):  # of two the first stands: it saw what is new
        world.vault.put(_part_key(order.run, scope), json.dumps(report).encode(), expect="")
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    """What the run's first message left behind."""

    started: datetime
    scopes: tuple[Scope, ...]
    known: frozenset[str] | None


def merge(world: World, order: AuditOrder) -> Report | None:
    """One Report of all shards, once they are done or their time is over; tells people as `audit` does.

    Returns:
        the Report ``backstay.audit/1`` without ``green``, which each shard's own has: ``shards`` says where. None
        when the run was merged before, or when the order was put back on the queue because shards are missing.

    Raises:
        BadRequest: there is no such run.
        ProviderError: the vault, the pager or the queue failed; the queue brings the order again.
    """
    run = _run(world, order)
    if _newest(world) > run.started:
        return None
    there = _there(world, order.run)
    if _key(order.run, "merged") in there:
        return None
    # What is watched no more since the run began is left out.
    scopes = [scope for scope in run.scopes if scope in world.inventories or _part_key(order.run, scope) in there]
    missing = [scope for scope in scopes if _part_key(order.run, scope) not in there]
    if missing and world.shards is not None and world.clock.now() - run.started < _PATIENCE:
        world.shards.send([order], delay=_LOOK)
        return None
    news = digest.News(run.known or frozenset())
    report = _merged(world, order.run, replace(run, scopes=tuple(scopes)), missing, news)
    sent = run.known is not None and digest.send(world, news, run.started)
    return {**report, "digest_sent": sent}


def merged(world: World, order: AuditOrder, report: Report, place: str) -> None:
    """Notes that the run is merged and where its Report is.

    From here on a message that comes again does nothing, and a run that began earlier tells nobody what may be over.
    """
    body = {"schema": "backstay.audit-merged/1", "at": utc_text(world.clock.now()), "report": place}
    world.vault.put(_key(order.run, "merged"), json.dumps(body).encode())
    newest = {"schema": "backstay.audit-newest/1", "started_at": report["started_at"]}
    world.vault.put(_NEWEST, json.dumps(newest).encode())


def _newest(world: World) -> datetime:
    """When the newest run that was merged had begun; long ago when none was, or nobody can tell."""
    stored = world.vault.get(_NEWEST)
    try:
        return datetime.fromisoformat(json.loads(stored.body)["started_at"]) if stored else _NEVER
    except (KeyError, TypeError, ValueError):
        return _NEVER


def _run(world: World, order: AuditOrder) -> _Run:
    stored = world.vault.get(_key(order.run, "run"))
    if stored is None:
        raise BadRequest("is not a run of ours", field="run", value=order.run, accepted="a run that was begun")
    try:
        document = json.loads(stored.body)
        known = document["known"]
        return _Run(
            datetime.fromisoformat(document["started_at"]),
            tuple(Scope.of(text) for text in document["scopes"]),
            None if known is None else frozenset(known),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise Unexpected(f"what run {order.run} left behind cannot be read: {exc!r}") from exc


def _merged(world: World, name: str, run: _Run, missing: Iterable[Scope], news: digest.News) -> Report:
    """Reads one shard's Report after the other and keeps of each what needs somebody."""
    lost = {scope: _lost(scope) for scope in missing}
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    lists: dict[str, list[Any]] = {key: [] for key in _LISTS}
    stale = world.policy_stale
    for scope, part in _parts(world, name, run.scopes, lost):
        news.add(part, [scope])
        sums += Counter({key: part[key] for key in ("databases", "changed")})
        counts += Counter(part["counts"])
        stale = stale or part["policy"]["stale"]
        for key, found in lists.items():
            found.extend(part[key])
        where = f"{world.vault.place}/{_part_key(name, scope)}"
        row = {"scope": str(scope), "status": part["status"], "databases": part["databases"]}
        lists["shards"].append({**row, "report": "" if scope in lost else where})
    for key in ("new", "still_open"):
        lists[key].sort()  # as one run does: by rule, and then by Database
    lists["resolved"].sort(key=lambda each: each["id"])
    report = reports.frame(
        "audit",
        world,
        run.started,
        worst(Status(each["status"]) for each in lists["shards"]),
        databases=sums["databases"],
        changed=sums["changed"],
        counts=counts,
        **lists,
    )
    return {**report, "policy": {**report["policy"], "stale": stale}}


_SCHEMA: Final = "backstay.audit/1"
_NEWEST: Final = "shards/audit/newest.json"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_LISTS: Final = ("tiers", "new", "still_open", "resolved", "findings", "unread", "not_covered", "shards")
_NOTHING: Final[Report] = {"databases": 0, "changed": 0, "counts": {}, "green": [], "policy": {"stale": ""}}
_EMPTY: Final[Report] = {**_NOTHING, **{key: [] for key in _LISTS}}


def _lost(scope: Scope) -> Report:
    minutes = int(_PATIENCE.total_seconds() // 60)
    unread = Unread(scope, "shard", f"not audited within {minutes} minutes: see the audit's log for its order")
    return {**_EMPTY, "status": Status.UNKNOWN.value, "unread": [reports.unread_part(unread)]}


def _parts(
    world: World, name: str, scopes: Iterable[Scope], lost: dict[Scope, Report]
) -> Iterator[tuple[Scope, Report]]:
    for scope in scopes:
        if scope in lost:
            yield scope, lost[scope]
            continue
        stored = world.vault.get(_part_key(name, scope))
        if stored is None:
            raise NotFound(f"the report of {scope} in run {name} has vanished")
        try:
            part = {**_EMPTY, **json.loads(stored.body)}
        except ValueError as exc:
            raise Unexpected(f"the report of {scope} in run {name} cannot be read: {exc}") from exc
        if part.get("schema") != _SCHEMA:
            raise Unexpected(f"the report of {scope} in run {name} is of the schema {part.get('schema')!r}")
        yield scope, part
