"""What the tests of a restore's decision start from: sources, requests, facts, and the decision itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from backstay.core.decide.restore import decide
from backstay.core.model import Database, DatabaseId, RecoveryWindow, utc_text
from backstay.core.requests import RestoreRunRequest
from backstay.core.restoring import Check, Quota, RestoreFacts, RestorePlan, RestoreRefusal, Snapshot, Unchecked
from backstay.providers.aws import shapes
from tests.unit.core.given import NOW
from tests.unit.shapes import cluster, instance, instance_answer

if TYPE_CHECKING:
    from backstay.core.policy import Tier

ORDERS = instance("orders")
LEDGER = shapes.with_members(cluster("ledger"), [instance_answer("ledger-1")])
TRADES = cluster("trades")
MOMENT = NOW - timedelta(hours=1)
WINDOW = RecoveryWindow(NOW - timedelta(days=14), NOW - timedelta(minutes=4))
QUOTAS = (Quota("DBInstances", 3, 40), Quota("DBClusters", 1, 40), Quota("ManualSnapshots", 100, 100))
DENIED = Unchecked("kms:DescribeKey: AccessDenied")
REQUEST_ID = "orders-r-20261124-091500-0123456789abcdef"


def request(
    source: Database | DatabaseId = ORDERS, moment: datetime | None = MOMENT, **parts: Any
) -> RestoreRunRequest:
    ident = source.id if isinstance(source, Database) else source
    given: dict[str, Any] = {
        "database": ident.key,
        "target": f"{ident.name}-r-20261124-091500",
        "request_id": REQUEST_ID,
        "moment": utc_text(moment) if moment else None,
    }
    return RestoreRunRequest(**(given | parts))


def facts(database: Database | None = ORDERS, **parts: Any) -> RestoreFacts:
    given: dict[str, Any] = {
        "database": database,
        "window": WINDOW,
        "free_addresses": {"subnet-a": 10, "subnet-b": 0},
        "quotas": QUOTAS,
    }
    return RestoreFacts(**(given | parts))


def snapshot(of: Database = ORDERS, **parts: Any) -> Snapshot:
    given: dict[str, Any] = {
        "id": f"rds:{of.name}-2026-11-24-03-07",
        "arn": f"arn:aws:rds:eu-west-2:111122223333:snapshot:rds:{of.name}-2026-11-24-03-07",
        "kind": of.id.kind,
        "source": of.name,
        "engine": of.engine,
        "engine_version": "17.4",
        "status": "available",
        "ready": True,
        "data_time": NOW - timedelta(hours=7),
        "kms_key": "arn:aws:kms:eu-west-2:111122223333:key/old",
        "tags": {"team": "shop", "aws:backup:source": "x", "backstay:slot": "2026-11-24T03:00:00Z"},
    }
    return Snapshot(**(given | parts))


def decided(
    found: RestoreFacts, asked: RestoreRunRequest | None = None, asking: Tier | None = None
) -> RestorePlan | RestoreRefusal:
    asked = asked or request(found.database or ORDERS)
    source = found.database.id if found.database else ORDERS.id
    return decide(source=source, request=asked, facts=found, tier=asking, deployment="backstay", now=NOW)


def plan(found: RestoreFacts, asked: RestoreRunRequest | None = None, asking: Tier | None = None) -> RestorePlan:
    decision = decided(found, asked, asking)
    assert isinstance(decision, RestorePlan), decision
    return decision


def refusal(found: RestoreFacts, asked: RestoreRunRequest | None = None) -> RestoreRefusal:
    decision = decided(found, asked)
    assert isinstance(decision, RestoreRefusal), decision
    return decision


def gate(gates: tuple[Check, ...], name: str) -> Check:
    (found,) = [each for each in gates if each.name == name]
    return found
