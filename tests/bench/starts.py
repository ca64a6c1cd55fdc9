"""How long a function takes to be there, beside what it cannot do without."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.processes import Bench

HANDLERS: Final = ("audit", "protect", "restore", "restore_run")
FORBIDDEN: Final = ("backstay.cli", "click", "rich", "google", "backstay.report")
# Packages that are none of Python's and none of ours: botocore's (with certifi where it is installed), pydantic's,
# PyYAML and Powertools.
BUDGET: Final = 13
DURABLE_BUDGET: Final = 16  # and the durable SDK, which brings boto3 and s3transfer
_OURS: Final = ("backstay", "tests", "_", "sitecustomize")
_LINE: Final = re.compile(r"import time: +(\d+) \| +\d+ \| +([\w.]+)")


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
        if handler in ("audit", "restore_run"):
            packages = {name.partition(".")[0] for name in ours["modules"]}
            yield _imports(bench, handler, packages, BUDGET if handler == "audit" else DURABLE_BUDGET)
    found = sorted(name for name in loaded if name.startswith(FORBIDDEN))
    yield Row("start: modules for terminals", len(found), 0, unit="", how=", ".join(found) or "none loaded")


def _imports(bench: Bench, handler: str, loaded: set[str], budget: int) -> Row:
    """What ``python -X importtime`` counts: packages that others made, and where the time of importing goes."""
    said = bench.errors(sys.executable, "-X", "importtime", "-m", "tests.bench.measured", "start", handler)
    spent: Counter[str] = Counter()
    for line in _LINE.finditer(said):
        spent[line[2].partition(".")[0]] += int(line[1])
    foreign = [name for name in spent if name in loaded - sys.stdlib_module_names and not name.startswith(_OURS)]
    theirs, own = sum(spent[name] for name in foreign) / 1000, spent["backstay"] / 1000
    how = f"importing ours {own:.0f} ms, theirs {theirs:.0f} ms: {', '.join(sorted(foreign))}"
    return Row(f"start: packages of {handler}", len(foreign), budget, unit="", how=how)
