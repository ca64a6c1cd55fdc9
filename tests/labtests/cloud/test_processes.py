"""However and whenever a lab's owner dies, no process and no folder is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
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


def _told(process: Path) -> bytes:
    """Where a process works, how it was called and what its environment says; PostgreSQL overwrites the latter two."""
    try:
        folder = str((process / "cwd").readlink()).encode()
        return folder + (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    except OSError:
        return b""


def left_over(base: Path) -> list[str]:
    """What is in the folder, and the processes that name it."""
    numbered = [path for path in Path("/proc").iterdir() if path.name.isdigit() and path.name != str(os.getpid())]
    told = {process.name: _told(process) for process in numbered}
    living = [f"{pid}: {text!r}" for pid, text in told.items() if str(base).encode() in text]
    return [str(path) for path in base.iterdir()] + living


def hold(base: Path, *module: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", *(module or ("tests.labtests.cloud.hold",))]
    environment = {**os.environ, "TMPDIR": str(base)}
    return subprocess.Popen(command, cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[bytes], number: int, base: Path) -> float:
    """Send the signal, wait for the owner's death, and tell the seconds after that until nothing is left."""
    process.send_signal(number)
    process.communicate(timeout=READY_SECONDS)
    began = time.monotonic()
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


def database_in(told: dict[str, Any]) -> None:
    """Create a database in a lab that was started with `up --json`, and wait until its server answers."""
    rds = boto3.Session(
        region_name="eu-west-2", aws_access_key_id=told["account"], aws_secret_access_key="test"
    ).client("rds", endpoint_url=told["rds_endpoint"])
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="boss",
        MasterUserPassword="long-enough-1",
    )
    waiter = rds.get_waiter("db_instance_available")
    waiter.wait(DBInstanceIdentifier="orders", WaiterConfig={"Delay": 1, "MaxAttempts": 30})


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_signal_to_the_whole_lab_ends_its_postgresql_too(base: Path, number: int, status: int) -> None:
    process = hold(base, "tests.lab", "up", "--json")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    database_in(told)
    assert any("postgres" in line for line in left_over(base))
    assert end(process, number, base) < GONE_SECONDS
    assert process.returncode == status


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
