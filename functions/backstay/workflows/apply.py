"""The one executor: the only place where a setting of a Database, or one of its points, is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.actions import AdoptPoint, CopyPoint, DeletePoint, ReplicateBackups, SharePoint, TakeSnapshot
from backstay.core.decide.protect import read_back
from backstay.core.errors import Conflict, LostRace, NotFound, ProviderError, Rejected, Throttled, Unreachable
from backstay.core.model import Outcome, Result, utc_text
from backstay.core.naming import TAG_SLOT
from backstay.core.points import PointState, is_ours, moment_of
from backstay.core.requests import DatabaseRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstay.core.actions import PointAction
    from backstay.core.model import ChangeSettings, Database
    from backstay.core.ports import World
    from backstay.workflows.memory import Repairs


def apply_settings(world: World, database: Database, action: ChangeSettings, repairs: Repairs) -> Outcome:
    """Claims the repair, makes one modify call, and reads back what came of it.

    A claim whose call failed is put back, so that the next run may try again at once.
    """
    settings, at = tuple(change.setting for change in action.changes), world.clock.now()
    try:
        etag = repairs.claim(at, settings)
    except LostRace:
        message = "another run is repairing this database right now"
        return Outcome(database=database.id, arn=database.arn, result=Result.PENDING, message=message, action=action)
    scope = database.id.scope
    try:
        world.pitr[scope].change(action)
    except ProviderError as exc:
        repairs.put_back(etag)
        busy = isinstance(exc, Conflict)  # a state that forbids it, which passes by itself
        return Outcome(
            database=database.id,
            arn=database.arn,
            result=Result.REFUSED if busy else Result.FAILED,
            message=str(exc),
            action=action,
            passing=busy or isinstance(exc, Throttled | Unreachable),
        )
    world.note(f"{database.name}: {', '.join(settings)} changed")
    try:
        repairs.confirm(at, settings, etag)
    except (LostRace, ProviderError) as exc:
        # The change is made; the claim stays one, and holds others off until it expires.
        world.note(f"{database.name}: the repair could not be remembered: {exc}")
    try:
        now = world.inventories[scope].find(DatabaseRef.of(database.id))
    except ProviderError as exc:
        message = f"accepted, but could not be read back: {exc}"
        return Outcome(database=database.id, arn=database.arn, result=Result.PENDING, message=message, action=action)
    return read_back(action, now, database.arn)


_FULL = "SnapshotQuotaExceeded"
_BEGUN = {TakeSnapshot: "begun", CopyPoint: "begun", ReplicateBackups: "asked for"}


def apply_points(world: World, actions: Sequence[PointAction], *, note: str = "") -> list[Outcome]:
    """Does one after the other; what follows a failure is not tried, since each step stands on the one before."""
    outcomes: list[Outcome] = []
    for action in actions:
        outcome = apply_point(world, action, note=note)
        outcomes.append(outcome)
        if outcome.result in (Result.FAILED, Result.REFUSED):
            break
    return outcomes


def apply_point(world: World, action: PointAction, *, note: str = "") -> Outcome:
    """Makes one call on a recovery point, and says what came of it. What takes time is begun, and so is pending."""
    try:
        _call(world, action)
    except NotFound as exc:
        if isinstance(action, DeletePoint):
            return _ended(action, Result.ALREADY, "is gone already")
        return _ended(action, Result.FAILED, str(exc))
    except Conflict as exc:
        return _conflicted(world, action, exc)
    except ProviderError as exc:
        passing = isinstance(exc, Throttled | Unreachable)
        if isinstance(action, CopyPoint) and isinstance(exc, Rejected) and exc.code == _FULL:
            # There was room a moment ago: others are copying to there too, and that passes.
            return _ended(action, Result.PENDING, f"waits: {exc}", passing=True)
        return _ended(action, Result.FAILED, str(exc), passing=passing)
    begun = _BEGUN.get(type(action))
    text = "; ".join(each for each in (begun or action.reason, note) if each)
    return _ended(action, Result.PENDING if begun else Result.DONE, text)


def _call(world: World, action: PointAction) -> None:
    match action:
        case TakeSnapshot():
            world.stores[action.database.scope].take(action)
        case CopyPoint():
            world.stores[action.to].copy(action)
        case ReplicateBackups():
            world.stores[action.to].replicate(action)
        case SharePoint():
            world.stores[action.point.scope].share(action)
        case DeletePoint():
            world.stores[action.point.scope].delete(action)
        case AdoptPoint():
            world.stores[action.point.scope].adopt(action)


def _conflicted(world: World, action: PointAction, conflict: Conflict) -> Outcome:
    """The name is taken, by us in another run or by somebody else; or the state forbids it, which passes."""
    match action:
        case TakeSnapshot():
            where, slot = action.database.scope, utc_text(action.slot)
        case CopyPoint():
            where, slot = action.to, action.tags[TAG_SLOT]
        case _:
            return _ended(action, Result.REFUSED, str(conflict), passing=True)
    try:
        there = [each for each in world.stores[where].of(action.database) if each.id == action.name]
    except ProviderError as exc:
        return _ended(action, Result.FAILED, f"{conflict}; and it could not be looked at: {exc}", passing=True)
    if not there:
        return _ended(action, Result.REFUSED, str(conflict), passing=True)
    if is_ours(there[0], world.deployment) and there[0].database == action.database.key and _same(there[0].slot, slot):
        if there[0].state is PointState.FAILED:
            return _ended(action, Result.FAILED, "another run's attempt has failed; the next tries again", passing=True)
        return _ended(action, Result.ALREADY, f"another run has made it: {there[0].status}")
    message = (
        f"a snapshot {action.name} is in {where} and has not our tags: put them back (backstay adopt), or remove it"
    )
    return _ended(action, Result.REFUSED, message)


def _same(one: str, other: str) -> bool:
    return moment_of(one) is not None and moment_of(one) == moment_of(other)


def _ended(action: PointAction, result: Result, message: str, *, passing: bool = False) -> Outcome:
    return Outcome(
        database=action.database,
        result=result,
        message=message,
        action=action,
        arn=_about(action),
        passing=passing,
    )


def _about(action: PointAction) -> str:
    match action:
        case TakeSnapshot():
            return action.name
        case CopyPoint():
            return action.source.arn
        case ReplicateBackups():
            return action.arn
        case SharePoint() | DeletePoint() | AdoptPoint():
            return action.point.arn
