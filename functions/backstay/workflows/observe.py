"""Observe: one walk over everything that is to be looked at, all page chains at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from backstay.core.errors import BadRequest, NoSuchDatabase, ProviderError
from backstay.core.model import Kind, NotCovered, Unread
from backstay.core.tiering import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backstay.core.model import Database, Member, Scope
    from backstay.core.ports import Inventory, Survey, World
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


@dataclass(frozen=True, slots=True)
class _Walked:
    """One chain's part, with the clusters' members that stood among the instances."""

    scope: Scope
    part: Observation
    members: tuple[Member, ...] = ()


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
    surveys = _begun(world, world.inventories) if survey else {}
    with ThreadPoolExecutor(max_workers=min(_WORKERS, max(len(chains), 1))) as pool:
        walked = list(pool.map(lambda chain: _chain(world, surveys.get(chain[0].scope), *chain), chains))
    members: dict[Scope, dict[str, Member]] = {}
    for each in walked:
        members.setdefault(each.scope, {}).update((member.name, member) for member in each.members)
    seen = _merged(each.part for each in walked)
    seen = replace(seen, databases=tuple(_joined(each, members) for each in seen.databases))
    # What a cluster's restore orders is known only now: its members' classes stood in the other chain.
    return _surveyed(seen, surveys, (each for each in seen.databases if each.id.kind is Kind.CLUSTER))


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


def _joined(database: Database, members: Mapping[Scope, Mapping[str, Member]]) -> Database:
    known = members.get(database.id.scope)
    return database.with_members(known) if known and database.config.members else database


def _chain(world: World, survey: Survey | None, inventory: Inventory, kind: Kind) -> _Walked:
    databases: list[Database] = []
    unread: list[Unread] = []
    foreign: list[NotCovered] = []
    members: list[Member] = []
    what = f"{kind}s"
    try:
        for page in inventory.pages(kind):
            databases.extend(page.databases)
            members.extend(page.members)
            if survey and kind is Kind.INSTANCE:
                survey.meet(page.databases)
            foreign.extend(page.not_covered)
            unread.extend(Unread(inventory.scope, what, error) for error in page.unreadable)
    except ProviderError as exc:
        # The pages before are good; what would have followed is unknown, and the run says so.
        unread.append(Unread(inventory.scope, what, str(exc)))
    world.note(f"{inventory.scope}: {len(databases)} {what}")
    part = Observation(tuple(databases), tuple(unread), tuple(foreign))
    return _Walked(inventory.scope, part, tuple(members))


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
