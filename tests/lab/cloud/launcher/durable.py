"""Durable functions: started, checkpointed and read through MiniStack, executed by the durable runner beside it.

The runner has no Invoke, knows no names as keys, and writes execution ARNs of its own making. Here an Invoke of a
durable function needs a qualifier, the execution's name is the idempotency key (same payload: the same execution;
another one: 409), and everyone (callers, the function, IAM, the calls file) sees ARNs as AWS writes them.
"""

from __future__ import annotations

import asyncio
import contextvars
import http.client
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from ministack.core.responses import error_response_json, get_account_id, new_uuid
from ministack.services import lambda_svc as lam

from . import auth, functions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Settings

API = "2025-12-01"
Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."
# Seconds between looks at an execution that a synchronous Invoke waits for, and for one request to the runner.
POLL = 0.05
REQUEST_SECONDS = 60
KEPT_HEADERS = ("content-type", "x-amzn-errortype")


@dataclass(frozen=True, slots=True)
class Execution:
    """A started execution: its ARN here and at the runner, and the payload that its name stands for."""

    arn: str
    runner_arn: str
    function: str
    function_arn: str
    version: str
    qualifier: str
    payload: str


class AlreadyStarted(Exception):
    """The name belongs to an execution with another payload."""


_settings: list[Settings] = []
_lock = threading.Lock()
_by_name: dict[tuple[str, str], Execution] = {}
_by_arn: dict[str, Execution] = {}


def is_durable(config: Mapping[str, Any]) -> bool:
    """Whether a function's configuration makes it durable."""
    return bool(config.get("DurableConfig"))


