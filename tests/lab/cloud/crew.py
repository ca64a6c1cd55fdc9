"""The lab's processes: started with one environment, watched while they come up, ended in order by pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import guardian

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LOOPBACK = "127.0.0.1"
# Seconds that a child gets to end by itself; the guardian ends what is left.
STOP_SECONDS = 5.0
POLL = 0.02
# What children may see of the caller's environment. Credentials, profiles, proxies and Python settings stay outside.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")


class LabError(Exception):
    """The lab could not come up, or one of its processes died; the message holds the end of that process's log."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process of the lab. Its output is in `log`; `answers` holds its standard output when that is read."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    answers: Path


def reachable_base() -> str:
    """A folder for the lab's own: short enough for socket paths, and open to other users when we are root."""
    base = Path(tempfile.gettempdir()).resolve()
    is_open = all(parent.stat().st_mode & 0o001 for parent in (base, *base.parents))
    return str(base) if is_open and len(str(base)) < 40 else "/tmp"  # noqa: S108 - what every Unix has


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nobody listens on, held together while they are picked."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.bind((LOOPBACK, 0))
        return [held.getsockname()[1] for held in sockets]


class Crew:
    """The lab's children and the guardian that outlives them.

    Making one starts the guardian, which makes `root`, the private folder. `stop` may be called at any time and twice.
    """

    def __init__(self) -> None:
        self.lab = uuid.uuid4().hex[:12]
        self.children: list[Child] = []
        # -S and -I: nothing of the caller's Python gets in, and it starts in 20 ms. Its own session: a terminal's
        # Ctrl-C reaches the foreground group, and the guardian must outlive that.
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, self.lab, reachable_base()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={guardian.MARKER: self.lab},
            start_new_session=True,
        )
        assert self._guardian.stdout is not None
        self.root = Path(self._guardian.stdout.readline().decode().strip())
        if not self.root.name:
            raise LabError("the lab's guardian did not start")
        for name in ("logs", "tmp", "home"):
            (self.root / name).mkdir()

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a child sees: the lab's marker, a private home and temporary folder, and little of the caller's."""
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        private = {
            guardian.MARKER: self.lab,
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONUNBUFFERED": "1",
        }
        return inherited | private | dict(extra or {})

    def start(self, name: str, argv: Sequence[str], cwd: Path, extra: Mapping[str, str] | None = None) -> Child:
        """Start a child in its own process group. Its standard input is a pipe that ends with us."""
        log, answers = (self.root / "logs" / f"{name}.{kind}" for kind in ("log", "out"))
        with log.open("wb") as errors, answers.open("wb") as output:
            process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=self.environment(extra),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        child = Child(name, process, log, answers)
        self.children.append(child)
        self._register(process.pid)
        return child

    def _register(self, pid: int) -> None:
        assert self._guardian.stdin is not None
        self._guardian.stdin.write(f"{pid}\n".encode())
        self._guardian.stdin.flush()

    def check(self) -> None:
        """Raise LabError when a child is dead."""
        for child in self.children:
            status = child.process.poll()
            if status is not None:
                tail = child.log.read_text(errors="replace")[-3000:]
                raise LabError(f"{child.name} ended with status {status}:\n{tail}")

    def wait(self, what: str, is_ready: Callable[[], bool], seconds: float) -> None:
        """Poll until `is_ready`. LabError when a child dies first or the deadline passes."""
        end = time.monotonic() + seconds
        while not is_ready():
            self.check()
            if time.monotonic() > end:
                logs = "\n".join(f"{c.name}: {c.log.read_text(errors='replace')[-1000:]}" for c in self.children)
                raise LabError(f"{what} was not ready after {seconds:.0f} s\n{logs}")
            time.sleep(POLL)

    def stop(self) -> None:
        """End every child, last started first to be asked, then let the guardian sweep and remove the folder."""
        for child in reversed(self.children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
            _close(child.process)
        end = time.monotonic() + STOP_SECONDS
        for child in self.children:
            try:
                child.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        _close(self._guardian)
        self._guardian.wait()


def _close(process: subprocess.Popen[bytes]) -> None:
    """Let go of a child's pipes; it may be gone already."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
