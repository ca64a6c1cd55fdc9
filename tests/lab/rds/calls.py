"""The record of every call: one JSON line each, which tests hold against the functions' roles."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import TYPE_CHECKING, Any

from tests.lab.rds.events import SECRET_PARAMETERS
from tests.lab.rds.serialize import timestamp
from tests.lab.rds.state import now

if TYPE_CHECKING:
    from pathlib import Path


class Calls:
    """Appends to `path`. Permission checks that RDS makes in the caller's name are lines of their own."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def add(
        self,
        *,
        service: str,
        action: str,
        region: str | None,
        principal: str | None,
        function: str | None,
        resources: list[str],
        parameters: dict[str, Any],
        status: int,
        error: str | None,
        invoked_by: str | None = None,
    ) -> None:
        """Append one call. `status` is the HTTP status (0: the connection was cut)."""
        line: dict[str, Any] = {
            "time": timestamp(now()),
            "service": service,
            "action": action,
            "region": region,
            "principal": principal,
            "function": function,
            "resources": resources,
            "parameters": {k: v for k, v in parameters.items() if k not in SECRET_PARAMETERS},
            "status": status,
            "error": error,
        }
        if invoked_by is not None:
            line["invoked_by"] = invoked_by
        text = json.dumps(line, default=_json)
        with self._lock:
            self._file.write(text + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


def _json(value: object) -> str:
    return timestamp(value) if isinstance(value, dt.datetime) else str(value)
