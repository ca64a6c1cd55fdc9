"""The audit's Report for people: what needs somebody first, what could not be read never hidden."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from backstay.cli.screen import STYLES, draw, grid, paste, put, title
from backstay.core.findings import Severity
from backstay.core.requests import DatabaseRef
from backstay.core.rules import RULES
from backstay.workflows.reports import every_verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from backstay.cli.session import Options
    from backstay.core.ports import World

Part = dict[str, Any]
_VERDICTS: Final = ("unknown", "fail", "pass", "skipped")  # worst first; unknown may be worse than any failure
_SEVERITIES: Final = {rule.id: list(Severity).index(rule.severity) for rule in RULES}
_LOUD: Final = frozenset({"unknown", "fail"})
_NARROW: Final = 100
_FEW: Final = 2
_EXPOSED: Final = 20
_LOOKS: Final = (
    ("BK004", "snapshot", "See which snapshots are due:"),
    ("BK006", "replicate", "See which copies would begin:"),
)
_TAKE_ON: Final = "sts:AssumeRole"


def show(target: Console, report: Part, world: World, options: Options) -> None:
    """Draws the Report."""
    groups = _by_database(every_verdict(report))
    loud = [group for group in groups if group[0]["verdict"] in _LOUD]
    quiet = [group for group in groups if group[0]["verdict"] not in _LOUD]
    if not target.is_terminal:
        _lines(target, groups)
    else:
        _loud(target, loud)
        _quiet(target, quiet, beside=bool(loud))
    show_unread(target, report["unread"])
    show_elsewhere(target, report, options, "audit", {"all": True})
    _not_covered(target, report["not_covered"])
    put(target)
    _summary(target, report)
    show_origin(target, report, world)
    show_exposures(target, report)
    _next(target, report, options)


def _by_database(findings: Iterable[Part]) -> list[list[Part]]:
    """Findings per database, worst first in both directions."""
    groups: dict[str, list[Part]] = {}
    for finding in findings:
        groups.setdefault(finding["database"]["key"], []).append(finding)
    for group in groups.values():
        group.sort(key=_badness)
    return sorted(groups.values(), key=lambda group: ([_badness(each) for each in group], group[0]["database"]["key"]))


def _badness(finding: Part) -> tuple[int, int, str]:
    return _VERDICTS.index(finding["verdict"]), _SEVERITIES.get(finding["rule"], 0), finding["rule"]


def _merged(group: Sequence[Part]) -> list[tuple[str, str, str]]:
    """Verdict, rules and message; skipped ones with the same reason in one row, and so all that pass."""
    rows: dict[tuple[str, str], list[Part]] = {}
    for finding in group:
        verdict = finding["verdict"]
        rows.setdefault((verdict, "" if verdict == "pass" else finding["message"]), []).append(finding)
    return [
        (verdict, " ".join(each["rule"] for each in found), "; ".join(dict.fromkeys(_told(each) for each in found)))
        for (verdict, _), found in rows.items()
    ]


def _short(row: tuple[str, str, str]) -> tuple[str, str, str]:
    """Of what needs nobody, how many rules rather than which, and what was measured first; --json has it all."""
    verdict, ids, message = row
    count = len(ids.split())
    if verdict in _LOUD or count <= _FEW:
        return row
    return verdict, f"{count} rules", "; ".join(message.split("; ")[:_FEW]) if verdict == "pass" else message


def _told(finding: Part) -> str:
    return f"{finding['message']} [protect can repair it]" if finding["repairable"] else str(finding["message"])


def _tier(finding: Part) -> str:
    return finding["tier"] or "-"


def _lines(target: Console, groups: Sequence[Sequence[Part]]) -> None:
    """For a pipe: every row stands alone, so that grep and sort make sense of it."""
    rows: list[tuple[object, ...]] = []
    for group in groups:
        database = group[0]["database"]
        where = (database["name"], database["region"], database["engine"], _tier(group[0]))
        rows += [(verdict, rules.replace(" ", ","), *where, message) for verdict, rules, message in _merged(group)]
    if rows:
        draw(target, grid(rows, indent=0))


def _loud(target: Console, groups: Sequence[Sequence[Part]]) -> None:
    wide = max((len(group[0]["database"]["name"]) for group in groups), default=0)
    rules = 11 if target.width < _NARROW else 23  # two identifiers beside each other, or four
    for group in groups:
        database, tier = group[0]["database"], group[0]["tier"]
        where = f"  {database['region']}  {database['engine']}  "
        put(target)
        put(
            target,
            (database["name"].ljust(wide), "bold"),
            (where, "dim"),
            f"tier {tier}" if tier else ("in no tier", "yellow"),
        )
        rows: list[tuple[object, ...]] = [
            ((verdict, STYLES[verdict]), (ids, "dim"), (message, "" if verdict in _LOUD else "dim"))
            for verdict, ids, message in map(_short, _merged(group))
        ]
        draw(target, grid(rows, (None, rules)))


def _quiet(target: Console, groups: Sequence[Sequence[Part]], *, beside: bool) -> None:
    if not groups:
        return
    title(target, f"{'The other ' if beside else 'All '}{len(groups)}" if len(groups) > 1 else "In order")
    rows: list[tuple[object, ...]] = []
    for group in groups:
        database = group[0]["database"]
        verdict = "pass" if any(each["measured"] for each in group) else "skipped"
        measured = [each["message"] for each in group if each["measured"]][:_FEW]
        what = measured + [each["message"] for each in group if each["verdict"] == "skipped"]
        text = "; ".join(dict.fromkeys(what or [each["message"] for each in group]))
        where = ((database["name"], "bold"), (database["region"], "dim"), _tier(group[0]))
        rows.append(((verdict, STYLES[verdict]), *where, text))
    narrow = target.width < _NARROW
    draw(target, grid(rows, (None, 20 if narrow else 63, None, 12 if narrow else 40)))


def show_unread(target: Console, unread: Sequence[Part]) -> None:
    """What could not be read, in red; nothing when everything could."""
    if not unread:
        return
    put(target)
    put(target, ("Not read, so unknown: nothing here says that these are in order", "bold red"))
    for each in unread:
        put(target, (f"{each['scope']} {each['what']}: ", "red"), each["error"], indent=2)


def show_elsewhere(target: Console, report: Part, options: Options, verb: str, payload: Part) -> None:
    """What to do where another account's role was refused to us; nothing when none was."""
    if not any(_TAKE_ON in each["error"] for each in report["unread"]):
        return
    put(target, "The roles of other accounts trust the deployment's functions only, so let the function look, at home:")
    name = f"--function-name {options.deployment}-{verb}:live --cli-binary-format raw-in-base64-out"
    paste(target, f"aws lambda invoke {name} --payload {shlex.quote(json.dumps(payload))} /dev/stdout")


