"""Copies in flight: caps and quotas, their order, holding and ending them, keys, and what makes them fail."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.rds.state import CAPS
from tests.labtests.rds.conftest import OTHER_REGION, REGION, ROWS, Rds, code_of, wait_for
from tests.labtests.rds.points import (
    cluster_snapshot,
    copy,
    copy_cluster,
    event_of,
    snapshot,
    sow,
    until,
    until_cluster,
)
from tests.labtests.rds.standin import ACCOUNT, GOOD_KEY
from tests.labtests.rds.test_clusters import add_writer, cluster_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_rds import RDSClient


@pytest.fixture
def held(rds: Rds, there: RDSClient) -> RDSClient:
    """The destination, in which no copy ends by itself."""
    rds.admin("POST", "/_lab/copies", {"hold": True, "seconds": 0.1})
    return there


@pytest.fixture
def sources(rds: Rds, request: pytest.FixtureRequest) -> list[str]:
    """ARNs of thirty seeded snapshots of as many databases."""
    stem = f"{request.node.originalname.replace('_', '-')[:30].strip('-')}"
    return sow(
        rds, *({"region": REGION, "identifier": f"{stem}-{n}", "source": f"{stem}-db-{n}"} for n in range(1, 31))
    )


def flights(rds: Rds) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rds.admin("GET", "/_lab/copies")["copies"]
    return found


def end(rds: Rds, name: str, outcome: str) -> None:
    rds.admin("POST", "/_lab/copies/end", {"identifier": name, "region": OTHER_REGION, "outcome": outcome})


def message(client: RDSClient, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        client.copy_db_snapshot(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_twenty_copies_are_in_flight_at_most_and_the_next_is_told_a_cap_from_a_quota(
    rds: Rds, held: RDSClient, sources: list[str]
) -> None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html"""
    for number, source in enumerate(sources[: CAPS["SnapshotCopies"]]):
        copy(held, source, f"capped-{number}")
    asked = {"SourceDBSnapshotIdentifier": sources[-1], "TargetDBSnapshotIdentifier": "one-more"}
    assert message(held, **asked) == ("SnapshotQuotaExceeded", "Cannot copy more than 20 snapshots across regions")
    end(rds, "capped-7", "finish")
    until(held, "capped-7")
    copy(held, sources[-1], "one-more")
    manual = next(
        q for q in held.describe_account_attributes()["AccountQuotas"] if q["AccountQuotaName"] == "ManualSnapshots"
    )
    rds.admin("POST", "/_lab/quotas", {"region": OTHER_REGION, "quotas": {"ManualSnapshots": manual["Used"]}})
    asked["TargetDBSnapshotIdentifier"] = "too-many"
    assert message(held, **asked) == (
        "SnapshotQuotaExceeded",
        f"Cannot create more than {manual['Used']} manual snapshots",
    )
    rds.admin("POST", "/_lab/quotas", {"region": OTHER_REGION, "quotas": {"ManualSnapshots": manual["Max"]}})
    rds.admin("POST", "/_lab/copies", {"hold": False})
    wait_for(lambda: not flights(rds), "all copies end")


def test_seeded_copies_in_flight_count_and_the_cap_can_be_set(rds: Rds, held: RDSClient, sources: list[str]) -> None:
    seeded = sow(
        rds,
        *(
            {
                "region": OTHER_REGION,
                "identifier": f"flying-{n}",
                "source": f"flying-db-{n}",
                "status": "creating",
                "created": None,
                "copied_from": sources[n],
                "progress": 10,
            }
            for n in range(18)
        ),
    )
    assert len(seeded) == 18
    copy(held, sources[20], "nineteenth")
    copy(held, sources[21], "twentieth")
    asked = {"SourceDBSnapshotIdentifier": sources[22], "TargetDBSnapshotIdentifier": "twenty-first"}
    assert message(held, **asked)[0] == "SnapshotQuotaExceeded"
    rds.admin("POST", "/_lab/quotas", {"region": OTHER_REGION, "quotas": {"SnapshotCopies": 21}})
    copy(held, sources[22], "twenty-first")
    rds.admin("POST", "/_lab/quotas", {"region": OTHER_REGION, "quotas": {"SnapshotCopies": 20}})
    for number in range(18):
        held.delete_db_snapshot(DBSnapshotIdentifier=f"flying-{number}")
    rds.admin("POST", "/_lab/copies", {"hold": False})
    wait_for(lambda: not flights(rds), "all copies end")


