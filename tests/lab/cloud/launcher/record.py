"""Who called what: every API call as one JSON line, and every function invocation as another.

A call is `{"time", "service", "action", "region", "principal", "function", "resources", "parameters", "status",
"error"}`, with `action` as IAM names it (`s3:PutObject`) and `function` null unless the caller is a function's role
session. An invocation is `{"time", "function", "version", "qualifier", "seconds", "error"}`; `error` is null or the
error's type and message.
"""

from __future__ import annotations

import json
import re
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.core.router import detect_service, extract_access_key_id, extract_region
from ministack.services import lambda_svc as lam

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .settings import Settings

# Never written down, however they are spelled.
SECRET = re.compile(
    r"password|secret(string|binary)|plaintext|ciphertext|payload|templatebody|zipfile|data$", re.IGNORECASE
)
LONGEST_VALUE = 400
ERROR = re.compile(rb"<Code>([^<]+)</Code>|\"__type\":\s*\"([^\"]+)\"|\"code\":\s*\"([^\"]+)\"")
Json = dict[str, Any]
_lock = threading.Lock()
_settings: list[Settings] = []


def _append(path: Path, line: Mapping[str, Any]) -> None:
    with _lock, path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, default=str) + "\n")


def now() -> str:
    """The present moment, RFC 3339 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def function_of(principal: str) -> str | None:
    """The function whose role session this is: Lambda names a session after its function."""
    session = principal.rpartition("/")[2] if ":assumed-role/" in principal else ""
    known = {key[2] for key in lam._functions._data}
    return session if session in known else None


def call(
    action: str,
    region: str,
    principal: str,
    resources: Sequence[str],
    status: int,
    *,
    error: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Write one call down."""
    line = {
        "time": now(),
        "service": action.partition(":")[0],
        "action": action,
        "region": region,
        "principal": principal,
        "function": function_of(principal),
        "resources": list(resources),
        "parameters": dict(parameters or {}),
        "status": status,
        "error": error,
    }
    _append(_settings[0].calls, line)


def _parameters(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The request's parameters without secrets and without bulk: JSON and query protocols; others have none."""
    kind = headers.get("content-type", "")
    try:
        if "json" in kind:
            given = json.loads(body or b"{}")
        elif "x-www-form-urlencoded" in kind:
            given = dict(parse_qsl(body.decode()))
        else:
            return {}
    except ValueError:
        return {}
    if not isinstance(given, dict):
        return {}
    return {name: _short(value) for name, value in given.items() if not SECRET.search(name)}


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE]


def _error_code(status: int, body: Any) -> str | None:
    if status < 400:
        return None
    found = ERROR.search(body) if isinstance(body, bytes) else None
    return next((group.decode() for group in found.groups() if group), str(status)) if found else str(status)


def _watch_calls() -> None:
    """Every signed request ends in this one function of MiniStack's."""
    dispatch = app._dispatch_service_request

    async def recorded(*request: Any) -> Any:
        answer = await dispatch(*request)
        if "x-dex-handler-invoke" not in request[2]:  # the runner's own plumbing is no caller's call
            _record_request(request, answer)
        return answer

    app._dispatch_service_request = recorded


def _record_request(request: tuple[Any, ...], answer: tuple[Any, ...]) -> None:
    method, path, headers, body, query, _ = request
    params = app._routing_params(method, path, headers, body, query)
    service = detect_service(method, path, headers, params)
    region = extract_region(headers, query)
    action = iam_actions.extract_iam_action(service, method, path, headers, body, params)
    resource = iam_actions.extract_resource_arn(service, method, path, headers, body, params, region, get_account_id())
    caller = iam_evaluator.resolve_caller_identity(extract_access_key_id(headers, query) or "")
    call(
        action or f"{service}:{method}",
        region,
        caller["userArn"] if caller else "anonymous",
        [resource],
        answer[0],
        error=_error_code(answer[0], answer[2]),
        parameters=_parameters(headers, body),
    )


def _watch_invocations() -> None:
    """Every run of a handler, however it was asked for, goes through this function of MiniStack's."""
    dispatch = lam._execute_function_dispatch

    def recorded(func: Json, config: Json, event: Any, request_id: str, started: float) -> Any:
        result = dispatch(func, config, event, request_id, started)
        body = result.get("body") if result.get("error") else None
        error = f"{body.get('errorType')}: {body.get('errorMessage')}" if isinstance(body, dict) else body
        line = {
            "time": now(),
            "function": config.get("FunctionName"),
            "version": config.get("Version"),
            "qualifier": qualifier_of(config.get("FunctionArn", "")),
            "seconds": round(time.time() - started, 3),
            "error": error,
        }
        _append(_settings[0].invocations, line)
        return result

    lam._execute_function_dispatch = recorded


def qualifier_of(arn: str) -> str | None:
    """The alias or version at the end of a function's ARN, or None."""
    parts = arn.split(":")
    return parts[7] if len(parts) > 7 else None


def install(settings: Settings) -> None:
    """Start recording into the settings' files."""
    _settings.append(settings)
    for path in (settings.calls, settings.invocations):
        path.touch()
    _watch_calls()
    _watch_invocations()
