"""``PitrControl`` in memory, with RDS's rules of what happens when.

Source: RDS API reference, ModifyDBInstance, ``BackupRetentionPeriod`` and ``ApplyImmediately``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from backstay.core.decide.protect import COPY_TAGS, DELETION_PROTECTION, RETENTION, WITHDRAW
from backstay.core.errors import Rejected
from backstay.core.model import Database, Kind, RecoveryWindow, State
from backstay.providers.memory.cloud import Work

if TYPE_CHECKING:
    from backstay.core.model import ChangeSettings, DatabaseId, Scope
    from backstay.providers.memory.cloud import Held, MemoryCloud

PENDING_RETENTION: Final = "BackupRetentionPeriod"
_LONGEST: Final = 35
_SHORTEST: Final = {Kind.INSTANCE: 0, Kind.CLUSTER: 1}


class MemoryPitrControl:
    """Changes settings of the databases of one scope."""

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope = cloud, scope

    def change(self, action: ChangeSettings) -> None:
        """See ``PitrControl.change``. All of it is refused, or none."""
        with self._cloud.calling("change", self._scope, action):
            held = self._cloud.held(action.database, available=True)
            wanted: dict[str, Any] = {change.setting: change.after for change in action.changes}
            days = wanted.get(RETENTION, wanted.get(WITHDRAW))
            if days is not None:
                self._check(held.database, int(days))
            held.database = replace(
                held.database,
                copy_tags=wanted.get(COPY_TAGS, held.database.copy_tags),
                deletion_protection=wanted.get(DELETION_PROTECTION, held.database.deletion_protection),
            )
            if days is not None:
                self._retain(held, int(days))
            if action.immediately:
                self._flush(held)

    def open_maintenance_window(self, database: DatabaseId) -> None:
        """What pends on a Database starts to happen."""
        with self._cloud.calling("open_maintenance_window", self._scope, database):
            self._flush(self._cloud.held(database))

    def _flush(self, held: Held) -> None:
        """Applies everything that is pending, whoever asked for it."""
        if held.database.pending:
            _apply(self._cloud, held, tuple(held.database.pending))

    def _check(self, database: Database, days: int) -> None:
        shortest = _SHORTEST[database.id.kind]
        if not shortest <= days <= _LONGEST:
            raise Rejected(f"a window of {days} d is not between {shortest} and {_LONGEST}")
        if database.managed_by and timedelta(days=days) != database.retention:
            raise Rejected(f"the window of {database.name} is managed by {database.managed_by}")
        scope = database.id.scope
        others = [self._cloud.held(each).database for kind in Kind for each in self._cloud.listed(scope, kind)]
        if not days and any(each.replica_of == database.name for each in others):
            raise Rejected(f"{database.name} has replicas, which need its backups")

    def _retain(self, held: Held, days: int) -> None:
        """Off to on and on to off wait for the maintenance window; another length is applied soon."""
        database = held.database
        pending = {key: value for key, value in database.pending.items() if key != PENDING_RETENTION}
        if timedelta(days=days) == database.retention:
            held.database = replace(database, pending=pending, pending_retention=None)
            return
        pending[PENDING_RETENTION] = str(days)
        held.database = replace(database, pending=pending, pending_retention=timedelta(days=days))
        if days and database.retention:
            _apply(self._cloud, held, (PENDING_RETENTION,))


def _apply(cloud: MemoryCloud, held: Held, names: tuple[str, ...]) -> None:
    def become(database: Database, now: datetime) -> Database:
        return _applied(database, names, now)

    before = held.database
    held.database = replace(before, status="modifying", state=State.BUSY)
    cloud.begin(held, Work.MODIFY, become)
    turning_on = not before.retention and bool(before.pending_retention)
    if turning_on and PENDING_RETENTION in names:
        cloud.begin(held, Work.BACKUP, backed_up)


def _applied(database: Database, names: tuple[str, ...], now: datetime) -> Database:
    pending = dict(database.pending)
    due = {name: pending.pop(name) for name in names if name in pending}
    config = replace(database.config, instance_class=due.get("DBInstanceClass", database.config.instance_class))
    done = replace(
        database,
        pending=pending,
        config=config,
        engine_version=due.get("EngineVersion", database.engine_version),
        status="available",
        state=State.AVAILABLE,
    )
    if PENDING_RETENTION in due:
        done = _with_retention(done, timedelta(days=int(due[PENDING_RETENTION])), now)
    return done


def _with_retention(database: Database, retention: timedelta, now: datetime) -> Database:
    done = replace(database, retention=retention, pending_retention=None)
    if not retention:
        return replace(done, window=None)
    if not database.retention:
        return replace(done, status="backing-up", state=State.BUSY)
    earliest = done.window.earliest if done.window else None
    if done.window is not None and earliest is not None:
        return replace(done, window=RecoveryWindow(max(earliest, now - retention), done.window.latest))
    return done


def backed_up(database: Database, now: datetime) -> Database:
    """The first backup is done: the window begins."""
    return replace(database, status="available", state=State.AVAILABLE, window=RecoveryWindow(now, now))
