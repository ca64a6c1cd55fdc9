"""However the lab's RDS ends, no server outlives it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.labtests.rds.conftest import Process, Rds, instance_arguments, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.labtests.rds.standin import StandIn

MARKER = "labtests-endings"


def marked() -> set[int]:
    """Processes with this test's marker in their environment."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue  # ended while we looked, or not ours
            if f"BACKSTAY_LAB={MARKER}".encode() in environment.split(b"\0"):
                found.add(int(folder.name))
    return found


def servers(root: Path) -> set[int]:
    """Every PostgreSQL process below `root`, whatever its environment looks like."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if (folder / "cwd").readlink().is_relative_to(root):
                    found.add(int(folder.name))
            except OSError:
                continue
    return found


@pytest.fixture
def lone(standin: StandIn) -> Iterator[tuple[Process, Rds]]:
    """A lab of its own with a running database and one that is just being created."""
    process = Process(standin.url, marker=MARKER)
    rds = Rds(process, standin.cloud)
    rds.create("ending", BackupRetentionPeriod=1)
    yield process, rds
    process.close()


def start_another(rds: Rds) -> None:
    rds.client.create_db_instance(**instance_arguments("half-way", BackupRetentionPeriod=1))


@pytest.mark.parametrize("how", ["SIGTERM", "end of input"])
def test_it_ends_with_every_server(lone: tuple[Process, Rds], how: str) -> None:
    process, rds = lone
    assert process.ready_seconds < 3
    assert len(servers(process.root)) > 1
    start_another(rds)
    begin = time.monotonic()
    if how == "SIGTERM":
        process.child.send_signal(signal.SIGTERM)
    else:
        assert process.child.stdin is not None
        process.child.stdin.close()
    assert process.child.wait(10) == 0
    assert time.monotonic() - begin < 8
    assert servers(process.root) == set()
    assert marked() == set()


def test_when_it_is_killed_its_servers_can_be_found_by_their_marker(lone: tuple[Process, Rds]) -> None:
    """The guardian's way: the servers carry the marker, and their workers end with them."""
    process, _ = lone
    process.child.kill()
    process.child.wait(5)
    assert servers(process.root)
    left = marked()
    assert left
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not servers(process.root), "the servers' workers end", 5)
