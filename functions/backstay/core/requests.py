"""What each verb accepts, and which Database a waking event names.

A direct request names exactly one of ``{"database": …}``, ``{"match": …}``, ``{"all": true}``; anything else, ``{}``
included, is refused: a typo must not touch a fleet. A provider's event is trusted for one thing only: which Database
to look at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from backstay.core.errors import BadRequest
from backstay.core.model import DatabaseId, Kind, Provider, Scope, parse_moment
from backstay.core.naming import check_identifier
from backstay.core.policy import Match

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:rds:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<kind>db|cluster):(?P<name>[^:]+)"
)
_ARN_KINDS: Final = {"db": Kind.INSTANCE, "cluster": Kind.CLUSTER}
_SNAPSHOT: Final = re.compile(
    r"(arn:aws[a-z-]*:rds:[a-z0-9-]+:[0-9]{12}:(cluster-)?snapshot:)?(rds:|awsbackup:)?[A-Za-z][A-Za-z0-9-]{0,254}"
)
LATEST: Final = "latest"


@dataclass(frozen=True, slots=True)
class DatabaseRef:
    """How a person or an event names a Database: at least its name, at best an ARN."""

    name: str
    kind: Kind | None = None
    region: str | None = None
    account: str | None = None

    @classmethod
    def parse(cls, text: str, field: str = "database") -> Self:
        """From a name, an ARN, or a key as our reports print it (``aws/<account>/<region>/instance/<name>``).

        Raises:
            BadRequest: none of the three.
        """
        if found := _ARN.fullmatch(text):
            name = check_identifier(found["name"], field)
            return cls(name, _ARN_KINDS[found["kind"]], found["region"], found["account"])
        parts = text.split("/")
        if len(parts) == len(("aws", "account", "region", "kind", "name")):
            return cls._from_key(parts, text, field)
        if text.startswith("arn:"):
            accepted = "an ARN of a DB instance or cluster, e.g. arn:aws:rds:eu-west-2:111122223333:db:orders"
            raise BadRequest("is not the ARN of a database", field=field, value=text[:200], accepted=accepted)
        return cls(check_identifier(text, field))

    @classmethod
    def _from_key(cls, parts: list[str], text: str, field: str) -> Self:
        provider, account, region, kind, name = parts
        if (
            provider != Provider.AWS
            or not _ACCOUNT.fullmatch(account)
            or not _REGION.fullmatch(region)
            or kind not in {str(each) for each in Kind}
        ):
            accepted = "aws/<account>/<region>/<instance or cluster>/<name>"
            raise BadRequest("is not a database key", field=field, value=text[:200], accepted=accepted)
        return cls(check_identifier(name, field), Kind(kind), region, account)

    @classmethod
    def of(cls, database: DatabaseId) -> Self:
        """The exact reference to a Database that was seen."""
        return cls(database.name, database.kind, database.scope.region, database.scope.account)

    def may_be_in(self, scope: Scope) -> bool:
        """Whether it is worth looking in ``scope``."""
        return self.region in (None, scope.region) and self.account in (None, scope.account)

    def __str__(self) -> str:
        parts = (Provider.AWS, self.account, self.region, self.kind, self.name)
        return "/".join(parts) if all(parts) else self.name  # type: ignore[arg-type]  # all() has seen them


def database_id(key: str) -> DatabaseId | None:
    """The identity behind a `DatabaseId.key`; None for what is none."""
    try:
        ref = DatabaseRef.parse(key)
    except BadRequest:
        return None
    if ref.kind is None or ref.region is None or ref.account is None:
        return None
    return DatabaseId(Scope(Provider.AWS, ref.account, ref.region), ref.kind, ref.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One Database, those that match, or all that we can see."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    database: str | None = None
    match: Match | None = None
    all: bool | None = None

    def check(self) -> None:
        """Exactly one of the three.

        Raises:
            BadRequest: none, several, or ``"all": false``.
        """
        named = [name for name in ("database", "match", "all") if getattr(self, name) is not None]
        accepted = 'exactly one of {"database": "orders"}, {"match": {"tags": {…}}}, {"all": true}'
        if len(named) != 1:
            raise BadRequest(f"names {' and '.join(named) or 'no database'}", field="request", accepted=accepted)
        if self.all is False:
            raise BadRequest("is false, which selects nothing", field="all", value=False, accepted=accepted)
        if self.match is not None and self.match.empty:
            accepted = "at least one of names, tags, providers, accounts, regions, engines"
            raise BadRequest("asks for nothing", field="match", accepted=accepted)
        if self.database is not None:
            DatabaseRef.parse(self.database)

    @property
    def ref(self) -> DatabaseRef | None:
        """The one Database that is named, if one is."""
        return None if self.database is None else DatabaseRef.parse(self.database)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest(Selection):
    """Audit reads and judges; it never changes a database."""


_RUN: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOrder:
    """A message on the queue of an audit in shards: audit one account and region of a run, or merge the run.

    Attributes:
        run: the run's name; it becomes part of keys in the vault.
        account: with ``region`` a shard; both empty to merge.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    run: str
    account: str = ""
    region: str = ""

    def check(self) -> None:
        """Raise BadRequest unless it is what the audit itself put there."""
        if not _RUN.fullmatch(self.run):
            accepted = "a run's name, e.g. 20261124T101500Z-1a2b3c4d"
            raise BadRequest("is not a run", field="run", value=self.run[:80], accepted=accepted)
        named = self.account or self.region
        if named and not (_ACCOUNT.fullmatch(self.account) and _REGION.fullmatch(self.region)):
            value, accepted = f"{self.account} {self.region}"[:80], "an account and a region, or neither"
            raise BadRequest("is not a shard", field="account", value=value, accepted=accepted)

    @property
    def scope(self) -> Scope | None:
        """The shard; None where the run is to be merged."""
        return Scope(Provider.AWS, self.account, self.region) if self.account else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectRequest(Selection):
    """Protect makes true what the tier's ``enforce`` allows; with ``dry_run`` it answers with the plan only."""

    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRequest(Selection):
    """Snapshot takes the slots that are due; with ``dry_run`` it answers with the plan only."""

    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateRequest(Selection):
    """Replicate begins the copies that are lacking; with ``dry_run`` it answers with the plan only."""

    dry_run: bool = False


