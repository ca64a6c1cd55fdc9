"""Observe: one walk over everything that is to be looked at, all page chains at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Final

from backstay.core.errors import BadRequest, NoSuchDatabase, ProviderError
from backstay.core.model import Kind, NotCovered, Unread
from backstay.core.tiering import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backstay.core.model import Database, Member, Scope
    from backstay.core.ports import Inventory, Page, Survey, World
    from backstay.core.requests import DatabaseRef, Selection
    from backstay.core.surroundings import Surroundings

_WORKERS: Final = 32  # page chains wait for the network, not for a core


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen, what is not ours to cover, what could not be read, and what stands around what was seen."""

    databases: tuple[Database, ...]
    unread: tuple[Unread, ...] = ()
    not_covered: tuple[NotCovered, ...] = ()
    surroundings: Mapping[Scope, Surroundings] = field(default_factory=dict)


def observe(world: World, selection: Selection, *, survey: bool = False) -> Observation:
    """Reads the selected Databases. A listing that fails becomes Unread and does not hide the others.

    Args:
        world: where to look.
        selection: which Databases.
        survey: also read what stands around them, beside the walk: per scope, and for one Database in its own.

    Raises:
        BadRequest: the named Database is in no scope that we look at, or in several.
        NoSuchDatabase: it is not there.
    """
    ref = selection.ref
    seen = _everything(world, survey=survey) if ref is None else find(world, ref)
    if ref is not None and not seen.databases and not seen.unread:
        where = ", ".join(str(scope) for scope in scopes_for(world, ref))
        raise NoSuchDatabase("is not there", field="database", value=str(ref), accepted=f"a database in {where}")
    if ref is not None and survey:
        seen = _surveyed(seen, _begun(world, {each.id.scope for each in seen.databases}), seen.databases)
    if selection.match is None:
        return seen
    chosen = tuple(each for each in seen.databases if matches(selection.match, each))
    return replace(seen, databases=chosen, not_covered=())


def _everything(world: World, *, survey: bool) -> Observation:
    chains = [(inventory, kind) for inventory in world.inventories.values() for kind in Kind]
    joins = {
        inventory.scope: _Join(world if survey else None, inventory.scope) for inventory in world.inventories.values()
    }
    with ThreadPoolExecutor(max_workers=min(_WORKERS, max(len(chains), 1))) as pool:
        walking = [pool.submit(_chain, world, joins[inventory.scope], inventory, kind) for inventory, kind in chains]
        surveys = {scope: found for scope, join in joins.items() if (found := join.survey())}  # once the walk has begun
        seen = _merged(each.result() for each in walking)
    seen = replace(seen, databases=tuple(joins[each.id.scope].joined(each) for each in seen.databases))
    return _surveyed(seen, surveys, (each for scope in surveys for each in joins[scope].unmet()))


class _Join:
    """What the two chains of a scope tell of each other: a cluster's members stand among the instances.

    What a cluster's restore orders is known with its last member, and is read from then on.
    """

    def __init__(self, world: World | None, scope: Scope) -> None:
        self._world, self._scope, self._lock = world, scope, Lock()
        self._members: dict[str, Member] = {}
        self._unmet: list[Database] = []
        self._survey: Survey | None = None

    def survey(self) -> Survey | None:
        """The scope's survey, begun when it is first asked for; None when none is wanted."""
        with self._lock:
            if self._survey is None and self._world is not None and self._scope in self._world.surveyors:
                self._survey = self._world.surveyors[self._scope].begin()
            return self._survey

    def add(self, page: Page) -> None:
        """Tells the survey of all on the page that is known now."""
        survey = self.survey()
        with self._lock:
            self._members.update((member.name, member) for member in page.members)
            waiting = [*self._unmet, *page.databases]
            known = [each for each in waiting if self._complete(each)]
            self._unmet = [each for each in waiting if not self._complete(each)]
        if survey:
            survey.meet(self.joined(each) for each in known)

    def _complete(self, database: Database) -> bool:
        return all(member.name in self._members for member in database.config.members)

    def unmet(self) -> list[Database]:
        """Those of which a member was not seen."""
        return [self.joined(each) for each in self._unmet]

    def joined(self, database: Database) -> Database:
        """A cluster with what its members' own listing told; an instance as it is."""
        return database.with_members(self._members) if self._members and database.config.members else database


def _begun(world: World, scopes: Iterable[Scope]) -> dict[Scope, Survey]:
    return {scope: world.surveyors[scope].begin() for scope in scopes if scope in world.surveyors}


def _surveyed(seen: Observation, surveys: Mapping[Scope, Survey], unmet: Iterable[Database]) -> Observation:
    """With each survey's result, once it has met those that nobody told it of yet."""
    late: dict[Scope, list[Database]] = {}
    for database in unmet:
        late.setdefault(database.id.scope, []).append(database)
    for scope, survey in surveys.items():
        survey.meet(late.get(scope, ()))
    return replace(seen, surroundings={scope: survey.result() for scope, survey in surveys.items()})


def _chain(world: World, join: _Join, inventory: Inventory, kind: Kind) -> Observation:
    databases: list[Database] = []
    unread: list[Unread] = []
    foreign: list[NotCovered] = []
    what = f"{kind}s"
    try:
        for page in inventory.pages(kind):
            databases.extend(page.databases)
            join.add(page)
            foreign.extend(page.not_covered)
            unread.extend(Unread(inventory.scope, what, error) for error in page.unreadable)
    except ProviderError as exc:
        # The pages before are good; what would have followed is unknown, and the run says so.
        unread.append(Unread(inventory.scope, what, str(exc)))
    world.note(f"{inventory.scope}: {len(databases)} {what}")
    return Observation(tuple(databases), tuple(unread), tuple(foreign))


def _merged(parts: Iterable[Observation]) -> Observation:
    databases: list[Database] = []
    unread: list[Unread] = []
    foreign: list[NotCovered] = []
    for part in parts:
        databases.extend(part.databases)
        unread.extend(part.unread)
        foreign.extend(part.not_covered)
    return Observation(tuple(sorted(databases, key=lambda each: each.id)), tuple(unread), tuple(foreign))


def scopes_for(world: World, ref: DatabaseRef) -> list[Scope]:
    """The scopes in which the named Database may be.

    Raises:
        BadRequest: it is in none that we look at.
    """
    scopes = [scope for scope in world.inventories if ref.may_be_in(scope)]
    if not scopes:
        accepted = ", ".join(str(scope) for scope in world.inventories)
        raise BadRequest("is nowhere that we look", field="database", value=str(ref), accepted=f"one in {accepted}")
    return scopes


def find(world: World, ref: DatabaseRef) -> Observation:
    """The named Database, or nothing, or Unread where it might be.

    Raises:
        BadRequest: several Databases have the name, or it is in no scope that we look at.
    """
    scopes = scopes_for(world, ref)
    with ThreadPoolExecutor(max_workers=min(_WORKERS, len(scopes))) as pool:
        seen = _merged(pool.map(lambda scope: _find_in(world.inventories[scope], ref), scopes))
    if len(seen.databases) > 1:
        accepted = " or ".join(each.arn for each in seen.databases)
        raise BadRequest("names several databases", field="database", value=ref.name, accepted=accepted)
    return seen


def _find_in(inventory: Inventory, ref: DatabaseRef) -> Observation:
    try:
        database = inventory.find(ref)
    except ProviderError as exc:
        return Observation((), (Unread(inventory.scope, str(ref), str(exc)),))
    return Observation((database,) if database else ())