def _not_covered(target: Console, seen: Sequence[Part]) -> None:
    if not seen:
        return
    put(target)
    put(target, ("Seen and not covered by Backstay", "bold"))
    for each in seen:
        put(target, each["name"], (f"  {each['scope']}  {each['engine']}", "dim"), indent=2)


def _summary(target: Console, report: Part) -> None:
    counts, unread = report["counts"], report["unread"]
    word = report["status"]
    parts: list[object] = [(word.upper(), STYLES.get(word, "bold")), f"  {plural(report['databases'], 'database')}: "]
    for name in ("fail", "unknown", "pass", "skipped"):
        count = counts.get(name, 0)
        parts += [(f"{count} {name}", STYLES[name] if count else "dim"), ", " if name != "skipped" else ""]
    if unread:
        parts.append((f", {plural(len(unread), 'listing')} not read", "bold red"))
    put(target, *parts, (f"  ({report['run_seconds']:.1f} s)", "dim"))


def show_origin(target: Console, report: Part, world: World) -> None:
    """Where we looked, which policy it was judged by, and why not by the newest."""
    policy, accounts = report["policy"], dict.fromkeys(scope.account for scope in world.inventories)
    regions = ", ".join(scope.region for scope in world.inventories)
    packaged = policy["source"] == "default"
    text = "the packaged default, which only reports" if packaged else policy["source"]
    put(target, (f"account {', '.join(accounts)} in {regions}; policy: {text}", "dim"))
    if policy["stale"]:
        put(target, ("An earlier version of the policy stands in: ", "bold yellow"), policy["stale"])


def show_exposures(target: Console, report: Part) -> None:
    """Per Database what is lost with its region, worst first; nothing when the Report does not tell."""
    worst = sorted(report.get("exposures", ()), key=_lost, reverse=True)
    if not worst:
        return
    shown = worst[:_EXPOSED] if target.is_terminal else worst
    rows: list[tuple[object, ...]] = [
        (
            (DatabaseRef.parse(each["database"]).name, "bold"),
            (each["line"], "bold red" if each["newest"] is None else ""),
        )
        for each in shown
    ]
    put(target)
    draw(target, grid(rows, (63, None), indent=0))
    if len(shown) < len(worst):
        put(target, (f"and {len(worst) - len(shown)} that would lose no more; --json has them all", "dim"))


def _lost(exposure: Part) -> float:
    return float("inf") if exposure["lost_seconds"] is None else float(exposure["lost_seconds"])


def _next(target: Console, report: Part, options: Options) -> None:
    if not report["databases"]:
        put(
            target,
            ("No RDS or Aurora database was seen there.", "yellow"),
            " Look elsewhere with --region or --profile.",
        )
    failing = Counter(each["rule"] for each in report["findings"] if each["verdict"] in _LOUD)
    if not failing and not report["unread"]:
        return
    title(target, "What to do")
    rows: list[tuple[object, ...]] = [
        (rule.id, (f"{failing[rule.id]}x", "dim"), rule.fix) for rule in RULES if failing[rule.id]
    ]
    if rows:
        draw(target, grid(rows))
    if any("AccessDenied" in each["error"] for each in report["unread"]):
        put(target, "Reading needs rds:Describe* in every region: docs/cli.md.", indent=2)
    repairable = any(each["repairable"] for each in report["findings"])
    if repairable:
        put(target, "See what protect would change:", indent=2)
        paste(target, options.command("plan"))
    for rule, verb, question in _LOOKS:
        if failing[rule]:
            put(target, question, indent=2)
            paste(target, options.command(verb, "--dry-run"))
    if not repairable and options.policy == "default":
        put(target, "A policy of your own says what matters: docs/policy.md, then --policy FILE.", indent=2)


def plural(count: int, word: str) -> str:
    """``1 database``, ``2 databases``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
