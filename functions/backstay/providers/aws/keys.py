"""Encryption keys: whether RDS could encrypt a copy under one, and what to do where it could not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.errors import Denied, NotFound
from backstay.core.stores import KeyFacts
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_kms.client import KMSClient

_ENABLED: Final = "Enabled"
# KMS developer guide, "Key states of AWS KMS keys".
_REMEDIES: Final[Mapping[str, str]] = {
    "Creating": "try again in some minutes",
    "Updating": "try again in some minutes",
    "Disabled": "enable it (kms:EnableKey)",
    "PendingDeletion": "cancel its deletion (kms:CancelKeyDeletion) and enable it, or name another key",
    "PendingReplicaDeletion": "cancel its deletion (kms:CancelKeyDeletion) and enable it, or name another key",
    "PendingImport": "import its key material, or name another key",
    "Unavailable": "connect its key store again (kms:ConnectCustomKeyStore)",
}
_ARN: Final = "arn:"


def key_facts(kms: KMSClient, key: str, region: str) -> KeyFacts:
    """What is known of a key.

    RDS needs a symmetric key that encrypts (RDS user guide, "Encrypting Amazon RDS resources"); what AWS manages for an
    account serves nobody else (KMS developer guide, "AWS managed keys").

    Raises:
        ProviderError: KMS did not answer; that the key is not there, or that we may not look at it, is an answer.
    """
    if not key:
        return KeyFacts("", "no key is named: name one in the policy's location")
    try:
        with calling("kms:DescribeKey"):
            found: Any = kms.describe_key(KeyId=key)["KeyMetadata"]
            arn, manager, problem = found["Arn"], found["KeyManager"], _problem(found, key, region)
    except NotFound:
        return KeyFacts("", f"key {key} does not exist in {region}: create it there, or name another in the location")
    except Denied as exc:
        what = "allow it in the key's policy and in our role"
        problem = f"key {key} cannot be looked at: {exc}: {what}"
        return KeyFacts(key if key.startswith(_ARN) else "", problem, hidden=True)
    return KeyFacts(arn, problem, shareable=manager != "AWS")


def _problem(found: Mapping[str, Any], key: str, region: str) -> str:
    state, usage, spec = found["KeyState"], found["KeyUsage"], found.get("KeySpec") or found["CustomerMasterKeySpec"]
    if state != _ENABLED:
        return f"key {key} in {region} is {state}: {_REMEDIES.get(state, 'name another key')}"
    if (usage, spec) != ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
        return f"key {key} in {region} is {spec} for {usage}: RDS needs a symmetric one that encrypts, name another"
    return ""
