"""``Clock``, ``Bus``, ``Pager``, ``Shards`` and ``Starter`` in memory."""

from __future__ import annotations

from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from backstay.core.ports import Execution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from backstay.core.ports import FindingChanged
    from backstay.core.requests import AuditOrder, RestoreRunRequest


class MemoryClock:
    """A clock that stands still until somebody sleeps. ``start`` is aware and in UTC."""

    def __init__(self, start: datetime) -> None:
        self._now, self._lock = start, Lock()

    def now(self) -> datetime:
        """See ``Clock.now``."""
        with self._lock:
            return self._now

    def sleep(self, span: timedelta) -> None:
        """Moves on by ``span`` at once."""
        with self._lock:
            self._now += span


class MemoryBus:
    """Nobody listens; what was told is kept in ``findings``, ``reports`` and ``heartbeats``, oldest first."""

    def __init__(self) -> None:
        self.findings: list[FindingChanged] = []
        self.reports: list[Mapping[str, Any]] = []
        self.heartbeats: list[Mapping[str, Any]] = []

    def finding_changed(self, changes: Sequence[FindingChanged]) -> None:
        """See ``Bus.finding_changed``."""
        self.findings.extend(changes)

    def report_ready(self, report: Mapping[str, Any]) -> None:
        """See ``Bus.report_ready``."""
        self.reports.append(report)

    def heartbeat(self, report: Mapping[str, Any]) -> None:
        """See ``Bus.heartbeat``."""
        self.heartbeats.append(report)


class MemoryPager:
    """Nobody reads; what was sent is kept in ``sent``, oldest first, as subject and text."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, subject: str, text: str) -> None:
        """See ``Pager.send``."""
        self.sent.append((subject, text))


class MemoryShards:
    """Nobody is woken; what was put on the queue is kept in ``orders``, oldest first, with its delay."""

    def __init__(self) -> None:
        self.orders: list[tuple[AuditOrder, timedelta]] = []

    def send(self, orders: Sequence[AuditOrder], *, delay: timedelta = timedelta(0)) -> None:
        """See ``Shards.send``."""
        self.orders.extend((order, delay) for order in orders)


class MemoryStarter:
    """Starts nothing; what would have been started is kept in ``started`` by name, running until it is in ``ended``."""

    def __init__(self) -> None:
        self.started: dict[str, RestoreRunRequest] = {}
        self.ended: dict[str, Literal["succeeded", "failed"]] = {}
        self._lock = Lock()

    def start(self, request: RestoreRunRequest) -> Execution:
        """See ``Starter.start``."""
        with self._lock:
            new = request.request_id not in self.started
            self.started.setdefault(request.request_id, request)
        state: Literal["running", "succeeded", "failed"] = self.ended.get(request.request_id, "running")
        return Execution(f"memory:{request.request_id}", started=new, state=state)

    def console_link(self, execution: Execution) -> str:  # noqa: ARG002  # the port's signature
        """See ``Starter.console_link``: there is no such place."""
        return ""
