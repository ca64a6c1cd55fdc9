"""What the launcher is told on its command line, and what that means for MiniStack's own environment."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

MINISTACK = "1.5.33"


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses and folders of the lab; `calls` and `invocations` are files of one JSON object per line."""

    port: int
    runner: str
    rds: str
    deps: Path
    calls: Path
    invocations: Path
    account: str
    region: str

    @property
    def endpoint(self) -> str:
        """Where MiniStack answers."""
        return f"http://127.0.0.1:{self.port}"


def parse(arguments: list[str]) -> Settings:
    """Read the command line; argparse ends the process on a wrong one."""
    parser = argparse.ArgumentParser(prog="tests.lab.cloud.launcher", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--runner", required=True, help="URL of the durable runner")
    parser.add_argument("--rds", required=True, help="URL of the RDS emulator")
    parser.add_argument("--account", required=True)
    parser.add_argument("--region", required=True)
    for name in ("deps", "calls", "invocations"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    return Settings(**vars(parser.parse_args(arguments)))


def apply(settings: Settings) -> None:
    """Set MiniStack's environment: loopback only, no listener but ours, real IAM, quick asynchronous retries.

    Must run before anything of MiniStack is imported, since it reads its environment at import.
    """
    os.environ.update(
        GATEWAY_PORT=str(settings.port),
        BIND_HOST="127.0.0.1",
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_ACCOUNT_ID=settings.account,
        MINISTACK_REGION=settings.region,
        LAMBDA_EXECUTOR="local",
        IOT_MTLS_ENABLED="0",  # it would listen on every interface
        AUTH="true",
        # A minute and two on AWS: shorter here, but longer than a change of the emulated RDS takes on a busy machine.
        LAMBDA_ASYNC_RETRY_BASE_SECONDS="2.0",
        LAMBDA_ASYNC_RETRY_MAX_SECONDS="4.0",
    )
