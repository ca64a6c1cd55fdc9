"""What the lab's RDS remembers: one simple dataclass per resource, one Region per region."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COPYING = frozenset({"creating", "copying"})
"""An instance's copy in flight says the first, a cluster's the second (DBClusterSnapshot, Status)."""

NOT_READY = frozenset({"creating", "deleting", "incompatible-restore", "failed"})


def now() -> dt.datetime:
    """The lab's clock, aware UTC."""
    return dt.datetime.now(dt.UTC)


def new_resource_id(prefix: str) -> str:
    """An immutable resource id as RDS makes them: `db-`, `cluster-` and 26 upper-case characters."""
    return f"{prefix}-{uuid.uuid4().hex.upper()[:26]}"


class Turns:
    """Lets the background work of one database happen in the order in which it was asked for."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._given = self._served = 0

    def take(self) -> int:
        """A place in the queue."""
        with self._condition:
            self._given += 1
            return self._given

    @contextlib.contextmanager
    def mine(self, ticket: int) -> Iterator[None]:
        """Wait for `ticket`'s turn; the next one follows when the block ends."""
        with self._condition:
            self._condition.wait_for(lambda: self._served == ticket - 1)
        try:
            yield
        finally:
            with self._condition:
                self._served = ticket
                self._condition.notify_all()


@dataclass(slots=True)
class Secret:
    """A master user's secret in Secrets Manager."""

    arn: str
    name: str
    kms_key: str
    status: str = "creating"


@dataclass(slots=True)
class Role:
    """An IAM role that a database uses for one feature."""

    arn: str
    feature: str | None
    status: str = "ACTIVE"


@dataclass(slots=True)
class Database:
    """What instances and clusters have in common.

    `retention` counts days (0: no automated backups). `pending` holds asked but not applied values by
    the name of the request's member. `attributes` holds what the lab only remembers and shows, by the
    name of the response's member. `earliest` is when the oldest base backup was complete. `upgrades` holds when the
    engine was upgraded, and from which version. `replicas` are the ARNs of its automated backups in other regions.
    """

    identifier: str
    region: str
    arn: str
    resource_id: str
    engine: str
    engine_version: str
    status: str
    created: dt.datetime
    master_username: str
    retention: int
    backup_window: str
    maintenance_window: str
    port: int
    encryption: str
    kms_key: str | None
    subnet_group: str
    security_groups: list[str]
    parameter_group: str
    option_group: str
    tags: dict[str, str]
    storage: int
    storage_type: str
    deletion_protection: bool = False
    copy_tags: bool = False
    iam_auth: bool = False
    multi_az: bool = False
    auto_minor: bool = True
    public: bool = False
    iops: int | None = None
    throughput: int | None = None
    db_name: str | None = None
    backup_arn: str | None = None
    secret: Secret | None = None
    earliest: dt.datetime | None = None
    latest: dt.datetime | None = None
    restored: bool = False
    metadata_only: bool = False
    deleted: bool = False
    replicas: list[str] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    pending: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    upgrades: list[tuple[dt.datetime, str]] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns, repr=False)


@dataclass(slots=True)
class Instance(Database):
    """A DB instance; a cluster's member when `cluster` is set."""

    instance_class: str = ""
    cluster: str | None = None
    zone: str = ""

    kind = "instance"


@dataclass(slots=True)
class Cluster(Database):
    """An Aurora or Multi-AZ DB cluster. The first member is the writer."""

    instance_class: str | None = None
    members: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)

    kind = "cluster"

    @property
    def aurora(self) -> bool:
        """Whether this is Aurora, whose members are created by the caller; a Multi-AZ DB cluster has its own."""
        return self.engine.startswith("aurora")


@dataclass(slots=True)
class Snapshot:
    """A snapshot of an instance or a cluster (`kind`), manual or automated (`type`).

    `data_time` is when the data is from; `original` when the first of a line of copies was made; `copied_from` the ARN
    of what this is a copy of; `shared` the accounts (or `all`) that may copy and restore it. `source` is a copy of the
    database as it was, with the snapshot's own encryption and option group.
    """

    identifier: str
    arn: str
    kind: str
    type: str
    source: Instance | Cluster
    status: str
    folder: Path | None
    tags: dict[str, str]
    created: dt.datetime | None = None
    data_time: dt.datetime | None = None
    progress: int = 0
    original: dt.datetime | None = None
    copied_from: str | None = None
    shared: set[str] = field(default_factory=set)

    @property
    def copying(self) -> bool:
        """Whether this is a copy in flight."""
        return self.copied_from is not None and self.status in COPYING


