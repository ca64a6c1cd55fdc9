"""Adopt: put our tags on snapshots that somebody else made, since a person said which."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from backstay.core.actions import AdoptPoint
from backstay.core.decide.adopt import adopt as decide
from backstay.core.decide.audit import subject_of
from backstay.core.decide.protect import LeftAlone
from backstay.core.decide.prune import PrunePlan, prune
from backstay.core.errors import BadRequest, ProviderError
from backstay.core.findings import Skipped
from backstay.core.guards import Refusal
from backstay.core.model import Outcome, Result, Unread, utc_text
from backstay.core.places import copy_scopes, wanted_copies
from backstay.core.points import Origin, is_ours
from backstay.core.requests import Selection
from backstay.core.retention import Kept, Removed
from backstay.core.rules.base import primary
from backstay.workflows import reports
from backstay.workflows.apply import apply_point
from backstay.workflows.observe import observe
from backstay.workflows.outcomes import status_of
from backstay.workflows.points import Gathered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstay.core.model import Database
    from backstay.core.points import RecoveryPoint
    from backstay.core.ports import World

Part = dict[str, Any]
_NAMED: Final = 10  # of the snapshots that could have been meant


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRequest(Selection):
    """Which snapshots of one Database to look after from now on: named, or all that were made by hand.

    Attributes:
        snapshots: identifiers or ARNs.
        all_manual: every manual one that is not ours yet, instead.
        dry_run: answer with the plan only.
    """

    snapshots: tuple[str, ...] = ()
    all_manual: bool = False
    dry_run: bool = False

    def check(self) -> None:
        """Raise BadRequest unless it names one Database, and snapshots in exactly one way."""
        Selection.check(self)
        if self.database is None:
            raise BadRequest("names no single database", field="database", accepted="a name, an ARN or a key")
        if bool(self.snapshots) == self.all_manual:
            named = "names snapshots and all of them" if self.snapshots else "names no snapshot"
            raise BadRequest(named, field="SNAPSHOT", accepted="identifiers or ARNs, or --all-manual instead")


def adopt(world: World, request: AdoptRequest) -> reports.Report:
    """Adopts the snapshots, where the Database lives and wherever the policy keeps copies of it.

    Returns:
        the Report ``backstay.adopt/1``: ``outcomes`` (``done``, ``already_done``, or ``refused`` with the reason; in a
        dry run ``planned``), each adopted one with ``next``: what prune makes of it from then on (``result`` is
        ``stays`` or ``goes``, ``why``); ``prune``, how many of the Database's points would go in all and, where that
        is beyond the blast radius, why they wait; ``counts`` by result, ``unread``. What could not be read makes the
        status unknown only where it may hold one of the snapshots.

    Raises:
        BadRequest: the Database or one of the snapshots is not there, or a name means several.
    """
    started = world.clock.now()
    seen = observe(world, request)
    unread, next_plan, blind = list(seen.unread), None, False
    outcomes: list[tuple[Outcome, RecoveryPoint]] = []
    for database in seen.databases:  # one, or none where it could not be read
        found = _points(world, database, unread)
        chosen = _manual(found, world.deployment) if request.all_manual else _named(found, request.snapshots, unread)
        blind = request.all_manual or not all(_is_among(chosen, name) for name in request.snapshots)
        decisions = [(point, decide(database, point, world.deployment)) for point in chosen]
        actions = [each for _, each in decisions if isinstance(each, AdoptPoint)]
        next_plan = _next(world, database, found, actions, unread)
        outcomes = [(_one(world, database, *each, dry_run=request.dry_run), each[0]) for each in decisions]
    return reports.frame(
        "adopt",
        world,
        started,
        status_of([outcome for outcome, _ in outcomes], unread if blind else seen.unread),
        dry_run=request.dry_run,
        databases=len(seen.databases),
        counts=Counter(outcome.result.value for outcome, _ in outcomes),
        outcomes=[_part(*each, next_plan) for each in outcomes],
        prune=_prune_part(next_plan),
        unread=[reports.unread_part(each) for each in unread],
    )


def _points(world: World, database: Database, unread: list[Unread]) -> list[RecoveryPoint]:
    """All that bear the Database's name, where it lives and in every place of the policy."""
    found: list[RecoveryPoint] = []
    home = database.id.scope
    for scope in dict.fromkeys((home, *copy_scopes(world.policy, (home.account,)))):
        try:
            found += world.stores[scope].of(database.id)
        except ProviderError as exc:
            unread.append(Unread(scope, f"snapshots of {database.name}", str(exc)))
        world.note(f"{scope}: {len(found)} snapshots of {database.name} so far")
    return found


