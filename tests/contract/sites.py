"""One fleet in several implementations: what a contract test is given, whoever stands behind the ports."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from backstay.core.decide.protect import COPY_TAGS, DELETION_PROTECTION, RETENTION, WITHDRAW
from backstay.core.decide.restore import decide
from backstay.core.model import (
    Change,
    ChangeSettings,
    Database,
    DatabaseId,
    Kind,
    Member,
    NotCovered,
    Provider,
    Role,
    Scope,
    State,
    utc_text,
)
from backstay.core.naming import forwarding_prefix
from backstay.core.requests import DatabaseRef, RestoreRunRequest
from backstay.core.restoring import RestoreFacts, RestorePlan
from backstay.providers.memory import Work
from tests.fleet import LONDON, NOW, configuration, database, fleet, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.ports import Inventory, Logins, PitrControl, Restorer, Secrets, Surveyor
    from backstay.providers.aws.clients import Clients
    from tests.contract.door import Door
    from tests.labtests.rds.conftest import Rds

T = TypeVar("T")
WAIT_SECONDS = 25.0
ROLE = Role("arn:aws:iam::111122223333:role/import", "s3Import")
SETTINGS = (RETENTION, WITHDRAW, COPY_TAGS, DELETION_PROTECTION)


@dataclass
class Site:
    """One fleet behind the ports.

    It holds ``orders`` (an instance with everything on), ``ledger`` (Aurora, retention one day), ``plain`` (PITR off),
    ``papers-00001`` (not covered), and a snapshot of the first two: ``orders-snap``, ``ledger-snap``.

    Attributes:
        pend: leaves a change of the instance class pending on ``plain``.
        busy: makes an instance busy for a moment.
        window: opens the maintenance window of an instance; None where nothing can.
    """

    name: str
    scope: Scope
    inventory: Inventory
    pitr: PitrControl
    pend: Callable[[], None]
    restorer: Restorer | None = None
    surveyor: Surveyor | None = None
    secrets: Secrets | None = None
    logins: Logins | None = None
    busy: Callable[[str], None] | None = None
    window: Callable[[str], None] | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    door: Door | None = None
    rds: Rds | None = None
    made: list[RestorePlan] = field(default_factory=list)

    def id(self, name: str, kind: Kind = Kind.INSTANCE) -> DatabaseId:
        return DatabaseId(self.scope, kind, name)

    def find(self, name: str, kind: Kind | None = None) -> Database | None:
        return self.inventory.find(DatabaseRef(name, kind))

    def there(self, name: str, kind: Kind | None = None) -> Database:
        found = self.find(name, kind)
        assert found is not None, name
        return found

    def until(self, probe: Callable[[], T | None], what: str) -> T:
        """The first truthy answer within a deadline."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = probe()
            if answer:
                return answer
            assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
            time.sleep(0.03)

    def until_available(self, name: str, kind: Kind = Kind.INSTANCE) -> Database:
        def probe() -> Database | None:
            found = self.there(name, kind)
            assert found.state is not State.FAILED, found.status
            return found if found.state is State.AVAILABLE and not found.pending else None

        return self.until(probe, f"{name} available")

    def change(self, name: str, kind: Kind = Kind.INSTANCE, *, immediately: bool = False, **wanted: Any) -> None:
        changes = tuple(Change(setting, None, after) for setting, after in wanted.items())
        assert set(wanted) <= set(SETTINGS)
        action = ChangeSettings(
            database=self.id(name, kind), changes=changes, reason="test", immediately=immediately, may_restart=False
        )
        self.pitr.change(action)

    def facts(self, request: RestoreRunRequest, source: Database | None) -> RestoreFacts:
        assert self.restorer is not None
        return self.restorer.facts(request, source)

    def plan(self, source: DatabaseId, target: str, moment: datetime | None = None, snap: str = "") -> RestorePlan:
        """As the workflows make it."""
        found = self.inventory.find(DatabaseRef.of(source))
        request = RestoreRunRequest(
            database=source.key,
            target=target,
            request_id=f"{target}-request",
            moment=utc_text(moment) if moment else None,
            snapshot=snap or None,
        )
        facts = self.facts(request, found)
        decided = decide(source=source, request=request, facts=facts, tier=None, deployment="backstay", now=self.now())
        assert isinstance(decided, RestorePlan), decided
        self.made.append(decided)
        return decided

    def moment(self, name: str, kind: Kind = Kind.INSTANCE) -> datetime:
        """The latest moment that can be restored, once there is one."""

        def probe() -> datetime | None:
            window = self.there(name, kind).window
            return window.latest if window else None

        return self.until(probe, f"{name} has a window")


