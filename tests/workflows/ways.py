"""The two ways to run a restore: inline as a terminal does, and over the durable SDK's local test runner."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner

from backstay.core.requests import RestoreRequest, RestoreRunRequest
from backstay.providers.memory import MemoryClock
from backstay.runs import DurableRun, InlineRun
from backstay.workflows.restore import restore
from backstay.workflows.restore_run import restore_run
from tests.fleet import NOW, Fleet, fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime, timedelta

    import pytest

    from backstay.core.model import Database, Json
    from backstay.core.ports import Ready, Run, Waiting

Report = dict[str, Any]
REAL_SECONDS = 60


class Killed(BaseException):
    """The process ends here, as by SIGKILL: nothing of ours catches it."""


def die() -> None:
    raise Killed


@dataclass
class KilledAt:
    """A run whose process ends at one step, once: inside (done, not remembered yet) or after it."""

    run: Run
    name: str
    inside: bool
    left: list[str]

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        answer = self.run.step(name, lambda: self._within(name, work()))
        self._after(name)
        return answer

    def wait_until(self, name: str, probe: Callable[[], Ready | Waiting], *, timeout: timedelta) -> Json:
        answer = self.run.wait_until(name, lambda: self._within(name, probe()), timeout=timeout)
        self._after(name)
        return answer

    def _within(self, name: str, answer: Any) -> Any:
        if self.inside:
            self._die(name)
        return answer

    def _after(self, name: str) -> None:
        if not self.inside:
            self._die(name)

    def _die(self, name: str) -> None:
        if name == self.name and self.left:
            self.left.pop()
            raise Killed


@dataclass
class Way(ABC):
    """One way to run restores over one fleet.

    Attributes:
        name: inline or durable.
        given: the fleet.
        remembered: what the service remembered of the last run, as text.
        attempts: of the last durable run by step: one, and one more per further poll or retry.
        kill: where the next run's process ends, once: the step's name, and whether before it is remembered.
    """

    name: str
    given: Fleet
    remembered: str = ""
    attempts: Mapping[str, int] = field(default_factory=dict)
    kill: tuple[str, bool] | None = None

    def restored(self, **request: Any) -> Report:
        """The runner's Report for what the front door would start."""
        return self.run(self.started(**request))

    def started(self, **request: Any) -> RestoreRunRequest:
        """What the front door hands to the runner."""
        wanted = RestoreRequest(**({"database": "orders"} | (request or {"to": "2026-11-24T09:30:00Z"})))
        report = restore(self.given.world, wanted)
        assert report["status"] == "pending", report
        return self.given.starter.started[report["execution"]["name"]]

    @abstractmethod
    def run(self, request: RestoreRunRequest) -> Report:
        """The Report of one run to its end, and of the one after a kill."""

    def _killable(self, run: Run, left: list[str]) -> Run:
        return KilledAt(run, *self.kill, left) if self.kill else run


class Inline(Way):
    """Starts again from the beginning after a kill, as a person would."""

    def run(self, request: RestoreRunRequest) -> Report:
        world, left = self.given.world, ["once"]
        while True:
            try:
                run = self._killable(InlineRun(world.clock, world.note), left)
                report = restore_run(world, run, request)
            except Killed:
                continue
            assert not (self.kill and left), "nothing was killed"
            return report


class Durable(Way):
    """Replays what the service remembers after a kill."""

    def run(self, request: RestoreRunRequest) -> Report:
        clock, left = self.given.clock, ["once"]
        assert isinstance(clock, RunnerClock)

        @durable_execution
        def body(event: Any, context: Any) -> Any:
            run = self._killable(DurableRun(context, clock), left)
            return restore_run(self.given.world, run, RestoreRunRequest(**event))

        def handler(event: Any, context: Any) -> Any:
            try:
                return body(event, context)
            except Killed as exc:
                raise RuntimeError("the process has ended") from exc

        with DurableFunctionTestRunner(handler) as runner, clock.following(runner):
            arn = runner.run_async(json.dumps(asdict(request)), execution_timeout=365 * 86400)
            result = runner.wait_for_result(arn, timeout=REAL_SECONDS)
            operations = runner._store.load(arn).operations
        runner._scheduler._loop.close()  # which the runner leaves to the garbage collector, and that warns
        self.remembered = "\n".join(repr(each) for each in operations)
        self.attempts = {each.name: each.step_details.attempt for each in operations if each.name and each.step_details}
        assert result.result is not None, result.error
        assert not (self.kill and left), "nothing was killed"
        report: Report = json.loads(str(result.result))
        return report


class RunnerClock:
    """The runner's virtual time, which jumps over waits; it stands at NOW until a run begins."""

    def __init__(self) -> None:
        self._runner: Any = None
        self._begun: datetime | None = None
        self._last = NOW

    @contextmanager
    def following(self, runner: DurableFunctionTestRunner) -> Iterator[None]:
        """Runs with the runner for as long as it runs."""
        self._runner, self._begun, self._start = runner, runner._clock.now(), self._last
        yield
        self._last = self.now()
        self._runner = None

    def now(self) -> datetime:
        if self._runner is None or self._begun is None:
            return self._last
        moment: datetime = self._start + (self._runner._clock.now() - self._begun)
        return moment

    def sleep(self, span: timedelta) -> None:
        raise AssertionError(f"nothing on Lambda sleeps, but something wanted to, for {span}")


def inline(*databases: Database) -> Way:
    """A fleet on a clock that only sleeps move."""
    return Inline("inline", fleet(*databases, clock=MemoryClock(NOW)))


def durable(*databases: Database) -> Way:
    """A fleet on the test runner's clock."""
    return Durable("durable", fleet(*databases, clock=RunnerClock()))


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pauses of SDK and runner: a tenth of a second per poll, five seconds after a crash."""
    monkeypatch.setattr("aws_durable_execution_sdk_python.state._STOP_SIGNAL_POLL_SECONDS", 0.0005)
    monkeypatch.setattr("aws_durable_execution_sdk_python_testing.executor.Executor.RETRY_BACKOFF_SECONDS", 0)
    logging.getLogger("aws_durable_execution_sdk_python_testing").setLevel(logging.ERROR)
