"""Surroundings in order, where moto stands behind the databases: most of what a survey reads moto does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.moto_api._internal import mock_random

from backstay.core.model import Provider, Scope
from backstay.providers.aws.surveyor import RdsSurveyor
from backstay.providers.memory import MemoryClock, MemoryCloud
from backstay.providers.memory.surveyor import MemorySurvey
from tests.fleet import ACCOUNT, NOW

if TYPE_CHECKING:
    import pytest

GROUP = "private"


def in_order(patch: pytest.MonkeyPatch) -> None:
    """Every survey finds all that the databases use; the contract suite holds the real one to its word."""
    scope = Scope(Provider.AWS, ACCOUNT, "eu-west-2")
    patch.setattr(RdsSurveyor, "begin", lambda _: MemorySurvey(MemoryCloud(MemoryClock(NOW)), scope))


def subnet_group(ec2: Any, rds: Any) -> str:
    """The name of a subnet group that is there, its subnet the same in every run."""
    if not any(each["DBSubnetGroupName"] == GROUP for each in rds.describe_db_subnet_groups()["DBSubnetGroups"]):
        before = mock_random.getstate()
        mock_random.seed(7)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        mock_random.setstate(before)
        rds.create_db_subnet_group(DBSubnetGroupName=GROUP, DBSubnetGroupDescription="one", SubnetIds=[subnet])
    return GROUP
