"""Settings to World: which port is served by what. SDKs and database clients are imported here, and only when used."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backstay.config import StoredPolicy, load_policy
from backstay.core.errors import NotFound, Rejected
from backstay.core.model import Family, Provider, Scope
from backstay.core.naming import forwarding_prefix
from backstay.core.places import ONE_CALL, copy_scopes, stepping_scopes
from backstay.core.ports import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta

    from backstay.config import Settings
    from backstay.core.model import Database
    from backstay.core.ports import Bus, Credentials, Pager, Shards, Starter, Vault
    from backstay.providers.aws.clients import Clients
    from backstay.providers.aws.members import Members, Part
    from backstay.providers.aws.vault import S3Objects

T = TypeVar("T")
_S3: Final = "s3://"


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return datetime.now(UTC)

    def sleep(self, span: timedelta) -> None:
        """See ``Clock.sleep``."""
        sleep(span.total_seconds())


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose fleet we look at: the account that our credentials belong to."""

    account: str


class _Policies:
    """S3 objects as the policy store that ``config`` asks for; S3 is touched only for an ``s3://`` policy."""

    def __init__(self, objects: Callable[[], S3Objects]) -> None:
        self._objects = objects

    def newest(self, bucket: str, key: str) -> StoredPolicy:
        return StoredPolicy(*self._objects().newest(bucket, key))

    def earlier(self, bucket: str, key: str) -> Iterator[str]:
        return self._objects().earlier(bucket, key)

    def read(self, bucket: str, key: str, version: str) -> bytes:
        return self._objects().read(bucket, key, version)


class EngineLogins:
    """``Logins`` over whichever client speaks the engine's protocol."""

    def __init__(self, authorities: Callable[[], str]) -> None:
        self._authorities = cache(authorities)

    def login(self, database: Database, credentials: Credentials) -> str:
        """See ``Logins.login``."""
        if database.endpoint is None:
            raise NotFound(f"{database.name} has no endpoint yet")
        tls = _verifying(self._authorities())
        match database.family:
            case Family.POSTGRES:
                from backstay.providers.postgres.login import login  # noqa: PLC0415

                return login(database.endpoint, credentials, tls)
            case Family.MYSQL:
                from backstay.providers.mysql.login import login as mysql_login  # noqa: PLC0415

                return mysql_login(database.endpoint, credentials, tls)
            case Family.OTHER:
                secret = database.secret[0] if database.secret else "its secret"
                raise Rejected(f"no client for {database.engine} here: log in yourself with {secret}")


def _verifying(certificates: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=certificates)
    except ssl.SSLError as exc:
        raise Rejected(f"the CA bundle cannot be read: {exc}") from exc


def authorities(source: str, objects: Callable[[], S3Objects]) -> str:
    """The certificates that database servers are verified with, as PEM.

    Args:
        source: ``s3://bucket/key``, a file, or empty.
        objects: reads from S3.

    Raises:
        Rejected: there are none; an unverified login would prove nothing.
    """
    how = "put https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem where BACKSTAY_CA_BUNDLE says"
    if not source:
        raise Rejected(f"no CA bundle to verify the server with: {how}")
    try:
        text = _read(source, objects)
    except (NotFound, OSError, UnicodeDecodeError) as exc:
        raise Rejected(f"the CA bundle {source} cannot be read ({exc}): {how}") from exc
    if "BEGIN CERTIFICATE" not in text:  # nothing to trust would mean to trust whatever the machine trusts
        raise Rejected(f"the CA bundle {source} holds no certificate: {how}")
    return text


def _read(source: str, objects: Callable[[], S3Objects]) -> str:
    if source.startswith(_S3):
        bucket, _, key = source.removeprefix(_S3).partition("/")
        return objects().newest(bucket, key)[0].decode()
    return Path(source).read_text(encoding="utf-8")


@cache
def _members(home: Clients, deployment: str, account: str) -> Members:
    """For as long as the process lives, so that a role's credentials serve many runs."""
    from backstay.providers.aws.members import Members  # noqa: PLC0415  # most installations have none

    return Members(home, deployment, account)


class _Lazily(Mapping[Scope, T]):
    """Each scope's port, made when it is asked for: a client costs some milliseconds, and an event needs one scope."""

    def __init__(self, scopes: Iterable[Scope], make: Callable[[Scope], T]) -> None:
        self._scopes, self._make, self._made = dict.fromkeys(scopes), make, dict[Scope, T]()

    def __getitem__(self, scope: Scope) -> T:
        if scope not in self._scopes:
            raise KeyError(scope)
        if scope not in self._made:
            self._made[scope] = self._make(scope)
        return self._made[scope]

    def __iter__(self) -> Iterator[Scope]:
        return iter(self._scopes)

    def __len__(self) -> int:
        return len(self._scopes)


