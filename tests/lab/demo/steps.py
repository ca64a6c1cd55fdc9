"""A step of the story, and how it is told: to people as it happens, to machines as one object."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

NAME_WIDTH = 18


@dataclass(slots=True)
class Step:
    """What was expected and what was seen. `ok` only where the two are equal."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    expected: Any = None
    actual: Any = None
    detail: str = ""


class StepFailed(Exception):
    """The step saw something other than expected; the story ends here."""


class Story:
    """Runs steps in order and ends at the first that fails. `quiet` tells people nothing."""

    def __init__(self, *, quiet: bool) -> None:
        self.steps: list[Step] = []
        self._console = Console(file=sys.stdout, quiet=quiet, highlight=False, soft_wrap=True)

    def tell(self, name: str, work: Callable[[Step], None]) -> None:
        """One step: `work` fills in what it expects and sees; StepFailed when they differ or something breaks.

        An exception becomes the step's `actual`, so that a broken step reads like a failed one.
        """
        step = Step(name)
        began = time.monotonic()
        try:
            with self._console.status(f"{name} ..."):
                work(step)
            step.ok = step.expected == step.actual
        except Exception as exc:  # noqa: BLE001  # whatever broke is what the step saw
            step.detail = f"{type(exc).__name__}: {exc}"
            step.actual = step.detail.splitlines()[0] if step.actual is None else step.actual
        step.seconds = round(time.monotonic() - began, 2)
        self.steps.append(step)
        self._show(step)
        if not step.ok:
            raise StepFailed(step)

    def _show(self, step: Step) -> None:
        mark = "[green]ok  [/green]" if step.ok else "[red]FAIL[/red]"
        self._console.print(f"{mark} {step.name:<{NAME_WIDTH}} {step.seconds:6.2f} s  ", end="")
        self._console.print(step.detail if step.ok else "", markup=False)
        if not step.ok:
            self._console.print(f"       expected {step.expected!r}\n       actual   {step.actual!r}", markup=False)

    def say(self, text: str) -> None:
        """A line for people."""
        self._console.print(text, markup=False)

    @property
    def ok(self) -> bool:
        """Whether every step so far was ok."""
        return all(step.ok for step in self.steps)

    def result(self, **more: Any) -> dict[str, Any]:
        """The story for machines."""
        return {"ok": self.ok, "steps": [asdict(step) for step in self.steps], **more}
