"""The policy document as frozen values: what the owner of a fleet asks for.

These dataclasses, with the blocks of `backstay.core.asks`, are the policy's only model. The edge (``backstay.config``)
validates documents against them and publishes their JSON Schema; rules and plans read them as they are. Field names are
the document's keys.

Annotations here are read at run time, so their types are imported for real.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated, ClassVar, Final, TypeVar
from zoneinfo import ZoneInfo

from backstay.core.asks import (
    NAME,
    SOMETHING,
    STRICT,
    Apply,
    Copy,
    Drill,
    DumpFormat,
    Dumps,
    DumpSource,
    Encrypt,
    Enforce,
    Keep,
    Name,
    Objectives,
    Pitr,
    Require,
    Snapshots,
    Text,
)
from backstay.core.model import Provider
from backstay.core.notation import DAY, PATTERNS, ZONE, KeyedBy, at_least, shaped

__all__ = [
    "Apply",
    "AwsLocation",
    "Copy",
    "Defaults",
    "Drill",
    "DumpFormat",
    "DumpSource",
    "Dumps",
    "Encrypt",
    "Enforce",
    "Exemption",
    "GcpLocation",
    "Guards",
    "Keep",
    "Location",
    "ManagedElsewhere",
    "Match",
    "MaxDelete",
    "Objectives",
    "Pitr",
    "Policy",
    "Require",
    "Snapshots",
    "Tier",
    "effective",
]

VERSION: Final = at_least(1, 1)
REGION: Final = shaped("[a-z]{2,}(-[a-z]+)+-?[0-9]+", "a region", "e.g. eu-west-1 or europe-west4")
ACCOUNT: Final = shaped("[0-9]{12}", "an AWS account", 'twelve digits in quotes, e.g. "222233334444"')
PROJECT: Final = shaped("[a-z][a-z0-9-]{4,28}[a-z0-9]", "a Google Cloud project", "a project id, e.g. backups-prod")

T = TypeVar("T")
Patterns = Annotated[tuple[str, ...], PATTERNS]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsLocation:
    """Where copies live on AWS.

    Attributes:
        region: of the copy.
        kms_key: key id, ARN or alias in that region: an encrypted copy needs one of its own region.
        account: the account that owns the copy; left out for the Database's own.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    region: Annotated[str, REGION]
    kms_key: Text
    account: Annotated[str, ACCOUNT] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpLocation:
    """Where copies live on Google Cloud.

    Attributes:
        region: of the copy.
        kms_key: a customer-managed key; left out for Google's own encryption.
        project: the project that owns the copy; left out for the Database's own.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    region: Annotated[str, REGION]
    kms_key: Text = ""
    project: Annotated[str, PROJECT] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A named place for recovery points, one entry per cloud, so that a tier works on both.

    Attributes:
        aws: for Databases on AWS.
        gcp: for Databases on Google Cloud.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = SOMETHING
    aws: AwsLocation | None = None
    gcp: GcpLocation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxDelete:
    """How much one run may delete of one Database; beyond either bound it deletes nothing.

    Attributes:
        count: recovery points.
        percent: of the Database's recovery points.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    count: Annotated[int, at_least(0)] = 20
    percent: Annotated[int, at_least(0, 100)] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Bounds that no keep rule overrides.

    Attributes:
        min_points: a Database never has fewer recovery points by our doing.
        max_delete: the blast radius of one run.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    min_points: Annotated[int, at_least(1)] = 2
    max_delete: MaxDelete = MaxDelete()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which Databases an entry is about: every key given must hold, any of a key's globs may.

    Globs (``*``, ``?``, ``[...]``) cover the whole text and mind the case. At least one key must be given.

    Attributes:
        names: the provider's identifiers.
        tags: tag key to values; both are globs. Every tag asked must be there.
        providers: aws, gcp.
        accounts: AWS accounts or Google projects.
        regions: e.g. ``eu-*``.
        engines: the provider's own words, e.g. ``postgres`` or ``aurora-*``.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = SOMETHING
    names: Patterns = ()
    tags: Mapping[str, Patterns] = field(default_factory=dict)
    providers: tuple[Provider, ...] = ()
    accounts: Patterns = ()
    regions: Patterns = ()
    engines: Patterns = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is asked, which would match a whole fleet by a typo."""
        return not (self.names or self.tags or self.providers or self.accounts or self.regions or self.engines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What every tier asks for unless it says otherwise. What neither says is not asked.

    Attributes:
        objectives: RPO and RTO.
        pitr: point-in-time recovery.
        snapshots: manual snapshots.
        copies: copies elsewhere.
        dumps: logical dumps.
        drill: restore drills.
        require: properties that the audit holds a Database to.
        enforce: what protect may change; empty is report only.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    objectives: Objectives | None = None
    pitr: Pitr | None = None
    snapshots: Snapshots | None = None
    copies: tuple[Copy, ...] | None = None
    dumps: Dumps | None = None
    drill: Drill | None = None
    require: tuple[Require, ...] | None = None
    enforce: tuple[Enforce, ...] | None = None

    def requires(self, what: Require) -> bool:
        """Whether the audit holds a Database to ``what``."""
        return what in (self.require or ())

    def enforces(self, what: Enforce) -> bool:
        """Whether protect may make ``what`` true."""
        return what in (self.enforce or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier(Defaults):
    """A class of Databases and what is asked for them. A block given here replaces the default block whole.

    Attributes:
        name: unique in the document.
        match: which Databases; the first tier that matches has them.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    name: Name
    match: Match


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Databases that nothing is asked of, for a while.

    Attributes:
        match: which Databases.
        reason: why, for the auditor.
        until: the last day on which it holds, in the policy's time zone.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    match: Match
    reason: Text
    until: Annotated[date, DAY]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedElsewhere:
    """Databases whose backups somebody else owns.

    Attributes:
        match: which Databases.
        by: who, e.g. ``aws-backup``.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    match: Match
    by: Text


def _utc() -> ZoneInfo:
    return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the owner of a fleet asks of its backups. Order: exempt, managed_elsewhere, tiers; first match wins.

    Attributes:
        version: of the document's form.
        timezone: in which days, slots and end dates are counted.
        locations: places for recovery points, by name.
        guards: bounds that no keep rule overrides.
        defaults: the blocks of every tier that does not give its own.
        tiers: in order; the catch-all is written, never implied.
        exempt: Databases that nothing is asked of, for a while.
        managed_elsewhere: Databases whose backups somebody else owns.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    version: Annotated[int, VERSION]
    timezone: Annotated[ZoneInfo, ZONE] = field(default_factory=_utc)
    locations: Annotated[Mapping[Name, Location], KeyedBy(NAME)] = field(default_factory=dict)
    guards: Guards = Guards()
    defaults: Defaults = Defaults()
    tiers: tuple[Tier, ...]
    exempt: tuple[Exemption, ...] = ()
    managed_elsewhere: tuple[ManagedElsewhere, ...] = ()

    def today(self, now: datetime) -> date:
        """The day that ``now`` (aware) falls on in the policy's time zone."""
        return now.astimezone(self.timezone).date()


def effective(policy: Policy, tier: Tier) -> Tier:
    """The tier with each block that it does not give taken whole from the defaults.

    A block that is still None is not asked for; ``copies``, ``require`` and ``enforce`` are then empty.
    """
    given = policy.defaults
    return replace(
        tier,
        objectives=tier.objectives or given.objectives,
        pitr=tier.pitr or given.pitr,
        snapshots=tier.snapshots or given.snapshots,
        copies=_first(tier.copies, given.copies),
        dumps=tier.dumps or given.dumps,
        drill=tier.drill or given.drill,
        require=_first(tier.require, given.require),
        enforce=_first(tier.enforce, given.enforce),
    )


def _first(own: tuple[T, ...] | None, inherited: tuple[T, ...] | None) -> tuple[T, ...]:
    return own if own is not None else inherited or ()
