"""Events that come twice, not at all or in another order leave the same copies behind: they wake, and state decides."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from backstay.core.naming import TAG_SHARED
from backstay.core.policy import Copy, Keep
from backstay.providers.memory import MemoryClock, Work
from tests.fleet import NOW, fleet, point
from tests.properties.days import databases
from tests.workflows.places import DAY, replicates, rules

if TYPE_CHECKING:
    from tests.fleet import Fleet

PERMUTATIONS, MOST_TICKS = 500, 9
ORDERS, BILLING, _ = databases()
NIGHT = NOW - timedelta(hours=7)
RULES = rules(Copy(to="dr", keep=Keep(daily=2)), Copy(to="vault", keep=Keep(last=1)))
# A snapshot's event, and those of the copies that follow it: each only says where to look.
WAKES: Final = (*[each.arn for each in (ORDERS, BILLING)] * 2, "", "")
State = frozenset[tuple[str, ...]]


def begun() -> Fleet:
    found = fleet(ORDERS, BILLING, rules=RULES, clock=MemoryClock(NOW))
    found.cloud.takes(Work.COPY, span=timedelta(minutes=20))
    for of in (ORDERS, BILLING):
        found.cloud.add_point(point(of, NIGHT), point(of, NIGHT - DAY))
    return found


def wait(found: Fleet, span: timedelta) -> None:
    assert isinstance(found.clock, MemoryClock)
    found.clock.sleep(span)


def state(found: Fleet) -> State:
    """Every point with all that tells it apart but when it was made."""
    return frozenset(
        (
            *(str(each.scope), each.id, each.source, each.state, each.kms_key, each.copied_from, str(each.data_time)),
            *sorted(f"{name}={value}" for name, value in each.tags.items()),
        )
        for each in found.cloud.every_point()
    )


def settled(wakes: list[str]) -> State:
    """What is there when these events have come and the schedule has run until nothing is left to do."""
    found = begun()
    for arn in wakes:
        if arn:
            replicates(found, database=arn)
        else:
            replicates(found)
        wait(found, timedelta(minutes=7))
    for _ in range(MOST_TICKS):
        wait(found, timedelta(hours=1))
        if not replicates(found)["outcomes"]:
            return state(found)
    raise AssertionError(f"still something to do after {MOST_TICKS} hours: {wakes}")


def permuted(rng: random.Random) -> tuple[list[str], bool, bool]:
    """The events in some order; whether some were dropped, and some doubled."""
    kept = [each for each in WAKES if rng.random() > 0.25]
    twice = [each for each in kept if rng.random() < 0.25]
    wakes = kept + twice
    rng.shuffle(wakes)
    return wakes, len(kept) < len(WAKES), bool(twice)


def test_given_events_doubled_dropped_and_reordered_when_the_schedule_has_run_then_the_same_state() -> None:
    expected = settled(list(WAKES))
    assert len(expected) == 2 * 2 + 2 * 2 + 2 * 1  # originals, two copies each in Ireland, one each in the vault
    assert not any(TAG_SHARED in tag for each in expected for tag in each)
    rng, dropped, doubled, orders = random.Random(5), 0, 0, set[tuple[str, ...]]()
    for _ in range(PERMUTATIONS):
        wakes, some_dropped, some_doubled = permuted(rng)
        dropped, doubled = dropped + some_dropped, doubled + some_doubled
        orders.add(tuple(wakes))
        assert settled(wakes) == expected, wakes
    assert min(dropped, doubled) > PERMUTATIONS / 4
    assert len(orders) > PERMUTATIONS / 2


def test_given_no_event_at_all_when_the_schedule_has_run_then_the_same_state() -> None:
    assert settled([]) == settled(list(WAKES))


def test_given_another_policy_when_settled_then_another_state() -> None:
    """Else the state above would tell nothing."""
    found = begun()
    found.world = found.but(policy=replace(RULES, tiers=(replace(RULES.tiers[0], copies=()),)))
    replicates(found)
    assert state(found) != settled([])
