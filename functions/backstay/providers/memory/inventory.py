"""``Inventory`` in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.errors import BadRequest
from backstay.core.model import Database, DatabaseId, Kind, Scope
from backstay.core.ports import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.requests import DatabaseRef
    from backstay.providers.memory.cloud import MemoryCloud


class MemoryInventory:
    """The databases of one scope."""

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope = cloud, scope

    @property
    def scope(self) -> Scope:
        """See ``Inventory.scope``."""
        return self._scope

    def pages(self, kind: Kind) -> Iterator[Page]:
        """See ``Inventory.pages``. Each page is a call of its own; what is not covered stands on the first."""
        cloud, size = self._cloud, self._cloud.page_size
        start = 0
        while True:
            with cloud.calling("pages", self._scope, kind):
                names = cloud.listed(self._scope, kind)
                seen = [cloud.looked(each) for each in names[start : start + size]]
                databases = tuple(each for each in seen if each is not None)
                foreign = cloud.foreign.get((self._scope, kind), []) if start == 0 else []
                unreadable = cloud.unreadable.get((self._scope, kind), []) if start == 0 else []
            yield Page(databases, tuple(foreign), tuple(unreadable))
            start += size
            if start >= len(names):
                return

    def find(self, ref: DatabaseRef) -> Database | None:
        """See ``Inventory.find``."""
        with self._cloud.calling("find", self._scope, ref):
            kinds = [ref.kind] if ref.kind else list(Kind)
            wanted = {DatabaseId(self._scope, kind, ref.name) for kind in kinds}
            member = self._cloud.members.get((self._scope, ref.name))
            if member and ref.kind is not Kind.CLUSTER:
                wanted.add(member.cluster)
            seen = [self._cloud.looked(each) for each in sorted(wanted)]
        found = [each for each in seen if each is not None]
        if len(found) > 1:
            accepted = " or ".join(each.arn for each in found)
            raise BadRequest("names an instance and a cluster", field="database", value=ref.name, accepted=accepted)
        return found[0] if found else None
