"""How long a function takes to be there, beside what it cannot do without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.processes import Bench

HANDLERS: Final = ("audit", "protect", "restore", "restore_run")
FORBIDDEN: Final = ("backstay.cli", "click", "rich", "google", "backstay.report")


def rows(bench: Bench, *, quick: bool) -> Iterator[Row]:
    """One per handler, and the modules that none may load."""
    loaded = set()
    for handler in HANDLERS[:1] if quick else HANDLERS:
        runs = 1 if quick else 5
        ours = bench.best(runs, "cpu", "start", handler)
        loaded |= {*ours["modules"], *ours["own"]}
        same = json.dumps({"modules": ours["modules"], "clients": ours["clients"]})
        theirs = bench.best(runs, "cpu", "start", same)
        how = f"{ours['cpu'] * 1000:.0f} ms; its clients and packages {theirs['cpu'] * 1000:.0f} ms"
        yield Row(f"start: {handler}", ours["cpu"] / theirs["cpu"], 1.25, how=how)
    found = sorted(name for name in loaded if name.startswith(FORBIDDEN))
    yield Row("start: modules for terminals", len(found), 0, unit="", how=", ".join(found) or "none loaded")
