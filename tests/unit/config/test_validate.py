"""Requests as events bring them: one dataclass, or a refusal that names the field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pytest

from backstay.config import validate
from backstay.core.errors import BadRequest
from backstay.core.policy import Match

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A request as the core declares them."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}
    database: str
    dry_run: bool = False
    match: Match | None = None
    count: int = 0


def test_given_a_good_request_when_validated_then_it_is_the_dataclass() -> None:
    assert validate(Sample, {"database": "orders", "match": {"names": ["o*"]}}, "the request") == Sample(
        database="orders", match=Match(names=("o*",))
    )


@pytest.mark.parametrize(
    ("data", "field_name", "words"),
    [
        ({}, "database", ("the request", "missing", "text")),
        ({"database": "orders", "dryrun": True}, "dryrun", ("did you mean dry_run?", "count, database")),
        ({"database": "orders", "dry_run": "false"}, "dry_run", ("'false'", "true or false")),
        ({"database": "orders", "dry_run": 1}, "dry_run", ("true or false",)),
        ({"database": 7}, "database", ("7", "text in quotes")),
        ({"database": None}, "database", ("is empty", "text in quotes")),
        ({"database": "orders", "match": {"nam": "x"}}, "match.nam", ("did you mean names?",)),
        ({"database": "orders", "match": "x"}, "match", ("is text", "a mapping with names")),
        ({"database": "orders", "count": 1.5}, "count", ("1.5",)),
        ([], "", ("it is a list", "a mapping with database")),
        (None, "", ("it is empty", "a mapping with database")),
        ("orders", "", ("it is text", "'orders'")),
    ],
)
def test_given_a_bad_request_when_validated_then_the_field_and_what_is_accepted_are_told(
    data: object, field_name: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(BadRequest) as refused:
        validate(Sample, data, "the request")
    assert refused.value.field == field_name
    for word in words:
        assert word in str(refused.value)


def nested() -> object:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize("make", [lambda: {"database": {1}}, lambda: {"count": float("nan")}, nested])
def test_given_what_json_cannot_say_when_validated_then_refused(make: Callable[[], object]) -> None:
    with pytest.raises(BadRequest, match="the request is not JSON"):
        validate(Sample, make(), "the request")


def test_given_half_a_character_when_validated_then_refused() -> None:
    with pytest.raises(BadRequest, match="the request"):
        validate(Sample, {"database": "\ud800"}, "the request")
