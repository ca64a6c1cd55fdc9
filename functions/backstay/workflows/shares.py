"""Whom snapshots are shared with: no listing tells it, so what was once looked up is remembered in the vault.

A run looks at a bounded number of snapshots of each account and region: first at those that nobody has looked at, then
at those that nobody has looked at for longest. What was not looked at for a month counts as never looked at, and is
forgotten: so nothing stays in order by a look that nobody repeats, and what is gone leaves the memory.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backstay.core.errors import LostRace, NotFound, ProviderError
from backstay.core.points import Origin, PointState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from backstay.core.actions import PointRef
    from backstay.core.holdings import Holding
    from backstay.core.model import Scope
    from backstay.core.points import RecoveryPoint
    from backstay.core.ports import Vault, World

MOST: Final = 300
"""How many snapshots of one account and region a run looks at: the service takes some ten such calls a second."""
STALE: Final = 30 * 86400  # seconds; MOST an hour come around 216,000 snapshots in that time
# What we made ourselves was made private, and a night may make more of it than a run looks at: it has a day.
_FRESH: Final = 86400
_TRIES: Final = 8
_WORKERS: Final = 8


def shares_key(scope: Scope) -> str:
    """Where it stands whom a scope's snapshots are shared with."""
    return f"shares/{scope}.json"


class Look(NamedTuple):
    """What one look told: of the snapshot that was ``made`` then, ``at`` that time (seconds)."""

    made: int
    at: int
    accounts: tuple[str, ...]


def known_looks(vault: Vault, scope: Scope) -> dict[str, Look]:
    """What is remembered, by kind and name. An entry that cannot be read is not."""
    stored = vault.get(shares_key(scope))
    return _looks(stored.body if stored else b"{}")


def _looks(body: bytes) -> dict[str, Look]:
    try:
        entries = json.loads(body).get("snapshots", {})
        found = {str(name): _look(entry) for name, entry in entries.items()}
    except (AttributeError, ValueError):
        return {}
    return {name: look for name, look in found.items() if look is not None}


def _look(entry: Any) -> Look | None:
    try:
        made, at, accounts = entry
        return Look(int(made), int(at), tuple(str(each) for each in accounts))
    except (TypeError, ValueError):
        return None


