"""What is done to recovery points, for people: snapshots begun, copies begun or waiting, snapshots adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.cli.changes import ORDER
from backstay.cli.findings import plural, show_elsewhere, show_exposures, show_origin, show_unread
from backstay.cli.screen import STYLES, draw, grid, paste, put
from backstay.core.model import Provider
from backstay.core.policy import effective
from backstay.core.requests import DatabaseRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from backstay.cli.session import Options
    from backstay.core.ports import World

Part = dict[str, Any]
_NOT_ASKED: Final = {
    "snapshot": "No tier of this policy asks for snapshots: see snapshots in docs/policy.md.",
    "replicate": "No tier of this policy asks for copies: see copies in docs/policy.md.",
}


def show(
    target: Console, report: Part, world: World, options: Options, words: Sequence[str], *, asking: bool = False
) -> None:
    """Draws what would be begun, or what came of it.

    Args:
        target: where to.
        report: of ``snapshot`` or ``replicate``.
        world: that it was made in.
        options: of the command.
        words: the verb, and which Databases it was told.
        asking: the question follows, so no advice.
    """
    _outcomes(target, report["outcomes"])
    show_unread(target, report["unread"])
    show_elsewhere(target, report, options, words[0], chosen(words))
    if report["outcomes"] or report["unread"]:
        put(target)
    waiting = 0 if report["dry_run"] else report.get("waiting", 0)
    show_summary(target, report, plural(report["databases"], "database"), f"{waiting} not begun" if waiting else "")
    show_origin(target, report, world)
    if not asking:
        _next(target, report, world, options, words)
    show_exposures(target, report)


def _outcomes(target: Console, outcomes: Iterable[Part]) -> None:
    """In a terminal by Database; in a pipe every row stands alone, so that grep and sort make sense of it."""
    groups: dict[str, list[Part]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome["database"], []).append(outcome)
    for group in groups.values():
        group.sort(key=_urgency)
    ordered = sorted(groups.values(), key=lambda group: (_urgency(group[0]), group[0]["database"]))
    if not target.is_terminal:
        rows = [_row(each, DatabaseRef.parse(each["database"])) for group in ordered for each in group]
        if rows:
            draw(target, grid(rows, indent=0))
        return
    for group in ordered:
        show_database(target, group[0]["database"])
        draw(target, grid([(_result(each), "\n".join(_told(each))) for each in group]))


def show_database(target: Console, key: str, *more: object) -> None:
    """The head over what is told of one Database."""
    ref = DatabaseRef.parse(key)
    put(target)
    put(target, (ref.name, "bold"), (f"  {ref.region}  {ref.kind}", "dim"), *more)


def _urgency(outcome: Part) -> int:
    return ORDER.index(outcome["result"])


def _row(outcome: Part, ref: DatabaseRef) -> tuple[object, ...]:
    return _result(outcome), ref.name, ref.region or "-", "; ".join(_told(outcome))


def _result(outcome: Part) -> tuple[str, str]:
    return outcome["result"].replace("_", " "), STYLES[outcome["result"]]


def _told(outcome: Part) -> list[str]:
    action = outcome["action"]
    if action is None:
        return [outcome["message"]]
    message, reason = outcome["message"], action["reason"]
    return [_what(action), message if reason in message else f"{reason}; {message}"]


def _what(action: Part) -> str:
    match action["action"]:
        case "snapshot":
            return f"snapshot {action['name']}"
        case "copy":
            key = f" under {action['kms_key']}" if action["kms_key"] else ", unencrypted"
            return f"copy {action['name']} to {action['to']}{key}"
        case "share":
            return f"share {named(action['point'])} with account {action['account']}"
        case "unshare":
            return f"share {named(action['point'])} no longer with account {action['account']}"
        case "delete":
            return f"remove {named(action['point'])}"
    return f"replicate automated backups to {action['to']}, {plural(action['days'], 'day')} back"


def named(arn: str) -> str:
    """A point's identifier, from its ARN."""
    return arn.split(":", 6)[-1]


