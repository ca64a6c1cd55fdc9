"""`python -m tests.lab up`: the embedded cloud, until Ctrl-C. `demo`: the story that it was built for."""

from __future__ import annotations

import sys

from tests.lab.cloud import up
from tests.lab.demo import main as demo

COMMANDS = {"up": up.main, "demo": demo.main}


def main(arguments: list[str]) -> int:
    """Run the command named first; its own help is behind `--help`."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        print(f"usage: python -m tests.lab {{{','.join(COMMANDS)}}} [--help]", file=sys.stderr)
        return 2
    return command(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
