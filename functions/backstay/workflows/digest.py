"""Digest: after an audit of everything, people are told once what they do not know yet.

What they know is remembered by itself, apart from the verdicts: an event tells machines of a new failure within a
minute, but a person only when the rule ``new-failure`` mails it. What it mails is noted as told, so the next digest
does not repeat it and still says when it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backstay.core.decide.audit import mails_at_once
from backstay.core.decide.standing import GONE
from backstay.core.digest import Digest
from backstay.core.errors import LostRace
from backstay.core.model import Scope, Unread
from backstay.core.naming import finding_id
from backstay.core.requests import database_id
from backstay.workflows import memory
from backstay.workflows.reports import GREEN, finding_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from backstay.core.ports import FindingChanged, World
    from backstay.workflows.reports import Report

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


class News:
    """What an audit of everything, in one run or in many, means to people who know of some findings already.

    Reports are added one by one and not kept: of what is in order only the known findings are looked up.
    """

    def __init__(self, before: frozenset[str]) -> None:
        """``before`` is what people knew before the fleet was read (`known`)."""
        self.before = before
        self.databases = 0
        self.open: dict[str, Report] = {}
        self.unread: list[Unread] = []
        self._keys = {ident.partition("/")[2] for ident in before}
        self._judged: set[str] = set()
        self._ended: dict[str, str] = {}
        self._complete: set[Scope] = set()

    def add(self, report: Report, scopes: Iterable[Scope]) -> None:
        """Adds an audit's Report on everything in ``scopes``."""
        self.databases += report["databases"]
        self.open |= {each["id"]: each for each in report["findings"]}
        self._judged |= {each["database"]["key"] for each in report["findings"]} & self._keys
        for row in report["green"]:
            if (key := row["database"]["key"]) in self._keys:
                self._judged.add(key)
                self._ended |= {f"{rule}/{key}": verdict for verdict in GREEN for rule in row.get(verdict, ())}
        torn = {each["scope"] for each in report["unread"]}
        by_name = {str(scope): scope for scope in scopes}
        self._complete |= {scope for name, scope in by_name.items() if name not in torn}
        self.unread += [Unread(Scope.of(each["scope"]), each["what"], each["error"]) for each in report["unread"]]

    def end_of(self, ident: str) -> str:
        """What made an end of a known finding; empty while it is open, or nobody could see that it is not."""
        if ident in self.open:
            return ""
        if ident in self._ended:
            return self._ended[ident]
        key = ident.partition("/")[2]
        if key in self._judged:
            return "skipped"  # a rule that is asked no more
        database = database_id(key)
        return GONE if database is not None and database.scope in self._complete else ""


def send(world: World, news: News, audited: datetime) -> bool:
    """Sends one message, when there is something new or resolved. Returns whether it did.

    Args:
        world: whose pager, vault and policy.
        news: what was found.
        audited: when the audit began.

    Raises:
        ProviderError: the message was not taken, or the vault failed; the next run tells it.
    """
    if world.pager is None:
        return False
    for attempt in range(_TRIES):
        told = memory.Told(world.vault)
        new = news.open.keys() - told.known
        over = {ident: how for ident in sorted(told.known & news.before) if (how := news.end_of(ident))}
        if not new and not over:
            return False
        try:
            etag = told.replace((told.known | new) - over.keys())
        except LostRace:
            if attempt == _TRIES - 1:
                raise
            continue
        message = _message(world, news, audited, new, over)
        with memory.forgotten_unless_told(told, etag):
            world.pager.send(message.subject, message.text)
        return True
    return False


def _message(world: World, news: News, audited: datetime, new: set[str], over: Mapping[str, str]) -> Digest:
    return Digest(
        deployment=world.deployment,
        now=audited,
        databases=news.databases,
        open=tuple(finding_of(news.open[each]) for each in sorted(news.open)),
        new=frozenset(new),
        resolved=tuple(over.items()),
        unread=tuple(dict.fromkeys(news.unread)),  # each shard that reads a place tells that it could not
        stale=world.policy_stale,
        place=world.vault.place,
        policy=world.policy_origin["source"],
    )