_HASH: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest(Selection):
    """Prune removes what the keep rules let go; with ``dry_run`` it answers with the plan only.

    ``confirm`` is the hash of the plan's removals that are beyond the blast radius, as the plan tells it.
    """

    dry_run: bool = False
    confirm: str | None = None

    def check(self) -> None:
        """See ``Selection.check``; a hash must look like one."""
        Selection.check(self)
        if self.confirm is not None and not _HASH.fullmatch(self.confirm):
            accepted = "the 16 characters that the plan tells under confirm"
            raise BadRequest("is not a plan's hash", field="confirm", value=self.confirm[:80], accepted=accepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """One Database to a moment (``to``: RFC 3339 with a zone, or ``latest``) or from a ``snapshot``, as a new one.

    ``region`` tells apart databases of the same name. ``target`` names the new database; the default is
    ``<database>-r-<yyyymmdd-hhmmss of the moment>``.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    database: str
    to: str | None = None
    snapshot: str | None = None
    target: str | None = None
    region: str | None = None
    dry_run: bool = False

    def check(self) -> None:
        """Raise BadRequest unless the request can be understood without looking at anything."""
        DatabaseRef.parse(self.database)
        if (self.to is None) == (self.snapshot is None):
            accepted = '{"to": "2026-11-24T10:15:00Z"}, {"to": "latest"} or {"snapshot": "<id or ARN>"}'
            raise BadRequest("needs exactly one of to and snapshot", field="request", accepted=accepted)
        if self.to is not None and self.to != LATEST:
            parse_moment(self.to, "to")
        if self.snapshot is not None and not _SNAPSHOT.fullmatch(self.snapshot):
            accepted = "a snapshot's identifier or ARN"
            raise BadRequest("is not a snapshot", field="snapshot", value=self.snapshot[:200], accepted=accepted)
        if self.target is not None:
            check_identifier(self.target, "target")
        if self.region is not None and not _REGION.fullmatch(self.region):
            raise BadRequest("is not a region", field="region", value=self.region[:40], accepted="e.g. eu-west-2")
        self._check_region_agrees()

    def _check_region_agrees(self) -> None:
        named = DatabaseRef.parse(self.database).region
        if self.region and named and named != self.region:
            raise BadRequest(f"says {self.region}, but database says {named}", field="region", accepted="one of them")

    @property
    def ref(self) -> DatabaseRef:
        """The Database to restore, narrowed by ``region``."""
        ref = DatabaseRef.parse(self.database)
        return DatabaseRef(ref.name, ref.kind, ref.region or self.region, ref.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRunRequest:
    """What the front door hands to the durable runner: resolved, and with nothing that changes on a second click.

    Attributes:
        database: ``DatabaseId.key`` of the source.
        target: the new database's name.
        request_id: the execution's name, and the value of the target's ``backstay:request`` tag.
        moment: RFC 3339, when a moment is restored.
        snapshot: the snapshot's id, when a snapshot is.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    database: str
    target: str
    request_id: str
    moment: str | None = None
    snapshot: str | None = None

    def check(self) -> None:
        """Raise BadRequest unless it is what the front door sends."""
        if DatabaseRef.parse(self.database).account is None:
            accepted = "aws/<account>/<region>/<instance or cluster>/<name>"
            raise BadRequest("is not a database key", field="database", value=self.database[:200], accepted=accepted)
        if self.moment is not None:
            parse_moment(self.moment, "moment")  # latest is settled by the front door, once
        RestoreRequest(database=self.database, to=self.moment, snapshot=self.snapshot, target=self.target).check()

    @property
    def at(self) -> datetime | None:
        """The moment, parsed."""
        return None if self.moment is None else parse_moment(self.moment, "moment")


@dataclass(frozen=True, slots=True)
class Waking:
    """What an EventBridge event asks for: a Database to look at, or nothing of ours, with the reason."""

    ref: DatabaseRef | None
    why: str


def waking(event: Mapping[str, Any]) -> Waking | None:
    """Reads which Database an EventBridge event is about; None when this is no EventBridge event at all.

    Sources: RDS event messages (``detail.SourceArn``), CloudTrail (``requestParameters``, ``responseElements``, in
    CloudTrail's own camel case), AWS Config's configuration items, our own *Backstay Finding Changed*. A forwarded
    event keeps the region and account of its origin, which is where to look.
    """
    kind, detail = event.get("detail-type"), event.get("detail")
    if not isinstance(kind, str) or not isinstance(detail, Mapping):
        return None
    if kind == "Backstay Finding Changed":
        named = detail.get("database")
        return Waking(DatabaseRef.parse(named if isinstance(named, str) else "", "detail.database"), kind)
    if kind == "AWS API Call via CloudTrail":
        return _from_trail(event, detail)
    if kind == "Config Configuration Item Change":
        return _from_config(detail)
    return _from_rds(event, detail, kind)


def _from_rds(event: Mapping[str, Any], detail: Mapping[str, Any], kind: str) -> Waking:
    why = f"{kind} {detail.get('EventID', '')}".strip()
    arn = detail.get("SourceArn")
    if isinstance(arn, str) and _ARN.fullmatch(arn):
        return Waking(DatabaseRef.parse(arn, "detail.SourceArn"), why)
    kinds = {"DB_INSTANCE": Kind.INSTANCE, "CLUSTER": Kind.CLUSTER}
    name, source = detail.get("SourceIdentifier"), kinds.get(str(detail.get("SourceType")))
    if isinstance(name, str) and source is not None:
        return Waking(_placed(name, source, event, "detail.SourceIdentifier"), why)
    return Waking(None, f"{why} names no database")


_INSTANCE_FIELDS: Final = ("dBInstanceIdentifier", "targetDBInstanceIdentifier", "newDBInstanceIdentifier")
_CLUSTER_FIELDS: Final = ("dBClusterIdentifier", "newDBClusterIdentifier")


def _from_trail(event: Mapping[str, Any], detail: Mapping[str, Any]) -> Waking:
    why = f"CloudTrail {detail.get('eventName', '')}".strip()
    parameters = detail.get("requestParameters")
    given: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}
    # A new name first: after a rename the old one is gone. A cluster before its member: the cluster is the database.
    for fields, kind in ((_CLUSTER_FIELDS, Kind.CLUSTER), (_INSTANCE_FIELDS, Kind.INSTANCE)):
        for name in reversed(fields):
            if isinstance(given.get(name), str):
                return Waking(_placed(given[name], kind, event, f"requestParameters.{name}"), why)
    resource = given.get("resourceName")
    if isinstance(resource, str) and _ARN.fullmatch(resource):
        return Waking(DatabaseRef.parse(resource, "requestParameters.resourceName"), why)
    return Waking(None, f"{why} names no database")


