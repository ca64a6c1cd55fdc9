"""At which engine version the data is that a restore brings back, and whether its source's groups fit it.

RDS restores an instance snapshot at its own version, whatever is asked, and refuses a cluster snapshot at an earlier
version than its own. A moment from before a major upgrade comes back at the version of that moment: "you can restore
the DB cluster to a specific point in time before the upgrade started" (Aurora user guide, "Upgrading the Aurora
PostgreSQL engine to a new major version"). A group of another family is refused: it belongs to one, that of an engine
and a major version. Sources:
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html,
https://github.com/hashicorp/terraform-provider-aws/issues/7723, https://github.com/aws-samples/redcap-on-aws/issues/99
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from backstay.core.restoring import Unchecked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from backstay.core.model import Configuration, Database
    from backstay.core.restoring import Backup, Snapshot

_POSTGRES_ONE_NUMBER: Final = 10  # the first release whose major version is one number and not two
_DEFAULT_GROUP: Final = "default"  # default.postgres17, default:postgres-17


@dataclass(frozen=True, slots=True)
class Origin:
    """What made the data, and whether the source's parameter and option groups fit it.

    Attributes:
        unfit: why they do not; empty when they do, or when nobody can tell.
        unsure: why nobody can tell; then they are tried, and left out only if RDS refuses them.
    """

    engine: str
    version: str
    unfit: str = ""
    unsure: str = ""


def origin(
    database: Database | None,
    snapshot: Snapshot | None,
    moment: datetime | None,
    backups: Sequence[Backup] | Unchecked = (),
) -> Origin:
    """Engine and version of a snapshot, or of a moment, which need not be those that the source has now.

    Args:
        database: the source, if it is still there.
        snapshot: the snapshot restored from, or None for a moment.
        moment: the moment restored to, or None for a snapshot.
        backups: the source's automated snapshots. Without them the source is taken to have been what it is.
    """
    if snapshot is not None:
        return _of_snapshot(database, snapshot)
    if database is None:
        return Origin("", "")
    if moment is None or isinstance(backups, Unchecked):
        return Origin(database.engine, database.engine_version)
    return _of_moment(database, moment, backups)


def _of_snapshot(database: Database | None, snapshot: Snapshot) -> Origin:
    if database is None:
        return Origin(snapshot.engine, snapshot.engine_version)
    now = database.engine_version
    if not snapshot.engine_version:
        return Origin(database.engine, now)
    same = _family(snapshot.engine, snapshot.engine_version) == _family(database.engine, now)
    unfit = "" if same else f"the snapshot is of {snapshot.engine_version}, not of {now}"
    return Origin(snapshot.engine, snapshot.engine_version, unfit)


def _of_moment(database: Database, moment: datetime, backups: Sequence[Backup]) -> Origin:
    """By the automated snapshots on both sides of the moment; where these differ, the upgrade was between them.

    Minor versions are left as they are now: they share their groups, and nothing tells to the second when one changed.
    Snapshots from before the database was made are of an earlier one of its name.
    """
    engine, now, made = database.engine, database.engine_version, database.created
    own = sorted((each for each in backups if made is None or each.at >= made), key=lambda each: each.at)
    after = next((each.engine_version for each in own if each.at > moment), now)
    then = next((each.engine_version for each in reversed(own) if each.at <= moment), after)
    families = [_family(engine, each) for each in (then, after, now)]
    if families[0] == families[1] == families[2]:
        return Origin(engine, now)
    if families[0] == families[1]:
        return Origin(engine, then, f"the database was {then} at that moment, not {now}")
    return Origin(engine, now, unsure=f"the database was upgraded from {then} to {after} around that moment")


def _family(engine: str, version: str) -> tuple[str, str]:
    """What parameter and option groups are made for: ``postgres 16`` of 16.4, ``mysql 8.0`` of 8.0.35."""
    major, _, rest = version.partition(".")
    if "postgres" in engine and major.isdigit() and int(major) >= _POSTGRES_ONE_NUMBER:
        return engine, major
    return engine, f"{major}.{rest.partition('.')[0]}"


def fitting(config: Configuration, made: Origin) -> tuple[Configuration, tuple[str, ...]]:
    """The source's configuration without the groups that RDS would refuse, and what of it is left out for that."""
    if not made.unfit:
        return config, ()
    writers = [member.parameter_group for member in config.members if member.writer]
    named = [("parameter group", name) for name in (config.parameter_group, *writers)]
    named.append(("option group", config.option_group))
    left = tuple(
        f"{what} {name}: {made.unfit}; a default one is used"
        for what, name in named
        if name and not name.startswith(_DEFAULT_GROUP)
    )
    return ungrouped(config), left


def ungrouped(config: Configuration) -> Configuration:
    """The same without parameter and option groups: RDS takes its default ones."""
    members = tuple(replace(member, parameter_group="") for member in config.members)
    return replace(config, parameter_group="", option_group="", members=members)