def test_copies_of_one_database_go_one_after_the_other(rds: Rds, there: RDSClient) -> None:
    rds.admin("POST", "/_lab/copies", {"seconds": 0.4})
    first, second, other = sow(
        rds,
        {"region": REGION, "identifier": "lane-1", "source": "lane-db"},
        {"region": REGION, "identifier": "lane-2", "source": "lane-db"},
        {"region": REGION, "identifier": "lane-3", "source": "other-lane-db"},
    )
    for name, source in (("lane-1c", first), ("lane-2c", second), ("lane-3c", other)):
        copy(there, source, name)
    begun = wait_for(lambda: {f["identifier"] for f in flights(rds) if f["begun"]}, "copies begin")
    wait_for(lambda: {f["identifier"] for f in flights(rds) if f["begun"]} == {"lane-1c", "lane-3c"}, "two lanes")
    assert "lane-2c" not in begun
    assert snapshot(there, "lane-2c")["PercentProgress"] == 0
    created = {name: until(there, name)["SnapshotCreateTime"] for name in ("lane-1c", "lane-2c", "lane-3c")}
    assert (created["lane-2c"] - created["lane-1c"]).total_seconds() >= 0.4


def test_a_held_copy_shows_creating_until_it_is_released(rds: Rds, held: RDSClient, taken: dict[str, Any]) -> None:
    copy(held, taken["DBSnapshotArn"], "waiting")
    time.sleep(0.4)  # four times what a copy takes: the point is that nothing happens
    found = snapshot(held, "waiting")
    assert found["Status"] == "creating"
    assert "SnapshotCreateTime" not in found
    rds.admin("POST", "/_lab/copies", {"hold": False})
    until(held, "waiting")


def test_a_copy_can_be_made_to_fail_and_the_failed_one_stays_until_it_is_deleted(
    rds: Rds, held: RDSClient, taken: dict[str, Any]
) -> None:
    copy(held, taken["DBSnapshotArn"], "failing")
    end(rds, "failing", "fail")
    found = until(held, "failing", "failed")
    assert "SnapshotCreateTime" not in found
    restore = {"DBInstanceIdentifier": "from-failed", "DBSnapshotIdentifier": "failing"}
    assert code_of(held.restore_db_instance_from_db_snapshot, **restore) == "InvalidDBSnapshotState"
    onward = {"SourceDBSnapshotIdentifier": "failing", "TargetDBSnapshotIdentifier": "onward"}
    assert code_of(held.copy_db_snapshot, **onward) == "InvalidDBSnapshotState"
    held.delete_db_snapshot(DBSnapshotIdentifier="failing")


@pytest.mark.parametrize("how", ["told", "deleted"])
def test_a_cancelled_copy_is_gone_with_an_event(rds: Rds, held: RDSClient, taken: dict[str, Any], how: str) -> None:
    name = f"cancelled-{how}"
    copy(held, taken["DBSnapshotArn"], name)
    if how == "told":
        end(rds, name, "cancel")
    else:
        held.delete_db_snapshot(DBSnapshotIdentifier=name)
    event = event_of(rds, "0061", name)
    assert event["Detail"]["Message"] == f"Canceled snapshot copy request of copy-me from region {REGION}"
    assert code_of(held.describe_db_snapshots, DBSnapshotIdentifier=name) == "DBSnapshotNotFound"
    assert not flights(rds)
    told = [e["Detail"]["EventID"] for e in rds.cloud.events if e["Detail"].get("SourceIdentifier") == name]
    assert told == ["RDS-EVENT-0059", "RDS-EVENT-0061"]


def test_deleting_the_source_while_it_is_copied_fails_the_copy(rds: Rds, held: RDSClient) -> None:
    (source,) = sow(rds, {"region": REGION, "identifier": "short-lived", "source": "short-lived-db"})
    copy(held, source, "orphan")
    rds.client.delete_db_snapshot(DBSnapshotIdentifier="short-lived")
    until(held, "orphan", "failed")
    held.delete_db_snapshot(DBSnapshotIdentifier="orphan")