def place(arn: str) -> str:
    """The account and region of a point, from its ARN."""
    parts = arn.split(":")
    return f"{Provider.AWS}/{parts[4]}/{parts[3]}"


def chosen(words: Sequence[str]) -> Part:
    """The request that looks at what a command was told to."""
    return {**({"all": True} if words[1] == "--all" else {"database": words[1]}), "dry_run": True}


def show_summary(target: Console, report: Part, what: str, *more: str) -> None:
    """The run in one line: its status, how many of each result, what was not read, how long it took."""
    word, counts = report["status"], report["counts"]
    label = "PLAN" if report["dry_run"] and word == "findings" else word.upper()
    parts: list[object] = [(label, STYLES.get(word, "bold")), f"  {what}: "]
    found: list[object] = [
        (f"{counts[name]} {name.replace('_', ' ')}", STYLES[name]) for name in ORDER if counts.get(name)
    ]
    found += [each for each in more if each]
    if report["unread"]:
        found.append((f"{plural(len(report['unread']), 'listing')} not read", "bold red"))
    for number, each in enumerate(found or ["nothing to do"]):
        parts += [", ", each] if number else [each]
    put(target, *parts, (f"  ({report['run_seconds']:.1f} s)", "dim"))


def _next(target: Console, report: Part, world: World, options: Options, words: Sequence[str]) -> None:
    verb, counts = words[0], report["counts"]
    tiers = [effective(world.policy, each) for each in world.policy.tiers]
    asked = {
        "snapshot": any(each.snapshots for each in tiers),
        "replicate": any(each.copies or (each.pitr and each.pitr.replicate_to) for each in tiers),
    }
    if not asked[verb]:
        put(target, _NOT_ASKED[verb])
    elif report["dry_run"] and counts.get("planned"):
        put(target)
        put(target, "To do it:")
        paste(target, options.command(*words))
    elif counts.get("pending"):
        put(target, "Pending is not done: RDS takes its time, and the next run looks again. This says what is left:")
        paste(target, options.command(*words, "--dry-run"))


def show_adopted(target: Console, report: Part, world: World, options: Options, database: str) -> None:
    """Draws which snapshots are adopted, which cannot be, and what prune makes of them from then on."""
    for outcome in sorted(report["outcomes"], key=_urgency):
        _adopted(target, outcome)
    show_unread(target, report["unread"])
    if report["outcomes"] or report["unread"]:
        put(target)
    show_summary(target, report, plural(len(report["outcomes"]), "snapshot"))
    show_origin(target, report, world)
    if any("next" in each for each in report["outcomes"]):
        _meaning(target, report, options, database)


def _adopted(target: Console, outcome: Part) -> None:
    when = f"data of {outcome['data_time']}" if outcome["data_time"] else "of unknown age"
    rows: list[object] = [(named(outcome["arn"]), "bold"), f"  {place(outcome['arn'])}  {when}  "]
    put(target, *rows, _result(outcome))
    action, then = outcome["action"], outcome.get("next")
    if action is None or outcome["result"] not in ("planned", "done"):
        put(target, outcome["message"], indent=2)
    else:
        put(target, (action["reason"], "dim"), indent=2)
    if then is not None and outcome["result"] in ("planned", "done"):
        style = "bold yellow" if then["result"] == "goes" else ""
        word = "then goes: " if then["result"] == "goes" else "then stays: "
        put(target, (word, style), then["why"], indent=2)


def _meaning(target: Console, report: Part, options: Options, database: str) -> None:
    put(target)
    if report["dry_run"]:
        put(target, "Adopted means: from then on the keep rules may remove it, as they do our own snapshots.")
    prune = report["prune"]
    if prune is None:
        return
    if not prune["remove"]:
        put(target, "Of this database prune would then remove nothing.")
        return
    put(target, f"Of this database prune would then remove {plural(prune['remove'], 'snapshot')}; to see which:")
    paste(target, options.command("prune", database, "--dry-run"))
    if prune["beyond"]:
        put(target, f"{prune['beyond']}: that is beyond the blast radius, so none goes until its hash is confirmed.")
