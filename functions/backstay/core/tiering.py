"""Where a Database stands in the policy: scratch, exempt, managed elsewhere, in a tier, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backstay.core.model import Provider
from backstay.core.notation import matches_any
from backstay.core.policy import effective

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from backstay.core.model import Database, Scope
    from backstay.core.policy import Exemption, Location, Match, Policy, Tier

SCRATCH_TAG: Final = "backstay:scratch"


@dataclass(frozen=True, slots=True, kw_only=True)
class InTier:
    """The tier has it.

    Attributes:
        tier: with every block filled in from the defaults.
        expired: the exemption that held until its end date, if one did.
        problem: what the tier asks and this Database makes impossible (a copy onto itself); empty when nothing.
    """

    tier: Tier
    expired: Exemption | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Exempt:
    """Nothing is asked of it, until the exemption ends."""

    exemption: Exemption


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Somebody else owns its backups: ``by``. ``expired`` as in `InTier`."""

    by: str
    expired: Exemption | None = None


@dataclass(frozen=True, slots=True)
class Scratch:
    """Made by a restore or a drill: nothing of ours audits, snapshots or repairs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """Nothing in the policy matches it, which is a finding. ``expired`` as in `InTier`."""

    reason: str
    expired: Exemption | None = None


Placement = InTier | Exempt | Elsewhere | Scratch | Unplaced


def place(policy: Policy, database: Database, today: date) -> Placement:
    """The one place of a Database: scratch, exempt, managed elsewhere, tiers, in this order; first match wins.

    Args:
        policy: validated.
        database: as listed.
        today: in the policy's time zone (``policy.today(now)``); an exemption still holds on its last day.
    """
    if SCRATCH_TAG in database.tags:
        return Scratch()
    exemptions = [entry for entry in policy.exempt if matches(entry.match, database)]
    for entry in exemptions:
        if today <= entry.until:
            return Exempt(entry)
    expired = max(exemptions, key=lambda entry: entry.until, default=None)
    for master in policy.managed_elsewhere:
        if matches(master.match, database):
            return Elsewhere(by=master.by, expired=expired)
    for candidate in policy.tiers:
        if matches(candidate.match, database):
            tier = effective(policy, candidate)
            problem = own_location_problem(tier, database.id.scope, policy)
            return InTier(tier=tier, expired=expired, problem=problem or "")
    return Unplaced(reason="matches no exemption, no managed_elsewhere entry and no tier", expired=expired)


def matches(match: Match, database: Database) -> bool:
    """Whether every key that the match gives holds for the Database. A match that gives none holds for nothing."""
    scope = database.id.scope
    return (
        not match.empty
        and (not match.names or matches_any(match.names, database.name))
        and (not match.accounts or matches_any(match.accounts, scope.account))
        and (not match.regions or matches_any(match.regions, scope.region))
        and (not match.engines or matches_any(match.engines, database.engine))
        and (not match.providers or scope.provider in match.providers)
        and all(_has_tag(database.tags, name, values) for name, values in match.tags.items())
    )


def _has_tag(tags: Mapping[str, str], name: str, values: tuple[str, ...]) -> bool:
    return any(matches_any((name,), key) and matches_any(values, value) for key, value in tags.items())


def own_location_problem(tier: Tier, scope: Scope, policy: Policy) -> str | None:
    """What is wrong when a copy, or the PITR replica, would land where the Database itself lives; None when nothing.

    A copy beside its source is lost together with it, so this is an error and never quietly left out.

    Args:
        tier: with its blocks filled in (`effective`).
        scope: the Database's own.
        policy: for the locations' names.
    """
    targets = [("copies.to", copy.to) for copy in tier.copies or ()]
    if tier.pitr is not None and tier.pitr.replicate_to:
        targets.append(("pitr.replicate_to", tier.pitr.replicate_to))
    own = [f"{where} {name}" for where, name in targets if _is_own(policy.locations.get(name), scope)]
    if not own:
        return None
    return f"tier {tier.name}: {', '.join(own)} is the Database's own location ({scope})"


def _is_own(location: Location | None, scope: Scope) -> bool:
    if location is None:
        return False
    match scope.provider:
        case Provider.AWS:
            found = location.aws is not None and (location.aws.region, location.aws.account)
        case Provider.GCP:
            found = location.gcp is not None and (location.gcp.region, location.gcp.project)
    return found in ((scope.region, ""), (scope.region, scope.account))
