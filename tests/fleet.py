"""Databases, policies and worlds for tests, with everything that a test does not care about filled in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from backstay.core.model import (
    Configuration,
    Database,
    DatabaseId,
    Kind,
    Member,
    Provider,
    RecoveryWindow,
    Scope,
    State,
)
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
from backstay.core.ports import World
from backstay.core.restoring import Snapshot
from backstay.providers.memory import (
    MemoryBus,
    MemoryClock,
    MemoryCloud,
    MemoryInventory,
    MemoryLogins,
    MemoryPitrControl,
    MemoryRestorer,
    MemorySecrets,
    MemoryStarter,
    MemorySurveyor,
    MemoryVault,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstay.core.ports import Clock

ACCOUNT = "111122223333"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LONDON = Scope(Provider.AWS, ACCOUNT, "eu-west-2")
IRELAND = Scope(Provider.AWS, ACCOUNT, "eu-west-1")
FRANKFURT = Scope(Provider.AWS, ACCOUNT, "eu-central-1")
WINDOWS: Mapping[str, Any] = {"backup_window": "03:00-03:30", "maintenance_window": "sun:05:00-sun:05:30"}
GOLD: Mapping[str, str] = {"backup-tier": "gold"}
# What the audit says of a database in order, under a policy that requires none of encrypted, private and the like.
UNASKED: Mapping[str, str] = dict.fromkeys(("BK009", "BK010", "BK011", "BK012", "BK013"), "skipped")
GREEN: Mapping[str, str] = {
    **dict.fromkeys(("BK001", "BK002", "BK003", "BK017", "BK019", "BK020", "BK022", "BK024", "BK025"), "pass"),
    **UNASKED,
}
SKIPPED: Mapping[str, str] = dict.fromkeys(GREEN, "skipped")
ALL_ENFORCED = (Enforce.PITR, Enforce.COPY_TAGS, Enforce.DELETION_PROTECTION)


def database(
    name: str = "orders",
    *,
    scope: Scope = LONDON,
    kind: Kind = Kind.INSTANCE,
    days: int = 14,
    behind: timedelta = timedelta(minutes=3),
    **given: Any,
) -> Database:
    """An available, protected PostgreSQL in tier gold with a window of ``days``; zero days means no window."""
    word = "db" if kind is Kind.INSTANCE else "cluster"
    window = RecoveryWindow(NOW - timedelta(days=days), NOW - behind) if days else None
    defaults: dict[str, Any] = {
        "engine": "postgres" if kind is Kind.INSTANCE else "aurora-postgresql",
        "engine_version": "17.2",
        "status": "available",
        "state": State.AVAILABLE,
        "tags": GOLD,
        "created": NOW - timedelta(days=100),
        "retention": timedelta(days=days),
        "window": window,
        "copy_tags": True,
        "deletion_protection": True,
        "endpoint": (f"{name}.{scope.region}.memory", 5432),
        "config": configuration(name, kind),
    }
    return Database(
        id=DatabaseId(scope, kind, name),
        arn=f"arn:aws:rds:{scope.region}:{scope.account}:{word}:{name}",
        **(defaults | given),
    )


def configuration(name: str, kind: Kind) -> Configuration:
    """An instance's own groups, or those of an Aurora cluster with its writer."""
    if kind is Kind.INSTANCE:
        return Configuration(
            instance_class="db.m7g.large",
            parameter_group=f"{name}-pg",
            option_group=f"{name}-og",
            security_groups=("sg-1",),
            subnet_group="private",
            **WINDOWS,
        )
    members = (Member(f"{name}-1", writer=True, parameter_group="writers", instance_class="db.r7g.large"),)
    return Configuration(
        parameter_group=f"{name}-pg",
        security_groups=("sg-1",),
        subnet_group="private",
        members=members,
        **WINDOWS,
    )


