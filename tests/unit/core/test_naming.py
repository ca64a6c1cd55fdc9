"""Names within their limits, always valid, and two things never under one name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backstay.core.errors import BadRequest
from backstay.core.naming import (
    MAX_EXECUTION_NAME,
    MAX_NAME,
    carried_tags,
    check_identifier,
    digest,
    execution_name,
    restore_target,
    shorten,
    snapshot_target,
    writer_name,
)

MOMENT = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
KEY = "aws/111122223333/eu-west-2/instance/orders"


@pytest.mark.parametrize("name", ["a", "orders", "orders-2", "o-r-d-e-r-s", "a" * MAX_NAME])
def test_given_an_identifier_when_checked_then_it_is_taken_as_it_is(name: str) -> None:
    assert check_identifier(name, "database") == name


def test_given_capitals_when_checked_then_lower_case_as_rds_stores_them() -> None:
    assert check_identifier("Orders", "database") == "orders"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * (MAX_NAME + 1),
        "1orders",
        "-orders",
        "orders-",
        "or--ders",
        "or_ders",
        "or.ders",
        "or ders",
        "orders\n",
        "órders",
        "orders;reboot",
        "$(reboot)",
        "`reboot`",
        "orders|cat",
        "../../etc/passwd",
        "orders/../ledger",
        "orders\x00",
        "'orders'",
        "*",
    ],
)
def test_given_shell_or_path_characters_when_checked_then_refused_with_field_and_form(name: str) -> None:
    with pytest.raises(BadRequest, match="is not a database identifier") as refused:
        check_identifier(name, "target")
    assert refused.value.field == "target"
    assert refused.value.value == name[:80]
    assert "63" in refused.value.accepted


def test_given_a_moment_when_a_target_is_named_then_readable() -> None:
    assert restore_target("orders", MOMENT) == "orders-r-20261124-101500"
    assert writer_name("ledger") == "ledger-1"


@pytest.mark.parametrize("length", [1, 44, 45, 46, 62, 63])
def test_given_names_around_the_limit_when_suffixed_then_at_most_63_and_valid(length: int) -> None:
    name = "a" * length
    for made in (restore_target(name, MOMENT), snapshot_target(name, "one"), writer_name(name)):
        assert check_identifier(made, "target") == made
    assert len(restore_target(name, MOMENT)) == min(length + 18, MAX_NAME)


def test_given_exactly_the_room_there_is_when_shortened_then_untouched_and_one_more_is_hashed() -> None:
    assert shorten("a" * 45, 45) == "a" * 45
    assert shorten("a" * 46, 45) == "a" * 36 + "-" + digest("a" * 46)[:8]


def test_given_two_long_names_that_differ_at_the_end_when_shortened_then_they_stay_two() -> None:
    one, two = restore_target("a" * 62 + "x", MOMENT), restore_target("a" * 62 + "y", MOMENT)
    assert one != two
    assert len(one) == len(two) == MAX_NAME


def test_given_a_hyphen_where_a_name_is_cut_when_shortened_then_no_two_hyphens_in_a_row() -> None:
    made = restore_target("a" * 35 + "-" + "b" * 27, MOMENT)
    assert "--" not in made
    assert check_identifier(made, "target") == made


def test_given_parts_when_digested_then_where_one_ends_matters() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab", "c") == "9617c506357d3d46bb660dbde5253de2da791e361df51c47ba4aaa18091bc693"


def test_given_a_restore_when_named_in_any_process_then_one_execution_and_any_difference_makes_another() -> None:
    asked = ("backstay", KEY, "2026-11-24T10:15:00Z", "orders-r-20261124-101500")
    assert execution_name(*asked) == "orders-r-20261124-101500-252553979d840aca"
    others = [
        execution_name("backstay-2", *asked[1:]),
        execution_name(asked[0], KEY.replace("instance", "cluster"), *asked[2:]),
        execution_name(*asked[:2], "2026-11-24T10:15:01Z", asked[3]),
        execution_name(*asked[:3], "orders-look"),
    ]
    assert len({execution_name(*asked), *others}) == 5


def test_given_the_longest_target_when_an_execution_is_named_then_within_lambdas_limit() -> None:
    targets = ["a" * 62 + end for end in "xy"]
    names = {execution_name("backstay", KEY, "latest", target) for target in targets}
    assert {len(name) for name in names} == {MAX_EXECUTION_NAME}
    assert len(names) == 2


def test_given_tags_when_carried_over_then_neither_awss_nor_ours() -> None:
    tags = {
        "team": "shop",
        "aws:cloudformation:stack-name": "x",
        "backstay:scratch": "true",
        "Aws:not-reserved": "kept",
        "backstay": "kept",
    }
    assert carried_tags(tags) == {"team": "shop", "Aws:not-reserved": "kept", "backstay": "kept"}
