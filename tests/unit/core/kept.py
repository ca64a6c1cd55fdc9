"""What the rules on recovery points start from: a Database with a tier that asks for them, and figures of points."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from backstay.core.decide.audit import subject_of
from backstay.core.findings import Skipped
from backstay.core.holdings import Holding, Points, There
from backstay.core.model import Kind, Scope, State
from backstay.core.places import replica_place, wanted_copies
from backstay.core.rules.base import primary
from tests.fleet import LONDON, database, point
from tests.workflows.places import DR, TO_VAULT, rules

if TYPE_CHECKING:
    from backstay.core.model import Database
    from backstay.core.points import RecoveryPoint
    from backstay.core.policy import Policy
    from backstay.core.rules import Subject

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
"""A Tuesday, in winter: London's clocks are UTC's. The slot of today began at midnight."""
TODAY = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONDON_ZONE = ZoneInfo("Europe/London")
ORDERS, LEDGER = database(), database("ledger", kind=Kind.CLUSTER)
WITH_COPIES = rules(DR, TO_VAULT)
DENIED = "rds:DescribeDBSnapshots: AccessDenied: not authorized"


def holding(*points: RecoveryPoint, ours: bool = True) -> Holding:
    found = Holding()
    for each in points:
        found.add(each, ours=ours)
    return found


def nights(
    of: Database = ORDERS, *, first: int = 0, last: int = 6, but: tuple[int, ...] = (), scope: Scope = LONDON
) -> list[RecoveryPoint]:
    """A point of each night from so many days ago to so many, but for some."""
    return [point(of, TODAY - day * DAY, scope=scope) for day in range(first, last + 1) if day not in but]


def subject(
    of: Database = ORDERS,
    under: Policy | None = None,
    here: Holding | None = None,
    away: dict[str, Holding] | None = None,
    *,
    now: datetime = NOW,
    torn: tuple[str, ...] = (),
    **parts: Any,
) -> Subject:
    """A Database with what is at home and, by the names of places, elsewhere; ``torn`` names what was not read."""
    policy = under or WITH_COPIES
    given = subject_of(policy, of, now)
    tier = primary(given)
    wanted = () if isinstance(tier, Skipped) else wanted_copies(policy, tier, of.id.scope)
    points = Points(
        zone=policy.timezone,
        home=There(of.id.scope, here or Holding(), DENIED if "home" in torn else ""),
        copies=tuple(
            (
                each,
                There(
                    each.place.scope,
                    (away or {}).get(each.place.name, Holding()),
                    DENIED if each.place.name in torn else "",
                ),
            )
            for each in wanted
        ),
    )
    replica = replica_place(policy, policy.tiers[0], of.id.scope)
    return replace(given, points=replace(points, replica=replica, **parts))


def unasked(of: Database = ORDERS) -> Subject:
    """The same Database where nothing of the kind is asked."""
    return subject_of(rules(snapshots=None), of, NOW)


def unseen(of: Database = ORDERS) -> Subject:
    """Asked for, and nobody has read them."""
    return subject_of(WITH_COPIES, of, NOW)


REPLICA = database("orders-ro", replica_of="orders")
STOPPED = database(status="stopped", state=State.STOPPED)
LEAVING = database(status="deleting", state=State.LEAVING)
