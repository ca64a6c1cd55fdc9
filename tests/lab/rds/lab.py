"""What every handler gets: the lab's parts, and the call that it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from tests.lab.rds.model import Fault

if TYPE_CHECKING:
    from tests.lab.rds.calls import Calls
    from tests.lab.rds.cloud import Cloud, Verdict
    from tests.lab.rds.events import Events
    from tests.lab.rds.faults import Faults
    from tests.lab.rds.flights import Copies
    from tests.lab.rds.jobs import Jobs
    from tests.lab.rds.servers import Servers
    from tests.lab.rds.state import Database, Region, Store

Arguments = dict[str, Any]
Item = TypeVar("Item", bound="Database")


@dataclass(frozen=True, slots=True)
class Lab:
    """The parts."""

    store: Store
    servers: Servers
    jobs: Jobs
    events: Events
    cloud: Cloud
    faults: Faults
    calls: Calls
    copies: Copies


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call."""

    lab: Lab
    region: Region
    access_key: str
    verdict: Verdict

    def allowed(self, action: str, resource: str, context: dict[str, str] | None = None) -> bool:
        """Whether the caller may do `action` itself: RDS makes such calls in the caller's name.

        The check is recorded as a call of its own, as CloudTrail does (`invokedBy`).
        """
        asked = {"aws:RequestedRegion": self.region.name, "aws:ViaAWSService": "true", **(context or {})}
        verdict = self.lab.cloud.authorize(self.access_key, action, [resource], asked)
        service, name = action.split(":")
        self.lab.calls.add(
            service=service,
            action=name,
            region=self.region.name,
            principal=verdict.principal,
            function=verdict.function,
            resources=[resource],
            parameters={},
            status=200 if verdict.allowed else 403,
            error=None if verdict.allowed else "AccessDenied",
            invoked_by="rds.amazonaws.com",
        )
        return verdict.allowed

    def demand(self, action: str, resource: str, context: dict[str, str] | None = None) -> None:
        """Refuse the call unless the caller may do `action` on `resource` too."""
        if not self.allowed(action, resource, context):
            raise denied(self.verdict.principal, action, resource)


def denied(principal: str, action: str, resource: str) -> Fault:
    """AccessDenied with IAM's wording (403 in the query protocol)."""
    return Fault(
        "AccessDenied",
        f"User: {principal} is not authorized to perform: {action} on resource: {resource} because no "
        f"identity-based policy allows the {action} action",
        403,
    )


def frozen(database: Item) -> Item:
    """A copy of `database` as it is now, for snapshots and retained backups."""
    return replace(
        database,
        tags=dict(database.tags),
        roles=[],
        pending={},
        replicas=[],
        security_groups=list(database.security_groups),
        attributes=dict(database.attributes),
        upgrades=list(database.upgrades),
        secret=None,
    )
