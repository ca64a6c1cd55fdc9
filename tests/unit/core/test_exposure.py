"""What would be lost with a Database's region, in one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backstay.core.exposure import Exposure, exposure
from backstay.core.model import RecoveryWindow
from backstay.core.naming import TAG_HELPER
from backstay.core.points import PointState, ReplicatedBackups
from tests.fleet import FRANKFURT, IRELAND, LONDON, database, point
from tests.workflows.places import DAY, VAULT

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
ORDERS = database()
HOURS_AGO = NOW - timedelta(hours=26)
COPY = point(ORDERS, HOURS_AGO, scope=IRELAND)
REPLICA = ReplicatedBackups(
    arn="arn:ab", scope=FRANKFURT, source=ORDERS.arn, status="replicating", window=RecoveryWindow(None, NOW - DAY)
)


def test_given_a_copy_elsewhere_when_told_then_the_age_of_its_data_and_where_it_is() -> None:
    away = exposure(ORDERS, [COPY, point(ORDERS, HOURS_AGO - DAY, scope=VAULT), point(ORDERS, NOW)], NOW)
    assert away == Exposure(HOURS_AGO, str(IRELAND))
    assert away.lost(NOW) == timedelta(hours=26)
    assert away.line(NOW) == (
        "if its region is gone now, you lose 26 h; the newest copy is in aws/111122223333/eu-west-1"
    )


@pytest.mark.parametrize(
    "useless",
    [
        point(ORDERS, NOW - DAY),
        replace(COPY, state=PointState.CREATING),
        replace(COPY, state=PointState.FAILED),
        replace(COPY, state=PointState.UNKNOWN),
        replace(COPY, data_time=None),
        replace(COPY, data_time=NOW + timedelta(minutes=1)),
        replace(COPY, tags={**COPY.tags, TAG_HELPER: str(VAULT)}),
        replace(COPY, scope=replace(LONDON, account="222233334444")),
    ],
    ids=["at home", "on its way", "failed", "unknown", "no age", "of the future", "helper", "another account at home"],
)
def test_given_nothing_that_could_be_restored_elsewhere_when_told_then_everything_is_lost(useless: object) -> None:
    away = exposure(ORDERS, [useless], NOW)  # type: ignore[list-item]  # points, as parametrised
    assert away.lost(NOW) is None
    assert away.line(NOW).startswith("if its region is gone now, you lose everything")


def test_given_replicated_backups_when_told_then_the_end_of_their_window_counts() -> None:
    assert exposure(ORDERS, [COPY], NOW, [REPLICA]) == Exposure(NOW - DAY, str(FRANKFURT))
    later = replace(REPLICA, window=RecoveryWindow(None, NOW + DAY))
    assert exposure(ORDERS, [COPY], NOW, [later]).lost(NOW) == timedelta(0)


def test_given_backups_of_another_or_without_a_window_when_told_then_they_do_not_count() -> None:
    others = [replace(REPLICA, source="arn:other"), replace(REPLICA, window=None)]
    assert exposure(ORDERS, [COPY], NOW, others) == Exposure(HOURS_AGO, str(IRELAND))
