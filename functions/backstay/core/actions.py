"""What the verbs do to recovery points: one frozen description per change, with the reason for it.

They name things by what a provider's call needs, so that a plan can be printed, hashed, and carried out elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from backstay.core.model import ChangeSettings, DatabaseId, Kind, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRef:
    """Which point is meant: where it lives, and what calls there need."""

    id: str
    arn: str
    scope: Scope
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSnapshot:
    """One snapshot of a Database, for a slot.

    Attributes:
        slot: the start of the slot, in UTC.
        tags: all tags of the snapshot, ours included.
    """

    database: DatabaseId
    name: str
    slot: datetime
    tags: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPoint:
    """One copy of a point, asked for where it is to live.

    Attributes:
        to: the account and region that get it, and whose rights ask for it.
        kms_key: id, ARN or alias of a key there; empty leaves an unencrypted one unencrypted.
        option_group: one of that name there; empty for the default one.
        carry_options: the copy takes the option group along, which only a copy into another account can.
        tags: all tags of the copy, ours included.
    """

    database: DatabaseId
    source: PointRef
    to: Scope
    name: str
    kms_key: str
    tags: Mapping[str, str]
    reason: str
    option_group: str = ""
    carry_options: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePoint:
    """Lets another account copy a point, or no longer; our tag on it says to whom it is shared."""

    database: DatabaseId
    point: PointRef
    account: str
    shared: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePoint:
    """Removes a point for good; ``helper`` for one that only served a copy, which whoever copies may remove."""

    database: DatabaseId
    point: PointRef
    reason: str
    helper: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptPoint:
    """Puts our tags on a point that somebody else made: from then on it is kept and removed by the rules."""

    database: DatabaseId
    point: PointRef
    tags: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateBackups:
    """Begins to replicate an instance's automated backups, asked for where they are to go.

    Attributes:
        arn: the instance's.
        kms_key: of a key there; empty for an unencrypted instance.
        days: how long the backups are kept there.
        tags: of what is kept there.
    """

    database: DatabaseId
    arn: str
    to: Scope
    kms_key: str
    days: int
    reason: str
    tags: Mapping[str, str] = field(default_factory=dict)


PointAction = TakeSnapshot | CopyPoint | SharePoint | DeletePoint | AdoptPoint | ReplicateBackups
Action = ChangeSettings | PointAction
