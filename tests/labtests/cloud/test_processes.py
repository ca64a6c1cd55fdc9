"""However and whenever a lab's owner dies, no process and no folder is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.cloud import crew
from tests.lab.cloud.crew import Crew, LabError
from tests.lab.cloud.lab import REPO, Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the issue allows after SIGKILL; the other signals get the same.
GONE_SECONDS = 5.0
READY_SECONDS = 30.0


@pytest.fixture
def base() -> Iterator[Path]:
    """A temporary folder of its own for one lab: its path marks every process of that lab."""
    path = Path(tempfile.mkdtemp(prefix="bsl-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def left_over(base: Path) -> list[str]:
    """Processes whose environment or command line names the folder, and what is in it."""
    mark, own = str(base).encode(), str(os.getpid())
    found = [str(path) for path in base.iterdir()]
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != own:
            try:
                told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in told:
                found.append(f"{process.name}: {(process / 'cmdline').read_bytes()!r}")
    return found


def hold(base: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.labtests.cloud.hold"]
    environment = {**os.environ, "TMPDIR": str(base)}
    return subprocess.Popen(command, cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[bytes], number: int, base: Path) -> float:
    """Send the signal, reap the owner, and tell the seconds until nothing is left."""
    began = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=READY_SECONDS)
    while (found := left_over(base)) and time.monotonic() - began < GONE_SECONDS:
        time.sleep(0.05)
    assert not found
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_signal_to_a_running_lab_leaves_nothing_within_five_seconds(base: Path, number: int) -> None:
    process = hold(base)
    assert process.stdout is not None
    assert str(base) in process.stdout.readline().decode(), process.stderr and process.stderr.read().decode()
    assert len(left_over(base)) > 4, "guardian, MiniStack, runner, RDS, a worker and the folder"
    assert end(process, number, base) < GONE_SECONDS
    assert process.returncode == (128 + number if number != signal.SIGKILL else -number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("delay", [0.05, 0.25, 0.4, 0.55, 0.8, 1.2])
def test_signal_at_any_moment_of_the_start_leaves_nothing(base: Path, delay: float, number: int) -> None:
    process = hold(base)
    time.sleep(delay)  # the moments themselves are what is tested
    end(process, number, base)


def test_child_that_dies_at_the_start_is_told_with_its_log_and_leaves_nothing(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    broken = (sys.executable, "-c", "import sys; sys.exit('no PostgreSQL here')")
    with pytest.raises(LabError, match=r"(?s)rds ended with status 1:.*no PostgreSQL here"):
        Lab.start(rds=broken)
    assert not left_over(base)


def test_child_that_ignores_sigterm_is_killed_when_the_lab_stops(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    monkeypatch.setattr(crew, "STOP_SECONDS", 0.3)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    group = Crew()
    child = group.start("stubborn", [sys.executable, "-c", stubborn], REPO)
    group.wait("the stubborn child", lambda: child.answers.read_bytes() == b"up\n", 10)
    group.stop()
    group.stop()
    assert not left_over(base)


def test_children_see_nothing_of_the_callers_credentials_and_settings(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    group = Crew()
    try:
        seen = group.environment()
    finally:
        group.stop()
    assert not [name for name in seen if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED"]
    assert seen["HOME"].startswith(str(base))


def test_ports_that_are_picked_together_differ() -> None:
    assert len(set(crew.free_ports(20))) == 20
