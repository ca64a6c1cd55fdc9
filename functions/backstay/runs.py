"""The ``Run`` port twice: over the AWS durable execution SDK, and inline for a terminal.

The SDK is known to this file only. Its default wait strategy gives up after sixty attempts, some two hours; ours goes
on as long as the workflow says, at intervals that grow with the time already waited.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from backstay.core import errors
from backstay.core.model import Json, utc_text
from backstay.core.ports import Ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.retries import RetryDecision
    from aws_durable_execution_sdk_python.waits import WaitForConditionDecision

    from backstay.core.ports import Clock, Waiting

# A poll costs one of 3,000 operations, and a late one costs the person who waits. At 1.5 % of the time already waited
# a four-hour restore takes some 320 polls, and is noticed at most 1.5 % late.
_GROWTH: Final = 0.015
_SHORTEST: Final = timedelta(seconds=1)
_BRISK: Final = timedelta(seconds=5)
_STEP_ATTEMPTS: Final = 8
_TRANSIENT: Final = (errors.Throttled, errors.Unreachable)


def interval(waited: timedelta, attempts: int) -> timedelta:
    """How long to wait before the next probe: a second, growing to five, then 1.5 % of the time already waited."""
    first = min(_SHORTEST * attempts, _BRISK)
    return max(first, timedelta(seconds=math.ceil(waited.total_seconds() * _GROWTH)))


def _packed(exc: errors.ProviderError) -> dict[str, Json]:
    return {"type": type(exc).__name__, "message": exc.args[0], "call": exc.call, "code": exc.code}


def _unpacked(error: dict[str, Any]) -> errors.ProviderError:
    kind = getattr(errors, str(error["type"]), errors.ProviderError)
    exc: errors.ProviderError = kind(str(error["message"]), code=str(error["code"]))
    exc.call = str(error["call"])
    return exc


class DurableRun:
    """Steps and waits that survive the end of the process, each remembered by the service under its name."""

    def __init__(self, context: DurableContext, clock: Clock) -> None:
        self._context, self._clock = context, clock

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        """See ``Run.step``. What a retry cannot mend is remembered as the step's result, not raised through the SDK."""
        from aws_durable_execution_sdk_python.config import StepConfig  # noqa: PLC0415  # durable functions only
        from aws_durable_execution_sdk_python.exceptions import StepError  # noqa: PLC0415

        def guarded(_context: object) -> dict[str, Json]:
            try:
                return {"ok": work()}
            except _TRANSIENT:
                raise
            except errors.ProviderError as exc:
                return {"error": _packed(exc)}

        try:
            answer = self._context.step(guarded, name=name, config=StepConfig(retry_strategy=_retry))
        except StepError as exc:
            if exc.error_type.rpartition(".")[2] not in {each.__name__ for each in _TRANSIENT}:
                raise errors.Unexpected(f"{exc.error_type}: {exc.message}", call=name) from exc
            raise errors.Unreachable(f"gave up after {_STEP_ATTEMPTS} attempts: {exc}", call=name) from exc
        return _value(answer)

    def wait_until(self, name: str, probe: Callable[[], Ready | Waiting], *, timeout: timedelta) -> Json:
        """See ``Run.wait_until``."""
        from aws_durable_execution_sdk_python.waits import WaitForConditionConfig  # noqa: PLC0415

        def check(state: dict[str, Any], _context: object) -> dict[str, Any]:
            now = self._clock.now()
            since = datetime.fromisoformat(state["since"]) if state.get("since") else now
            return {"since": utc_text(since), "now": utc_text(now), **_probed(probe, now - since, timeout)}

        initial: dict[str, Any] = {}
        answer = self._context.wait_for_condition(
            check, WaitForConditionConfig(wait_strategy=_wait, initial_state=initial), name=name
        )
        return _value(answer)


def _probed(probe: Callable[[], Ready | Waiting], waited: timedelta, timeout: timedelta) -> dict[str, Any]:
    """One probe's outcome: a value, an error for good, or a note of what it waits for."""
    try:
        answer = probe()
    except _TRANSIENT as exc:
        note = str(exc)
    except errors.ProviderError as exc:
        return {"error": _packed(exc)}
    else:
        if isinstance(answer, Ready):
            return {"ok": answer.value}
        note = answer.note
    if waited >= timeout:
        return {"error": _packed(errors.Unreachable(f"gave up after {waited}: {note}"))}
    return {"note": note}


def _value(answer: dict[str, Any]) -> Json:
    if "error" in answer:
        raise _unpacked(answer["error"])
    value: Json = answer["ok"]
    return value


def _wait(state: dict[str, Any], attempts: int) -> WaitForConditionDecision:
    from aws_durable_execution_sdk_python.config import Duration  # noqa: PLC0415
    from aws_durable_execution_sdk_python.waits import WaitForConditionDecision  # noqa: PLC0415

    if "note" not in state:
        return WaitForConditionDecision.stop_polling()
    waited = datetime.fromisoformat(state["now"]) - datetime.fromisoformat(state["since"])
    delay = math.ceil(interval(waited, attempts).total_seconds())
    return WaitForConditionDecision.continue_waiting(Duration.from_seconds(delay))


def _retry(error: Exception, attempts: int) -> RetryDecision:
    from aws_durable_execution_sdk_python.config import Duration  # noqa: PLC0415
    from aws_durable_execution_sdk_python.retries import RetryDecision  # noqa: PLC0415

    if not isinstance(error, _TRANSIENT) or attempts >= _STEP_ATTEMPTS:
        return RetryDecision.no_retry()
    return RetryDecision.retry(Duration.from_seconds(2**attempts))


class InlineRun:
    """The same steps in a terminal: nothing is remembered, so a killed restore is simply started again."""

    def __init__(self, clock: Clock, note: Callable[[str], None]) -> None:
        self._clock, self._note = clock, note

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        """See ``Run.step``."""
        for attempt in range(1, _STEP_ATTEMPTS + 1):
            try:
                return work()
            except _TRANSIENT as exc:
                if attempt == _STEP_ATTEMPTS:
                    raise
                self._note(f"{name}: {exc}; trying again")
                self._clock.sleep(timedelta(seconds=2**attempt))
        raise AssertionError("unreachable: the loop returns or raises")

    def wait_until(self, name: str, probe: Callable[[], Ready | Waiting], *, timeout: timedelta) -> Json:
        """See ``Run.wait_until``."""
        since, attempts = self._clock.now(), 0
        while True:
            attempts += 1
            waited = self._clock.now() - since
            answer = _probed(probe, waited, timeout)
            if "note" not in answer:
                return _value(answer)
            self._note(f"{name}: {answer['note']}")
            self._clock.sleep(interval(waited, attempts))
