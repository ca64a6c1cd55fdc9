"""Digest: after an audit of everything, people are told once what they do not know yet.

What they know is remembered by itself, apart from the verdicts: an event tells machines of a new failure within a
minute, but a person only when the rule ``new-failure`` mails it. What it mails is noted as told, so the next digest
does not repeat it and still says when it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backstay.core.decide.audit import mails_at_once
from backstay.core.decide.standing import GONE, is_open
from backstay.core.digest import Digest
from backstay.core.errors import LostRace
from backstay.core.findings import verdict_name
from backstay.core.naming import finding_id
from backstay.workflows import memory
from backstay.workflows.closing import complete_scopes, database_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backstay.core.findings import Finding
    from backstay.core.ports import FindingChanged, World
    from backstay.workflows.observe import Observation

_TRIES: Final = 8


def known(world: World) -> frozenset[str] | None:
    """What people know, read before the fleet is: what they learn meanwhile is not over. None when nobody is told."""
    return None if world.pager is None else memory.Told(world.vault).known


def note_mailed(world: World, changes: Iterable[FindingChanged]) -> None:
    """Remembers what the rule ``new-failure`` has mailed.

    Raises:
        ProviderError: the vault failed.
    """
    mailed = {finding_id(each.finding.rule, each.finding.database.id) for each in changes if mails_at_once(each)}
    if mailed and world.pager is not None:
        _note(world, lambda told: told | mailed)


def _note(world: World, change: Callable[[frozenset[str]], frozenset[str]]) -> None:
    for attempt in range(_TRIES):
        told = memory.Told(world.vault)
        wanted = change(told.known)
        if wanted == told.known:
            return
        try:
            told.replace(wanted)
        except LostRace:
            if attempt == _TRIES - 1:
                raise
        else:
            return


def send(world: World, before: frozenset[str], findings: Sequence[Finding], seen: Observation) -> bool:
    """Sends one message, when there is something new or resolved. Returns whether it did.

    Args:
        world: whose pager, vault and policy.
        before: what people knew before the fleet was read (`known`).
        findings: every verdict on the whole fleet.
        seen: what was listed.

    Raises:
        ProviderError: the message was not taken, or the vault failed; the next run tells it.
    """
    if world.pager is None:
        return False
    verdicts = {finding_id(each.rule, each.database.id): each for each in findings}
    unsolved = {ident for ident, each in verdicts.items() if is_open(each)}
    ended = _ended(world, verdicts, seen)
    for attempt in range(_TRIES):
        told = memory.Told(world.vault)
        new = unsolved - told.known
        over = {ident: how for ident in sorted(told.known & before) if (how := ended(ident))}
        if not new and not over:
            return False
        try:
            etag = told.replace((told.known | new) - over.keys())
        except LostRace:
            if attempt == _TRIES - 1:
                raise
            continue
        message = _message(world, [verdicts[each] for each in sorted(unsolved)], new, over, seen)
        try:
            world.pager.send(message.subject, message.text)
        except Exception:
            told.put_back(etag)
            raise
        return True
    return False


def _ended(world: World, verdicts: Mapping[str, Finding], seen: Observation) -> Callable[[str], str]:
    """What made an end of a finding; empty while it is open, or nobody could see that it is not."""
    judged, complete = {each.id.key for each in seen.databases}, complete_scopes(world, seen.unread)

    def how(ident: str) -> str:
        if ident in verdicts:
            return "" if is_open(verdicts[ident]) else verdict_name(verdicts[ident].verdict)
        key = ident.partition("/")[2]
        if key in judged:
            return "skipped"  # a rule that is asked no more
        database = database_of(key)
        return GONE if database is not None and database.scope in complete else ""

    return how


def _message(
    world: World, unsolved: Sequence[Finding], new: set[str], over: Mapping[str, str], seen: Observation
) -> Digest:
    return Digest(
        deployment=world.deployment,
        now=world.clock.now(),
        databases=len(seen.databases),
        open=tuple(unsolved),
        new=frozenset(new),
        resolved=tuple(over.items()),
        unread=seen.unread,
        stale=world.policy_stale,
        place=world.vault.place,
        policy=world.policy_origin["source"],
    )
