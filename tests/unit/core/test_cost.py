"""What a longer retention adds to the bill, as far as the facts tell, and unknown where they do not."""

from __future__ import annotations

import pytest

from backstay.core.cost import DAILY_CHANGE, RDS_GB_MONTH, Cost, estimate
from backstay.core.decide.protect import COPY_TAGS, RETENTION, WITHDRAW
from backstay.core.model import Change, ChangeSettings, Database, Json, Kind
from tests.fleet import database


def action(of: Database, setting: str, before: Json, after: Json) -> ChangeSettings:
    changes = (Change(setting, before, after),)
    return ChangeSettings(database=of.id, changes=changes, reason="", immediately=False, may_restart=False)


def cost(of: Database, before: Json, after: Json, setting: str = RETENTION) -> Cost:
    return estimate(of, action(of, setting, before, after))


def test_given_a_longer_window_when_estimated_then_the_added_days_changes_are_charged() -> None:
    orders = database(storage_gb=200)
    gb = 200 * DAILY_CHANGE * 11
    assert cost(orders, 3, 14) == Cost(gb, round(gb * RDS_GB_MONTH, 2))


def test_given_pitr_off_when_estimated_then_the_first_backup_is_added_and_free() -> None:
    orders = database(storage_gb=100)
    assert cost(orders, 0, 14) == Cost(100 + 70.0, 6.65)


def test_given_a_multi_az_cluster_when_estimated_then_like_an_instance() -> None:
    assert cost(database("c", kind=Kind.CLUSTER, engine="postgres", storage_gb=100), 1, 2) == Cost(5.0, 0.47)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (database("ledger", kind=Kind.CLUSTER), "volume"),
        (database("orders"), "provisioned storage is not listed"),
    ],
)
def test_given_a_size_that_no_listing_tells_when_estimated_then_unknown_and_never_zero(
    given: Database, why: str
) -> None:
    found = cost(given, 1, 14)
    assert (found.gb, found.usd) == (None, None)
    assert why in found.unknown


@pytest.mark.parametrize(
    ("setting", "before", "after"), [(COPY_TAGS, False, True), (WITHDRAW, 0, 14), ("deletion_protection", False, True)]
)
def test_given_another_setting_when_estimated_then_nothing_is_added(setting: str, before: Json, after: Json) -> None:
    assert cost(database(storage_gb=100), before, after, setting) == Cost(0.0, 0.0)


def test_given_no_action_when_estimated_then_nothing_is_added() -> None:
    assert estimate(database(storage_gb=100), None) == Cost(0.0, 0.0)
