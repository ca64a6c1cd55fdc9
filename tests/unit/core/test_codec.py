"""What a durable step remembers comes back as it was, or is refused; it is never half of it."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 - the codec reads Thing's annotations
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from backstay.core.codec import decode, encode
from backstay.core.model import (
    Configuration,
    Database,
    Json,
    Kind,
    Member,
    RecoveryWindow,
    Role,
    Scope,
    utc_text,
)
from backstay.core.restoring import Check, RestoreRefusal, Unchecked
from tests.unit.core.given import NOW
from tests.unit.shapes import cluster, instance

NOBODY_LOOKED = Unchecked("nobody looked")


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Thing:
    colour: Colour = Colour.RED
    at: datetime | None = None
    span: timedelta = timedelta()
    pair: tuple[float, float] | None = None
    items: tuple[Role, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    window: RecoveryWindow | Unchecked | None = NOBODY_LOOKED
    count: int | None = None
    ok: bool = True


@pytest.mark.parametrize(
    "database", [instance("orders"), cluster("ledger"), cluster("trades"), instance("new")], ids=str
)
def test_given_a_database_when_encoded_as_text_and_decoded_then_the_same(database: Database) -> None:
    assert decode(Database, json.loads(json.dumps(encode(database)))) == database


@pytest.mark.parametrize(
    "thing",
    [
        Thing(),
        Thing(at=NOW, span=timedelta(days=14, microseconds=1), pair=(0.5, 16.0), count=0, ok=False),
        Thing(items=(Role("a", "b"), Role("c")), words={"a": "b"}),
        Thing(window=None),
        Thing(window=RecoveryWindow(None, NOW)),
    ],
)
def test_given_every_kind_of_field_when_encoded_and_decoded_then_the_same(thing: Thing) -> None:
    assert decode(Thing, json.loads(json.dumps(encode(thing)))) == thing


def test_given_a_refusal_when_encoded_then_readable_json() -> None:
    window = RecoveryWindow(None, NOW)
    refusal = RestoreRefusal(message="no", accepted="latest", gates=(Check("key", None, "denied"),), window=window)
    assert encode(refusal) == {
        "message": "no",
        "accepted": "latest",
        "gates": [{"name": "key", "ok": None, "message": "denied"}],
        "window": {"earliest": None, "latest": "2026-11-24T10:15:00Z"},
    }
    assert decode(RestoreRefusal, encode(refusal)) == refusal


def test_given_a_moment_of_another_zone_when_encoded_and_decoded_then_the_same_second_in_utc() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert encode(tokyo) == utc_text(NOW)
    decoded = decode(datetime, encode(tokyo))
    assert (decoded, decoded.tzinfo) == (NOW, UTC)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), date(2026, 11, 24), complex(1, 2), Thing], ids=str)
def test_given_what_has_no_json_when_encoded_then_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON for"):
        encode(value)


MISFITS: dict[str, tuple[type, Json]] = {
    "a field of a later version": (Scope, {"provider": "aws", "account": "1", "region": "eu-west-2", "zone": "a"}),
    "a missing field": (Scope, {"provider": "aws"}),
    "an unknown word": (Kind, "graph"),
    "no mapping": (Scope, ["aws", "111122223333", "eu-west-2"]),
    "no moment": (datetime, "yesterday"),
    "a number for a moment": (datetime, 1764000000),
    "text for a span": (timedelta, "14d"),
    "an endless span": (timedelta, 1e300),
    "text for a float": (float, "many"),
    "a number for text": (Role, {"arn": 1, "feature": ""}),
    "a boolean for a count": (Thing, {"count": True}),
    "three of a pair": (Thing, {"pair": [1, 2, 3]}),
    "neither of a union": (Thing, {"window": {"latest": "never"}}),
    "nothing where something must be": (Member, {"name": None, "writer": True}),
    "no list": (Configuration, {"security_groups": "sg-1"}),
    "no mapping of text": (Thing, {"words": {"a": 1}}),
}


@pytest.mark.parametrize("case", MISFITS)
def test_given_data_that_does_not_fit_when_decoded_then_type_error_and_nothing_else(case: str) -> None:
    kind, data = MISFITS[case]
    with pytest.raises(TypeError):
        decode(kind, data)


def test_given_a_type_that_the_core_does_not_use_when_decoded_then_type_error() -> None:
    with pytest.raises(TypeError, match="no decoding"):
        decode(list[int], [1])


def test_given_fields_with_defaults_when_an_earlier_version_left_them_out_then_the_defaults() -> None:
    assert decode(Thing, {"colour": "red"}) == replace(Thing())
