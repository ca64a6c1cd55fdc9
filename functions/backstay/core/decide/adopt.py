"""Whether a point that somebody else made can be looked after by us, and which tags then say so.

Adoption is explicit: what is adopted may be removed by the keep rules, so whatever is in doubt is refused.
"""

from __future__ import annotations

from backstay.core.actions import AdoptPoint
from backstay.core.decide.protect import LeftAlone
from backstay.core.model import Database, DatabaseId, Outcome, Result, Scope, utc_text
from backstay.core.naming import MAX_TAGS, TAG_DATA_TIME, TAG_DATABASE, TAG_DEPLOYMENT, TAG_SLOT
from backstay.core.points import Origin, PointState, RecoveryPoint, is_of, is_ours

_WHY = {
    Origin.AUTOMATED: "RDS made it and removes it with its backup window: copy it (aws rds copy-db-snapshot) and "
    "adopt the copy",
    Origin.AWS_BACKUP: "AWS Backup owns it, and its vault says how long it stays",
    Origin.OTHER: "nobody made it by hand, and whoever did make it removes it",
}


def adopt(database: Database, point: RecoveryPoint, deployment: str) -> AdoptPoint | Outcome | LeftAlone:
    """The tags to put on a point, why it is not ours to look after, or nothing to do since it is ours already.

    Its slot is the moment that its data is from, so that it is told apart from every slot of a schedule.

    Args:
        database: whose point it is said to be.
        point: as it is now.
        deployment: ours.
    """
    if is_ours(point, deployment) and is_of(point, database.id):
        return LeftAlone("is ours already")
    problem = _not_ours_to_take(point, deployment) or _of_another(database.id, point) or _unfit(point)
    if problem or point.data_time is None:
        return _refused(database, point, problem)
    moment = utc_text(point.data_time)
    tags = {
        TAG_DEPLOYMENT: deployment,
        TAG_DATABASE: database.id.key,
        TAG_SLOT: moment,
        TAG_DATA_TIME: moment,
    }
    carried = {key for key in point.tags if not key.startswith("aws:")}  # AWS's own do not count
    over = len(carried | set(tags)) - MAX_TAGS
    if over > 0:
        return _refused(database, point, f"a snapshot has at most {MAX_TAGS} tags: take {over} off to make room")
    return AdoptPoint(database=database.id, point=point.ref, tags=tags, reason=_reason(database, point))


def _refused(database: Database, point: RecoveryPoint, problem: str) -> Outcome:
    return Outcome(database=database.id, arn=point.arn, result=Result.REFUSED, message=problem)


def _not_ours_to_take(point: RecoveryPoint, deployment: str) -> str:
    if point.origin is not Origin.MANUAL:
        return _WHY[point.origin]
    owner = point.tags.get(TAG_DEPLOYMENT, deployment)
    if owner != deployment:
        return f"deployment {owner} looks after it: if that one is gone, take its tag {TAG_DEPLOYMENT} off first"
    if point.helper_for:
        return f"only serves a copy in {point.helper_for}, and goes with it"
    return ""


def _of_another(database: DatabaseId, point: RecoveryPoint) -> str:
    """Names are unique in one account and region only: elsewhere, a copy tells by its source whose it is."""
    if (point.kind, point.source) != (database.kind, database.name):
        return f"is of {point.kind} {point.source}"
    if is_ours(point, point.tags.get(TAG_DEPLOYMENT, "")) and point.database != database.key:
        return f"is ours already, as one of {point.database}"
    origin = _origin(point)
    if origin == database.scope:
        return ""
    if point.scope == database.scope:
        return f"was copied here from {origin}: it is of the {point.source} there"
    where = "was taken there" if origin == point.scope else f"was copied from {origin}"
    return f"{where}, so it is of another {point.source} than the one in {database.scope}"


def _origin(point: RecoveryPoint) -> Scope:
    """Where its first original is known to have been: RDS tells the source of copies from afar only."""
    parts = point.copied_from.split(":")
    if len(parts) <= 4:  # noqa: PLR2004  # arn:partition:rds:region:account:…
        return point.scope
    return Scope(point.scope.provider, parts[4], parts[3])


def _unfit(point: RecoveryPoint) -> str:
    if point.state is not PointState.AVAILABLE:
        again = "adopt it once it is available" if point.state is PointState.CREATING else "it cannot be restored from"
        return f"is {point.status}: {again}"
    if point.data_time is None:
        return (
            "nobody tells when its data is from, so no keep rule could judge it: if you know it, tag it with "
            f"{TAG_DATA_TIME} (RFC 3339 in UTC, e.g. 2026-11-24T03:00:00Z)"
        )
    return ""


def _reason(database: Database, point: RecoveryPoint) -> str:
    """A database that took another's place has its name, and so its snapshots: to be seen, and not in our power."""
    if database.created is not None and point.at < database.created:
        return f"adopted by hand; its data is older than {database.name}, which was made {utc_text(database.created)}"
    return "adopted by hand"
