"""Every sample in events/ is what its handler accepts, and every trigger has one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from backstay.config.edge import validate
from backstay.core.errors import BadRequest
from backstay.core.requests import AuditOrder, AuditRequest, ProtectRequest, RestoreRequest, RestoreRunRequest, waking
from tests.template.conftest import sample
from tests.template.stacks import REPO, home_stack

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUESTS: Mapping[str, type[Any]] = {
    "schedule-audit": AuditRequest,
    "audit-all": AuditRequest,
    "audit-one": AuditRequest,
    "schedule-protect": ProtectRequest,
    "protect-one": ProtectRequest,
    "restore-pitr": RestoreRequest,
    "restore-latest": RestoreRequest,
    "restore-from-snapshot": RestoreRequest,
    "restore-dry-run": RestoreRequest,
    "restore-run": RestoreRunRequest,
}
ABOUT = {
    "rds-instance-event": "aws/111122223333/eu-west-2/instance/orders",
    "rds-cluster-event": "aws/111122223333/eu-west-2/cluster/ledger",
    "cloudtrail-modify-db-instance": "aws/111122223333/eu-west-2/instance/orders",
    "cloudtrail-modify-db-cluster": "aws/111122223333/eu-west-2/cluster/ledger",
    "config-db-instance": "aws/111122223333/eu-west-2/instance/orders",
    "config-oversized-db-cluster": "aws/111122223333/eu-west-2/cluster/ledger",
    "finding-changed": "aws/111122223333/eu-west-2/instance/orders",
}
SHARDS = "sqs-audit-shards"


def test_no_sample_is_untested() -> None:
    assert sorted(path.stem for path in (REPO / "events").glob("*.json")) == sorted([*REQUESTS, *ABOUT, SHARDS])


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_accepted(name: str) -> None:
    event = sample(name)
    assert waking(event) is None
    validate(REQUESTS[name], event, f"events/{name}.json").check()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_with_a_typo_is_not(name: str) -> None:
    with pytest.raises(BadRequest, match="dry_runn"):
        validate(REQUESTS[name], {**sample(name), "dry_runn": True}, f"events/{name}.json").check()


@pytest.mark.parametrize("name", ABOUT)
def test_an_event_names_its_database(name: str) -> None:
    found = waking(sample(name))
    assert found is not None
    assert str(found.ref) == ABOUT[name]


def test_a_batch_of_shards_is_what_lambda_makes_of_our_queues_messages() -> None:
    (mapping,) = home_stack().of_type("AWS::Lambda::EventSourceMapping").values()
    records = sample(SHARDS)["Records"]
    assert {record["eventSourceARN"] for record in records} == {mapping["EventSourceArn"]}
    assert len(records) <= mapping["BatchSize"]
    for record in records:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        order = validate(AuditOrder, json.loads(record["body"]), f"events/{SHARDS}.json")
        order.check()
        assert str(order.scope) == "aws/111122223333/eu-west-2"
    assert waking(sample(SHARDS)) is None


def test_the_dry_run_sample_changes_nothing() -> None:
    assert sample("restore-dry-run")["dry_run"] is True
    assert sample("protect-one")["dry_run"] is True
