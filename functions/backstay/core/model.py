"""The words of the domain as frozen values: Database, RecoveryWindow, Change, Outcome, Status.

All times are aware and in UTC. All mappings are read-only by convention; nothing here mutates after construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from backstay.core.errors import BadRequest

if TYPE_CHECKING:
    from backstay.core.actions import Action

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


class Provider(StrEnum):
    """The cloud that runs a Database."""

    AWS = "aws"
    GCP = "gcp"


class Kind(StrEnum):
    """What the provider restores as one thing."""

    INSTANCE = "instance"
    CLUSTER = "cluster"


class Family(StrEnum):
    """Engines that speak the same protocol."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    OTHER = "other"


_FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "postgres": Family.POSTGRES,
        "aurora-postgresql": Family.POSTGRES,
        "mysql": Family.MYSQL,
        "mariadb": Family.MYSQL,
        "aurora-mysql": Family.MYSQL,
    }
)


class State(StrEnum):
    """A provider's many statuses, as far as they matter to a decision."""

    AVAILABLE = "available"  # serves, and can be modified
    BUSY = "busy"  # serves or will serve, but a change is under way
    STOPPED = "stopped"
    LEAVING = "leaving"  # is being deleted: nothing is judged or changed any more
    FAILED = "failed"  # terminal: needs a person
    UNKNOWN = "unknown"  # a status that we have not met: never treated as available


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """Where one listing looks: an account (or project) in a region."""

    provider: Provider
    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.account}/{self.region}"

    @classmethod
    def of(cls, text: str) -> Scope:
        """The scope that ``str`` has written. Raises ValueError for any other text."""
        provider, account, region = text.split("/")
        return cls(Provider(provider), account, region)


