"""What the restorer makes of the writer's status."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from backstay.core.errors import Rejected
from backstay.core.model import Configuration, DatabaseId, Kind, Provider, Scope
from backstay.core.restoring import RestorePlan
from backstay.providers.aws.inventory import RdsInventory
from backstay.providers.aws.restorer import RdsRestorer

SCOPE = Scope(Provider.AWS, "111122223333", "eu-west-2")
PLAN = RestorePlan(
    source=DatabaseId(SCOPE, Kind.CLUSTER, "ledger"),
    source_arn="",
    engine="aurora-postgresql",
    engine_version="17.5",
    target=DatabaseId(SCOPE, Kind.CLUSTER, "ledger-r"),
    request_id="r",
    moment=None,
    snapshot="",
    retention_days=1,
    deletion_protection=False,
    copy_tags=True,
    tags={},
    config=Configuration(),
    writer="ledger-r-1",
    gates=(),
)


class OneClient:
    """Stands for Clients: the same stubbed client for every service."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, _service: str) -> Any:
        return lambda _region: self.client


def restorer_that_sees(status: str) -> RdsRestorer:
    make: Any = boto3.client
    rds = make("rds", region_name="eu-west-2", aws_access_key_id="x", aws_secret_access_key="x")
    stub = Stubber(rds)
    stub.add_response("describe_db_instances", {"DBInstances": [{"DBInstanceStatus": status}]})
    stub.activate()
    clients: Any = OneClient(rds)
    return RdsRestorer(clients, RdsInventory(rds, SCOPE))


@pytest.mark.parametrize("status", ["creating", "available", "backing-up"])
def test_given_a_writer_on_its_way_when_asked_then_its_status(status: str) -> None:
    assert restorer_that_sees(status).member_status(PLAN) == status


@pytest.mark.parametrize("status", ["failed", "incompatible-network", "insufficient-capacity"])
def test_given_a_writer_that_has_failed_when_asked_then_nobody_waits_for_it(status: str) -> None:
    with pytest.raises(Rejected, match=f"ledger-r-1 ended in {status}"):
        restorer_that_sees(status).member_status(PLAN)
