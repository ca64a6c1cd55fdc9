"""The published schema: up to date, complete, and of one mind with the parser where a schema can be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from backstay.config import policy_schema
from backstay.config.document import read_document
from tests.unit.config.given import DEFAULT, EXAMPLE, ROOT, SMALL
from tests.unit.config.typos import TYPOS

if TYPE_CHECKING:
    from collections.abc import Mapping


def against_schema(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(policy_schema(), format_checker=jsonschema.FormatChecker())
    return [error.message for error in validator.iter_errors(read_document(text, "policy.yaml").data)]


def test_given_the_published_schema_when_compared_then_it_is_up_to_date() -> None:
    published = json.loads((ROOT / "docs/policy.schema.json").read_text())
    assert published == policy_schema(), "python -m backstay.config > docs/policy.schema.json"


def test_given_the_schema_when_checked_then_it_is_one_and_describes_every_field() -> None:
    schema = policy_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "Backstay policy"
    objects: Mapping[str, Any] = {"Policy": schema, **schema["$defs"]}
    plain = {"Keep", "Objectives"}  # their fields are the words of the sentence above them
    missing = [
        f"{name}.{key}"
        for name, each in objects.items()
        for key, value in each.get("properties", {}).items()
        if "description" not in value and name not in plain
    ]
    assert missing == []


@pytest.mark.parametrize("text", [EXAMPLE, DEFAULT, SMALL], ids=["example", "default", "small"])
def test_given_a_good_document_when_held_against_the_schema_then_it_fits(text: str) -> None:
    assert against_schema(text) == []


CROSS_FIELD = ("35d", "whole days", "not a location", "already", "earlier tier", "never closed", "no calendar",
               "did you mean Europe/London?", "not a time zone", "forbids every drill", "given twice", "has no value",
               "a typo must not match a fleet")  # fmt: skip


@pytest.mark.parametrize(
    ("what", "by"),
    [typo[:2] for typo in TYPOS if not any(words in typo[3] for words in CROSS_FIELD)],
)
def test_given_a_typo_in_one_value_when_held_against_the_schema_then_it_does_not_fit(what: str, by: str) -> None:
    assert against_schema(EXAMPLE.replace(what, by, 1))
