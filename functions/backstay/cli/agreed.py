"""The guard that does to recovery points nothing but what somebody has seen and agreed to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from backstay.core.errors import Conflict
from backstay.workflows.reports import action_part

if TYPE_CHECKING:
    from backstay.core.actions import (
        AdoptPoint,
        CopyPoint,
        DeletePoint,
        PointAction,
        ReplicateBackups,
        SharePoint,
        TakeSnapshot,
    )
    from backstay.core.ports import World
    from backstay.core.stores import SnapshotStore

Part = dict[str, Any]


class _Agreed:
    """A store that refuses every change that was not agreed to: between question and answer things may have moved."""

    def __init__(self, inner: SnapshotStore, agreed: frozenset[str]) -> None:
        self._inner, self._agreed = inner, agreed

    def __getattr__(self, name: str) -> Any:
        """Whatever only reads."""
        return getattr(self._inner, name)

    def _check(self, action: PointAction) -> None:
        if _what(action.database.key, action_part(action)) not in self._agreed:
            raise Conflict("is not what you agreed to: something changed meanwhile; look at the plan again")

    # The port's changes.

    def take(self, action: TakeSnapshot) -> None:
        """See ``SnapshotStore.take``."""
        self._check(action)
        self._inner.take(action)

    def copy(self, action: CopyPoint) -> None:
        """See ``SnapshotStore.copy``."""
        self._check(action)
        self._inner.copy(action)

    def share(self, action: SharePoint) -> None:
        """See ``SnapshotStore.share``."""
        self._check(action)
        self._inner.share(action)

    def delete(self, action: DeletePoint) -> None:
        """See ``SnapshotStore.delete``."""
        self._check(action)
        self._inner.delete(action)

    def adopt(self, action: AdoptPoint) -> None:
        """See ``SnapshotStore.adopt``."""
        self._check(action)
        self._inner.adopt(action)

    def replicate(self, action: ReplicateBackups) -> None:
        """See ``SnapshotStore.replicate``."""
        self._check(action)
        self._inner.replicate(action)


def _what(database: str, part: Part) -> str:
    """What is done to which Database, whatever the reason has become meanwhile."""
    return json.dumps([database, {key: value for key, value in part.items() if key != "reason"}], sort_keys=True)


def agreed(world: World, plan: Part) -> World:
    """The World in which exactly the plan's actions on recovery points can be executed."""
    planned = frozenset(
        _what(each["database"], each["action"]) for each in plan["outcomes"] if each["result"] == "planned"
    )
    stores = {scope: cast("SnapshotStore", _Agreed(store, planned)) for scope, store in world.stores.items()}
    return replace(world, stores=stores)
