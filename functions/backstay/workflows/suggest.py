"""Suggest: a policy from what is there. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.model import EXIT_STATUS, Status
from backstay.core.suggest import suggestion
from backstay.workflows import reports
from backstay.workflows.observe import observe

if TYPE_CHECKING:
    from backstay.core.ports import World
    from backstay.core.requests import AuditRequest


def suggest(world: World, request: AuditRequest) -> reports.Report:
    """A commented policy for the fleet.

    Returns:
        the Report ``backstay.init/1``: ``document`` (YAML), ``tiers`` (name to how many Databases each gets),
        ``databases`` and ``unread``; its status is unknown when something could not be read.
    """
    seen = observe(world, request)
    suggested = suggestion(seen.databases)
    status = Status.UNKNOWN if seen.unread else Status.OK
    return {
        "schema": "backstay.init/1",
        "status": status.value,
        "exit_status": EXIT_STATUS[status],
        "databases": len(seen.databases),
        "tiers": suggested.counts,
        "document": suggested.document,
        "unread": [reports.unread_part(each) for each in seen.unread],
    }
