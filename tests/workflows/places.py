"""A policy with snapshots, a copy in Ireland and one in a vault account, and runs of the verbs over a memory fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from backstay.core.model import Provider, Scope
from backstay.core.policy import (
    AwsLocation,
    Copy,
    Enforce,
    Guards,
    Keep,
    Location,
    Match,
    MaxDelete,
    Objectives,
    Pitr,
    Policy,
    Snapshots,
    Tier,
)
from backstay.core.requests import PruneRequest, ReplicateRequest, SnapshotRequest
from backstay.providers.memory import MemoryClock
from backstay.workflows.prune import prune
from backstay.workflows.replicate import replicate
from backstay.workflows.snapshot import snapshot

if TYPE_CHECKING:
    from backstay.core.model import Database
    from backstay.core.points import RecoveryPoint
    from backstay.core.ports import World
    from tests.fleet import Fleet

Report = dict[str, Any]
VAULT_ACCOUNT = "222233334444"
VAULT = Scope(Provider.AWS, VAULT_ACCOUNT, "eu-west-1")
DAY = timedelta(days=1)
DR = Copy(to="dr", keep=Keep(daily=7, monthly=12))
TO_VAULT = Copy(to="vault", keep=Keep(weekly=4))


def rules(
    *copies: Copy,
    every: timedelta = DAY,
    keep: Keep | None = None,
    zone: str = "Europe/London",
    most: MaxDelete | None = None,
    min_points: int = 2,
    **tier: Any,
) -> Policy:
    """Tier gold: daily snapshots kept for seven days and four weeks, and these copies."""
    gold: dict[str, Any] = {
        "name": "gold",
        "match": Match(tags={"backup-tier": ("gold",)}),
        "objectives": Objectives(rpo=timedelta(minutes=10), rto=timedelta(hours=4)),
        "pitr": Pitr(window=timedelta(days=14)),
        "snapshots": Snapshots(every=every, keep=keep or Keep(daily=7, weekly=4)),
        "copies": copies,
    }
    return Policy(
        version=1,
        timezone=ZoneInfo(zone),
        locations={
            "dr": Location(aws=AwsLocation(region="eu-west-1", kms_key="alias/backstay")),
            "vault": Location(aws=AwsLocation(region="eu-west-1", account=VAULT_ACCOUNT, kms_key="alias/backstay")),
        },
        guards=Guards(min_points=min_points, max_delete=most or MaxDelete(count=20, percent=100)),
        tiers=(Tier(**(gold | tier)),),
    )


def replicated(policy: Policy, *, enforce: bool = True) -> Policy:
    """The same, with automated backups replicated to ``dr``."""
    tier = policy.tiers[0]
    pitr = Pitr(window=timedelta(days=14), replicate_to="dr")
    return replace(policy, tiers=(replace(tier, pitr=pitr, enforce=(Enforce.REPLICATE,) if enforce else ()),))


def snapshots(fleet: Fleet, world: World | None = None, *, dry_run: bool = False, **request: Any) -> Report:
    return snapshot(world or fleet.world, SnapshotRequest(dry_run=dry_run, **(request or {"all": True})))


def replicates(fleet: Fleet, world: World | None = None, *, dry_run: bool = False, **request: Any) -> Report:
    return replicate(world or fleet.world, ReplicateRequest(dry_run=dry_run, **(request or {"all": True})))


def prunes(
    fleet: Fleet, world: World | None = None, *, dry_run: bool = False, confirm: str | None = None, **request: Any
) -> Report:
    asked = PruneRequest(dry_run=dry_run, confirm=confirm, **(request or {"all": True}))
    return prune(world or fleet.world, asked)


def outcomes(report: Report) -> list[tuple[str, str]]:
    """What was done and what came of it, in order."""
    return [(each["action"]["action"] if each["action"] else "", each["result"]) for each in report["outcomes"]]


def there(fleet: Fleet, scope: Scope, of: Database | None = None) -> list[RecoveryPoint]:
    """The points in a scope, oldest slot first."""
    found = [each for each in fleet.cloud.every_point(scope) if of is None or each.source == of.name]
    return sorted(found, key=lambda each: (each.slot, each.id))


def wait(fleet: Fleet, span: timedelta) -> None:
    assert isinstance(fleet.clock, MemoryClock)
    fleet.clock.sleep(span)
