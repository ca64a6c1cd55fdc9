"""The terminal over a fleet in memory: the one seam is ``session.open_world``."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore
import pytest
from click.testing import CliRunner
from rich.console import Console

from backstay.cli import screen, session
from backstay.cli.simulate import backstay

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from backstay.cli.session import Options
    from backstay.core.ports import World
    from tests.fleet import Fleet


@dataclass
class Terminal:
    """What a person types, and what comes of it."""

    patch: pytest.MonkeyPatch

    def looks_at(self, fleet: Fleet, **given: Any) -> None:
        """From now on every command sees this fleet; nothing is deployed beside it."""

        def open_world(_: Options, note: Callable[[str], None]) -> World:
            return replace(fleet.world, starter=None, note=note, **given)

        self.patch.setattr(session, "open_world", open_world)

    def run(self, line: str, typed: str | None = None) -> Result:
        """Runs ``backstay LINE``; ``typed`` is what somebody answers, None when nobody sits there."""
        self.patch.setattr(screen, "can_ask", lambda: typed is not None)
        return CliRunner().invoke(backstay, line.split(), input=typed)

    def json(self, line: str, typed: str | None = None) -> tuple[int, dict[str, Any]]:
        """Exit status and the one object on standard output."""
        result = self.run(f"{line} --json", typed)
        answer = json.loads(result.stdout)
        assert isinstance(answer, dict)
        assert answer["exit_status"] == result.exit_code
        return result.exit_code, answer

    def wide(self, width: int) -> None:
        """From now on output goes to a terminal this wide."""

        def console(*, err: bool = False) -> Console:
            stream = sys.stderr if err else sys.stdout
            return Console(file=stream, force_terminal=True, width=width, highlight=False, color_system="standard")

        self.patch.setattr(screen, "console", console)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(monkeypatch)


@pytest.fixture
def bundle() -> str:
    """A file of certificates, as one downloads it: here, the ones that the SDK brings along."""
    return str(Path(botocore.__file__).with_name("cacert.pem"))
