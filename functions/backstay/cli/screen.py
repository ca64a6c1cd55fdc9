"""What both audiences see: people a text on standard output, machines one JSON object; progress goes to stderr."""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from backstay.core.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType

    from backstay.cli.session import Options

Report = dict[str, Any]
T = TypeVar("T")
_UNWRAPPED: Final = 100_000  # a pipe has no width: nothing is folded, so that grep finds whole sentences

STYLES: Final = {
    "fail": "bold red",
    "unknown": "bold magenta",
    "pass": "green",
    "skipped": "dim",
    "refused": "bold red",
    "failed": "bold red",
    "error": "bold red",
    "pending": "bold yellow",
    "planned": "bold cyan",
    "done": "bold green",
    "already_done": "green",
    "no": "bold red",
    "warning": "bold yellow",
    "ok": "green",
    "findings": "bold yellow",
}
"""One colour per word that a report uses."""


def console(*, err: bool = False) -> Console:
    """A console for standard output or error; plain and unfolded unless it is a terminal."""
    from rich.console import Console  # noqa: PLC0415  # slow to import: not for --help

    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, highlight=False, emoji=False, width=None if stream.isatty() else _UNWRAPPED)


def emit(options: Options, report: Report, show: Callable[[Console], None]) -> int:
    """Gives the Report to whoever asked: as JSON, or as ``show`` draws it. Returns the exit status."""
    if options.as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        show(console())
    return int(report["exit_status"])


def clean(text: object) -> str:
    """Text from outside without what would steer a terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in str(text))


def put(target: Console, *parts: object, indent: int = 0) -> None:
    """One paragraph: strings, or pairs of text and style, with a hanging indent in a terminal."""
    from rich.padding import Padding  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    line = Text()
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        line.append(clean(text), style)
    draw(target, Padding(line, (0, 0, 0, indent), expand=False) if indent else line)


def paste(target: Console, command: str) -> None:
    """A command, never folded by us: what is copied from the terminal works."""
    from rich.text import Text  # noqa: PLC0415

    target.print(Text(f"    {clean(command)}", "bold"), soft_wrap=True)


def draw(target: Console, what: RenderableType) -> None:
    """Draws with no blanks at the ends of lines."""
    with target.capture() as caught:
        target.print(what)
    target.file.write("\n".join(line.rstrip() for line in caught.get().split("\n")))


def title(target: Console, text: str) -> None:
    """A heading with air above it."""
    put(target)
    put(target, (text, "bold"))


def grid(rows: list[tuple[object, ...]], widths: tuple[int | None, ...] = (), indent: int = 2) -> RenderableType:
    """Aligned columns without lines; the last one takes the rest of the width.

    Args:
        rows: cells, each text or a pair of text and style.
        widths: the widest that each column may be; None as wide as it wants.
        indent: blanks on the left.
    """
    from rich.padding import Padding  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 2, 0, 0))
    for position in range(len(rows[0]) if rows else 0):
        limit = widths[position] if position < len(widths) else None
        last = position == len(rows[0]) - 1
        table.add_column(max_width=limit, overflow="fold", no_wrap=limit is None and not last)
    for row in rows:
        cells = [cell if isinstance(cell, tuple) else (cell, "") for cell in row]
        table.add_row(*(Text(clean(text), style) for text, style in cells))
    return Padding(table, (0, 0, 0, indent), expand=False)


@contextmanager
def watching(text: str) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what is going on, and is silent elsewhere: a cron job's mail is for what went wrong."""
    from rich.text import Text  # noqa: PLC0415

    target = console(err=True)
    if not target.is_terminal:
        yield lambda _: None
        return
    with target.status(text, spinner="line") as status:
        yield lambda told: status.update(Text(clean(told)))


def reading(work: Callable[[], T]) -> T:
    """Runs what only reads on a thread of its own, so that Ctrl-C need not wait until AWS has answered."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as exc:  # noqa: BLE001  # raised again where it is waited for
            answer.set_exception(exc)

    Thread(target=run, daemon=True).start()
    return answer.result()


def say(*parts: object) -> None:
    """A message beside the result, on stderr."""
    put(console(err=True), *parts)


def can_ask() -> bool:
    """Whether somebody sits there to answer."""
    return sys.stdin.isatty()


def confirm(question: str) -> bool:
    """Asks on stderr. Ctrl-C and Ctrl-D are a no.

    Raises:
        BadRequest: nobody sits there.
    """
    if not can_ask():
        raise BadRequest("this changes things and there is no terminal to ask on", accepted="--yes, or --dry-run")
    _forget_typed()
    try:
        return click.confirm(f"\n{question}", err=True)
    except click.Abort:
        return False


def _forget_typed() -> None:
    """What was typed before the question was seen is no answer to it."""
    try:
        import termios  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    with suppress(OSError, termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
