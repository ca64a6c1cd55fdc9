"""The stacks under test, and a place to say what could not be run here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.stacks import REPO, Stack, home_stack, region_stack

if TYPE_CHECKING:
    from collections.abc import Callable

_not_run: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was not run, with the reason: silence would look like success."""
    for line in _not_run:
        terminalreporter.write_line(f"not run: {line}")


@pytest.fixture
def could_not_run() -> Callable[[str], None]:
    """Says that a check could not be made here, and why."""
    return _not_run.append


@pytest.fixture(scope="session")
def home() -> Stack:
    """template.yaml with the defaults."""
    return home_stack()


@pytest.fixture(scope="session")
def location() -> Stack:
    """infra/region.yaml at home with the defaults."""
    return region_stack()


@pytest.fixture(scope="session")
def sam() -> Path | None:
    """The SAM CLI, where it is installed."""
    cli = REPO / ".lab" / "sam" / "bin" / "sam"
    return cli if cli.exists() else None


@pytest.fixture(scope="session")
def python313() -> Path | None:
    """The Python that Lambda runs: named by PYTHON313, or on the path and working (a shim may be there and not run)."""
    named = os.environ.get("PYTHON313") or shutil.which("python3.13")
    if named is None:
        return None
    asked = subprocess.run(
        [named, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False
    )
    return Path(asked.stdout.strip()) if asked.returncode == 0 else None


def sample(name: str) -> dict[str, Any]:
    """A sample event from events/, by name."""
    loaded: dict[str, Any] = json.loads((REPO / "events" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded
