"""Gather: every recovery point there is, in one walk over all places, and what a run makes of it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from backstay.core.errors import ProviderError
from backstay.core.model import Kind, Unread
from backstay.core.points import Origin, PointState, is_ours

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backstay.core.model import DatabaseId, Scope
    from backstay.core.points import RecoveryPoint
    from backstay.core.ports import World
    from backstay.core.stores import PointPage

_WORKERS: Final = 32  # page chains wait for the network, not for a core
_SERVICE: Final = (Origin.AUTOMATED,)


@dataclass(slots=True)
class Gathered:
    """What was listed.

    Attributes:
        ours: our points by the key of their Database, in every place, helpers of copies too, each by its ARN: a listing
            that shifts between two pages shows one twice.
        others: points by hand and of other masters, by where they are, kind, and the Database's identifier; likewise.
        copying: others' copies that are on their way, by the ARN of what they are made of.
        in_flight: copies on their way, by account and region and kind, whoever asked for them.
        unread: listings that failed: whatever they would have shown is unknown, not absent.
    """

    ours: dict[str, dict[str, RecoveryPoint]] = field(default_factory=dict)
    others: dict[tuple[Scope, Kind, str], dict[str, RecoveryPoint]] = field(default_factory=dict)
    copying: dict[str, list[RecoveryPoint]] = field(default_factory=dict)
    in_flight: Counter[tuple[Scope, Kind]] = field(default_factory=Counter)
    unread: list[Unread] = field(default_factory=list)

    def of(self, database: DatabaseId) -> list[RecoveryPoint]:
        """All that is known of a Database: ours everywhere, others' where it lives, and what they copy of ours."""
        ours = self.of_ours(database)
        others = self.others.get((database.scope, database.kind, database.name), {})
        if self.copying:
            copies = (copy for each in ours for copy in self.copying.get(each.arn, ()))
            others = {**others, **{each.arn: each for each in copies}}
        return [*ours, *others.values()]

    def of_ours(self, database: DatabaseId) -> list[RecoveryPoint]:
        """Our points of a Database, everywhere."""
        return list(self.ours.get(database.key, {}).values())

    def forget(self, arn: str) -> None:
        """The point is gone, or is to be added as it is now."""
        for points in (*self.ours.values(), *self.others.values()):
            points.pop(arn, None)

    @property
    def blind(self) -> dict[Scope, str]:
        """The scopes that were not read to their end, with the first error."""
        return {each.scope: each.error for each in reversed(self.unread)}

    def add(self, points: Iterable[RecoveryPoint], deployment: str) -> None:
        """Puts each point where it is looked for. The service's own are nobody's business here."""
        ours, others = self.ours, self.others
        for each in points:
            if each.state is PointState.CREATING and _from_afar(each):
                self.in_flight[each.scope, each.kind] += 1
            if is_ours(each, deployment):
                ours.setdefault(each.database, {})[each.arn] = each
            elif each.origin not in _SERVICE:
                others.setdefault((each.scope, each.kind, each.source), {})[each.arn] = each
                if each.state is PointState.CREATING and each.copied_from:
                    self.copying.setdefault(each.copied_from, []).append(each)


def _from_afar(point: RecoveryPoint) -> bool:
    """Whether it is a copy across regions: only those count against what a destination takes at once."""
    return point.copied_from.count(":") > 3 and point.copied_from.split(":")[3] != point.scope.region  # noqa: PLR2004


def gather(world: World, scopes: Iterable[Scope] | None = None) -> Gathered:
    """Reads every point in these scopes, or wherever points can be; all page chains at once."""
    chosen = list(world.stores) if scopes is None else [each for each in scopes if each in world.stores]
    chains = [(scope, kind) for scope in dict.fromkeys(chosen) for kind in Kind]
    found = Gathered()
    if not chains:
        return found
    with ThreadPoolExecutor(max_workers=min(_WORKERS, len(chains))) as pool:
        for part in pool.map(lambda chain: _chain(world, *chain), chains):
            for pages, unread in part:
                found.add(pages.points if pages else (), world.deployment)
                found.unread += unread
    return found


_Part = list[tuple["PointPage | None", list[Unread]]]


def _chain(world: World, scope: Scope, kind: Kind) -> _Part:
    """One page chain. Pages before an error are good; what would have followed is unknown."""
    part: _Part = []
    what, count = f"{kind} snapshots", 0
    try:
        for page in world.stores[scope].pages(kind):
            part.append((page, [Unread(scope, what, error) for error in page.unreadable]))
            count += len(page.points)
    except ProviderError as exc:
        part.append((None, [Unread(scope, what, str(exc))]))
    world.note(f"{scope}: {count} {what}")
    return part


def gather_of(world: World, database: DatabaseId, scopes: Sequence[Scope]) -> Gathered:
    """The points of one Database in these scopes as they are now: a call per scope."""
    found = Gathered()
    for scope in scopes:
        try:
            found.add(world.stores[scope].of(database), world.deployment)
        except ProviderError as exc:
            found.unread.append(Unread(scope, f"snapshots of {database.name}", str(exc)))
    return found
