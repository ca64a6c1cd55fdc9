"""audit: by schedule over everything, by event over one Database, by its queue over one account and region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.requests import AuditRequest
from backstay.entry import Verb, audit_orders
from backstay.workflows.shards import audit_in_shards

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VERB: Final = Verb("audit", AuditRequest, audit_in_shards)


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """The Lambda handler: only a queue sends ``Records``."""
    return (
        audit_orders(event, context) if isinstance(event, dict) and "Records" in event else VERB.handler(event, context)
    )
