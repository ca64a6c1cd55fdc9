"""Closing: the findings of a Database that is gone are told to be over, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.decide.standing import GONE, OPEN, Standings
from backstay.core.errors import LostRace, ProviderError
from backstay.core.findings import Finding, Skipped
from backstay.core.model import Database, State, Unread
from backstay.core.naming import finding_id
from backstay.core.ports import FindingChanged
from backstay.core.requests import DatabaseRef, database_id
from backstay.core.rules import RULES
from backstay.workflows import memory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from backstay.core.model import DatabaseId, Scope
    from backstay.core.ports import World


def close(
    world: World, scope: Scope, missing: Iterable[str], now: datetime, *, digest: bool
) -> tuple[Standings, tuple[Unread, ...]]:
    """Closes the findings of every remembered Database that is no longer there.

    Args:
        world: where to look.
        scope: a scope of which every listing was read to its end: only there does *not seen* mean *not there*.
        missing: keys of Databases that are remembered there and were not seen.
        now: when they are closed.
        digest: whether this run's own message tells people of it.

    Returns:
        what was resolved by it, and which Databases could not be confirmed to be gone: those stay as they are.

    Raises:
        ProviderError: the vault or the bus failed.
    """
    resolved: list[tuple[str, str]] = []
    unread: list[Unread] = []
    closed: dict[str, str | None] = {}
    for ident in sorted(each for key in missing if (each := database_id(key)) and each.scope == scope):
        try:
            if not _gone(world, ident):
                continue
        except ProviderError as exc:
            unread.append(Unread(scope, str(ident), str(exc)))
            continue
        resolved += _close_one(world, ident, now, digest=digest)
        closed[ident.key] = None
    if closed:
        memory.note_fingerprints(world.vault, scope, closed)
    return Standings(resolved=tuple(resolved)), tuple(unread)


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
        with memory.forgotten_unless_told(memo, etag):
            world.bus.finding_changed(over)
    return [(finding_id(change.finding.rule, ident), GONE) for change in over]
