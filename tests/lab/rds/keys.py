"""Encryption at rest: none, under an AWS-owned key, or under a KMS key that must be usable now."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tests.lab.rds.model import fault, invalid_combination

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Region

NONE, OWNED, KMS = "none", "sse-rds", "sse-kms"


def default_key(region: Region) -> str:
    """ARN of the account's AWS-managed key `aws/rds` in `region`."""
    name = uuid.uuid5(uuid.NAMESPACE_DNS, f"rds.{region.name}.{region.account}")
    return f"arn:aws:kms:{region.name}:{region.account}:key/{name}"


def chosen(call: Call, arguments: Arguments, *, owned_by_default: bool) -> tuple[str, str | None]:
    """(StorageEncryptionType, key ARN) of a new database.

    Aurora clusters made since 2026-02-18 are encrypted with an AWS-owned key when nothing is asked.
    """
    asked, key = arguments.get("StorageEncrypted"), arguments.get("KmsKeyId")
    if key is not None:
        if not asked:
            raise invalid_combination("KmsKeyId can be specified only when StorageEncrypted is enabled")
        return KMS, usable(call, key)
    if asked:
        return KMS, default_key(call.region)
    return (OWNED if owned_by_default else NONE), None


def usable(call: Call, key: str) -> str:
    """ARN of `key`, which exists, is enabled, and which the caller may let RDS use.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html (the caller needs
    kms:CreateGrant and kms:DescribeKey).
    """
    if key == default_key(call.region) or key in ("alias/aws/rds", "aws/rds"):
        return default_key(call.region)
    arn = call.lab.cloud.usable_key(call.region.name, key, call.region.account)
    here = arn is not None and arn.split(":")[3] == call.region.name
    if arn is None or not here or not _granted(call, call.region, arn):
        raise fault(
            "KMSKeyNotAccessibleFault",
            f"The specified KMS key [{key}] does not exist, is not enabled or "
            "you do not have permissions to access it.",
        )
    return arn


def readable(call: Call, origin: Region, key: str) -> None:
    """Refuse unless RDS may decrypt with `key`, a snapshot's in `origin`, in the caller's name.

    Source of the words: https://github.com/pbudzon/aws-maintenance/issues/13
    """
    if key == default_key(origin) and origin.account == call.region.account:
        return
    arn = call.lab.cloud.usable_key(origin.name, key, origin.account)
    if arn is None or not _granted(call, origin, arn):
        raise fault(
            "KMSKeyNotAccessibleFault",
            "The source snapshot KMS key does not exist, is not enabled or you do not have permissions to access it",
        )


def _granted(call: Call, region: Region, arn: str) -> bool:
    """Whether the caller may let RDS in `region` use the key `arn`."""
    context = {
        "aws:RequestedRegion": region.name,
        "kms:ViaService": f"rds.{region.name}.amazonaws.com",
        "kms:GrantIsForAWSResource": "true",
    }
    return all(call.allowed(f"kms:{name}", arn, context) for name in ("DescribeKey", "CreateGrant"))


def inherited(call: Call, encryption: str, key: str | None) -> tuple[str, str | None]:
    """What a restored database gets from its source; the source's key must be usable."""
    return encryption, (usable(call, key) if key is not None else None)
