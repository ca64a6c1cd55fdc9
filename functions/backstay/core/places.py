"""Places: where the policy wants recovery points of a Database, and where it names places at all."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from backstay.core.model import Provider, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstay.core.asks import Keep
    from backstay.core.policy import Policy, Tier

# Partitions in which one call copies across region and account; elsewhere a copy goes by way of the source's region.
ONE_CALL: Final = frozenset({"aws"})


@dataclass(frozen=True, slots=True)
class Place:
    """A location of the policy, as it is for one Database: its own account where the location names none.

    Attributes:
        name: as the policy calls it.
        kms_key: id, ARN or alias of a key there.
    """

    name: str
    scope: Scope
    kms_key: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Copies that a tier asks for."""

    place: Place
    keep: Keep
    immutable: bool


def place_of(policy: Policy, name: str, scope: Scope) -> Place | None:
    """The location of that name for a Database that lives in ``scope``; None when it has no entry for its cloud."""
    location = policy.locations.get(name)
    if location is None or location.aws is None or scope.provider is not Provider.AWS:
        return None
    account = location.aws.account or scope.account
    return Place(name, Scope(Provider.AWS, account, location.aws.region), location.aws.kms_key)


def wanted_copies(policy: Policy, tier: Tier, scope: Scope) -> tuple[Wanted, ...]:
    """The copies that a tier asks for of a Database in ``scope``; not those onto itself, which BK003 reports.

    Two locations that are one account and region for this Database are one place, which keeps what either asks for:
    else what one of them asks for would be removed by the other's rule, and copied again.
    """
    found: dict[Scope, Wanted] = {}
    for copy in tier.copies or ():
        place = place_of(policy, copy.to, scope)
        if place is None or place.scope == scope:
            continue
        same = found.get(place.scope)
        found[place.scope] = (
            Wanted(place, copy.keep, copy.immutable)
            if same is None
            else Wanted(same.place, _both(same.keep, copy.keep), same.immutable or copy.immutable)
        )
    return tuple(found.values())


def _both(one: Keep, other: Keep) -> Keep:
    """A rule that keeps whatever either does: of each kind the greater count."""
    return replace(one, **{each.name: max(getattr(one, each.name), getattr(other, each.name)) for each in fields(one)})


def replica_place(policy: Policy, tier: Tier, scope: Scope) -> Place | None:
    """Where a second copy of backups and logs is to go; None when the tier asks for none, or for none elsewhere."""
    name = tier.pitr.replicate_to if tier.pitr else ""
    place = place_of(policy, name, scope) if name else None
    return place if place is not None and place.scope.region != scope.region else None


def copy_scopes(policy: Policy, accounts: Iterable[str]) -> tuple[Scope, ...]:
    """Every account and region that a copy may be in, for Databases of these accounts."""
    known = tuple(accounts)
    return tuple(
        dict.fromkeys(
            Scope(Provider.AWS, account, location.aws.region)
            for location in policy.locations.values()
            if location.aws is not None
            for account in ((location.aws.account,) if location.aws.account else known)
        )
    )


def stepping_scopes(policy: Policy, regions: Iterable[str]) -> tuple[Scope, ...]:
    """Where a copy into another account lands first, in a partition in which no one call copies into both.

    Args:
        policy: for the accounts that its locations name.
        regions: those of the Databases.
    """
    known = tuple(regions)
    return tuple(
        Scope(Provider.AWS, each.aws.account, region)
        for each in policy.locations.values()
        if each.aws is not None and each.aws.account
        for region in known
    )
