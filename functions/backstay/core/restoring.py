"""What a restore is decided from, and what is decided: facts, checks, plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from backstay.core.model import Configuration, Database, DatabaseId, Kind, RecoveryWindow

# RDS takes a moment that is *before* the latest restorable one, and counts in seconds. Source: ``RestoreTime`` in
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html, and likewise
# ``RestoreToTime`` of a cluster.
_BEFORE_LATEST: Final = timedelta(seconds=1)


def newest(window: RecoveryWindow) -> datetime:
    """What ``latest`` means: the last moment that RDS takes.

    Not ``UseLatestRestorableTime``: that is another moment in each minute, so a second click would be another restore
    and nobody could say what was restored to. The moment costs a second of data and can be told.
    """
    return window.latest - _BEFORE_LATEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot as far as a restore needs it.

    Attributes:
        data_time: when the data is from (never the copy's own age); None when the provider does not tell.
        source: the identifier of the database that it was taken of.
        ready: whether it can be restored from now.
    """

    id: str
    arn: str
    kind: Kind
    source: str
    engine: str
    engine_version: str
    status: str
    ready: bool
    data_time: datetime | None
    kms_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backup:
    """An automated snapshot, as a witness of the past: at which engine version the database was, and when."""

    at: datetime
    engine_version: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a regional limit is used."""

    name: str
    used: int
    maximum: int


# RDS user guide, "Quotas and constraints for Amazon RDS"; the names are those of DescribeAccountAttributes.
QUOTAS: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        Kind.INSTANCE: ("DBInstances", "ManualSnapshots", "AllocatedStorage"),
        Kind.CLUSTER: ("DBClusters", "DBInstances", "ManualClusterSnapshots"),
    }
)
"""The limits that a snapshot, a copy or a restore of a Database of that kind meets."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A preflight fact that could not be read, with the error: a warning in an incident, never a silent pass."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreFacts:
    """Everything the preflight looks at. Each fact is a value or Unchecked.

    Attributes:
        database: the source as it is now; from a snapshot of a deleted database, None.
        window: the PITR window, with its earliest moment.
        snapshot: the snapshot asked for; None when it does not exist (or none was asked for).
        target: whatever already has the target's name.
        key: empty when the KMS key is usable or there is none, else why it is not.
        missing_groups: groups that the source uses and that no longer exist, e.g. ``parameter group orders-pg``.
        free_addresses: free addresses per subnet of the subnet group.
        orderable: whether class and engine version can still be ordered.
        sold: where they cannot, the classes that can be ordered with that version; None when nobody has asked.
        quotas: the region's limits, those of ``QUOTAS``.
        backups: the source's automated snapshots, where a moment is asked for.
    """

    database: Database | None
    window: RecoveryWindow | Unchecked | None = None
    snapshot: Snapshot | None = None
    target: Database | None = None
    key: str | Unchecked = ""
    missing_groups: tuple[str, ...] | Unchecked = ()
    free_addresses: Mapping[str, int] | Unchecked = field(default_factory=dict)
    orderable: bool | Unchecked = True
    sold: tuple[str, ...] | Unchecked | None = None
    quotas: tuple[Quota, ...] | Unchecked = ()
    backups: tuple[Backup, ...] | Unchecked = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the preflight. ``ok`` is None when it could not be checked."""

    name: str
    ok: bool | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """One restore, decided: what is made, from what, and how it is to be when it is done.

    Attributes:
        source: the Database whose data comes back.
        moment: the moment restored to; for a snapshot, its data time where known.
        snapshot: the snapshot's id, or empty for PITR.
        retention_days: the new database's PITR window.
        tags: all tags of the new database, ours included.
        config: groups, class, roles and the rest, taken from the source.
        writer: the name of the writer instance to create (Aurora), or empty.
        gates: the preflight, line by line.
        source_secret: the secret that holds the source's master login, or empty. A restored database may show it as
            its own, though RDS does not manage it there (https://github.com/hashicorp/terraform-provider-aws/pull/49000).
        forgone: what of the source is knowingly left out, each with its reason; the Report tells it as lacking.
        unsure: why the groups may be of another major version than the data; without them, then, if they are refused.
    """

    source: DatabaseId
    source_arn: str
    engine: str
    engine_version: str
    target: DatabaseId
    request_id: str
    moment: datetime | None
    snapshot: str
    retention_days: int
    deletion_protection: bool
    copy_tags: bool
    tags: Mapping[str, str]
    config: Configuration
    writer: str
    gates: tuple[Check, ...]
    source_secret: str = ""
    forgone: tuple[str, ...] = ()
    unsure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRefusal:
    """Why a restore cannot start, and what is possible instead."""

    message: str
    accepted: str
    gates: tuple[Check, ...]
    window: RecoveryWindow | None = None
