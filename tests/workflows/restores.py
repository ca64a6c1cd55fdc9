"""What the tests of the runner share: sources, the target, and what a report must say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backstay.core.decide.restore import decide
from backstay.core.errors import Rejected
from backstay.core.model import Database, DatabaseId, Kind, Role
from backstay.core.restoring import RestorePlan
from tests.fleet import LONDON, configuration, database

if TYPE_CHECKING:
    from backstay.core.requests import RestoreRunRequest
    from tests.workflows.ways import Way


ROLES = (
    Role("arn:aws:iam::111122223333:role/import", "s3Import"),
    Role("arn:aws:iam::111122223333:role/call", "Lambda"),
)
TARGET = "orders-r-20261124-093000"
TARGET_ID = DatabaseId(LONDON, Kind.INSTANCE, TARGET)
STEPS = ("begin", "plan", "create", "data", "master-login", "login", "roles", "read-back")
CLUSTER_STEPS = (*STEPS[:4], "create-writer", "writer", *STEPS[4:])


def orders(**given: Any) -> Database:
    config = replace(configuration("orders", Kind.INSTANCE), roles=ROLES)
    return database(**({"config": config} | given))


def ledger(**given: Any) -> Database:
    config = replace(configuration("orders", Kind.CLUSTER), roles=ROLES)
    return database(kind=Kind.CLUSTER, **({"config": config} | given))


def target_of(way: Way, kind: Kind = Kind.INSTANCE, name: str = TARGET) -> Database:
    return way.given.now(DatabaseId(LONDON, kind, name))


def makes(way: Way) -> list[str]:
    """The calls that make something, in order."""
    calls = way.given.cloud.called("create", "create_writer", "settle", "attach_roles", "change")
    return [call.method for call in calls]


def decided(way: Way, request: RestoreRunRequest) -> RestorePlan:
    source = way.given.now(orders().id)
    facts = way.given.world.restorers[LONDON].facts(request, source)
    plan = decide(
        source=source.id, request=request, facts=facts, tier=None, deployment="backstay", now=way.given.clock.now()
    )
    assert isinstance(plan, RestorePlan)
    return plan


def rejected() -> None:
    raise Rejected("LimitExceeded: too many roles", call="rds:AddRoleToDBInstance")


def failed(report: dict[str, Any], phase: str, error: str) -> str:
    """The message of a truthful error report."""
    assert (report["status"], report["exit_status"]) == ("error", 2)
    assert (report["error"]["phase"], report["error"]["type"]) == (phase, error)
    assert report["target"] == TARGET
    assert "endpoint" not in report
    message: str = report["error"]["message"]
    return message
