"""The master user's password, given or managed by RDS in Secrets Manager.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
"""

from __future__ import annotations

import json
import secrets as random_secrets
import string
import uuid
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tests.lab.rds.cloud import CloudError
from tests.lab.rds.model import invalid_combination, invalid_value
from tests.lab.rds.names import password as checked_password
from tests.lab.rds.state import Database, Secret

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call, Lab

_LENGTH = 28
_ALPHABET = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"


def new_password() -> str:
    """A password as RDS makes them."""
    return "".join(random_secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def initial(call: Call, arguments: Arguments, kind: str, username: str, arn: str) -> tuple[str, Secret | None]:
    """Password of a new database, and its secret when RDS manages it."""
    given = arguments.get("MasterUserPassword")
    if arguments.get("ManageMasterUserPassword"):
        if given is not None:
            raise invalid_combination("You can't specify MasterUserPassword for a managed master user password")
        password = new_password()
        key = arguments.get("MasterUserSecretKmsKeyId")
        return password, create(call, kind, username=username, password=password, arn=arn, key=key)
    if given is None:
        raise invalid_value("The parameter MasterUserPassword must be provided and must not be blank.")
    return checked_password(given), None


def create(call: Call, kind: str, *, username: str, password: str, arn: str, key: str | None) -> Secret:
    """Make the secret in the caller's name.

    Args:
        call: the call; its principal needs secretsmanager:CreateSecret and TagResource.
        kind: `db` or `cluster`.
        username: the master user.
        password: the password that the secret holds.
        arn: the database.
        key: KMS key for the secret, or None for Secrets Manager's own.
    """
    region, account = call.region.name, call.region.account
    name = f"rds!{kind}-{uuid.uuid4()}"
    resource = f"arn:aws:secretsmanager:{region}:{account}:secret:{name}"
    for action in ("CreateSecret", "TagResource"):
        call.demand(f"secretsmanager:{action}", resource, {"secretsmanager:Name": name})
    if key is not None:
        arn_of_key = call.lab.cloud.usable_key(region, key, account)
        if arn_of_key is None:
            raise invalid_value(f"The KMS key {key} for the secret is not usable")
        via = {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}
        for action in ("DescribeKey", "GenerateDataKey", "Decrypt"):
            call.demand(f"kms:{action}", arn_of_key, via)
        key = arn_of_key
    text = json.dumps({"username": username, "password": password})
    owner = [
        {"Key": "aws:rds:primaryDBInstanceArn" if kind == "db" else "aws:rds:primaryDBClusterArn", "Value": arn},
        {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
    ]
    secrets = call.lab.cloud.secrets(region, account)
    description = "Secret associated with primary RDS DB " + ("instance" if kind == "db" else "cluster")
    try:
        if key is None:
            made = secrets.create_secret(Name=name, SecretString=text, Tags=owner, Description=description)  # type: ignore[arg-type]
        else:
            made = secrets.create_secret(
                Name=name,
                SecretString=text,
                Tags=owner,  # type: ignore[arg-type]
                Description=description,
                KmsKeyId=key,
            )
    except ClientError as exc:
        raise CloudError(f"secretsmanager:CreateSecret {name}: {exc}") from exc
    shown = key or f"arn:aws:kms:{region}:{account}:key/{uuid.uuid5(uuid.NAMESPACE_DNS, f'sm.{region}.{account}')}"
    return Secret(made["ARN"], name, shown)


def rotate(lab: Lab, database: Database, password: str) -> None:
    """Write a new password into the database's secret."""
    if database.secret is not None:
        lab.cloud.secrets(database.region, database.arn.split(":")[4]).put_secret_value(
            SecretId=database.secret.arn,
            SecretString=json.dumps({"username": database.master_username, "password": password}),
        )


def delete(lab: Lab, database: Database) -> None:
    """Remove the secret with its database."""
    if database.secret is not None:
        lab.cloud.secrets(database.region, database.arn.split(":")[4]).delete_secret(
            SecretId=database.secret.arn, ForceDeleteWithoutRecovery=True
        )
