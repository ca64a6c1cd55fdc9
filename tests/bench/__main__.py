"""``python -m tests.bench [--quick]``: prints the table; ends with 1 when a target is missed.

``--quick`` is for the tests: a tenth of the fleet, each figure once, and missed targets do not count.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import chain
from pathlib import Path

from tests.bench import cost, fleets, points, repairs, restores, shards, starts
from tests.bench.processes import Bench
from tests.bench.table import text


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--quick", action="store_true", help="a tenth of it, once, as a smoke test")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="backstay-bench-") as folder, Bench(Path(folder)) as bench:
        rows = list(
            chain(
                fleets.rows(bench, quick=quick),
                shards.rows(bench, quick=quick),
                starts.rows(bench, quick=quick),
                restores.rows(bench),
                repairs.rows(quick=quick),
                points.rows(bench, quick=quick),
                cost.rows(bench),
            )
        )
        bench.complete()
    print(text(rows))
    return 0 if quick else int(any(row.verdict == "MISS" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
