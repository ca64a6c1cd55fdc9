"""A thread per running database that keeps the latest restorable moment fresh.

`archive_timeout` archives nothing while a database is idle, so without a heartbeat the moment would
stand still on a quiet database.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import psycopg

from tests.lab.postgres.archive import contiguous, segment_number

if TYPE_CHECKING:
    import datetime as dt

    from tests.lab.postgres.cluster import Cluster

EVERY_SECONDS = 1.0


class Heartbeat:
    """Measures `latest`, a moment to which the archive really reaches.

    Args:
        cluster: the server.
        every: seconds between two beats.
    """

    def __init__(self, cluster: Cluster, every: float = EVERY_SECONDS) -> None:
        self._cluster, self._every = cluster, every
        self._stop, self._beaten = threading.Event(), threading.Event()
        self._last: int | None = None
        self.latest: dt.datetime | None = None
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{cluster.port}", daemon=True)

    def start(self) -> None:
        """Begin; the first beat comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, keeping the last measured moment."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5)

    def signal_stop(self) -> None:
        """Ask it to end, without waiting."""
        self._stop.set()

    def wait_first(self, seconds: float) -> bool:
        """Wait for the first measured moment."""
        return self._beaten.wait(seconds)

    def _run(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while not self._stop.is_set():
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(self._cluster.dsn(), autocommit=True)
                self._beat(connection)
            except (psycopg.Error, TimeoutError):
                # Restarting or stopped: the moment simply does not advance, as it would not on RDS.
                if connection is not None:
                    with contextlib.suppress(psycopg.Error):
                        connection.close()
                connection = None
            self._stop.wait(self._every)
        if connection is not None:
            connection.close()

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        moment, segment = self._cluster.flush(connection)
        if self._last is not None and not contiguous(self._cluster.archive, self._last):
            return  # a segment since the last beat is missing: nothing behind the gap can be restored
        self._last, self.latest = segment_number(segment), moment
        self._beaten.set()
