"""What workflows need from the world, as small protocols named by role.

Every provider implements the ports that its cloud can; ``providers.memory`` implements all of them and ships. One
contract suite judges them. All methods raise only ``core.errors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from backstay.core.findings import Finding
from backstay.core.model import ChangeSettings, Database, Json, Kind, Member, NotCovered, Scope
from backstay.core.policy import Policy
from backstay.core.requests import AuditOrder, DatabaseRef, RestoreRunRequest
from backstay.core.restoring import RestoreFacts, RestorePlan, Snapshot
from backstay.core.stores import Shares, SnapshotStore
from backstay.core.surroundings import Surroundings


class Clock(Protocol):
    """Time as a parameter."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""

    def sleep(self, span: timedelta) -> None:
        """Only a terminal waits; nothing on Lambda calls this."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Attributes:
        unreadable: of each entry that could not be parsed, what was wrong with it.
        members: clusters' members, which stand among the instances and are no Databases: what each tells of itself.
    """

    databases: tuple[Database, ...]
    not_covered: tuple[NotCovered, ...] = ()
    unreadable: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()


class Inventory(Protocol):
    """Reads the Databases of one scope."""

    @property
    def scope(self) -> Scope:
        """The account and region that this reads."""

    def pages(self, kind: Kind) -> Iterator[Page]:
        """Every Database of a kind, page by page; never a call per database.

        Raises:
            ProviderError: a page could not be read; pages yielded before it are good.
        """

    def find(self, ref: DatabaseRef) -> Database | None:
        """One Database as it is now; the cluster when ``ref`` names a member of one; None when there is none."""


class Survey(Protocol):
    """One reading of what stands around the databases of a scope, under way while they are listed."""

    def meet(self, databases: Iterable[Database]) -> None:
        """These are there: begins to read the keys and combinations that they use, each once."""

    def result(self) -> Surroundings:
        """Waits for all that was begun; what could not be read is Unchecked. Raises nothing of a provider's."""


class Surveyor(Protocol):
    """Reads what stands around the databases of one scope: one page chain per kind, and no call per Database."""

    def begin(self) -> Survey:
        """Begins to read at once, and does not wait."""


class PitrControl(Protocol):
    """Changes the settings of one Database."""

    def change(self, action: ChangeSettings) -> None:
        """One modify call. Returns when the provider has accepted it, which is not when it is true."""


class Restorer(Protocol):
    """Makes a new Database out of another's past."""

    def facts(self, request: RestoreRunRequest, source: Database | None) -> RestoreFacts:
        """All that the preflight looks at; reading only."""

    def snapshot(self, ident: str, kind: Kind | None) -> Snapshot | None:
        """The snapshot of that identifier or ARN; None when there is none."""

    def create(self, plan: RestorePlan) -> None:
        """Starts the restore of ``plan.target``. Raises Conflict when the name is taken."""

    def create_writer(self, plan: RestorePlan) -> None:
        """Creates the cluster's writer. Raises Conflict when it exists."""

    def member_status(self, plan: RestorePlan) -> str | None:
        """The provider's status of the writer; None when it does not exist. Raises Rejected when it has failed."""

    def settle(self, plan: RestorePlan) -> None:
        """Gives the new Database a master login of its own, and what a restore call could not carry."""

    def attach_roles(self, plan: RestorePlan) -> None:
        """Attaches the source's roles that the new Database lacks."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login. The password stays out of every representation."""

    user: str
    password: str = field(repr=False)


class Secrets(Protocol):
    """Reads the login that the provider manages for a Database."""

    def master(self, database: Database) -> Credentials:
        """The master login. Raises NotFound while the service has not written it."""


class Logins(Protocol):
    """Proves that a Database is usable."""

    def login(self, database: Database, credentials: Credentials) -> str:
        """Logs in over verified TLS at the Database's endpoint and runs one query.

        Returns:
            what the server said of itself, e.g. ``PostgreSQL 17.10``.

        Raises:
            ProviderError: no login, with the reason (Unreachable while it may still come, Rejected when we have no
                client for the engine or no CA to verify with).
        """


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the vault, with what a conditional write needs."""

    body: bytes
    etag: str


class Vault(Protocol):
    """What remembers: one object per key, conditional writes."""

    @property
    def place(self) -> str:
        """Where it is, for people, e.g. ``s3://backstay-vault-…``."""

    def get(self, key: str) -> Stored | None:
        """The object, or None when there is none."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of all objects whose key begins with ``prefix``, in order, page by page."""

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        """Writes the object and returns its etag.

        Args:
            key: the object's key.
            body: its new contents.
            expect: None overwrites; an etag overwrites only that version; empty only creates.

        Raises:
            LostRace: somebody wrote in between.
        """


