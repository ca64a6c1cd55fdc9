"""The sample events that are published with the product, and the Databases that they are about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backstay.core.model import Kind
from backstay.core.requests import DatabaseRef

EVENTS = Path(__file__).parents[3] / "events"
ORDERS = DatabaseRef("orders", Kind.INSTANCE, "eu-west-2", "111122223333")
LEDGER = DatabaseRef("ledger", Kind.CLUSTER, "eu-west-2", "111122223333")
ORDERS_ARN = "arn:aws:rds:eu-west-2:111122223333:db:orders"


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded
