"""Copies of snapshots into another region, and beside their source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.labtests.rds.conftest import OTHER_REGION, REGION, ROWS, Rds, code_of, wait_for
from tests.labtests.rds.points import copy, event_of, until
from tests.labtests.rds.standin import ACCOUNT, BAD_KEY, GOOD_KEY

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


def test_given_a_snapshot_when_it_is_copied_to_another_region_then_it_restores_there_row_for_row(
    rds: Rds, there: RDSClient, taken: dict[str, Any]
) -> None:
    made = copy(there, taken["DBSnapshotArn"], "Far-Away", SourceRegion=REGION)
    assert made["Status"] == "creating"
    assert made["DBSnapshotIdentifier"] == "far-away"
    assert "SnapshotCreateTime" not in made
    found = until(there, "far-away")
    assert found["PercentProgress"] == 100
    assert found["SourceRegion"] == REGION
    assert found["SourceDBSnapshotIdentifier"] == taken["DBSnapshotArn"]
    assert found["DBSnapshotArn"] == f"arn:aws:rds:{OTHER_REGION}:{ACCOUNT}:snapshot:far-away"
    assert found["SnapshotDatabaseTime"] == taken["SnapshotDatabaseTime"]
    assert found["OriginalSnapshotCreateTime"] == taken["SnapshotCreateTime"]
    assert found["SnapshotCreateTime"] > taken["SnapshotCreateTime"]
    assert found["DbiResourceId"] == taken["DbiResourceId"]
    there.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="far-orders", DBSnapshotIdentifier="far-away", BackupRetentionPeriod=0
    )
    wait_for(
        lambda: (
            there.describe_db_instances(DBInstanceIdentifier="far-orders")["DBInstances"][0]["DBInstanceStatus"]
            == "available"
        ),
        "restored there",
    )
    assert rds.sql("far-orders", "select count(*), sum(id) from copied") == [(ROWS, ROWS * (ROWS + 1) // 2)]
    there.delete_db_instance(DBInstanceIdentifier="far-orders", SkipFinalSnapshot=True)


def test_a_copy_beside_its_source_names_no_source_and_keeps_the_option_group(
    rds: Rds, there: RDSClient, taken: dict[str, Any]
) -> None:
    """Source: DBSnapshot, SourceDBSnapshotIdentifier."""
    del there
    rds.client.copy_db_snapshot(
        SourceDBSnapshotIdentifier="copy-me", TargetDBSnapshotIdentifier="beside", CopyTags=True
    )
    found = until(rds.client, "beside")
    assert "SourceDBSnapshotIdentifier" not in found
    assert "SourceRegion" not in found
    assert found["OptionGroupName"] == "orders-og"
    assert found["TagList"] == taken["TagList"]
    for number in ("0196", "0197"):
        event = event_of(rds, number, "beside")
        assert event["Detail"]["Message"].endswith(f"copy of snapshot copy-me in region {REGION}")


def test_a_copy_is_told_by_events_of_its_own_region(rds: Rds, there: RDSClient, taken: dict[str, Any]) -> None:
    copy(there, taken["DBSnapshotArn"], "told")
    until(there, "told")
    for number, text in (("0059", "Started copy of snapshot"), ("0060", "Finished copy of snapshot")):
        event = event_of(rds, number, "told")
        arn = f"arn:aws:rds:{OTHER_REGION}:{ACCOUNT}:snapshot:told"
        assert (event["Region"], event["DetailType"]) == (OTHER_REGION, "RDS DB Snapshot Event")
        assert event["Detail"]["SourceType"] == "SNAPSHOT"
        assert event["Detail"]["SourceArn"] == arn
        assert event["Resources"] == [arn]
        assert event["Detail"]["Message"] == f"{text} copy-me from region {REGION}"
        assert event["Detail"]["EventCategories"] == ["notification"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"SourceDBSnapshotIdentifier": "copy-me"}, "DBSnapshotNotFound"),
        ({"SourceDBSnapshotIdentifier": f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:absent"}, "DBSnapshotNotFound"),
        ({"SourceDBSnapshotIdentifier": f"arn:aws:rds:ap-east-1:{ACCOUNT}:snapshot:copy-me"}, "DBSnapshotNotFound"),
        ({"SourceDBSnapshotIdentifier": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders"}, "InvalidParameterValue"),
        ({"TargetDBSnapshotIdentifier": "a" * 256}, "InvalidParameterValue"),
        ({"TargetDBSnapshotIdentifier": "rds:mine"}, "InvalidParameterValue"),
        ({"TargetDBSnapshotIdentifier": "two--hyphens"}, "InvalidParameterValue"),
        ({"KmsKeyId": BAD_KEY}, "KMSKeyNotAccessibleFault"),
        ({"KmsKeyId": "absent"}, "KMSKeyNotAccessibleFault"),
        ({"OptionGroupName": "orders-og"}, "OptionGroupNotFoundFault"),
        ({"CopyOptionGroup": True}, "InvalidParameterCombination"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "InvalidParameterValue"),
        ({"PreSignedUrl": "https://rds.example/?Action=CopyDBSnapshot"}, "InvalidParameterValue"),
        ({"SourceRegion": OTHER_REGION}, "InvalidParameterValue"),
    ],
)
def test_wrong_copies_are_refused_and_leave_nothing_behind(
    there: RDSClient, taken: dict[str, Any], given: dict[str, Any], code: str
) -> None:
    arguments = {
        "SourceDBSnapshotIdentifier": taken["DBSnapshotArn"],
        "TargetDBSnapshotIdentifier": "refused",
        **given,
    }
    assert code_of(there.copy_db_snapshot, **arguments) == code
    assert code_of(there.describe_db_snapshots, DBSnapshotIdentifier="refused") == "DBSnapshotNotFound"


def test_a_name_of_255_characters_is_the_longest(there: RDSClient, taken: dict[str, Any]) -> None:
    copy(there, taken["DBSnapshotArn"], "n" * 255)
    until(there, "n" * 255)
    there.delete_db_snapshot(DBSnapshotIdentifier="n" * 255)


def test_an_unencrypted_instance_snapshot_becomes_encrypted_by_copying_it_with_a_key(
    there: RDSClient, taken: dict[str, Any]
) -> None:
    assert taken["Encrypted"] is False
    copy(there, taken["DBSnapshotArn"], "locked", KmsKeyId=GOOD_KEY, SourceRegion=REGION)
    found = until(there, "locked")
    assert found["KmsKeyId"] == f"arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/{GOOD_KEY}"
    assert (found["Encrypted"], found["StorageEncryptionType"]) == (True, "sse-kms")


def test_tags_given_are_the_copys_only_tags_whatever_copy_tags_says(there: RDSClient, taken: dict[str, Any]) -> None:
    tags: Any = [{"Key": "own", "Value": "1"}]
    copy(there, taken["DBSnapshotArn"], "own-tags", Tags=tags, CopyTags=True)
    copy(there, taken["DBSnapshotArn"], "same-tags", CopyTags=True)
    copy(there, taken["DBSnapshotArn"], "no-tags")
    assert until(there, "own-tags")["TagList"] == tags
    assert until(there, "same-tags")["TagList"] == taken["TagList"]
    assert until(there, "no-tags")["TagList"] == []


def test_across_regions_the_option_group_stays_behind(there: RDSClient, taken: dict[str, Any]) -> None:
    assert taken["OptionGroupName"] == "orders-og"
    copy(there, taken["DBSnapshotArn"], "bare")
    assert until(there, "bare")["OptionGroupName"] == "default:postgres-17"
    there.create_option_group(
        OptionGroupName="there-og", EngineName="postgres", MajorEngineVersion="17", OptionGroupDescription="x"
    )
    copy(there, taken["DBSnapshotArn"], "dressed", OptionGroupName="there-og")
    assert until(there, "dressed")["OptionGroupName"] == "there-og"


def test_a_name_that_is_taken_is_refused(there: RDSClient, taken: dict[str, Any]) -> None:
    copy(there, taken["DBSnapshotArn"], "twice")
    again = {"SourceDBSnapshotIdentifier": taken["DBSnapshotArn"], "TargetDBSnapshotIdentifier": "TWICE"}
    assert code_of(there.copy_db_snapshot, **again) == "DBSnapshotAlreadyExists"
    until(there, "twice")


def test_a_copy_owes_nothing_to_a_source_that_has_been_deleted(
    rds: Rds, there: RDSClient, taken: dict[str, Any]
) -> None:
    copy(rds.client, taken["DBSnapshotArn"], "half-way")
    copy(there, until(rds.client, "half-way")["DBSnapshotArn"], "end-of-way")
    found = until(there, "end-of-way")
    rds.client.delete_db_snapshot(DBSnapshotIdentifier="half-way")
    assert found["OriginalSnapshotCreateTime"] == taken["OriginalSnapshotCreateTime"], "the first of the line"
    there.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="end-of-way-db", DBSnapshotIdentifier="end-of-way", BackupRetentionPeriod=0
    )
    wait_for(
        lambda: (
            there.describe_db_instances(DBInstanceIdentifier="end-of-way-db")["DBInstances"][0]["DBInstanceStatus"]
            == "available"
        ),
        "restored without the source",
    )
    assert rds.sql("end-of-way-db", "select count(*) from copied") == [(ROWS,)]
    there.delete_db_instance(DBInstanceIdentifier="end-of-way-db", SkipFinalSnapshot=True)
