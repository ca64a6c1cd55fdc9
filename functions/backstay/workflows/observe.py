"""Observe: one walk over everything that is to be looked at, all page chains at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backstay.core.errors import BadRequest, NoSuchDatabase, ProviderError
from backstay.core.model import Kind, NotCovered, Unread
from backstay.core.tiering import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstay.core.model import Database, Scope
    from backstay.core.ports import Inventory, World
    from backstay.core.requests import DatabaseRef, Selection

_WORKERS: Final = 32  # page chains wait for the network, not for a core


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen, what is not ours to cover, and what could not be read."""

    databases: tuple[Database, ...]
    unread: tuple[Unread, ...] = ()
    not_covered: tuple[NotCovered, ...] = ()


def observe(world: World, selection: Selection) -> Observation:
    """Reads the selected Databases. A listing that fails becomes Unread and does not hide the others.

    Raises:
        BadRequest: the named Database is in no scope that we look at, or in several.
        NoSuchDatabase: it is not there.
    """
    ref = selection.ref
    seen = _everything(world) if ref is None else find(world, ref)
    if ref is not None and not seen.databases and not seen.unread:
        where = ", ".join(str(scope) for scope in scopes_for(world, ref))
        raise NoSuchDatabase("is not there", field="database", value=str(ref), accepted=f"a database in {where}")
    if selection.match is None:
        return seen
    chosen = tuple(each for each in seen.databases if matches(selection.match, each))
    return Observation(chosen, seen.unread, ())


def _everything(world: World) -> Observation:
    chains = [(inventory, kind) for inventory in world.inventories.values() for kind in Kind]
    with ThreadPoolExecutor(max_workers=min(_WORKERS, max(len(chains), 1))) as pool:
        return _merged(pool.map(lambda chain: _chain(world, *chain), chains))


def _chain(world: World, inventory: Inventory, kind: Kind) -> Observation:
    databases: list[Database] = []
    unread: list[Unread] = []
    foreign: list[NotCovered] = []
    what = f"{kind}s"
    try:
        for page in inventory.pages(kind):
            databases.extend(page.databases)
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
