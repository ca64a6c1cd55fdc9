"""Pages and filters of the Describe operations."""

from __future__ import annotations

import base64
import binascii
import bisect
from typing import TYPE_CHECKING, Any, TypeVar

from tests.lab.rds.model import invalid_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.lab.rds.lab import Arguments

Item = TypeVar("Item")
MIN_RECORDS, MAX_RECORDS = 20, 100

PAGE_PARAMETERS = frozenset({"Filters", "MaxRecords", "Marker"})


def page(
    arguments: Arguments, items: dict[str, Item], show: Callable[[Item], dict[str, Any]], member: str
) -> dict[str, Any]:
    """One page of `items` in the order of their names.

    Source: MaxRecords: minimum 20, maximum 100, default 100. The marker is opaque.
    """
    size = arguments.get("MaxRecords", MAX_RECORDS)
    if not MIN_RECORDS <= size <= MAX_RECORDS:
        raise invalid_value(f"Invalid value {size} for MaxRecords. Must be between {MIN_RECORDS} and {MAX_RECORDS}")
    names = sorted(items)
    start = bisect.bisect_right(names, _after(arguments["Marker"])) if "Marker" in arguments else 0
    shown = names[start : start + size]
    found: dict[str, Any] = {member: [show(items[name]) for name in shown]}
    if start + size < len(names):
        found["Marker"] = base64.urlsafe_b64encode(f"after:{shown[-1]}".encode()).decode()
    return found


def _after(marker: str) -> str:
    try:
        text = base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as exc:
        raise invalid_value("Invalid marker") from exc
    if not text.startswith("after:"):
        raise invalid_value("Invalid marker")
    return text.removeprefix("after:")


def select(
    arguments: Arguments, items: Iterable[Item], known: dict[str, Callable[[Item], Iterable[str | None]]]
) -> list[Item]:
    """Items that meet every filter; a filter's values are alternatives.

    Raises:
        Fault: a filter that the operation does not know.
    """
    found = list(items)
    for asked in arguments.get("Filters", []):
        name = asked["Name"]
        if name not in known:
            raise invalid_value(f"Unrecognized filter name: {name}")
        values, read = set(asked["Values"]), known[name]
        found = [item for item in found if values & set(read(item))]
    return found
