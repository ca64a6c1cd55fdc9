"""What a tier can ask for: objectives, PITR, snapshots, copies, dumps, drills and properties.

Annotations here are read at run time, so their types are imported for real.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from backstay.core.notation import COUNT, DURATION, TEXT, TIME_OF_DAY, shaped

STRICT: Final[Mapping[str, object]] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
"""How the edge reads our dataclasses: no unknown key, no conversion (``"false"`` is not a boolean)."""

SOMETHING: Final[Mapping[str, object]] = {**STRICT, "json_schema_extra": {"minProperties": 1}}
"""For mappings that mean nothing when empty. The schema says so; ``policy_check`` refuses it."""

NAME: Final = shaped("[A-Za-z][A-Za-z0-9_-]{0,62}", "a name", "letters, digits, - and _, starting with a letter")
OBJECT: Final = shaped("(s3|gs)://[^/ ]+/[^ ]+", "the address of an object", "s3://bucket/key or gs://bucket/key")

Duration = Annotated[timedelta, DURATION]
Count = Annotated[int, COUNT]
Name = Annotated[str, NAME]
Text = Annotated[str, TEXT]


class Require(StrEnum):
    """A property that the audit holds a Database to."""

    ENCRYPTED = "encrypted"
    PRIVATE = "private"
    DELETION_PROTECTION = "deletion_protection"
    MULTI_AZ = "multi_az"
    COPY_TAGS = "copy_tags"
    REPLICA = "replica"


class Enforce(StrEnum):
    """A property that protect may make true."""

    PITR = "pitr"
    COPY_TAGS = "copy_tags"
    DELETION_PROTECTION = "deletion_protection"
    REPLICATE = "replicate"


class Apply(StrEnum):
    """When a change of PITR takes effect. Turning backups on can be an outage."""

    MAINTENANCE_WINDOW = "maintenance_window"
    IMMEDIATELY = "immediately"


class DumpFormat(StrEnum):
    """pg_dump's archive formats: custom streams, directory is parallel but needs a disk."""

    CUSTOM = "custom"
    DIRECTORY = "directory"


class DumpSource(StrEnum):
    """Which server a dump reads: a long dump holds an old snapshot open there."""

    PRIMARY = "primary"
    REPLICA = "replica"


class Encrypt(StrEnum):
    """How a dump is encrypted at rest. There is no unencrypted choice: globals can hold password verifiers."""

    KMS = "kms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What the owner can bear: lost time (RPO) and time to a working login (RTO)."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    rpo: Duration
    rto: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitr:
    """Point-in-time recovery.

    Attributes:
        window: how far back it reaches: whole days, 1d to 35d.
        apply: when a change takes effect; turning backups on can be an outage.
        replicate_to: the location that a second copy of backups and logs goes to.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    window: Duration
    apply: Apply = Apply.MAINTENANCE_WINDOW
    replicate_to: Name = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Keep the newest point of each of the n most recent periods that have one; ``last`` keeps the n newest.

    Weeks are ISO weeks; periods are in the policy's time zone. A count is an integer or ``unlimited``.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = SOMETHING
    last: Count = 0
    hourly: Count = 0
    daily: Count = 0
    weekly: Count = 0
    monthly: Count = 0
    yearly: Count = 0

    @property
    def empty(self) -> bool:
        """Whether nothing at all would be kept."""
        return not any((self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """Manual snapshots in the Database's own region.

    Attributes:
        every: the length of a slot.
        at: where slots start, in the policy's time zone.
        keep: which of them stay.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    every: Duration
    at: Annotated[time, TIME_OF_DAY] = time(0, 0)
    keep: Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Copies of snapshots in another location.

    Attributes:
        to: a name under ``locations``.
        keep: which of them stay there.
        immutable: locked against deletion for as long as they are kept.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    to: Name
    keep: Keep
    immutable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumps:
    """Logical dumps.

    Attributes:
        every: the length of a slot.
        format: of the archive.
        source: the server that is read.
        encrypt: at rest.
        keep: which of them stay.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    every: Duration
    format: DumpFormat = DumpFormat.CUSTOM
    source: DumpSource = DumpSource.PRIMARY
    encrypt: Encrypt = Encrypt.KMS
    keep: Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """Proof by restoring.

    Attributes:
        every: how old the last good drill may become.
        checks: the SQL assertions to run on the restored Database; left out for the login alone.
        max_cost_usd: a drill estimated dearer than this is refused; left out for no bound.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = STRICT
    every: Duration
    checks: Annotated[str, OBJECT] = ""
    max_cost_usd: float | None = None
