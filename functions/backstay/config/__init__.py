"""Environment and policy document to core values: everything from outside is validated here, or refused."""

from backstay.config.edge import schema_of, validate
from backstay.config.policies import (
    PolicyDocument,
    PolicyStore,
    StoredPolicy,
    load_policy,
    parse_policy,
    policy_schema,
)
from backstay.config.settings import Settings

__all__ = [
    "PolicyDocument",
    "PolicyStore",
    "Settings",
    "StoredPolicy",
    "load_policy",
    "parse_policy",
    "policy_schema",
    "schema_of",
    "validate",
]
