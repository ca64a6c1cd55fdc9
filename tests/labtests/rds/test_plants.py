"""Planted faults do in the data exactly what they say, and nothing tells the caller."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.labtests.rds.conftest import Rds, wait_for
from tests.labtests.rds.test_clusters import AURORA, add_writer, cluster_arguments
from tests.labtests.rds.test_restore import restore, until_restorable

if TYPE_CHECKING:
    import datetime as dt


def moment_with_rows(rds: Rds, name: str, table: str) -> dt.datetime:
    """A moment after ten rows, with an eleventh one a second later."""
    rds.sql(name, f"create table {table} as select generate_series(1, 10) as id")
    moment: dt.datetime = rds.sql(name, "select clock_timestamp()")[0][0]
    time.sleep(1)  # the distance in time is the point here: late-restore is two seconds late
    rds.sql(name, f"insert into {table} values (11)")
    until_restorable(rds, name, rds.sql(name, "select clock_timestamp()")[0][0])
    return moment


def test_late_restore_brings_back_what_was_committed_after_the_moment(rds: Rds, orders: str) -> None:
    moment = moment_with_rows(rds, orders, "late")
    restore(rds, orders, "on-time", moment, BackupRetentionPeriod=0)
    rds.admin("POST", "/_lab/plant", {"fault": "late-restore"})
    restore(rds, orders, "too-late", moment, BackupRetentionPeriod=0)
    assert rds.sql("on-time", "select count(*) from late") == [(10,)]
    assert rds.sql("too-late", "select count(*) from late") == [(11,)]
    rds.drop("on-time", "too-late")


def test_row_lost_takes_one_row_of_the_largest_table(rds: Rds, orders: str) -> None:
    rds.sql(orders, "create table large as select generate_series(1, 5000) as id")
    rds.sql(orders, "create table small as select generate_series(1, 10) as id")
    until_restorable(rds, orders, rds.sql(orders, "select clock_timestamp()")[0][0])
    rds.admin("POST", "/_lab/plant", {"fault": "row-lost"})
    restore(rds, orders, "one-less", BackupRetentionPeriod=0)
    counts = "select (select count(*) from large), (select count(*) from small)"
    assert rds.sql(orders, counts) == [(5000, 10)]
    assert rds.sql("one-less", counts) == [(4999, 10)]
    rds.drop("one-less")


def test_a_gap_in_the_archive_ends_in_incompatible_restore(rds: Rds) -> None:
    rds.create("gapped", BackupRetentionPeriod=1)
    moment: dt.datetime = rds.sql("gapped", "select clock_timestamp()")[0][0]
    until_restorable(rds, "gapped", moment)
    rds.admin("POST", "/_lab/plant", {"fault": "wal-gap"})
    rds.client.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="gapped", TargetDBInstanceIdentifier="gapped-r", RestoreTime=moment
    )
    found = rds.until_instance("gapped-r", "incompatible-restore")
    assert "Endpoint" not in found
    event = rds.cloud.wait_event(lambda e: e["Detail"].get("SourceIdentifier") == "gapped-r")
    assert event["Detail"]["EventID"] == "RDS-EVENT-0031"
    assert "recovery ended before configured recovery target was reached" in event["Detail"]["Message"]
    rds.drop("gapped", "gapped-r")


def test_no_writer_never_leaves_creating_and_can_still_be_deleted(rds: Rds) -> None:
    rds.client.create_db_cluster(**cluster_arguments("orphan"))
    rds.until_cluster("orphan")
    rds.admin("POST", "/_lab/plant", {"fault": "no-writer"})
    add_writer(rds, "orphan", "orphan-1")
    rds.until_instance("orphan-1")
    wait_for(lambda: "LatestRestorableTime" in rds.cluster("orphan"), "restorable")
    rds.client.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier="orphan-r", SourceDBClusterIdentifier="orphan", UseLatestRestorableTime=True
    )
    rds.until_cluster("orphan-r")
    add_writer(rds, "orphan-r", "orphan-r-1")
    time.sleep(1)  # nothing can be awaited: the point is that nothing happens
    assert rds.instance("orphan-r-1")["DBInstanceStatus"] == "creating"
    rds.drop("orphan-r-1", "orphan-1")
    for name in ("orphan", "orphan-r"):
        rds.client.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    assert AURORA
