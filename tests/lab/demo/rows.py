"""Rows that are committed all the time, and digests of them computed by SQL in the servers themselves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    import datetime as dt

TABLE = "purchases"
PAUSE = 0.02
# The witness keeps, beside each row, the commit time that PostgreSQL itself compares when it recovers to a moment.
SCHEMA = f"""
create table {TABLE} (id bigint generated always as identity primary key, body text not null);
create table witness (id bigint primary key, body text not null, committed_at timestamptz not null);
grant select on {TABLE}, witness to master;
"""
INSERT = f"insert into {TABLE} (body) values (gen_random_uuid()::text) returning id"
REMEMBER = f"insert into witness select id, body, pg_xact_commit_timestamp(xmin) from {TABLE} where id = %s"
DIGEST = "select count(*), coalesce(md5(string_agg(id || ':' || body, ',' order by id)), '')"


class Writer:
    """Commits a row every few milliseconds until it is stopped, or its table is gone."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._ending = threading.Event()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SCHEMA)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        try:
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                while not self._ending.wait(PAUSE):
                    row = connection.execute(INSERT).fetchone()
                    connection.execute(REMEMBER, row)
        except (psycopg.errors.UndefinedTable, psycopg.OperationalError):
            return  # somebody dropped it, or the lab has ended: that is the story

    def stop(self) -> None:
        """End the thread."""
        self._ending.set()
        self._thread.join(timeout=10)

    def drop(self) -> dt.datetime:
        """`DROP TABLE`, as somebody does it by mistake, while rows are being committed. Returns when it committed."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(f"drop table {TABLE}")
            number = connection.execute("select pg_current_xact_id()::xid").fetchone()
            connection.commit()
            committed = connection.execute("select pg_xact_commit_timestamp(%s::text::xid)", number).fetchone()
        self.stop()
        if committed is None:
            raise RuntimeError("the drop has no commit time")
        when: dt.datetime = committed[0]
        return when

    def expected(self, moment: dt.datetime) -> dict[str, Any]:
        """Count and digest of the rows committed by `moment`, computed in the source server."""
        return _digest(self.dsn, f"{DIGEST} from witness where committed_at <= %s", (moment,))

    def later(self, moment: dt.datetime) -> int:
        """How many rows were committed after `moment`: with none, the comparison would prove little."""
        return int(_digest(self.dsn, f"{DIGEST} from witness where committed_at > %s", (moment,))["rows"])


def restored(dsn: str) -> dict[str, Any]:
    """Count and digest of the rows in a restored server."""
    return _digest(dsn, f"{DIGEST} from {TABLE}", ())


def witnessed(dsn: str) -> dict[str, Any]:
    """Count and digest of all rows that were ever committed: of a source, or of what was restored from its past."""
    return _digest(dsn, f"{DIGEST} from witness", ())


def _digest(dsn: str, query: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(query, parameters).fetchone()
    if found is None:
        raise RuntimeError("no digest")
    return {"rows": found[0], "digest": found[1]}
