"""One PostgreSQL server with its WAL archive.

`fsync` is off: what the lab crashes are processes, never the host.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from tests.lab.postgres.tools import ADMIN, Tools

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from tests.lab.postgres.tls import Tls

START_SECONDS = 60.0
ARCHIVE_SECONDS = 20.0

_SETTINGS = {
    "wal_level": "replica",
    "archive_mode": "on",
    "archive_timeout": "1",
    "fsync": "off",
    "full_page_writes": "on",
    "track_commit_timestamp": "on",
    "max_wal_senders": "4",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "min_wal_size": "8MB",
    "max_wal_size": "128MB",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "restart_after_crash": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "GMT",
    "timezone": "GMT",
}

# RDS for PostgreSQL 15 and later forces TLS (`rds.force_ssl`), and nobody but RDS logs in as rdsadmin.
_HBA = f"""local all {ADMIN} trust
local replication {ADMIN} trust
hostssl all {ADMIN} 127.0.0.1/32 reject
hostssl all all 127.0.0.1/32 scram-sha-256
"""


class RecoveryFailed(Exception):
    """PostgreSQL could not recover to the target; the message is its own."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Where recovery takes its WAL from and where it stops (`until` None: at the end of the archive)."""

    archive: Path
    until: dt.datetime | None


class Cluster:
    """A server, its data, archive and log below `home`.

    Args:
        tools: programs and user.
        tls: certificate that the server presents.
        home: folder of this server alone.
        port: TCP port on 127.0.0.1, and the socket's number.
        listen: whether the TCP port is open; the unix socket always is.
    """

    def __init__(self, tools: Tools, tls: Tls, home: Path, port: int, *, listen: bool = True) -> None:
        self.tools, self.tls, self.port, self.listen = tools, tls, port, listen
        self.home = tools.own(home)
        self.data = home / "data"
        self.archive = tools.own(home / "wal")
        self.log = home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._retired = False

    @property
    def pid(self) -> int | None:
        """Process id of the running postmaster."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def dsn(self, dbname: str = "postgres") -> str:
        """Connection string for the lab's own SQL: superuser, unix socket, no password."""
        return f"host={self.tools.sockets} port={self.port} user={ADMIN} dbname={dbname}"

    def sql(self, query: str, *parameters: Any, dbname: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the superuser and return its rows (none for a command)."""
        with psycopg.connect(self.dsn(dbname), autocommit=True) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def create(self) -> None:
        """A fresh, empty server."""
        self.tools.copy(self.tools.template(), self.data)
        self.start()

    def restore(self, base: Path, recovery: Recovery | None = None) -> None:
        """Bring back the base backup `base`, replaying WAL when `recovery` says so.

        Raises:
            RecoveryFailed: the archive does not reach the target, or the target is before the backup's end.
        """
        self.tools.copy(base, self.data)
        if recovery is not None:
            marker = self.data / "recovery.signal"
            marker.touch()
            self.tools.give(marker)
        self.start(recovery)

    def start(self, recovery: Recovery | None = None) -> None:
        """Start the server and wait until it accepts writes."""
        with self._lock:
            self._configure(recovery)
            with self.log.open("ab") as log:
                begin = log.tell()
                self._process = self.tools.spawn(self.data, log)
        if self._retired:
            self.stop()
            raise RuntimeError("this server has been retired")
        self._wait_writable(begin)

    def _wait_writable(self, log_from: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.pid is None:
                raise RecoveryFailed(self._reason(log_from))
            try:
                if not self.sql("select pg_is_in_recovery()")[0][0]:
                    return
            except psycopg.OperationalError:
                pass  # not listening yet, or still replaying: the loop's deadline decides
            time.sleep(0.01)
        raise TimeoutError(f"PostgreSQL on port {self.port} not writable after {START_SECONDS} s")

    def _reason(self, log_from: int) -> str:
        """The FATAL that ended recovery; a client's own connection errors are FATAL lines too."""
        text = self.log.read_bytes()[log_from:].decode(errors="replace")
        fatal = [line for line in text.splitlines() if "FATAL" in line]
        recovery = [line for line in fatal if "recovery ended" in line or "recovery stop point" in line]
        return (recovery or fatal or text.splitlines() or ["no log"])[-1]

    def _configure(self, recovery: Recovery | None) -> None:
        """Rewrite postgresql.auto.conf whole: it wins over the postgresql.conf that came with the data."""
        hba = self.home / "hba.conf"
        hba.write_text(_HBA)
        self.tools.give(hba)
        place = f'"{self.archive}/%f"'
        settings = _SETTINGS | {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1" if self.listen else "",
            "unix_socket_directories": str(self.tools.sockets),
            "hba_file": str(hba),
            "ssl_cert_file": str(self.tls.certificate),
            "ssl_key_file": str(self.tls.key),
            # By rename, so that nobody ever sees half a segment.
            "archive_command": f'test ! -f {place} && cp %p "{self.archive}/.%f" && mv "{self.archive}/.%f" {place}',
        }
        if recovery is not None:
            settings |= {
                "restore_command": f'cp "{recovery.archive}/%f" "%p"',
                "recovery_target_action": "promote",
            }
            if recovery.until is not None:
                settings["recovery_target_time"] = recovery.until.isoformat(sep=" ")
        path = self.data / "postgresql.auto.conf"
        path.write_text("".join(f"{k} = '{v.replace(chr(39), chr(39) * 2)}'\n" for k, v in settings.items()))
        self.tools.give(path)

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything is written."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Immediate shutdown, as a power cut would do; the next start recovers."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def retire(self) -> None:
        """Stop for good, at once: nothing of it is read again. A start under way in another thread ends as well."""
        self._retired = True
        self.crash()

    def restart(self, *, listen: bool | None = None) -> None:
        """Stop and start, opening or closing the TCP port on the way when `listen` is given."""
        with self._lock:
            self.stop()
            if listen is not None:
                self.listen = listen
            self.start()

    def remove(self, *, keep: bool = False) -> None:
        """Stop; then remove everything, or (`keep`) only the live data, leaving archive and backups."""
        with self._lock:
            self.stop()
            shutil.rmtree(self.data if keep else self.home, ignore_errors=True)

    def backup(self, target: Path) -> dt.datetime:
        """Base backup into the new folder `target`; returns the moment it was complete.

        Recovery to any moment from then on is possible; an earlier target is before its consistent point.
        """
        self.tools.own(target)
        self.tools.run(
            self.tools.bin / "pg_basebackup",
            *("-d", self.dsn(), "-D", target, "-X", "fetch", "-c", "fast", "--no-sync"),
        )
        moment: dt.datetime = self.sql("select clock_timestamp()")[0][0]
        return moment

    def flush(self, connection: psycopg.Connection[Any]) -> tuple[dt.datetime, str]:
        """Commit a heartbeat and wait for its segment in the archive: the latest restorable moment.

        The moment is read *before* the commit, so a later commit is in the archive and recovery to the
        moment can stop there. Returns it with the segment's name.

        Raises:
            TimeoutError: the archiver did not deliver in time.
        """
        moment: dt.datetime = connection.execute("select clock_timestamp()").fetchall()[0][0]
        time.sleep(0.001)  # commit times are not strictly in WAL order (77 us seen): leave some slack
        connection.execute("select pg_logical_emit_message(true, 'heartbeat', '')")
        segment: str = connection.execute("select pg_walfile_name(pg_switch_wal())").fetchall()[0][0]
        deadline = time.monotonic() + ARCHIVE_SECONDS
        while not (self.archive / segment).exists():
            if time.monotonic() > deadline or self.pid is None:
                raise TimeoutError(f"segment {segment} was not archived")
            time.sleep(0.01)
        return moment, segment

    def set_password(self, role: str, password: str) -> None:
        """Set (scram) the password of `role`, or make the role as RDS makes its master user."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            for group, rights in (("rds_superuser", "NOLOGIN"), (role, "LOGIN CREATEDB CREATEROLE")):
                known = connection.execute("select 1 from pg_roles where rolname = %s", (group,)).fetchone()
                if not known:
                    connection.execute(sql.SQL("CREATE ROLE {} " + rights).format(sql.Identifier(group)))
                    if group == "rds_superuser":
                        connection.execute("GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser")
                    else:
                        connection.execute(sql.SQL("GRANT rds_superuser TO {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))

    def create_database(self, name: str, owner: str) -> None:
        """Make (or take over) the logical database `name` for `owner`."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner))
            )