def snapshot(of: Database, name: str = "before-deploy", **given: Any) -> Snapshot:
    """A manual snapshot of a database, an hour old."""
    word = "snapshot" if of.id.kind is Kind.INSTANCE else "cluster-snapshot"
    scope = of.id.scope
    defaults: dict[str, Any] = {
        "id": name,
        "arn": f"arn:aws:rds:{scope.region}:{scope.account}:{word}:{name}",
        "kind": of.id.kind,
        "source": of.name,
        "engine": of.engine,
        "engine_version": of.engine_version,
        "status": "available",
        "ready": True,
        "data_time": NOW - timedelta(hours=1),
        "tags": of.tags,
    }
    return Snapshot(**(defaults | given))


def policy(*, apply: Apply = Apply.IMMEDIATELY, enforce: tuple[Enforce, ...] = ALL_ENFORCED) -> Policy:
    """Tier gold (14 days, RPO ten minutes, enforced), tier standard (7 days, reports only), and two exceptions."""
    gold = Tier(
        name="gold",
        match=Match(tags={"backup-tier": ("gold",)}),
        objectives=Objectives(rpo=timedelta(minutes=10), rto=timedelta(hours=4)),
        pitr=Pitr(window=timedelta(days=14), apply=apply),
        enforce=enforce,
    )
    standard = Tier(
        name="standard",
        match=Match(tags={"backup-tier": ("standard",)}),
        objectives=Objectives(rpo=timedelta(hours=24), rto=timedelta(hours=24)),
        pitr=Pitr(window=timedelta(days=7)),
        enforce=(),
    )
    return Policy(
        version=1,
        tiers=(gold, standard),
        exempt=(Exemption(match=Match(names=("scratch-*",)), reason="rebuilt nightly", until=date(2027, 3, 31)),),
        managed_elsewhere=(ManagedElsewhere(match=Match(tags={"backup": ("aws-backup",)}), by="aws-backup"),),
    )


@dataclass
class Fleet:
    """A world over one memory cloud, with every part of it at hand."""

    world: World
    cloud: MemoryCloud
    clock: Clock
    vault: MemoryVault
    bus: MemoryBus
    starter: MemoryStarter
    notes: list[str] = field(default_factory=list)

    def pitr(self, scope: Scope = LONDON) -> MemoryPitrControl:
        """The scope's control, for what a test does by hand."""
        found = self.world.pitr[scope]
        assert isinstance(found, MemoryPitrControl)
        return found

    def now(self, which: DatabaseId) -> Database:
        """A Database as it is now."""
        found = self.cloud.looked(which)
        assert found is not None
        return found

    def but(self, **given: Any) -> World:
        """The same world with something else in place of a part."""
        return replace(self.world, **given)


def fleet(
    *databases: Database,
    scopes: tuple[Scope, ...] = (LONDON,),
    rules: Policy | None = None,
    page_size: int = 100,
    clock: Clock | None = None,
) -> Fleet:
    """These databases, watched in these scopes under this policy, at NOW unless a clock says otherwise."""
    clock, vault, bus, starter = clock or MemoryClock(NOW), MemoryVault(), MemoryBus(), MemoryStarter()
    cloud = MemoryCloud(clock, page_size=page_size)
    for each in databases:
        cloud.add(each)
    notes: list[str] = []
    world = World(
        deployment="backstay",
        policy=rules or policy(),
        policy_origin={"source": "test", "version": "", "digest": ""},
        policy_stale="",
        clock=clock,
        vault=vault,
        bus=bus,
        inventories={scope: MemoryInventory(cloud, scope) for scope in scopes},
        pitr={scope: MemoryPitrControl(cloud, scope) for scope in scopes},
        restorers={scope: MemoryRestorer(cloud, scope) for scope in scopes},
        secrets={scope: MemorySecrets(cloud, scope) for scope in scopes},
        logins=MemoryLogins(cloud),
        surveyors={scope: MemorySurveyor(cloud, scope) for scope in scopes},
        starter=starter,
        note=notes.append,
    )
    return Fleet(world, cloud, clock, vault, bus, starter, notes)
