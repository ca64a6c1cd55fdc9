"""A second account: its own regions, and snapshots that are shared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.labtests.rds.conftest import OTHER_REGION, REGION, ROWS, Rds, code_of, instance_arguments, wait_for
from tests.labtests.rds.points import copy, copy_cluster, sow, until, until_cluster
from tests.labtests.rds.standin import ACCOUNT, GOOD_KEY, VAULT, VAULT_SESSION

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{GOOD_KEY}"


@pytest.fixture
def vault(rds: Rds, there: RDSClient) -> RDSClient:
    """The vault account in the destination region, by a role's session."""
    del there
    return rds.connect(OTHER_REGION, access_key=VAULT_SESSION)


def share(client: RDSClient, name: str, *accounts: str) -> list[str]:
    answer = client.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=list(accounts)
    )
    return values(answer)


def unshare(client: RDSClient, name: str, *accounts: str) -> list[str]:
    answer = client.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=name, AttributeName="restore", ValuesToRemove=list(accounts)
    )
    return values(answer)


def values(answer: Any) -> list[str]:
    (attribute,) = answer["DBSnapshotAttributesResult"]["DBSnapshotAttributes"]
    assert attribute["AttributeName"] == "restore"
    return list(attribute["AttributeValues"])


def seeded(rds: Rds, name: str, **given: Any) -> str:
    (arn,) = sow(rds, {"region": REGION, "identifier": name, "source": f"{name}-db", **given})
    return arn


@pytest.mark.parametrize("access_key", [VAULT, VAULT_SESSION])
def test_each_account_has_its_own_databases_and_snapshots(rds: Rds, orders: str, access_key: str) -> None:
    client = rds.connect(REGION, access_key=access_key)
    assert code_of(client.describe_db_instances, DBInstanceIdentifier=orders) == "DBInstanceNotFound"
    assert client.describe_db_snapshots()["DBSnapshots"] == []
    name = f"of-{access_key.lower()[:8]}"
    client.create_db_instance(**instance_arguments(name))
    found = wait_for(
        lambda: next(
            (
                found
                for found in client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
                if found["DBInstanceStatus"] == "available"
            ),
            None,
        ),
        "the vault's database",
    )
    assert found["DBInstanceArn"] == f"arn:aws:rds:{REGION}:{VAULT}:db:{name}"
    assert code_of(rds.client.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"
    event = rds.cloud.wait_event(lambda e: e["Detail"].get("SourceIdentifier") == name)
    assert event["Account"] == VAULT
    trail = rds.cloud.wait_event(
        lambda e: (
            e["Detail"].get("eventName") == "CreateDBInstance"
            and e["Detail"]["requestParameters"]["dBInstanceIdentifier"] == name
        )
    )
    assert (trail["Account"], trail["Detail"]["recipientAccountId"]) == (VAULT, VAULT)
    client.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_an_account_that_the_lab_does_not_have_is_denied(rds: Rds) -> None:
    assert code_of(rds.connect(access_key="999988887777").describe_db_instances) == "AccessDenied"


def test_sharing_is_shown_taken_back_and_only_for_manual_snapshots(rds: Rds, orders: str) -> None:
    seeded(rds, "lent")
    describe = rds.client.describe_db_snapshot_attributes
    assert values(describe(DBSnapshotIdentifier="lent")) == []
    assert share(rds.client, "lent", VAULT, "all") == [VAULT, "all"]
    assert values(describe(DBSnapshotIdentifier="lent")) == [VAULT, "all"]
    assert unshare(rds.client, "lent", "all", "123412341234") == [VAULT]
    assert code_of(describe, DBSnapshotIdentifier="absent") == "DBSnapshotNotFound"
    automated = rds.client.describe_db_snapshots(DBInstanceIdentifier=orders, SnapshotType="automated")
    name = automated["DBSnapshots"][0]["DBSnapshotIdentifier"]
    asked = {"DBSnapshotIdentifier": name, "AttributeName": "restore", "ValuesToAdd": [VAULT]}
    assert code_of(rds.client.modify_db_snapshot_attribute, **asked) == "InvalidDBSnapshotState"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"AttributeName": "copy"}, "InvalidParameterValue"),
        ({"ValuesToAdd": ["everybody"]}, "InvalidParameterValue"),
        ({"ValuesToAdd": []}, "InvalidParameterValue"),
        ({"ValuesToRemove": [VAULT]}, "InvalidParameterValue"),
        ({"DBSnapshotIdentifier": "absent"}, "DBSnapshotNotFound"),
        ({"ValuesToAdd": [f"{n:012d}" for n in range(21)]}, "SharedSnapshotQuotaExceeded"),
    ],
)
def test_wrong_sharing_is_refused(rds: Rds, given: dict[str, Any], code: str) -> None:
    if not rds.client.describe_db_snapshots(Filters=[{"Name": "db-snapshot-id", "Values": ["unlent"]}])["DBSnapshots"]:
        seeded(rds, "unlent")
    asked = {"DBSnapshotIdentifier": "unlent", "AttributeName": "restore", "ValuesToAdd": [VAULT], **given}
    assert code_of(rds.client.modify_db_snapshot_attribute, **asked) == code
    assert values(rds.client.describe_db_snapshot_attributes(DBSnapshotIdentifier="unlent")) == []


