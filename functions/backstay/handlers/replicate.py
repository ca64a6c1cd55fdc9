"""replicate: by schedule, and by its queue of snapshot events; over everything either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.requests import ReplicateRequest
from backstay.entry import Verb
from backstay.workflows.replicate import replicate

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

VERB: Final = Verb("replicate", ReplicateRequest, replicate)


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """The Lambda handler: only a queue sends ``Records``.

    What they say does not matter. A copy's turn depends on all that is on its way, so however many snapshots have
    become available, one look at everything serves them all.
    """
    return VERB.handler({"all": True} if isinstance(event, dict) and "Records" in event else event, context)
