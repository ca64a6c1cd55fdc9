"""Creating, describing and deleting DB instances."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from tests.labtests.rds.conftest import OTHER_REGION, Rds, code_of, instance_arguments, wait_for

SEEDED = 2_000


def test_a_created_instance_is_a_real_server_behind_verified_tls(rds: Rds, orders: str) -> None:
    found = rds.instance(orders)
    host, port = found["Endpoint"]["Address"], found["Endpoint"]["Port"]
    with rds.login(host, port) as connection:
        assert connection.execute("select current_user, version() like 'PostgreSQL 17%'").fetchall() == [("app", True)]
    with rds.login("127.0.0.1", port) as connection:
        assert connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchall() == [(True,)]
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        rds.login(host, port, sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        rds.login(host, port, password="not-the-password")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        rds.login(host, port, sslrootcert="system")
    with pytest.raises(psycopg.OperationalError, match="rdsadmin"):
        rds.login(host, port, user="rdsadmin")


def test_statuses_take_time_and_logins_already_work_while_backing_up(rds: Rds) -> None:
    seen: dict[str, bool] = {}
    rds.client.create_db_instance(**instance_arguments("slow", BackupRetentionPeriod=1))

    def probe() -> bool:
        found = rds.instance("slow")
        status = found["DBInstanceStatus"]
        if status == "backing-up" and status not in seen:
            with rds.login(found["Endpoint"]["Address"], found["Endpoint"]["Port"]) as connection:
                connection.execute("select 1")
        if status == "creating":
            assert "Endpoint" not in found
        seen[status] = True
        return bool(status == "available")

    wait_for(probe, "slow available")
    assert list(seen) == ["creating", "backing-up", "available"]
    rds.drop("slow")


@pytest.mark.parametrize("name", ["1st", "a--b", "a-", "a.b", "a" * 64, "db;drop", "../etc", ""])
def test_identifiers_have_letters_digits_and_single_hyphens(rds: Rds, name: str) -> None:
    """Source: CreateDBInstance, DBInstanceIdentifier."""
    assert code_of(rds.client.create_db_instance, **instance_arguments(name)) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "with/slash-inside"}, "InvalidParameterValue"),
        ({"MasterUserPassword": None}, "InvalidParameterValue"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"),
        ({"MasterUsername": "1st"}, "InvalidParameterValue"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue"),
        ({"BackupRetentionPeriod": -1}, "InvalidParameterValue"),
        ({"AllocatedStorage": 5}, "InvalidParameterValue"),
        ({"AllocatedStorage": None}, "MissingParameter"),
        ({"DBInstanceClass": "db.x9.enormous"}, "InvalidParameterCombination"),
        ({"EngineVersion": "999.9"}, "InvalidParameterCombination"),
        ({"Engine": "clay-tablets"}, "InvalidParameterValue"),
        ({"Engine": "aurora-postgresql"}, "InvalidParameterCombination"),
        ({"PreferredBackupWindow": "25:00-26:00"}, "InvalidParameterValue"),
        ({"PreferredMaintenanceWindow": "someday"}, "InvalidParameterValue"),
        ({"Port": 80}, "InvalidParameterValue"),
        ({"DBParameterGroupName": "absent"}, "DBParameterGroupNotFound"),
        ({"OptionGroupName": "absent"}, "OptionGroupNotFoundFault"),
        ({"DBSubnetGroupName": "absent"}, "DBSubnetGroupNotFoundFault"),
        ({"VpcSecurityGroupIds": ["sg-absent"]}, "InvalidParameterValue"),
        ({"KmsKeyId": "alias/x"}, "InvalidParameterCombination"),
        ({"ManageMasterUserPassword": True}, "InvalidParameterCombination"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "a", "Value": "no;semicolon"}]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]}, "InvalidParameterValue"),
        ({"MonitoringInterval": 60}, "InvalidParameterCombination"),
        ({"MonitoringInterval": 7}, "InvalidParameterValue"),
        ({"MultiAZ": True, "AvailabilityZone": "eu-west-2a"}, "InvalidParameterCombination"),
    ],
)
def test_wrong_values_are_refused_and_leave_nothing_behind(rds: Rds, given: dict[str, Any], code: str) -> None:
    arguments = {k: v for k, v in instance_arguments("refused", **given).items() if v is not None}
    assert code_of(rds.client.create_db_instance, **arguments) == code
    assert code_of(rds.client.describe_db_instances, DBInstanceIdentifier="refused") == "DBInstanceNotFound"


def test_an_existing_name_is_refused_in_any_case_of_letters(rds: Rds, orders: str) -> None:
    """Identifiers are stored in lower case."""
    arguments = instance_arguments(orders.upper())
    assert code_of(rds.client.create_db_instance, **arguments) == "DBInstanceAlreadyExists"
    assert rds.instance("ORDERS")["DBInstanceIdentifier"] == orders


def test_a_parameter_group_of_another_family_does_not_fit(rds: Rds) -> None:
    rds.client.create_db_parameter_group(
        DBParameterGroupName="old-family", DBParameterGroupFamily="postgres16", Description="x"
    )
    arguments = instance_arguments("misfit", DBParameterGroupName="old-family")
    assert code_of(rds.client.create_db_instance, **arguments) == "InvalidParameterCombination"


def test_subnet_groups_cover_two_zones_of_existing_subnets(rds: Rds) -> None:
    create = rds.client.create_db_subnet_group
    shared = {"DBSubnetGroupName": "thin", "DBSubnetGroupDescription": "x"}
    assert code_of(create, **shared, SubnetIds=["subnet-00000001"]) == "DBSubnetGroupDoesNotCoverEnoughAZs"
    assert code_of(create, **shared, SubnetIds=["subnet-absent", "subnet-00000001"]) == "InvalidSubnet"
    names = [g["DBSubnetGroupName"] for g in rds.client.describe_db_subnet_groups()["DBSubnetGroups"]]
    assert "default" in names
    assert "thin" not in names


def test_quotas_count_and_refuse(rds: Rds, orders: str) -> None:
    def quota() -> tuple[int, int]:
        found = rds.client.describe_account_attributes()["AccountQuotas"]
        one = next(q for q in found if q["AccountQuotaName"] == "DBInstances")
        return one["Used"], one["Max"]

    used, most = quota()
    assert used >= 1, orders
    rds.admin("POST", "/_lab/quotas", {"region": "eu-west-2", "quotas": {"DBInstances": used}})
    assert code_of(rds.client.create_db_instance, **instance_arguments("over")) == "InstanceQuotaExceeded"
    rds.admin("POST", "/_lab/quotas", {"region": "eu-west-2", "quotas": {"DBInstances": most}})
    assert quota() == (used, most)


def test_deleting_needs_a_decision_about_the_final_snapshot_and_no_protection(rds: Rds, orders: str) -> None:
    """Source: DeleteDBInstance, SkipFinalSnapshot and FinalDBSnapshotIdentifier."""
    delete = rds.client.delete_db_instance
    assert code_of(delete, DBInstanceIdentifier=orders) == "InvalidParameterCombination"
    both = {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "last"}
    assert code_of(delete, DBInstanceIdentifier=orders, **both) == "InvalidParameterCombination"
    assert code_of(delete, DBInstanceIdentifier=orders, SkipFinalSnapshot=True) == "InvalidParameterCombination"
    assert rds.instance(orders)["DBInstanceStatus"] == "available"


def test_a_fleet_is_paged_quickly_and_completely(rds: Rds) -> None:
    body = {"region": OTHER_REGION, "instances": SEEDED, "tags": {"backup-tier": "gold"}}
    rds.admin("POST", "/_lab/seed", body)
    rds.admin("POST", "/_lab/seed", {"region": OTHER_REGION, "instances": 2, "engine": "neptune", "prefix": "graph"})
    rds.admin("POST", "/_lab/seed", {"region": OTHER_REGION, "clusters": 1, "engine": "docdb", "prefix": "docs"})
    client = rds.connect(OTHER_REGION)
    begin = time.monotonic()
    pages = list(client.get_paginator("describe_db_instances").paginate(PaginationConfig={"PageSize": 100}))
    seconds = time.monotonic() - begin
    names = [i["DBInstanceIdentifier"] for page in pages for i in page["DBInstances"]]
    assert len(names) == len(set(names)) == SEEDED + 2
    assert len(pages) == 21
    assert pages[0]["DBInstances"][0]["TagList"] == []
    assert pages[1]["DBInstances"][0]["TagList"] == [{"Key": "backup-tier", "Value": "gold"}]
    assert seconds < 6, seconds
    only = client.describe_db_instances(Filters=[{"Name": "engine", "Values": ["neptune"]}])["DBInstances"]
    assert {i["DBInstanceIdentifier"] for i in only} == {"graph-00001", "graph-00002"}
    assert [c["Engine"] for c in client.describe_db_clusters()["DBClusters"]] == ["docdb"]
    assert (
        code_of(client.modify_db_cluster, DBClusterIdentifier="docs-00001", CopyTagsToSnapshot=True) == "NotImplemented"
    )
    assert rds.connect().describe_db_instances(MaxRecords=20)["DBInstances"] != []


def test_what_the_lab_offers_can_be_ordered(rds: Rds) -> None:
    options = rds.client.describe_orderable_db_instance_options(Engine="postgres", EngineVersion="17.10")
    offered = options["OrderableDBInstanceOptions"]
    assert "db.t4g.micro" in {o["DBInstanceClass"] for o in offered}
    aurora = rds.client.describe_orderable_db_instance_options(Engine="aurora-postgresql")
    assert "db.t4g.micro" not in {o["DBInstanceClass"] for o in aurora["OrderableDBInstanceOptions"]}
    default = rds.client.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"]
    assert [v["EngineVersion"] for v in default] == ["17.10"]


@pytest.mark.parametrize("named", [{"Iops": 3000}, {"StorageThroughput": 125}], ids=["IOPS", "throughput"])
def test_a_small_volume_shows_what_no_request_may_name(rds: Rds, orders: str, named: dict[str, Any]) -> None:
    found = rds.instance(orders)
    assert (found["StorageType"], found["Iops"], found["StorageThroughput"]) == ("gp3", 3000, 125)
    refused = "InvalidParameterCombination"
    assert code_of(rds.client.create_db_instance, **instance_arguments("never", **named)) == refused
    multi_az = {"DBClusterIdentifier": "never", "DBClusterInstanceClass": "db.m6g.large", "AllocatedStorage": 100}
    login = {"MasterUsername": "app", "MasterUserPassword": "correct-horse-1", "Engine": "postgres"}
    if "Iops" in named:
        assert code_of(rds.client.create_db_cluster, **multi_az, **login, StorageType="gp3", **named) == refused
