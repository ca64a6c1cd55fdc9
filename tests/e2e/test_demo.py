"""`make demo` as a user runs it: the story holds, each planted fault fails its own step, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.demo.main import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e
REPO = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "tests.lab", "demo", "--json"]
LONGEST = 120.0
GONE_WITHIN = 5.0


def tell(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and the one object on standard output."""
    done = subprocess.run([*DEMO, *arguments], cwd=REPO, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_given_a_healthy_lab_when_the_story_is_told_then_every_step_is_ok_within_two_minutes() -> None:
    status, story = tell()
    assert [step["name"] for step in story["steps"] if not step["ok"]] == []
    assert (status, story["ok"]) == (0, True)
    assert story["seconds"] < LONGEST
    compared = [step for step in story["steps"] if step["name"].startswith("compare-")]
    assert len(compared) == 3
    assert all(step["expected"] == step["actual"] for step in compared)
    counted = [step["actual"] for step in compared[:2]] + list(compared[2]["actual"].values())
    assert len(counted) == 4
    assert all(each["rows"] > 0 for each in counted)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_given_a_planted_fault_when_the_story_is_told_then_exactly_the_step_that_should_notice_fails(
    fault: str,
) -> None:
    status, story = tell("--fault", fault)
    assert [step["name"] for step in story["steps"] if not step["ok"]] == [FAULTS[fault]]
    assert story["steps"][-1]["name"] == FAULTS[fault]
    assert (status, story["ok"]) == (1, False)


def leftovers(marker: str) -> list[str]:
    """Processes that carry the marker in their environment, and lab folders that are there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue  # it has just ended
    return found


@pytest.fixture
def base() -> Iterator[Path]:
    """Where the lab makes its folder: short, and open to the user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # short enough for a socket's path
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("seconds", [0.4, 2.5, 9.0])
def test_given_a_running_demo_when_a_signal_ends_it_then_nothing_of_it_is_left(
    number: signal.Signals, seconds: float, base: Path
) -> None:
    marker = f"BACKSTAY_TEST_RUN={base.name}-{number}-{seconds}"
    name, _, value = marker.partition("=")
    environment = os.environ | {name: value, "TMPDIR": str(base)}
    # Whoever runs the tests in the background of a script leaves SIGINT ignored, and that is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    demo = subprocess.Popen(DEMO, cwd=REPO, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, before)
    try:
        time.sleep(seconds)  # the moment of the signal is what this test is about
        had_folder = any(base.iterdir())
        demo.send_signal(number)
        demo.wait(timeout=30)
        end = time.monotonic() + GONE_WITHIN
        while (left := leftovers(marker) or [str(path) for path in base.iterdir()]) and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        demo.kill()
        demo.wait()
    assert left == []
    assert had_folder or seconds < 1  # or there was nothing to clear away, and this test proved nothing
