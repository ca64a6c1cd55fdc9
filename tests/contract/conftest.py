"""The sites: memory (new for each test), moto, and one lab for the session."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from backstay.core.model import Kind
from tests.contract import points, sites
from tests.contract.door import Door
from tests.fleet import ACCOUNT
from tests.labtests.rds.conftest import Process, Rds, instance_arguments
from tests.labtests.rds.standin import GOOD_KEY, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.points import PointSite
    from tests.contract.sites import Site

REGION = "eu-west-2"
READ_SECONDS = 2


@pytest.fixture(scope="package")
def surroundings() -> Iterator[None]:
    """An account without credentials files, and clients that give up soon."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
        patch.setenv("AWS_SECRET_ACCESS_KEY", "lab")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        patch.setattr("backstay.providers.aws.clients._READ_SECONDS", READ_SECONDS)
        yield


@pytest.fixture
def mocked(surroundings: None) -> Iterator[None]:  # noqa: ARG001  # fixtures ask for fixtures by name
    with mock_aws():
        yield


@pytest.fixture(scope="package")
def lab_rds(surroundings: None) -> Iterator[Rds]:  # noqa: ARG001  # fixtures ask for fixtures by name
    server = StandIn()
    process = Process(server.url, marker="contract")
    yield Rds(process, server.cloud)
    process.close()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="package")
def lab_site(lab_rds: Rds) -> Iterator[Site]:
    door = Door(lab_rds.cloud)
    with pytest.MonkeyPatch.context() as patch:  # only while the clients are made: other sites have other endpoints
        patch.setenv("AWS_ENDPOINT_URL_RDS", lab_rds.process.url)
        for service in ("SECRETS_MANAGER", "EC2", "KMS", "EVENTBRIDGE"):
            patch.setenv(f"AWS_ENDPOINT_URL_{service}", door.url)
        site = sites.lab(lab_rds, door)
    _fill(lab_rds)
    yield site
    door.close()


def _fill(rds: Rds) -> None:
    """The fleet of ``sites.Site``."""
    client: Any = rds.client
    tags = [{"Key": "backup-tier", "Value": "gold"}]
    family = {"DBParameterGroupFamily": "postgres17", "Description": "custom"}
    client.create_db_parameter_group(DBParameterGroupName="orders-pg", **family)
    aurora = {"DBParameterGroupFamily": "aurora-postgresql17", "Description": "custom"}
    client.create_db_cluster_parameter_group(DBClusterParameterGroupName="ledger-pg", **aurora)
    client.create_option_group(
        OptionGroupName="orders-og", EngineName="postgres", MajorEngineVersion="17", OptionGroupDescription="custom"
    )
    client.create_db_subnet_group(
        DBSubnetGroupName="private",
        DBSubnetGroupDescription="two zones",
        SubnetIds=["subnet-00000001", "subnet-00000002"],
    )
    orders: dict[str, Any] = instance_arguments(
        "orders",
        BackupRetentionPeriod=7,
        DBParameterGroupName="orders-pg",
        OptionGroupName="orders-og",
        DBSubnetGroupName="private",
        CopyTagsToSnapshot=True,
        DeletionProtection=True,
        StorageEncrypted=True,
        KmsKeyId=GOOD_KEY,
        Tags=tags,
    )
    client.create_db_instance(**orders)
    client.create_db_instance(**instance_arguments("plain", DBInstanceClass="db.m7g.large"))
    login: Any = {"MasterUsername": "app", "MasterUserPassword": "correct-horse-1"}
    client.create_db_cluster(
        DBClusterIdentifier="ledger",
        Engine="aurora-postgresql",
        BackupRetentionPeriod=1,
        DBClusterParameterGroupName="ledger-pg",
        CopyTagsToSnapshot=True,
        DeletionProtection=True,
        Tags=tags,
        **login,
    )
    rds.admin("POST", "/_lab/seed", {"region": REGION, "clusters": 1, "engine": "docdb", "prefix": "papers"})
    rds.until_cluster("ledger")
    client.create_db_instance(
        DBInstanceIdentifier="ledger-1",
        DBClusterIdentifier="ledger",
        DBInstanceClass="db.r7g.large",
        Engine="aurora-postgresql",
    )
    rds.until_instance("orders")
    client.add_role_to_db_instance(DBInstanceIdentifier="orders", RoleArn=sites.ROLE.arn, FeatureName="s3Import")
    client.create_db_snapshot(DBSnapshotIdentifier="orders-snap", DBInstanceIdentifier="orders")
    rds.until_instance("ledger-1")
    client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="ledger-snap", DBClusterIdentifier="ledger")
    client.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier="orders-snap", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    client.get_waiter("db_cluster_snapshot_available").wait(
        DBClusterSnapshotIdentifier="ledger-snap", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    rds.until_instance("orders")
    rds.until_instance("plain")


@pytest.fixture
def lab_ready(lab_site: Site) -> Iterator[Site]:
    """The lab without faults."""
    yield lab_site
    assert lab_site.rds is not None
    assert lab_site.door is not None
    lab_site.rds.admin("DELETE", "/_lab/faults")
    lab_site.door.deny.clear()


def _site(name: str, request: pytest.FixtureRequest) -> Site:
    if name == "memory":
        return sites.memory()
    if name == "moto":
        request.getfixturevalue("mocked")
        return sites.moto(boto3.client("rds"))
    found: Site = request.getfixturevalue("lab_ready")
    return found


@pytest.fixture(params=["memory", "moto", "lab"])
def any_site(request: pytest.FixtureRequest) -> Site:
    return _site(request.param, request)


@pytest.fixture(params=["memory", "lab"])
def strict_site(request: pytest.FixtureRequest) -> Site:
    return _site(request.param, request)


@pytest.fixture(scope="package")
def lab_points_site(lab_rds: Rds, lab_site: Site) -> PointSite:
    assert lab_site.door is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_RDS", lab_rds.process.url)
        patch.setenv("AWS_ENDPOINT_URL_KMS", lab_site.door.url)
        return points.lab(lab_rds, lab_site.door)


@pytest.fixture
def lab_points(lab_points_site: PointSite) -> Iterator[PointSite]:
    """The lab without faults and without copies that stand still."""
    site = lab_points_site
    assert site.rds is not None
    assert site.door is not None
    for scope, kind in product(site.stores, Kind):
        site.levers.room(scope, kind, points.PLENTY)
    yield site
    site.rds.admin("DELETE", "/_lab/faults")
    site.levers.release()
    site.door.deny.clear()


def _points(name: str, request: pytest.FixtureRequest) -> PointSite:
    if name == "memory":
        return points.memory()
    if name == "moto":
        request.getfixturevalue("mocked")
        return points.moto(boto3.client("rds"))
    found: PointSite = request.getfixturevalue("lab_points")
    return found


@pytest.fixture(params=["memory", "moto", "lab"])
def any_points(request: pytest.FixtureRequest) -> PointSite:
    return _points(request.param, request)


@pytest.fixture(params=["memory", "lab"])
def strict_points(request: pytest.FixtureRequest) -> PointSite:
    return _points(request.param, request)
