"""Restore, the front door: understand, look, decide, start. Answers within seconds; waits for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backstay.core.codec import encode
from backstay.core.decide.audit import subject_of
from backstay.core.decide.restore import decide, default_target
from backstay.core.errors import BadRequest, NoSuchDatabase, ProviderError
from backstay.core.model import DatabaseId, Status, parse_moment, utc_text
from backstay.core.naming import check_identifier, execution_name
from backstay.core.requests import LATEST, RestoreRunRequest
from backstay.core.restoring import RestorePlan, RestoreRefusal, newest
from backstay.core.tiering import InTier
from backstay.workflows import reports
from backstay.workflows.observe import find, scopes_for

if TYPE_CHECKING:
    from datetime import datetime

    from backstay.core.model import Database, Kind, Scope
    from backstay.core.policy import Tier
    from backstay.core.ports import World
    from backstay.core.requests import RestoreRequest
    from backstay.core.restoring import Snapshot


# What the front door answers when it finds the restore that was asked for in this state.
_STATUSES: Final = {"running": Status.PENDING, "succeeded": Status.OK, "failed": Status.REFUSED}

# RDS restores from what a deleted database retained of its automated backups too, by a resource id that only their own
# listing tells. We do not yet: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-pitr-retained.html,
# https://github.com/hashicorp/terraform-provider-aws/issues/38549
_OF_A_DELETED_ONE: Final = (
    "an existing database; of a deleted one, a snapshot of it. What it retained of its automated backups is restored "
    "by hand: aws rds describe-db-instance-automated-backups (or describe-db-cluster-automated-backups) has its id"
)


@dataclass(frozen=True, slots=True)
class _Source:
    """Whose past is asked for: the Database if it still exists, and the snapshot if one is named."""

    id: DatabaseId
    database: Database | None
    snapshot: Snapshot | None


def restore(world: World, request: RestoreRequest) -> reports.Report:
    """Decides one restore and starts its runner, unless it is a dry run or the world has no runner.

    Returns:
        the Report ``backstay.restore/1``: ``plan`` with the preflight line by line, ``request`` (what the runner gets),
        ``target``, and ``execution`` with its console link; or ``refusal`` with what is possible instead.

    Raises:
        BadRequest: the request cannot be understood, or names nothing that could be restored.
        ProviderError: whether the source, the snapshot or the target exists could not be read.
    """
    started = world.clock.now()
    source = _source(world, request)
    resolved = _resolved(world, request, source)
    world.note(f"preflight for {resolved.target}")
    facts = world.restorers[source.id.scope].facts(resolved, source.database)
    decision = decide(
        source=source.id,
        request=resolved,
        facts=facts,
        tier=tier_for(world, source.database, started),
        deployment=world.deployment,
        now=world.clock.now(),
    )
    if isinstance(decision, RestoreRefusal):
        return refused(world, "restore", started, decision)
    return _answer(world, request, started, resolved, decision)


def tier_for(world: World, database: Database | None, now: datetime) -> Tier | None:
    """The source's tier, for the window that the restored one gets."""
    if database is None:
        return None
    placement = subject_of(world.policy, database, now).placement
    return placement.tier if isinstance(placement, InTier) else None


def refused(world: World, verb: str, started: datetime, refusal: RestoreRefusal) -> reports.Report:
    """The Report of a restore that cannot start, with the window that is possible."""
    return reports.frame(verb, world, started, Status.REFUSED, refusal=encode(refusal))


def _answer(
    world: World, request: RestoreRequest, started: datetime, resolved: RestoreRunRequest, plan: RestorePlan
) -> reports.Report:
    parts: dict[str, Any] = {
        "dry_run": request.dry_run,
        "database": plan.source_arn or plan.source.key,
        "target": plan.target.name,
        "request": {key: value for key, value in _fields(resolved).items() if value is not None},
        "plan": encode(plan),
    }
    if request.dry_run or world.starter is None:
        return reports.frame("restore", world, started, Status.OK, execution=None, **parts)
    execution = world.starter.start(resolved)
    part = {
        "id": execution.id,
        "name": resolved.request_id,
        "started": execution.started,
        "state": execution.state,
        "console": world.starter.console_link(execution),
    }
    status = _STATUSES[execution.state]
    if status is Status.REFUSED:
        parts["refusal"] = {
            "message": "this very restore was tried and failed; its execution says where",
            "accepted": f"another target than {plan.target.name}",
        }
    return reports.frame("restore", world, started, status, execution=part, **parts)


def _fields(request: RestoreRunRequest) -> dict[str, str | None]:
    return {
        "database": request.database,
        "target": request.target,
        "request_id": request.request_id,
        "moment": request.moment,
        "snapshot": request.snapshot,
    }


def _source(world: World, request: RestoreRequest) -> _Source:
    ref = request.ref
    seen = find(world, ref)
    if seen.unread:
        raise ProviderError(f"cannot tell whether {ref} exists: {seen.unread[0].error}")
    database = seen.databases[0] if seen.databases else None
    if database is None and request.snapshot is None:
        raise NoSuchDatabase("is not there", field="database", value=str(ref), accepted=_OF_A_DELETED_ONE)
    scopes = [database.id.scope] if database else scopes_for(world, ref)
    kind = database.id.kind if database else ref.kind
    name = database.name if database else ref.name
    snapshot = _snapshot(world, scopes, request.snapshot, name, kind) if request.snapshot else None
    if database is not None:
        return _Source(database.id, database, snapshot[1] if snapshot else None)
    if snapshot is None:
        raise BadRequest("is not there", field="snapshot", value=request.snapshot, accepted="an existing snapshot")
    scope, found = snapshot
    return _Source(DatabaseId(scope, found.kind, ref.name), None, found)


def _snapshot(
    world: World, scopes: list[Scope], ident: str, name: str, kind: Kind | None
) -> tuple[Scope, Snapshot] | None:
    """The snapshot of that identifier; where several regions have one, that of the named database.

    Raises:
        BadRequest: several regions have one of it.
    """
    place = ident.split(":")[3] if ident.startswith("arn:") else ""
    looked = [scope for scope in scopes if place in ("", scope.region)]
    seen = [(scope, world.restorers[scope].snapshot(ident, kind)) for scope in looked]
    found = [(scope, each) for scope, each in seen if each is not None]
    meant = [(scope, each) for scope, each in found if each.source == name] or found
    if len(meant) > 1:
        accepted = " or ".join(each.arn for _, each in meant)
        raise BadRequest("names several snapshots", field="snapshot", value=ident, accepted=accepted)
    return meant[0] if meant else None


def _resolved(world: World, request: RestoreRequest, source: _Source) -> RestoreRunRequest:
    """The request with its moment and target settled; ``latest`` is settled here, once, and nowhere else."""
    moment = _moment(world, request, source)
    shown = moment or (source.snapshot.data_time if source.snapshot else None)
    target = request.target or default_target(source.id, source.database, shown, request.snapshot)
    target = check_identifier(target, "target")
    text = None if moment is None else utc_text(moment)
    what = request.snapshot or text or ""
    return RestoreRunRequest(
        database=source.id.key,
        target=target,
        request_id=execution_name(world.deployment, source.id.key, what, target),
        moment=text,
        snapshot=request.snapshot,
    )


def _moment(world: World, request: RestoreRequest, source: _Source) -> datetime | None:
    if request.to is None:
        return None
    if request.to != LATEST:
        return parse_moment(request.to, "to")
    window = source.database.window if source.database else None
    return newest(window) if window else world.clock.now()  # without a window, the preflight says why
