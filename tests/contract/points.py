"""Recovery points in several implementations: what a contract test is given, and the levers that it pulls."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

from backstay.core.actions import (
    AdoptPoint,
    CopyPoint,
    DeletePoint,
    PointRef,
    ReplicateBackups,
    SharePoint,
    TakeSnapshot,
)
from backstay.core.model import DatabaseId, Kind, Provider, Scope, State, utc_text
from backstay.core.points import Origin, PointState, RecoveryPoint, ReplicatedBackups
from backstay.core.requests import DatabaseRef
from backstay.core.stores import KeyFacts
from backstay.providers.memory import MemorySnapshotStore, Work
from tests.contract.door import MANAGED_KEY
from tests.fleet import ACCOUNT, IRELAND, LONDON, configuration, database, fleet, point
from tests.labtests.rds.standin import BAD_KEY, GOOD_KEY, VAULT, VAULT_SESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backstay.core.model import Database
    from backstay.core.ports import Inventory
    from backstay.core.stores import SnapshotStore
    from backstay.providers.memory import MemoryCloud
    from tests.contract.door import Door
    from tests.labtests.rds.conftest import Rds

IN_VAULT: Final = Scope(Provider.AWS, VAULT, IRELAND.region)
SLOT: Final = datetime(2026, 11, 24, 3, tzinfo=UTC)
MISSING_KEY: Final = "33333333-3333-3333-3333-333333333333"
KEYS: Final = (GOOD_KEY, BAD_KEY, MISSING_KEY, MANAGED_KEY)
WAIT_SECONDS: Final = 25.0
PLENTY: Final = 10_000
TAGS: Final[Mapping[str, str]] = {
    "backup-tier": "gold",
    "backstay:deployment": "backstay",
    "backstay:slot": utc_text(SLOT),
    "backstay:data-time": utc_text(SLOT),
}
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A point that is there before anybody looks, an hour old; encrypted as RDS says it."""

    scope: Scope
    kind: Kind
    name: str
    source: str
    origin: Origin = Origin.MANUAL
    status: str = "available"
    encryption: str = "none"
    kms_key: str = ""
    tags: Mapping[str, str]

    @property
    def ref(self) -> PointRef:
        word = "snapshot" if self.kind is Kind.INSTANCE else "cluster-snapshot"
        arn = f"arn:aws:rds:{self.scope.region}:{self.scope.account}:{word}:{self.name}"
        return PointRef(id=self.name, arn=arn, scope=self.scope, kind=self.kind)


class Levers(Protocol):
    """What a test does to the cloud behind the port."""

    def hold(self) -> None:
        """Copies that begin from now on do not end by themselves."""

    def release(self) -> None:
        """Every copy goes on."""

    def fail(self, ref: PointRef) -> None:
        """A copy that is on its way fails."""

    def room(self, scope: Scope, kind: Kind, left: int) -> None:
        """So many more manual points fit."""

    def option_group(self, scope: Scope, name: str) -> None:
        """An option group is there."""

    def instance(self, days: int, key: str) -> str:
        """An instance is there at home, with PITR of so many days, encrypted under a key unless that is empty."""

    def end_replications(self) -> None:
        """Nothing is replicated any more."""


