"""Rules for identifiers and other values, as RDS's API reference states them per parameter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.lab.rds.model import invalid_value

if TYPE_CHECKING:
    from collections.abc import Iterable

_IDENTIFIER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_PASSWORD_BAD = re.compile(r'[/"@ ]|[^\x20-\x7e]')
_RESERVED_USERS = frozenset({"rdsadmin", "postgres_admin", "admin", "user", "public", "rds_superuser"})
_TAG = re.compile(r"[\w\s.:/=+\-@]*")

INSTANCE_LENGTH = 63
SNAPSHOT_LENGTH = 255
MULTI_AZ_CLUSTER_LENGTH = 52
MAX_TAGS = 50


def identifier(value: str, parameter: str, length: int = INSTANCE_LENGTH) -> str:
    """The stored (lower-case) form of an identifier.

    Source: CreateDBInstance, DBInstanceIdentifier: 1 to 63 letters, numbers or hyphens, first a letter, no
    hyphen at the end, no two in a row.
    """
    if not _IDENTIFIER.fullmatch(value) or len(value) > length:
        raise invalid_value(
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must "
            f"contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two "
            f"consecutive hyphens; and must be at most {length} characters long."
        )
    return value.lower()


def password(value: str) -> str:
    """Source: CreateDBInstance, MasterUserPassword: 8 to 128 printable ASCII characters but / " @."""
    if not 8 <= len(value) <= 128 or _PASSWORD_BAD.search(value):
        raise invalid_value(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
            "'/', '@', '\"', ' ' may be used, and it must have 8 to 128 characters."
        )
    return value


def username(value: str) -> str:
    """Source: CreateDBInstance, MasterUsername: 1 to 16 letters, numbers, underscores; first a letter."""
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,15}", value):
        raise invalid_value(f"Invalid master user name: {value}")
    if value.lower() in _RESERVED_USERS:
        raise invalid_value(f"MasterUsername {value} cannot be used as it is a reserved word used by the engine")
    return value


def retention(value: int, low: int) -> int:
    """Source: BackupRetentionPeriod: instances 0 to 35, clusters 1 to 35 days."""
    if not low <= value <= 35:
        raise invalid_value(f"Invalid backup retention period: {value}. Must be a value from {low} to 35.")
    return value


def port(value: int) -> int:
    """Source: CreateDBInstance, Port: 1150-65535."""
    if not 1150 <= value <= 65535:
        raise invalid_value(f"Invalid port: {value}. Must be a value from 1150 to 65535.")
    return value


_DAYS = "mon|tue|wed|thu|fri|sat|sun"
_TIME = r"([01]\d|2[0-3]):[0-5]\d"


def backup_window(value: str) -> str:
    """Source: PreferredBackupWindow: hh24:mi-hh24:mi in UTC."""
    if not re.fullmatch(f"{_TIME}-{_TIME}", value):
        raise invalid_value(f"Invalid backup window: {value}")
    return value


def maintenance_window(value: str) -> str:
    """Source: PreferredMaintenanceWindow: ddd:hh24:mi-ddd:hh24:mi in UTC."""
    if not re.fullmatch(f"({_DAYS}):{_TIME}-({_DAYS}):{_TIME}", value.lower()):
        raise invalid_value(f"Invalid maintenance window: {value}")
    return value.lower()


def tags(given: Iterable[dict[str, str]]) -> dict[str, str]:
    """Tags by key. `aws:` is reserved; a key has 1 to 128 characters, a value 256, a set at most 50.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html
    """
    found: dict[str, str] = {}
    for tag in given:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise invalid_value(f"Invalid tag length: {key}")
        if key.lower().startswith(("aws:", "rds:")):
            raise invalid_value(f"The tag key {key} uses a reserved prefix")
        if not _TAG.fullmatch(key) or not _TAG.fullmatch(value):
            raise invalid_value(f"The tag {key}={value} has characters that are not allowed")
        if key in found:
            raise invalid_value(f"Duplicate tag key: {key}")
        found[key] = value
    if len(found) > MAX_TAGS:
        raise invalid_value(f"At most {MAX_TAGS} tags are allowed")
    return found
