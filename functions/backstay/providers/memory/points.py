"""The recovery points of the cloud in memory: what is there, what is being made, and for whom it is shared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from backstay.core.errors import Conflict, NotFound
from backstay.core.points import Origin, PointState, RecoveryPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from backstay.core.actions import PointRef
    from backstay.core.model import DatabaseId, Kind, Scope
    from backstay.core.ports import Clock

Key = tuple["Scope", "Kind", str]
CREATING: Final = "creating"
FAILED: Final = "failed"


def key_of(which: PointRef | RecoveryPoint) -> Key:
    """Where a point is kept: instances' and clusters' have names of their own in each account and region."""
    return which.scope, which.kind, which.id


@dataclass(slots=True)
class Making:
    """A point on its way.

    Attributes:
        done: what it becomes.
        looks: how many looks at it pass first.
        span: how long it takes.
        begun: since when.
        source: what it is copied from; None for a snapshot.
        database: what it is taken of; None for a copy.
    """

    done: RecoveryPoint
    looks: int
    span: timedelta
    begun: datetime
    source: Key | None = None
    database: DatabaseId | None = None


class Points:
    """Points by name, and those of one source by its name. Whoever calls holds the cloud's lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._there: dict[tuple[Scope, Kind], dict[str, RecoveryPoint]] = {}
        self._of: dict[Key, dict[str, None]] = {}  # in the order in which they came
        self._manual: Counter[tuple[Scope, Kind]] = Counter()
        self._making: dict[Key, Making] = {}
        self._shared: dict[Key, set[str]] = {}

    def add(self, point: RecoveryPoint) -> None:
        """Puts it there as it is, or in place of the one of that name."""
        scope, kind, name = key_of(point)
        there = self._there.setdefault((scope, kind), {})
        self._forget(there.get(name))
        there[name] = point
        self._of.setdefault((scope, kind, point.source), {})[name] = None
        self._manual[scope, kind] += point.origin is Origin.MANUAL

    def _forget(self, point: RecoveryPoint | None) -> None:
        if point is not None:
            del self._of[point.scope, point.kind, point.source][point.id]
            self._manual[point.scope, point.kind] -= point.origin is Origin.MANUAL

    def make(self, point: RecoveryPoint, making: Making) -> None:
        """Puts it there as it begins."""
        self.add(point)
        self._making[key_of(point)] = making

    def remove(self, which: PointRef | RecoveryPoint) -> None:
        """It is gone, and what was being copied from it has failed (RDS user guide, "Copying a DB snapshot")."""
        key = key_of(which)
        self._forget(self.there(which))
        del self._there[key[:2]][which.id]
        self._making.pop(key, None)
        self._shared.pop(key, None)
        for copy in [each for each, making in self._making.items() if making.source == key]:
            self._fail(copy)

    def edit(self, which: PointRef | RecoveryPoint, edit: Callable[[RecoveryPoint], RecoveryPoint]) -> None:
        """Changes it, and what it becomes if it is on its way."""
        point, making = self.there(which), self._making.get(key_of(which))
        self.add(edit(point))
        if making is not None:
            making.done = edit(making.done)

    def fail(self, which: PointRef | RecoveryPoint) -> None:
        """It has failed, and stays so."""
        self.there(which)
        self._fail(key_of(which))

    def _fail(self, key: Key) -> None:
        self._making.pop(key, None)
        self.add(replace(self._there[key[:2]][key[2]], status=FAILED, state=PointState.FAILED))

    def there(self, which: PointRef | RecoveryPoint) -> RecoveryPoint:
        """It as it is, without a look.

        Raises:
            NotFound: there is none.
        """
        scope, kind, name = key_of(which)
        found = self._there.get((scope, kind), {}).get(name)
        if found is None:
            raise NotFound(f"{name} does not exist in {scope}")
        return found

    def available(self, which: PointRef | RecoveryPoint) -> RecoveryPoint:
        """It as it is, if it can be copied, shared or removed now.

        Raises:
            NotFound: there is none.
            Conflict: it is in another state.
        """
        self._proceed(key_of(which), looking=False)
        found = self.there(which)
        if found.state is not PointState.AVAILABLE:
            raise Conflict(f"{found.id} is {found.status}, not available")
        return found

    def names(self, scope: Scope, kind: Kind) -> list[str]:
        """Those of a kind, in the order in which they came."""
        return list(self._there.get((scope, kind), ()))

    def taken(self, scope: Scope, kind: Kind, name: str) -> bool:
        """Whether one of a kind has that name."""
        return name in self._there.get((scope, kind), ())

    def manual(self, scope: Scope, kind: Kind) -> int:
        """How many manual ones there are of a kind: those are counted against a quota."""
        return self._manual[scope, kind]

    def of(self, scope: Scope, kind: Kind, source: str) -> list[str]:
        """Those of a source, in the order in which they came."""
        return list(self._of.get((scope, kind, source), ()))

    def looked(self, scope: Scope, kind: Kind, names: list[str]) -> Iterator[RecoveryPoint]:
        """Those of these names that are there, as somebody sees them who looks now."""
        there = self._there.get((scope, kind), {})
        for name in names:
            if self._making:
                self._proceed((scope, kind, name), looking=True)
            point = there.get(name)
            if point is not None:
                yield point

    def every(self) -> Iterator[RecoveryPoint]:
        """Every point there is, without a look."""
        for there in self._there.values():
            yield from there.values()

    def settle(self, scope: Scope) -> None:
        """Whatever has had its time there is done."""
        for key in [each for each in self._making if each[0] == scope]:
            self._proceed(key, looking=False)

    def copying(self, scope: Scope, kind: Kind) -> int:
        """How many copies are on their way to there."""
        self.settle(scope)
        return sum(key[:2] == (scope, kind) and making.source is not None for key, making in self._making.items())

    def taking(self, database: DatabaseId, *, looking: bool) -> bool:
        """Whether a snapshot of it is on its way."""
        keys = [key for key, making in self._making.items() if making.database == database]
        for key in keys:
            self._proceed(key, looking=looking)
        return any(key in self._making for key in keys)

    def advance(self) -> None:
        """Ends all that is on its way, well."""
        for key in list(self._making):
            self.add(self._making.pop(key).done)

    def _proceed(self, key: Key, *, looking: bool) -> None:
        making = self._making.get(key)
        if making is None:
            return
        if making.looks > 0 or self._clock.now() - making.begun < making.span:
            making.looks -= looking
            return
        self.add(self._making.pop(key).done)

    def share(self, which: PointRef | RecoveryPoint, account: str, *, shared: bool) -> None:
        """Lets another account copy it, or no longer; what is so already stays so."""
        accounts = self._shared.setdefault(key_of(which), set())
        if shared:
            accounts.add(account)
        else:
            accounts.discard(account)

    def shared_with(self, which: PointRef | RecoveryPoint) -> frozenset[str]:
        """The accounts that may copy it."""
        return frozenset(self._shared.get(key_of(which), ()))
