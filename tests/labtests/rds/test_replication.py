"""Automated backups replicated to another region, followed there and restored there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.labtests.rds.conftest import OTHER_REGION, REGION, Rds, code_of, wait_for
from tests.labtests.rds.standin import ACCOUNT, GOOD_KEY
from tests.labtests.rds.test_restore import until_restorable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_rds import RDSClient

TAGS: Any = [{"Key": "backstay:deployment", "Value": "backstay"}]


def arn(name: str) -> str:
    return f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}"


def start(client: RDSClient, name: str, **given: Any) -> dict[str, Any]:
    found: Any = client.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=arn(name), SourceRegion=REGION, **given
    )
    return dict(found["DBInstanceAutomatedBackup"])


def stop(client: RDSClient, name: str) -> dict[str, Any]:
    found: Any = client.stop_db_instance_automated_backups_replication(SourceDBInstanceArn=arn(name))
    return dict(found["DBInstanceAutomatedBackup"])


def replica(client: RDSClient, name: str) -> dict[str, Any]:
    (found,) = client.describe_db_instance_automated_backups(DBInstanceIdentifier=name)["DBInstanceAutomatedBackups"]
    return dict(found)


def until_replicating(client: RDSClient, name: str) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        found = replica(client, name)
        assert found["Status"] in {"pending", "replicating"}
        return found if found["Status"] == "replicating" else None

    return wait_for(probe, f"{name} replicating")


def seed(rds: Rds, prefix: str, instances: int, **given: Any) -> list[str]:
    body = {"region": REGION, "instances": instances, "prefix": prefix, **given}
    found: list[str] = rds.admin("POST", "/_lab/seed", body)["instances"]
    return found


@pytest.fixture
def switched(rds: Rds) -> Iterator[Rds]:
    yield rds
    rds.admin("POST", "/_lab/regions", {"region": REGION, "state": "on"})


def test_replicated_backups_follow_the_source_and_restore_to_a_moment_without_its_region(
    switched: Rds, there: RDSClient
) -> None:
    rds = switched
    rds.create("followed", BackupRetentionPeriod=3)
    made = start(there, "followed", BackupRetentionPeriod=14, Tags=TAGS)
    assert (made["Status"], made["Region"], made["DBInstanceArn"]) == ("pending", REGION, arn("followed"))
    assert made["DBInstanceAutomatedBackupsArn"].startswith(f"arn:aws:rds:{OTHER_REGION}:{ACCOUNT}:auto-backup:ab-")
    rds.sql("followed", "create table kept as select generate_series(1, 10) as id")
    moment = rds.sql("followed", "select clock_timestamp()")[0][0]
    until_restorable(rds, "followed", moment)
    wait_for(
        lambda: (
            replica(there, "followed").get("RestoreWindow", {}).get("LatestTime", made["InstanceCreateTime"]) > moment
        ),
        "the replica has followed",
    )
    rds.sql("followed", "drop table kept")
    found = until_replicating(there, "followed")
    assert found["RestoreWindow"]["EarliestTime"] < moment
    assert (found["BackupRetentionPeriod"], found["TagList"]) == (14, TAGS)
    shown = [{"DBInstanceAutomatedBackupsArn": found["DBInstanceAutomatedBackupsArn"]}]
    assert rds.instance("followed")["DBInstanceAutomatedBackupsReplications"] == shown
    listed = there.list_tags_for_resource(ResourceName=found["DBInstanceAutomatedBackupsArn"])
    assert listed["TagList"] == TAGS
    rds.admin("POST", "/_lab/regions", {"region": REGION, "state": "off"})
    there.restore_db_instance_to_point_in_time(
        SourceDBInstanceAutomatedBackupsArn=found["DBInstanceAutomatedBackupsArn"],
        TargetDBInstanceIdentifier="followed-r",
        RestoreTime=moment,
        BackupRetentionPeriod=0,
    )
    wait_for(
        lambda: (
            there.describe_db_instances(DBInstanceIdentifier="followed-r")["DBInstances"][0]["DBInstanceStatus"]
            == "available"
        ),
        "restored from what was replicated",
    )
    assert rds.sql("followed-r", "select count(*) from kept") == [(10,)]
    rds.admin("POST", "/_lab/regions", {"region": REGION, "state": "on"})
    there.delete_db_instance(DBInstanceIdentifier="followed-r", SkipFinalSnapshot=True)
    assert stop(there, "followed")["Status"] == "retained"
    assert rds.instance("followed")["DBInstanceAutomatedBackupsReplications"] == []
    assert replica(there, "followed")["RestoreWindow"]["LatestTime"] >= found["RestoreWindow"]["LatestTime"]
    assert code_of(there.stop_db_instance_automated_backups_replication, SourceDBInstanceArn=arn("followed")) == (
        "InvalidDBInstanceState"
    )
    rds.drop("followed")


def test_only_what_can_be_replicated_is(rds: Rds, there: RDSClient) -> None:
    call = there.start_db_instance_automated_backups_replication
    (off,) = seed(rds, "replica-off", 1, retention=0)
    (plain,) = seed(rds, "replica-plain", 1)
    (busy,) = seed(rds, "replica-busy", 1, set={"status": "modifying"})
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{GOOD_KEY}"
    (locked,) = seed(rds, "replica-locked", 1, set={"encryption": "sse-kms", "kms_key": key})
    cluster = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:x"
    assert code_of(call, SourceDBInstanceArn=arn(off)) == "InvalidDBInstanceState"
    assert code_of(call, SourceDBInstanceArn=arn(busy)) == "InvalidDBInstanceState"
    assert code_of(call, SourceDBInstanceArn=arn("absent")) == "DBInstanceNotFound"
    assert code_of(call, SourceDBInstanceArn=plain) == "InvalidParameterValue"
    assert code_of(call, SourceDBInstanceArn=cluster) == "InvalidParameterValue"
    assert code_of(call, SourceDBInstanceArn=arn(locked)) == "InvalidParameterCombination"
    assert code_of(call, SourceDBInstanceArn=arn(locked), KmsKeyId=key) == "KMSKeyNotAccessibleFault"
    assert code_of(call, SourceDBInstanceArn=arn(plain), KmsKeyId=GOOD_KEY) == "InvalidParameterCombination"
    assert code_of(call, SourceDBInstanceArn=arn(plain), BackupRetentionPeriod=36) == "InvalidParameterValue"
    assert code_of(call, SourceDBInstanceArn=arn(plain), SourceRegion=OTHER_REGION) == "InvalidParameterValue"
    beside = rds.client.start_db_instance_automated_backups_replication
    assert code_of(beside, SourceDBInstanceArn=arn(plain)) == "InvalidParameterValue"
    assert there.describe_db_instance_automated_backups(DBInstanceIdentifier=plain)["DBInstanceAutomatedBackups"] == []
    start(there, locked, KmsKeyId=GOOD_KEY)
    found = until_replicating(there, locked)
    assert found["KmsKeyId"] == f"arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/{GOOD_KEY}"
    assert found["Encrypted"] is True
    assert found["BackupRetentionPeriod"] == 7
    assert code_of(call, SourceDBInstanceArn=arn(locked), KmsKeyId=GOOD_KEY) == "InvalidDBInstanceState"
    stop(there, locked)


def test_twenty_are_replicated_to_one_region_at_most_and_a_stopped_one_can_start_again(
    rds: Rds, there: RDSClient
) -> None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html"""
    names = seed(rds, "replica-many", 21)
    for name in names[:20]:
        start(there, name)
    call = there.start_db_instance_automated_backups_replication
    assert code_of(call, SourceDBInstanceArn=arn(names[20])) == "DBInstanceAutomatedBackupQuotaExceeded"
    stop(there, names[0])
    start(there, names[20])
    assert code_of(call, SourceDBInstanceArn=arn(names[0])) == "DBInstanceAutomatedBackupQuotaExceeded"
    stop(there, names[1])
    start(there, names[0])
    filters = [{"Name": "status", "Values": ["retained"]}]
    kept = there.describe_db_instance_automated_backups(Filters=filters)["DBInstanceAutomatedBackups"]  # type: ignore[arg-type]
    assert names[1] in {backup["DBInstanceIdentifier"] for backup in kept}
    assert names[0] not in {backup["DBInstanceIdentifier"] for backup in kept}
    for name in [names[0], *names[2:]]:
        stop(there, name)


def test_iam_is_asked_about_the_instance_and_the_automated_backup(rds: Rds, there: RDSClient) -> None:
    """Source: the service authorization reference: db and auto-backup."""
    (name,) = seed(rds, "replica-asked", 1)
    client = rds.connect(OTHER_REGION, access_key="AKIACOPIES")
    rds.cloud.asked.clear()
    start(client, name, Tags=TAGS)
    backups = f"arn:aws:rds:{OTHER_REGION}:{ACCOUNT}:auto-backup:*"
    assert [(a["action"], a["resources"]) for a in rds.cloud.asked] == [
        ("rds:StartDBInstanceAutomatedBackupsReplication", [arn(name)]),
        ("rds:StartDBInstanceAutomatedBackupsReplication", [backups]),
        ("rds:AddTagsToResource", [backups]),
    ]
    stop(there, name)
