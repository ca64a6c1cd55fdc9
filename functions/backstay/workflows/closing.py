"""Closing: the findings of a Database that is gone are told to be over, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.decide.standing import GONE, OPEN, Standings
from backstay.core.errors import BadRequest, LostRace, ProviderError
from backstay.core.findings import Finding, Skipped
from backstay.core.model import Database, DatabaseId, Provider, Scope, State, Unread
from backstay.core.naming import finding_id
from backstay.core.ports import FindingChanged
from backstay.core.requests import DatabaseRef
from backstay.core.rules import RULES
from backstay.workflows import memory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from backstay.core.ports import World
    from backstay.workflows.observe import Observation


def complete_scopes(world: World, unread: Iterable[Unread]) -> frozenset[Scope]:
    """The scopes of which every listing was read to its end: only there does *not seen* mean *not there*."""
    return frozenset(world.inventories) - {each.scope for each in unread}


def close(
    world: World, known: Iterable[str], seen: Observation, now: datetime, *, digest: bool
) -> tuple[Standings, tuple[Unread, ...]]:
    """Closes the findings of every remembered Database that is no longer there.

    Args:
        world: where to look.
        known: keys of the Databases that are remembered.
        seen: everything there is, as just listed.
        now: when they are closed.
        digest: whether this run's own message tells people of it.

    Returns:
        what was resolved by it, and which Databases could not be confirmed to be gone: those stay as they are.

    Raises:
        ProviderError: the vault or the bus failed.
    """
    present, complete = {each.id.key for each in seen.databases}, complete_scopes(world, seen.unread)
    missing = [ident for key in sorted(set(known) - present) if (ident := database_of(key)) and ident.scope in complete]
    resolved: list[tuple[str, str]] = []
    unread: list[Unread] = []
    closed: dict[str, str | None] = {}
    for ident in missing:
        try:
            if not _gone(world, ident):
                continue
        except ProviderError as exc:
            unread.append(Unread(ident.scope, str(ident), str(exc)))
            continue
        resolved += _close_one(world, ident, now, digest=digest)
        closed[ident.key] = None
    if closed:
        memory.note_fingerprints(world.vault, closed)
    return Standings(resolved=tuple(resolved)), tuple(unread)


def database_of(key: str) -> DatabaseId | None:
    """The identity behind a key; None for what is not one of ours."""
    try:
        ref = DatabaseRef.parse(key)
    except BadRequest:
        return None
    if ref.kind is None or ref.region is None or ref.account is None:
        return None
    return DatabaseId(Scope(Provider.AWS, ref.account, ref.region), ref.kind, ref.name)


def _gone(world: World, ident: DatabaseId) -> bool:
    """One look at the Database itself: it may have been created, and audited, while the listing was under way."""
    found = world.inventories[ident.scope].find(DatabaseRef.of(ident))
    return found is None or found.id != ident


def _close_one(world: World, ident: DatabaseId, now: datetime, *, digest: bool) -> list[tuple[str, str]]:
    """Forgets first, so that of two audits that see the same end only one tells it; then tells."""
    memo = memory.Verdicts(world.vault, ident)
    severities = {rule.id: rule.severity for rule in RULES}
    database = Database(id=ident, arn=memo.arn, engine="", engine_version="", status=GONE, state=State.LEAVING, tags={})
    over = [
        FindingChanged(
            finding=Finding(rule=rule, database=database, verdict=Skipped("the database is gone"), tier=memo.tier),
            previous=before.verdict,
            severity=severities.get(rule, ""),
            found_at=now,
            digest=digest,
        )
        for rule, before in memo.remembered.items()
        if before.verdict in OPEN
    ]
    try:
        etag = memo.close(now)
    except LostRace:  # another audit closes it, or it has come back: that one tells
        return []
    if over:
        try:
            world.bus.finding_changed(over)
        except Exception:
            memo.put_back(etag)
            raise
    return [(finding_id(change.finding.rule, ident), GONE) for change in over]
