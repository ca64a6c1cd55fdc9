"""What a report must not say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tests.faults.stage import Ending
    from tests.faults.wire import Call, Plant

OF_POINTS: Final = ("snapshot", "replicate", "prune")
POLICY_KEY: Final = "/points.yaml"
_CLAIMS: Final = ("pending", "done", "already_done")
_ALREADY: Final = ("already_done", "")
_MADE: Final = (("pending", ""), ("done", ""))
_VERBS: Final = ("Create", "Copy", "Start", "Delete", "Modify", "AddTags", "RemoveTags")
# Whom a snapshot is shared with is taken back until its tag is off, which comes last: so the tag never says too little.
_AGAIN: Final = ("ModifyDBSnapshotAttribute", "ModifyDBClusterSnapshotAttribute")
_LISTINGS: Final = {("DescribeDBInstances", ""), ("DescribeDBClusters", "")}
_READS: Final = ("DescribeDBInstances", "DescribeDBClusters")
_NOT_GREEN: Final = {"unknown", "error", "refused", "pending", "findings"}
# Errors that a function may end in, for Lambda to retry. The front door answers a person and raises none.
_RETRIED: Final = ("audit", "protect", "snapshot", "replicate", "prune", "restore-run")
_MAKES: Final = ("Restore", "Create", "Invoke", "Modify", "AddRole", "Copy", "Delete", "Start")


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
    said, meant = ending.parts(), expected.parts()
    if name.startswith(OF_POINTS):
        said = {key: _settled(part, meant.get(key)) for key, part in said.items()}
    if name == "audit-points" and plant.kind == "gone":
        said, meant = _without_what_is_gone(plant, said), _without_what_is_gone(plant, meant)
    elif plant.kind == "gone" and plant.at.operation == "DescribeKey":  # then none of it can be restored
        meant = {key: _without_key(plant, key, part) for key, part in meant.items()}
    if (ending.report or {}).get("policy", {}).get("stale") and name.startswith("prune"):
        meant = said  # that an earlier policy stands in, by which nothing goes, is told; and that nothing went is seen
    if ending.status == expected.status:
        if plant.kind == "gone" and plant.at.operation in _READS:
            # A database that went between the listing and now: nothing is to be said of it.
            meant = {key: part for key, part in meant.items() if key in said or not key.endswith(f"/{plant.at.what}")}
        if said != meant:
            wrong.append(f"claims to be as good as without: {said}")
    elif ending.status not in _NOT_GREEN and not (name.startswith(OF_POINTS) and said == meant):
        wrong.append(f"{ending.status} instead of {expected.status}")
    return wrong + _others(expected, ending, plant) + _undone(ending, applied)


def _without_key(plant: Plant, key: str, part: Any) -> Any:
    """What an audit says of a database whose key is gone: all databases of that region have the one key."""
    return sorted([*part, ("BK024", "fail")]) if key.startswith(f"{plant.at.region}/") else part


def _without_what_is_gone(plant: Plant, parts: Mapping[str, Any]) -> dict[str, Any]:
    """What an audit says beside of what the fault makes of it: a snapshot that is gone is shared with nobody."""
    theirs = {"DescribeKey": ("BK007", "BK024"), "DescribeDBSnapshotAttributes": ("BK008",)}.get(plant.at.operation, ())
    return {key: [each for each in part if each[0] not in theirs] for key, part in parts.items()}


def _settled(said: list[Any], meant: list[Any] | None) -> list[Any]:
    """What was there already is as good as begun or done: an answer was lost, and the client asked once more."""
    if meant is None or len(said) != len(meant):
        return said
    pairs = zip(said, meant, strict=True)
    return [wish if is_ == _ALREADY and wish in _MADE else is_ for is_, wish in pairs]


def _others(expected: Ending, ending: Ending, plant: Plant) -> list[str]:
    """A listing that fails costs its region, not the others."""
    if (plant.at.operation, plant.at.what) not in _LISTINGS:
        return []
    lost = {key: part for key, part in expected.parts().items() if plant.at.region not in key}
    kept = ending.parts()
    return [f"{key} is lost with {plant.at.region}" for key, part in lost.items() if kept.get(key) != part]


def _undone(ending: Ending, applied: Collection[Call]) -> list[str]:
    """What protect reports as done was accepted by the cloud."""
    if (ending.report or {}).get("schema") != "backstay.protect/1":
        return _undigested(ending, applied)
    modified = {each.what for each in applied if each.operation.startswith("Modify")}
    done = [str(key) for key, part in ending.parts().items() if isinstance(part, list) and ("done", "") in part]
    return [f"{key} is done, and was never asked for" for key in done if key.rpartition("/")[2] not in modified]


def _undigested(ending: Ending, applied: Collection[Call]) -> list[str]:
    if (ending.report or {}).get("digest_sent") and not any(each.operation == "Publish" for each in applied):
        return ["a digest is said to be sent, and was not"]
    return []


def of_points(
    plant: Plant, ending: Ending, calls: Iterable[Call], applied: Collection[Call], before: Collection[Call]
) -> list[str]:
    """What is wrong with what a run says of recovery points, or did to them.

    Args:
        plant: the fault.
        ending: how the run ended.
        calls: all that it asked for.
        applied: the requests that the cloud served.
        before: those that it had served when the run began.
    """
    return (
        _unfounded(plant, ending, applied, before)
        + _guessed(plant, ending, calls)
        + _removed_blindly(plant, calls, applied)
    )


def _unfounded(plant: Plant, ending: Ending, applied: Iterable[Call], before: Iterable[Call]) -> list[str]:
    """What is said to be begun or done was accepted by the cloud; what was done already, now or before."""
    now, ever = _accepted(applied), _accepted((*applied, *before))
    wrong = []
    for outcome in (ending.report or {}).get("outcomes", ()):
        action, result = outcome["action"] or {}, outcome["result"]
        if result not in _CLAIMS or outcome["passing"] or "action" not in action:
            continue
        asked, already = _asked(action, outcome["arn"]), result == _ALREADY[0]
        told = already and plant.kind == "gone" and plant.at.what in {about for _, about in asked}  # by the fault
        if not told and not asked <= (ever if already else now):
            wrong.append(f"{result}: {action}, and the cloud was not asked for {asked}")
    return wrong


def _guessed(plant: Plant, ending: Ending, calls: Iterable[Call]) -> list[str]:
    """Of a list that could not be read nobody says what is not on it."""
    if plant.at.operation != "DescribeOptionGroups" or not _failed(plant, calls):
        return []
    messages = [str(each["message"]) for each in (ending.report or {}).get("outcomes", ())]
    return [f"says of option groups: {each}" for each in messages if " has no " in each]


def _failed(plant: Plant, calls: Iterable[Call]) -> bool:
    """Whether every attempt met the fault."""
    return all(plant.meets(each) for each in calls if each.like(plant.at))


def _accepted(calls: Iterable[Call]) -> set[tuple[str, str]]:
    """By how each begins, what it names."""
    return {
        (verb, it) for each in calls for verb in _VERBS if each.operation.startswith(verb) for it in each.what.split()
    }


def _asked(action: Mapping[str, str], arn: str) -> set[tuple[str, str]]:
    """The calls behind an action: how each begins, and what it names."""
    match action["action"]:
        case "snapshot":
            return {("Create", action["name"])}
        case "copy":
            return {("Copy", action["name"])}
        case "replicate":
            return {("Start", arn)}
        case "delete":
            return {("Delete", action["point"].split(":")[6])}
        case "share":
            return {("AddTags", action["point"]), ("Modify", action["account"])}
        case "unshare":
            return {("Modify", action["account"]), ("RemoveTags", action["point"])}
    raise AssertionError(f"nobody knows what {action} asks for")


def _removed_blindly(plant: Plant, calls: Iterable[Call], applied: Iterable[Call]) -> list[str]:
    """Where points, or the policy that lies in the vault, could not be read, nothing goes that this concerns."""
    listing = plant.at.operation in ("DescribeDBSnapshots", "DescribeDBClusterSnapshots")
    policy = plant.at.what == POLICY_KEY and plant.kind != "hollow"  # S3's answer has nothing to be hollow
    if not _failed(plant, calls) or not (listing or policy):
        return []
    removed = [each for each in applied if each.operation.startswith("DeleteDB")]
    if listing and plant.at.what:
        point = [each for each in removed if (each.what, each.region) == (plant.at.what, plant.at.region)]
        # Of a Database that is gone, others decide: there is nothing, said the cloud.
        whose = () if plant.kind == "gone" else (f"-{plant.at.what}-",)
        removed = point + [each for each in removed for word in whose if word in each.what]
    return [f"removed all the same: {each}" for each in removed]


def unusual(usual: Iterable[Call], applied: Iterable[Call]) -> list[str]:
    """What a run did to recovery points, or a later one, that is not done when nothing fails."""
    known = {(each.operation, each.region): set[str]() for each in usual}
    for each in usual:
        known[each.operation, each.region] |= set(each.what.split())  # a copy may go without its option group
    return [
        f"did {each}"
        for each in applied
        if each.service == "rds"
        and not each.operation.startswith("Describe")
        and not set(each.what.split()) <= known.get((each.operation, each.region), set())
    ]


def changes_twice(applied: Iterable[Call], plant: Plant) -> list[str]:
    """What was changed more than once by the run and a later one, but for the client's own retry of a lost answer."""
    made = Counter(
        (each.operation, each.region, each.what)
        for each in applied
        if each.operation.startswith(_MAKES) and each.operation not in _AGAIN
    )
    return [
        f"{operation} {what} took effect {count} times"
        for (operation, region, what), count in made.items()
        if count > 1 and (plant.at.operation, plant.at.region, plant.at.what) != (operation, region, what)
    ]
