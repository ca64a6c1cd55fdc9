"""Recovery points: what one listing tells of a snapshot or a copy, whose it is, and how old its data is.

What decides stands in tags and in the provider's own fields, never in a name. A point is *ours* only with our
deployment's tag, a Database and a slot: a restored database carries the first two itself and hands them on to whatever
is taken of it, so they alone prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from backstay.core.actions import PointRef
from backstay.core.errors import BadRequest
from backstay.core.model import DatabaseId, Kind, RecoveryWindow, Scope, parse_moment
from backstay.core.naming import (
    TAG_DATA_TIME,
    TAG_DATABASE,
    TAG_DEPLOYMENT,
    TAG_HELPER,
    TAG_HOLD,
    TAG_SHARED,
    TAG_SLOT,
    TAG_VERIFIED,
)

UNENCRYPTED: Final = "none"
OWNED_KEY: Final = "sse-rds"
"""Encrypted under a key that AWS owns: no key of ours, so it can be granted to nobody."""
OWN_KEY: Final = "sse-kms"


class PointState(StrEnum):
    """A provider's many statuses, as far as they matter to a decision."""

    AVAILABLE = "available"
    CREATING = "creating"  # being made or copied: it will be available, or fail
    FAILED = "failed"
    LEAVING = "leaving"
    UNKNOWN = "unknown"  # a status that we have not met: never restored from, never deleted


class Origin(StrEnum):
    """Who made a point, in the provider's words."""

    MANUAL = "manual"
    AUTOMATED = "automated"
    AWS_BACKUP = "aws-backup"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPoint:
    """A snapshot or a copy of one.

    Attributes:
        scope: the account and region where it lives.
        kind: of the Database that it is of.
        source: the identifier of the Database that it is of.
        made: its own creation; None while it is being made.
        data_time: when its data is from; None when neither the provider nor our tag tells.
        encryption: ``none``, ``sse-rds`` or ``sse-kms``.
        copied_from: ARN of the point that it was copied from; empty for an original.
        option_group: the one that the provider remembers with it.
        gb: provisioned GiB; None where it is not told.
    """

    id: str
    arn: str
    scope: Scope
    kind: Kind
    source: str
    origin: Origin
    status: str
    state: PointState
    made: datetime | None = None
    data_time: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""
    engine_version: str = ""
    encryption: str = ""
    kms_key: str = ""
    copied_from: str = ""
    option_group: str = ""
    gb: int | None = None

    @property
    def at(self) -> datetime:
        """Its data time, for whoever has seen to it that there is one."""
        if self.data_time is None:
            raise ValueError(f"nobody tells when the data of {self.arn} is from")
        return self.data_time

    @property
    def key(self) -> str:
        """What tells it apart from every other point, and decides between points of the same moment.

        By the slot first, so that copies are chosen as their originals are, whatever their regions are called.
        """
        return f"{self.slot} {self.arn}"

    @property
    def ref(self) -> PointRef:
        """How an action names it."""
        return PointRef(id=self.id, arn=self.arn, scope=self.scope, kind=self.kind)

    @property
    def slot(self) -> str:
        """The slot that it was taken for, as its tag says (UTC, RFC 3339); empty when it has none."""
        return self.tags.get(TAG_SLOT, "")

    @property
    def database(self) -> str:
        """`DatabaseId.key` of the Database that it is of, as its tag says; empty when it has none."""
        return self.tags.get(TAG_DATABASE, "")

    @property
    def helper_for(self) -> str:
        """The scope of the copy that this one only serves; empty for a point of its own."""
        return self.tags.get(TAG_HELPER, "")

    @property
    def shared_with(self) -> str:
        """The account that we have shared it with for a copy; empty when it is not."""
        return self.tags.get(TAG_SHARED, "")

    @property
    def held(self) -> bool:
        """Whether somebody wants it kept whatever the rules say."""
        return TAG_HOLD in self.tags

    @property
    def verified(self) -> bool:
        """Whether a drill has restored it well."""
        return TAG_VERIFIED in self.tags


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatedBackups:
    """What automated-backup replication keeps of an instance in another region.

    Attributes:
        source: ARN of the instance.
        window: what can be restored there; None while the first backup is on its way.
    """

    arn: str
    scope: Scope
    source: str
    status: str
    window: RecoveryWindow | None = None


def is_ours(point: RecoveryPoint, deployment: str) -> bool:
    """Whether we made it, or were told to look after it: of this deployment, of a Database, for a slot, by hand or us.

    What AWS Backup and the service itself made is never ours, whatever tags it carries.
    """
    tags = point.tags
    return (
        tags.get(TAG_DEPLOYMENT) == deployment
        and TAG_SLOT in tags
        and TAG_DATABASE in tags
        and point.origin is Origin.MANUAL
    )


def is_of(point: RecoveryPoint, database: DatabaseId) -> bool:
    """Whether the point is of that very Database: its tag says so, and what the provider remembers does not differ."""
    return point.database == database.key and is_of_name(point, database)


def is_of_name(point: RecoveryPoint, database: DatabaseId) -> bool:
    """Whether the provider remembers a Database of that name and kind, wherever it lived."""
    return point.source == database.name and point.kind is database.kind


def tagged_data_time(tags: Mapping[str, str]) -> datetime | None:
    """The data time that our tag tells; None when there is none, or none that can be read."""
    return moment_of(tags.get(TAG_DATA_TIME, ""))


def moment_of(text: str) -> datetime | None:
    """The moment that a tag's value tells; None for what is none."""
    try:
        return parse_moment(text, "tag")
    except BadRequest:
        return None


def same_data(copy: RecoveryPoint, source: RecoveryPoint) -> bool:
    """Whether one is a copy of the other, by the slot, or by what the provider remembers where a tag was taken off."""
    if copy.copied_from and copy.copied_from == source.arn:
        return True
    return bool(copy.slot) and copy.slot == source.slot and copy.database == source.database
