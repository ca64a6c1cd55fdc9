"""The demo's fleet: what it has, and what a bare restore would lose of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lab.cloud.lab import Lab

REGION = "eu-west-2"
DBNAME = "shop"
GOLD = [{"Key": "backup-tier", "Value": "gold"}, {"Key": "team", "Value": "payments"}]
LOGIN = {"MasterUsername": "master", "MasterUserPassword": "made-up-for-the-lab"}


class Fleet:
    """`orders` (PITR off), `ledger` (Aurora, one day), `scratch-1` (exempt), `legacy` (no tier)."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.rds = lab.client("rds", REGION)
        self.key = lab.client("kms", REGION).create_key(Description="orders' own")["KeyMetadata"]["Arn"]
        self.group = self._network()

    def _network(self) -> str:
        """A security group, and a subnet group `private` over two zones."""
        ec2 = self.lab.client("ec2", REGION)
        vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for number, zone in enumerate("ab")
        ]
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="private",
            DBSubnetGroupDescription="two zones",
            SubnetIds=[subnet["Subnet"]["SubnetId"] for subnet in subnets],
        )
        group = ec2.create_security_group(GroupName="databases", Description="from the application only", VpcId=vpc)
        return str(group["GroupId"])

    def create(self) -> None:
        """Create all four and wait until they are available."""
        self._groups()
        self._orders()
        self._ledger()
        self._plain("scratch-1")
        self._plain("legacy")
        self.lab.until("the fleet", self._available, seconds=60)

    def _groups(self) -> None:
        families = {"Description": "theirs"}
        self.rds.create_db_parameter_group(
            DBParameterGroupName="orders-pg", DBParameterGroupFamily="postgres17", **families
        )
        self.rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName="ledger-pg", DBParameterGroupFamily="aurora-postgresql17", **families
        )

    def _orders(self) -> None:
        self.rds.create_db_instance(
            DBInstanceIdentifier="orders",
            Engine="postgres",
            DBInstanceClass="db.t4g.medium",
            AllocatedStorage=20,
            DBName=DBNAME,
            BackupRetentionPeriod=0,
            StorageEncrypted=True,
            KmsKeyId=self.key,
            DBParameterGroupName="orders-pg",
            DBSubnetGroupName="private",
            VpcSecurityGroupIds=[self.group],
            PubliclyAccessible=False,
            Tags=GOLD,
            **LOGIN,
        )

    def _ledger(self) -> None:
        self.rds.create_db_cluster(
            DBClusterIdentifier="ledger",
            Engine="aurora-postgresql",
            DatabaseName=DBNAME,
            BackupRetentionPeriod=1,
            StorageEncrypted=True,
            KmsKeyId=self.key,
            DBClusterParameterGroupName="ledger-pg",
            DBSubnetGroupName="private",
            VpcSecurityGroupIds=[self.group],
            Tags=GOLD,
            **LOGIN,
        )
        self.lab.until("ledger", lambda: self.cluster("ledger")["Status"] == "available", seconds=30)
        self.rds.create_db_instance(
            DBInstanceIdentifier="ledger-1",
            DBClusterIdentifier="ledger",
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
        )

    def _plain(self, name: str) -> None:
        self.rds.create_db_instance(
            DBInstanceIdentifier=name,
            Engine="postgres",
            DBInstanceClass="db.t4g.medium",
            AllocatedStorage=20,
            BackupRetentionPeriod=1,
            **LOGIN,
        )

    def _available(self) -> bool:
        answers = self.rds.describe_db_instances()["DBInstances"]
        return all(answer["DBInstanceStatus"] == "available" for answer in answers)

    def instance(self, name: str) -> dict[str, Any]:
        """One instance as RDS describes it."""
        return dict(self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])

    def cluster(self, name: str) -> dict[str, Any]:
        """One cluster as RDS describes it."""
        return dict(self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])

    def dsn(self, name: str) -> str:
        """The lab's own way into a database's server, for its rows."""
        found = self.lab.rds_admin("GET", "databases")["databases"]
        return next(str(each["dsn"]) for each in found if each["identifier"] == name)