def _manual(found: Sequence[RecoveryPoint], deployment: str) -> list[RecoveryPoint]:
    return [each for each in found if each.origin is Origin.MANUAL and not is_ours(each, deployment)]


def _named(found: Sequence[RecoveryPoint], names: Sequence[str], unread: Sequence[Unread]) -> list[RecoveryPoint]:
    """Each that is named, once. What could not be read may hold one that is missing: then nobody knows."""
    chosen: dict[str, RecoveryPoint] = {}
    for name in names:
        meant = [each for each in found if _is_called(each, name)]
        if len(meant) > 1:
            accepted = " or ".join(each.arn for each in meant)
            raise BadRequest("names several snapshots", field="SNAPSHOT", value=name[:200], accepted=accepted)
        if not meant and not unread:
            raise BadRequest("is not there", field="SNAPSHOT", value=name[:200], accepted=_possible(found))
        chosen |= {each.arn: each for each in meant}
    return list(chosen.values())


def _is_called(point: RecoveryPoint, name: str) -> bool:
    return name == point.arn or name.lower() == point.id.lower()


def _is_among(points: Sequence[RecoveryPoint], name: str) -> bool:
    return any(_is_called(each, name) for each in points)


def _possible(found: Sequence[RecoveryPoint]) -> str:
    manual = [each.id for each in found if each.origin is Origin.MANUAL]
    if not manual:
        return "none: there is no manual snapshot of this database"
    more = f" and {len(manual) - _NAMED} more" if len(manual) > _NAMED else ""
    return f"{', '.join(manual[:_NAMED])}{more}"


def _next(
    world: World,
    database: Database,
    found: Sequence[RecoveryPoint],
    actions: Sequence[AdoptPoint],
    unread: Sequence[Unread],
) -> PrunePlan | str:
    """What prune would make of the Database's points with these among ours, or why it never looks at them."""
    now = world.clock.now()
    tier = primary(subject_of(world.policy, database, now))
    if isinstance(tier, Skipped):
        return tier.reason
    tags = {each.point.arn: each.tags for each in actions}
    home = database.id.scope
    concerned = {home, *(each.place.scope for each in wanted_copies(world.policy, tier, home))}  # as prune has it
    after = Gathered()
    after.add((replace(each, tags={**each.tags, **tags.get(each.arn, {})}) for each in found), world.deployment)
    return prune(
        database,
        tier,
        world.policy,
        after.of(database.id),
        deployment=world.deployment,
        now=now,
        stale=world.policy_stale,
        unread={each.scope: each.error for each in unread if each.scope in concerned},
    )


def _one(
    world: World, database: Database, point: RecoveryPoint, decision: AdoptPoint | Outcome | LeftAlone, *, dry_run: bool
) -> Outcome:
    match decision:
        case Outcome():
            return decision
        case AdoptPoint() if dry_run:
            result, message = Result.PLANNED, "would be adopted"
            return Outcome(database=database.id, arn=point.arn, result=result, message=message, action=decision)
        case AdoptPoint():
            world.note(f"adopting {point.id} in {point.scope}")
            return apply_point(world, decision)
        case LeftAlone():
            return Outcome(database=database.id, arn=point.arn, result=Result.ALREADY, message=decision.reason)


def _prune_part(plan: PrunePlan | str | None) -> Part | None:
    return {"remove": len(plan.actions), "beyond": plan.beyond or None} if isinstance(plan, PrunePlan) else None


def _part(outcome: Outcome, point: RecoveryPoint, plan: PrunePlan | str | None) -> Part:
    part = {
        **reports.outcome_part(outcome),
        "data_time": None if point.data_time is None else utc_text(point.data_time),
    }
    return {**part, "next": _fate(plan, point)} if isinstance(outcome.action, AdoptPoint) else part


def _fate(plan: PrunePlan | str | None, point: RecoveryPoint) -> Part:
    """What becomes of the point at the next prune, and why."""
    match plan.fate(point.arn) if isinstance(plan, PrunePlan) else None:
        case Removed(reason=reason):
            return {"result": "goes", "why": reason}
        case Kept(reasons=reasons):
            return {"result": "stays", "why": ", ".join(reasons)}
        case Refusal(guard=guard, reason=reason):
            return {"result": "stays", "why": f"guard {guard}: {reason}"}
        case None:
            return {"result": "stays", "why": f"prune leaves this database alone: {plan}"}
