"""Prune's Report for people: per location what stays and why, what goes and why, what a guard keeps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from backstay.cli.findings import plural, show_elsewhere, show_origin, show_unread
from backstay.cli.points import chosen, named, place, show_database, show_summary
from backstay.cli.screen import STYLES, draw, grid, paste, put
from backstay.core.policy import effective
from backstay.core.requests import DatabaseRef
from backstay.core.retention import Period

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from backstay.cli.session import Options
    from backstay.core.ports import World

Part = dict[str, Any]
_PERIODS: Final = tuple(str(each) for each in Period)
_ALIKE: Final = 5  # points that one guard keeps for one reason; more are told as one line in a terminal
_UNKNOWN_AGE: Final = "of unknown age"
_AS_ABOVE: Final = ("as above", "dim")


def show(
    target: Console, report: Part, world: World, options: Options, words: Sequence[str], *, asking: bool = False
) -> None:
    """Draws the plan, or after the removals what came of each.

    Args:
        target: where to.
        report: of ``prune``.
        world: that it was made in.
        options: of the command.
        words: the verb, which Databases it was told, and a hash if one was given.
        asking: the question follows, so nobody needs to be told how to say yes.
    """
    if report["dry_run"]:
        _plan(target, report)
    else:
        _removed(target, report)
    show_unread(target, report["unread"])
    show_elsewhere(target, report, options, words[0], chosen(words))
    put(target)
    alone = sum(report["left_alone"].values())
    told = plural(report["databases"], "database")
    show_summary(target, report, told, f"{alone} left alone" if alone else "")
    for reason, count in report["left_alone"].items():
        put(target, (f"left alone, {count}x: {reason}", "dim"))
    show_origin(target, report, world)
    _standing(target, report, world)
    if not asking and report["dry_run"] and report["counts"].get("planned"):
        put(target)
        put(target, "To remove them:")
        paste(target, options.command(*words))
    _waiting(target, report, options, words)


def _plan(target: Console, report: Part) -> None:
    planned = {each["arn"] for each in report["outcomes"] if each["result"] == "planned"}
    if not target.is_terminal:
        rows = [row for each in report["pruned"] for row in _lines(each, planned)]
        if rows:
            draw(target, grid(rows, indent=0))
        return
    for pruned in report["pruned"]:
        if not _worth(pruned):
            continue
        show_database(target, pruned["database"])
        for location in pruned["locations"]:
            put(target, (location["scope"], "bold"), f"  {_stays(location)}", indent=2)
            rows = _rows(location, planned)
            if rows:
                draw(target, grid(rows, indent=4))
        if pruned["beyond"]:
            put(target, ("guard 9  ", STYLES["refused"]), pruned["beyond"], indent=2)


def _worth(pruned: Part) -> bool:
    """Of a large fleet the Report counts what stays, and only what goes or is refused is drawn."""
    return any("keep" in each or each["remove"] or each["refused"] for each in pruned["locations"])


def _lines(pruned: Part, planned: set[str]) -> Iterator[tuple[object, ...]]:
    """For a pipe: every row stands alone, so that grep and sort make sense of it."""
    name = DatabaseRef.parse(pruned["database"]).name
    if pruned["beyond"]:
        yield ("guard", name, "-", "-", "-", f"guard 9: {pruned['beyond']}")
    for location in pruned["locations"]:
        where = (name, location["scope"])
        yield ("keep", *where, "-", "-", _stays(location))
        for each in location["remove"]:
            yield (_word(each, planned)[0], *where, each["data_time"], named(each["point"]), each["reason"])
        for each in location["refused"]:
            when = each["data_time"] or _UNKNOWN_AGE
            yield ("guard", *where, when, named(each["point"]), f"guard {each['guard']}: {each['reason']}")


def _word(removal: Part, planned: set[str]) -> tuple[str, str]:
    """Whether it goes, or only would if it were not for the blast radius."""
    return ("remove", "bold red") if removal["point"] in planned else ("waits", STYLES["refused"])


def _stays(location: Part) -> str:
    """``21 stay: 7 daily, 4 weekly, 12 monthly; 2 more for a guard``; one point may stay for several kinds."""
    text = f"{location['kept']} stay"
    kinds = Counter(_kind(reason) for each in location.get("keep", ()) for reason in each["reasons"])
    if kinds:
        ordered = sorted(kinds, key=lambda kind: _PERIODS.index(kind) if kind in _PERIODS else len(_PERIODS))
        text += ": " + ", ".join(f"{kinds[kind]} {kind}" for kind in ordered)
    refused = len(location["refused"])
    return f"{text}; {refused} more for a guard" if refused else text


def _kind(reason: str) -> str:
    word = reason.split(" ", 1)[0]
    return word if word in _PERIODS else f"({reason})"


def _rows(location: Part, planned: set[str]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    above = ""
    for each in location["remove"]:
        told = _AS_ABOVE if each["reason"] == above else (each["reason"], "")
        rows.append((_word(each, planned), _minute(each["data_time"]), named(each["point"]), told))
        above = each["reason"]
    alike: dict[tuple[int, str], list[Part]] = {}
    for each in location["refused"]:
        alike.setdefault((each["guard"], each["reason"]), []).append(each)
    for (guard, reason), found in sorted(alike.items()):
        word = (f"guard {guard}", "bold yellow")
        if len(found) > _ALIKE:
            rows.append((word, _ages(found), plural(len(found), "snapshot"), reason))
        else:
            rows += [(word, _minute(each["data_time"]), named(each["point"]), reason) for each in found]
    return rows


def _minute(moment: str | None) -> str:
    return f"{moment[:16]}Z" if moment else _UNKNOWN_AGE


def _ages(found: Sequence[Part]) -> str:
    known = sorted(each["data_time"][:10] for each in found if each["data_time"])
    return f"{known[0]} to {known[-1]}" if known else _UNKNOWN_AGE


def _removed(target: Console, report: Part) -> None:
    times = {
        each["point"]: each["data_time"]
        for pruned in report["pruned"]
        for location in pruned["locations"]
        for each in location["remove"]
    }
    if not target.is_terminal:
        rows = [_outcome_line(each, times) for each in report["outcomes"]]
        if rows:
            draw(target, grid(rows, indent=0))
        return
    groups: dict[str, dict[str, list[Part]]] = {}
    for each in report["outcomes"]:
        where = place(each["arn"]) if each["action"] else ""
        groups.setdefault(each["database"], {}).setdefault(where, []).append(each)
    for database, places in groups.items():
        show_database(target, database)
        for where, found in places.items():
            if where:
                put(target, (where, "bold"), indent=2)
            draw(target, grid(_outcome_rows(found, times), indent=4 if where else 2))


def _outcome_line(outcome: Part, times: Mapping[str, str | None]) -> tuple[object, ...]:
    name, arn = DatabaseRef.parse(outcome["database"]).name, outcome["arn"]
    about = (place(arn), times.get(arn) or "-", named(arn)) if outcome["action"] else ("-", "-", "-")
    return (_result(outcome), name, *about, outcome["message"])


def _outcome_rows(outcomes: Sequence[Part], times: Mapping[str, str | None]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    above = ""
    for each in outcomes:
        told = _AS_ABOVE if each["message"] == above else (each["message"], "")
        about = (_minute(times.get(each["arn"])), named(each["arn"])) if each["action"] else ()
        rows.append((_result(each), *about, told))
        above = each["message"]
    return rows


def _result(outcome: Part) -> tuple[str, str]:
    return outcome["result"].replace("_", " "), STYLES[outcome["result"]]


def _standing(target: Console, report: Part, world: World) -> None:
    """Why a policy lets nothing go."""
    if report["policy"]["stale"]:
        put(target, "While it does, nothing is removed: mend the newest version of the policy, then prune again.")
    elif not any(each.snapshots or each.copies for each in _tiers(world)):
        put(target, "No tier of this policy has a keep rule, so prune removes nothing: see keep in docs/policy.md.")


def _waiting(target: Console, report: Part, options: Options, words: Sequence[str]) -> None:
    """The very command that removes what is beyond the blast radius."""
    waits = any(each["action"] is None and each["result"] == "refused" for each in report["outcomes"])
    if not waits or not report["confirm"]:
        return
    put(target)
    text = "Beyond the blast radius nothing goes by itself. If every snapshot that waits is meant, this removes them:"
    put(target, (text, "bold yellow"))
    paste(target, options.command("prune", words[1], "--confirm", report["confirm"]))


def _tiers(world: World) -> Iterator[Any]:
    for tier in world.policy.tiers:
        yield effective(world.policy, tier)
