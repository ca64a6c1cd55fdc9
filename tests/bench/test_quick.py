"""The bench still measures: a tenth of it, once. Its targets are held by `make bench`, on a machine of its own."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.bench.processes import REPOSITORY


def test_given_a_tenth_of_it_when_measured_then_every_figure_has_its_row() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(?:ok|MISS|none) +(\w+): ", done.stdout, re.MULTILINE)
    wanted = {"audit": 5, "shards": 1, "start": 3, "restore": 3, "repair": 1}
    wanted |= {"points": 3, "prune": 2, "replicate": 2, "cost": 2}
    assert rows == [name for name, count in wanted.items() for _ in range(count)]
    # What does not depend on how busy the machine is.
    assert re.search(r"^ok +audit: calls / pages", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^ok +prune: calls / pages and actions", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^ok +replicate: begun of the 2 that fit", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^ok +restore: durable operations", done.stdout, re.MULTILINE), done.stdout
