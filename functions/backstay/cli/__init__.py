"""The same verbs from a terminal, with your own credentials, and ``plan adopt explain init simulate``.

``plan`` is what protect would do; ``adopt`` puts our tags on snapshots of somebody else's; ``explain`` and ``init``
only read; ``simulate`` asks nobody; the others are the functions' verbs.
Needs the extra ``[cli]``.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from threading import active_count


def main() -> None:
    """The console script ``backstay``."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.exit(f"backstay: the terminal needs {' and '.join(missing)}: pip install 'backstay[cli]'")
    from backstay.cli.simulate import backstay  # noqa: PLC0415  # only now is it sure that click is there

    try:
        backstay()
    except SystemExit as ended:
        if active_count() > 1:  # interrupted while threads wait for AWS: their answers matter to nobody any more
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(ended.code or 0))
        raise
