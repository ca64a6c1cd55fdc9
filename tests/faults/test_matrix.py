"""Every call that a workflow makes fails in every way, in turn; each run ends in a truthful report.

The calls are recorded, not listed: a workflow that learns a new call is tried at it from the next run on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.test_surveyor import LISTS
from tests.faults import conftest
from tests.faults.kinds import KINDS
from tests.faults.stage import SECRETS, Clock, Ending
from tests.faults.stories import STORIES
from tests.faults.truth import OF_POINTS, changes_twice, of_points, untruths, unusual
from tests.faults.wire import Plant
from tests.handlers.cloud import AWAY, HOME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.stage import Stage
    from tests.faults.wire import Call

_GOOD: dict[str, tuple[Ending, list[Call]]] = {}
_USUAL: dict[str, list[Call]] = {}


def good(stage: Stage, name: str) -> tuple[Ending, list[Call]]:
    """How the workflow ends when nothing fails, and the calls that it made."""
    if name not in _GOOD:
        stage.account(STORIES[name])
        ending = stage.run(STORIES[name])
        _GOOD[name] = ending, sorted(stage.wire.calls)
    return _GOOD[name]


def _usual(stage: Stage, name: str) -> list[Call]:
    """What the workflow asks for, and a later run of it, when nothing fails."""
    if name not in _USUAL:
        stage.account(STORIES[name])
        stage.run(STORIES[name])
        _USUAL[name] = stage.wire.calls
        Clock.ahead += conftest.LATER
        stage.run(STORIES[name])
        _USUAL[name] += stage.wire.calls
    return _USUAL[name]


@pytest.mark.parametrize("name", STORIES)
def test_given_no_fault_when_run_then_every_call_is_told_apart_and_nothing_leaks(stage: Stage, name: str) -> None:
    ending, calls = good(stage, name)
    assert ending.status == STORIES[name].good, ending.printed
    assert len(set(calls)) == len(calls) > 0
    stage.account(STORIES[name])
    again = stage.run(STORIES[name])
    assert sorted(stage.wire.calls) == calls
    assert again.parts() == ending.parts()
    assert name.startswith("restore-run") or name == "audit-merge-early" or '"run ended"' in ending.printed
    assert [secret for secret in SECRETS if secret in ending.printed] == []


def test_given_an_audit_when_recorded_then_what_stands_around_the_databases_is_asked_for_in_each_region(
    stage: Stage,
) -> None:
    _, calls = good(stage, "audit-all")
    asked = {(each.operation, each.region) for each in calls}
    assert asked >= {(operation, region) for operation in LISTS for region in (HOME, AWAY)}
    assert {operation for operation, _ in asked} >= {"DescribeKey", "DescribeOrderableDBInstanceOptions"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STORIES)
def test_given_a_fault_at_each_call_when_run_then_the_report_is_true_and_a_later_run_mends_it(
    stage: Stage, name: str, kind: str
) -> None:
    ending, calls = good(stage, name)
    beside = STORIES[name].beside
    known = set(good(stage, beside)[1]) if beside else set()
    calls = [call for call in calls if call not in known]
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
    stage.account(STORIES[name])
    ending = stage.run(STORIES[name], plant)
    calls, applied = stage.wire.calls, list(stage.wire.accepted)
    again = any(each.like(plant.at) and each.turn > plant.at.turn for each in calls)
    wrong = untruths(name, expected, ending, plant, applied)
    if name.startswith(OF_POINTS):
        wrong += of_points(plant, ending, calls, applied, stage.accepted_before(STORIES[name]))
    if plant.at not in calls:
        wrong.append("the run came to another end before it")
    wrong += [f"leaks {secret}" for secret in SECRETS if secret in ending.printed]
    if ending.status != expected.status and _left(applied):  # else all was done, as was just seen, or all is to do
        Clock.ahead += conftest.LATER
        mended = stage.run(STORIES[name])
        applied += stage.wire.accepted
        if mended.status not in (expected.status, *STORIES[name].later):
            wrong.append(f"{ending.status}, and a later run ends {mended.status} instead of {expected.status}")
    if name.startswith(OF_POINTS):
        wrong += unusual(_usual(stage, name), applied)
    return wrong + changes_twice(applied, plant), again


def _left(applied: Iterable[Call]) -> list[Call]:
    """What changed something that a later run finds."""
    quiet = ("Describe", "Get", "List", "Publish", "PutEvents")
    return [
        each
        for each in applied
        if not each.operation.startswith(quiet) and not (each.service == "s3" and "/reports/" in each.what)
    ]
