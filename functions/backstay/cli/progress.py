"""A restore while it runs: its phases as they pass, on stderr."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from backstay.cli.screen import clean, console, put

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType
    from rich.live import Live

_WORDS: Final = {
    "plan": "looking once more, and planning",
    "create": "asking AWS for the new database",
    "data": "AWS brings the data back",
    "create-writer": "asking AWS for the writer",
    "writer": "the writer starts",
    "master-login": "asking for a master login of its own",
    "login": "logging in",
    "roles": "attaching roles",
    "read-back": "comparing with the plan",
}


class Progress:
    """Told of each phase (``World.note``) and of what a phase waits for (``InlineRun``'s note).

    Attributes:
        phase: the phase that runs; empty before the first.
    """

    def __init__(self) -> None:
        self._console = console(err=True)
        self._began = self._since = monotonic()
        self._done: list[tuple[str, float]] = []
        self._note = self.phase = ""
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            from rich.live import Live  # noqa: PLC0415

            # Redrawn by a thread of its own: the seconds go on while AWS is being asked.
            self._live = Live(get_renderable=self._drawn, console=self._console, transient=True, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def begins(self, phase: str) -> None:
        """A phase begins, so the one before has ended."""
        now = monotonic()
        if self.phase:
            self._done.append((self.phase, now - self._since))
        self.phase, self._since, self._note = phase, now, ""
        self._line(_WORDS.get(phase, phase))

    def waits(self, told: str) -> None:
        """What the phase waits for now, as ``phase: note``."""
        note = told.removeprefix(f"{self.phase}: ")
        if note != self._note:
            self._note = note
            self._line(note)

    def _line(self, text: str) -> None:
        if self._live is None:
            put(self._console, f"{monotonic() - self._began:7.1f} s  {self.phase}: {text}")

    def _drawn(self) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415
        from rich.spinner import Spinner  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        now = monotonic()
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=3)
        table.add_column(width=13)
        table.add_column(justify="right", width=9)
        table.add_column(overflow="fold")
        for name, seconds in self._done:
            table.add_row(Text(" ok", "green"), name, Text(f"{seconds:.1f} s", "dim"), "")
        if self.phase:
            what = Text(_WORDS.get(self.phase, self.phase))
            what.append(f": {clean(self._note)}" if self._note else "", "dim")
            spinner = Spinner("line", style="cyan")
            table.add_row(spinner, Text(self.phase, "bold"), Text(f"{now - self._since:.1f} s", "bold"), what)
        hint = Text(f"\n{now - self._began:.0f} s. Ctrl-C leaves it to AWS; the same command picks it up.", "dim")
        return Group(Text(""), table, hint)
