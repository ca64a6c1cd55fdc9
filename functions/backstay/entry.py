"""The frame around every verb: validate, wire, run, publish the Report, map errors.

A request that cannot be served ends in a Report too: ``status`` refused (the caller can mend it) or error. Where a
retry may help and nobody waits for the answer, an error is raised after it was published, so that Lambda retries and,
in the end, hands the event to the failure destination.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from uuid import uuid4

from backstay.config import Settings, validate
from backstay.core.errors import BackstayError, BadRequest, Conflict, NoSuchDatabase, ProviderError, RunFailed
from backstay.core.model import EXIT_STATUS, Status, utc_text
from backstay.core.requests import (
    AuditOrder,
    AuditRequest,
    ProtectRequest,
    PruneRequest,
    ReplicateRequest,
    RestoreRequest,
    RestoreRunRequest,
    SnapshotRequest,
    waking,
)
from backstay.measures import measure
from backstay.wiring import Caller, SystemClock, lambda_world, let_go

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from backstay.core.ports import World

R = TypeVar("R", AuditRequest, ProtectRequest, SnapshotRequest, ReplicateRequest, PruneRequest, RestoreRequest)
Report = dict[str, Any]
_ALIVE: Final = frozenset({Status.OK, Status.FINDINGS})  # what fails is known; nothing was left unread
_LOGGED: Final = (
    *("status", "databases", "counts", "changed", "digest_sent", "unread", "run", "waiting_for"),
    *("ignored", "target", "execution", "error", "report", "waiting", "confirm", "left_alone"),
)
# Lambda refuses an answer of more than 6 MB, and would then run an asynchronous audit again; so much is some 3 MB.
_LONG: Final = (
    "findings",
    "new",
    "still_open",
    "resolved",
    "outcomes",
    "unread",
    "not_covered",
    "shards",
    "pruned",
    "exposures",
)
_ANSWERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Verb(Generic[R]):
    """One verb as a function: which request, which workflow.

    Attributes:
        retried: raise errors for Lambda to retry, because nobody waits for the answer.
        needs: the settings that it cannot work without.
    """

    name: str
    request: type[R]
    workflow: Callable[[World, R], Report]
    retried: bool = True
    needs: tuple[str, ...] = ("vault", "bus")

    def handler(self, event: Any, context: LambdaContext) -> Report:
        """The Lambda handler."""
        log = logger(self.name)
        try:
            request, why = self._read(event)
            if request is None:
                return _logged(self.name, _ignored(self.name, why))
            settings = Settings.from_environment(os.environ)
            settings.require(*self.needs)
            world = lambda_world(settings, caller_of(context.invoked_function_arn))
            report = self._run(world, request, woken=bool(why))
        except BadRequest as exc:
            report = failed(self.name, exc)
            log.warning("request refused", extra={"report": report})  # a traceback would tell its sender nothing
            return report
        except BackstayError as exc:
            report = failed(self.name, exc)
            log.exception("run failed", extra={"report": report})
            if self.retried:
                raise
            return report
        # A dry run over everything proves nothing about the schedule, nor does one that only put others to work.
        whole_fleet = getattr(request, "all", None) is True and not getattr(request, "dry_run", False)
        proof = whole_fleet and "waiting_for" not in report
        stored = self._kept(world, report, heartbeat=proof)
        measure(self.name, report, heartbeat=proof)
        if why:
            _come_back(report)
        return _logged(self.name, {**_answer(report), "report": stored})

    def _read(self, event: Any) -> tuple[R | None, str]:
        """The request, and what woke us; no request when an event is none of our business."""
        if isinstance(event, Mapping) and self.request is not RestoreRequest and (found := waking(event)):
            if found.ref is None:
                return None, found.why
            event = {"database": str(found.ref)}
        else:
            found = None
        request = validate(self.request, event, f"the {self.name} request")
        request.check()
        return request, found.why if found else ""

    def _kept(self, world: World, report: Report, *, heartbeat: bool) -> str:
        """Where the Report is. A person who waits gets the answer even when it cannot be kept."""
        try:
            return publish(world, report, heartbeat=heartbeat)
        except ProviderError as exc:
            if self.retried:
                raise
            return _not_kept(self.name, exc)

    def _run(self, world: World, request: R, *, woken: bool) -> Report:
        try:
            return self.workflow(world, request)
        except NoSuchDatabase as exc:
            if woken:  # the event outlived its database
                return {**_ignored(self.name, str(exc)), "deployment": world.deployment}
            raise


def _come_back(report: Report) -> None:
    """An event found its Database busy: Lambda tries again in a minute, and in two.

    Raises:
        Conflict: for Lambda to see; the Report is published already.
    """
    for outcome in report.get("outcomes", ()):
        if outcome["passing"]:
            raise Conflict(f"{outcome['database']}: {outcome['message']}; Lambda tries again")


def audit_orders(event: Any, context: LambdaContext) -> Report:
    """What the queue of an audit in shards brings: each order by itself.

    Returns:
        which orders failed and are to come again (``batchItemFailures``, as SQS event source mappings ask for it).
    """
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415  # most audits come from no queue
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    settings = Settings.from_environment(os.environ)
    settings.require("vault", "bus", "shards")
    world = lambda_world(settings, caller_of(context.invoked_function_arn))
    # Each order that fails is logged where it fails, and counted when it ends among the dead letters.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    try:
        return dict(process_partial_response(event, lambda record: _order(world, record.body), processor))
    finally:
        let_go()


def _order(world: World, body: str) -> None:
    from backstay.workflows.shards import merge, merged, shard  # noqa: PLC0415

    verb = "audit"
    named = {"order": body[:200]}
    try:
        order = validate(AuditOrder, _json(body), "the audit's order")
        order.check()
        if order.scope is not None:
            _logged(verb, shard(world, order, order.scope), named)
        elif report := merge(world, order):
            stored = publish(world, report, heartbeat=True)
            measure(verb, report, heartbeat=True)
            merged(world, order, report, stored)
            _logged(verb, {**report, "report": stored}, named)
    except BadRequest as exc:  # it would be as bad the next time
        logger(verb).warning("order refused", extra={**named, "report": failed(verb, exc)})
    except Exception as exc:  # whatever it is, here is the only place that says it; the queue brings the order again
        told = {"report": failed(verb, exc)} if isinstance(exc, BackstayError) else {}
        logger(verb).exception("order failed", extra={**named, **told})
        raise


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise BadRequest("is not JSON", field="body", value=text[:80], accepted='{"run": "…"}') from exc


def durable_restore(event: Any, context: DurableContext) -> Report:
    """The durable runner's body: everything that happens, happens in a remembered step."""
    from backstay.runs import DurableRun  # noqa: PLC0415  # the other functions are not durable
    from backstay.workflows.restore_run import restore_run  # noqa: PLC0415

    verb = "restore-run"
    try:
        request = validate(RestoreRunRequest, event, "the restore-run request")
        request.check()
        arn = context.lambda_context.invoked_function_arn if context.lambda_context else None
        world = _runner_world(caller_of(arn or ""))
        run = DurableRun(context, SystemClock())
        report = restore_run(world, run, request)
    except BadRequest as exc:
        return _logged(verb, failed(verb, exc))

    def finish() -> Any:
        stored = publish(world, report, heartbeat=False)
        world.bus.report_ready(report)
        measure(verb, report, heartbeat=False)
        return {**report, "report": stored}

    try:
        answer = run.step("publish", finish)
    except ProviderError as exc:  # the database is there all the same
        answer = {**report, "report": _not_kept(verb, exc)}
    ended = _logged(verb, answer if isinstance(answer, dict) else report)
    if ended["status"] == Status.ERROR.value:  # else the execution would count as succeeded
        error = ended["error"]
        raise RunFailed(f"{error['phase']}: {error['message']}; the whole report: {ended['report']}")
    return ended


