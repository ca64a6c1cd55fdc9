"""What stands around the databases of one scope, and what of it a restore of one of them would meet.

Read once per scope, not once per Database: ``around`` turns it into the very facts that a restore's preflight looks at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from backstay.core.decide.restore import writer_class
from backstay.core.model import Database, Kind
from backstay.core.restoring import Quota, RestoreFacts, Unchecked

K = TypeVar("K")
T = TypeVar("T")
NOT_READ: Final = Unchecked("the surroundings were not read")


class Combination(NamedTuple):
    """What is ordered together: an engine, its version and a class."""

    engine: str
    version: str
    instance_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is there in one account and region. Each part is a value, or Unchecked with the error.

    Attributes:
        parameter_groups: names that exist.
        cluster_parameter_groups: names that exist.
        option_groups: names that exist.
        security_groups: ids that exist.
        addresses: free addresses by subnet, by subnet group.
        quotas: used and maximum of the limits that the service tells.
        watchers: the rules by which this region's changes reach us, name to enabled; None when nothing is deployed.
        keys: by the key that Databases name: empty when it is usable, else why it is not.
        orderable: whether the region still sells what a Database runs on.
    """

    parameter_groups: frozenset[str] | Unchecked = NOT_READ
    cluster_parameter_groups: frozenset[str] | Unchecked = NOT_READ
    option_groups: frozenset[str] | Unchecked = NOT_READ
    security_groups: frozenset[str] | Unchecked = NOT_READ
    addresses: Mapping[str, Mapping[str, int]] | Unchecked = NOT_READ
    quotas: tuple[Quota, ...] | Unchecked = NOT_READ
    watchers: Mapping[str, bool] | Unchecked | None = NOT_READ
    keys: Mapping[str, str | Unchecked] = field(default_factory=dict)
    orderable: Mapping[Combination, bool | Unchecked] = field(default_factory=dict)


UNSEEN: Final = Surroundings()
"""Where nobody looked: every part is Unchecked, so nothing that needs one passes."""


def combination(database: Database) -> Combination | None:
    """What a restore of the Database orders, of Aurora for its writer; None while its members are not known."""
    config = database.config
    if not config.instance_class and not all(member.instance_class for member in config.members):
        return None
    return Combination(database.engine, database.engine_version, config.instance_class or writer_class(config))


def missing_groups(database: Database, seen: Surroundings) -> tuple[str, ...] | Unchecked:
    """The groups that a Database uses and that are gone; Unchecked when a list of them could not be read."""
    config, own = database.config, database.id.kind is Kind.INSTANCE
    groups = seen.parameter_groups if own else seen.cluster_parameter_groups
    used: list[tuple[str, frozenset[str] | Unchecked, tuple[str, ...]]] = [
        ("security group", seen.security_groups, config.security_groups),
        ("parameter group", groups, (config.parameter_group,)),
        ("parameter group", seen.parameter_groups, tuple({each.parameter_group for each in config.members})),
        ("option group", seen.option_groups, (config.option_group,)),
    ]
    missing: list[str] = []
    for what, there, names in used:
        wanted = [name for name in names if name]
        if not wanted:
            continue
        if isinstance(there, Unchecked):
            return there
        missing += [f"{what} {name}" for name in wanted if name not in there]
    return tuple(missing)


def around(database: Database, seen: Surroundings) -> RestoreFacts:
    """What the preflight of a restore to the newest moment would find, as far as it is known without a call."""
    config = database.config
    return RestoreFacts(
        database=database,
        window=database.window,
        key=_looked_up(seen.keys, config.kms_key, f"key {config.kms_key}") if config.kms_key else "",
        missing_groups=missing_groups(database, seen),
        free_addresses=_addresses(config.subnet_group, seen),
        orderable=_orderable(combination(database), seen),
        quotas=seen.quotas,
    )


def _addresses(group: str, seen: Surroundings) -> Mapping[str, int] | Unchecked:
    if isinstance(seen.addresses, Unchecked):
        return seen.addresses
    return _looked_up(seen.addresses, group, f"subnet group {group}")


def _orderable(wanted: Combination | None, seen: Surroundings) -> bool | Unchecked:
    if wanted is None:
        return Unchecked("the class of its members is not known")
    return _looked_up(seen.orderable, wanted, "class and engine version")


def _looked_up(known: Mapping[K, T | Unchecked], key: K, what: str) -> T | Unchecked:
    """What was read of it; of what nobody read, Unchecked: an absent answer is no good one."""
    found = known.get(key)
    return Unchecked(f"{what} was not looked at") if found is None else found
