"""Moments, exit statuses, windows and identities."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from backstay.core.errors import BadRequest
from backstay.core.findings import Fail, Finding, Pass, Skipped, Unknown, Verdict, verdict_name, verdict_text
from backstay.core.model import EXIT_STATUS, Family, Kind, RecoveryWindow, Status, parse_moment, utc_text
from tests.unit.core.given import NOW
from tests.unit.shapes import cluster, instance


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T10:15:00Z", NOW),
        ("2026-11-24T11:15:00+01:00", NOW),
        ("2026-11-24T04:45:00-05:30", NOW),
        ("2026-11-24 10:15:00+00:00", NOW),
        ("2026-11-24T10:15:00.250Z", NOW + timedelta(milliseconds=250)),
    ],
)
def test_given_a_moment_with_a_zone_when_parsed_then_it_is_that_second_in_utc(text: str, moment: datetime) -> None:
    parsed = parse_moment(text, "to")
    assert parsed == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-24T10:15:00", "has no time zone"),
        ("2026-11-24", "has no time zone"),
        ("", "is not a moment"),
        ("yesterday", "is not a moment"),
        ("2026-11-31T10:15:00Z", "is not a moment"),
        ("2026-11-24T25:00:00Z", "is not a moment"),
        ("2026-11-24T10:15:00 Europe/London", "is not a moment"),
        ("1764000000", "is not a moment"),
        ("2026-11-24T10:15:00Z; rm -rf /", "is not a moment"),
        ("0001-01-01T00:00:00+14:00", "is outside the calendar"),
        ("9999-12-31T23:59:59-14:00", "is outside the calendar"),
    ],
)
def test_given_anything_else_when_parsed_then_refused_with_field_value_and_an_example(text: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why) as refused:
        parse_moment(text, "to")
    assert (refused.value.field, refused.value.value) == ("to", text)
    assert "2026-11-24T10:15:00Z" in refused.value.accepted


def test_given_a_moment_when_written_then_utc_with_z_and_no_needless_fraction() -> None:
    assert utc_text(NOW) == "2026-11-24T10:15:00Z"
    assert utc_text(NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "2026-11-24T10:15:00Z"
    assert utc_text(NOW.replace(microsecond=1)) == "2026-11-24T10:15:00.000001Z"


def test_given_every_status_when_asked_for_its_number_then_as_designed() -> None:
    assert EXIT_STATUS == {
        Status.OK: 0,
        Status.FINDINGS: 1,
        Status.REFUSED: 1,
        Status.UNKNOWN: 2,
        Status.ERROR: 2,
        Status.PENDING: 3,
    }
    assert set(EXIT_STATUS) == set(Status)


@pytest.mark.parametrize(
    ("verdict", "word"),
    [(Pass("it is"), "pass"), (Fail("it is"), "fail"), (Skipped("it is"), "skipped"), (Unknown("it is"), "unknown")],
)
def test_given_a_verdict_when_told_then_one_word_and_one_sentence(verdict: Verdict, word: str) -> None:
    assert verdict_name(verdict) == word
    assert verdict_text(verdict) == "it is"


def test_given_a_finding_when_marked_then_word_and_repairable() -> None:
    finding = Finding("BK001", instance("off"), Fail("off"))
    assert finding.mark == "fail"
    assert replace(finding, repairable=True).mark == "fail repairable"


def test_given_a_window_when_asked_for_its_edges_then_both_are_inside() -> None:
    window = RecoveryWindow(NOW - timedelta(days=1), NOW)
    assert window.holds(NOW)
    assert window.holds(NOW - timedelta(days=1))
    assert not window.holds(NOW + timedelta(microseconds=1))
    assert not window.holds(NOW - timedelta(days=1, microseconds=1))


def test_given_a_window_without_a_beginning_when_asked_then_only_its_end_counts() -> None:
    assert RecoveryWindow(None, NOW).holds(NOW - timedelta(days=9999))


def test_given_databases_of_one_name_when_keyed_then_kind_region_and_account_keep_them_apart() -> None:
    orders = instance("orders").id
    others = (
        replace(orders, kind=Kind.CLUSTER),
        replace(orders, scope=replace(orders.scope, region="eu-west-1")),
        replace(orders, scope=replace(orders.scope, account="222233334444")),
    )
    assert str(orders) == "aws/111122223333/eu-west-2/instance/orders"
    assert len({orders.key, *(other.key for other in others)}) == 4


def test_given_an_engine_when_asked_for_its_family_then_by_protocol_and_never_guessed() -> None:
    assert instance("orders").family is Family.POSTGRES
    assert cluster("trades").family is Family.MYSQL
    assert replace(instance("orders"), engine="oracle-ee").family is Family.OTHER
