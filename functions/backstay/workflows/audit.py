"""Audit: observe, judge, remember, tell. Never changes a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.workflows import digest
from backstay.workflows.examine import examine

if TYPE_CHECKING:
    from backstay.core.ports import World
    from backstay.core.requests import AuditRequest
    from backstay.workflows.reports import Report


def audit(world: World, request: AuditRequest) -> Report:
    """Judges the selected Databases by every rule, in this run.

    Returns:
        the Report ``backstay.audit/1`` of `examine`, and ``digest_sent``: whether people were sent a message.

    Raises:
        BadRequest: the request names no Database that we could look at.
        ProviderError: the vault, the bus or the pager failed, so what changed could not be remembered or told.
    """
    started = world.clock.now()
    known = digest.known(world) if request.all is True else None
    report = examine(world, request)
    if known is None:
        return {**report, "digest_sent": False}
    news = digest.News(known)
    news.add(report, world.inventories)
    return {**report, "digest_sent": digest.send(world, news, started)}
