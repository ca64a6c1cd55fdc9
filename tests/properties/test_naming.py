"""Names are always valid, never too long, and two things never share one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from backstay.core.errors import BadRequest
from backstay.core.naming import (
    MAX_EXECUTION_NAME,
    MAX_MULTI_AZ_CLUSTER_NAME,
    MAX_NAME,
    carried_tags,
    check_identifier,
    execution_name,
    restore_target,
    shorten,
    snapshot_target,
    writer_name,
)
from tests.properties.made import MOMENTS, NAMES, TAGS, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LIMITS = st.sampled_from([MAX_NAME, MAX_MULTI_AZ_CLUSTER_NAME])


@given(name=NAMES, moment=MOMENTS, limit=LIMITS, snapshot=WORDS)
def test_given_any_name_when_a_target_is_named_then_it_may_name_a_database(
    name: str, moment: datetime, limit: int, snapshot: str
) -> None:
    for made in (restore_target(name, moment, limit), snapshot_target(name, snapshot, limit)):
        assert len(made) <= limit
        assert check_identifier(made, "target") == made
    writer = writer_name(restore_target(name, moment, limit))
    assert check_identifier(writer, "writer") == writer


@given(one=NAMES, two=NAMES, moment=MOMENTS, limit=LIMITS)
def test_given_two_names_when_targets_are_named_then_two(one: str, two: str, moment: datetime, limit: int) -> None:
    assert (restore_target(one, moment, limit) == restore_target(two, moment, limit)) is (one == two)


@given(start=st.text("ab-", min_size=60, max_size=80), one=WORDS, two=WORDS, limit=st.integers(20, 60))
def test_given_two_long_texts_with_one_beginning_when_shortened_then_two_within_the_limit(
    start: str, one: str, two: str, limit: int
) -> None:
    made = shorten(start + one, limit), shorten(start + two, limit)
    assert max(map(len, made)) <= limit
    assert (made[0] == made[1]) is (one == two)


@given(one=st.tuples(WORDS, WORDS, WORDS, NAMES), two=st.tuples(WORDS, WORDS, WORDS, NAMES))
def test_given_two_restores_when_executions_are_named_then_two_that_lambda_accepts(
    one: tuple[str, str, str, str], two: tuple[str, str, str, str]
) -> None:
    names = execution_name(*one), execution_name(*two)
    assert (names[0] == names[1]) is (one == two)
    for name in names:
        assert re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_EXECUTION_NAME}}}", name, re.ASCII)


@given(text=st.text())
def test_given_any_text_when_checked_then_lower_case_ascii_or_refused(text: str) -> None:
    try:
        name = check_identifier(text, "database")
    except BadRequest:
        return
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name, re.ASCII)
    assert "--" not in name
    assert not name.endswith("-")


@given(tags=TAGS, key=WORDS)
def test_given_any_tags_when_carried_over_then_a_subset_without_reserved_keys(
    tags: Mapping[str, str], key: str
) -> None:
    kept = carried_tags({**tags, f"aws:{key}": "x", f"backstay:{key}": "y"})
    assert kept.items() <= tags.items()
    assert not any(each.startswith(("aws:", "backstay:")) for each in kept)
