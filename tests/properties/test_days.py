"""Days on which everything goes wrong never cost the last point that could be restored, and end in order."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from backstay.core.naming import TAG_SHARED
from backstay.core.points import is_ours
from tests.properties.days import PLACES, TROUBLES, Life, restorable

DAYS, QUIET = 40, 3
SEEN: Counter[str] = Counter()


@pytest.mark.parametrize("seed", range(8))
def test_given_days_of_trouble_when_lived_through_then_nothing_is_lost_and_all_is_fresh_again(seed: int) -> None:
    life = Life(random.Random(seed), SEEN)
    for _ in range(DAYS):
        life.day()
    life.calm()
    for _ in range(QUIET):
        life.day(calm=True)
    now, points = life.fleet.clock.now(), life.fleet.cloud.every_point()
    for of in life.databases:
        for scope in PLACES:
            newest = max(each.at for each in restorable(of, scope, points, now))
            assert now - newest < timedelta(hours=36), f"{of.name} in {scope}"
    assert [each.id for each in points if TAG_SHARED in each.tags and is_ours(each, "backstay")] == []


def test_the_days_really_had_every_trouble() -> None:
    if not SEEN:
        pytest.fail("run it after the test above: it looks at what those days were like")
    assert {what: SEEN[what] for what in (*TROUBLES, "removed") if SEEN[what] < 5} == {}
