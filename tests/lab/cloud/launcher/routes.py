"""The lab's own addresses, beside the emulated AWS ones on the same port: `/_lab/…`, JSON, loopback only.

`GET /_lab/health`, `GET /_lab/functions`, `POST /_lab/authorize`, `POST /_lab/schedules/fire` {"name"},
`POST /_lab/queues/due` {"arn"}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.services import lambda_svc as lam

from . import auth, durable, events, queues
from .settings import MINISTACK, Settings

PREFIX = "/_lab/"
Route = Callable[[dict[str, Any]], Any]


def functions() -> list[dict[str, Any]]:
    """Every function in every region: where it is, its role, its aliases (alias -> version), whether it is durable."""
    found = []
    for (_, region, name), record in lam._functions._data.items():
        config = record["config"]
        aliases = {alias: data["FunctionVersion"] for alias, data in record["aliases"].items()}
        found.append(
            {
                "name": name,
                "region": region,
                "arn": config["FunctionArn"],
                "role": config["Role"],
                "aliases": aliases,
                "durable": durable.is_durable(config),
            }
        )
    return sorted(found, key=lambda function: (function["region"], function["name"]))


def routes(settings: Settings) -> dict[tuple[str, str], Route]:
    """Method and path to what answers them."""
    return {
        ("GET", "health"): lambda _: {"ready": True, "ministack": MINISTACK},
        ("GET", "functions"): lambda _: functions(),
        ("POST", "authorize"): lambda question: auth.authorize(question, settings),
        ("POST", "schedules/fire"): lambda wanted: events.fire(wanted["name"]),
        ("POST", "queues/due"): lambda wanted: queues.due(wanted["arn"]),
    }


def answer(table: dict[tuple[str, str], Route], method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON for one request; what is wrong with it is said in `error`."""
    route = table.get((method, path))
    if route is None:
        return 404, {"error": f"no {method} {PREFIX}{path}"}
    try:
        return 200, route(json.loads(body or b"{}"))
    except (KeyError, ValueError) as wrong:
        return 400, {"error": f"{type(wrong).__name__}: {wrong}"}
    except LookupError as missing:
        return 404, {"error": str(missing)}


def application(settings: Settings) -> Callable[..., Any]:
    """The ASGI application: the lab's routes first, then MiniStack."""
    table = routes(settings)

    async def serve(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await app.app(scope, receive, send)
            return
        body = await app._read_request_body(receive, scope["method"], {})
        status, told = answer(table, scope["method"], scope["path"].removeprefix(PREFIX), body)
        text = json.dumps(told, default=str).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return serve
