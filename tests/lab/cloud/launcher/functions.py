"""Functions as Lambda runs them: their dependencies and addresses, and asynchronous invocation with all that follows.

MiniStack runs handlers on its own interpreter with its own packages behind them; here they see the locked run-time
requirements and the standard library. An event on an alias obeys that alias's EventInvokeConfig: retries, age,
on-failure and on-success destinations (delivered with the function's role, as Lambda does), and the dead-letter queue
gets the raw event.
"""

from __future__ import annotations

import contextvars
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from ministack.core import lambda_runtime as runtime
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc as lam
from ministack.services import sqs

from . import auth
from .record import now, qualifier_of

if TYPE_CHECKING:
    from .settings import Settings

# Runs before MiniStack's worker script: what its own environment holds is not on Lambda's path.
PRELUDE = "import sys\nsys.path[:] = [p for p in sys.path if not p.endswith('site-packages')]\n"
DEFAULT_RETRIES = 2  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
DEFAULT_AGE = 21_600


def _give_environment(settings: Settings) -> None:
    """Add the lab's variables when a worker starts, so that GetFunctionConfiguration still shows the template's."""
    create = runtime.Worker.__init__

    def with_lab(self: Any, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        own = (config.get("Environment") or {}).get("Variables") or {}
        lab = {
            "PYTHONPATH": str(settings.deps),
            "AWS_ENDPOINT_URL": settings.endpoint,
            "AWS_ENDPOINT_URL_RDS": settings.rds,
            "AWS_SDK_UA_APP_ID": func_name[:50],  # botocore's limit
        }
        create(self, func_name, {**config, "Environment": {"Variables": {**own, **lab}}}, code_zip)

    runtime.Worker.__init__ = with_lab
    detect = runtime._detect_runtime_binary

    def without_ministack(name: str) -> tuple[str, str]:
        binary, script = detect(name)
        return binary, PRELUDE + script if name.startswith("python") else script

    runtime._detect_runtime_binary = without_ministack


def event_invoke_config(function: str, qualifier: str | None) -> dict[str, Any]:
    """The EventInvokeConfig of a function's alias, version or `$LATEST`; empty when there is none."""
    configs = lam._functions[function].get("event_invoke_configs") or {}
    return configs.get(qualifier or "$LATEST") or {}


def invoke_async(func: dict[str, Any], event: Any) -> None:
    """Queue an event for a function and return: what `InvocationType: Event`, EventBridge, Scheduler and SNS do."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_work_off, func, event), daemon=True).start()


def _work_off(func: dict[str, Any], event: Any) -> None:
    config = func.get("config") or func
    lam._run_with_function_config_scope(config, _attempt_all, func, config, event)


def _attempt_all(func: dict[str, Any], config: dict[str, Any], event: Any) -> None:
    rules = event_invoke_config(config["FunctionName"], qualifier_of(config["FunctionArn"]))
    retries = int(rules.get("MaximumRetryAttempts", DEFAULT_RETRIES))
    last_moment = time.monotonic() + int(rules.get("MaximumEventAgeInSeconds", DEFAULT_AGE))
    for attempt in range(retries + 1):
        delay = min(lam._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2**attempt, lam._LAMBDA_ASYNC_RETRY_MAX_SECONDS)
        result = _attempt(func, config, event)
        if not result.get("error"):
            return _deliver(config, event, result, "Success", attempt + 1)
        if attempt < retries and time.monotonic() + delay > last_moment:
            return _fail(config, event, result, "EventAgeExceeded", attempt + 1)
        if attempt < retries:
            time.sleep(delay)  # Lambda's own back-off between attempts, shortened
    return _fail(config, event, result, "RetriesExhausted", retries + 1)


def _attempt(func: dict[str, Any], config: dict[str, Any], event: Any) -> dict[str, Any]:
    began = time.monotonic()
    result: dict[str, Any] = lam._execute_function(func, event)
    seconds = time.monotonic() - began
    failed, throttled = bool(result.get("error")), bool(result.get("throttle"))
    lam._emit_lambda_metrics(config["FunctionName"], duration_ms=seconds * 1000, error=failed, throttle=throttled)
    return result


def _fail(config: dict[str, Any], event: Any, result: dict[str, Any], condition: str, attempts: int) -> None:
    _deliver(config, event, result, condition, attempts)
    body = result.get("body")
    dead_letter(config, event, body.get("errorMessage", "") if isinstance(body, dict) else str(body))


def dead_letter(config: dict[str, Any], event: Any, reason: str) -> None:
    """Send an event that failed for good to the function's dead-letter queue, if it has one, as Lambda writes it."""
    queue = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if queue:
        attributes = {"ErrorCode": "200", "ErrorMessage": reason[:1024], "RequestID": lam.new_uuid()}
        send_as(config, queue, json.dumps(event), attributes)


def _deliver(config: dict[str, Any], event: Any, result: dict[str, Any], condition: str, attempts: int) -> None:
    """Send the invocation record, in the shape that Lambda documents, to the destination of this outcome."""
    rules = event_invoke_config(config["FunctionName"], qualifier_of(config["FunctionArn"]))
    kind = "OnFailure" if result.get("error") else "OnSuccess"
    target = ((rules.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
    if not target:
        return
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": config.get("Version", "$LATEST")}
    if result.get("error"):
        response["functionError"] = result.get("function_error") or "Unhandled"
    record = {
        "version": "1.0",
        "timestamp": now(),
        "requestContext": {
            "requestId": lam.new_uuid(),
            "functionArn": config["FunctionArn"],
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": response,
        "responsePayload": result.get("body"),
    }
    send_as(config, target, json.dumps(record), {})


def send_as(config: dict[str, Any], target: str, body: str, attributes: dict[str, str]) -> None:
    """Put a message on a queue with the rights of a function's role; refused (and recorded) when it has none."""
    key = runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    if not auth.permit(key, "sqs:SendMessage", target):
        return
    queue = sqs._queue_by_arn(target)
    name = parse_arn(target).resource
    if queue is None:
        raise LookupError(f"{config['FunctionName']}: no queue {name} for its failed event")
    message: dict[str, Any] = {"QueueUrl": queue["url"], "MessageBody": body}
    if attributes:
        message["MessageAttributes"] = {k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()}
    sqs._act_send_message(message, queue["url"])


def _log_as_the_role() -> None:
    """Lambda writes a function's log with the function's role: without the rights there is no log."""
    emit = lam._emit_lambda_logs

    def permitted(func: dict[str, Any], request_id: str, *rest: Any, **named: Any) -> None:
        config = func.get("config") or func
        key = runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        stream = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:{request_id}"
        may_create = auth.permit(key, "logs:CreateLogStream", stream)
        if auth.permit(key, "logs:PutLogEvents", stream) and may_create:
            emit(func, request_id, *rest, **named)

    lam._emit_lambda_logs = permitted


def install(settings: Settings) -> None:
    """Patch MiniStack. PYTHONDONTWRITEBYTECODE would make every cold start compile every dependency."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _give_environment(settings)
    _log_as_the_role()
    lam.invoke_async_with_retry = invoke_async
