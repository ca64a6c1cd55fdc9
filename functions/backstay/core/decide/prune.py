"""What prune would remove of one Database, what stays, and why: keep rules first, then the guards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backstay.core.actions import DeletePoint
from backstay.core.asks import Keep
from backstay.core.decide.copies import lacks
from backstay.core.guards import Ground, Refusal, Shelf, before_selection, blast
from backstay.core.model import Database, Scope
from backstay.core.naming import digest
from backstay.core.places import wanted_copies
from backstay.core.points import PointState, RecoveryPoint, is_of, is_ours
from backstay.core.policy import Policy, Tier
from backstay.core.retention import Kept, Removed, Selection, select

_HASH = 16
Fate = Kept[RecoveryPoint] | Removed[RecoveryPoint] | Refusal


@dataclass(frozen=True, slots=True)
class Shelved:
    """The points of one Database in one location.

    Attributes:
        kept: by the location's keep rule, or all where no rule says how long; each with its reasons.
        removed: what goes, each with the rule that let it go.
        refused: what no rule keeps, or no rule may touch, and a guard does.
    """

    scope: Scope
    kept: tuple[Kept[RecoveryPoint], ...]
    removed: tuple[Removed[RecoveryPoint], ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What is to go of one Database, in every location.

    Attributes:
        beyond: why it is beyond the blast radius, and so waits for somebody's word; empty when it is inside.
    """

    database: Database
    shelves: tuple[Shelved, ...]
    beyond: str

    @property
    def actions(self) -> tuple[DeletePoint, ...]:
        """The removals, oldest data first in each location."""
        return tuple(
            DeletePoint(database=self.database.id, point=each.point.ref, reason=each.reason)
            for shelf in self.shelves
            for each in shelf.removed
        )

    def fate(self, arn: str) -> Fate | None:
        """What becomes of a point, and why; None for one that is not among the Database's."""
        for shelf in self.shelves:
            fates: tuple[Fate, ...] = (*shelf.removed, *shelf.kept, *shelf.refused)
            for each in fates:
                if each.point.arn == arn:
                    return each
        return None


NO_RULE = "no rule says how long it stays here"


def prune(
    database: Database,
    tier: Tier,
    policy: Policy,
    points: Sequence[RecoveryPoint],
    *,
    deployment: str,
    now: datetime,
    stale: str = "",
    unread: Mapping[Scope, str] | None = None,
) -> PrunePlan:
    """The plan for one Database.

    Args:
        database: whose.
        tier: its own, with every block filled in.
        policy: for zone, places and guards.
        points: all that is known of this Database in any location, made by whomever; helpers of copies too.
        deployment: ours.
        now: aware.
        stale: why the newest policy is not in force; then nothing goes.
        unread: scopes that could hold points of it and could not be read; then nothing goes.
    """
    ground = Ground(
        deployment=deployment,
        database=database.id,
        key=database.id.key,
        stale=stale,
        unread=unread or {},
        copying={each.copied_from for each in points if each.state is PointState.CREATING and each.copied_from},
        lacking={},
    )
    return _Pruning(database, tier, policy, now).plan(points, ground)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What may be selected from in one location, what may not, and the selection."""

    settled: list[RecoveryPoint]
    refused: list[Refusal]
    selection: Selection[RecoveryPoint]


@dataclass(frozen=True, slots=True)
class _Pruning:
    """One Database, by one policy, at one moment."""

    database: Database
    tier: Tier
    policy: Policy
    now: datetime

    def plan(self, points: Sequence[RecoveryPoint], ground: Ground) -> PrunePlan:
        rules, here = self._rules(), dict[Scope, list[RecoveryPoint]]()
        for each in points:
            if not each.helper_for:
                here.setdefault(each.scope, []).append(each)
        chosen = {scope: self._chosen(here[scope], rules.get(scope), ground) for scope in sorted(here)}
        ground = replace(ground, lacking=self._lacking(points, ground, chosen))
        shelves = tuple(self._shelved(scope, found, ground) for scope, found in chosen.items())
        removed = sum(len(each.removed) for each in shelves)
        total = sum(len(each.settled) for each in chosen.values())
        return PrunePlan(self.database, shelves, blast(removed, total, self.policy.guards.max_delete))

    def _rules(self) -> dict[Scope, Keep]:
        scope, snapshots = self.database.id.scope, self.tier.snapshots
        rules = {each.place.scope: each.keep for each in wanted_copies(self.policy, self.tier, scope)}
        return rules if snapshots is None else {**rules, scope: snapshots.keep}

    def _chosen(self, points: Iterable[RecoveryPoint], keep: Keep | None, ground: Ground) -> _Chosen:
        settled: list[RecoveryPoint] = []
        refused: list[Refusal] = []
        for each in points:
            refusal = before_selection(each, ground)
            if refusal is None:
                settled.append(each)
            else:
                refused.append(refusal)
        if keep is None or keep.empty:
            newest_first = sorted(settled, key=lambda each: (each.at, each.key), reverse=True)
            return _Chosen(settled, refused, Selection(tuple(Kept(each, (NO_RULE,)) for each in newest_first), ()))
        return _Chosen(settled, refused, select(settled, keep, self.policy.timezone, self.now))

    def _lacking(
        self, points: Sequence[RecoveryPoint], ground: Ground, chosen: Mapping[Scope, _Chosen]
    ) -> dict[str, str]:
        """The copies that lack of what is about to go. A copy that is still being made does not exist: it may fail."""
        here = self.database.id.scope
        going = {each.point.arn: each.point for each in chosen[here].selection.removed} if here in chosen else {}
        lacking: dict[str, str] = {}
        for wanted in wanted_copies(self.policy, self.tier, here) if going else ():
            place = wanted.place.scope
            slots = {each.slot for each in chosen[place].settled} if place in chosen else set()
            if all(each.slot and each.slot in slots for each in going.values()):
                continue
            ours = [each for each in points if is_ours(each, ground.deployment) and is_of(each, self.database.id)]
            there = [each for each in ours if each.scope == here or each.state is PointState.AVAILABLE]
            found = lacks(self.database, self.tier, wanted, there, zone=self.policy.timezone, now=self.now)
            lacking |= {lack.source.arn: str(place) for lack in found if lack.source.arn in going}
        return lacking

    def _shelved(self, scope: Scope, found: _Chosen, ground: Ground) -> Shelved:
        shelf = Shelf(found.settled, self.policy.guards.min_points, self.now)
        removed: list[Removed[RecoveryPoint]] = []
        refused = found.refused
        for each in reversed(found.selection.removed):  # oldest first
            refusal = shelf.refusal(each.point, ground)
            if refusal is None:
                removed.append(each)
            else:
                refused.append(refusal)
        return Shelved(scope, found.selection.kept, tuple(removed), tuple(refused))


def confirmation(plans: Iterable[PrunePlan]) -> str:
    """The hash of all removals that wait for somebody's word: of what goes, not of why, how old it is, or when.

    Empty when none waits.
    """
    waiting = sorted(each.point.arn for plan in plans if plan.beyond for each in plan.actions)
    return digest(*waiting)[:_HASH] if waiting else ""
