"""What an audit keeps of recovery points: the time that each counts for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backstay.core.holdings import Holding
from tests.fleet import NOW, database, point

SLOT = NOW - timedelta(hours=7)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (SLOT - MINUTE, SLOT),  # an idle database's last transaction before the snapshot of three o'clock
        (SLOT - 10 * MINUTE, SLOT),
        (SLOT - 11 * MINUTE, SLOT - 11 * MINUTE),  # that is data of another time, whatever the tag says
        (SLOT, SLOT),
        (SLOT + 20 * MINUTE, SLOT + 20 * MINUTE),
    ],
)
def test_given_a_snapshot_of_a_slot_when_counted_then_idle_minutes_before_the_slot_are_of_the_slot(
    data: object, counts: object
) -> None:
    holding = Holding()
    holding.add(point(database(), SLOT, data_time=data), ours=True)
    assert holding.newest(NOW) == counts


def test_given_a_slot_tag_that_cannot_be_read_when_counted_then_the_data_s_own_time_counts() -> None:
    holding = Holding()
    found = point(database(), SLOT)
    holding.add(point(database(), SLOT, tags={**found.tags, "backstay:slot": "soon"}), ours=True)
    assert holding.newest(NOW) == SLOT
