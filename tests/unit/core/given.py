"""What the tests of the core start from: a moment, a small policy, and Databases read from real-shaped answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from backstay.core.decide.audit import subject_of
from backstay.core.naming import FORWARDING
from backstay.core.policy import (
    Apply,
    Enforce,
    Exemption,
    ManagedElsewhere,
    Match,
    Objectives,
    Pitr,
    Policy,
    Require,
    Tier,
)
from backstay.core.restoring import QUOTAS, Quota, Unchecked
from backstay.core.surroundings import UNSEEN, Surroundings, combination

if TYPE_CHECKING:
    from backstay.core.model import Database
    from backstay.core.rules import Subject

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
EVERYTHING = Match(names=("*",))
EVERY_REPAIR = (Enforce.PITR, Enforce.COPY_TAGS, Enforce.DELETION_PROTECTION)


def tier(**blocks: Any) -> Tier:
    """Gold: fourteen days and five minutes, everything enforced, turned on at once."""
    given: dict[str, Any] = {
        "objectives": Objectives(rpo=timedelta(minutes=5), rto=timedelta(hours=4)),
        "pitr": Pitr(window=timedelta(days=14), apply=Apply.IMMEDIATELY),
        "enforce": EVERY_REPAIR,
    }
    return Tier(name="gold", match=EVERYTHING, **(given | blocks))


def policy(**parts: Any) -> Policy:
    """One tier for everything."""
    given: dict[str, Any] = {"version": 1, "tiers": (tier(),)}
    return Policy(**(given | parts))


def exempting(until: date) -> Policy:
    """Gold for everything, but for an exemption until a day."""
    return policy(exempt=(Exemption(match=EVERYTHING, reason="rebuilt nightly", until=until),))


ELSEWHERE = policy(managed_elsewhere=(ManagedElsewhere(match=EVERYTHING, by="aws-backup"),))
NOWHERE = policy(tiers=(Tier(name="gold", match=Match(names=("nothing",))),))


def asking(**blocks: Any) -> Policy:
    """One tier for everything, with these blocks instead of gold's."""
    return policy(tiers=(tier(**blocks),))


def subject(
    database: Database, under: Policy | None = None, now: datetime = NOW, seen: Surroundings = UNSEEN
) -> Subject:
    """The Database with its place in the policy, and what stands around it: nothing known, unless it is given."""
    return subject_of(under or policy(), database, now, seen)


def requiring(*what: Require, **blocks: Any) -> Policy:
    """One tier for everything that holds a Database to these."""
    return asking(require=what, **blocks)


def around(database: Database, **parts: Any) -> Surroundings:
    """What stands around a Database, all in order but for ``parts``."""
    config = database.config
    wanted = combination(database)
    given: dict[str, Any] = {
        "parameter_groups": frozenset({config.parameter_group, *(each.parameter_group for each in config.members)}),
        "cluster_parameter_groups": frozenset({config.parameter_group}),
        "option_groups": frozenset({config.option_group}),
        "security_groups": frozenset(config.security_groups),
        "addresses": {config.subnet_group: {"subnet-1": 200, "subnet-2": 50}},
        "quotas": tuple(Quota(name, 3, 40) for name in sorted({each for names in QUOTAS.values() for each in names})),
        "watchers": {f"backstay{tail}": True for tail in FORWARDING},
        "keys": {config.kms_key: ""},
        "orderable": {wanted: True} if wanted else {},
    }
    return Surroundings(**(given | parts))


def joined(database: Database, **facts: Any) -> Database:
    """A cluster with what its members' own listing tells, the same of each."""
    given: dict[str, Any] = {"instance_class": "db.r7g.large", "parameter_group": "theirs", "public": False}
    members = {each.name: replace(each, **(given | facts)) for each in database.config.members}
    return database.with_members(members)


DENIED = Unchecked("rds:Describe: AccessDenied: not authorized")


def scratch(database: Database) -> Database:
    """The same, tagged as made by a restore or a drill."""
    return replace(database, tags={**database.tags, "backstay:scratch": "true"})
