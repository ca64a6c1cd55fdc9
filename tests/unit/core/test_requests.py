"""What each verb accepts, and how a Database may be named."""

from __future__ import annotations

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
)
from tests.unit.core.events import LEDGER, ORDERS, ORDERS_ARN, sample
from tests.unit.shapes import SCOPE, instance

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