def ask(method: str, path: str, body: bytes = b"") -> Answer:
    """One request to the runner; its errors are answers too."""
    connection = http.client.HTTPConnection(urlsplit(_settings[0].runner).netloc, timeout=REQUEST_SECONDS)
    try:
        connection.request(method, f"/{path}", body or None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        headers = {name: value for name, value in response.getheaders() if name.lower() in KEPT_HEADERS}
        return response.status, headers, response.read()
    finally:
        connection.close()


def start(config: Mapping[str, Any], qualifier: str, event: Any, name: str, *, queued: bool) -> str:
    """Start an execution, or find the one that the name stands for; its ARN.

    `queued` is how an asynchronous event starts one: the function's dead-letter queue gets the event when the execution
    does not succeed. AlreadyStarted when the name's execution has another payload.
    """
    function, payload = str(config["FunctionName"]), json.dumps(event, sort_keys=True)
    with _lock:  # two starts of one name must not both reach the runner
        known = _by_name.get((function, name))
        if known is None:
            known = _start(config, qualifier, json.dumps(event), payload, name)
            _by_name[function, name] = known
            _by_arn[known.arn] = _by_arn[known.runner_arn] = known
            if queued and config.get("DeadLetterConfig"):
                context = contextvars.copy_context()
                threading.Thread(target=context.run, args=(_watch, known, dict(config), event), daemon=True).start()
    if known.payload != payload:
        raise AlreadyStarted(f"The execution {name} of {function} was started with another payload.")
    return known.arn


def _start(config: Mapping[str, Any], qualifier: str, event: str, payload: str, name: str) -> Execution:
    durable = config["DurableConfig"]
    wanted = {
        "AccountId": get_account_id(),
        "FunctionName": config["FunctionName"],
        "FunctionQualifier": qualifier,
        "ExecutionName": name,
        "ExecutionTimeoutSeconds": int(durable.get("ExecutionTimeout", 86_400)),
        "ExecutionRetentionPeriodDays": int(durable.get("RetentionPeriodInDays", 14)),
        "InvocationId": new_uuid(),
        "Input": event,
    }
    status, _, body = ask("POST", "start-durable-execution", json.dumps(wanted).encode())
    if status >= 300:
        raise RuntimeError(f"the durable runner refused to start {name}: {body.decode()}")
    base = lam._func_arn(config["FunctionName"])
    version = str(config.get("Version", "$LATEST"))
    runner_arn = json.loads(body)["ExecutionArn"]
    arn = f"{base}:{version}/durable-execution/{name}/{runner_arn.rpartition('/')[2]}"
    return Execution(arn, runner_arn, config["FunctionName"], base, version, qualifier, payload)


def _watch(execution: Execution, config: dict[str, Any], event: Any) -> None:
    """Hand the event of an execution that did not succeed to the dead-letter queue, as Lambda does."""
    told = _wait(execution)
    if told["Status"] != "SUCCEEDED":
        reason = (told.get("Error") or {}).get("ErrorMessage") or told["Status"]
        functions.dead_letter(
            {**config, "FunctionArn": f"{execution.function_arn}:{execution.qualifier}"}, event, reason
        )


def _wait(execution: Execution) -> dict[str, Any]:
    """The finished execution, as GetDurableExecution tells it."""
    while True:
        _, _, body = ask("GET", f"{API}/durable-executions/{quote(execution.runner_arn, safe='')}")
        told: dict[str, Any] = json.loads(body)
        if told.get("Status") != "RUNNING":
            return told
        time.sleep(POLL)


def _accept_invokes() -> None:
    invoke = lam._invoke

    async def gateway(
        name: str, event: Any, headers: Json, path_qualifier: str | None = None, query_params: Json | None = None
    ) -> Any:
        function = lam._functions.get(name)
        if function is None or not is_durable(function["config"]):
            return await invoke(name, event, headers, path_qualifier, query_params)
        if "x-dex-handler-invoke" in headers:
            told = await asyncio.to_thread(_as_aws, event)
            return await invoke(name, told, headers, path_qualifier, query_params)
        qualifier = path_qualifier or lam._qp_first(query_params or {}, "Qualifier")
        if not qualifier:
            return error_response_json("InvalidParameterValueException", UNQUALIFIED, 400)
        record, config = lam._get_func_record_for_qualifier(name, qualifier)
        if record is None or config is None:
            return lam._function_qualifier_not_found(name, qualifier)
        return await _begin(config, qualifier, event, headers)

    lam._invoke = gateway


async def _begin(config: Json, qualifier: str, event: Any, headers: Json) -> Any:
    """Start and answer as Lambda does: at once for an Event, with the result for RequestResponse."""
    name = headers.get("x-amz-durable-execution-name") or new_uuid()
    is_queued = headers.get("x-amz-invocation-type") == "Event"
    try:
        arn = await asyncio.to_thread(start, config, qualifier, event, name, queued=is_queued)
    except AlreadyStarted as clash:
        return error_response_json("DurableExecutionAlreadyStartedException", str(clash), 409)
    answer = {"Content-Type": "application/json", "X-Amz-Durable-Execution-Arn": arn}
    if is_queued:
        return 202, answer, b""
    answer["X-Amz-Executed-Version"] = str(config.get("Version", "$LATEST"))
    told = await asyncio.to_thread(_wait, _by_arn[arn])
    if told["Status"] == "SUCCEEDED":
        return 200, answer, (told.get("Result") or "null").encode()
    return (
        200,
        {**answer, "X-Amz-Function-Error": "Unhandled"},
        json.dumps(told.get("Error") or told["Status"]).encode(),
    )


def _as_aws(event: Json) -> Json:
    """The runner's invocation of a handler, with the execution's ARN as AWS writes it.

    The runner invokes before its answer to the start has reached us: the lock is held until the ARN is known.
    """
    with _lock:
        execution = _by_arn.get(event.get("DurableExecutionArn", ""))
    return {**event, "DurableExecutionArn": execution.arn} if execution else event


def _forward_requests() -> None:
    handle = lam.handle_request

    async def routed(method: str, path: str, headers: Json, body: bytes, query_params: Json) -> Any:
        if auth.is_durable_path(path):
            return await asyncio.to_thread(forward, method, path, body, query_params)
        return await handle(method, path, headers, body, query_params)

    lam.handle_request = routed


def forward(method: str, path: str, body: bytes, query: Json) -> Answer:
    """Pass a durable execution request on to the runner and its answer back, each with the ARNs of its own side."""
    parts = unquote(path).strip("/").split("/")
    if parts[1] == "functions":
        return _list(parts[2], query)
    if parts[1] == "durable-execution-callbacks":
        return ask(method, "/".join([*parts[:2], quote(parts[2], safe=""), *parts[3:]]), body)
    arn = auth.durable_resource(path)
    execution = _by_arn.get(arn)
    if execution is None:
        missing: Answer = error_response_json("ResourceNotFoundException", f"Durable execution not found: {arn}", 404)
        return missing
    tail = unquote(path).strip("/").removeprefix(f"{API}/durable-executions/{arn}")
    target = f"{API}/durable-executions/{quote(execution.runner_arn, safe='')}{tail}"
    status, headers, answer = ask(method, f"{target}?{urlencode(query, doseq=True)}", body)
    return status, headers, _dress_all(answer) if status < 300 else answer


def _list(function: str, query: Json) -> Answer:
    """ListDurableExecutionsByFunction; the runner knows no versions, so the qualifier is looked at here."""
    name = lam._resolve_name(function)
    qualifier = lam._qp_first(query, "Qualifier")
    rest = urlencode({key: value for key, value in query.items() if key != "Qualifier"}, doseq=True)
    status, headers, body = ask("GET", f"{API}/functions/{quote(name, safe='')}/durable-executions?{rest}")
    if status >= 300:
        return status, headers, body
    told = json.loads(_dress_all(body))
    if qualifier:
        told["DurableExecutions"] = [
            item for item in told.get("DurableExecutions", []) if _is_of(item["DurableExecutionArn"], qualifier)
        ]
    return status, headers, json.dumps(told).encode()


def _is_of(arn: str, qualifier: str) -> bool:
    execution = _by_arn.get(arn)
    return execution is not None and qualifier in (execution.qualifier, execution.version)


def _dress_all(body: bytes) -> bytes:
    told = json.loads(body or b"{}")
    for item in (told, *told.get("DurableExecutions", [])):
        execution = _by_arn.get(item.get("DurableExecutionArn", ""))
        if execution:
            item["DurableExecutionArn"] = execution.arn
            item["FunctionArn"] = f"{execution.function_arn}:{execution.version}"
            if "Version" in item:
                item["Version"] = execution.version
    return json.dumps(told).encode()


def install(settings: Settings) -> None:
    """Patch MiniStack."""
    _settings.append(settings)
    _accept_invokes()
    _forward_requests()
