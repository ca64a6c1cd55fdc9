"""Every sample in events/ is what its handler accepts, and every trigger has one."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from backstay.config.edge import validate
from backstay.core.errors import BadRequest
from backstay.core.naming import point_name
from backstay.core.requests import (
    AuditOrder,
    AuditRequest,
    DatabaseRef,
    ProtectRequest,
    PruneRequest,
    ReplicateRequest,
    RestoreRequest,
    RestoreRunRequest,
    SnapshotRequest,
    database_id,
    waking,
)
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
    "schedule-snapshot": SnapshotRequest,
    "snapshot-one": SnapshotRequest,
    "schedule-replicate": ReplicateRequest,
    "schedule-prune": PruneRequest,
    "prune-confirm": PruneRequest,
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
SNAPSHOTS = {  # by what replicate's queue is told of them: their database it does not ask
    "rds-snapshot-event": "arn:aws:rds:eu-west-2:111122223333:snapshot:backstay-orders-ecebcbf0-20261124-0300",
    "rds-cluster-snapshot-event": (
        "arn:aws:rds:eu-west-2:111122223333:cluster-snapshot:backstay-ledger-995ff7cc-20261124-0300"
    ),
}
SHARDS, WAKES = "sqs-audit-shards", "sqs-replicate-wakes"
QUEUES = {SHARDS: "audit-shards", WAKES: "replicate-wakes"}


def test_no_sample_is_untested() -> None:
    tested = sorted([*REQUESTS, *ABOUT, *SNAPSHOTS, *QUEUES])
    assert sorted(path.stem for path in (REPO / "events").glob("*.json")) == tested


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


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_an_event_about_a_snapshot_is_of_our_own_naming_and_wakes_no_function_over_one_database(name: str) -> None:
    event = sample(name)
    ref = DatabaseRef.parse(ABOUT["rds-cluster-event" if "cluster" in name else "rds-instance-event"])
    database = database_id(str(ref))
    assert database is not None
    own = point_name("backstay", database, datetime(2026, 11, 24, 3, tzinfo=UTC))
    assert event["detail"]["SourceIdentifier"] == own
    assert event["resources"] == [event["detail"]["SourceArn"]] == [SNAPSHOTS[name]]
    found = waking(event)
    assert found is not None
    assert (found.ref, found.why) == (
        None,
        f"{event['detail-type']} {event['detail']['EventID']} names no database",
    )


@pytest.mark.parametrize("name", QUEUES)
def test_a_batch_is_what_lambda_makes_of_our_queues_messages(name: str) -> None:
    mappings = home_stack().of_type("AWS::Lambda::EventSourceMapping").values()
    (mapping,) = (each for each in mappings if each["EventSourceArn"].endswith(f":backstay-{QUEUES[name]}"))
    records = sample(name)["Records"]
    assert {record["eventSourceARN"] for record in records} == {mapping["EventSourceArn"]}
    assert 1 <= len(records) <= mapping["BatchSize"]
    for record in records:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
    assert waking(sample(name)) is None


def test_a_shard_is_an_order_of_the_audits() -> None:
    (record,) = sample(SHARDS)["Records"]
    order = validate(AuditOrder, json.loads(record["body"]), f"events/{SHARDS}.json")
    order.check()
    assert str(order.scope) == "aws/111122223333/eu-west-2"


def test_what_replicate_is_woken_with_are_snapshot_events() -> None:
    assert [json.loads(record["body"]) for record in sample(WAKES)["Records"]] == [sample(name) for name in SNAPSHOTS]


def test_the_dry_run_samples_change_nothing() -> None:
    assert sample("restore-dry-run")["dry_run"] is True
    assert sample("protect-one")["dry_run"] is True
    assert sample("snapshot-one")["dry_run"] is True