@dataclass(slots=True)
class Group:
    """A parameter, cluster parameter, option or subnet group."""

    name: str
    arn: str
    description: str
    family: str = ""
    engine: str = ""
    major: str = ""
    vpc: str = ""
    subnets: list[tuple[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One RDS event as `DescribeEvents` shows it."""

    date: dt.datetime
    source_identifier: str
    source_type: str
    source_arn: str
    event_id: str
    message: str
    categories: tuple[str, ...]


QUOTAS = {
    "DBInstances": 40,
    "DBClusters": 40,
    "ManualSnapshots": 100,
    "ManualClusterSnapshots": 100,
    "DBSubnetGroups": 50,
    "DBParameterGroups": 50,
    "DBClusterParameterGroups": 50,
    "OptionGroups": 20,
    "AllocatedStorage": 100_000,
}
"""Default quotas per region. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html"""


CAPS = {"SnapshotCopies": 20, "ClusterSnapshotCopies": 5, "BackupReplications": 20}
"""How much may be in flight at once towards one region and account; no quotas of DescribeAccountAttributes.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html, the Aurora guide's page of that name, and
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html
"""


@dataclass(slots=True)
class Replication:
    """Automated backups of an instance of the region `origin`, as far as they have arrived.

    `source` is that instance with what the replica has of its own: status (pending, replicating, retained), window,
    key, tags; `store` names its data.
    """

    origin: Region
    source: Instance
    arn: str
    store: str


class RegionState(StrEnum):
    """How a region answers: as always, with 503, not at all, or as one that the account has not enabled."""

    ON = "on"
    OFF = "off"
    DARK = "dark"
    DISABLED = "disabled"


@dataclass(slots=True)
class Region:
    """Everything that one account has in one region.

    `retained` holds deleted databases, by resource id, whose backups were kept; `replications`, by resource id too,
    the backups of other regions' instances.
    """

    name: str
    account: str
    instances: dict[str, Instance] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    cluster_snapshots: dict[str, Snapshot] = field(default_factory=dict)
    retained: dict[str, Instance | Cluster] = field(default_factory=dict)
    replications: dict[str, Replication] = field(default_factory=dict)
    subnet_groups: dict[str, Group] = field(default_factory=dict)
    parameter_groups: dict[str, Group] = field(default_factory=dict)
    cluster_parameter_groups: dict[str, Group] = field(default_factory=dict)
    option_groups: dict[str, Group] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    quotas: dict[str, int] = field(default_factory=lambda: dict(QUOTAS))
    caps: dict[str, int] = field(default_factory=lambda: dict(CAPS))
    state: RegionState = RegionState.ON

    def arn(self, kind: str, name: str) -> str:
        """ARN of a resource here; `kind` is RDS's (db, cluster, snapshot, pg, og, subgrp...)."""
        return f"arn:aws:rds:{self.name}:{self.account}:{kind}:{name}"

    def snapshots_of(self, kind: str) -> dict[str, Snapshot]:
        """Snapshots of instances or of clusters (`kind`), by identifier."""
        return self.snapshots if kind == "instance" else self.cluster_snapshots

    def databases(self) -> list[Instance | Cluster]:
        """Instances and clusters, members included."""
        return [*self.instances.values(), *self.clusters.values()]

    def zones(self) -> list[str]:
        """The region's three availability zones."""
        return [self.name + letter for letter in "abc"]


@dataclass(slots=True)
class Store:
    """All regions behind one lock: a handler holds it, background work takes it to change state.

    `regions` are the first account's by name; `others` those of further accounts, by account and name.
    """

    account: str
    regions: dict[str, Region]
    others: dict[str, dict[str, Region]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def find(self, account: str, name: str) -> Region | None:
        """The region `name` of `account`, or None when the lab has no such account or region."""
        regions = self.regions if account == self.account else self.others.get(account, {})
        return regions.get(name)

    def everywhere(self) -> list[Region]:
        """Every region of every account."""
        return [*self.regions.values(), *(region for held in self.others.values() for region in held.values())]
