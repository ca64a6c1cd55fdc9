"""Prune: remove what the keep rules let go and no guard keeps; look anew before each removal."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from backstay.core.decide.audit import subject_of
from backstay.core.decide.prune import PrunePlan, confirmation
from backstay.core.decide.prune import prune as decide
from backstay.core.errors import ProviderError, Throttled, Unreachable
from backstay.core.findings import Skipped
from backstay.core.guards import Refusal
from backstay.core.model import Outcome, Result, utc_text
from backstay.core.places import wanted_copies
from backstay.core.retention import Kept
from backstay.core.rules.base import primary
from backstay.workflows import reports
from backstay.workflows.apply import apply_point
from backstay.workflows.observe import observe
from backstay.workflows.outcomes import status_of
from backstay.workflows.points import Gathered, gather, gather_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from backstay.core.actions import DeletePoint, PointRef
    from backstay.core.decide.prune import Shelved
    from backstay.core.model import Database, Scope
    from backstay.core.policy import Tier
    from backstay.core.ports import World
    from backstay.core.requests import PruneRequest

Part = dict[str, Any]
_WORKERS: Final = 8  # DeleteDB…Snapshot is throttled per account; more at once only waits
# How old what a removal is decided on may be. The point itself is looked at right before; its siblings, of which there
# may be hundreds, every few seconds.
_FRESH: Final = timedelta(seconds=5)
_TOLD_IN_FULL: Final = 50  # Databases of which a Report lists what stays too; of more it counts


def prune(world: World, request: PruneRequest) -> reports.Report:
    """Removes what is to go of every selected Database, in every location.

    A Database whose removals are beyond the blast radius loses nothing until ``request.confirm`` is the hash of all
    such removals, which the Report tells. Before each removal the point is read anew, and its Database's others where
    what is known of them is older than a few seconds; then the plan is made again: what is no longer to go stays.

    Returns:
        the Report ``backstay.prune/1``: ``pruned`` (per Database and location what is removed, with the rule that let
        it go, what a guard keeps, with its number, and, of few Databases, what stays, with its reasons), ``outcomes``
        of the removals, ``confirm`` (the hash, null when nothing waits for it), ``counts`` by result, ``left_alone``
        (Databases in no tier, by reason) and ``unread``. In a dry run every removal is ``planned``.

    Raises:
        BadRequest: the request names no Database that we could look at.
    """
    started = world.clock.now()
    seen = observe(world, request)
    gathered = gather(world)
    alone: Counter[str] = Counter()
    plans: list[tuple[PrunePlan, Tier]] = []
    for database in seen.databases:
        tier = primary(subject_of(world.policy, database, started))
        if isinstance(tier, Skipped):
            alone[tier.reason] += 1
            continue
        plans.append((_plan(world, database, tier, gathered, started), tier))
    confirm = confirmation(plan for plan, _ in plans)
    outcomes = _carried_out(world, plans, confirm, request)
    unread = [*seen.unread, *gathered.unread]
    full = len(plans) <= _TOLD_IN_FULL
    return reports.frame(
        "prune",
        world,
        started,
        status_of(outcomes, unread),
        dry_run=request.dry_run,
        databases=len(seen.databases),
        counts=Counter(outcome.result.value for outcome in outcomes),
        confirm=confirm or None,
        outcomes=[reports.outcome_part(outcome) for outcome in outcomes],
        pruned=[part for plan, _ in plans if (part := _part(plan, full=full))],
        left_alone=dict(alone),
        unread=[reports.unread_part(each) for each in unread],
    )


def _plan(world: World, database: Database, tier: Tier, gathered: Gathered, now: datetime) -> PrunePlan:
    """The plan, for which every scope that could hold points of the Database must have been read to its end."""
    concerned = _scopes(world, database, tier)
    return decide(
        database,
        tier,
        world.policy,
        gathered.of(database.id),
        deployment=world.deployment,
        now=now,
        stale=world.policy_stale,
        unread={scope: error for scope, error in gathered.blind.items() if scope in concerned},
    )


def _scopes(world: World, database: Database, tier: Tier) -> list[Scope]:
    wanted = wanted_copies(world.policy, tier, database.id.scope)
    return list(dict.fromkeys((database.id.scope, *(each.place.scope for each in wanted))))


def _carried_out(
    world: World, plans: Sequence[tuple[PrunePlan, Tier]], confirm: str, request: PruneRequest
) -> list[Outcome]:
    confirmed = bool(confirm) and request.confirm == confirm
    moved = request.confirm is not None and not confirmed

    def one(found: tuple[PrunePlan, Tier]) -> list[Outcome]:
        plan, tier = found
        if not plan.actions:
            return []
        if plan.beyond and not confirmed:
            return [_beyond(plan, confirm, moved=moved)]
        if request.dry_run:
            return [_planned(each) for each in plan.actions]
        looks = _Looks(world, plan.database, tier, _looked_at(world, plan, tier))
        return [looks.remove(each) for each in plan.actions]

    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return [outcome for found in pool.map(one, plans) for outcome in found]


def _looked_at(world: World, plan: PrunePlan, tier: Tier) -> list[Scope]:
    """What guards read, and wherever something goes: that may be a place which the tier no longer names."""
    going = (each.point.scope for each in plan.actions)
    return list(dict.fromkeys((*_scopes(world, plan.database, tier), *going)))


def _beyond(plan: PrunePlan, confirm: str, *, moved: bool) -> Outcome:
    """Guard 9: nothing of that Database goes, and somebody has to say so."""
    again = "the plan is not the one that was confirmed; look at it again. " if moved else ""
    message = f"guard 9: {plan.beyond}, so nothing does. {again}To remove them all the same, confirm {confirm}"
    return Outcome(database=plan.database.id, arn=plan.database.arn, result=Result.REFUSED, message=message)


def _planned(action: DeletePoint) -> Outcome:
    message = f"would be removed: {action.reason}"
    return Outcome(
        database=action.database, arn=action.point.arn, result=Result.PLANNED, message=message, action=action
    )


@dataclass
class _Looks:
    """What is known of one Database while its points go: read anew when it is older than a few seconds."""

    world: World
    database: Database
    tier: Tier
    places: list[Scope]
    at: datetime | None = None
    gathered: Gathered = field(default_factory=Gathered)

    def remove(self, action: DeletePoint) -> Outcome:
        """One removal, after another look at the point itself, and a fresh one at all that guards look at."""
        try:
            fresh = self._look(action.point)
        except ProviderError as exc:
            message, passing = f"cannot be read again before it goes: {exc}", isinstance(exc, Throttled | Unreachable)
            return self._stays(action, Result.FAILED, message, passing=passing)
        if not fresh:
            return self._stays(action, Result.ALREADY, "is gone already")
        plan = _plan(self.world, self.database, self.tier, self.gathered, self.world.clock.now())
        still = next((each for each in plan.actions if each.point.arn == action.point.arn), None)
        if still is None:
            return self._stays(action, Result.REFUSED, _unseen(self.gathered) or _why_not(plan, action))
        self.world.note(f"{self.database.name}: removing {action.point.id} in {action.point.scope}")
        outcome = apply_point(self.world, still)
        if outcome.result in (Result.DONE, Result.ALREADY):
            self.gathered.forget(action.point.arn)
        return outcome

    def _look(self, point: PointRef) -> bool:
        """Whether the point is still there, with everything about it as it is now."""
        now = self.world.clock.now()
        if self.at is None or now - self.at > _FRESH:
            self.at, self.gathered = now, gather_of(self.world, self.database.id, self.places)
        found = self.world.stores[point.scope].find(point)
        self.gathered.forget(point.arn)
        if found is not None:
            self.gathered.add([found], self.world.deployment)
        return found is not None

    def _stays(self, action: DeletePoint, result: Result, message: str, *, passing: bool = False) -> Outcome:
        return Outcome(
            database=self.database.id,
            arn=action.point.arn,
            result=result,
            message=message,
            action=action,
            passing=passing,
        )


def _unseen(gathered: Gathered) -> str:
    """Where its siblings could not be looked at, they are no reason for anything."""
    found = next(iter(gathered.unread), None)
    return f"guard 0: {found.scope} could not be read: {found.error}" if found else ""


def _why_not(plan: PrunePlan, action: DeletePoint) -> str:
    match plan.fate(action.point.arn):
        case Refusal(guard=guard, reason=reason):
            return f"guard {guard}: {reason}"
        case Kept(reasons=reasons):
            return f"stays now: {', '.join(reasons)}"
        case _:
            return "is no longer of this database"


def _part(plan: PrunePlan, *, full: bool) -> Part | None:
    """What the Report tells of one Database; None when nothing of it is there."""
    locations = [_location(shelf, full=full) for shelf in plan.shelves]
    if not locations:
        return None
    return {"database": plan.database.id.key, "beyond": plan.beyond or None, "locations": locations}


def _location(shelf: Shelved, *, full: bool) -> Part:
    part: Part = {
        "scope": str(shelf.scope),
        "kept": len(shelf.kept),
        "remove": [{**_point(each), "reason": each.reason} for each in shelf.removed],
        "refused": [
            {"point": each.point.arn, "data_time": _moment(each.point.data_time), "guard": each.guard,
             "reason": each.reason}
            for each in shelf.refused
        ],
    }  # fmt: skip
    return {**part, "keep": _kept(shelf.kept)} if full else part


def _kept(kept: Iterable[Kept[Any]]) -> list[Part]:
    return [{**_point(each), "reasons": list(each.reasons)} for each in kept]


def _point(each: Any) -> Part:
    return {"point": each.point.arn, "data_time": _moment(each.point.data_time)}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else utc_text(moment)
