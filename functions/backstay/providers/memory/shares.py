"""``Shares`` in memory: whom a point is shared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.errors import NotFound

if TYPE_CHECKING:
    from backstay.core.actions import PointRef
    from backstay.core.model import Scope
    from backstay.providers.memory.cloud import MemoryCloud


class MemoryShares:
    """The sharing of one scope's points. A hook or a record of the cloud knows its method as ``shares``."""

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope = cloud, scope

    def accounts(self, point: PointRef) -> tuple[str, ...]:
        """See ``Shares.accounts``."""
        with self._cloud.calling("shares", self._scope, point):
            if not self._cloud.points.taken(self._scope, point.kind, point.id):
                raise NotFound(f"{point.id} does not exist", code="DBSnapshotNotFound")
            return tuple(sorted(self._cloud.points.shared_with(point)))