def _not_kept(verb: str, exc: ProviderError) -> str:
    logger(verb).error("the report could not be kept", extra={"error": str(exc)})
    return f"not kept: {exc}"


@cache
def _runner_world(caller: Caller) -> World:
    """Replays need a world, not a fresh policy: only the plan step reads it, and its result is remembered."""
    settings = Settings.from_environment(os.environ)
    settings.require("vault", "bus")
    return lambda_world(settings, caller)


def caller_of(function_arn: str) -> Caller:
    """Our account, from our own name: saves a call to STS."""
    parts = function_arn.split(":")
    if len(parts) < len(["arn", "aws", "lambda", "region", "account", "function", "name"]):
        raise BadRequest("is not a function's ARN", field="context.invoked_function_arn", value=function_arn)
    return Caller(parts[4])


def failed(verb: str, exc: BackstayError) -> Report:
    """The Report of a run that came to nothing."""
    status = Status.REFUSED if isinstance(exc, BadRequest) else Status.ERROR
    error = {"type": type(exc).__name__, "message": str(exc)}
    if isinstance(exc, BadRequest):
        error |= {"field": exc.field, "accepted": exc.accepted}
    return {
        "schema": f"backstay.{verb}/1",
        "status": status.value,
        "exit_status": EXIT_STATUS[status],
        "error": error,
    }


def _ignored(verb: str, why: str) -> Report:
    return {"schema": f"backstay.{verb}/1", "status": Status.OK.value, "exit_status": 0, "ignored": why}


def publish(world: World, report: Report, *, heartbeat: bool) -> str:
    """Keeps the whole Report in the vault, and with ``heartbeat`` the proof that the verb's schedule is alive.

    An audit of everything that read everything says so on the bus too, for whoever counts its silence outside of here.

    Returns:
        where the Report is.
    """
    verb = report["schema"].removeprefix("backstay.").split("/")[0]
    now = world.clock.now()
    key = f"reports/{verb}/{now:%Y/%m/%d}/{now:%H%M%S}-{uuid4().hex[:8]}.json"
    world.vault.put(key, json.dumps(report).encode())
    if heartbeat:
        if verb == "audit" and report["status"] in _ALIVE:
            world.bus.heartbeat(report)
        body = {"schema": "backstay.heartbeat/1", "verb": verb, "at": utc_text(now), "report": key}
        world.vault.put(f"heartbeat/{verb}.json", json.dumps(body).encode())
    return f"{world.vault.place}/{key}"


def _answer(report: Report) -> Report:
    """What the invoker gets: all of it stands in the vault, and of a large fleet would not fit (Lambda: 6 MB)."""
    short = {key: value for key, value in report.items() if key != "green"}
    for key in _LONG:
        if len(report.get(key, ())) > _ANSWERED:
            short |= {key: report[key][:_ANSWERED], f"{key}_left_out": len(report[key]) - _ANSWERED}
    return short


@cache
def logger(verb: str) -> Any:
    """Powertools' structured logger under the verb's name."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415

    return Logger(service=verb)


def _logged(verb: str, report: Report, more: Mapping[str, str] = MappingProxyType({})) -> Report:
    told: dict[str, Any] = {key: report[key] for key in _LOGGED if key in report}
    logger(verb).info("run ended", extra={**more, **told})
    return report
