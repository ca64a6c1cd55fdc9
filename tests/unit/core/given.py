"""What the tests of the core start from: a moment, a small policy, and Databases read from real-shaped answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from backstay.core.decide.audit import subject_of
from backstay.core.policy import (
    Apply,
    Enforce,
    Exemption,
    ManagedElsewhere,
    Match,
    Objectives,
    Pitr,
    Policy,
    Tier,
)

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


def subject(database: Database, under: Policy | None = None, now: datetime = NOW) -> Subject:
    """The Database with its place in the policy."""
    return subject_of(under or policy(), database, now)


def scratch(database: Database) -> Database:
    """The same, tagged as made by a restore or a drill."""
    return replace(database, tags={**database.tags, "backstay:scratch": "true"})
