"""Puts every patch in place and serves."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from ministack import app

from . import auth, cloudformation, durable, events, functions, objects, queues, record, routes

if TYPE_CHECKING:
    from .settings import Settings

KEEP_ALIVE_SECONDS = 75  # as MiniStack's own command line sets it


def run(settings: Settings) -> None:
    """Serve the lab's routes and patched MiniStack on loopback until SIGTERM or SIGINT."""
    auth.install()
    cloudformation.install()
    functions.install(settings)
    durable.install(settings)
    events.install()
    queues.install()
    objects.install()
    record.install(settings)  # last, around what may refuse a request, to see the refusal
    config = app._HypercornConfig()
    config.bind = [f"127.0.0.1:{settings.port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    serve = importlib.import_module("hypercorn.asyncio").serve
    asyncio.run(serve(routes.application(settings), config))