def note_looks(vault: Vault, scope: Scope, looks: Mapping[str, Look], gone: Collection[str], now: int) -> None:
    """Merges looks into what is remembered; what ``gone`` names and what is stale goes. A lost race re-reads.

    Raises:
        LostRace: lost every time.
    """
    for attempt in range(_TRIES):
        stored = vault.get(shares_key(scope))
        merged = {**(_looks(stored.body) if stored else {}), **looks}
        kept = {name: look for name, look in merged.items() if name not in gone and now - look.at < STALE}
        document = {"schema": "backstay.shares/1", "snapshots": kept}
        body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        try:
            vault.put(shares_key(scope), body, expect=stored.etag if stored else "")
        except LostRace:
            if attempt == _TRIES - 1:
                raise
        else:
            return


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A snapshot that may be looked at, and where the answer goes; ``known`` when an older one is there already.

    ``fresh`` is what we have made within the day.
    """

    name: str
    ref: PointRef
    made: int
    meant: str
    holding: Holding
    known: bool
    fresh: bool


@dataclass
class Ledger:
    """What is known of one scope's snapshots, while they pass by page after page; then the looks of this run.

    Args:
        looks: what is remembered.
        allowed: the accounts that we know.
        most: how many are looked at; None is all.
    """

    world: World
    scope: Scope
    now: datetime
    looks: dict[str, Look]
    allowed: frozenset[str]
    most: int | None
    error: str = ""
    _due: list[tuple[int, int, _Candidate]] = field(default_factory=list)
    _met: int = 0

    def meet(self, point: RecoveryPoint, holding: Holding, *, ours: bool) -> None:
        """Counts a point in, as far as it can be shared, by what is remembered of it."""
        if point.origin is not Origin.MANUAL or point.state is not PointState.AVAILABLE:
            return
        name, made = f"{point.kind}/{point.id}", int(point.made.timestamp()) if point.made else 0
        meant = point.shared_with if ours else ""
        look = self.looks.get(name)
        known = look is not None and look.made == made and self.now.timestamp() - look.at < STALE
        holding.manual += 1
        if look is not None and known:
            self._judge(point.id, look.accounts, meant, holding)
        else:
            holding.unlooked += 1
        fresh = not known and ours and self.now.timestamp() - made < _FRESH
        holding.fresh += fresh
        at = look.at if look and known else int(fresh)  # strangers' first
        if self._is_due(at):
            self._offer(_Candidate(name, point.ref, made, meant, holding, known, fresh), at)

    def _is_due(self, at: int) -> bool:
        """Whether one that was looked at then is among those that are due, of all that have come yet."""
        return self.most is None or len(self._due) < self.most or bool(self._due and -at > self._due[0][0])

    def _offer(self, candidate: _Candidate, at: int) -> None:
        """Keeps those that were looked at longest ago, and of the same age the first that came."""
        self._met += 1
        entry = (-at, -self._met, candidate)
        if self.most is None or len(self._due) < self.most:
            heappush(self._due, entry)
        else:
            heapreplace(self._due, entry)

    def _judge(self, ident: str, accounts: tuple[str, ...], meant: str, holding: Holding) -> None:
        unknown = tuple(each for each in accounts if each not in self.allowed and each != meant)
        if unknown:
            holding.shared[ident] = unknown
        else:
            holding.shared.pop(ident, None)

    def look(self) -> None:
        """Looks at those that are due, and remembers. The first error ends it: what was not looked at stays so."""
        due = [candidate for _, _, candidate in sorted(self._due, reverse=True, key=lambda entry: entry[:2])]
        self._due.clear()
        if not due:
            return
        with ThreadPoolExecutor(max_workers=min(_WORKERS, len(due))) as pool:
            found = list(pool.map(self._look, due))
        at, looked, gone = int(self.now.timestamp()), dict[str, Look](), set[str]()
        for candidate, accounts in zip(due, found, strict=True):
            if isinstance(accounts, tuple):
                looked[candidate.name] = Look(candidate.made, at, accounts)
                self._answered(candidate, accounts)
            elif accounts is _GONE:
                gone.add(candidate.name)
                self._vanished(candidate)
        if looked or gone:
            self._remember(looked, gone, at)

    def _remember(self, looked: Mapping[str, Look], gone: Collection[str], at: int) -> None:
        """What is not remembered is looked at again: a run does not fail for that."""
        try:
            note_looks(self.world.vault, self.scope, looked, gone, at)
        except LostRace as exc:
            self.world.note(f"{self.scope}: {len(looked)} looks at snapshots are not remembered: {exc}")

    def _look(self, candidate: _Candidate) -> tuple[str, ...] | object | None:
        """The accounts; None for nobody knows."""
        if self.error:
            return None
        try:
            return self.world.sharing[self.scope].accounts(candidate.ref)
        except NotFound:
            return _GONE
        except ProviderError as exc:
            self.error = str(exc)
            return None

    def _answered(self, candidate: _Candidate, accounts: tuple[str, ...]) -> None:
        candidate.holding.unlooked -= not candidate.known
        candidate.holding.fresh -= candidate.fresh
        self._judge(candidate.ref.id, accounts, candidate.meant, candidate.holding)

    def _vanished(self, candidate: _Candidate) -> None:
        candidate.holding.manual -= 1
        candidate.holding.unlooked -= not candidate.known
        candidate.holding.fresh -= candidate.fresh
        candidate.holding.shared.pop(candidate.ref.id, None)


_GONE: Final = object()


def begin(world: World, scope: Scope, now: datetime, most: int | None) -> Ledger:
    """The ledger of a scope, with what is remembered of it. The accounts that we know are all that we work with.

    Raises:
        ProviderError: the vault failed.
    """
    locations = (each.aws.account for each in world.policy.locations.values() if each.aws is not None)
    accounts = {each.account for each in (*world.inventories, *world.stores)}
    allowed = frozenset(accounts | {each for each in locations if each})
    ledger = Ledger(world, scope, now, known_looks(world.vault, scope), allowed, most)
    if scope not in world.sharing:
        ledger.error = "nobody can look there"
    return ledger
