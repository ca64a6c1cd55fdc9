"""`python -m tests.lab up`: the embedded cloud, from a terminal, until Ctrl-C."""

from __future__ import annotations

import sys

from tests.lab.cloud import up

COMMANDS = {"up": up.main}


def main(arguments: list[str]) -> int:
    """Run the command named first; its own help is behind `--help`."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        print(f"usage: python -m tests.lab {{{','.join(COMMANDS)}}} [--help]", file=sys.stderr)
        return 2
    return command(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
