"""What a copy's preflight looks at: read once for each place and key in a run, and only where a copy is to begin."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from backstay.core.decide.replicate import CopyFacts, own_alias
from backstay.core.errors import ProviderError
from backstay.core.model import Kind
from backstay.core.points import OWN_KEY
from backstay.core.restoring import Unchecked

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.actions import CopyPoint
    from backstay.core.decide.copies import Lack
    from backstay.core.model import Scope
    from backstay.core.places import Place
    from backstay.core.ports import World
    from backstay.core.stores import KeyFacts

T = TypeVar("T")
# The limit that a copy of each kind meets; the names are those of DescribeAccountAttributes.
_QUOTA: Final = {Kind.INSTANCE: "ManualSnapshots", Kind.CLUSTER: "ManualClusterSnapshots"}


class Preflights:
    """Facts by place. What cannot be read is Unchecked: the call itself will say."""

    def __init__(self, world: World) -> None:
        self._world, self._lock = world, Lock()
        self._known: dict[tuple[str, Scope, str], object] = {}
        self._taken: Counter[tuple[Scope, Kind]] = Counter()

    def _read(self, what: str, scope: Scope, name: str, read: Callable[[], T]) -> T | Unchecked:
        key = (what, scope, name)
        with self._lock:
            if key not in self._known:
                try:
                    self._known[key] = read()
                except ProviderError as exc:
                    self._known[key] = Unchecked(str(exc))
            return self._known[key]  # type: ignore[return-value]  # what was read under this very name

    def key(self, place: Place) -> KeyFacts | Unchecked:
        """The place's key."""
        return self._key(place.scope, place.kms_key)

    def _key(self, scope: Scope, key: str) -> KeyFacts | Unchecked:
        return self._read("key", scope, key, lambda: self._world.stores[scope].key(key))

    def of(self, lack: Lack) -> CopyFacts:
        """All facts of one copy; a place's room is what those that have ``begun`` leave."""
        source, place = lack.source, lack.wanted.place
        abroad = place.scope.account != source.scope.account
        own = own_alias(self._world.deployment)
        grouped = bool(source.option_group) and not source.option_group.startswith("default:")
        store = self._world.stores[place.scope]
        return CopyFacts(
            partition=source.arn.split(":")[1],
            key=self.key(place),
            source_key=self._key(source.scope, source.kms_key) if abroad and source.encryption == OWN_KEY else None,
            own_key=self._key(source.scope, own) if abroad else None,
            option_groups=self._read("groups", place.scope, "", store.option_groups) if grouped else frozenset(),
            room=self._room(place.scope, source.kind),
        )

    def _room(self, scope: Scope, kind: Kind) -> int | Unchecked:
        quotas = self._read("quotas", scope, "", self._world.stores[scope].quotas)
        if isinstance(quotas, Unchecked):
            return quotas
        found = next((each for each in quotas if each.name == _QUOTA[kind]), None)
        if found is None:
            return Unchecked(f"RDS does not tell the quota of {_QUOTA[kind]}")
        return found.maximum - found.used - self._taken[scope, kind]

    def begun(self, action: CopyPoint) -> None:
        """A copy that takes its place where it goes, a helper too."""
        self._taken[action.to, action.source.kind] += 1