def test_copy_missing_shows_a_copy_as_creating_and_then_there_is_none(
    rds: Rds, there: RDSClient, taken: dict[str, Any]
) -> None:
    rds.admin("POST", "/_lab/plant", {"fault": "copy-missing"})
    assert copy(there, taken["DBSnapshotArn"], "vanishing")["Status"] == "creating"
    event_of(rds, "0061", "vanishing")
    assert code_of(there.describe_db_snapshots, DBSnapshotIdentifier="vanishing") == "DBSnapshotNotFound"


def test_wrong_key_puts_a_copy_under_the_regions_default_key(rds: Rds, there: RDSClient, taken: dict[str, Any]) -> None:
    rds.admin("POST", "/_lab/plant", {"fault": "wrong-key"})
    asked = copy(there, taken["DBSnapshotArn"], "mislocked", KmsKeyId=GOOD_KEY)
    assert asked["KmsKeyId"].endswith(GOOD_KEY)
    found = until(there, "mislocked")
    assert found["KmsKeyId"].startswith(f"arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/")
    assert not found["KmsKeyId"].endswith(GOOD_KEY)


@pytest.fixture(scope="module")
def cluster(session_rds: Rds) -> Iterator[str]:
    """ARN of a snapshot of an Aurora cluster with a table."""
    session_rds.client.create_db_cluster(**cluster_arguments("voyage"))
    session_rds.until_cluster("voyage")
    add_writer(session_rds, "voyage", "voyage-1")
    session_rds.until_instance("voyage-1")
    session_rds.sql("voyage", f"create table sailed as select generate_series(1, {ROWS}) as id")
    session_rds.client.create_db_cluster_snapshot(
        DBClusterSnapshotIdentifier="voyage-s", DBClusterIdentifier="voyage", Tags=[{"Key": "a", "Value": "b"}]
    )
    yield until_cluster(session_rds.client, "voyage-s")["DBClusterSnapshotArn"]
    session_rds.drop("voyage-1")
    session_rds.client.delete_db_cluster(DBClusterIdentifier="voyage", SkipFinalSnapshot=True)


def test_an_aurora_copy_has_a_source_and_no_original_time_and_restores_row_for_row(
    rds: Rds, there: RDSClient, cluster: str
) -> None:
    """An AWS-owned key stays in its region, so that a copy elsewhere needs a key of its own."""
    asked = {"SourceDBClusterSnapshotIdentifier": cluster, "TargetDBClusterSnapshotIdentifier": "Voyage-C"}
    assert cluster_snapshot(rds.client, "voyage-s")["StorageEncryptionType"] == "sse-rds"
    assert code_of(there.copy_db_cluster_snapshot, **asked) == "InvalidParameterValue"
    made = copy_cluster(there, cluster, "Voyage-C", KmsKeyId=GOOD_KEY, SourceRegion=REGION, CopyTags=True)
    assert made["Status"] == "copying"
    assert "SnapshotCreateTime" not in made
    found = until_cluster(there, "voyage-c")
    assert found["SourceDBClusterSnapshotArn"] == cluster
    assert found["SnapshotCreateTime"] > cluster_snapshot(rds.client, "voyage-s")["SnapshotCreateTime"]
    assert not {"OriginalSnapshotCreateTime", "SnapshotDatabaseTime", "SourceRegion"} & set(found)
    assert found["KmsKeyId"] == f"arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/{GOOD_KEY}"
    assert found["TagList"] == [{"Key": "a", "Value": "b"}]
    there.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="voyage-r", SnapshotIdentifier="voyage-c", Engine="aurora-postgresql"
    )
    wait_for(
        lambda: there.describe_db_clusters(DBClusterIdentifier="voyage-r")["DBClusters"][0]["Status"] == "available",
        "restored",
    )
    assert rds.sql("voyage-r", "select count(*) from sailed") == [(ROWS,)]
    there.delete_db_cluster(DBClusterIdentifier="voyage-r", SkipFinalSnapshot=True)


def test_copies_of_cluster_snapshots_have_no_events(rds: Rds, there: RDSClient, cluster: str) -> None:
    copy_cluster(there, cluster, "silent", KmsKeyId=GOOD_KEY)
    until_cluster(there, "silent")
    there.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="silent")
    assert not [e for e in rds.cloud.events if e["Detail"].get("SourceIdentifier") == "silent"]