def test_what_no_other_account_can_decrypt_is_not_shared(rds: Rds, taken: dict[str, Any], there: RDSClient) -> None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/share-encrypted-snapshot.html"""
    copy(there, taken["DBSnapshotArn"], "under-default", KmsKeyId="alias/aws/rds")
    until(there, "under-default")
    asked = {"DBSnapshotIdentifier": "under-default", "AttributeName": "restore", "ValuesToAdd": [VAULT]}
    assert code_of(there.modify_db_snapshot_attribute, **asked) == "InvalidDBSnapshotState"
    seeded(rds, "keyed-lent", encryption="sse-kms", kms_key=KEY)
    asked = {"DBSnapshotIdentifier": "keyed-lent", "AttributeName": "restore", "ValuesToAdd": ["all"]}
    assert code_of(rds.client.modify_db_snapshot_attribute, **asked) == "InvalidDBSnapshotState"
    assert share(rds.client, "keyed-lent", VAULT) == [VAULT]
    seeded(rds, "owned", kind="cluster", encryption="sse-rds")
    cluster = {"DBClusterSnapshotIdentifier": "owned", "AttributeName": "restore", "ValuesToAdd": [VAULT]}
    assert code_of(rds.client.modify_db_cluster_snapshot_attribute, **cluster) == "InvalidDBClusterSnapshotStateFault"


def test_a_shared_snapshot_is_described_by_its_arn_when_shared_ones_are_asked_for(rds: Rds) -> None:
    arn = seeded(rds, "seen", tags={"team": "money"})
    client = rds.connect(REGION, access_key=VAULT_SESSION)
    described = client.describe_db_snapshots
    assert code_of(described, DBSnapshotIdentifier=arn, IncludeShared=True) == "DBSnapshotNotFound"
    share(rds.client, "seen", VAULT)
    assert code_of(described, DBSnapshotIdentifier=arn) == "DBSnapshotNotFound"
    (found,) = described(DBSnapshotIdentifier=arn, IncludeShared=True)["DBSnapshots"]
    assert (found["DBSnapshotIdentifier"], found["SnapshotType"], found["TagList"]) == (arn, "shared", [])
    assert arn in {s["DBSnapshotIdentifier"] for s in described(SnapshotType="shared")["DBSnapshots"]}
    assert arn not in {s["DBSnapshotIdentifier"] for s in described()["DBSnapshots"]}
    assert arn not in {s["DBSnapshotIdentifier"] for s in described(SnapshotType="public")["DBSnapshots"]}
    far = rds.connect(OTHER_REGION, access_key=VAULT_SESSION)
    assert code_of(far.describe_db_snapshots, DBSnapshotIdentifier=arn, IncludeShared=True) == "DBSnapshotNotFound"
    unshare(rds.client, "seen", VAULT)
    assert code_of(described, DBSnapshotIdentifier=arn, IncludeShared=True) == "DBSnapshotNotFound"


def test_another_account_changes_nothing_of_ours(rds: Rds) -> None:
    arn = seeded(rds, "theirs-not")
    share(rds.client, "theirs-not", VAULT)
    client = rds.connect(REGION, access_key=VAULT_SESSION)
    assert code_of(client.delete_db_snapshot, DBSnapshotIdentifier=arn) == "DBSnapshotNotFound"
    asked = {"DBSnapshotIdentifier": arn, "AttributeName": "restore", "ValuesToAdd": ["all"]}
    assert code_of(client.modify_db_snapshot_attribute, **asked) == "DBSnapshotNotFound"
    tagged = {"ResourceName": arn, "Tags": [{"Key": "a", "Value": "b"}]}
    with pytest.raises(ClientError):
        client.add_tags_to_resource(**tagged)  # type: ignore[arg-type]
    assert rds.client.list_tags_for_resource(ResourceName=arn)["TagList"] == []


def test_given_a_shared_snapshot_when_the_other_account_copies_it_to_another_region_then_it_owns_and_restores_it(
    rds: Rds, vault: RDSClient, taken: dict[str, Any]
) -> None:
    asked = {"SourceDBSnapshotIdentifier": taken["DBSnapshotArn"], "TargetDBSnapshotIdentifier": "vaulted"}
    assert code_of(vault.copy_db_snapshot, **asked) == "DBSnapshotNotFound"
    share(rds.client, "copy-me", VAULT)
    copy(vault, taken["DBSnapshotArn"], "vaulted", KmsKeyId=GOOD_KEY, CopyTags=True, CopyOptionGroup=True)
    found = until(vault, "vaulted")
    unshare(rds.client, "copy-me", VAULT)
    assert found["DBSnapshotArn"] == f"arn:aws:rds:{OTHER_REGION}:{VAULT}:snapshot:vaulted"
    assert found["KmsKeyId"] == f"arn:aws:kms:{OTHER_REGION}:{VAULT}:key/{GOOD_KEY}"
    assert found["SourceDBSnapshotIdentifier"] == taken["DBSnapshotArn"]
    assert found["OptionGroupName"] == "orders-og"
    assert found["TagList"] == [], "another account does not see our tags"
    assert vault.describe_option_groups(OptionGroupName="orders-og")["OptionGroupsList"]
    vault.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="vaulted-db", DBSnapshotIdentifier="vaulted", BackupRetentionPeriod=0
    )
    wait_for(
        lambda: (
            vault.describe_db_instances(DBInstanceIdentifier="vaulted-db")["DBInstances"][0]["DBInstanceStatus"]
            == "available"
        ),
        "restored in the vault",
    )
    assert rds.sql("vaulted-db", "select count(*) from copied") == [(ROWS,)]
    vault.delete_db_instance(DBInstanceIdentifier="vaulted-db", SkipFinalSnapshot=True)


def test_a_shared_copy_needs_the_sources_key_and_one_of_its_own(rds: Rds, vault: RDSClient) -> None:
    arn = seeded(rds, "keyed-shared", encryption="sse-kms", kms_key=KEY)
    share(rds.client, "keyed-shared", VAULT)
    beside = rds.connect(REGION, access_key=VAULT_SESSION)
    asked = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "keyed-vaulted"}
    assert code_of(beside.copy_db_snapshot, **asked) == "InvalidParameterValue", "in the same region too"
    rds.cloud.allow = lambda given: given["resources"] != [KEY]
    assert code_of(vault.copy_db_snapshot, **asked, KmsKeyId=GOOD_KEY) == "KMSKeyNotAccessibleFault"
    rds.cloud.allow = lambda _: True
    rds.cloud.asked.clear()
    copy(vault, arn, "keyed-vaulted", KmsKeyId=GOOD_KEY)
    source_key = [a for a in rds.cloud.asked if a["resources"] == [KEY]]
    assert {a["action"] for a in source_key} == {"kms:DescribeKey", "kms:CreateGrant"}
    assert all(a["context"]["kms:ViaService"] == f"rds.{REGION}.amazonaws.com" for a in source_key)
    until(vault, "keyed-vaulted")


def test_unsharing_does_not_undo_a_copy_in_flight_and_caps_are_per_account(
    rds: Rds, vault: RDSClient, there: RDSClient
) -> None:
    arn = seeded(rds, "brief")
    share(rds.client, "brief", VAULT)
    rds.admin("POST", "/_lab/copies", {"hold": True})
    for account, client in ((VAULT, vault), (ACCOUNT, there)):
        rds.admin("POST", "/_lab/quotas", {"region": OTHER_REGION, "account": account, "quotas": {"SnapshotCopies": 1}})
        copy(client, arn, "brief-c")
        asked = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "brief-d"}
        assert code_of(client.copy_db_snapshot, **asked) == "SnapshotQuotaExceeded"
        rds.admin(
            "POST", "/_lab/quotas", {"region": OTHER_REGION, "account": account, "quotas": {"SnapshotCopies": 20}}
        )
    unshare(rds.client, "brief", VAULT)
    rds.admin("POST", "/_lab/copies", {"hold": False})
    until(vault, "brief-c")
    until(there, "brief-c")


def test_a_cluster_snapshot_is_shared_and_copied_alike(rds: Rds, vault: RDSClient) -> None:
    arn = seeded(rds, "cluster-lent", kind="cluster", encryption="sse-kms", kms_key=KEY)
    asked = {"SourceDBClusterSnapshotIdentifier": arn, "TargetDBClusterSnapshotIdentifier": "cluster-c"}
    assert code_of(vault.copy_db_cluster_snapshot, **asked, KmsKeyId=GOOD_KEY) == "DBClusterSnapshotNotFoundFault"
    answer = rds.client.modify_db_cluster_snapshot_attribute(
        DBClusterSnapshotIdentifier="cluster-lent", AttributeName="restore", ValuesToAdd=[VAULT]
    )
    shown = rds.client.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier="cluster-lent")
    assert shown["DBClusterSnapshotAttributesResult"] == answer["DBClusterSnapshotAttributesResult"]
    assert shown["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"] == [
        {"AttributeName": "restore", "AttributeValues": [VAULT]}
    ]
    copy_cluster(vault, arn, "cluster-c", KmsKeyId=GOOD_KEY)
    found = until_cluster(vault, "cluster-c")
    assert found["SourceDBClusterSnapshotArn"] == arn
    assert found["DBClusterSnapshotArn"] == f"arn:aws:rds:{OTHER_REGION}:{VAULT}:cluster-snapshot:cluster-c"


def test_a_restore_straight_from_another_accounts_snapshot_is_not_in_this_lab(rds: Rds) -> None:
    arn = seeded(rds, "straight")
    share(rds.client, "straight", VAULT)
    client = rds.connect(REGION, access_key=VAULT_SESSION)
    asked = {"DBInstanceIdentifier": "straight-db", "DBSnapshotIdentifier": arn}
    assert code_of(client.restore_db_instance_from_db_snapshot, **asked) == "NotImplemented"


def test_a_public_snapshot_is_everybodys_and_listed_only_when_public_ones_are_asked_for(rds: Rds) -> None:
    arn = seeded(rds, "town-hall")
    share(rds.client, "town-hall", "all")
    client = rds.connect(REGION, access_key=VAULT_SESSION)

    def listed(**given: Any) -> set[str]:
        return {s["DBSnapshotIdentifier"] for s in client.describe_db_snapshots(**given)["DBSnapshots"]}

    assert arn in listed(SnapshotType="public") & listed(IncludePublic=True)
    assert arn not in listed() | listed(IncludeShared=True) | listed(SnapshotType="shared")
    (found,) = client.describe_db_snapshots(DBSnapshotIdentifier=arn, IncludePublic=True)["DBSnapshots"]
    assert found["SnapshotType"] == "public"
    copy(client, arn, "town-hall-c")
    until(client, "town-hall-c")
