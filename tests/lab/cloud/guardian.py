"""The process that outlives its lab by a moment and leaves nothing behind.

Runs alone (`python -I -S guardian.py LAB_ID BASE`), standard library only. It makes the lab's private folder and prints
its path, then reads `PID` lines (one per child) from standard input. End of input means that whoever started it is
gone, by whatever death: it ends every process of the lab, removes the folder and exits.

A process belongs to the lab when its environment holds `BACKSTAY_LAB=LAB_ID`, when it descends from such a process, or
when it is a PostgreSQL server working inside the folder (PostgreSQL overwrites its environment with its title). Where
there is no /proc, the process groups of the registered children stand in.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

MARKER = "BACKSTAY_LAB"
# Seconds for processes to end by themselves before they are killed, and to be gone after that. The sum stays under
# five.
GRACE = 1.0
LIMIT = 3.5
POLL = 0.05
PROC = Path("/proc")


def _read(path: Path) -> bytes:
    """A /proc file's content, or nothing when the process is gone or not ours to read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _parent(stat: bytes) -> int:
    """The parent's pid in /proc/PID/stat; the command before it may itself hold spaces and brackets."""
    fields = stat.rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _is_marked(process: Path, lab: str) -> bool:
    return f"{MARKER}={lab}".encode() in _read(process / "environ").split(b"\0")


def _is_database(process: Path, root: Path) -> bool:
    try:
        inside = (process / "cwd").readlink().is_relative_to(root)
    except OSError:
        return False
    return inside and _read(process / "comm").strip() == b"postgres"


def members(lab: str, root: Path) -> set[int]:
    """The pids of every living process of the lab but this one (Linux; elsewhere always empty)."""
    if not PROC.is_dir():
        return set()
    processes = {int(entry.name): entry for entry in PROC.iterdir() if entry.name.isdigit()}
    parents = {pid: _parent(_read(process / "stat")) for pid, process in processes.items()}
    found = {pid for pid, process in processes.items() if _is_marked(process, lab) or _is_database(process, root)}
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        grown = bool(children)
    return found - {os.getpid()} - {pid for pid in found if _is_zombie(PROC / str(pid))}


def _is_zombie(process: Path) -> bool:
    """Dead already, waiting for its parent to notice: nothing to end."""
    state = _read(process / "stat").rpartition(b")")[2].split()
    return not state or state[0] == b"Z"


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _first_signal(pid: int) -> int:
    """PostgreSQL frees its shared memory on SIGQUIT and at once; SIGTERM would wait for its clients."""
    return signal.SIGQUIT if _read(PROC / str(pid) / "comm").strip() == b"postgres" else signal.SIGTERM


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def sweep(lab: str, root: Path, groups: set[int]) -> None:
    """End everything that belongs to the lab: politely for GRACE seconds, then not; at most LIMIT seconds in all."""
    began = time.monotonic()
    asked: set[int] = set()
    while time.monotonic() - began < LIMIT:
        living = members(lab, root)
        left = set() if PROC.is_dir() else {group for group in groups if _alive(group)}
        if not living and not left:
            return
        forced = time.monotonic() - began > GRACE
        for pid in living if forced else living - asked:
            _send(pid, signal.SIGKILL if forced else _first_signal(pid))
        for group in left:
            os.killpg(group, signal.SIGKILL if forced else signal.SIGTERM)
        asked |= living
        time.sleep(POLL)


def remove(root: Path) -> None:
    """Remove the folder; a process in its last moment may still write, so try again until LIMIT."""
    end = time.monotonic() + LIMIT
    while root.exists() and time.monotonic() < end:
        shutil.rmtree(root, ignore_errors=True)
        if root.exists():
            time.sleep(POLL)


def main(lab: str, base: str) -> None:
    """Guard the lab until standard input ends, then clear it away."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    root = Path(tempfile.mkdtemp(prefix="backstay-lab-", dir=base))
    groups: set[int] = set()
    try:
        root.chmod(0o755)  # PostgreSQL runs as another user when the lab runs as root
        print(root, flush=True)
        groups.update(int(line) for line in sys.stdin)
    finally:
        sweep(lab, root, groups)
        remove(root)


if __name__ == "__main__":
    main(*sys.argv[1:])
