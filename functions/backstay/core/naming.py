"""Names and tags that Backstay gives to things. What decides lives in them, so they are made in one place.

Sources of the limits: RDS API reference, ``DBInstanceIdentifier`` and ``DBClusterIdentifier`` (1 to 63 letters, digits
or hyphens, 1 to 52 for a Multi-AZ DB cluster; first a letter, no two hyphens in a row, none at the end); Lambda,
``DurableExecutionName`` (1 to 64 of letters, digits, hyphen, underscore).
"""

from __future__ import annotations

import hashlib
import re
from itertools import count
from typing import TYPE_CHECKING, Final

from backstay.core.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from datetime import datetime

    from backstay.core.model import DatabaseId

MAX_NAME: Final = 63
MAX_MULTI_AZ_CLUSTER_NAME: Final = 52
MAX_EXECUTION_NAME: Final = 64
PREFIX: Final = "backstay:"
TAG_DEPLOYMENT: Final = "backstay:deployment"
TAG_DATABASE: Final = "backstay:database"
TAG_REQUEST: Final = "backstay:request"
OUR_TAGS: Final = (TAG_DEPLOYMENT, TAG_DATABASE, TAG_REQUEST)
TAG_SLOT: Final = "backstay:slot"
TAG_DATA_TIME: Final = "backstay:data-time"
TAG_VERIFIED: Final = "backstay:verified"
TAG_HOLD: Final = "backstay:hold"
# A copy that only serves another one (encrypted anew, or half way); its value is the scope that the other is for.
TAG_HELPER: Final = "backstay:helper"
# The account that a snapshot is shared with for as long as a copy takes.
TAG_SHARED: Final = "backstay:shared"
# Of a resource; AWS's own (aws:…) do not count: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html
MAX_TAGS: Final = 50
# How infra/region.yaml ends the names of the rules that forward a region's changes to the home bus.
FORWARDING: Final = ("-forward-rds-events", "-forward-api-calls", "-forward-config-items")
_IDENTIFIER: Final = re.compile(r"[a-z](?:-?[a-z0-9])*")
_DIGEST: Final = 8


def check_identifier(name: str, field: str) -> str:
    """``name`` in the provider's lower case, when it may name a database.

    Raises:
        BadRequest: anything else; this is also what keeps path and shell characters out.
    """
    lowered = name.lower()
    if len(lowered) > MAX_NAME or not _IDENTIFIER.fullmatch(lowered):
        accepted = f"1 to {MAX_NAME} letters, digits or single hyphens, starting with a letter"
        raise BadRequest("is not a database identifier", field=field, value=name[:80], accepted=accepted)
    return lowered


def digest(*parts: str) -> str:
    """Hexadecimal SHA-256 over the parts, which are kept apart from each other."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def shorten(name: str, limit: int) -> str:
    """``name``, or its beginning plus a hash of the whole, so that two long names stay two names."""
    if len(name) <= limit:
        return name
    return f"{name[: limit - _DIGEST - 1].rstrip('-')}-{digest(name)[:_DIGEST]}"


def restore_target(database: str, moment: datetime, limit: int = MAX_NAME) -> str:
    """``orders-r-20261124-101500``: the default name of a restored database, at most ``limit`` characters."""
    return _suffixed(database, f"-r-{moment:%Y%m%d-%H%M%S}", limit)


def snapshot_target(database: str, snapshot: str, limit: int = MAX_NAME) -> str:
    """``orders-r-1f2e3d4c``: the default name where nobody knows the moment of a snapshot's data."""
    return _suffixed(database, f"-r-{digest(snapshot)[:_DIGEST]}", limit)


def point_name(deployment: str, database: DatabaseId, slot: datetime, attempt: int = 1) -> str:
    """``backstay-orders-20261124-0300``: the snapshot of a slot, and each copy of it; the same wherever it is made.

    63 characters at most, as cluster snapshots have it (RDS API reference, ``DBClusterSnapshotIdentifier``). Names
    collide between an instance and a cluster of one name, and between regions and accounts when copies meet, so the
    Database's hash is always part of it.

    Args:
        deployment: our deployment id.
        database: what it is of.
        slot: in UTC.
        attempt: above 1 after failures: the failed one still has the name.
    """
    tail = f"-{digest(database.key)[:_DIGEST]}-{slot:%Y%m%d-%H%M}{'' if attempt == 1 else f'-r{attempt}'}"
    return _suffixed(f"{deployment}-{database.name}", tail, MAX_NAME).lower()


def free_name(deployment: str, database: DatabaseId, slot: datetime, taken: Container[str]) -> str:
    """The name of the first attempt at a slot's point that none of ``taken`` has, whichever of them are left."""
    names = (point_name(deployment, database, slot, attempt) for attempt in count(1))
    return next(each for each in names if each not in taken)


def writer_name(cluster: str) -> str:
    """The writer instance that a restored Aurora cluster gets."""
    return _suffixed(cluster, "-1", MAX_NAME)


def _suffixed(name: str, suffix: str, limit: int) -> str:
    return shorten(name, limit - len(suffix)) + suffix


def execution_name(deployment: str, database: str, source: str, target: str) -> str:
    """Name of a restore's durable execution: the same four give the same name, so a second click starts nothing.

    Args:
        deployment: our deployment id.
        database: ``DatabaseId.key`` of the source.
        source: the moment in RFC 3339, or the snapshot's id.
        target: the new database's name.
    """
    tail = digest(deployment, database, source, target)[:16]
    return f"{target[: MAX_EXECUTION_NAME - len(tail) - 1]}-{tail}"


def finding_id(rule: str, database: DatabaseId) -> str:
    """``BK001/aws/111122223333/eu-west-2/instance/orders``: a finding's identity, the same in every run."""
    return f"{rule}/{database.key}"


def forwarding_prefix(deployment: str) -> str:
    """How the names of a deployment's forwarding rules begin."""
    return f"{deployment}-forward-"


def carried_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags a restored database inherits: all but AWS's own (which cannot be written) and ours (which would lie).

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Tag.html (``aws:`` and ``rds:`` are reserved).
    """
    return {key: value for key, value in tags.items() if not key.startswith(("aws:", "rds:", PREFIX))}
