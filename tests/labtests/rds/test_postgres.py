"""The PostgreSQL servers by themselves."""

from __future__ import annotations

import datetime as dt
import shutil
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.lab.postgres import Cluster, Heartbeat, Recovery, RecoveryFailed, Tools, contiguous, make_tls, segment_number
from tests.labtests.rds.conftest import roomy_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.postgres import Tls


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    root = roomy_folder()
    yield Tools(root)
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def tls(tools: Tools) -> Tls:
    return make_tls(tools, tools.root / "tls")


@pytest.fixture(scope="module")
def server(tools: Tools, tls: Tls) -> Iterator[Cluster]:
    made = Cluster(tools, tls, tools.root / "one", 14_901)
    made.create()
    yield made
    made.remove()


def test_a_crash_loses_nothing_that_was_committed(server: Cluster) -> None:
    server.sql("create table t as select generate_series(1, 1000) as id")
    server.crash()
    assert server.pid is None
    server.start()
    assert server.sql("select count(*) from t") == [(1000,)]


def test_the_archive_reaches_the_measured_moment_and_no_further(server: Cluster, tools: Tools, tls: Tls) -> None:
    base = tools.root / "base"
    end = server.backup(base)
    heartbeat = Heartbeat(server, every=0.1)
    heartbeat.start()
    assert heartbeat.wait_first(10)
    heartbeat.stop()
    latest = heartbeat.latest
    assert latest is not None
    assert latest > end
    reached = Cluster(tools, tls, tools.root / "reached", 14_910)
    reached.restore(base, Recovery(server.archive, latest))
    assert reached.sql("select count(*) from t") == [(1000,)]
    reached.remove()
    missed = Cluster(tools, tls, tools.root / "missed", 14_911)
    with pytest.raises(RecoveryFailed, match="recovery ended before configured recovery target was reached"):
        missed.restore(base, Recovery(server.archive, latest + dt.timedelta(minutes=1)))
    missed.remove()


def test_a_gap_since_the_last_beat_stops_the_measured_moment(server: Cluster) -> None:
    heartbeat = Heartbeat(server, every=30)
    heartbeat.start()
    assert heartbeat.wait_first(10)
    heartbeat.stop()
    assert contiguous(server.archive)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        last, lost, newest = (server.flush(connection)[1] for _ in range(3))
    (server.archive / lost).rename(server.archive / "hidden")
    assert not contiguous(server.archive, segment_number(last))
    assert contiguous(server.archive, segment_number(newest))
    (server.archive / "hidden").rename(server.archive / lost)
    assert contiguous(server.archive)


def test_a_closed_server_is_reached_by_the_socket_alone(server: Cluster) -> None:
    server.restart(listen=False)
    assert server.sql("select 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="127.0.0.1", port=server.port, user="app", password="x", dbname="postgres")
    server.restart(listen=True)


def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too long for a unix socket"):
        Tools(tmp_path / ("deep" * 25))