@cache
def lambda_clients() -> Clients:
    """The function's own credentials; one set of clients for as long as the process lives."""
    from backstay.providers.aws.clients import Clients  # noqa: PLC0415

    return Clients()


def let_go() -> None:
    """Forgets all clients: those of an account and region take some 3 MB, and a queue brings one after the other."""
    lambda_clients.cache_clear()
    _members.cache_clear()


def build(
    settings: Settings,
    caller: Caller,
    clients: Clients,
    *,
    vault: Vault,
    bus: Bus,
    deployed: bool,
    starter: Starter | None = None,
    pager: Pager | None = None,
    shards: Shards | None = None,
    note: Callable[[str], None] | None = None,
) -> World:
    """The World of one run: every watched region of our account and of its members, and the policy in force.

    Raises:
        BadPolicy: no usable policy.
        ProviderError: the policy's store did not answer.
    """
    from backstay.providers.aws.inventory import RdsInventory  # noqa: PLC0415
    from backstay.providers.aws.messages import ManagedSecrets  # noqa: PLC0415
    from backstay.providers.aws.pitr import RdsPitrControl  # noqa: PLC0415
    from backstay.providers.aws.restorer import RdsRestorer  # noqa: PLC0415
    from backstay.providers.aws.shares import RdsShares  # noqa: PLC0415
    from backstay.providers.aws.snapshots import RdsSnapshotStore  # noqa: PLC0415
    from backstay.providers.aws.surveyor import RdsSurveyor  # noqa: PLC0415
    from backstay.providers.aws.vault import S3Objects  # noqa: PLC0415

    def objects() -> S3Objects:
        return S3Objects(clients.s3())

    document = load_policy(settings.policy, _Policies(objects))
    watchers = forwarding_prefix(settings.deployment) if deployed else None
    accounts = dict.fromkeys((caller.account, *settings.accounts))
    scopes = [Scope(Provider.AWS, account, region) for account in accounts for region in settings.regions]

    def acting(scope: Scope, part: Part = "read") -> Clients:
        if scope.account == caller.account:
            return clients
        return _members(clients, settings.deployment, caller.account).clients(scope.account, part)

    def store(scope: Scope) -> RdsSnapshotStore:
        return RdsSnapshotStore(lambda part: acting(scope, part), scope)

    one_call = clients.partition in ONE_CALL
    stepping = () if one_call else stepping_scopes(document.policy, settings.regions)
    places = (*scopes, *copy_scopes(document.policy, accounts), *stepping)
    inventories = _Lazily(scopes, lambda scope: RdsInventory(acting(scope).rds(scope.region), scope))
    told: dict[str, Any] = {} if note is None else {"note": note}
    return World(
        deployment=settings.deployment,
        policy=document.policy,
        policy_origin={"source": document.source, "version": document.version, "digest": document.digest},
        policy_stale=document.problem,
        clock=SystemClock(),
        vault=vault,
        bus=bus,
        inventories=inventories,
        pitr=_Lazily(scopes, lambda scope: RdsPitrControl(acting(scope, "repair").rds(scope.region))),
        restorers=_Lazily(scopes, lambda scope: RdsRestorer(acting(scope), inventories[scope])),
        secrets=_Lazily(scopes, lambda scope: ManagedSecrets(acting(scope).secrets(scope.region))),
        logins=EngineLogins(lambda: authorities(settings.ca_bundle, objects)),
        surveyors=_Lazily(scopes, lambda scope: RdsSurveyor(acting(scope), scope.region, watchers)),
        stores=_Lazily(places, store),
        sharing=_Lazily(places, lambda scope: RdsShares(lambda: acting(scope), scope)),
        starter=starter,
        pager=pager,
        shards=shards,
        **told,
    )


def lambda_world(settings: Settings, caller: Caller) -> World:
    """The World of a deployed function: vault and bus of the deployment, and the runner where it is told of one."""
    from backstay.providers.aws.messages import DurableStarter, EventBus, ShardQueue, TopicPager  # noqa: PLC0415
    from backstay.providers.aws.vault import S3Vault  # noqa: PLC0415

    clients = lambda_clients()
    return build(
        settings,
        caller,
        clients,
        vault=S3Vault(clients.s3(), settings.vault),
        bus=EventBus(clients.events(), settings.bus),
        deployed=True,
        starter=DurableStarter(clients.functions(), settings.runner) if settings.runner else None,
        pager=TopicPager(clients.topics(), settings.topic) if settings.topic else None,
        shards=ShardQueue(clients.queues(), settings.shards) if settings.shards else None,
    )
