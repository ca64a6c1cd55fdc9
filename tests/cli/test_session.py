"""From a command line to AWS: account, regions, credentials, over an emulator that someone else wrote."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from backstay.workflows.reports import every_verdict
from tests.surveys import in_order, subnet_group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Terminal

POLICY = """
version: 1
timezone: UTC
tiers:
  - {name: all, match: {providers: [aws]}, pitr: {window: 2d, apply: immediately}, enforce: [pitr]}
"""


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests lends neither credentials nor a region."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # a third of a second for each test
    in_order(monkeypatch)
    with mock_aws():
        yield


@cache
def _somebody() -> boto3.Session:
    """One session for all clients of the tests' own: it keeps the models that it has read."""
    return boto3.Session("testing", "testing")


def client(service: Any, region: str = "eu-west-2") -> Any:
    return _somebody().client(service, region_name=region)


def make(name: str, region: str, days: int) -> None:
    rds = client("rds", region)
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="master",
        MasterUserPassword="made-up-password",
        BackupRetentionPeriod=days,
        PubliclyAccessible=False,
        DBSubnetGroupName=subnet_group(client("ec2", region), rds),
    )


def test_without_credentials_it_says_how_to_get_some(terminal: Terminal) -> None:
    result = terminal.run("audit --region eu-west-2")
    assert result.exit_code == 2
    assert "no usable credentials" in result.stderr
    assert "--profile" in result.stderr
    assert "aws sso login" in result.stderr
    assert "Traceback" not in result.output


def test_without_a_region_it_says_how_to_give_one(terminal: Terminal) -> None:
    result = terminal.run("audit")
    assert result.exit_code == 1
    assert "no region to look in" in result.stderr
    assert "--region eu-west-2" in result.stderr


def test_an_unknown_profile_lists_the_known_ones(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile prod]\nregion = eu-west-2\n")
    result = terminal.run("audit --profile prdo")
    assert result.exit_code == 1
    assert "prdo" in result.stderr
    assert "accepted: prod" in result.stderr


@pytest.mark.parametrize("region", ["eu-west-22", "London", "eu-wset-2"])
def test_an_unknown_region_is_refused_before_anything_is_asked(terminal: Terminal, region: str) -> None:
    result = terminal.run(f"audit --region {region}")
    assert result.exit_code == 1
    assert "--region: is not a region we know" in result.stderr


@pytest.mark.usefixtures("aws")
def test_a_newcomer_audits_two_regions_with_the_packaged_policy(terminal: Terminal) -> None:
    make("orders", "eu-west-2", 0)
    make("ledger", "eu-west-1", 7)
    status, report = terminal.json("audit --region eu-west-2 --region eu-west-1")
    assert status == 1
    assert report["policy"]["source"] == "default"
    assert {each["database"]["region"] for each in every_verdict(report)} == {"eu-west-1", "eu-west-2"}
    assert {each["database"]["account"] for each in every_verdict(report)} == {"123456789012"}


@pytest.mark.usefixtures("aws")
def test_the_profile_s_own_region_is_the_default(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile prod]\nregion = eu-west-2\naws_access_key_id = testing\naws_secret_access_key = testing\n"
    )
    make("orders", "eu-west-2", 0)
    assert terminal.json("audit --profile prod")[1]["databases"] == 1


@pytest.mark.usefixtures("aws")
def test_a_policy_from_a_file_is_enforced_once(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    make("orders", "eu-west-2", 1)
    terminal.run(f"protect orders --yes --region eu-west-2 --policy {tmp_path}/policy.yaml")
    rds = client("rds")
    assert rds.describe_db_instances()["DBInstances"][0]["BackupRetentionPeriod"] == 2
    again = terminal.json(f"plan --region eu-west-2 --policy {tmp_path}/policy.yaml")
    assert (again[0], again[1]["outcomes"]) == (0, [])


@pytest.mark.usefixtures("aws")
def test_repairs_are_remembered_in_a_named_vault(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    s3 = client("s3")
    s3.create_bucket(Bucket="our-vault", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    make("orders", "eu-west-2", 1)
    terminal.run(f"protect orders --yes --region eu-west-2 --policy {tmp_path}/policy.yaml --vault our-vault")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="our-vault")["Contents"]]
    assert keys == ["repairs/aws/123456789012/eu-west-2/instance/orders.json"]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--policy nowhere.yaml", "nowhere.yaml"),
        ("--policy http://x/y", "--policy: is not as it should be"),
        ("--policy s3://no-such-bucket/policy.yaml", "does not exist"),
        ("--policy pyproject.toml", "policy pyproject.toml is refused"),
        ("--deployment Not_Ours", "--deployment: is not as it should be"),
    ],
)
def test_a_bad_option_is_refused(terminal: Terminal, options: str, told: str) -> None:
    result = terminal.run(f"audit --region eu-west-2 {options}")
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("aws")
def test_a_ca_bundle_that_is_not_there_stops_a_restore_before_it_begins(terminal: Terminal) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="our-vault", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    line = "restore orders --to latest --yes --region eu-west-2 --ca-bundle s3://our-vault/none.pem"
    result = terminal.run(line)
    assert result.exit_code == 2
    assert "the CA bundle s3://our-vault/none.pem cannot be read" in result.stderr


KEEPING = """
version: 1
timezone: UTC
locations:
  dr: {aws: {region: eu-west-1, kms_key: alias/backstay}}
tiers:
  - name: all
    match: {providers: [aws]}
    snapshots: {every: 1d, keep: {daily: 1}}
    copies: [{to: dr, keep: {daily: 1}}]
"""


@pytest.mark.usefixtures("aws")
def test_a_newcomer_snapshots_adopts_and_looks_what_prune_would_do(terminal: Terminal, tmp_path: Path) -> None:
    """The place that the policy names is read, though no --region names it."""
    (tmp_path / "policy.yaml").write_text(KEEPING)
    given = f"--region eu-west-2 --policy {tmp_path}/policy.yaml"
    make("orders", "eu-west-2", 7)
    rds = client("rds")
    rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="before-upgrade")
    assert terminal.json(f"snapshot orders --yes {given}")[0] == 3
    found = {each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]}
    assert len(found) == 2
    assert terminal.json(f"snapshot orders --dry-run {given}")[1]["outcomes"] == []
    status, adopted = terminal.json(f"adopt orders before-upgrade --yes {given}")
    assert (status, adopted["counts"]) == (0, {"done": 1})
    tags = rds.list_tags_for_resource(ResourceName=adopted["outcomes"][0]["arn"])["TagList"]
    assert {"Key": "backstay:database", "Value": "aws/123456789012/eu-west-2/instance/orders"} in tags
    copied = {"SourceRegion": "eu-west-2", "TargetDBSnapshotIdentifier": "by-hand"}
    client("rds", "eu-west-1").copy_db_snapshot(SourceDBSnapshotIdentifier=adopted["outcomes"][0]["arn"], **copied)
    _, pruned = terminal.json(f"prune orders --dry-run {given}")
    told = [each for location in pruned["pruned"][0]["locations"] for each in location["keep"] + location["refused"]]
    assert {each["point"].split(":")[-1] for each in told} == found
