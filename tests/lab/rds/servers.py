"""The PostgreSQL servers behind the databases, by the database's resource id.

The folder of a database holds its data, its archive and (below `base/`) its base backups. A database's
own backups go with it; what outlives it (manual snapshots, retained backups) is moved out or kept.
"""

from __future__ import annotations

import random
import shutil
import socket
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab.postgres import Cluster, Heartbeat, Recovery, Tls, Tools

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

# Below Linux's ephemeral range: a port stays ours while its server is stopped, whatever clients connect from.
_PORTS = range(15_000, 31_000)


@dataclass(slots=True)
class Server:
    """One database's server, its base backups (oldest first) and its heartbeat; `halted` while its region is off."""

    cluster: Cluster
    bases: list[tuple[dt.datetime, Path]] = field(default_factory=list)
    heartbeat: Heartbeat | None = None
    halted: bool = False

    def beat(self) -> None:
        """Start (again) to measure the latest restorable moment, if there are backups."""
        if not self.bases:
            return
        before = None
        if self.heartbeat is not None:
            self.heartbeat.stop()
            before = self.heartbeat.latest
        self.heartbeat = Heartbeat(self.cluster)
        self.heartbeat.latest = before
        self.heartbeat.start()


@dataclass(slots=True)
class Replica:
    """What has arrived of another database's backups: base backups (oldest first, by their origin) and the archive."""

    archive: Path
    bases: dict[Path, tuple[dt.datetime, Path]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """What a restore starts from: a base backup and (PITR) the archive."""

    base: Path
    archive: Path | None


class Servers:
    """All servers of the lab.

    Args:
        root: the lab's folder.
        tools: PostgreSQL's programs.
        tls: what every server presents.
    """

    def __init__(self, root: Path, tools: Tools, tls: Tls) -> None:
        self._tools, self._tls = tools, tls
        self._databases = tools.own(root / "db")
        self._snapshots = tools.own(root / "snap")
        self._replicas = tools.own(root / "replica")
        self._replicated: dict[str, Replica] = {}
        self._by_id: dict[str, Server] = {}
        self._ports: set[int] = set()
        self._lock = threading.Lock()
        self._closed = False

    def new_port(self) -> int:
        """A free port of 127.0.0.1 that no database has.

        RDS gives every database an address of its own and lets the caller choose the port; here all share one
        address, so a `Port` in a request is checked and not used.
        """
        with self._lock:
            for _ in range(200):
                port = random.choice(_PORTS)
                if port in self._ports:
                    continue
                with socket.socket() as probe:
                    try:
                        probe.bind(("127.0.0.1", port))
                    except OSError:
                        continue
                self._ports.add(port)
                return port
        raise RuntimeError("no free port below the ephemeral range")

    def get(self, resource_id: str) -> Server:
        """The server of a database.

        Raises:
            KeyError: it has none (metadata only, or deleted).
        """
        return self._by_id[resource_id]

    def find(self, resource_id: str) -> Server | None:
        """The server of a database, if it has one."""
        return self._by_id.get(resource_id)

    def _new(self, resource_id: str, port: int, *, listen: bool) -> Server:
        with self._lock:
            if self._closed:
                raise RuntimeError("the lab is ending")
            cluster = Cluster(self._tools, self._tls, self._databases / resource_id, port, listen=listen)
            self._by_id[resource_id] = Server(cluster)
            return self._by_id[resource_id]

    def create(self, resource_id: str, port: int, *, listen: bool) -> Server:
        """A fresh server."""
        server = self._new(resource_id, port, listen=listen)
        server.cluster.create()
        return server

    def restore(
        self, resource_id: str, port: int, source: Source, until: dt.datetime | None, *, listen: bool
    ) -> Server:
        """A server from `source`; with an archive, recovered to `until` (None: as far as it goes).

        Raises:
            RecoveryFailed: the archive does not reach `until`.
        """
        server = self._new(resource_id, port, listen=listen)
        recovery = None if source.archive is None else Recovery(source.archive, until)
        server.cluster.restore(source.base, recovery)
        return server

    def begin_backups(self, resource_id: str) -> tuple[dt.datetime, Path]:
        """Take a base backup and keep the latest restorable moment fresh; returns the backup's end and folder."""
        server = self.get(resource_id)
        folder = server.cluster.home / "base" / uuid.uuid4().hex
        end = server.cluster.backup(folder)
        server.bases.append((end, folder))
        self.resume(resource_id)
        return end, folder

    def end_backups(self, resource_id: str) -> None:
        """Stop the heartbeat and remove every base backup."""
        server = self.get(resource_id)
        self.pause(resource_id)
        for _, folder in server.bases:
            shutil.rmtree(folder, ignore_errors=True)
        server.bases.clear()
        server.heartbeat = None

    def pause(self, resource_id: str) -> None:
        """Stop the heartbeat; the last moment stays."""
        server = self.get(resource_id)
        if server.heartbeat is not None:
            server.heartbeat.stop()

    def resume(self, resource_id: str) -> None:
        """Start (again) to measure the latest restorable moment, if there are backups."""
        self.get(resource_id).beat()

    def source(self, resource_id: str, moment: dt.datetime) -> Source | None:
        """Newest base backup that ended by `moment`, with the archive."""
        replica, server = self._replicated.get(resource_id), self.find(resource_id)
        if replica is not None:
            bases, archive = list(replica.bases.values()), replica.archive
        elif server is not None:
            bases, archive = server.bases, server.cluster.archive
        else:
            return None
        fitting = [folder for end, folder in bases if end <= moment]
        return Source(fitting[-1], archive) if fitting else None

    def replicate(self, resource_id: str, store: str) -> tuple[dt.datetime, dt.datetime] | None:
        """Copy what `store` lacks of a database's backups; returns the window that has arrived (None: nothing yet)."""
        server = self.find(resource_id)
        if server is None or server.heartbeat is None or server.heartbeat.latest is None or not server.bases:
            return None
        latest = server.heartbeat.latest  # before the copying: the archive reaches this far already
        home = self._tools.own(self._replicas / store)
        replica = self._replicated.setdefault(store, Replica(self._tools.own(home / "wal")))
        for end, folder in list(server.bases):
            if folder not in replica.bases:
                self._tools.copy(folder, home / folder.name)
                replica.bases[folder] = (end, home / folder.name)
        for segment in sorted(server.cluster.archive.iterdir()):
            target = replica.archive / segment.name
            if not segment.name.startswith(".") and not target.exists():
                self._tools.copy(segment, target)
        return next(iter(replica.bases.values()))[0], latest

    def forget_replica(self, store: str) -> None:
        """Remove what has arrived in `store`."""
        if self._replicated.pop(store, None) is not None:
            shutil.rmtree(self._replicas / store, ignore_errors=True)

    def snapshot(self, resource_id: str) -> tuple[Path, dt.datetime]:
        """A base backup of its own folder, which outlives the database; with the moment of its data."""
        folder = self._snapshots / uuid.uuid4().hex
        return folder, self.get(resource_id).cluster.backup(folder)

    def copy_snapshot(self, folder: Path) -> Path:
        """A second folder with the same base backup, which owes nothing to the first one."""
        target = self._snapshots / uuid.uuid4().hex
        self._tools.copy(folder, target)
        return target

    def discard(self, folder: Path) -> None:
        """Remove a snapshot's folder."""
        shutil.rmtree(folder, ignore_errors=True)

    def remove(self, resource_id: str, *, keep_backups: bool) -> None:
        """End the server and remove its folder, or (`keep_backups`) only its live data."""
        server = self.find(resource_id)
        if server is None:
            return
        self.pause(resource_id)
        server.cluster.remove(keep=keep_backups)
        with self._lock:
            self._ports.discard(server.cluster.port)
            if not keep_backups:
                del self._by_id[resource_id]

    def close(self) -> None:
        """Stop every server by its process, at once."""
        with self._lock:
            self._closed = True
            servers = list(self._by_id.values())
        for server in servers:
            if server.heartbeat is not None:
                server.heartbeat.signal_stop()
        enders = [threading.Thread(target=server.cluster.retire) for server in servers]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join(15)
