"""Every call that a workflow makes fails in every way, in turn; each run ends in a truthful report.

The calls are recorded, not listed: a workflow that learns a new call is tried at it from the next run on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import conftest
from tests.faults.kinds import KINDS
from tests.faults.stage import SECRETS, STORIES, Clock, Ending
from tests.faults.truth import changes_twice, untruths
from tests.faults.wire import Plant

if TYPE_CHECKING:
    from tests.faults.stage import Stage
    from tests.faults.wire import Call

_GOOD: dict[str, tuple[Ending, list[Call]]] = {}


def good(stage: Stage, name: str) -> tuple[Ending, list[Call]]:
    """How the workflow ends when nothing fails, and the calls that it made."""
    if name not in _GOOD:
        stage.account()
        ending = stage.run(STORIES[name])
        _GOOD[name] = ending, sorted(stage.wire.calls)
    return _GOOD[name]


@pytest.mark.parametrize("name", STORIES)
def test_given_no_fault_when_run_then_every_call_is_told_apart_and_nothing_leaks(stage: Stage, name: str) -> None:
    ending, calls = good(stage, name)
    assert ending.status in _GOOD_STATUS[name.partition("-")[0]], ending.printed
    assert len(set(calls)) == len(calls) > 0
    stage.account()
    again = stage.run(STORIES[name])
    assert sorted(stage.wire.calls) == calls
    assert again.parts() == ending.parts()
    assert [secret for secret in SECRETS if secret in ending.printed] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STORIES)
def test_given_a_fault_at_each_call_when_run_then_the_report_is_true_and_a_later_run_mends_it(
    stage: Stage, name: str, kind: str
) -> None:
    ending, calls = good(stage, name)
    faults, runs = [], 0
    for call in calls:
        again = False
        for ever in (False, True):
            if ever and not again:
                break  # the call is never made again, so once is for ever
            runs += 1
            found, again = _tried(stage, name, ending, Plant(call, kind, KINDS[kind], ever))
            faults += [f"{'ever' if ever else 'once'} {kind} at {call}: {each}" for each in found]
    conftest.SIZES[name, kind] = len(calls), runs
    assert not faults, "\n".join(faults)


def _tried(stage: Stage, name: str, expected: Ending, plant: Plant) -> tuple[list[str], bool]:
    """What is wrong with a run that meets the fault, and whether it made the same call again."""
    stage.account()
    ending = stage.run(STORIES[name], plant)
    calls, applied = stage.wire.calls, list(stage.wire.accepted)
    again = any(each.like(plant.at) and each.turn > plant.at.turn for each in calls)
    wrong = untruths(name, expected, ending, plant, applied)
    if plant.at not in calls:
        wrong.append("the run came to another end before it")
    wrong += [f"leaks {secret}" for secret in SECRETS if secret in ending.printed]
    if ending.status != expected.status:  # else all was done, as was just seen
        Clock.ahead += conftest.LATER
        mended = stage.run(STORIES[name])
        applied += stage.wire.accepted
        if mended.status not in (expected.status, *_ALSO.get(name, ())):
            wrong.append(f"{ending.status}, and a later run ends {mended.status} instead of {expected.status}")
    return wrong + changes_twice(applied, plant), again


_GOOD_STATUS = {"audit": ("findings",), "protect": ("ok",), "restore": ("pending", "ok")}

# A later run that finds the work done, or started.
_ALSO = {"restore": ("pending",)}
