"""The frame around every command: exit statuses, and errors as one line instead of a traceback.

0 compliant or done; 1 findings, or refused, a command line that cannot be understood included; 2 unknown, error or
interrupted; 3 pending. With ``--json`` standard output holds exactly one object whatever happens.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from backstay.core.errors import BackstayError, BadRequest
from backstay.core.model import EXIT_STATUS, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

_JSON: Final = "--json"


class Frame(click.Group):
    """A group whose commands return their exit status."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Runs a command line and exits."""
        words = list(sys.argv[1:] if args is None else args)
        extra |= {"prog_name": "backstay", "standalone_mode": False}
        try:
            status = super().main(words, **extra)
        except click.exceptions.NoArgsIsHelpError as exc:
            click.echo(exc.format_message(), err=True)
            status = EXIT_STATUS[Status.REFUSED]
        except click.UsageError as exc:
            help_text = f"\nTry {exc.ctx.command_path} --help." if exc.ctx else ""
            status = self._failed(words, BadRequest(exc.format_message()), help_text)
        except BackstayError as exc:
            status = self._failed(words, exc)
        except click.Abort:
            status = self._failed(
                words, BackstayError("interrupted: nothing was changed, and what it would have found is unknown")
            )
        sys.exit(status)

    def _failed(self, words: Sequence[str], exc: BackstayError, more: str = "") -> int:
        from backstay.entry import failed  # noqa: PLC0415  # imports pydantic: too slow for --help

        verb = next((word for word in words if word in self.commands), "cli")
        report = failed(verb, exc)
        if _JSON in words:
            click.echo(json.dumps(report, indent=2))
        click.echo(f"{click.style('backstay:', fg='red', bold=True)} {exc}{more}", err=True)
        return int(report["exit_status"])
