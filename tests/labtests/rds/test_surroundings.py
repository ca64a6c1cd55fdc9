"""Events, records, permissions, secrets, roles, tags and asked faults."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tests.labtests.rds.conftest import REGION, Rds, code_of, instance_arguments, wait_for
from tests.labtests.rds.standin import ACCOUNT

KEY = "AKIALABTESTS"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/s3-import"


def test_a_modification_puts_both_kinds_of_events_on_its_regions_bus(rds: Rds, orders: str) -> None:
    rds.client.modify_db_instance(DBInstanceIdentifier=orders, BackupRetentionPeriod=8)
    trail = rds.cloud.wait_event(
        lambda e: (
            e["Detail"].get("eventName") == "ModifyDBInstance"
            and e["Detail"]["requestParameters"].get("backupRetentionPeriod") == 8
        )
    )
    assert (trail["Source"], trail["DetailType"], trail["Region"]) == (
        "aws.rds",
        "AWS API Call via CloudTrail",
        REGION,
    )
    detail = trail["Detail"]
    assert detail["eventSource"] == "rds.amazonaws.com"
    assert detail["requestParameters"]["dBInstanceIdentifier"] == orders
    assert detail["userIdentity"]["type"] == "Root"
    assert detail["awsRegion"] == REGION
    assert "errorCode" not in detail
    created = rds.cloud.wait_event(
        lambda e: e["Detail"].get("EventID") == "RDS-EVENT-0005" and e["Detail"]["SourceIdentifier"] == orders
    )
    assert created["DetailType"] == "RDS DB Instance Event"
    assert created["Resources"] == [f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{orders}"]
    assert created["Detail"]["SourceType"] == "DB_INSTANCE"
    rds.until_instance(orders)


def test_a_refused_modification_is_recorded_with_its_error_and_reading_is_not(rds: Rds) -> None:
    code_of(rds.client.modify_db_instance, DBInstanceIdentifier="ghost", MasterUserPassword="hidden-password-9")
    trail = rds.cloud.wait_event(
        lambda e: e["Detail"].get("requestParameters", {}).get("dBInstanceIdentifier") == "ghost"
    )
    assert trail["Detail"]["errorCode"] == "DBInstanceNotFoundFault"
    assert trail["Detail"]["requestParameters"]["masterUserPassword"] == "****"
    assert not [e for e in rds.cloud.events if e["Detail"].get("eventName", "").startswith("Describe")]


def test_turning_backups_on_and_off_has_its_own_events(rds: Rds) -> None:
    rds.create("switched")
    for days, event in ((1, "RDS-EVENT-0032"), (0, "RDS-EVENT-0028")):
        rds.client.modify_db_instance(
            DBInstanceIdentifier="switched", BackupRetentionPeriod=days, ApplyImmediately=True
        )
        rds.cloud.wait_event(
            lambda e, event=event: (
                (e["Detail"].get("EventID"), e["Detail"].get("SourceIdentifier"))  # type: ignore[misc]
                == (event, "switched")
            )
        )
        rds.until_instance("switched")
    rds.drop("switched")


def test_every_call_is_recorded_without_passwords(rds: Rds) -> None:
    client = rds.connect(access_key=KEY)
    client.describe_db_instances(MaxRecords=20)
    line = [c for c in rds.calls() if str(c["principal"]).endswith(KEY)][-1]
    assert line == line | {
        "service": "rds",
        "action": "DescribeDBInstances",
        "region": REGION,
        "function": "backstay-restore-run",
        "resources": [f"arn:aws:rds:{REGION}:{ACCOUNT}:db:*"],
        "parameters": {"MaxRecords": 20},
        "status": 200,
        "error": None,
    }
    assert "correct-horse-1" not in rds.process.calls.read_text()


def test_iam_is_asked_per_resource_with_tags_and_refuses_in_awss_words(rds: Rds, orders: str) -> None:
    client = rds.connect(access_key=KEY)
    rds.cloud.allow = lambda asked: asked["action"] != "rds:ModifyDBInstance"
    with pytest.raises(ClientError) as caught:
        client.modify_db_instance(DBInstanceIdentifier=orders, CopyTagsToSnapshot=True)
    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{orders}"
    assert (error["Code"], metadata["HTTPStatusCode"]) == ("AccessDenied", 403)
    assert f"is not authorized to perform: rds:ModifyDBInstance on resource: {arn}" in error["Message"]
    asked = rds.cloud.asked[-1]
    assert asked["resources"] == [arn]
    assert asked["context"] == {"aws:RequestedRegion": REGION, "aws:ResourceTag/backup-tier": "gold"}


def test_tags_at_creation_need_their_own_permission(rds: Rds) -> None:
    client = rds.connect(access_key=KEY)
    rds.cloud.allow = lambda asked: asked["action"] != "rds:AddTagsToResource"
    arguments = instance_arguments("tagged", Tags=[{"Key": "team", "Value": "a"}])
    assert code_of(client.create_db_instance, **arguments) == "AccessDenied"
    assert rds.cloud.asked[-1]["context"]["aws:RequestTag/team"] == "a"


def test_a_managed_password_is_a_secret_that_works(rds: Rds) -> None:
    rds.create("managed")
    client = rds.connect(access_key=KEY)
    arguments: dict[str, Any] = {
        "DBInstanceIdentifier": "managed",
        "ManageMasterUserPassword": True,
        "ApplyImmediately": True,
    }
    rds.cloud.allow = lambda asked: asked["action"] != "secretsmanager:CreateSecret"
    assert code_of(client.modify_db_instance, **arguments) == "AccessDenied"
    assert "MasterUserSecret" not in rds.instance("managed")
    rds.cloud.allow = lambda _: True
    answer = client.modify_db_instance(**arguments)["DBInstance"]
    assert answer["MasterUserSecret"]["SecretStatus"] == "creating"
    wait_for(lambda: rds.instance("managed")["MasterUserSecret"]["SecretStatus"] == "active", "the secret")
    arn = rds.instance("managed")["MasterUserSecret"]["SecretArn"]
    assert ":secret:rds!db-" in arn
    held = json.loads(rds.cloud.secrets[arn]["SecretString"])
    with rds.login_instance("managed", password=held["password"], user=held["username"]) as connection:
        connection.execute("select 1")
    rds.until_instance("managed")
    again = client.modify_db_instance(**arguments)["DBInstance"]
    assert again["MasterUserSecret"]["SecretArn"] == arn, "asking again changes nothing"
    own = {"DBInstanceIdentifier": "managed", "MasterUserPassword": "my-own-password"}
    assert code_of(client.modify_db_instance, **own) == "InvalidParameterCombination"
    invoked = [c for c in rds.calls() if c.get("invoked_by") and c["service"] == "secretsmanager"]
    assert {c["action"] for c in invoked} == {"CreateSecret", "TagResource"}
    rds.drop("managed")
    assert arn not in rds.cloud.secrets


def test_roles_are_passed_by_those_who_may(rds: Rds, orders: str) -> None:
    client = rds.connect(access_key=KEY)
    arguments = {"DBInstanceIdentifier": orders, "RoleArn": ROLE, "FeatureName": "s3Import"}
    rds.cloud.allow = lambda asked: asked["action"] != "iam:PassRole"
    assert code_of(client.add_role_to_db_instance, **arguments) == "AccessDenied"
    monitored = {"DBInstanceIdentifier": orders, "MonitoringInterval": 60, "MonitoringRoleArn": ROLE}
    assert code_of(client.modify_db_instance, **monitored) == "AccessDenied"
    assert rds.cloud.asked[-1]["context"]["iam:PassedToService"] == "monitoring.rds.amazonaws.com"
    rds.cloud.allow = lambda _: True
    client.add_role_to_db_instance(**arguments)
    assert rds.instance(orders)["AssociatedRoles"] == [{"RoleArn": ROLE, "FeatureName": "s3Import", "Status": "ACTIVE"}]
    assert code_of(client.add_role_to_db_instance, **arguments) == "DBInstanceRoleAlreadyExists"


def test_tags_are_added_replaced_listed_and_removed(rds: Rds, orders: str) -> None:
    arn, client = rds.instance(orders)["DBInstanceArn"], rds.client
    client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "backstay:request", "Value": "1"}])
    client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "backstay:request", "Value": "2"}])
    listed = client.list_tags_for_resource(ResourceName=arn)["TagList"]
    assert {"Key": "backstay:request", "Value": "2"} in listed
    assert listed == rds.instance(orders)["TagList"]
    client.remove_tags_from_resource(ResourceName=arn, TagKeys=["backstay:request", "absent"])
    assert client.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "backup-tier", "Value": "gold"}]
    absent = arn.replace(orders, "absent")
    assert code_of(client.list_tags_for_resource, ResourceName=absent) == "DBInstanceNotFound"


def test_asked_faults_come_as_often_and_as_late_as_asked(rds: Rds) -> None:
    ask = {"action": "DescribeDBClusters", "kind": "throttle", "times": 2, "after": 1, "region": REGION}
    rds.admin("POST", "/_lab/faults", ask)
    describe = rds.client.describe_db_clusters
    describe()
    assert [code_of(describe), code_of(describe)] == ["Throttling", "Throttling"]
    describe()
    rds.admin("POST", "/_lab/faults", {"action": "DescribeDBClusters", "kind": "server_error", "times": 1})
    assert code_of(describe) == "InternalFailure"
    rds.admin("POST", "/_lab/faults", {"action": "DescribeDBClusters", "kind": "denied"})
    assert code_of(describe) == "AccessDenied"
    rds.admin("DELETE", "/_lab/faults")
    rds.admin("POST", "/_lab/faults", {"action": "*", "kind": "throttle", "marker": True})
    describe()


def test_connections_break_and_hang_and_answers_are_cut_when_asked(rds: Rds) -> None:
    describe = rds.client.describe_db_clusters
    for kind, expected in (
        ("reset", (ConnectionClosedError, HTTPClientError)),
        ("malformed", (ResponseParserError,)),
        ("timeout", (ReadTimeoutError,)),
    ):
        rds.admin("POST", "/_lab/faults", {"action": "DescribeDBClusters", "kind": kind, "times": 1})
        begin = time.monotonic()
        with pytest.raises(expected):
            describe()
        assert time.monotonic() - begin < 5
    describe()
