"""Which snapshot a Database is due, or why none is taken now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from backstay.core.actions import TakeSnapshot
from backstay.core.decide.protect import LeftAlone
from backstay.core.findings import Skipped
from backstay.core.model import DatabaseId, Outcome, Result, State, utc_text
from backstay.core.naming import (
    MAX_TAGS,
    TAG_DATA_TIME,
    TAG_DATABASE,
    TAG_DEPLOYMENT,
    TAG_SLOT,
    carried_tags,
    free_name,
)
from backstay.core.points import PointState, RecoveryPoint
from backstay.core.policy import Policy
from backstay.core.rules.base import Subject, primary
from backstay.core.slots import slot_of

ATTEMPTS = 3
"""How often what failed is tried again under another name before somebody has to look."""

# Deployment, database, slot, data time, helper and shared; and room for what a drill and a person add (verified, hold).
_OURS = 8


def snapshot(
    subject: Subject, points: Iterable[RecoveryPoint], policy: Policy, deployment: str
) -> TakeSnapshot | Outcome | LeftAlone:
    """One snapshot for the slot that is open now, a reason to wait, or nothing to do.

    Args:
        subject: the Database with its place in the policy.
        points: ours of this Database in its own location.
        policy: for the time zone.
        deployment: ours.
    """
    tier, database = primary(subject), subject.database
    if isinstance(tier, Skipped):
        return LeftAlone(tier.reason)
    if tier.snapshots is None:
        return LeftAlone(f"tier {tier.name} asks for no snapshots")
    slot = slot_of(tier.snapshots, policy.timezone, subject.now)
    of_slot = [each for each in points if each.slot == utc_text(slot) and not each.helper_for]
    if any(each.state in (PointState.AVAILABLE, PointState.CREATING) for each in of_slot):
        return LeftAlone(f"slot {utc_text(slot)} is taken")
    failed = {each.id for each in of_slot if each.state is PointState.FAILED}
    if len(failed) >= ATTEMPTS:
        times = f"slot {utc_text(slot)} failed {len(failed)} times"
        message = f"{times}: look into the database's events; the next slot tries again"
        return Outcome(database=database.id, arn=database.arn, result=Result.FAILED, message=message)
    if database.state is not State.AVAILABLE:
        # Whatever it is, the next tick looks again; a slot that stays empty is BK004's to tell.
        message = f"slot {utc_text(slot)} is due, but it is {database.status}; the next run tries again"
        return Outcome(database=database.id, arn=database.arn, result=Result.REFUSED, message=message, passing=True)
    return TakeSnapshot(
        database=database.id,
        name=free_name(deployment, database.id, slot, failed),
        slot=slot,
        tags=tags_of(database.tags, database.id, slot, deployment),
        reason=f"tier {tier.name}: slot {utc_text(slot)}",
    )


def tags_of(
    source: Mapping[str, str], database: DatabaseId, slot: datetime, deployment: str, data_time: datetime | None = None
) -> dict[str, str]:
    """All tags of a point: those of its source that may be written and fit, and ours.

    ``data_time`` is that of a copy's source; of a snapshot the provider tells it once it is there.
    """
    carried = carried_tags(source)
    kept = {key: carried[key] for key in sorted(carried)[: MAX_TAGS - _OURS]}
    ours = {TAG_DEPLOYMENT: deployment, TAG_DATABASE: database.key, TAG_SLOT: utc_text(slot)}
    return {**kept, **ours, **({TAG_DATA_TIME: utc_text(data_time)} if data_time else {})}
