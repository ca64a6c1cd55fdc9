"""What a report must not say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tests.faults.stage import Ending
    from tests.faults.wire import Call, Plant

_LISTINGS: Final = {("DescribeDBInstances", ""), ("DescribeDBClusters", "")}
_READS: Final = ("DescribeDBInstances", "DescribeDBClusters")
_NOT_GREEN: Final = {"unknown", "error", "refused", "pending", "findings"}
# Errors that a function may end in, for Lambda to retry. The front door answers a person and raises none.
_RETRIED: Final = ("audit", "protect", "restore-run")
_MAKES: Final = ("Restore", "Create", "Invoke", "Modify", "AddRole")


def untruths(name: str, expected: Ending, ending: Ending, plant: Plant, applied: Collection[Call]) -> list[str]:
    """What is wrong with how a run ended that met a fault.

    Args:
        name: the workflow.
        expected: how it ends when nothing fails.
        ending: how it ended.
        plant: the fault.
        applied: the requests that the cloud served.
    """
    if ending.raised:
        allowed = name.startswith(_RETRIED)
        return [] if allowed and not ending.foreign else [f"raised {ending.raised}\n{ending.printed[-1500:]}"]
    wrong = []
    if ending.status == expected.status:
        said, meant = ending.parts(), expected.parts()
        if plant.kind == "gone" and plant.at.operation in _READS:
            # A database that went between the listing and now: nothing is to be said of it.
            meant = {key: part for key, part in meant.items() if key in said or not key.endswith(f"/{plant.at.what}")}
        if plant.kind == "gone" and plant.at.operation == "DescribeKey":  # then none of it can be restored
            meant = {key: _without_key(plant, key, part) for key, part in meant.items()}
        if said != meant:
            wrong.append(f"claims to be as good as without: {said}")
    elif ending.status not in _NOT_GREEN:
        wrong.append(f"{ending.status} instead of {expected.status}")
    return wrong + _others(expected, ending, plant) + _undone(ending, applied)


def _without_key(plant: Plant, key: str, part: Any) -> Any:
    """What an audit says of a database whose key is gone: all databases of that region have the one key."""
    return sorted([*part, ("BK024", "fail")]) if key.startswith(f"{plant.at.region}/") else part


def _others(expected: Ending, ending: Ending, plant: Plant) -> list[str]:
    """A listing that fails costs its region, not the others."""
    if (plant.at.operation, plant.at.what) not in _LISTINGS:
        return []
    lost = {key: part for key, part in expected.parts().items() if plant.at.region not in key}
    kept = ending.parts()
    return [f"{key} is lost with {plant.at.region}" for key, part in lost.items() if kept.get(key) != part]


def _undone(ending: Ending, applied: Collection[Call]) -> list[str]:
    """What is reported as done was accepted by the cloud."""
    modified = {each.what for each in applied if each.operation.startswith("Modify")}
    done = [str(key) for key, part in ending.parts().items() if isinstance(part, list) and ("done", "") in part]
    wrong = [f"{key} is done, and was never asked for" for key in done if key.rpartition("/")[2] not in modified]
    if (ending.report or {}).get("digest_sent") and not any(each.operation == "Publish" for each in applied):
        wrong.append("a digest is said to be sent, and was not")
    return wrong


def changes_twice(applied: Iterable[Call], plant: Plant) -> list[str]:
    """What was changed more than once by the run and a later one, but for the client's own retry of a lost answer."""
    made = Counter((each.operation, each.region, each.what) for each in applied if each.operation.startswith(_MAKES))
    return [
        f"{operation} {what} took effect {count} times"
        for (operation, region, what), count in made.items()
        if count > 1 and (plant.at.operation, plant.at.region, plant.at.what) != (operation, region, what)
    ]
