"""The same verbs from a terminal, with the caller's own credentials: ``audit plan protect restore``.

``plan`` is what protect would do; the other three are the functions' verbs. Needs the extra ``[cli]``.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """The console script ``backstay``."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.exit(f"backstay: the terminal needs {' and '.join(missing)}: pip install 'backstay[cli]'")
    from backstay.cli.commands import backstay  # noqa: PLC0415  # only now is it sure that click is there

    backstay()