@dataclass(frozen=True, slots=True)
class FindingChanged:
    """One changed verdict, to be told once.

    ``previous`` is None for a verdict never given before. With ``digest`` the run's own message tells people of it.
    """

    finding: Finding
    previous: str | None
    severity: str
    found_at: datetime
    digest: bool = False


class Bus(Protocol):
    """Tells others."""

    def finding_changed(self, changes: Sequence[FindingChanged]) -> None:
        """Publishes one event per change. Raises when any was not accepted."""

    def report_ready(self, report: Mapping[str, Any]) -> None:
        """Publishes that a long run has ended, with its Report."""

    def heartbeat(self, report: Mapping[str, Any]) -> None:
        """Publishes that a whole fleet was audited and nothing was left unread, with the audit's Report."""


class Pager(Protocol):
    """Tells people."""

    def send(self, subject: str, text: str) -> None:
        """Sends one message in plain text: ``subject`` is one line of at most 99 characters, ``text`` under 64 KB."""


class Shards(Protocol):
    """The queue that wakes the audit for each account and region of a fleet that is too large for one run."""

    def send(self, orders: Sequence[AuditOrder], *, delay: timedelta = timedelta(0)) -> None:
        """Puts the orders on the queue. Raises when any was not accepted.

        Args:
            orders: what is to be done.
            delay: how long nobody sees them; at most 15 minutes.
        """


@dataclass(frozen=True, slots=True)
class Execution:
    """A durable execution.

    Attributes:
        started: False when the same request had started it before.
        state: ``running``, ``succeeded`` or ``failed``.
    """

    id: str
    started: bool
    state: Literal["running", "succeeded", "failed"] = "running"


class Starter(Protocol):
    """Starts the durable restore runner."""

    def start(self, request: RestoreRunRequest) -> Execution:
        """Starts it under the request's id, or finds the execution of that name."""

    def console_link(self, execution: Execution) -> str:
        """Where a person watches it; empty when there is no such place."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A probe's answer: what was waited for is there."""

    value: Json


@dataclass(frozen=True, slots=True)
class Waiting:
    """A probe's answer: not yet, and what it looks like now."""

    note: str


class Run(Protocol):
    """Long work in steps that are remembered. Code between steps may run again and must be deterministic."""

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        """Does ``work`` at least once and remembers its small JSON result; retries what may pass by itself.

        Raises:
            ProviderError: the work failed for good.
        """

    def wait_until(self, name: str, probe: Callable[[], Ready | Waiting], *, timeout: timedelta) -> Json:
        """Probes at growing intervals until Ready.

        Raises:
            Unreachable: ``timeout`` passed; the message carries the last note.
        """


def _silent(_text: str) -> None:
    """Nobody is watching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that a workflow is given. Everything per scope is keyed by the scope.

    ``surveyors`` may be missing where nobody audits: then nothing around a Database is known, and nothing passes by it.
    ``stores`` has the scopes of the Databases and every place that the policy names for copies; so has ``sharing``, and
    where it lacks one, nobody knows whom points are shared with.
    ``policy_stale`` says why the newest policy is not the one in force; empty when it is. ``pager`` is None where
    nobody wants a digest, ``shards`` where an audit is always done in one run. ``note`` is told what is going on, for
    a person who watches.
    """

    deployment: str
    policy: Policy
    policy_origin: Mapping[str, str]
    policy_stale: str
    clock: Clock
    vault: Vault
    bus: Bus
    inventories: Mapping[Scope, Inventory]
    pitr: Mapping[Scope, PitrControl]
    restorers: Mapping[Scope, Restorer]
    secrets: Mapping[Scope, Secrets]
    logins: Logins
    surveyors: Mapping[Scope, Surveyor] = field(default_factory=dict)
    stores: Mapping[Scope, SnapshotStore] = field(default_factory=dict)
    sharing: Mapping[Scope, Shares] = field(default_factory=dict)
    starter: Starter | None = None
    pager: Pager | None = None
    shards: Shards | None = None
    note: Callable[[str], None] = _silent
