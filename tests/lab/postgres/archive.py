"""Reading a folder of archived WAL segments.

A gap in the archive with no recovery target comes up *silently* at the gap, so whoever recovers to
the end of the archive has to look for one first.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SEGMENT_MEGABYTES = 1
"""Small segments keep archives of near-idle databases small (`initdb --wal-segsize`)."""

_PER_LOG = 4096 // SEGMENT_MEGABYTES
_NAME_LENGTH = 24


def segment_number(name: str) -> int:
    """Place of the segment `name` (24 hex digits) in the WAL, whatever its timeline."""
    return int(name[8:16], 16) * _PER_LOG + int(name[16:24], 16)


def segments(archive: Path, after: int = -1) -> list[Path]:
    """Whole segments in `archive` whose number is above `after`, in WAL order."""
    found = (p for p in archive.iterdir() if len(p.name) == _NAME_LENGTH and not p.name.startswith("."))
    return sorted((p for p in found if segment_number(p.name) > after), key=lambda p: segment_number(p.name))


def contiguous(archive: Path, first: int | None = None) -> bool:
    """Whether no segment is missing between `first` (default: the oldest one there) and the newest."""
    numbers = [segment_number(p.name) for p in segments(archive)]
    if first is not None:
        numbers = [first - 1, *(n for n in numbers if n >= first)]
    return all(after - before <= 1 for before, after in itertools.pairwise(numbers))
