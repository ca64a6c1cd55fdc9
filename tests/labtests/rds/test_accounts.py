"""A role of a second account in the whole lab: its own account's IAM and the keys' policies decide what it may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from tests.lab.cloud.lab import Lab
from tests.labtests.rds.conftest import code_of, wait_for
from tests.labtests.rds.standin import ACCOUNT, VAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_rds import RDSClient

HOME, AWAY = "eu-west-1", "eu-west-2"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    ],
}
RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["rds:CopyDBSnapshot", "rds:DescribeDBSnapshots"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["kms:DescribeKey", "kms:CreateGrant"], "Resource": "*"},
    ],
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start() as running:
        yield running


@pytest.fixture(scope="module")
def vault(lab: Lab) -> RDSClient:
    """RDS at home by a session of the vault account's role `member`, as which the first account has gone."""
    lab.client("iam", account=VAULT).create_role(RoleName="member", AssumeRolePolicyDocument=json.dumps(TRUST))
    lab.client("iam", account=VAULT).put_role_policy(
        RoleName="member", PolicyName="copy", PolicyDocument=json.dumps(RIGHTS)
    )
    role = f"arn:aws:iam::{VAULT}:role/member"
    given = lab.client("sts").assume_role(RoleArn=role, RoleSessionName="backstay")["Credentials"]
    client: RDSClient = boto3.session.Session().client(
        "rds",
        region_name=HOME,
        endpoint_url=lab.rds_endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    return client


def new_key(lab: Lab, account: str, region: str, *trusted: str) -> str:
    """ARN of a key whose policy leaves it to the IAM of `trusted` accounts."""
    principals = [f"arn:aws:iam::{each}:root" for each in trusted]
    statement = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"}
    made = lab.client("kms", region, account).create_key(
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    return str(made["KeyMetadata"]["Arn"])


def seed(lab: Lab, name: str, key: str) -> str:
    """ARN of a snapshot of the first account under `key`, shared with the vault."""
    snapshot = {"region": AWAY, "identifier": name, "source": "orders", "encryption": "sse-kms", "kms_key": key}
    (arn,) = lab.rds_admin("POST", "snapshots", {"snapshots": [snapshot]})["snapshots"]
    lab.client("rds", AWAY).modify_db_snapshot_attribute(
        DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=[VAULT]
    )
    return str(arn)


def test_a_role_of_the_vault_copies_what_its_rights_and_both_key_policies_allow(lab: Lab, vault: RDSClient) -> None:
    own = new_key(lab, VAULT, HOME, VAULT)
    closed = seed(lab, "closed", new_key(lab, ACCOUNT, AWAY, ACCOUNT))
    asked: dict[str, Any] = {"TargetDBSnapshotIdentifier": "vaulted", "KmsKeyId": own, "SourceRegion": AWAY}
    assert code_of(vault.copy_db_snapshot, SourceDBSnapshotIdentifier=closed, **asked) == "KMSKeyNotAccessibleFault"
    source = seed(lab, "open", new_key(lab, ACCOUNT, AWAY, ACCOUNT, VAULT))
    made = vault.copy_db_snapshot(SourceDBSnapshotIdentifier=source, **asked)["DBSnapshot"]
    assert made["DBSnapshotArn"] == f"arn:aws:rds:{HOME}:{VAULT}:snapshot:vaulted"
    wait_for(lambda: vault.describe_db_snapshots()["DBSnapshots"][0]["Status"] == "available", "the copy")
    assert vault.describe_db_snapshots()["DBSnapshots"][0]["KmsKeyId"] == own
    assert lab.client("rds", HOME).describe_db_snapshots()["DBSnapshots"] == []
    assert code_of(vault.delete_db_snapshot, DBSnapshotIdentifier="vaulted") == "AccessDenied"
    lab.client("rds", HOME, VAULT).delete_db_snapshot(DBSnapshotIdentifier="vaulted")
    assert vault.describe_db_snapshots()["DBSnapshots"] == []
    call = next(c for c in lab.calls(action="rds:CopyDBSnapshot") if c["status"] == 200)
    assert call["principal"] == f"arn:aws:sts::{VAULT}:assumed-role/member/backstay"


def test_a_key_pending_deletion_or_of_nobody_is_no_key_to_copy_under(lab: Lab, vault: RDSClient) -> None:
    source = seed(lab, "wanted", new_key(lab, ACCOUNT, AWAY, ACCOUNT, VAULT))
    leaving = new_key(lab, VAULT, HOME, VAULT)
    lab.client("kms", HOME, VAULT).schedule_key_deletion(KeyId=leaving, PendingWindowInDays=7)
    disabled = new_key(lab, VAULT, HOME, VAULT)
    lab.client("kms", HOME, VAULT).disable_key(KeyId=disabled)
    elsewhere = new_key(lab, VAULT, AWAY, VAULT)
    for key in (leaving, disabled, elsewhere, f"arn:aws:kms:{HOME}:{VAULT}:key/none"):
        asked = {"SourceDBSnapshotIdentifier": source, "TargetDBSnapshotIdentifier": "unwanted", "KmsKeyId": key}
        assert code_of(vault.copy_db_snapshot, **asked) == "KMSKeyNotAccessibleFault", key
