"""What rules share: spans for people, and which failures protect may mend."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backstay.core.rules import span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(seconds=90), "90 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(minutes=61), "61 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=26), "26 h"),
        (timedelta(hours=2, minutes=30), "2.5 h"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=14), "14 d"),
        (timedelta(days=2, hours=12), "2.5 d"),
        (timedelta(seconds=-30), "-30 s"),
        (timedelta(minutes=-5), "-5 min"),
        (timedelta(milliseconds=400), "0 s"),
    ],
)
def test_given_a_duration_when_told_to_people_then_in_the_unit_that_reads_best(value: timedelta, text: str) -> None:
    assert span(value) == text