def test_an_unencrypted_cluster_snapshot_cannot_be_encrypted_by_copying(rds: Rds, there: RDSClient) -> None:
    """Source: CopyDBClusterSnapshot, KmsKeyId."""
    (plain,) = sow(rds, {"region": REGION, "kind": "cluster", "identifier": "plain", "source": "plain-cluster"})
    asked = {"SourceDBClusterSnapshotIdentifier": plain, "TargetDBClusterSnapshotIdentifier": "locked"}
    assert code_of(there.copy_db_cluster_snapshot, **asked, KmsKeyId=GOOD_KEY) == "InvalidParameterCombination"
    asked["TargetDBClusterSnapshotIdentifier"] = "n" * 64
    assert code_of(there.copy_db_cluster_snapshot, **asked) == "InvalidParameterValue"
    copy_cluster(there, plain, "n" * 63)
    assert until_cluster(there, "n" * 63)["StorageEncrypted"] is False


def test_five_copies_of_cluster_snapshots_are_in_flight_at_most(rds: Rds, held: RDSClient) -> None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-copy-snapshot.html"""
    sources = sow(
        rds,
        *({"region": REGION, "kind": "cluster", "identifier": f"fleet-{n}", "source": f"fleet-{n}"} for n in range(6)),
    )
    for number in range(CAPS["ClusterSnapshotCopies"]):
        copy_cluster(held, sources[number], f"fleet-{number}c")
    asked = {"SourceDBClusterSnapshotIdentifier": sources[5], "TargetDBClusterSnapshotIdentifier": "fleet-5c"}
    assert code_of(held.copy_db_cluster_snapshot, **asked) == "SnapshotQuotaExceeded"
    rds.admin("POST", "/_lab/copies", {"hold": False})
    wait_for(lambda: not flights(rds), "all copies end")


def test_an_encrypted_snapshot_needs_its_own_key_and_one_of_the_destination(rds: Rds, there: RDSClient) -> None:
    """Source of the codes: https://github.com/pbudzon/aws-maintenance/issues/5 and /13"""
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{GOOD_KEY}"
    (locked,) = sow(
        rds,
        {
            "region": REGION,
            "identifier": "keyed",
            "source": "keyed-db",
            "encryption": "sse-kms",
            "kms_key": key,
        },
    )
    asked = {"SourceDBSnapshotIdentifier": locked, "TargetDBSnapshotIdentifier": "keyed-c"}
    assert message(there, **asked) == (
        "InvalidParameterValue",
        "Must specify new KMS key for cross region encrypted snapshot copy.",
    )
    assert message(there, **asked, KmsKeyId=key)[0] == "KMSKeyNotAccessibleFault", "a key of the source's region"
    rds.cloud.key_states[GOOD_KEY] = "Disabled"
    try:
        code, words = message(there, **asked, KmsKeyId="alias/aws/rds")
    finally:
        rds.cloud.key_states[GOOD_KEY] = "Enabled"
    assert (code, words.split(" does")[0]) == ("KMSKeyNotAccessibleFault", "The source snapshot KMS key")
    client = rds.connect(OTHER_REGION, access_key="AKIACOPIES")
    rds.cloud.allow = lambda given: given["action"] != "kms:CreateGrant"
    assert message(client, **asked, KmsKeyId=GOOD_KEY)[0] == "KMSKeyNotAccessibleFault"
    rds.cloud.allow = lambda _: True
    copy(client, locked, "keyed-c", KmsKeyId=GOOD_KEY)
    assert until(there, "keyed-c")["KmsKeyId"] == f"arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/{GOOD_KEY}"


def test_iam_is_asked_about_source_and_target_and_about_the_targets_tags(
    rds: Rds, there: RDSClient, taken: dict[str, Any]
) -> None:
    client = rds.connect(OTHER_REGION, access_key="AKIACOPIES")
    rds.cloud.asked.clear()
    copy(client, taken["DBSnapshotArn"], "asked", Tags=[{"Key": "slot", "Value": "1"}])
    target = f"arn:aws:rds:{OTHER_REGION}:{ACCOUNT}:snapshot:asked"
    assert [(a["action"], a["resources"]) for a in rds.cloud.asked] == [
        ("rds:CopyDBSnapshot", [taken["DBSnapshotArn"]]),
        ("rds:CopyDBSnapshot", [target]),
        ("rds:AddTagsToResource", [target]),
    ]
    assert all(a["context"]["aws:RequestTag/slot"] == "1" for a in rds.cloud.asked)
    assert rds.cloud.asked[0]["context"]["aws:ResourceTag/team"] == "money"
    until(there, "asked")