@dataclass(frozen=True, slots=True, order=True)
class DatabaseId:
    """Identity of a Database; stable over renames of nothing: a renamed database is another one."""

    scope: Scope
    kind: Kind
    name: str

    @property
    def key(self) -> str:
        """``aws/111122223333/eu-west-2/instance/orders``: safe as an object key, unique over clouds and regions."""
        return f"{self.scope}/{self.kind}/{self.name}"

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class RecoveryWindow:
    """The span that PITR covers. ``earliest`` is None where a listing does not tell it."""

    earliest: datetime | None
    latest: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether the database can be restored to ``moment``."""
        return moment <= self.latest and (self.earliest is None or self.earliest <= moment)


@dataclass(frozen=True, slots=True)
class Member:
    """One instance of a cluster. ``public`` is None where its own listing was not seen."""

    name: str
    writer: bool
    parameter_group: str = ""
    instance_class: str = ""
    promotion_tier: int | None = None
    public: bool | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role attached to a Database for one feature (S3 import, Lambda, …)."""

    arn: str
    feature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a bare restore loses or could get wrong, as the source has it now.

    Empty strings and tuples mean that the source has none. ``parameter_group`` is the *cluster* parameter group on a
    cluster. ``serverless`` is Aurora's capacity range (minimum, maximum) in ACUs, and ``auto_pause`` the idle seconds
    after which it pauses. ``multi_az`` and ``public`` are None where the provider does not say; of Aurora, its members
    say whether they are public. The windows are in UTC, as the provider writes them: ``03:07-03:37`` every day,
    ``sun:04:12-sun:04:42`` every week.
    """

    instance_class: str = ""
    parameter_group: str = ""
    option_group: str = ""
    security_groups: tuple[str, ...] = ()
    subnet_group: str = ""
    roles: tuple[Role, ...] = ()
    port: int | None = None
    multi_az: bool | None = False
    public: bool | None = False
    kms_key: str = ""
    encryption: str = ""
    iam_auth: bool = False
    log_exports: tuple[str, ...] = ()
    minor_upgrades: bool = True
    storage_type: str = ""
    iops: int | None = None
    throughput: int | None = None
    network_type: str = ""
    members: tuple[Member, ...] = ()
    serverless: tuple[float, float] | None = None
    auto_pause: int | None = None
    ca: str = ""
    backup_window: str = ""
    maintenance_window: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """What one listing tells of a Database.

    Attributes:
        arn: the provider's own full name.
        status: the provider's word; ``state`` is our reading of it.
        retention: how far back PITR is asked to reach; zero means that PITR is off.
        window: what can be restored now; None when there is nothing to restore from.
        pending: what is asked but not done yet, by the provider's own field names.
        pending_retention: the retention among ``pending``, if it is.
        replica_of: the source, when this is a read replica.
        managed_by: ``aws-backup`` when the service says that another master owns its backups.
        endpoint: host and port that clients use (a cluster's writer endpoint), once there is one.
        secret: the secret that holds the master login, when the service manages one, and its status.
        storage_gb: provisioned GiB; None where storage is not provisioned (Aurora) or not told.
        replicated_to: ARNs of what automated-backup replication keeps of it in other regions.
    """

    id: DatabaseId
    arn: str
    engine: str
    engine_version: str
    status: str
    state: State
    tags: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    retention: timedelta = timedelta()
    window: RecoveryWindow | None = None
    pending: Mapping[str, str] = field(default_factory=dict)
    pending_retention: timedelta | None = None
    replica_of: str = ""
    managed_by: str = ""
    copy_tags: bool | None = None
    deletion_protection: bool | None = None
    endpoint: tuple[str, int] | None = None
    secret: tuple[str, str] | None = None
    storage_gb: int | None = None
    replicated_to: tuple[str, ...] = ()
    config: Configuration = field(default_factory=Configuration)

    @property
    def name(self) -> str:
        """The provider's identifier, e.g. ``orders``."""
        return self.id.name

    @property
    def family(self) -> Family:
        """How to talk to it."""
        return _FAMILIES.get(self.engine, Family.OTHER)

    def with_members(self, seen: Mapping[str, Member]) -> Database:
        """The cluster with what its members' own listing tells of each; one that is not in ``seen`` stays as it is."""
        members = tuple(
            replace(seen[each.name], writer=each.writer, promotion_tier=each.promotion_tier)
            if each.name in seen
            else each
            for each in self.config.members
        )
        return replace(self, config=replace(self.config, members=members))


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Something on the same API that we see and do not protect (DocumentDB, Neptune)."""

    scope: Scope
    name: str
    engine: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A listing that failed: whatever it would have shown is Unknown, not absent."""

    scope: Scope
    what: str
    error: str


@dataclass(frozen=True, slots=True)
class Change:
    """One setting of a Database: what it is, what it shall be."""

    setting: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSettings:
    """One modify call on one Database.

    Attributes:
        immediately: apply now rather than in the maintenance window.
        may_restart: the change is documented as an outage (PITR from off to on).
    """

    database: DatabaseId
    changes: tuple[Change, ...]
    reason: str
    immediately: bool
    may_restart: bool


class Result(StrEnum):
    """What applying an action led to."""

    DONE = "done"
    ALREADY = "already_done"
    PENDING = "pending"
    REFUSED = "refused"
    FAILED = "failed"
    PLANNED = "planned"  # dry run: the action that apply would have executed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one Database, or of one of its points, in a mutating run; ``arn`` says of which.

    ``action`` is None when nothing was asked of it. ``passing`` says that the reason passes by itself (the database is
    busy): worth trying again soon.
    """

    database: DatabaseId
    result: Result
    message: str
    action: Action | None = None
    arn: str = ""
    passing: bool = False


class Status(StrEnum):
    """A run's verdict in one word; ``exit_status`` gives its number."""

    OK = "ok"
    FINDINGS = "findings"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ERROR = "error"
    PENDING = "pending"


EXIT_STATUS: Final[Mapping[Status, int]] = MappingProxyType(
    {
        Status.OK: 0,
        Status.FINDINGS: 1,
        Status.REFUSED: 1,
        Status.UNKNOWN: 2,
        Status.ERROR: 2,
        Status.PENDING: 3,
    }
)


def utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with ``Z``; microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_moment(text: str, name: str) -> datetime:
    """An RFC 3339 moment with a zone, as aware UTC.

    Raises:
        BadRequest: not a moment, one without a zone (which would mean a different second to each reader), or one that
            no calendar has in UTC.
    """
    accepted = "RFC 3339 with a zone, e.g. 2026-11-24T10:15:00Z"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadRequest("is not a moment", field=name, value=text, accepted=accepted) from exc
    if moment.tzinfo is None:
        raise BadRequest("has no time zone", field=name, value=text, accepted=accepted)
    try:
        return moment.astimezone(UTC)
    except OverflowError as exc:
        raise BadRequest("is outside the calendar", field=name, value=text, accepted=accepted) from exc
