"""Aurora and Multi-AZ DB clusters."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.labtests.rds.conftest import PASSWORD, Rds, code_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

AURORA = "aurora-postgresql"


def cluster_arguments(name: str, **given: Any) -> dict[str, Any]:
    return {
        "DBClusterIdentifier": name,
        "Engine": AURORA,
        "MasterUsername": "app",
        "MasterUserPassword": PASSWORD,
        "BackupRetentionPeriod": 1,
    } | given


def add_writer(rds: Rds, cluster: str, name: str) -> None:
    rds.client.create_db_instance(
        DBInstanceIdentifier=name, DBClusterIdentifier=cluster, DBInstanceClass="db.r7g.large", Engine=AURORA
    )


def login(rds: Rds, name: str) -> psycopg.Connection[tuple[Any, ...]]:
    found = rds.cluster(name)
    return rds.login(found["Endpoint"], found["Port"])


def remove(rds: Rds, cluster: str, *members: str) -> None:
    rds.drop(*members)
    rds.client.delete_db_cluster(DBClusterIdentifier=cluster, SkipFinalSnapshot=True)


@pytest.fixture(scope="module")
def ledger(session_rds: Rds) -> Iterator[str]:
    """An Aurora cluster with its writer and some rows."""
    session_rds.client.create_db_cluster(**cluster_arguments("ledger", Tags=[{"Key": "backup-tier", "Value": "gold"}]))
    session_rds.until_cluster("ledger")
    add_writer(session_rds, "ledger", "ledger-1")
    session_rds.until_instance("ledger-1")
    with login(session_rds, "ledger") as connection:
        connection.execute("create table entries (id int primary key)")
        connection.execute("insert into entries select generate_series(1, 100)")
    yield "ledger"
    remove(session_rds, "ledger", "ledger-1")


def test_a_cluster_accepts_no_logins_until_it_has_a_writer(rds: Rds) -> None:
    """Source: RestoreDBClusterToPointInTime and CreateDBCluster: instances come by CreateDBInstance."""
    rds.client.create_db_cluster(**cluster_arguments("empty"))
    creating = code_of(
        rds.client.create_db_instance,
        DBInstanceIdentifier="early",
        DBClusterIdentifier="empty",
        DBInstanceClass="db.r7g.large",
        Engine=AURORA,
    )
    assert creating == "InvalidDBClusterStateFault"
    found = rds.until_cluster("empty")
    assert found["DBClusterMembers"] == []
    with pytest.raises(psycopg.OperationalError, match="refused"):
        login(rds, "empty")
    add_writer(rds, "empty", "empty-1")
    rds.until_instance("empty-1")
    with login(rds, "empty") as connection:
        connection.execute("select 1")
    delete = rds.client.delete_db_cluster
    assert code_of(delete, DBClusterIdentifier="empty", SkipFinalSnapshot=True) == "InvalidDBClusterStateFault"
    rds.drop("empty-1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        login(rds, "empty")
    remove(rds, "empty")


def test_an_aurora_cluster_is_encrypted_with_an_owned_key_and_always_restorable(rds: Rds, ledger: str) -> None:
    found = rds.cluster(ledger)
    assert found["StorageEncryptionType"] == "sse-rds"
    assert "KmsKeyId" not in found
    assert found["EarliestRestorableTime"] <= found["LatestRestorableTime"]
    first = found["LatestRestorableTime"]
    wait_for(lambda: rds.cluster(ledger)["LatestRestorableTime"] > first, "the latest moment advances while idle")
    assert found["DBClusterMembers"][0]["IsClusterWriter"]
    member = rds.instance("ledger-1")
    assert (member["DBClusterIdentifier"], member["Endpoint"]["Port"]) == (ledger, found["Port"])


@pytest.mark.parametrize("days", [0, 36])
def test_a_clusters_retention_is_1_to_35_days(rds: Rds, ledger: str, days: int) -> None:
    """Source: ModifyDBCluster, BackupRetentionPeriod. Aurora cannot turn its backups off."""
    modify = rds.client.modify_db_cluster
    assert code_of(modify, DBClusterIdentifier=ledger, BackupRetentionPeriod=days) == "InvalidParameterValue"


def test_members_leave_to_the_cluster_what_is_the_clusters(rds: Rds, ledger: str) -> None:
    modify = rds.client.modify_db_instance
    for given in (
        {"BackupRetentionPeriod": 7},
        {"DeletionProtection": True},
        {"ManageMasterUserPassword": True},
    ):
        assert code_of(modify, DBInstanceIdentifier="ledger-1", **given) == "InvalidParameterCombination"
    rds.client.modify_db_cluster(DBClusterIdentifier=ledger, BackupRetentionPeriod=3)
    wait_for(lambda: rds.cluster(ledger)["BackupRetentionPeriod"] == 3, "three days, soon")
    assert rds.instance("ledger-1")["BackupRetentionPeriod"] == 3
    rds.until_cluster(ledger)


def test_a_cluster_comes_back_without_members_and_then_through_its_writer(rds: Rds, ledger: str) -> None:
    moment: dt.datetime = rds.sql(ledger, "select clock_timestamp()")[0][0]
    with login(rds, ledger) as connection:
        connection.execute("insert into entries select generate_series(101, 150)")
    wait_for(lambda: rds.cluster(ledger)["LatestRestorableTime"] >= moment, "restorable")
    rds.client.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier="ledger-r", SourceDBClusterIdentifier=ledger, RestoreToTime=moment
    )
    found = rds.until_cluster("ledger-r")
    assert found["DBClusterMembers"] == []
    assert found["TagList"] == [{"Key": "backup-tier", "Value": "gold"}]
    assert found["DBClusterParameterGroup"] == "default.aurora-postgresql17"
    with pytest.raises(psycopg.OperationalError, match="refused"):
        login(rds, "ledger-r")
    add_writer(rds, "ledger-r", "ledger-r-1")
    rds.until_instance("ledger-r-1")
    with login(rds, "ledger-r") as connection:
        assert connection.execute("select count(*) from entries").fetchall() == [(100,)]
    remove(rds, "ledger-r", "ledger-r-1")


def test_cluster_restores_are_refused_as_instances_are(rds: Rds, ledger: str) -> None:
    call = rds.client.restore_db_cluster_to_point_in_time
    names = {"DBClusterIdentifier": "never", "SourceDBClusterIdentifier": ledger}
    past = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    assert code_of(call, **names, RestoreToTime=past) == "InvalidRestoreFault"
    assert code_of(call, **names) == "InvalidParameterCombination"
    both = {"RestoreToTime": past, "UseLatestRestorableTime": True}
    assert code_of(call, **names, **both) == "InvalidParameterCombination"
    clone = {"RestoreToTime": past, "RestoreType": "copy-on-write"}
    assert code_of(call, **names, **clone) == "InvalidParameterCombination"
    taken = {"DBClusterIdentifier": ledger, "SourceDBClusterIdentifier": ledger}
    assert code_of(call, **taken, UseLatestRestorableTime=True) == "DBClusterAlreadyExistsFault"


def test_a_cluster_snapshot_restores(rds: Rds, ledger: str) -> None:
    client = rds.client
    long = "s" * 64
    create = client.create_db_cluster_snapshot
    assert code_of(create, DBClusterSnapshotIdentifier=long, DBClusterIdentifier=ledger) == "InvalidParameterValue"
    create(DBClusterSnapshotIdentifier="Ledger-Snap", DBClusterIdentifier=ledger)

    def snapshot() -> dict[str, Any]:
        found = client.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="ledger-snap")
        return dict(found["DBClusterSnapshots"][0])

    wait_for(lambda: snapshot()["Status"] == "available", "ledger-snap available")
    client.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="ledger-s", SnapshotIdentifier="ledger-snap", Engine=AURORA
    )
    rds.until_cluster("ledger-s")
    assert rds.sql("ledger-s", "select count(*) from entries") == [(150,)]
    remove(rds, "ledger-s")
    client.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="ledger-snap")


def test_a_multi_az_cluster_brings_its_members_and_can_be_restored(rds: Rds) -> None:
    """Source: CreateDBCluster: identifiers of Multi-AZ DB clusters have 52 characters at most."""
    create = rds.client.create_db_cluster
    arguments = {"Engine": "postgres", "DBClusterInstanceClass": "db.m6g.large", "AllocatedStorage": 100}
    assert code_of(create, **cluster_arguments("m" * 53, **arguments)) == "InvalidParameterValue"
    create(**cluster_arguments("triple", **arguments))
    found = rds.until_cluster("triple")
    assert [m["IsClusterWriter"] for m in found["DBClusterMembers"]] == [True, False, False]
    with login(rds, "triple") as connection:
        connection.execute("create table t (id int)")
    moment: dt.datetime = rds.sql("triple", "select clock_timestamp()")[0][0]
    wait_for(lambda: rds.cluster("triple")["LatestRestorableTime"] >= moment, "restorable")
    rds.client.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier="triple-r", SourceDBClusterIdentifier="triple", UseLatestRestorableTime=True
    )
    rds.until_cluster("triple-r")
    with login(rds, "triple-r") as connection:
        connection.execute("select * from t")
    remove(rds, "triple")
    remove(rds, "triple-r")


def test_a_cluster_stops_and_starts(rds: Rds, ledger: str) -> None:
    rds.client.stop_db_cluster(DBClusterIdentifier=ledger)
    rds.until_cluster(ledger, "stopped")
    assert rds.instance("ledger-1")["DBInstanceStatus"] == "stopped"
    rds.client.start_db_cluster(DBClusterIdentifier=ledger)
    rds.until_cluster(ledger)
    with login(rds, ledger) as connection:
        connection.execute("select 1")
