"""Documents with mistakes: refused whole, each with line, field, value and what would be accepted."""

from __future__ import annotations

import pytest

from backstay.config import parse_policy
from backstay.core.errors import BadPolicy
from tests.unit.config.given import EXAMPLE, SMALL, refusal
from tests.unit.config.typos import TYPOS

HARMLESS = [
    ("enforce: [pitr, ", "enforce: [replicate, pitr, "),
    ("tiers:\n", "tiers: &again\n"),
]


@pytest.mark.parametrize(("what", "by", "line", "words"), TYPOS)
def test_given_one_typo_when_parsed_then_line_field_value_and_what_is_accepted_are_told(
    what: str, by: str, line: int, words: tuple[str, ...]
) -> None:
    assert what in EXAMPLE
    message = refusal(EXAMPLE.replace(what, by, 1))
    assert "policy.yaml" in message
    assert f"line {line}, column " in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(("what", "by"), HARMLESS)
def test_given_a_harmless_change_when_parsed_then_accepted(what: str, by: str) -> None:
    assert what in EXAMPLE
    assert parse_policy(EXAMPLE.replace(what, by, 1), "policy.yaml").tiers


def test_given_enforce_without_anything_to_enforce_when_parsed_then_refused() -> None:
    message = refusal(SMALL + "    enforce: [pitr, replicate]\n")
    assert "enforces pitr" in message
    assert "enforces replicate" in message


def test_given_many_typos_when_parsed_then_ten_are_told_in_order_and_the_rest_counted() -> None:
    message = refusal(SMALL + "".join(f"odd{number}: 1\n" for number in range(13)))
    lines = message.splitlines()
    assert len(lines) == 12
    assert lines[1].strip().startswith("line 5,")
    assert lines[-1].strip() == "and 3 more"


def test_given_a_refusal_when_looked_at_then_its_parts_are_the_first_problems() -> None:
    with pytest.raises(BadPolicy) as refused:
        parse_policy(EXAMPLE.replace("rpo: 5m", "rpo: 5x"), "policy.yaml")
    assert (refused.value.field, refused.value.value) == ("tiers[0].objectives.rpo", "5x")
    assert "s|m|h|d|w" in refused.value.accepted


def test_given_a_very_long_value_when_refused_then_the_message_stays_short() -> None:
    assert len(refusal(EXAMPLE.replace("rpo: 5m", "rpo: " + "5" * 5_000))) < 400
