"""The matrix's account in moto: made once, and put back as it was before each run."""

from __future__ import annotations

import pickle
from typing import Any, Final

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data

from backstay.core.naming import FORWARDING
from tests.handlers.cloud import ACCOUNT, AWAY, BUS, HOME, PASSWORD, VAULT, client
from tests.surveys import GROUP, subnet_group

ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/import"
TOPIC, QUEUE = "backstay-alarms", "backstay-audit-shards"
# Networks and keys stay, since no workflow changes them: `Stage.run` holds every run to that.
LASTING: Final = frozenset({"ec2", "kms"})
# Moto's queues cannot be copied; what lies on them reaches no workflow, but by the test's hand.
_UNREAD: Final = frozenset({"sqs"})


class Account:
    """`orders` with PITR off and `ledger` with a window of a day in one region, `billing` in the other."""

    def __init__(self) -> None:
        place: Any = {"LocationConstraint": HOME}
        client("s3").create_bucket(Bucket=VAULT, CreateBucketConfiguration=place)
        client("events").create_event_bus(Name=BUS)
        client("sns").create_topic(Name=TOPIC)
        client("sqs").create_queue(QueueName=QUEUE)
        for region in (HOME, AWAY):
            _surround(region)
            named = _key(region)
            client("kms", region).create_alias(AliasName="alias/backstay", TargetKeyId=named)
        key = _key(AWAY)
        _orders(key)
        _billing()
        _ledger(key)
        client("kms", AWAY).describe_key(KeyId="alias/aws/secretsmanager")  # made when first asked for, and slowly
        for region in (HOME, AWAY):  # what is seen for the first time is still being created
            client("rds", region).describe_db_instances()
            client("rds", region).describe_db_clusters()

    def kept(self) -> bytes:
        """Everything as it is now."""
        return pickle.dumps(
            {each.service_name: {account: dict(regions) for account, regions in each.items()} for each in _services()}
        )

    def restore(self, before: bytes) -> None:
        """Everything is as it was kept."""
        services = _services()
        for service in services:
            for regions in service.values():
                for backend in regions.values():
                    backend.reset()  # closes the files behind S3's objects, wherever they are
        reset_model_data()  # moto's list of all that it ever made, through which each reset goes
        kept: dict[str, dict[str, dict[str, Any]]] = pickle.loads(before)  # noqa: S301  # ours
        for service in services:
            for account, regions in service.items():
                regions.clear()
                regions.update(kept.get(service.service_name, {}).get(account, {}))


def _key(region: str) -> str:
    """A key of ours; moto tells of no usage but of the one that it was given."""
    made: str = client("kms", region).create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    return made


def _services() -> list[Any]:
    """Everything in moto that has state by now, but for what stays."""
    used: Any = BackendDict
    once = {id(each): each for each in used._instances}  # moto notes a service once per account
    return [each for each in once.values() if each.service_name not in LASTING | _UNREAD]


def _surround(region: str) -> None:
    """What stands around the databases: groups of their own, since moto's default ones are not in its lists."""
    rds, events = client("rds", region), client("events", region)
    subnet_group(client("ec2", region), rds)
    for tail in FORWARDING:
        events.put_rule(Name=f"backstay{tail}", EventPattern='{"source": ["aws.rds"]}')
    for engine, major in {"postgres": "13", "mysql": "8.0"}.items():  # moto knows no newer PostgreSQL here
        rds.create_option_group(
            OptionGroupName=f"{engine}-og",
            EngineName=engine,
            MajorEngineVersion=major,
            OptionGroupDescription="own",
        )
    for family in ("postgres17", "aurora-postgresql17", "mysql8.0"):
        rds.create_db_parameter_group(
            DBParameterGroupName=f"own-{family.replace('.', '-')}", DBParameterGroupFamily=family, Description="own"
        )
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="own-cluster", DBParameterGroupFamily="aurora-postgresql17", Description="own"
    )


# Versions are the lab's: it says what can be ordered.
_OWN: Final[dict[str, Any]] = {
    "MasterUsername": "app_admin",
    "MasterUserPassword": PASSWORD,
    "DBSubnetGroupName": GROUP,
    "CopyTagsToSnapshot": True,
    "DeletionProtection": True,
    "Tags": [{"Key": "backup-tier", "Value": "gold"}],
}


def _orders(key: str) -> None:
    client("rds", AWAY).create_db_instance(
        DBInstanceIdentifier="orders",
        Engine="postgres",
        EngineVersion="17.10",
        DBInstanceClass="db.m7g.large",
        AllocatedStorage=20,
        BackupRetentionPeriod=0,
        DBParameterGroupName="own-postgres17",
        OptionGroupName="postgres-og",
        StorageEncrypted=True,
        KmsKeyId=key,
        **_OWN,
    )


def _billing() -> None:
    """An instance with a role."""
    rds = client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="billing",
        Engine="mysql",
        EngineVersion="8.0.43",
        DBInstanceClass="db.m7g.large",
        AllocatedStorage=20,
        BackupRetentionPeriod=14,
        DBParameterGroupName="own-mysql8-0",
        OptionGroupName="mysql-og",
        **_OWN,
    )
    rds.add_role_to_db_instance(DBInstanceIdentifier="billing", RoleArn=ROLE, FeatureName="s3Import")


def _ledger(key: str) -> None:
    """A cluster with a writer."""
    rds, engine = client("rds", AWAY), {"Engine": "aurora-postgresql", "EngineVersion": "17.10"}
    security: Any = client("ec2", AWAY).describe_security_groups()["SecurityGroups"][0]["GroupId"]
    rds.create_db_cluster(
        DBClusterIdentifier="ledger",
        BackupRetentionPeriod=1,
        DBClusterParameterGroupName="own-cluster",
        VpcSecurityGroupIds=[security],
        StorageEncrypted=True,
        KmsKeyId=key,
        **engine,
        **_OWN,
    )
    rds.create_db_instance(
        DBInstanceIdentifier="ledger-1",
        DBClusterIdentifier="ledger",
        DBInstanceClass="db.r7g.large",
        DBParameterGroupName="own-aurora-postgresql17",
        **engine,
    )
