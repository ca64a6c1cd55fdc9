"""The one executor: the only place where a setting of a Database is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.decide.protect import read_back
from backstay.core.errors import Conflict, LostRace, ProviderError, Throttled, Unreachable
from backstay.core.model import Outcome, Result
from backstay.core.requests import DatabaseRef

if TYPE_CHECKING:
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
