"""Holdings: what an audit reads of recovery points, where a tier asks for any; elsewhere it makes no call for them.

A fleet's points are read in one walk over all places, begun beside the walk over its Databases, and reduced page by
page: what stays of a Database and place is a few figures, and eight bytes for each of our points. Of one Database its
own are read when it is judged.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Final

from backstay.core.errors import ProviderError
from backstay.core.findings import Skipped
from backstay.core.holdings import Holding, Points, There, asks_points
from backstay.core.model import Kind, Unread
from backstay.core.notation import matches_any
from backstay.core.places import place_of, replica_place, wanted_copies
from backstay.core.points import Origin, is_ours
from backstay.core.policy import effective
from backstay.core.restoring import Unchecked
from backstay.core.rules.base import primary
from backstay.workflows import shares
from backstay.workflows.points import gather_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from backstay.core.model import Database, DatabaseId, Scope
    from backstay.core.points import RecoveryPoint, ReplicatedBackups
    from backstay.core.policy import Match, Policy, Tier
    from backstay.core.ports import World
    from backstay.core.requests import AuditRequest
    from backstay.core.rules import Subject
    from backstay.core.stores import KeyFacts
    from backstay.workflows.shares import Ledger

_WORKERS: Final = 32  # page chains wait for the network, not for a core
_KEYS: Final = 8
Replicated = dict[str, list["ReplicatedBackups"]]


@dataclass(slots=True)
class Read:
    """What was read, by place.

    Attributes:
        holdings: by place, and then by `DatabaseId.key`.
        replicated: by place, and then by ARN of the instance; Unchecked where it could not be listed.
        unlooked: why nobody could look at whom a place's points are shared with.
        torn: why a place's points of a kind are not all known.
        unread: listings that failed.
    """

    holdings: dict[Scope, dict[str, Holding]] = field(default_factory=dict)
    replicated: dict[Scope, Replicated | Unchecked] = field(default_factory=dict)
    unlooked: dict[Scope, str] = field(default_factory=dict)
    torn: dict[tuple[Scope, Kind], str] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def there(self, scope: Scope, database: DatabaseId) -> There:
        """What a place has of a Database. Where nobody looked, that is why nothing is known."""
        if scope not in self.holdings:
            return There(scope, Holding(), "its recovery points were not listed")
        unread = self.torn.get((scope, database.kind), "")
        holding = self.holdings[scope].get(database.key, Holding())
        return There(scope, holding, unread, self.unlooked.get(scope, ""))


class _Walk:
    """Reads points of the Databases of some scopes, wherever they are, and keeps figures of them."""

    def __init__(self, world: World, homes: Iterable[Scope], now: datetime, most: int | None) -> None:
        self._world, self._now, self._most = world, now, most
        self._homes = {str(scope): scope for scope in homes}
        self._ledgers: dict[Scope, Ledger] = {}
        self._lock = Lock()
        self.read = Read()

    def everything(self, places: Iterable[Scope], replicas: Iterable[Scope]) -> Read:
        """Every point in these places, and what is replicated to those; all page chains at once."""
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            replicated = [pool.submit(self._replicas, scope) for scope in replicas]
            opened = [scope for scope in pool.map(self._open, places) if scope]
            chains = [pool.submit(self._chain, scope, kind) for scope in opened for kind in Kind]
            for each in (*replicated, *chains):
                each.result()
        return self._looked()

    def of(self, database: Database, places: Iterable[Scope], replicas: Iterable[Scope]) -> Read:
        """The points of one Database in these places as they are now."""
        chosen = [scope for scope in map(self._open, places) if scope]
        found = gather_of(self._world, database.id, chosen)
        self._tear(found.unread, database.id.kind)
        for point in found.of(database.id):
            self._add(point)
        for scope in replicas:
            self._replicas(scope)
        return self._looked()

    def _open(self, scope: Scope) -> Scope | None:
        """The scope, if there is somebody to ask. What is remembered of it is read first, so that pages can go."""
        if scope not in self._world.stores:
            return None
        self.read.holdings[scope] = {}
        self._ledgers[scope] = shares.begin(self._world, scope, self._now, self._most)
        return scope

    def _chain(self, scope: Scope, kind: Kind) -> None:
        """One page chain. Pages before an error are good; what would have followed is unknown.

        Where something is made while the chain is read, the next page begins with what the last one ended with.
        """
        what, count, before = f"{kind} snapshots", 0, set[str]()
        torn: list[Unread] = []
        try:
            for page in self._world.stores[scope].pages(kind):
                with self._lock:
                    for point in page.points:
                        if point.id not in before:
                            self._add(point)
                before = {point.id for point in page.points}
                torn += [Unread(scope, what, error) for error in page.unreadable]
                count += len(page.points)
        except ProviderError as exc:
            torn.append(Unread(scope, what, str(exc)))
        self._world.note(f"{scope}: {count} {what}")
        self._tear(torn, kind)

    def _tear(self, torn: Sequence[Unread], kind: Kind) -> None:
        with self._lock:
            self.read.unread += torn
            for each in torn:
                self.read.torn.setdefault((each.scope, kind), each.error)

    def _add(self, point: RecoveryPoint) -> None:
        """Ours counts for the Database that its tag names, others where the Database lives. The service's own do not.

        A tag that a restored database has handed on names another one than the point is of: that makes it another's.
        """
        ours = is_ours(point, self._world.deployment)
        if ours:
            tail = "/" + point.kind + "/" + point.source
            ours = point.database.endswith(tail)
            if ours and point.database.removesuffix(tail) not in self._homes:
                return
        if not ours and (point.origin is Origin.AUTOMATED or str(point.scope) not in self._homes):
            return
        key = point.database if ours else f"{point.scope}/{point.kind}/{point.source}"
        there = self.read.holdings[point.scope]
        holding = there.get(key)
        if holding is None:  # a million points are of a few thousand Databases
            holding = there[key] = Holding()
        holding.add(point, ours=ours)
        self._ledgers[point.scope].meet(point, holding, ours=ours)

    def _replicas(self, scope: Scope) -> None:
        if scope not in self._world.stores:
            self.read.replicated[scope] = Unchecked(f"{scope}: what is replicated there was not listed")
            return
        found: Replicated = {}
        try:
            for each in self._world.stores[scope].replicated():
                found.setdefault(each.source, []).append(each)
        except ProviderError as exc:
            self.read.replicated[scope] = Unchecked(str(exc))
            with self._lock:
                self.read.unread.append(Unread(scope, "replicated backups", str(exc)))
        else:
            self.read.replicated[scope] = found

    def _looked(self) -> Read:
        with ThreadPoolExecutor(max_workers=max(min(_KEYS, len(self._ledgers)), 1)) as pool:
            list(pool.map(lambda ledger: ledger.look(), self._ledgers.values()))
        self.read.unlooked = {scope: each.error for scope, each in self._ledgers.items() if each.error}
        self._ledgers.clear()
        return self.read


class Reading:
    """What a run knows of recovery points, for whoever judges a Database.

    Args:
        world: where to look.
        now: when the run began.
        fleet: what is read of all Databases; None where each is read for itself.
    """

    def __init__(self, world: World, now: datetime, fleet: Future[Read] | None) -> None:
        self._world, self._now, self._fleet = world, now, fleet
        self._keys: dict[tuple[Scope, str], KeyFacts | Unchecked] = {}
        self._lock = Lock()
        self._alone: list[Unread] = []

    @property
    def unread(self) -> list[Unread]:
        """The listings that failed."""
        return [*self._alone, *(self._fleet.result().unread if self._fleet else ())]

    def with_points(self, subjects: Sequence[Subject]) -> list[Subject]:
        """Each with what is known of its points, where its tier asks for any. Waits for the walk over them.

        Raises:
            ProviderError: the vault failed.
        """
        known = [self._points(each) for each in subjects]
        self._look_up({each for points in known if points for each in _keys_of(points)})
        return [
            replace(each, points=replace(points, keys={used: self._keys[used] for used in _keys_of(points)}))
            if points
            else each
            for each, points in zip(subjects, known, strict=True)
        ]

    def _points(self, subject: Subject) -> Points | None:
        tier, database = primary(subject), subject.database
        if isinstance(tier, Skipped) or not asks_points(tier):
            return None
        policy, scope = self._world.policy, database.id.scope
        wanted, replica = wanted_copies(policy, tier, scope), replica_place(policy, tier, scope)
        read = self._fleet.result() if self._fleet else self._read_alone(database, tier)
        replicated = read.replicated.get(replica.scope, {}) if replica else {}
        return Points(
            zone=policy.timezone,
            home=read.there(scope, database.id),
            copies=tuple((each, read.there(each.place.scope, database.id)) for each in wanted),
            nowhere=_nowhere(policy, tier, scope),
            replica=replica,
            replicated=replicated if isinstance(replicated, Unchecked) else tuple(replicated.get(database.arn, ())),
        )

    def _read_alone(self, database: Database, tier: Tier) -> Read:
        scope, policy = database.id.scope, self._world.policy
        walk = _Walk(self._world, [scope], self._now, None)
        read = walk.of(database, _places(policy, tier, scope), _replicas(policy, tier, scope))
        self._alone += read.unread
        return read

    def _look_up(self, keys: set[tuple[Scope, str]]) -> None:
        """Each key once in a run, however many points use it."""
        with self._lock:
            fresh = sorted(keys - self._keys.keys())
            if fresh:
                with ThreadPoolExecutor(max_workers=min(_KEYS, len(fresh))) as pool:
                    self._keys |= dict(zip(fresh, pool.map(lambda each: self._key(*each), fresh), strict=True))

    def _key(self, scope: Scope, key: str) -> KeyFacts | Unchecked:
        try:
            facts = self._world.stores[scope].key(key)
        except ProviderError as exc:
            return Unchecked(str(exc))
        return Unchecked(facts.problem) if facts.hidden else facts


def _keys_of(points: Points) -> set[tuple[Scope, str]]:
    return {(there.scope, key) for there in points.places for key in there.holding.keys}


@contextmanager
def reading(world: World, request: AuditRequest, now: datetime) -> Iterator[Reading]:
    """Begins to read, where the policy asks for recovery points anywhere that we look; ends with what was begun."""
    if request.ref is not None:
        yield Reading(world, now, None)
        return
    places = dict.fromkeys(each for tier, scope in _asking(world) for each in _places(world.policy, tier, scope))
    replicas = dict.fromkeys(each for tier, scope in _asking(world) for each in _replicas(world.policy, tier, scope))
    if not places:
        done: Future[Read] = Future()
        done.set_result(Read())
        yield Reading(world, now, done)
        return
    walk = _Walk(world, world.inventories, now, shares.MOST)
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield Reading(world, now, pool.submit(walk.everything, places, replicas))


def _asking(world: World) -> Iterator[tuple[Tier, Scope]]:
    """The tiers that ask for points, with each scope that could have one of their Databases."""
    for given in world.policy.tiers:
        tier = effective(world.policy, given)
        if asks_points(tier):
            yield from ((tier, scope) for scope in world.inventories if _may_hold(tier.match, scope))


def _may_hold(match: Match, scope: Scope) -> bool:
    return (not match.accounts or matches_any(match.accounts, scope.account)) and (
        not match.regions or matches_any(match.regions, scope.region)
    )


def _places(policy: Policy, tier: Tier, scope: Scope) -> tuple[Scope, ...]:
    """Where a tier wants points of a Database in that scope."""
    return (scope, *(each.place.scope for each in wanted_copies(policy, tier, scope)))


def _replicas(policy: Policy, tier: Tier, scope: Scope) -> tuple[Scope, ...]:
    place = replica_place(policy, tier, scope)
    return (place.scope,) if place else ()


def _nowhere(policy: Policy, tier: Tier, scope: Scope) -> tuple[str, ...]:
    """Locations that the tier names and that have no entry for the Database's cloud."""
    names: Mapping[str, None] = dict.fromkeys([each.to for each in tier.copies or ()])
    if tier.pitr and tier.pitr.replicate_to:
        names = {**names, tier.pitr.replicate_to: None}
    return tuple(name for name in names if place_of(policy, name, scope) is None)
