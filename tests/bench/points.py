"""Recovery points by the million: selection, the plan of a night, and one tick of replicate over a full region.

``python -m tests.bench.points WHAT SIZE`` is the measured child, so that each figure has a process of its own.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.points import RecoveryPoint
    from tests.bench.processes import Bench

_LONDON: Final = ZoneInfo("Europe/London")
_MICRO, _KIB = 1e6, 1024
_POINTS_EACH, _LOCATIONS = 400, 2
_DAY: Final = timedelta(days=1)
_IN_FLIGHT, _CAP = 18, 20


def rows(bench: Bench, *, quick: bool) -> Iterator[Row]:
    """Selection's time, growth and memory; the plan of a night; a tick of replicate. ``quick`` is a tenth of each."""
    share = 10 if quick else 1
    many, few = 1_000_000 // share, 100_000 // share
    large, small = _measured(bench, "select", many), _measured(bench, "select", few)
    took = large["seconds"] / many * _MICRO
    how = f"{many} points, {large['kept']} kept; {small['seconds'] / few * _MICRO:.2f} us each of {few}"
    yield Row("points: selection, each", took, 5.0, "us", how)
    yield Row("points: selection, 10 x the points", large["seconds"] / small["seconds"], 13.0, how="10 is linear")
    yield Row("points: memory, each", large["bytes"] / many / _KIB, 1.0, "KiB", "points, their tags and the selection")
    night = _measured(bench, "night", 2000 // share)
    size = f"{2000 // share} databases x {_POINTS_EACH} points in {_LOCATIONS} regions"
    yield Row("prune: plan of a night", night["seconds"], 10.0, "s", f"{size}; {night['removed']} to go")
    how = f"{night['calls']} calls; {night['pages']} pages, {night['actions']} actions"
    yield Row("prune: calls / pages and actions", night["calls"] / (night["pages"] + night["actions"]), 1.0, how=how)
    tick = _measured(bench, "tick", 20_000 // share)
    how = f"{20_000 // share} snapshots, {_IN_FLIGHT} on their way; the most exposed begun: {tick['right']}"
    yield Row("replicate: begun of the 2 that fit", tick["begun"] if tick["right"] else 99, 2.0, "", how)
    yield Row("replicate: a tick", tick["seconds"], 10.0, "s", f"{tick['calls']} calls, {tick['waiting']} wait")


def _measured(bench: Bench, what: str, size: int) -> dict[str, Any]:
    return bench.measure(command=(sys.executable, "-m", "tests.bench.points", what, str(size)))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def select(size: int) -> dict[str, Any]:
    """One selection over points of every hour, in no order, each with tags of its own."""
    from backstay.core.policy import Keep  # noqa: PLC0415
    from backstay.core.retention import select as work  # noqa: PLC0415
    from tests.fleet import NOW, database, point  # noqa: PLC0415

    orders = database()
    before = _peak()
    sample = point(orders)
    points = [
        replace(sample, data_time=NOW - timedelta(minutes=number), arn=f"{sample.arn}-{number}", tags=dict(sample.tags))
        for number in range(size)
    ]
    random.Random(0).shuffle(points)
    keep = Keep(last=3, hourly=48, daily=30, weekly=12, monthly=24, yearly=10)
    began = time.perf_counter()
    found = work(points, keep, _LONDON, NOW)
    seconds = time.perf_counter() - began
    assert len(found.kept) + len(found.removed) == size
    return {"seconds": seconds, "kept": len(found.kept), "bytes": _peak() - before}


def night(size: int) -> dict[str, Any]:
    """The plan of prune over a fleet with its copies, nothing left out but AWS itself."""
    from backstay.core.requests import PruneRequest  # noqa: PLC0415
    from backstay.providers.memory import MemoryClock  # noqa: PLC0415
    from backstay.workflows.prune import prune  # noqa: PLC0415
    from tests.fleet import IRELAND, LONDON, NOW, database, fleet, point  # noqa: PLC0415
    from tests.workflows.places import DR, rules  # noqa: PLC0415

    each = _POINTS_EACH // _LOCATIONS
    keep = replace(DR.keep, daily=each - 1, monthly=12)
    given = fleet(rules=rules(replace(DR, keep=keep), keep=keep), clock=MemoryClock(NOW))
    sample = database()
    shared = [(scope, point(sample, NOW - timedelta(hours=7) - number * _DAY, scope=scope))
              for scope in (LONDON, IRELAND) for number in range(each)]  # fmt: skip
    for number in range(size):
        made = database(f"db-{number}")
        given.cloud.add(made)
        given.cloud.add_point(*(_of(found, made.name, made.id.key) for _, found in shared))
    given.cloud.calls.clear()
    began = time.perf_counter()
    report = prune(given.world, PruneRequest(all=True, dry_run=True))
    seconds = time.perf_counter() - began
    calls = Counter(call.method for call in given.cloud.calls)
    assert (report["databases"], report["status"]) == (size, "findings"), report["status"]
    pages = calls["points"] + calls["pages"]
    return {
        "seconds": seconds,
        "calls": calls.total(),
        "pages": pages,
        "actions": sum(calls[name] for name in ("take", "copy", "share", "delete")),
        "removed": report["counts"]["planned"],
    }


def _of(found: RecoveryPoint, name: str, key: str) -> RecoveryPoint:
    """The same point, of another Database."""
    return replace(
        found,
        id=f"{name}-{found.id}",
        arn=f"{found.arn}-{name}",
        source=name,
        copied_from=found.copied_from and f"{found.copied_from}-{name}",
        tags={**found.tags, "backstay:database": key},
    )


def tick(size: int) -> dict[str, Any]:
    """Twenty thousand snapshots, of which the newest of each Database lacks its copy, and 18 copies on their way."""
    from backstay.core.points import PointState  # noqa: PLC0415
    from backstay.core.requests import ReplicateRequest  # noqa: PLC0415
    from backstay.providers.memory import MemoryClock, Work  # noqa: PLC0415
    from backstay.workflows.replicate import replicate  # noqa: PLC0415
    from tests.fleet import IRELAND, LONDON, NOW, database, fleet, point  # noqa: PLC0415
    from tests.workflows.places import DR, rules  # noqa: PLC0415

    slots = 10
    given = fleet(rules=rules(DR), clock=MemoryClock(NOW))
    given.cloud.takes(Work.COPY, span=_DAY)
    sample = database()
    newest = NOW - timedelta(hours=7)
    exposed: list[str] = []
    for number in range(size // slots // 2):
        made = database(f"db-{number:05}")
        given.cloud.add(made)
        behind = 3 if number in (7, 11) else 1  # two are further behind than all others
        exposed += [made.id.key] if behind > 1 else []
        for back in range(slots):
            here = point(sample, newest - back * _DAY)
            given.cloud.add_point(_of(here, made.name, made.id.key))
            if back >= behind:
                copy = point(sample, newest - back * _DAY, scope=IRELAND)
                given.cloud.add_point(_of(copy, made.name, made.id.key))
    stranger = database("stranger")
    for number in range(_IN_FLIGHT):
        flying = point(stranger, newest - number * _DAY, scope=IRELAND, state=PointState.CREATING, status="creating")
        given.cloud.add_point(replace(flying, id=f"s-{number}", tags={}))
    assert len(given.cloud.every_point(LONDON)) == size // 2
    given.cloud.calls.clear()
    began = time.perf_counter()
    report = replicate(given.world, ReplicateRequest(all=True))
    seconds = time.perf_counter() - began
    begun = [each["database"] for each in report["outcomes"] if each["action"] and each["result"] == "pending"]
    return {
        "seconds": seconds,
        "begun": len(begun),
        "right": sorted(begun) == sorted(exposed),
        "calls": len(given.cloud.calls),
        "waiting": report["waiting"],
    }


if __name__ == "__main__":
    import backstay.handlers  # noqa: F401  # the garbage collector as functions have it

    print(json.dumps({"select": select, "night": night, "tick": tick}[sys.argv[1]](int(sys.argv[2]))))
