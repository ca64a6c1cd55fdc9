"""The durable runner (`dex-local-runner`) at the lab's pace.

Durable timers are modelled: a wait of hours takes a moment, and the history still says hours. But the emulated RDS
works in real time, so a timer does not fire at once either, or a poll every thirty seconds would spin. The runner's own
retry of a died invocation (five real seconds) is shortened likewise.
"""

from __future__ import annotations

import datetime as dt
import sys

from aws_durable_execution_sdk_python_testing import cli, runner
from aws_durable_execution_sdk_python_testing.clock import SkipClock, real_now
from aws_durable_execution_sdk_python_testing.executor import Executor

# Real seconds that any modelled timer takes at most, and between attempts of an invocation whose process died.
LONGEST_WAIT = 0.25
RETRY_SECONDS = 0.5


class PacedClock(SkipClock):
    """Skips all of a timer but its last LONGEST_WAIT seconds."""

    def arm(self, wake: dt.datetime) -> float:
        """The real seconds to wait before firing at `wake`."""
        with self._lock:
            gap = (wake - (real_now() + self._skipped)).total_seconds()
            real = min(max(gap, 0.0), LONGEST_WAIT)
            self._skipped += dt.timedelta(seconds=max(gap - real, 0.0))
        return real


def main() -> int:
    """Run `dex-local-runner start-server` with this command line's options until SIGTERM."""
    vars(runner)["SkipClock"] = PacedClock
    Executor.RETRY_BACKOFF_SECONDS = RETRY_SECONDS  # type: ignore[assignment]
    return cli.CliApp().run(["start-server", "--skip-time", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
