"""Snapshot: take the slots that are due, once, and never wait."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from backstay.core.actions import TakeSnapshot
from backstay.core.decide.audit import subject_of
from backstay.core.decide.snapshot import snapshot as decide
from backstay.core.model import Outcome, Result
from backstay.core.points import is_of
from backstay.workflows import reports
from backstay.workflows.apply import apply_point
from backstay.workflows.observe import observe
from backstay.workflows.outcomes import status_of
from backstay.workflows.points import Gathered, gather, gather_of

if TYPE_CHECKING:
    from backstay.core.model import Database
    from backstay.core.ports import World
    from backstay.core.requests import SnapshotRequest
    from backstay.workflows.observe import Observation

_WORKERS: Final = 8  # CreateDB…Snapshot is throttled per account; more at once only waits


def snapshot(world: World, request: SnapshotRequest) -> reports.Report:
    """Takes a snapshot of every selected Database whose slot is open and empty.

    A listing that failed does not stop it: the slot's name is the same in every run, so nothing is taken twice.

    Returns:
        the Report ``backstay.snapshot/1``: ``outcomes`` (only of Databases where something was due: ``pending`` when it
        is begun, ``refused`` when the Database cannot be snapshotted now), ``counts`` by result, ``unread``. In a dry
        run every snapshot is ``planned``.

    Raises:
        BadRequest: the request names no Database that we could look at.
    """
    started = world.clock.now()
    seen = observe(world, request)
    points = _points(world, seen)
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        each = pool.map(lambda database: _one(world, database, points, dry_run=request.dry_run), seen.databases)
        outcomes = [outcome for outcome in each if outcome]
    unread = [*seen.unread, *points.unread]
    return reports.frame(
        "snapshot",
        world,
        started,
        status_of(outcomes, unread),
        dry_run=request.dry_run,
        databases=len(seen.databases),
        counts=Counter(outcome.result.value for outcome in outcomes),
        outcomes=[reports.outcome_part(outcome) for outcome in outcomes],
        unread=[reports.unread_part(each) for each in unread],
    )


def _points(world: World, seen: Observation) -> Gathered:
    if len(seen.databases) == 1:
        only = seen.databases[0].id
        return gather_of(world, only, [only.scope])
    return gather(world, {each.id.scope for each in seen.databases})


def _one(world: World, database: Database, points: Gathered, *, dry_run: bool) -> Outcome | None:
    ours = points.of_ours(database.id)
    own = [each for each in ours if each.scope == database.id.scope and is_of(each, database.id)]
    decision = decide(subject_of(world.policy, database, world.clock.now()), own, world.policy, world.deployment)
    match decision:
        case Outcome():
            return decision
        case TakeSnapshot() if dry_run:
            result, message = Result.PLANNED, "would be taken"
            return Outcome(database=database.id, arn=database.arn, result=result, message=message, action=decision)
        case TakeSnapshot():
            world.note(f"{database.name}: {decision.reason}")
            return apply_point(world, decision)
        case _:
            return None
