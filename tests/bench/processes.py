"""The page server, and measured children beside it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
# Every rule has something to judge, and a database's place is found among several.
_POLICY = """\
version: 1
defaults:
  objectives: {rpo: 1d, rto: 1d}
  pitr: {window: 7d, apply: maintenance_window}
  require: [encrypted, private]
exempt:
  - {match: {names: ["scratch-*"]}, reason: rebuilt nightly, until: 2099-12-31}
managed_elsewhere:
  - {match: {tags: {backup: aws-backup}}, by: aws-backup}
tiers:
  - name: gold
    match: {tags: {backup-tier: gold}}
    objectives: {rpo: 1d, rto: 4h}
    pitr: {window: 14d, apply: immediately}
    require: [encrypted, private, deletion_protection, multi_az, copy_tags]
    enforce: [pitr, copy_tags, deletion_protection]
  - name: standard
    match: {providers: [aws]}
"""


class Bench:
    """Ends its server when it is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        policy = folder / "policy.yaml"
        policy.write_text(_POLICY)
        paths = f"{REPOSITORY / 'functions'}{os.pathsep}{REPOSITORY}"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert self._server.stdout is not None
        self.port = int(self._server.stdout.readline())
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": paths,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_REGION": "eu-west-1",
            "BACKSTAY_REGIONS": "eu-west-1,eu-west-2,eu-central-1",
            "BACKSTAY_POLICY": f"file://{policy}",
            "BACKSTAY_VAULT": "backstay-vault",
            "BACKSTAY_BUS": "backstay",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(10)
        if self._server.stdout is not None:
            self._server.stdout.close()

    def fleet(self, regions: Mapping[str, tuple[int, int]], delay_ms: int = 0) -> None:
        """Instances and clusters by region. Forgets the calls so far."""
        self._ask("POST", "/fleet", {"regions": regions, "delay_ms": delay_ms})
        self.calls()

    def calls(self) -> dict[str, int]:
        """By operation, since the last look."""
        found: dict[str, int] = self._ask("GET", "/calls")
        return found

    def complete(self) -> None:
        """Raises RuntimeError when something was asked for that the page server does not know: figures without it."""
        if unknown := self._ask("GET", "/unknown"):
            raise RuntimeError(f"the page server does not know {', '.join(unknown)}: see tests.bench.content")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def measure(self, *words: str, command: Sequence[str] = ()) -> dict[str, Any]:
        """One child's figures."""
        argv = command or (sys.executable, "-m", "tests.bench.measured", *words)
        done = subprocess.run(
            argv, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr[-2000:]}")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def errors(self, *argv: str) -> str:
        """What a child writes beside its figures."""
        done = subprocess.run(
            argv, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, check=True, timeout=300
        )
        return done.stderr

    def best(self, runs: int, key: str, *words: str) -> dict[str, Any]:
        """The child with the least of a figure: on shared cores the least is the one with the least noise."""
        return min((self.measure(*words) for _ in range(runs)), key=lambda each: float(each[key]))
