"""Regions that are off, dark or not enabled, and long histories of snapshots."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.labtests.rds.conftest import OTHER_REGION, REGION, ROWS, Rds, code_of, wait_for
from tests.labtests.rds.points import copy, event_of, snapshot, sow, until
from tests.labtests.rds.standin import VAULT
from tests.labtests.rds.test_clusters import cluster_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_rds import RDSClient


@pytest.fixture
def switched(rds: Rds) -> Iterator[Rds]:
    yield rds
    rds.admin("POST", "/_lab/regions", {"region": REGION, "state": "on"})


def test_with_its_first_region_off_a_copy_elsewhere_restores_all_the_same(
    switched: Rds, there: RDSClient, taken: dict[str, Any], orders: str
) -> None:
    rds = switched
    copy(there, taken["DBSnapshotArn"], "survivor")
    until(there, "survivor")
    rds.admin("POST", "/_lab/copies", {"hold": True})
    copy(there, taken["DBSnapshotArn"], "stuck")
    answer = rds.admin("POST", "/_lab/regions", {"region": REGION, "state": "off"})
    assert answer["servers"] >= 1
    assert code_of(rds.client.describe_db_instances) == "ServiceUnavailable"
    listed = {d["identifier"]: d for d in rds.admin("GET", "/_lab/databases")["databases"] if d["region"] == REGION}
    assert listed[orders]["pid"] is None
    assert not [name for name, found in listed.items() if found["reachable"]]
    asked = {"SourceDBSnapshotIdentifier": taken["DBSnapshotArn"], "TargetDBSnapshotIdentifier": "too-late"}
    assert code_of(there.copy_db_snapshot, **asked) == "ServiceUnavailable"
    there.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="survivor-db", DBSnapshotIdentifier="survivor", BackupRetentionPeriod=0
    )
    wait_for(
        lambda: (
            there.describe_db_instances(DBInstanceIdentifier="survivor-db")["DBInstances"][0]["DBInstanceStatus"]
            == "available"
        ),
        "restored with the first region off",
    )
    assert rds.sql("survivor-db", "select count(*) from copied") == [(ROWS,)]
    rds.admin("POST", "/_lab/copies", {"hold": False})
    time.sleep(0.4)  # twice what a copy takes: without its source's region nothing moves
    assert snapshot(there, "stuck")["Status"] == "creating"
    rds.admin("POST", "/_lab/regions", {"region": REGION, "state": "dark"})
    with pytest.raises(ConnectionClosedError):
        rds.client.describe_db_instances()
    rds.admin("POST", "/_lab/regions", {"region": REGION, "state": "on"})
    until(there, "stuck")
    assert rds.sql(orders, "select count(*) from copied") == [(ROWS,)]
    before = rds.instance(orders)["LatestRestorableTime"]
    wait_for(lambda: rds.instance(orders)["LatestRestorableTime"] > before, "backups go on")
    there.delete_db_instance(DBInstanceIdentifier="survivor-db", SkipFinalSnapshot=True)


def test_a_region_that_is_not_enabled_knows_nobody(switched: Rds) -> None:
    """Source: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html (opt-in regions)"""
    switched.admin("POST", "/_lab/regions", {"region": REGION, "state": "disabled"})
    assert code_of(switched.client.describe_db_instances) == "InvalidClientTokenId"


def test_thousands_of_snapshots_are_listed_in_pages_and_quickly(rds: Rds) -> None:
    made = sow(
        rds,
        *(
            {
                "region": OTHER_REGION,
                "identifier": f"old-{n:05d}",
                "source": f"old-db-{n % 50}",
                "created": f"2025-{1 + n % 12:02d}-{1 + n % 28:02d}T03:00:00Z",
                "type": "automated" if n % 10 == 0 else "manual",
                "tags": {"backstay:slot": "x"},
            }
            for n in range(4_000)
        ),
    )
    client = rds.connect(OTHER_REGION)
    begin = time.monotonic()
    pages = list(client.get_paginator("describe_db_snapshots").paginate())
    took = time.monotonic() - begin
    found = {s["DBSnapshotArn"] for page in pages for s in page["DBSnapshots"]}
    assert set(made) <= found
    assert {s["SnapshotType"] for page in pages for s in page["DBSnapshots"]} >= {"automated", "manual"}
    assert max(len(page["DBSnapshots"]) for page in pages) == 100
    assert took < 10
    only = client.get_paginator("describe_db_snapshots").paginate(SnapshotType="automated")
    assert {s["SnapshotType"] for page in only for s in page["DBSnapshots"]} == {"automated"}
    one = client.describe_db_snapshots(DBInstanceIdentifier="old-db-7")["DBSnapshots"]
    assert len(one) == 80
    assert one[0]["SnapshotCreateTime"].year == 2025


def test_a_seeded_snapshot_says_clearly_that_it_cannot_be_restored(rds: Rds) -> None:
    sow(rds, {"region": REGION, "identifier": "hollow", "source": "hollow-db"})
    asked = {"DBInstanceIdentifier": "from-hollow", "DBSnapshotIdentifier": "hollow"}
    with pytest.raises(ClientError, match="holds no data in this lab") as caught:
        rds.client.restore_db_instance_from_db_snapshot(**asked)  # type: ignore[arg-type]
    assert caught.value.response["Error"]["Code"] == "InvalidRestoreFault"


def test_backups_of_aws_backup_are_listed_and_not_deleted_through_rds(rds: Rds) -> None:
    """Source: DescribeDBSnapshots, SnapshotType: "The awsbackup type does not apply to Aurora"."""
    sow(
        rds,
        {"region": REGION, "identifier": "awsbackup:job-1", "source": "managed-db", "type": "awsbackup"},
        {"region": REGION, "identifier": "awsbackup:job-1", "source": "managed-cluster", "kind": "cluster"},
    )
    listed = rds.client.describe_db_snapshots(DBInstanceIdentifier="managed-db")["DBSnapshots"]
    assert [s["SnapshotType"] for s in listed] == ["awsbackup"]
    asked = {"DBSnapshotIdentifier": "awsbackup:job-1"}
    assert code_of(rds.client.delete_db_snapshot, **asked) == "InvalidDBSnapshotState"
    asked = {"DBClusterSnapshotIdentifier": "awsbackup:job-1"}
    assert code_of(rds.client.delete_db_cluster_snapshot, **asked) == "InvalidDBClusterSnapshotStateFault"


@pytest.mark.parametrize(("cluster", "begun", "done"), [(False, "0090", "0091"), (True, "0168", "0169")])
def test_an_automated_snapshot_is_told_when_it_begins_and_when_it_is_there(
    rds: Rds, begun: str, done: str, *, cluster: bool
) -> None:
    if cluster:
        rds.client.create_db_cluster(**cluster_arguments("nightly-c"))
        rds.until_cluster("nightly-c")
        snapshots: Any = rds.client.describe_db_cluster_snapshots(DBClusterIdentifier="nightly-c")
        (found,) = snapshots["DBClusterSnapshots"]
        kind, source = "RDS DB Cluster Snapshot Event", "CLUSTER_SNAPSHOT"
        name, arn = found["DBClusterSnapshotIdentifier"], found["DBClusterSnapshotArn"]
    else:
        rds.create("nightly", BackupRetentionPeriod=1)
        (found,) = rds.client.describe_db_snapshots(DBInstanceIdentifier="nightly")["DBSnapshots"]
        kind, source = "RDS DB Snapshot Event", "SNAPSHOT"
        name, arn = found["DBSnapshotIdentifier"], found["DBSnapshotArn"]
    assert (found["SnapshotType"], found["Status"]) == ("automated", "available")
    for number in (begun, done):
        event = event_of(rds, number, name)
        assert (event["DetailType"], event["Detail"]["SourceType"]) == (kind, source)
        assert (event["Detail"]["SourceArn"], event["Resources"]) == (arn, [arn])
    if cluster:
        rds.client.delete_db_cluster(DBClusterIdentifier="nightly-c", SkipFinalSnapshot=True)
    else:
        rds.drop("nightly")


def test_a_snapshot_that_is_being_taken_can_be_held(rds: Rds, orders: str) -> None:
    rds.until_instance(orders)
    rds.admin("POST", "/_lab/snapshots/hold", {"hold": True})
    try:
        rds.client.create_db_snapshot(DBSnapshotIdentifier="slow-shot", DBInstanceIdentifier=orders)
        time.sleep(0.4)  # four times what it takes: the point is that nothing happens
        found = snapshot(rds.client, "slow-shot")
        assert found["Status"] == "creating"
        assert not {"SnapshotCreateTime", "SnapshotDatabaseTime", "OriginalSnapshotCreateTime"} & set(found)
        asked = {"SourceDBSnapshotIdentifier": "slow-shot", "TargetDBSnapshotIdentifier": "early"}
        assert code_of(rds.client.copy_db_snapshot, **asked) == "InvalidDBSnapshotState"
        assert code_of(rds.client.delete_db_snapshot, DBSnapshotIdentifier="slow-shot") == "InvalidDBSnapshotState"
    finally:
        rds.admin("POST", "/_lab/snapshots/hold", {"hold": False})
    until(rds.client, "slow-shot")
    rds.until_instance(orders)


def test_an_asked_fault_can_be_one_accounts_only(rds: Rds) -> None:
    rds.admin("POST", "/_lab/faults", {"action": "DescribeDBSnapshots", "kind": "throttle", "account": VAULT})
    assert code_of(rds.connect(access_key=VAULT).describe_db_snapshots) == "Throttling"
    rds.client.describe_db_snapshots()
