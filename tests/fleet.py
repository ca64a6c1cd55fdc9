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
    utc_text,
)
from backstay.core.naming import TAG_DATA_TIME, TAG_DATABASE, TAG_DEPLOYMENT, TAG_SLOT, point_name
from backstay.core.places import copy_scopes
from backstay.core.points import OWN_KEY, UNENCRYPTED, Origin, PointState, RecoveryPoint
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
    MemoryShares,
    MemorySnapshotStore,
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
# What the audit says of a database in order, under a policy that requires none of encrypted, private and the like, and
# asks for no recovery points.
UNASKED: Mapping[str, str] = dict.fromkeys(
    ("BK004", "BK005", "BK006", "BK007", "BK008", "BK009", "BK010", "BK011", "BK012", "BK013", "BK021"), "skipped"
)
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


def point(
    of: Database,
    slot: datetime = NOW - timedelta(hours=7),
    *,
    scope: Scope | None = None,
    also: Mapping[str, str] | None = None,
    **given: Any,
) -> RecoveryPoint:
    """A snapshot of ours of a database for a slot, available, its data as old as the slot.

    Args:
        of: the database.
        slot: in UTC; three o'clock today unless told.
        scope: where it lives; elsewhere it is a copy of the one at home, an hour younger.
        also: more tags, e.g. ``{TAG_HOLD: "legal"}``.
        given: fields in place of these; ``tags`` are then all tags.
    """
    home = of.id.scope
    scope = scope or home
    name = given.get("id") or point_name("backstay", of.id, slot)
    word = "snapshot" if of.id.kind is Kind.INSTANCE else "cluster-snapshot"
    arns = {each: f"arn:aws:rds:{each.region}:{each.account}:{word}:{name}" for each in (home, scope)}
    ours = {
        TAG_DEPLOYMENT: "backstay",
        TAG_DATABASE: of.id.key,
        TAG_SLOT: utc_text(slot),
        TAG_DATA_TIME: utc_text(slot),
    }
    defaults: dict[str, Any] = {
        "id": name,
        "arn": arns[scope],
        "scope": scope,
        "kind": of.id.kind,
        "source": of.name,
        "origin": Origin.MANUAL,
        "status": "available",
        "state": PointState.AVAILABLE,
        "made": slot if scope == home else slot + timedelta(hours=1),
        "data_time": slot,
        "tags": {**of.tags, **ours, **(also or {})},
        "engine": of.engine,
        "engine_version": of.engine_version,
        "encryption": of.config.encryption or (OWN_KEY if of.config.kms_key else UNENCRYPTED),
        "kms_key": of.config.kms_key if scope == home else "",
        "copied_from": "" if scope == home else arns[home],
        "option_group": of.config.option_group if scope == home else "",
        "gb": of.storage_gb,
    }
    return RecoveryPoint(**(defaults | given))


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

    def store(self, scope: Scope = LONDON) -> MemorySnapshotStore:
        """The scope's recovery points, for what a test does by hand."""
        found = self.world.stores[scope]
        assert isinstance(found, MemorySnapshotStore)
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
    """These databases, watched in these scopes under this policy, at NOW unless a clock says otherwise.

    Recovery points may be in these scopes and wherever the policy's locations are for their accounts.
    """
    clock, vault, bus, starter = clock or MemoryClock(NOW), MemoryVault(), MemoryBus(), MemoryStarter()
    cloud = MemoryCloud(clock, page_size=page_size)
    for each in databases:
        cloud.add(each)
    notes: list[str] = []
    rules = rules or policy()
    places = (*scopes, *copy_scopes(rules, {each.account for each in scopes}))
    world = World(
        deployment="backstay",
        policy=rules,
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
        stores={scope: MemorySnapshotStore(cloud, scope) for scope in dict.fromkeys(places)},
        sharing={scope: MemoryShares(cloud, scope) for scope in dict.fromkeys(places)},
        starter=starter,
        note=notes.append,
    )
    return Fleet(world, cloud, clock, vault, bus, starter, notes)
