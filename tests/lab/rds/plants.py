"""Faults in the data itself, planted so that the demo can fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from psycopg import connect, sql

from tests.lab.postgres import Cluster, segment_number, segments

if TYPE_CHECKING:
    from tests.lab.rds.servers import Source

_TABLES = """
select schemaname, tablename from pg_tables
where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2
"""


def cut_archive(source: Source) -> None:
    """Let the first archived segment after the base backup vanish: no moment after it can be reached."""
    if source.archive is None:
        return
    label = (source.base / "backup_label").read_text()
    started = re.search(r"START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)", label)
    if started is None:
        raise RuntimeError(f"no start segment in {source.base}/backup_label")
    held = [segment_number(p.name) for p in segments(source.base / "pg_wal")]
    last = max([segment_number(started[1]), *held])
    for segment in segments(source.archive, after=last)[:1]:
        segment.unlink()


def lose_row(cluster: Cluster) -> None:
    """Delete one committed row from the middle of the largest table of the restored server."""
    best: tuple[int, str, sql.Identifier] | None = None
    names = "select datname from pg_database where datallowconn and not datistemplate"
    for (dbname,) in cluster.sql(names):
        with connect(cluster.dsn(dbname), autocommit=True) as connection:
            for schema, name in connection.execute(_TABLES).fetchall():
                table = sql.Identifier(schema, name)
                counted = connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchall()
                if counted[0][0] > (best[0] if best else 0):
                    best = (counted[0][0], dbname, table)
    if best is None:
        return
    rows, dbname, table = best
    lost = sql.SQL("delete from {table} where ctid = (select ctid from {table} offset {half} limit 1)")
    with connect(cluster.dsn(dbname), autocommit=True) as connection:
        connection.execute(lost.format(table=table, half=sql.Literal(rows // 2)))
