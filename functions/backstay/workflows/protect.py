"""Protect: make true what the tier's ``enforce`` allows, once, and say what came of it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from backstay.core.cost import estimate
from backstay.core.decide.audit import subject_of
from backstay.core.decide.protect import LeftAlone
from backstay.core.decide.protect import protect as decide
from backstay.core.errors import ProviderError, Throttled, Unreachable
from backstay.core.model import ChangeSettings, Outcome, Result
from backstay.core.requests import DatabaseRef
from backstay.workflows import reports
from backstay.workflows.apply import apply_settings
from backstay.workflows.memory import Repairs
from backstay.workflows.observe import observe
from backstay.workflows.outcomes import status_of

if TYPE_CHECKING:
    from backstay.core.model import Database
    from backstay.core.ports import World
    from backstay.core.requests import ProtectRequest

_WORKERS: Final = 8  # ModifyDB* is throttled per account; more at once only waits


def protect(world: World, request: ProtectRequest) -> reports.Report:
    """Repairs the selected Databases as far as their tiers allow.

    Returns:
        the Report ``backstay.protect/1``: ``outcomes`` (only of Databases where something was to do), ``counts`` by
        result, ``unread``. In a dry run every outcome is ``planned``, with the very action that would be executed and
        what it would cost, and ``cost`` sums that up.

    Raises:
        BadRequest: the request names no Database that we could look at.
        ProviderError: the vault failed, so repairs could not be claimed.
    """
    started = world.clock.now()
    seen = observe(world, request)
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        each = pool.map(lambda database: _one(world, database, dry_run=request.dry_run), seen.databases)
        found = [(database, outcome) for database, outcome in zip(seen.databases, each, strict=True) if outcome]
    outcomes = [outcome for _, outcome in found]
    planned = [each for each in found if each[1].result is Result.PLANNED]
    costs = {outcome.database: estimate(database, outcome.action) for database, outcome in planned}
    return reports.frame(
        "protect",
        world,
        started,
        status_of(outcomes, seen.unread),
        dry_run=request.dry_run,
        databases=len(seen.databases),
        counts=Counter(outcome.result.value for outcome in outcomes),
        outcomes=[
            {**reports.outcome_part(outcome), **reports.cost_part(costs.get(outcome.database))} for outcome in outcomes
        ],
        unread=[reports.unread_part(unread) for unread in seen.unread],
        **({"cost": reports.costs_part(list(costs.values()))} if request.dry_run else {}),
    )


def _one(world: World, database: Database, *, dry_run: bool) -> Outcome | None:
    if isinstance(decide(subject_of(world.policy, database, world.clock.now()), ()), LeftAlone):
        return None  # nothing to do, so nothing to remember: no read of the vault per Database of a fleet
    # First what is remembered, then the Database anew: a run that repaired it meanwhile shows in one or the other.
    repairs = Repairs(world.vault, database.id)
    try:
        fresh = world.inventories[database.id.scope].find(DatabaseRef.of(database.id))
    except ProviderError as exc:
        message = f"cannot be read again before the change: {exc}"
        passing = isinstance(exc, Throttled | Unreachable)
        return Outcome(database=database.id, arn=database.arn, result=Result.FAILED, message=message, passing=passing)
    if fresh is None:
        return None
    decision = decide(subject_of(world.policy, fresh, world.clock.now()), repairs.lately)
    match decision:
        case Outcome():
            return decision
        case ChangeSettings() if dry_run:
            message = "would be changed"
            return Outcome(database=fresh.id, arn=fresh.arn, result=Result.PLANNED, message=message, action=decision)
        case ChangeSettings():
            return apply_settings(world, fresh, decision, repairs)
        case LeftAlone():
            return None