@dataclass
class PointSite:
    """An account with ``orders`` (encrypted under a key of its own) and ``ledger`` (Aurora, under a key that AWS owns).

    Attributes:
        stores: of home, of another region, and there of another account.
        sow: puts points there; the quotas grow with them.
        until_idle: waits until both databases can be snapshotted.
        busy: makes ``orders`` busy for a moment.
        pulled: the levers; None where there are none.
    """

    name: str
    here: Scope
    inventory: Inventory
    stores: Mapping[Scope, SnapshotStore]
    sow: Callable[..., None]
    until_idle: Callable[[], object]
    busy: Callable[[], None] | None = None
    pulled: Levers | None = None
    rds: Rds | None = None
    door: Door | None = None
    cloud: MemoryCloud | None = None

    @property
    def levers(self) -> Levers:
        assert self.pulled is not None
        return self.pulled

    @property
    def home(self) -> SnapshotStore:
        return self.stores[self.here]

    @property
    def away(self) -> SnapshotStore:
        return self.stores[IRELAND]

    @property
    def vault(self) -> SnapshotStore:
        return self.stores[IN_VAULT]

    def database(self, kind: Kind) -> DatabaseId:
        return DatabaseId(self.here, kind, "orders" if kind is Kind.INSTANCE else "ledger")

    def sown(self, kind: Kind, **given: Any) -> PointRef:
        """A point of a database that is not there any more."""
        defaults: dict[str, Any] = {"scope": self.here, "name": fresh(), "source": fresh("gone"), "tags": TAGS}
        seed = Seed(kind=kind, **(defaults | given))
        self.sow(seed)
        return seed.ref

    def instance(self, days: int = 7, key: str = "") -> Database:
        """An instance of its own."""
        return self.found(self.levers.instance(days, key))

    def found(self, name: str) -> Database:
        found = self.inventory.find(DatabaseRef(name, Kind.INSTANCE))
        assert found is not None, name
        return found

    def replicate(self, database: Database, to: Scope = IRELAND, *, key: str = "", days: int = 7) -> None:
        action = ReplicateBackups(
            database=database.id, arn=database.arn, to=to, kms_key=key, days=days, reason="test", tags=TAGS
        )
        self.stores[to].replicate(action)

    def replicated(self, database: Database) -> ReplicatedBackups | None:
        return next((each for each in self.away.replicated() if each.source == database.arn), None)

    def until_replicating(self, database: Database) -> ReplicatedBackups:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = self.replicated(database)
            assert found is not None
            if found.status == "replicating":
                return found
            assert (found.status, found.window) == ("pending", None)
            assert time.monotonic() < deadline, f"{database.name} is not replicated within {WAIT_SECONDS} s"
            time.sleep(0.03)

    def there(self, ref: PointRef) -> RecoveryPoint:
        found = self.stores[ref.scope].find(ref)
        assert found is not None, ref.arn
        return found

    def until(self, ref: PointRef, state: PointState = PointState.AVAILABLE) -> RecoveryPoint:
        """The point once it is in that state."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = self.there(ref)
            if found.state is state:
                return found
            assert found.state is PointState.CREATING, f"{found.id} is {found.status}"
            assert time.monotonic() < deadline, f"{found.id} is not {state} within {WAIT_SECONDS} s"
            time.sleep(0.03)

    def take(self, kind: Kind, name: str = "", tags: Mapping[str, str] = TAGS) -> PointRef:
        self.until_idle()
        name, database = name or fresh(), self.database(kind)
        self.home.take(TakeSnapshot(database=database, name=name, slot=SLOT, tags=tags, reason="test"))
        return Seed(scope=self.here, kind=kind, name=name.lower(), source="", tags={}).ref

    def copy(self, source: PointRef, to: Scope = IRELAND, **given: Any) -> PointRef:
        asked: dict[str, Any] = {"name": fresh(), "kms_key": "", "tags": TAGS, "reason": "test", **given}
        database = DatabaseId(source.scope, source.kind, "whose")
        self.stores[to].copy(CopyPoint(database=database, source=source, to=to, **asked))
        return Seed(scope=to, kind=source.kind, name=asked["name"], source="", tags={}).ref

    def share(self, ref: PointRef, account: str = VAULT, *, shared: bool = True) -> None:
        store = self.stores[ref.scope]
        store.share(
            SharePoint(database=self.database(ref.kind), point=ref, account=account, shared=shared, reason="test")
        )

    def delete(self, ref: PointRef) -> None:
        self.stores[ref.scope].delete(DeletePoint(database=self.database(ref.kind), point=ref, reason="test"))

    def adopt(self, ref: PointRef, tags: Mapping[str, str]) -> None:
        self.stores[ref.scope].adopt(AdoptPoint(database=self.database(ref.kind), point=ref, tags=tags, reason="test"))


def fresh(word: str = "point") -> str:
    """A name that no test has used before."""
    return f"{word}-{next(_NUMBERS)}"


class MemoryLevers:
    """Over the cloud in memory."""

    def __init__(self, cloud: MemoryCloud) -> None:
        self._cloud = cloud

    def sow(self, *seeds: Seed) -> None:
        states = {"available": PointState.AVAILABLE, "creating": PointState.CREATING}
        self._cloud.add_point(
            *(
                replace(
                    point(database(each.source, kind=each.kind), id=each.name, scope=each.scope),
                    origin=each.origin,
                    tags=dict(each.tags),
                    status=each.status,
                    state=states[each.status],
                    encryption=each.encryption,
                    kms_key=each.kms_key,
                    copied_from="",
                )
                for each in seeds
            )
        )

    def hold(self) -> None:
        self._cloud.takes(Work.COPY, looks=10**9)

    def release(self) -> None:
        self._cloud.takes(Work.COPY, looks=2)
        self._cloud.points.advance()

    def fail(self, ref: PointRef) -> None:
        self._cloud.fail_point(ref)

    def room(self, scope: Scope, kind: Kind, left: int) -> None:
        self._cloud.room(scope, kind, left)

    def option_group(self, scope: Scope, name: str) -> None:
        self._cloud.option_groups.setdefault(scope, set()).add(name)

    def instance(self, days: int, key: str) -> str:
        name = fresh("copied")
        config = replace(configuration(name, Kind.INSTANCE), kms_key=key, encryption="sse-kms" if key else "none")
        return self._cloud.add(database(name, days=days, config=config)).name

    def end_replications(self) -> None:
        for each in self._cloud.replicas:
            name = each.source.rpartition(":")[2]
            self._cloud.edit(DatabaseId(LONDON, Kind.INSTANCE, name), lambda of: replace(of, replicated_to=()))
        self._cloud.replicas.clear()


def memory() -> PointSite:
    """The memory provider, made anew for each test."""
    config = configuration("orders", Kind.INSTANCE)
    key = f"arn:aws:kms:{LONDON.region}:{LONDON.account}:key/{GOOD_KEY}"
    orders = database(config=replace(config, kms_key=key, encryption="sse-kms"), storage_gb=20)
    aurora = configuration("ledger", Kind.CLUSTER)
    ledger = database("ledger", kind=Kind.CLUSTER, config=replace(aurora, encryption="sse-rds"))
    given = fleet(orders, ledger)
    cloud = given.cloud
    for work in (Work.SNAPSHOT, Work.COPY, Work.REPLICATE):
        cloud.takes(work, looks=2)
    scopes = (LONDON, IRELAND, IN_VAULT)
    for scope in scopes:
        cloud.keys[scope, BAD_KEY] = KeyFacts(
            f"arn:aws:kms:{scope.region}:{scope.account}:key/{BAD_KEY}", f"key {BAD_KEY} is PendingDeletion"
        )
        cloud.keys[scope, MISSING_KEY] = KeyFacts("", f"key {MISSING_KEY} does not exist")

    def busy() -> None:
        cloud.edit(orders.id, lambda each: replace(each, status="rebooting", state=State.BUSY))

    return PointSite(
        name="memory",
        stores={scope: MemorySnapshotStore(cloud, scope) for scope in scopes},
        here=LONDON,
        inventory=given.world.inventories[LONDON],
        sow=MemoryLevers(cloud).sow,
        pulled=MemoryLevers(cloud),
        until_idle=cloud.advance,
        busy=busy,
        cloud=cloud,
    )


class LabLevers:
    """Over the lab's own routes."""

    def __init__(self, rds: Rds) -> None:
        self._rds = rds

    def sow(self, *seeds: Seed) -> None:
        made = utc_text(datetime.now(UTC) - timedelta(hours=1))
        body = [
            {
                **_place(each.scope),
                "kind": str(each.kind),
                "identifier": each.name,
                "source": each.source,
                "type": str(each.origin),
                "status": each.status,
                "created": made if each.status == "available" else None,
                "tags": dict(each.tags),
                "encryption": each.encryption,
                "kms_key": each.kms_key or None,
            }
            for each in seeds
        ]
        self._rds.admin("POST", "/_lab/snapshots", {"snapshots": body})

    def hold(self) -> None:
        self._rds.admin("POST", "/_lab/copies", {"hold": True})

    def release(self) -> None:
        self._rds.admin("POST", "/_lab/copies", {"hold": False})

    def fail(self, ref: PointRef) -> None:
        named = {**_place(ref.scope), "identifier": ref.id, "kind": str(ref.kind)}
        self._rds.admin("POST", "/_lab/copies/end", {**named, "outcome": "fail"})

    def room(self, scope: Scope, kind: Kind, left: int) -> None:
        name = "ManualSnapshots" if kind is Kind.INSTANCE else "ManualClusterSnapshots"
        client: Any = self._rds.connect(scope.region, access_key=_key_of(scope))
        told = client.describe_account_attributes()["AccountQuotas"]
        used = next(each["Used"] for each in told if each["AccountQuotaName"] == name)
        self._rds.admin("POST", "/_lab/quotas", {**_place(scope), "quotas": {name: used + left}})

    def option_group(self, scope: Scope, name: str) -> None:
        client: Any = self._rds.connect(scope.region, access_key=_key_of(scope))
        client.create_option_group(
            OptionGroupName=name, EngineName="postgres", MajorEngineVersion="17", OptionGroupDescription="custom"
        )

    def instance(self, days: int, key: str) -> str:
        encryption = {"encryption": "sse-kms", "kms_key": key} if key else {}
        body = {"instances": 1, "prefix": fresh("copied"), "retention": days, "set": encryption}
        (name,) = self._rds.admin("POST", "/_lab/seed", {**_place(LONDON), **body})["instances"]
        return str(name)

    def end_replications(self) -> None:
        client: Any = self._rds.connect(IRELAND.region)
        pages = client.get_paginator("describe_db_instance_automated_backups").paginate()
        for each in [each for page in pages for each in page["DBInstanceAutomatedBackups"]]:
            if each["Status"] in {"pending", "replicating"}:
                client.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=each["DBInstanceArn"])


