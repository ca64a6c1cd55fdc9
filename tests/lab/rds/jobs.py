"""Background work and how long statuses last."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Jobs:
    """Threads that finish what a call began.

    Args:
        pace: seconds that a status lasts at least; real RDS takes minutes.
    """

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self.stopping = threading.Event()
        self._free = threading.Event()
        self._free.set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        """Run `work` in the background; `failed` gets what it raises, which is logged too."""

        def body() -> None:
            try:
                work()
            except Exception as exc:  # noqa: BLE001 - the edge of a thread: everything must be logged and shown
                if not self.stopping.is_set():
                    print(f"rds: {name} failed", file=sys.stderr, flush=True)
                    traceback.print_exc()
                    failed(exc)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=body, name=name, daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    @contextlib.contextmanager
    def at_least(self, part: float = 1.0) -> Iterator[None]:
        """Let the block take `part` of the pace at least, so that its status can be seen."""
        begin = time.monotonic()
        yield
        self.stopping.wait(max(0.0, self.pace * part - (time.monotonic() - begin)))

    def hold(self, *, held: bool) -> None:
        """Keep snapshots that are being taken from getting done, or let them."""
        if held:
            self._free.clear()
        else:
            self._free.set()

    def wait_free(self) -> None:
        """Wait while snapshots are held."""
        while not self._free.wait(0.03) and not self.stopping.is_set():
            pass

    def stop(self) -> None:
        """Tell waiting work to hurry, and wait for it briefly."""
        self.stopping.set()
        deadline = time.monotonic() + 3
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