_ITEMS: Final = {
    "ConfigurationItemChangeNotification": "configurationItem",
    "OversizedConfigurationItemChangeNotification": "configurationItemSummary",
}
_ITEM_KINDS: Final = {"AWS::RDS::DBInstance": Kind.INSTANCE, "AWS::RDS::DBCluster": Kind.CLUSTER}


def _from_config(detail: Mapping[str, Any]) -> Waking:
    """A recorded change. An oversized item is kept in S3, but its summary names the resource, and we read no more.

    https://docs.aws.amazon.com/config/latest/developerguide/oversized-notification-example.html
    """
    message = str(detail.get("messageType"))
    why = f"AWS Config {message}"
    field = _ITEMS.get(message, "")
    item = detail.get(field)
    kind = _ITEM_KINDS.get(str(item.get("resourceType"))) if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or kind is None:
        return Waking(None, f"{why} names no database")
    if isinstance(item.get("ARN"), str) and _ARN.fullmatch(item["ARN"]):
        return Waking(DatabaseRef.parse(item["ARN"], f"detail.{field}.ARN"), why)
    if isinstance(item.get("resourceName"), str):  # resourceId is RDS's own id (db-ABC…), which no call accepts as name
        origin = {"region": item.get("awsRegion"), "account": item.get("awsAccountId")}
        return Waking(_placed(item["resourceName"], kind, origin, f"detail.{field}.resourceName"), why)
    return Waking(None, f"{why} names no database")


def _placed(name: str, kind: Kind, event: Mapping[str, Any], field: str) -> DatabaseRef:
    if name.startswith("arn:"):
        return DatabaseRef.parse(name, field)
    region, account = str(event.get("region", "")), str(event.get("account", ""))
    if not _REGION.fullmatch(region) or not _ACCOUNT.fullmatch(account):
        raise BadRequest("the event has no usable region and account", field="region", value=f"{region} {account}"[:80])
    return DatabaseRef(check_identifier(name, field), kind, region, account)
