"""Replicate: begin the copies that lack, the most exposed first, and tidy up what earlier ones needed.

Level-triggered: whatever wakes it, it reads what is there, begins what is missing within what each destination takes at
once, and stops. What waits is seen by the next run.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from backstay.core.actions import CopyPoint
from backstay.core.decide.audit import subject_of
from backstay.core.decide.copies import Lack, lacks
from backstay.core.decide.replicate import choose, replicating, replication, steps, tidy, waiting
from backstay.core.exposure import exposure
from backstay.core.findings import Skipped
from backstay.core.model import Outcome, Result
from backstay.core.places import Place, wanted_copies
from backstay.core.points import is_of
from backstay.core.rules.base import primary
from backstay.workflows import reports
from backstay.workflows.apply import apply_points
from backstay.workflows.exposures import exposure_part, places_part
from backstay.workflows.observe import observe
from backstay.workflows.outcomes import status_of
from backstay.workflows.points import Gathered, gather
from backstay.workflows.preflights import Preflights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from backstay.core.actions import PointAction
    from backstay.core.decide.replicate import Choice, Steps
    from backstay.core.model import Database, Scope
    from backstay.core.places import Wanted
    from backstay.core.points import RecoveryPoint
    from backstay.core.policy import Tier
    from backstay.core.ports import World
    from backstay.core.requests import ReplicateRequest

_WORKERS: Final = 8  # CopyDB…Snapshot is throttled per account; more at once only waits


@dataclass(frozen=True, slots=True)
class Asked:
    """A Database of which a tier asks copies, with what there is of it."""

    database: Database
    tier: Tier
    wanted: tuple[Wanted, ...]
    points: tuple[RecoveryPoint, ...]


@dataclass
class _Tick:
    """One run: what it saw, and what it makes of it."""

    world: World
    now: datetime
    gathered: Gathered
    asked: list[Asked]
    preflights: Preflights = field(init=False)

    def __post_init__(self) -> None:
        self.preflights = Preflights(self.world)
        self._points = {each.database.id.key: each.points for each in self.asked}
        self._steps: dict[tuple[str, Scope], Steps | Outcome] = {}

    @cached_property
    def lacks(self) -> list[Lack]:
        """Every copy that lacks, where both ends of it could be read: elsewhere nobody knows what is there."""
        zone, blind = self.world.policy.timezone, self.gathered.blind
        return [
            lack
            for each in self.asked
            if each.database.id.scope not in blind
            for wanted in each.wanted
            if wanted.place.scope not in blind
            for lack in lacks(each.database, each.tier, wanted, each.points, zone=zone, now=self.now)
        ]

    @cached_property
    def choice(self) -> Choice:
        return choose(self.lacks, self.gathered.in_flight, self._begins)

    def _begins(self, lack: Lack) -> bool:
        """Looks what a copy takes, once its turn has come."""
        found = self._steps[lack.source.arn, lack.wanted.place.scope] = self._next(lack)
        copies = [] if isinstance(found, Outcome) else [each for each in found.actions if isinstance(each, CopyPoint)]
        for each in copies:
            self.preflights.begun(each)
        return bool(copies)

    def _next(self, lack: Lack) -> Steps | Outcome:
        of = self._points[lack.database.id.key]
        return steps(lack, self.preflights.of(lack), of, self.world.deployment)

    def plans(self) -> Iterator[tuple[tuple[PointAction, ...], str] | Outcome]:
        """What is to be done, one after the other, in order of need; or why something cannot be."""
        for lack in self.choice.begin:
            found = self._steps.get((lack.source.arn, lack.wanted.place.scope)) or self._next(lack)
            yield found if isinstance(found, Outcome) else (found.actions, found.message)
        for lack, why in self.choice.waits:
            yield waiting(lack, why)
        for each in self.asked:
            yield from self._replication(each)
            yield from self._tidied(each)

    def _replication(self, each: Asked) -> Iterator[tuple[tuple[PointAction, ...], str] | Outcome]:
        found = replication(each.database, each.tier, self.world.policy)
        match found:
            case Outcome():
                yield found
            case Place():
                action = replicating(each.database, each.tier, found, self.preflights.key(found))
                yield action if isinstance(action, Outcome) else ((action,), "")

    def _tidied(self, each: Asked) -> Iterator[tuple[tuple[PointAction, ...], str]]:
        serving = [point for point in each.points if point.shared_with or point.helper_for]
        if not serving:
            return
        needed = {
            (lack.source.slot, str(lack.wanted.place.scope))
            for lack in self.lacks
            if lack.database.id == each.database.id
        }
        for action in tidy(each.database, each.points, needed, self.gathered.blind):
            yield (action,), ""


def replicate(world: World, request: ReplicateRequest) -> reports.Report:
    """Begins the copies that the tiers of the selected Databases ask for and that are not there.

    Every place is read whole, whichever Databases are selected: what is on its way there counts, whoever asked for it.

    Returns:
        the Report ``backstay.replicate/1``: ``outcomes`` (``pending`` for what was begun or waits its turn, ``refused``
        for what a preflight forbids), ``counts`` by result, ``waiting`` (copies that lack and were not begun),
        ``places`` (age of the newest copy per tier, account and region, and Databases without one), ``exposures`` (one
        line per Database; not where automated backups are replicated, which an audit reads and this does not) and
        ``unread``. In a dry run every call is ``planned``.

    Raises:
        BadRequest: the request names no Database that we could look at.
    """
    started = world.clock.now()
    seen = observe(world, request)
    gathered = gather(world)
    tick = _Tick(world, started, gathered, _asked(world, seen.databases, gathered, started))
    outcomes = _carried_out(world, tick.plans(), dry_run=request.dry_run)
    unread = [*seen.unread, *gathered.unread]
    begun = sum(isinstance(each.action, CopyPoint) and each.result is Result.PENDING for each in outcomes)
    return reports.frame(
        "replicate",
        world,
        started,
        status_of(outcomes, unread),
        dry_run=request.dry_run,
        databases=len(seen.databases),
        counts=Counter(outcome.result.value for outcome in outcomes),
        waiting=max(len(tick.lacks) - begun, 0),
        outcomes=[reports.outcome_part(outcome) for outcome in outcomes],
        places=places_part(tick.asked, tick.lacks, started),
        exposures=[
            exposure_part(each.database, exposure(each.database, each.points, started), started)
            for each in tick.asked
            if not (each.tier.pitr and each.tier.pitr.replicate_to)
        ],
        unread=[reports.unread_part(each) for each in unread],
    )


def _asked(world: World, databases: Iterable[Database], gathered: Gathered, now: datetime) -> list[Asked]:
    found = []
    for database in databases:
        tier = primary(subject_of(world.policy, database, now))
        if isinstance(tier, Skipped):
            continue
        wanted = wanted_copies(world.policy, tier, database.id.scope)
        points = tuple(each for each in gathered.of_ours(database.id) if is_of(each, database.id))
        served = any(each.shared_with or each.helper_for for each in points)  # copies that are not asked any more
        if wanted or served or (tier.pitr and tier.pitr.replicate_to):
            found.append(Asked(database, tier, wanted, points))
    return found


def _carried_out(
    world: World, plans: Iterable[tuple[tuple[PointAction, ...], str] | Outcome], *, dry_run: bool
) -> list[Outcome]:
    """In order of need; a few at once."""

    def one(plan: tuple[tuple[PointAction, ...], str] | Outcome) -> list[Outcome]:
        if isinstance(plan, Outcome):
            return [plan]
        actions, note = plan
        return [_planned(each, note) for each in actions] if dry_run else apply_points(world, actions, note=note)

    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return [outcome for found in pool.map(one, plans) for outcome in found]


def _planned(action: PointAction, note: str) -> Outcome:
    message = "; ".join(each for each in ("would be done", note) if each)
    return Outcome(database=action.database, result=Result.PLANNED, message=message, action=action)
