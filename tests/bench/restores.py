"""What a restore takes besides the provider's own time, on a clock that does not wait."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from backstay.core.requests import RestoreRunRequest
from backstay.providers.memory import MemoryClock, Work
from backstay.runs import InlineRun
from backstay.workflows.restore_run import restore_run
from tests.bench.fleets import DELAY_MS, HOME
from tests.bench.table import Row
from tests.fleet import NOW, database, fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backstay.core.model import Json
    from backstay.core.ports import Ready, Waiting
    from tests.bench.processes import Bench


class _Counted(InlineRun):
    """Each step and each probe is one operation of a durable execution."""

    operations = 0

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        self.operations += 1
        return super().step(name, work)

    def wait_until(self, name: str, probe: Callable[[], Ready | Waiting], *, timeout: timedelta) -> Json:
        def counted() -> Ready | Waiting:
            self.operations += 1
            return probe()

        return super().wait_until(name, counted, timeout=timeout)


def _restored(span: timedelta) -> tuple[dict[str, Any], int]:
    source = database()
    given = fleet(source, clock=MemoryClock(NOW))
    given.cloud.takes(Work.CREATE, span=span)
    run = _Counted(given.clock, given.notes.append)
    moment = f"{NOW - timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"
    request = RestoreRunRequest(database=source.id.key, target="orders-back", request_id="orders-back", moment=moment)
    report = restore_run(given.world, run, request)
    assert report["status"] == "ok", report
    return report, run.operations


def rows(bench: Bench) -> Iterator[Row]:
    """The runner's overhead and operations, and the front door's seconds."""
    half_hour = timedelta(minutes=30)
    report, _ = _restored(half_hour)
    login = sum(phase["seconds"] for phase in report["phases"])
    how = f"{login:.0f} s to a login, of which {half_hour.total_seconds():.0f} s are the provider's (simulated)"
    yield Row("restore: request to login", login / half_hour.total_seconds(), 1.02, how=how)
    _, operations = _restored(timedelta(hours=4))
    yield Row("restore: durable operations", operations, 500, unit="", how="a simulated four hours")
    bench.fleet({HOME: (100, 0)}, DELAY_MS)
    door = bench.measure("front-door", HOME)
    calls = sum(bench.calls().values())
    how = f"{calls} calls of {DELAY_MS} ms, imports and clients with it"
    yield Row("restore: front door", door["wall"], 5.0, unit="s", how=how)
