"""Modifications pend as RDS's do, and take effect when RDS says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.labtests.rds.conftest import Rds, code_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

MONITORING_ROLE = "arn:aws:iam::111122223333:role/monitoring"
RECOVERY_POINT = "arn:aws:backup:eu-west-2:111122223333:recovery-point:continuous:db-1eb3b5e7"


@pytest.fixture(scope="module")
def mutable(session_rds: Rds) -> Iterator[str]:
    """An instance with backups off."""
    session_rds.create("mutable", AllocatedStorage=100)
    yield "mutable"
    session_rds.drop("mutable")


def pending(rds: Rds, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rds.instance(name)["PendingModifiedValues"]
    return found


def settled(rds: Rds, name: str) -> dict[str, Any]:
    """Once nothing is pending and the instance is available."""

    def probe() -> dict[str, Any] | None:
        found = rds.instance(name)
        done = found["DBInstanceStatus"] == "available" and not found["PendingModifiedValues"]
        return found if done else None

    return wait_for(probe, f"{name} settled")


def test_turning_backups_on_waits_for_the_maintenance_window(rds: Rds, mutable: str) -> None:
    """Source: ModifyDBInstance, BackupRetentionPeriod: "applied during the next maintenance window"."""
    answer = rds.client.modify_db_instance(DBInstanceIdentifier=mutable, BackupRetentionPeriod=3)["DBInstance"]
    assert answer["PendingModifiedValues"] == {"BackupRetentionPeriod": 3}
    assert answer["BackupRetentionPeriod"] == 0
    assert rds.admin("POST", "/_lab/maintenance", {"identifier": mutable}) == {"applied": [mutable]}
    found = settled(rds, mutable)
    assert found["BackupRetentionPeriod"] == 3
    assert "LatestRestorableTime" in found


def test_another_length_applies_soon_without_asking(rds: Rds, mutable: str) -> None:
    """Source: "from one non-zero value to another non-zero value ... applied as soon as possible"."""
    rds.client.modify_db_instance(DBInstanceIdentifier=mutable, BackupRetentionPeriod=5)
    assert settled(rds, mutable)["BackupRetentionPeriod"] == 5


def test_turning_backups_off_waits_too_and_can_be_withdrawn(rds: Rds, mutable: str) -> None:
    rds.client.modify_db_instance(DBInstanceIdentifier=mutable, BackupRetentionPeriod=0)
    assert pending(rds, mutable) == {"BackupRetentionPeriod": 0}
    rds.client.modify_db_instance(DBInstanceIdentifier=mutable, BackupRetentionPeriod=5)
    assert pending(rds, mutable) == {}
    assert rds.instance(mutable)["BackupRetentionPeriod"] == 5


def test_apply_immediately_flushes_every_other_pending_modification(rds: Rds, mutable: str) -> None:
    """Source: ApplyImmediately: "the modifications in this request and any pending modifications"."""
    rds.client.modify_db_instance(DBInstanceIdentifier=mutable, DBInstanceClass="db.t4g.small")
    assert pending(rds, mutable) == {"DBInstanceClass": "db.t4g.small"}
    before = rds.sql(mutable, "select pg_postmaster_start_time()")
    rds.client.modify_db_instance(DBInstanceIdentifier=mutable, BackupRetentionPeriod=0, ApplyImmediately=True)
    found = settled(rds, mutable)
    assert (found["DBInstanceClass"], found["BackupRetentionPeriod"]) == ("db.t4g.small", 0)
    assert "LatestRestorableTime" not in found
    assert rds.sql(mutable, "select pg_postmaster_start_time()") != before, "a new class is an outage"


def test_stopping_drops_a_pending_change_of_the_backups(rds: Rds, mutable: str) -> None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html"""
    rds.client.modify_db_instance(DBInstanceIdentifier=mutable, BackupRetentionPeriod=7)
    rds.client.stop_db_instance(DBInstanceIdentifier=mutable)
    found = rds.until_instance(mutable, "stopped")
    assert found["PendingModifiedValues"] == {}
    assert "AutomaticRestartTime" in found
    modify = rds.client.modify_db_instance
    assert code_of(modify, DBInstanceIdentifier=mutable, CopyTagsToSnapshot=True) == "InvalidDBInstanceState"
    assert code_of(rds.client.stop_db_instance, DBInstanceIdentifier=mutable) == "InvalidDBInstanceState"
    rds.client.start_db_instance(DBInstanceIdentifier=mutable)
    assert rds.until_instance(mutable)["BackupRetentionPeriod"] == 0
    assert code_of(rds.client.start_db_instance, DBInstanceIdentifier=mutable) == "InvalidDBInstanceState"