def _key_of(scope: Scope) -> str:
    return VAULT_SESSION if scope.account == VAULT else ACCOUNT


def _place(scope: Scope) -> dict[str, str]:
    return {"region": scope.region, "account": scope.account}


def lab(rds: Rds, door: Door) -> PointSite:
    """The AWS provider over the lab's RDS. Made like all clients while the lab's endpoints are known."""
    from backstay.providers.aws.clients import Clients, core_session  # noqa: PLC0415  # memory needs no SDK
    from backstay.providers.aws.inventory import RdsInventory  # noqa: PLC0415
    from backstay.providers.aws.snapshots import RdsSnapshotStore  # noqa: PLC0415

    core = core_session()
    core.set_credentials(VAULT_SESSION, "lab")
    ours, theirs = Clients(region=LONDON.region), Clients(core=core, region=LONDON.region)
    acting = {LONDON: ours, IRELAND: ours, IN_VAULT: theirs}
    for scope, clients in acting.items():
        clients.rds(scope.region)
        clients.kms(scope.region)

    def busy() -> None:
        rds.client.reboot_db_instance(DBInstanceIdentifier="orders")

    return PointSite(
        name="lab",
        stores={scope: _store(RdsSnapshotStore, clients, scope) for scope, clients in acting.items()},
        here=LONDON,
        inventory=RdsInventory(ours.rds(LONDON.region), LONDON),
        sow=LabLevers(rds).sow,
        pulled=LabLevers(rds),
        until_idle=lambda: (rds.until_instance("orders"), rds.until_cluster("ledger")),
        busy=busy,
        rds=rds,
        door=door,
    )


