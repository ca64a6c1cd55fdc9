"""`python -m tests.lab.cloud.launcher --port …`: MiniStack, patched, until SIGTERM."""

import importlib
import importlib.metadata
import sys

from . import settings


def main() -> None:
    """Serve until asked to stop. Ends with a message when MiniStack is not the version that the patches are for."""
    told = settings.parse(sys.argv[1:])
    version = importlib.metadata.version("ministack")
    if version != settings.MINISTACK:
        sys.exit(f"the lab's patches are for ministack {settings.MINISTACK}, this is {version}")
    settings.apply(told)
    # Only now: MiniStack reads its environment when it is imported.
    importlib.import_module(".server", __package__).run(told)


if __name__ == "__main__":
    main()