def memory() -> Site:
    """The memory provider, quick enough to be made anew for each test."""
    orders = database(days=7, config=replace(configuration("orders", Kind.INSTANCE), roles=(ROLE,)))
    members = (Member("ledger-1", writer=True, instance_class="db.r7g.large"),)
    config = replace(configuration("ledger", Kind.CLUSTER), members=members)
    ledger = database("ledger", kind=Kind.CLUSTER, days=1, config=config)
    plain = database("plain", days=0, tags={}, copy_tags=False, deletion_protection=False)
    given = fleet(orders, ledger, plain)
    cloud = given.cloud
    cloud.foreign[LONDON, Kind.CLUSTER] = [NotCovered(LONDON, "papers-00001", "docdb")]
    cloud.add_snapshot(LONDON, snapshot(orders, "orders-snap"))
    cloud.add_snapshot(LONDON, snapshot(ledger, "ledger-snap"))
    for work in Work:
        cloud.takes(work, looks=3)

    def pend() -> None:
        cloud.edit(plain.id, lambda each: replace(each, pending={"DBInstanceClass": "db.m7g.xlarge"}))

    def busy(name: str) -> None:
        which = DatabaseId(LONDON, Kind.INSTANCE, name)
        cloud.edit(which, lambda each: replace(each, status="rebooting", state=State.BUSY))

    world = given.world
    return Site(
        name="memory",
        scope=LONDON,
        inventory=world.inventories[LONDON],
        pitr=world.pitr[LONDON],
        restorer=world.restorers[LONDON],
        surveyor=world.surveyors[LONDON],
        secrets=world.secrets[LONDON],
        logins=world.logins,
        pend=pend,
        busy=busy,
        window=lambda name: given.pitr().open_maintenance_window(DatabaseId(LONDON, Kind.INSTANCE, name)),
        now=lambda: NOW,
    )


def moto(client: Any) -> Site:
    """The AWS provider over moto, where it is not lax: reading, and settings."""
    from backstay.providers.aws.inventory import RdsInventory  # noqa: PLC0415  # memory needs no SDK
    from backstay.providers.aws.pitr import RdsPitrControl  # noqa: PLC0415

    login = {"MasterUsername": "app", "MasterUserPassword": "correct-horse-1"}
    common = {"DBInstanceClass": "db.m7g.large", "Engine": "postgres", "AllocatedStorage": 20, **login}
    tags = [{"Key": "backup-tier", "Value": "gold"}]
    client.create_db_instance(DBInstanceIdentifier="orders", BackupRetentionPeriod=7, Tags=tags, **common)
    client.create_db_instance(DBInstanceIdentifier="plain", BackupRetentionPeriod=0, **common)
    client.create_db_cluster(
        DBClusterIdentifier="ledger", Engine="aurora-postgresql", BackupRetentionPeriod=1, Tags=tags, **login
    )
    client.create_db_instance(
        DBInstanceIdentifier="ledger-1",
        DBClusterIdentifier="ledger",
        DBInstanceClass="db.r7g.large",
        Engine="aurora-postgresql",
    )
    client.create_db_cluster(DBClusterIdentifier="papers-00001", Engine="neptune", **login)
    scope = Scope(Provider.AWS, "123456789012", "eu-west-2")
    return Site(
        name="moto",
        scope=scope,
        inventory=RdsInventory(client, scope),
        pitr=RdsPitrControl(client),
        pend=lambda: None,
    )


def lab(rds: Rds, door: Door) -> Site:
    """The AWS provider over the lab's RDS and its real PostgreSQL servers."""
    from backstay.providers.aws.clients import Clients  # noqa: PLC0415
    from backstay.providers.aws.inventory import RdsInventory  # noqa: PLC0415
    from backstay.providers.aws.messages import ManagedSecrets  # noqa: PLC0415
    from backstay.providers.aws.pitr import RdsPitrControl  # noqa: PLC0415
    from backstay.providers.aws.restorer import RdsRestorer  # noqa: PLC0415
    from backstay.wiring import EngineLogins  # noqa: PLC0415

    clients = Clients(region=LONDON.region)
    inventory = RdsInventory(clients.rds(LONDON.region), LONDON)

    def pend() -> None:
        rds.client.modify_db_instance(DBInstanceIdentifier="plain", DBInstanceClass="db.m7g.xlarge")

    return Site(
        name="lab",
        scope=LONDON,
        inventory=inventory,
        pitr=RdsPitrControl(clients.rds(LONDON.region)),
        restorer=RdsRestorer(clients, inventory),
        surveyor=_surveyor(clients),
        secrets=ManagedSecrets(clients.secrets(LONDON.region)),
        logins=EngineLogins(rds.process.ca_bundle.read_text),
        pend=pend,
        busy=lambda name: _reboot(rds, name),
        window=lambda name: _maintain(rds, name),
        door=door,
        rds=rds,
    )


def _surveyor(clients: Clients) -> Surveyor:
    """Made like all clients while the lab's endpoints are known: a survey makes none of its own."""
    from backstay.providers.aws.surveyor import RdsSurveyor  # noqa: PLC0415

    clients.events(LONDON.region)
    return RdsSurveyor(clients, LONDON.region, forwarding_prefix("backstay"))


def _reboot(rds: Rds, name: str) -> None:
    rds.client.reboot_db_instance(DBInstanceIdentifier=name)


def _maintain(rds: Rds, name: str) -> None:
    rds.admin("POST", "/_lab/maintenance", {"region": LONDON.region, "identifier": name})
