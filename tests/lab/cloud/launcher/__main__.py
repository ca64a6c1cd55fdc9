"""`python -m tests.lab.cloud.launcher --port …`: MiniStack, patched, until SIGTERM."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys

from . import settings as settings_of


def main() -> None:
    """Serve until asked to stop. Ends with a message when MiniStack is not the version that the patches were written for."""
    settings = settings_of.parse(sys.argv[1:])
    version = importlib.metadata.version("ministack")
    if version != settings_of.MINISTACK:
        sys.exit(f"the lab's patches are for ministack {settings_of.MINISTACK}, this is {version}")
    settings_of.apply(settings)

    # MiniStack reads its environment when it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from . import auth, cloudformation, durable, encryption, events, functions, record, routes

    auth.install()
    encryption.install()
    record.install(settings)  # after what may refuse a request, to see the refusal
    cloudformation.install()
    functions.install(settings)
    durable.install(settings)
    events.install()
    config = Config()
    config.bind = [f"127.0.0.1:{settings.port}"]
    config.keep_alive_timeout = 75
    asyncio.run(serve(routes.application(settings), config))


if __name__ == "__main__":
    main()
