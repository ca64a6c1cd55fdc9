"""Faults of the API that a test asks for, and faults of the data that the demo plants."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """How a call fails."""

    THROTTLE = "throttle"
    DENIED = "denied"
    TIMEOUT = "timeout"
    RESET = "reset"
    MALFORMED = "malformed"
    SERVER_ERROR = "server_error"


class Plant(StrEnum):
    """What silently goes wrong with a database."""

    LATE_RESTORE = "late-restore"
    WAL_GAP = "wal-gap"
    ROW_LOST = "row-lost"
    NO_WRITER = "no-writer"
    PROTECT_LIES = "protect-lies"
    COPY_MISSING = "copy-missing"
    WRONG_KEY = "wrong-key"


@dataclass(slots=True)
class _Rule:
    action: str
    region: str | None
    account: str | None
    kind: Kind
    times: int | None
    after: int
    marker: bool


class Faults:
    """The asked faults, in the order in which they were asked."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._planted: set[Plant] = set()
        self._lock = threading.Lock()

    def ask(self, body: dict[str, Any]) -> None:
        """Add one API fault.

        Args:
            body: `action` (`*`: any), `kind`, and optionally `region`, `account` (the caller's), `times` (calls
                that fail; default all), `after` (calls that pass first), `marker` (only calls for a further page).

        Raises:
            ValueError: an unknown key or kind.
        """
        unknown = set(body) - {"action", "region", "account", "kind", "times", "after", "marker"}
        if unknown or "action" not in body or "kind" not in body:
            raise ValueError(f"a fault needs action and kind; unknown keys: {sorted(unknown)}")
        times = body.get("times")
        rule = _Rule(
            str(body["action"]),
            body.get("region"),
            body.get("account"),
            Kind(body["kind"]),
            None if times is None else int(times),
            int(body.get("after", 0)),
            bool(body.get("marker", False)),
        )
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Forget every API fault."""
        with self._lock:
            self._rules.clear()

    def meets(self, action: str, region: str, account: str, *, marker: bool) -> Kind | None:
        """The fault that this call meets, counting it."""
        with self._lock:
            for rule in self._rules:
                if rule.action not in ("*", action) or rule.region not in (None, region):
                    continue
                if rule.account not in (None, account):
                    continue
                if rule.marker and not marker:
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                if rule.times is None:
                    return rule.kind
                if rule.times > 0:
                    rule.times -= 1
                    return rule.kind
        return None

    def plant(self, name: str) -> None:
        """Plant the data fault `name`; it stays for the life of the lab, or until `uproot`."""
        with self._lock:
            self._planted.add(Plant(name))

    def uproot(self) -> None:
        """Remove every planted fault."""
        with self._lock:
            self._planted.clear()

    def planted(self, plant: Plant) -> bool:
        """Whether `plant` is planted."""
        with self._lock:
            return plant in self._planted
