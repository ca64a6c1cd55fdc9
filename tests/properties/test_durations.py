"""Durations, counts and globs hold for every input, not only for those that we thought of."""

from __future__ import annotations

import re
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.core.notation import (
    DURATION,
    Unacceptable,
    duration_text,
    parse_count,
    parse_date,
    parse_duration,
    parse_patterns,
    parse_time,
    parse_zone,
)

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
CENTURY_SECONDS = 36_525 * 86_400


@given(number=st.integers(1, 5_000), unit=st.sampled_from(sorted(UNITS)))
def test_given_a_number_and_a_unit_when_parsed_then_it_is_that_long(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == timedelta(**{UNITS[unit]: number})


@given(seconds=st.integers(1, CENTURY_SECONDS))
def test_given_any_duration_when_written_and_read_then_it_is_the_same(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    # Nine digits are enough for thirty years in seconds; beyond, no one writes seconds.
    if len(duration_text(duration)) <= len("999999999s"):
        assert parse_duration(duration_text(duration)) == duration


@given(text=st.text())
def test_given_any_text_when_parsed_as_duration_then_it_is_positive_or_refused_as_the_schema_says(text: str) -> None:
    schema = re.compile(str(DURATION.schema["pattern"]), re.ASCII)
    try:
        duration = parse_duration(text)
    except Unacceptable:
        assert not schema.fullmatch(text)
    else:
        assert schema.fullmatch(text)
        assert duration > timedelta()


@pytest.mark.parametrize(
    "value",
    [
        "0d",
        "-1d",
        "1",
        "d",
        "1.5h",
        "1 d",
        " 1d",
        "1d ",
        "1D",
        "1y",
        "01d",
        "1d\n",
        "\u0661d",
        "",
        7,
        None,
        True,
        ["1d"],
    ],
)
def test_given_something_else_when_parsed_as_duration_then_refused_with_the_form(value: object) -> None:
    with pytest.raises(Unacceptable) as refused:
        parse_duration(value)
    assert "14d" in refused.value.accepted


def test_given_a_duration_longer_than_a_century_when_parsed_then_refused() -> None:
    with pytest.raises(Unacceptable, match="century"):
        parse_duration("999999999w")


@given(value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())))
def test_given_any_value_when_parsed_then_every_notation_accepts_or_refuses_and_never_breaks(value: object) -> None:
    parsers: tuple[Callable[[object], object], ...] = (
        parse_count,
        parse_date,
        parse_duration,
        parse_patterns,
        parse_time,
        parse_zone,
    )
    for parse in parsers:
        try:
            parse(value)
        except Unacceptable:
            continue


@given(text=st.text(alphabet="ab[]!*?-", max_size=12))
def test_given_a_glob_that_is_accepted_when_every_bracket_is_read_then_none_stands_for_itself(text: str) -> None:
    try:
        parse_patterns(text)
    except Unacceptable:
        return
    # An open bracket would be taken literally, so that the glob would match its own text with that bracket in it.
    without = re.sub(r"\[!?\].*?\]|\[!?[^\]]+\]", "", text)
    assert "[" not in without


@given(text=st.text(alphabet="abcXYZ-_.0123", min_size=1, max_size=20))
def test_given_plain_text_when_used_as_glob_then_it_matches_itself_only(text: str) -> None:
    (pattern,) = parse_patterns(text)
    assert fnmatchcase(text, pattern)
    assert not fnmatchcase(text + "x", pattern)
    assert not fnmatchcase("x" + text, pattern)
