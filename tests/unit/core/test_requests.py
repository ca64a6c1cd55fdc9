"""What each verb accepts, how a Database may be named, and which one an event is about."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from backstay.config import validate
from backstay.core.errors import BadRequest
from backstay.core.model import Kind
from backstay.core.requests import (
    AuditRequest,
    DatabaseRef,
    ProtectRequest,
    RestoreRequest,
    RestoreRunRequest,
    Waking,
    waking,
)
from tests.unit.shapes import SCOPE, instance

EVENTS = Path(__file__).parents[3] / "events"
ORDERS = DatabaseRef("orders", Kind.INSTANCE, "eu-west-2", "111122223333")
LEDGER = DatabaseRef("ledger", Kind.CLUSTER, "eu-west-2", "111122223333")
ORDERS_ARN = "arn:aws:rds:eu-west-2:111122223333:db:orders"
ORDERS_KEY = "aws/111122223333/eu-west-2/instance/orders"
HOSTILE = (
    "orders;reboot",
    "$(reboot)",
    "../../etc/passwd",
    "orders/../ledger",
    "orders|cat",
    "orders\n",
    "orders\x00",
    "",
    " ",
    "*",
    "órders",
    "a" * 64,
    "arn:aws:s3:::bucket",
    "arn:aws:rds:eu-west-2:111122223333:snapshot:orders",
    "arn:aws:rds:eu-west-2:111122223333:db:or;ders",
    "arn:aws:rds:eu-west-2:1234:db:orders",
    "gcp/111122223333/eu-west-2/instance/orders",
    "aws/1/eu-west-2/instance/orders",
    "aws/111122223333/nowhere/instance/orders",
    "aws/111122223333/eu-west-2/table/orders",
    "aws/111122223333/eu-west-2/instance/or;ders",
    "aws/11112222333\uff13/eu-west-2/instance/orders",
    "aws/111122223333/eu-west-2/instance/orders/x",
)


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def checked(kind: type[Any], data: object) -> Any:
    request = validate(kind, data, "the request")
    request.check()
    return request


def refusal(kind: type[Any], data: object) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        checked(kind, data)
    return refused.value


# --- references -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("orders", DatabaseRef("orders")),
        ("Orders", DatabaseRef("orders")),
        (ORDERS_ARN, ORDERS),
        ("arn:aws:rds:eu-west-2:111122223333:cluster:ledger", LEDGER),
        (
            "arn:aws-us-gov:rds:us-gov-west-1:111122223333:db:orders",
            DatabaseRef("orders", Kind.INSTANCE, "us-gov-west-1", "111122223333"),
        ),
        (
            "arn:aws-cn:rds:cn-north-1:111122223333:cluster:Ledger",
            DatabaseRef("ledger", Kind.CLUSTER, "cn-north-1", "111122223333"),
        ),
        (ORDERS_KEY, ORDERS),
        ("aws/111122223333/us-gov-west-1/cluster/x", DatabaseRef("x", Kind.CLUSTER, "us-gov-west-1", "111122223333")),
    ],
)
def test_given_a_name_an_arn_or_a_key_when_parsed_then_all_that_it_says(text: str, ref: DatabaseRef) -> None:
    assert DatabaseRef.parse(text) == ref


@pytest.mark.parametrize("text", HOSTILE)
def test_given_anything_else_when_parsed_then_refused_by_field(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        DatabaseRef.parse(text, "detail.database")
    assert refused.value.field == "detail.database"
    assert refused.value.accepted


def test_given_a_database_that_was_seen_when_referred_to_then_its_key_and_its_scope() -> None:
    ref = DatabaseRef.of(instance("orders").id)
    assert (ref, str(ref)) == (ORDERS, ORDERS_KEY)
    assert ref.may_be_in(SCOPE)
    assert DatabaseRef("orders").may_be_in(SCOPE)
    assert not DatabaseRef("orders", region="eu-west-1").may_be_in(SCOPE)
    assert not DatabaseRef("orders", account="222233334444").may_be_in(SCOPE)
    assert str(DatabaseRef("orders", region="eu-west-2")) == "orders"


# --- selections -------------------------------------------------------------------------------------------------

SELECTORS = (AuditRequest, ProtectRequest)


@pytest.mark.parametrize("kind", SELECTORS)
@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({}, "request", "names no database"),
        ({"database": None}, "request", "names no database"),
        ({"database": "orders", "all": True}, "request", "names database and all"),
        ({"database": "orders", "match": {"names": "*"}, "all": True}, "request", "names database and match and all"),
        ({"all": False}, "all", "is false, which selects nothing"),
        ({"all": "true"}, "all", "is text"),
        ({"all": 1}, "all", "is a number"),
        ({"match": {}}, "match", "asks for nothing"),
        ({"match": {"tags": {}}}, "match", "asks for nothing"),
        ({"match": {"tag": {"a": "b"}}}, "match.tag", "did you mean tags?"),
        ({"match": "*"}, "match", "is text"),
        ({"database": 7}, "database", "is a number"),
        ({"database": ["orders", "ledger"]}, "database", "is a list"),
        ({"databases": "orders"}, "databases", "did you mean database?"),
        ({"database": "orders", "drop": True}, "drop", "is not known here"),
        ([], "", "is a list"),
        ("orders", "", "is text"),
        (None, "", "is empty"),
        (7, "", "is a number"),
    ],
)
def test_given_a_selection_that_is_no_single_selection_when_checked_then_refused_with_its_field(
    kind: type[Any], data: object, field: str, message: str
) -> None:
    refused = refusal(kind, data)
    assert refused.field == field
    assert message in str(refused)


@pytest.mark.parametrize("kind", SELECTORS)
@pytest.mark.parametrize("text", HOSTILE)
def test_given_a_hostile_name_when_checked_then_refused_and_named(kind: type[Any], text: str) -> None:
    assert refusal(kind, {"database": text}).field == "database"


@pytest.mark.parametrize(
    "data", [{"database": "orders"}, {"match": {"tags": {"backup-tier": "gold"}}}, {"all": True}], ids=str
)
def test_given_exactly_one_selector_when_checked_then_accepted(data: dict[str, Any]) -> None:
    for kind in SELECTORS:
        request = checked(kind, data)
        assert request.ref == (DatabaseRef("orders") if "database" in data else None)


def test_given_protect_when_asked_for_a_dry_run_then_a_boolean_and_nothing_like_one() -> None:
    assert checked(ProtectRequest, {"all": True, "dry_run": True}).dry_run is True
    assert checked(ProtectRequest, {"all": True}).dry_run is False
    for wrong in ("false", 0, None):
        assert refusal(ProtectRequest, {"all": True, "dry_run": wrong}).field == "dry_run"
    assert refusal(AuditRequest, {"all": True, "dry_run": True}).field == "dry_run"


# --- restores ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"database": None}, "database"),
        ({"to": None}, "request"),
        ({"snapshot": "by-hand"}, "request"),
        ({"to": "2026-11-24T10:15:00"}, "to"),
        ({"to": "yesterday"}, "to"),
        ({"to": ""}, "to"),
        ({"to": "LATEST"}, "to"),
        ({"to": 1764000000}, "to"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to"),
        ({"to": None, "snapshot": ""}, "snapshot"),
        ({"to": None, "snapshot": "by hand"}, "snapshot"),
        ({"to": None, "snapshot": "../by-hand"}, "snapshot"),
        ({"to": None, "snapshot": "$(by-hand)"}, "snapshot"),
        ({"to": None, "snapshot": "aws:by-hand"}, "snapshot"),
        ({"to": None, "snapshot": "arn:aws:rds:eu-west-2:111122223333:db:orders"}, "snapshot"),
        ({"to": None, "snapshot": "a" * 256}, "snapshot"),
        ({"target": ""}, "target"),
        ({"target": "or;ders"}, "target"),
        ({"target": "a" * 64}, "target"),
        ({"target": "../orders"}, "target"),
        ({"region": "nowhere"}, "region"),
        ({"region": ""}, "region"),
        ({"region": "eu-west-\uff12"}, "region"),
        ({"database": ORDERS_ARN, "region": "eu-west-1"}, "region"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"overwrite": True}, "overwrite"),
        ({"all": True}, "all"),
    ],
    ids=str,
)
def test_given_a_restore_with_one_mistake_when_checked_then_refused_with_its_field(
    change: dict[str, Any], field: str
) -> None:
    data = {"database": "orders", "to": "2026-11-24T10:15:00Z"} | change
    refused = refusal(RestoreRequest, {key: value for key, value in data.items() if value is not None})
    assert refused.field == field


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"to": "latest"},
        {"to": "2026-11-24T11:15:00+01:00"},
        {"to": None, "snapshot": "by-hand"},
        {"to": None, "snapshot": "rds:orders-2026-11-24-03-07"},
        {"to": None, "snapshot": "awsbackup:job-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"},
        {"to": None, "snapshot": "arn:aws:rds:eu-west-2:111122223333:snapshot:rds:orders-2026-11-24-03-07"},
        {"to": None, "snapshot": "arn:aws:rds:eu-west-2:111122223333:cluster-snapshot:by-hand"},
        {"target": "orders-look", "dry_run": True, "region": "eu-west-2"},
        {"database": ORDERS_ARN, "region": "eu-west-2"},
    ],
    ids=str,
)
def test_given_a_restore_without_mistakes_when_checked_then_accepted(change: dict[str, Any]) -> None:
    data = {"database": "orders", "to": "2026-11-24T10:15:00Z"} | change
    request = checked(RestoreRequest, {key: value for key, value in data.items() if value is not None})
    assert request.ref.name == "orders"
    assert request.ref.region == ("eu-west-2" if "region" in change else None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"database": "orders"}, "database"),
        ({"database": "or;ders"}, "database"),
        ({"moment": "latest"}, "moment"),
        ({"moment": "yesterday"}, "moment"),
        ({"moment": None}, "request"),
        ({"snapshot": "by-hand"}, "request"),
        ({"target": "or;ders"}, "target"),
        ({"request_id": None}, "request_id"),
        ({"dry_run": False}, "dry_run"),
    ],
    ids=str,
)
def test_given_what_the_front_door_never_sends_when_the_runner_checks_then_refused(
    change: dict[str, Any], field: str
) -> None:
    data = sample("restore-run") | change
    assert refusal(RestoreRunRequest, {k: v for k, v in data.items() if v is not None}).field == field


def test_given_what_the_front_door_sends_when_the_runner_checks_then_accepted() -> None:
    request = checked(RestoreRunRequest, sample("restore-run"))
    assert str(request.at) == "2026-11-24 10:15:00+00:00"
    assert checked(RestoreRunRequest, {**sample("restore-run"), "database": ORDERS_ARN}).at == request.at


# --- events -----------------------------------------------------------------------------------------------------

ABOUT = {
    "rds-instance-event": ORDERS,
    "rds-cluster-event": LEDGER,
    "cloudtrail-modify-db-instance": ORDERS,
    "cloudtrail-modify-db-cluster": LEDGER,
    "config-db-instance": ORDERS,
    "config-oversized-db-cluster": LEDGER,
    "finding-changed": ORDERS,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
def test_given_every_sample_when_read_then_it_names_its_database_or_is_a_direct_request(name: str) -> None:
    found = waking(sample(name))
    assert (found.ref if found else None) == ABOUT.get(name)
    assert found is None or found.why


def test_given_an_rds_event_without_an_id_when_read_then_its_database_all_the_same() -> None:
    event = sample("rds-instance-event")
    del event["detail"]["EventID"]
    assert waking(event) == Waking(ORDERS, "RDS DB Instance Event")


def test_given_an_event_forwarded_from_another_region_when_read_then_the_origin_is_where_to_look() -> None:
    event = sample("rds-instance-event")
    event["region"] = "ap-southeast-2"
    del event["detail"]["SourceArn"]
    found = waking(event)
    assert found is not None
    assert found.ref == DatabaseRef("orders", Kind.INSTANCE, "ap-southeast-2", "111122223333")


@pytest.mark.parametrize("arn", ["nonsense", None, 7, ["x"], "arn:aws:rds:eu-west-2:111122223333:og:orders"], ids=str)
def test_given_no_usable_arn_when_read_then_by_source_identifier(arn: object) -> None:
    event = sample("rds-cluster-event")
    event["detail"]["SourceArn"] = arn
    found = waking(event)
    assert found is not None
    assert found.ref == LEDGER


@pytest.mark.parametrize(
    ("kind", "source", "ident"),
    [
        ("RDS DB Snapshot Event", "SNAPSHOT", "rds:orders-2026-11-24-03-07"),
        ("RDS DB Cluster Snapshot Event", "CLUSTER_SNAPSHOT", "by-hand"),
        ("RDS DB Parameter Group Event", "DB_PARAM", "orders-pg17"),
        ("RDS DB Instance Event", ["DB_INSTANCE"], "orders"),
        ("RDS DB Instance Event", {}, "orders"),
        ("RDS DB Instance Event", None, "orders"),
        ("RDS DB Instance Event", "DB_INSTANCE", None),
        ("RDS DB Instance Event", "DB_INSTANCE", 7),
    ],
)
def test_given_an_event_about_something_else_when_read_then_nothing_of_ours_with_the_reason(
    kind: str, source: object, ident: object
) -> None:
    event = sample("rds-instance-event")
    event["detail-type"] = kind
    event["detail"] = {"SourceType": source, "SourceIdentifier": ident, "EventID": "RDS-EVENT-0042"}
    assert waking(event) == Waking(None, f"{kind} RDS-EVENT-0042 names no database")


def trail(name: str, parameters: object, **outside: Any) -> dict[str, Any]:
    event = copy.deepcopy(sample("cloudtrail-modify-db-instance"))
    event["detail"] |= {"eventName": name, "requestParameters": parameters}
    return event | outside


@pytest.mark.parametrize(
    ("name", "parameters", "ref"),
    [
        ("StopDBInstance", {"dBInstanceIdentifier": "orders"}, ORDERS),
        ("ModifyDBInstance", {"dBInstanceIdentifier": ORDERS_ARN}, ORDERS),
        ("ModifyDBInstance", {"dBInstanceIdentifier": "Orders"}, ORDERS),
        ("ModifyDBInstance", {"dBInstanceIdentifier": "old", "newDBInstanceIdentifier": "orders"}, ORDERS),
        ("ModifyDBCluster", {"dBClusterIdentifier": "old", "newDBClusterIdentifier": "ledger"}, LEDGER),
        ("CreateDBInstance", {"dBInstanceIdentifier": "ledger-3", "dBClusterIdentifier": "ledger"}, LEDGER),
        (
            "RestoreDBInstanceToPointInTime",
            {"sourceDBInstanceIdentifier": "older", "targetDBInstanceIdentifier": "orders"},
            ORDERS,
        ),
        (
            "RestoreDBClusterToPointInTime",
            {"sourceDBClusterIdentifier": "older", "dBClusterIdentifier": "ledger"},
            LEDGER,
        ),
        ("AddTagsToResource", {"resourceName": ORDERS_ARN, "tags": [{"key": "a", "value": "b"}]}, ORDERS),
        ("RemoveTagsFromResource", {"resourceName": "arn:aws:rds:eu-west-2:111122223333:cluster:ledger"}, LEDGER),
    ],
)
def test_given_a_call_in_cloudtrail_when_read_then_the_database_that_it_leaves_behind(
    name: str, parameters: dict[str, Any], ref: DatabaseRef
) -> None:
    assert waking(trail(name, parameters)) == Waking(ref, f"CloudTrail {name}")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("CreateDBSubnetGroup", {"dBSubnetGroupName": "data"}),
        ("AddTagsToResource", {"resourceName": "arn:aws:rds:eu-west-2:111122223333:snapshot:by-hand"}),
        ("AddTagsToResource", {"resourceName": 7}),
        ("ModifyDBInstance", None),
        ("ModifyDBInstance", "dBInstanceIdentifier=orders"),
        ("ModifyDBInstance", {"dBInstanceIdentifier": None}),
        ("ModifyDBInstance", {"dBInstanceIdentifier": {"nested": "orders"}}),
    ],
)
def test_given_a_call_about_something_else_when_read_then_nothing_of_ours(name: str, parameters: object) -> None:
    assert waking(trail(name, parameters)) == Waking(None, f"CloudTrail {name} names no database")


@pytest.mark.parametrize(
    "outside",
    [{"region": ""}, {"region": None}, {"region": "mars"}, {"account": ""}, {"account": "12"}, {"account": 7}],
    ids=str,
)
def test_given_no_region_or_account_when_read_then_refused_rather_than_looked_for_at_home(
    outside: dict[str, Any],
) -> None:
    with pytest.raises(BadRequest, match="no usable region and account"):
        waking(trail("ModifyDBInstance", {"dBInstanceIdentifier": "orders"}, **outside))


@pytest.mark.parametrize("text", ["or;ders", "../orders", "$(x)", "arn:aws:s3:::bucket"])
def test_given_a_hostile_name_in_an_event_when_read_then_refused_with_where_it_stood(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        waking(trail("ModifyDBInstance", {"dBInstanceIdentifier": text}))
    assert refused.value.field == "requestParameters.dBInstanceIdentifier"


@pytest.mark.parametrize("database", ["", None, "or;ders", ["x"]], ids=str)
def test_given_a_finding_event_without_a_database_when_read_then_refused(database: object) -> None:
    event = sample("finding-changed")
    event["detail"]["database"] = database
    with pytest.raises(BadRequest) as refused:
        waking(event)
    assert refused.value.field == "detail.database"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"all": True},
        {"detail-type": "x"},
        {"detail": {}},
        {"detail-type": 7, "detail": {}},
        {"detail-type": "x", "detail": "y"},
    ],
    ids=str,
)
def test_given_no_event_at_all_when_read_then_none(event: dict[str, Any]) -> None:
    assert waking(event) is None
