"""Errors say what to do: field, value, what would be accepted; call and code."""

from __future__ import annotations

import pytest

from backstay.core import errors
from backstay.core.errors import BackstayError, BadPolicy, BadRequest, Denied, LostRace, NoSuchDatabase, ProviderError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BadRequest("is wrong"), "is wrong"),
        (BadRequest("is wrong", field="to"), "to: is wrong"),
        (BadRequest("is wrong", field="to", value="x"), "to: is wrong (got 'x')"),
        (BadRequest("is false", field="all", value=False), "all: is false (got False)"),
        (
            BadRequest("is wrong", field="to", value="x", accepted="latest"),
            "to: is wrong (got 'x'); accepted: latest",
        ),
        (BadRequest("is wrong", value="new\nline"), "is wrong (got 'new\\nline')"),
        (ProviderError("no"), "no"),
        (Denied("not allowed", call="rds:ModifyDBInstance", code="AccessDenied"), "rds:ModifyDBInstance: not allowed"),
    ],
)
def test_given_an_error_when_printed_then_it_says_where_what_and_what_else(error: BackstayError, text: str) -> None:
    assert str(error) == text


def test_given_an_error_when_read_by_a_program_then_its_parts_are_there() -> None:
    refused = BadRequest("is wrong", field="to", value="x", accepted="latest")
    assert (refused.field, refused.value, refused.accepted) == ("to", "x", "latest")
    denied = Denied("no", call="rds:ModifyDBInstance", code="AccessDenied")
    assert (denied.call, denied.code) == ("rds:ModifyDBInstance", "AccessDenied")


def test_given_the_tree_when_climbed_then_a_refusal_is_never_a_providers_failure() -> None:
    assert issubclass(BadPolicy, BadRequest)
    assert issubclass(NoSuchDatabase, BadRequest)
    assert not issubclass(BadRequest, ProviderError)
    assert not issubclass(LostRace, ProviderError)


def test_given_every_error_when_the_module_is_opened_then_the_tree_in_its_docstring_names_it() -> None:
    tree = str(errors.__doc__)
    raised = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.BackstayError)
    ]
    assert len(raised) == 14
    for each in raised:
        (line,) = [line for line in tree.splitlines() if f"{each.__name__} " in f"{line} " and "Everything" not in line]
        parent = each.__mro__[1]
        assert parent is Exception or _depth(tree, parent.__name__) == _depth(tree, each.__name__) - 1, line


def _depth(tree: str, name: str) -> int:
    """How many levels a name is indented by, at four characters each."""
    (line,) = [line for line in tree.splitlines() if f" {name} " in f" {line} " and "Everything" not in line]
    return line.index(name) // 4