def _store(make: Any, clients: Any, scope: Scope) -> SnapshotStore:
    store: SnapshotStore = make(lambda _part: clients, scope)
    return store


def moto(client: Any) -> PointSite:
    """The AWS provider over moto, where it is not lax: within one region, unencrypted, and done at once."""
    from backstay.providers.aws.clients import Clients  # noqa: PLC0415
    from backstay.providers.aws.inventory import RdsInventory  # noqa: PLC0415
    from backstay.providers.aws.snapshots import RdsSnapshotStore  # noqa: PLC0415

    here = Scope(Provider.AWS, "123456789012", LONDON.region)
    login = {"MasterUsername": "app", "MasterUserPassword": "correct-horse-1"}
    clients = Clients(region=here.region)

    def create(kind: Kind, name: str) -> None:
        if kind is Kind.INSTANCE:
            given = {"DBInstanceClass": "db.m7g.large", "Engine": "postgres", "AllocatedStorage": 20, **login}
            client.create_db_instance(DBInstanceIdentifier=name, **given)
        else:
            client.create_db_cluster(DBClusterIdentifier=name, Engine="aurora-postgresql", **login)

    def sow(*seeds: Seed) -> None:
        for each in seeds:
            assert (each.origin, each.status, each.encryption) == (Origin.MANUAL, "available", "none")
            create(each.kind, each.source)
            tags = [{"Key": key, "Value": value} for key, value in each.tags.items()]
            if each.kind is Kind.INSTANCE:
                client.create_db_snapshot(DBSnapshotIdentifier=each.name, DBInstanceIdentifier=each.source, Tags=tags)
            else:
                client.create_db_cluster_snapshot(
                    DBClusterSnapshotIdentifier=each.name, DBClusterIdentifier=each.source, Tags=tags
                )

    create(Kind.INSTANCE, "orders")
    create(Kind.CLUSTER, "ledger")
    return PointSite(
        name="moto",
        here=here,
        inventory=RdsInventory(client, here),
        stores={here: _store(RdsSnapshotStore, clients, here)},
        sow=sow,
        until_idle=lambda: None,
    )
