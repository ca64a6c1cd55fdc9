"""What RDS takes for a snapshot's name and tags, and how many there may be.

Sources: RDS API reference, CreateDBSnapshot, CreateDBClusterSnapshot and Tag; the caps on copies that are on their way:
RDS and Aurora user guides, "Quotas and constraints".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from backstay.core.errors import Rejected
from backstay.core.model import Kind
from backstay.core.naming import MAX_NAME, MAX_TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_FLIGHT: Final[Mapping[Kind, int]] = {Kind.INSTANCE: 20, Kind.CLUSTER: 5}
"""Copies that may be on their way to one account and region."""

REPLICAS: Final = 20
"""Instances whose automated backups are replicated to one account and region."""

QUOTA_FULL: Final = "SnapshotQuotaExceeded"
BAD_VALUE: Final = "InvalidParameterValue"
BAD_COMBINATION: Final = "InvalidParameterCombination"
_NAME: Final = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_LONGEST: Final[Mapping[Kind, int]] = {Kind.INSTANCE: 255, Kind.CLUSTER: MAX_NAME}
_TAG_KEY: Final = re.compile(r"(?!aws:|rds:)[\w\s.:/=+\-@]{1,128}")
_TAG_VALUE: Final = re.compile(r"[\w\s.:/=+\-@]{0,256}")


def checked_name(name: str, kind: Kind) -> str:
    """The name in lower case, as RDS keeps it.

    Raises:
        Rejected: it names no snapshot.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST[kind]:
        raise Rejected(f"{name!r} does not name a snapshot", code=BAD_VALUE)
    return name.lower()


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, if all of them can be written.

    Raises:
        Rejected: one of them, or their number, is refused.
    """
    for name, value in tags.items():
        if not _TAG_KEY.fullmatch(name) or not _TAG_VALUE.fullmatch(value):
            raise Rejected(f"tag {name}={value!r} is not one that can be written", code=BAD_VALUE)
    if len(tags) > MAX_TAGS:
        raise Rejected(f"{len(tags)} tags are more than {MAX_TAGS}", code=BAD_VALUE)
    return dict(tags)
