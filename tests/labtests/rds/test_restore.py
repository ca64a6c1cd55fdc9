"""Point-in-time and snapshot restores of instances, to the row."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.labtests.rds.conftest import Rds, code_of, instance_arguments, wait_for
from tests.labtests.rds.standin import BAD_KEY, GOOD_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


def until_restorable(rds: Rds, name: str, moment: dt.datetime) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        found = rds.instance(name)
        return found if found.get("LatestRestorableTime", moment - dt.timedelta(1)) >= moment else None

    return wait_for(probe, f"{name} restorable to {moment}")


def restore(rds: Rds, source: str, target: str, moment: dt.datetime | None = None, **given: Any) -> dict[str, Any]:
    which: dict[str, Any] = {"UseLatestRestorableTime": True} if moment is None else {"RestoreTime": moment}
    rds.client.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=source, TargetDBInstanceIdentifier=target, **which, **given
    )
    return rds.until_instance(target)


@pytest.fixture(scope="module")
def middle(session_rds: Rds, orders: str) -> dt.datetime:
    """A moment in the middle of committed rows, with more rows and then a dropped table after it."""
    moment: dt.datetime = session_rds.sql(orders, "select clock_timestamp()")[0][0]
    with session_rds.login_instance(orders) as connection:
        for number in range(200, 300):
            connection.execute("insert into items values (%s, 'late')", (number,))
        connection.execute("create table kept as select id, pg_xact_commit_timestamp(xmin) as at from items")
        dropped = connection.execute("select clock_timestamp()").fetchall()[0][0]
        connection.execute("drop table items")
    until_restorable(session_rds, orders, dropped)
    return moment


def test_a_dropped_table_comes_back_with_exactly_the_rows_committed_by_then(
    rds: Rds, orders: str, middle: dt.datetime
) -> None:
    expected = rds.sql(orders, f"select id from kept where at <= '{middle.isoformat()}' order by id")
    assert len(expected) == 200
    found = restore(rds, orders, "orders-r", middle, BackupRetentionPeriod=0)
    assert rds.sql("orders-r", "select id from items order by id") == expected
    with rds.login_instance("orders-r") as connection:
        assert connection.execute("select count(*) from items").fetchall() == [(200,)]
    assert found["BackupRetentionPeriod"] == 0
    assert "LatestRestorableTime" not in found


def test_a_bare_restore_loses_groups_and_protection_and_keeps_tags_and_retention(rds: Rds, orders: str) -> None:
    """Source: RestoreDBInstanceToPointInTime: default groups, and the existing retention."""
    source, found = rds.instance(orders), restore(rds, orders, "orders-latest")
    assert [g["DBParameterGroupName"] for g in source["DBParameterGroups"]] == ["orders-pg"]
    assert [g["DBParameterGroupName"] for g in found["DBParameterGroups"]] == ["default.postgres17"]
    assert [g["OptionGroupName"] for g in found["OptionGroupMemberships"]] == ["default:postgres-17"]
    assert found["DBSubnetGroup"]["DBSubnetGroupName"] == "default"
    assert [g["VpcSecurityGroupId"] for g in found["VpcSecurityGroups"]] == ["sg-00000001"]
    assert (source["DeletionProtection"], found["DeletionProtection"]) == (True, False)
    assert (source["CopyTagsToSnapshot"], found["CopyTagsToSnapshot"]) == (True, False)
    assert found["TagList"] == source["TagList"] == [{"Key": "backup-tier", "Value": "gold"}]
    assert found["BackupRetentionPeriod"] == 7
    assert found["DbiResourceId"] != source["DbiResourceId"]
    tables = rds.sql("orders-latest", "select tablename from pg_tables where tablename in ('items', 'kept')")
    assert tables == [("kept",)]
    events = rds.client.describe_events(SourceIdentifier="orders-latest", SourceType="db-instance")["Events"]
    assert any("Restored from" in e["Message"] for e in events)


def test_what_is_passed_wins(rds: Rds, orders: str) -> None:
    found = restore(
        rds,
        orders,
        "orders-given",
        DBParameterGroupName="orders-pg",
        OptionGroupName="orders-og",
        DBSubnetGroupName="orders-subnets",
        DBInstanceClass="db.t4g.small",
        BackupRetentionPeriod=2,
        DeletionProtection=False,
        CopyTagsToSnapshot=True,
        Tags=[{"Key": "backstay:scratch", "Value": "yes"}],
    )
    assert [g["DBParameterGroupName"] for g in found["DBParameterGroups"]] == ["orders-pg"]
    assert (found["BackupRetentionPeriod"], found["DBInstanceClass"]) == (2, "db.t4g.small")
    assert found["TagList"] == [{"Key": "backstay:scratch", "Value": "yes"}]
    rds.drop("orders-given")


def test_a_restored_database_can_be_restored_again(rds: Rds, orders: str) -> None:
    assert orders
    rds.sql("orders-latest", "create table second (id int)")
    moment: dt.datetime = rds.sql("orders-latest", "select clock_timestamp()")[0][0]
    until_restorable(rds, "orders-latest", moment)
    restore(rds, "orders-latest", "orders-again", moment, BackupRetentionPeriod=0)
    tables = rds.sql("orders-again", "select tablename from pg_tables where tablename in ('kept', 'second') order by 1")
    assert tables == [("kept",), ("second",)]
    rds.drop("orders-again", "orders-latest", "orders-r")


def test_a_moment_outside_the_window_is_refused(rds: Rds, orders: str) -> None:
    """The window begins with the end of the first base backup and ends with the measured latest moment."""
    backups = rds.client.describe_db_instance_automated_backups(DBInstanceIdentifier=orders)
    window = backups["DBInstanceAutomatedBackups"][0]["RestoreWindow"]
    call, names = rds.client.restore_db_instance_to_point_in_time, {"SourceDBInstanceIdentifier": orders}
    names["TargetDBInstanceIdentifier"] = "never"
    for moment in (
        window["EarliestTime"] - dt.timedelta(milliseconds=1),
        dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1),
        dt.datetime(2001, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2099, 1, 1, tzinfo=dt.UTC),
    ):
        assert code_of(call, **names, RestoreTime=moment) == "InvalidRestoreFault"
    assert code_of(rds.client.describe_db_instances, DBInstanceIdentifier="never") == "DBInstanceNotFound"


def test_the_very_edges_of_the_window_are_restorable(rds: Rds, orders: str) -> None:
    backups = rds.client.describe_db_instance_automated_backups(DBInstanceIdentifier=orders)
    window = backups["DBInstanceAutomatedBackups"][0]["RestoreWindow"]
    restore(rds, orders, "edge-first", window["EarliestTime"], BackupRetentionPeriod=0)
    # A moment must be before the latest one, so this one can be restored to as soon as the window has moved on.
    until_restorable(rds, orders, window["LatestTime"] + dt.timedelta(milliseconds=1))
    restore(rds, orders, "edge-last", window["LatestTime"], BackupRetentionPeriod=0)
    rds.drop("edge-first", "edge-last")


def test_exactly_one_of_moment_and_latest_and_exactly_one_source(rds: Rds, orders: str) -> None:
    call, target = rds.client.restore_db_instance_to_point_in_time, {"TargetDBInstanceIdentifier": "never"}
    named = {**target, "SourceDBInstanceIdentifier": orders}
    moment = dt.datetime.now(dt.UTC)
    assert code_of(call, **named) == "InvalidParameterCombination"
    assert code_of(call, **named, RestoreTime=moment, UseLatestRestorableTime=True) == "InvalidParameterCombination"
    assert code_of(call, **named, UseLatestRestorableTime=False) == "InvalidParameterCombination"
    assert code_of(call, **target, UseLatestRestorableTime=True) == "InvalidParameterCombination"


def test_an_existing_target_an_absent_source_and_backups_off_are_refused(rds: Rds, orders: str) -> None:
    call = rds.client.restore_db_instance_to_point_in_time
    latest = {"UseLatestRestorableTime": True}
    taken = {"SourceDBInstanceIdentifier": orders, "TargetDBInstanceIdentifier": orders}
    assert code_of(call, **taken, **latest) == "DBInstanceAlreadyExists"
    absent = {"SourceDBInstanceIdentifier": "absent", "TargetDBInstanceIdentifier": "never"}
    assert code_of(call, **absent, **latest) == "DBInstanceNotFound"
    rds.client.create_db_instance(**instance_arguments("unprotected"))
    off = {"SourceDBInstanceIdentifier": "unprotected", "TargetDBInstanceIdentifier": "never"}
    assert code_of(call, **off, **latest) == "InvalidDBInstanceState"
    rds.until_instance("unprotected")
    assert code_of(call, **off, **latest) == "PointInTimeRestoreNotEnabled"


def test_a_snapshot_restores_with_the_sources_tags_and_data(rds: Rds, orders: str) -> None:
    client = rds.client
    client.create_db_snapshot(DBSnapshotIdentifier="manual-1", DBInstanceIdentifier=orders)
    assert code_of(client.create_db_snapshot, DBSnapshotIdentifier="x", DBInstanceIdentifier=orders) == (
        "InvalidDBInstanceState"
    )

    def snapshot() -> dict[str, Any]:
        return dict(client.describe_db_snapshots(DBSnapshotIdentifier="manual-1")["DBSnapshots"][0])

    assert "SnapshotCreateTime" not in snapshot()
    wait_for(lambda: snapshot()["Status"] == "available", "manual-1 available")
    taken = snapshot()
    assert taken["SnapshotDatabaseTime"] <= taken["SnapshotCreateTime"]
    assert taken["TagList"] == [{"Key": "backup-tier", "Value": "gold"}]
    rds.until_instance(orders)
    client.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="from-snapshot", DBSnapshotIdentifier="manual-1", BackupRetentionPeriod=0
    )
    found = rds.until_instance("from-snapshot")
    assert found["TagList"] == [{"Key": "backup-tier", "Value": "gold"}]
    assert rds.sql("from-snapshot", "select count(*) from kept") == [(300,)]
    rds.drop("from-snapshot")
    client.delete_db_snapshot(DBSnapshotIdentifier="manual-1")
    assert code_of(client.delete_db_snapshot, DBSnapshotIdentifier="manual-1") == "DBSnapshotNotFound"
    automated = client.describe_db_snapshots(DBInstanceIdentifier=orders, SnapshotType="automated")["DBSnapshots"]
    assert automated[0]["DBSnapshotIdentifier"].startswith("rds:orders-")
    name = automated[0]["DBSnapshotIdentifier"]
    assert code_of(client.delete_db_snapshot, DBSnapshotIdentifier=name) == "InvalidDBSnapshotState"


def test_automated_backups_go_with_the_instance_unless_they_are_kept(rds: Rds) -> None:
    client = rds.client
    found = rds.create("doomed", BackupRetentionPeriod=1)
    rds.sql("doomed", "create table last_words (id int)")
    moment: dt.datetime = rds.sql("doomed", "select clock_timestamp()")[0][0]
    until_restorable(rds, "doomed", moment)
    client.delete_db_instance(DBInstanceIdentifier="doomed", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    filters: Any = [{"Name": "status", "Values": ["retained"]}]

    def retained() -> list[Any]:
        backups = client.describe_db_instance_automated_backups(Filters=filters)["DBInstanceAutomatedBackups"]
        return [b for b in backups if b["DBInstanceIdentifier"] == "doomed"]

    backup = wait_for(retained, "retained backups")[0]
    assert backup["DbiResourceId"] == found["DbiResourceId"]
    # The window of a database that is gone stands still: its very end is no moment before the end.
    call, end = client.restore_db_instance_to_point_in_time, backup["RestoreWindow"]["LatestTime"]
    names = {"SourceDbiResourceId": found["DbiResourceId"], "TargetDBInstanceIdentifier": "risen"}
    assert code_of(call, **names, RestoreTime=end) == "InvalidRestoreFault"
    client.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=found["DbiResourceId"],
        TargetDBInstanceIdentifier="risen",
        RestoreTime=moment,
        BackupRetentionPeriod=0,
    )
    rds.until_instance("risen")
    assert rds.sql("risen", "select count(*) from last_words") == [(0,)]
    rds.drop("risen")


@pytest.fixture
def encrypted(rds: Rds) -> Iterator[str]:
    rds.create("encrypted", BackupRetentionPeriod=1, StorageEncrypted=True, KmsKeyId=GOOD_KEY)
    yield "encrypted"
    rds.cloud.key_states[GOOD_KEY] = "Enabled"
    rds.drop("encrypted")


def test_a_key_must_be_usable_now(rds: Rds, encrypted: str) -> None:
    """Source: KMSKeyNotAccessibleFault; the key is asked for at the moment of the call."""
    found = rds.instance(encrypted)
    assert (found["StorageEncryptionType"], found["KmsKeyId"].rsplit("/", 1)[-1]) == ("sse-kms", GOOD_KEY)
    create = rds.client.create_db_instance
    arguments = instance_arguments("never", StorageEncrypted=True)
    assert code_of(create, **arguments, KmsKeyId=BAD_KEY) == "KMSKeyNotAccessibleFault"
    assert code_of(create, **arguments, KmsKeyId="alias/absent") == "KMSKeyNotAccessibleFault"
    call = rds.client.restore_db_instance_to_point_in_time
    names = {"SourceDBInstanceIdentifier": encrypted, "TargetDBInstanceIdentifier": "never"}
    rds.cloud.key_states[GOOD_KEY] = "Disabled"
    assert code_of(call, **names, UseLatestRestorableTime=True) == "KMSKeyNotAccessibleFault"
    rds.cloud.key_states[GOOD_KEY] = "Enabled"
    rds.cloud.allow = lambda asked: asked["action"] != "kms:CreateGrant"
    call = rds.connect(access_key="AKIAEXAMPLE").restore_db_instance_to_point_in_time
    assert code_of(call, **names, UseLatestRestorableTime=True) == "KMSKeyNotAccessibleFault"