def test_some_settings_change_at_once(rds: Rds, mutable: str) -> None:
    answer = rds.client.modify_db_instance(
        DBInstanceIdentifier=mutable,
        CopyTagsToSnapshot=True,
        DeletionProtection=True,
        MonitoringInterval=60,
        MonitoringRoleArn=MONITORING_ROLE,
    )["DBInstance"]
    assert (answer["CopyTagsToSnapshot"], answer["DeletionProtection"], answer["MonitoringInterval"]) == (
        True,
        True,
        60,
    )
    assert answer["PendingModifiedValues"] == {}
    rds.client.modify_db_instance(DBInstanceIdentifier=mutable, DeletionProtection=False)


def test_a_reboot_is_a_real_one(rds: Rds, mutable: str) -> None:
    before = rds.sql(mutable, "select pg_postmaster_start_time()")
    force = {"DBInstanceIdentifier": mutable, "ForceFailover": True}
    assert code_of(rds.client.reboot_db_instance, **force) == "InvalidParameterCombination"
    answer = rds.client.reboot_db_instance(DBInstanceIdentifier=mutable)["DBInstance"]
    assert answer["DBInstanceStatus"] == "rebooting"
    rds.until_instance(mutable)
    assert rds.sql(mutable, "select pg_postmaster_start_time()") > before


def test_storage_never_shrinks_and_grows_by_a_tenth_at_least(rds: Rds, mutable: str) -> None:
    """Source: ModifyDBInstance, AllocatedStorage."""
    modify = rds.client.modify_db_instance
    assert code_of(modify, DBInstanceIdentifier=mutable, AllocatedStorage=50) == "InvalidParameterCombination"
    answer = modify(DBInstanceIdentifier=mutable, AllocatedStorage=101)["DBInstance"]
    assert answer["PendingModifiedValues"] == {"AllocatedStorage": 110}
    modify(DBInstanceIdentifier=mutable, AllocatedStorage=100)
    assert pending(rds, mutable) == {}


def test_engine_versions_go_up_and_a_major_one_needs_the_flag(rds: Rds, mutable: str) -> None:
    modify = rds.client.modify_db_instance
    assert code_of(modify, DBInstanceIdentifier=mutable, EngineVersion="17.9") == "InvalidParameterCombination"
    assert code_of(modify, DBInstanceIdentifier=mutable, EngineVersion="18.1") == "InvalidParameterCombination"
    assert code_of(modify, DBInstanceIdentifier=mutable, DBInstanceClass="nope") == "InvalidParameterCombination"


def test_a_database_of_aws_backup_keeps_its_retention(rds: Rds, mutable: str) -> None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/AutomatedBackups.AWSBackup.html"""
    modify = rds.client.modify_db_instance
    modify(DBInstanceIdentifier=mutable, AwsBackupRecoveryPointArn=RECOVERY_POINT)
    assert rds.instance(mutable)["AwsBackupRecoveryPointArn"] == RECOVERY_POINT
    assert code_of(modify, DBInstanceIdentifier=mutable, BackupRetentionPeriod=9) == "InvalidParameterCombination"


def test_a_password_changes_soon_and_is_never_shown(rds: Rds, mutable: str) -> None:
    answer = rds.client.modify_db_instance(DBInstanceIdentifier=mutable, MasterUserPassword="another-password-2")
    assert answer["DBInstance"]["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    settled(rds, mutable)
    with rds.login_instance(mutable, password="another-password-2") as connection:
        connection.execute("select 1")
    assert "another-password-2" not in rds.process.calls.read_text()


def test_protect_lies_answers_and_never_applies(rds: Rds, mutable: str) -> None:
    rds.client.create_db_cluster(
        DBClusterIdentifier="liar",
        Engine="aurora-postgresql",
        MasterUsername="app",
        MasterUserPassword="correct-horse-1",
        BackupRetentionPeriod=1,
    )
    rds.until_cluster("liar")
    rds.admin("POST", "/_lab/plant", {"fault": "protect-lies"})
    answer = rds.client.modify_db_cluster(DBClusterIdentifier="liar", BackupRetentionPeriod=14, ApplyImmediately=True)
    assert answer["DBCluster"]["PendingModifiedValues"] == {"BackupRetentionPeriod": 14}
    rds.client.modify_db_cluster(DBClusterIdentifier="liar", MasterUserPassword="later-password-3")
    wait_for(lambda: "MasterUserPassword" not in rds.cluster("liar")["PendingModifiedValues"], "the later change")
    found = rds.until_cluster("liar")
    assert (found["BackupRetentionPeriod"], found["PendingModifiedValues"]) == (1, {"BackupRetentionPeriod": 14})
    rds.client.delete_db_cluster(DBClusterIdentifier="liar", SkipFinalSnapshot=True)
    assert mutable
