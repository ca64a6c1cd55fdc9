"""Protect's Report for people, before and after, and the guard that applies nothing but what was confirmed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from backstay.cli.findings import plural, show_origin, show_unread
from backstay.cli.screen import STYLES, draw, grid, paste, put
from backstay.core.errors import Conflict
from backstay.core.policy import effective
from backstay.core.requests import DatabaseRef
from backstay.workflows.reports import action_part

if TYPE_CHECKING:
    from rich.console import Console

    from backstay.cli.session import Options
    from backstay.core.model import ChangeSettings
    from backstay.core.ports import PitrControl, World

Part = dict[str, Any]
ORDER: Final = ("failed", "refused", "pending", "planned", "done", "already_done")
"""Results, those first that somebody has to know."""

_SETTINGS: Final = {
    "retention_days": "PITR window (days)",
    "copy_tags": "copy tags to snapshots",
    "deletion_protection": "deletion protection",
}


def show(target: Console, report: Part, world: World, options: Options, *, asking: bool = False) -> None:
    """Draws what would be changed, or what came of it. ``asking``: the question follows, so no advice."""
    for outcome in sorted(report["outcomes"], key=lambda each: (ORDER.index(each["result"]), each["database"])):
        _outcome(target, outcome)
    show_unread(target, report["unread"])
    if report["outcomes"] or report["unread"]:
        put(target)
    _summary(target, report)
    if report.get("cost") and any("cost_unknown" in each for each in report["outcomes"]):
        _costs(target, report["cost"])
    show_origin(target, report, world)
    if not asking:
        _next(target, report, world, options)


def _outcome(target: Console, outcome: Part) -> None:
    ref = DatabaseRef.parse(outcome["database"])
    action, result = outcome["action"], outcome["result"]
    put(target)
    put(
        target, (ref.name, "bold"), (f"  {ref.region}  {ref.kind}  ", "dim"), (result.replace("_", " "), STYLES[result])
    )
    if action is None or result not in ("planned", "done"):
        put(target, outcome["message"], indent=2)
    if action is None:
        return
    rows: list[tuple[object, ...]] = [
        (_SETTINGS.get(each["setting"], each["setting"]), f"{_value(each['before'])} -> {_value(each['after'])}")
        for each in action["changes"]
    ]
    draw(target, grid(rows))
    when = "applied at once" if action["immediately"] else _when(action)
    put(target, (f"because {action['reason']}; {when}", "dim"), indent=2)
    if "cost_unknown" in outcome:
        put(target, (_cost(outcome), "dim"), indent=2)
    if action["may_restart"]:
        text = "may restart: turning backups on suspends I/O for seconds to minutes"
        put(target, (text, "bold yellow"), indent=2)


def _cost(outcome: Part) -> str:
    if outcome["cost_unknown"]:
        return f"cost unknown: {outcome['cost_unknown']}"
    if not outcome["estimated_gb_added"]:
        return "adds no backup storage"
    return (
        f"adds about {outcome['estimated_gb_added']:g} GB of backups, ${outcome['estimated_usd_per_month']:.2f} a month"
    )


def _costs(target: Console, cost: Part) -> None:
    """The sum, and everything that makes it an estimate."""
    unknown, prices = cost["unknown"], cost["prices"]
    if cost["estimated_gb_added"] is None:
        put(target, f"Cost unknown for {plural(unknown, 'database')}.")
        return
    rest = f"; unknown for {plural(unknown, 'database')}" if unknown else ""
    gb, usd = cost["estimated_gb_added"], cost["estimated_usd_per_month"]
    put(target, f"Cost: about {gb:g} GB of backups, ${usd:.2f} a month{rest}.")
    text = (
        f"Assumes that {cost['assumed_daily_change']:.0%} of the provisioned storage changes a day, which nobody "
        "measured, and that no free allowance of other databases is left. "
        f"Prices of {prices['region']}, {prices['as_of']}."
    )
    put(target, (text, "dim"))


def _when(action: Part) -> str:
    return "in the maintenance window" if action["may_restart"] else "AWS applies it soon, without a restart"


def _value(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _summary(target: Console, report: Part) -> None:
    counts, outcomes = report["counts"], report["outcomes"]
    word = report["status"]
    label = "PLAN" if report["dry_run"] and word == "findings" else word.upper()
    parts: list[object] = [(label, STYLES.get(word, "bold")), f"  {plural(report['databases'], 'database')}: "]
    for name in ORDER:
        if counts.get(name):
            parts += [(f"{counts[name]} {name.replace('_', ' ')}", STYLES[name]), ", "]
    alone = report["databases"] - len({each["database"] for each in outcomes})
    parts.append(f"{alone} left alone")
    if report["unread"]:
        parts.append((f", {plural(len(report['unread']), 'listing')} not read", "bold red"))
    put(target, *parts, (f"  ({report['run_seconds']:.1f} s)", "dim"))


def _next(target: Console, report: Part, world: World, options: Options) -> None:
    planned = [each for each in report["outcomes"] if each["result"] == "planned"]
    if not any(effective(world.policy, tier).enforce for tier in world.policy.tiers):
        text = "No tier of this policy enforces anything, so protect changes nothing: see enforce in docs/policy.md."
        put(target, text)
    elif planned and report["dry_run"]:
        which = DatabaseRef.parse(planned[0]["database"]).name if len(planned) == 1 else "--all"
        put(target)
        put(target, "To do it (one database: its name instead of --all):" if len(planned) > 1 else "To do it:")
        paste(target, options.command("protect", which))
    if any(each["result"] == "pending" for each in report["outcomes"]):
        put(target, "Pending is not done; this says when it is:")
        paste(target, options.command("audit"))


class _Confirmed:
    """Changes only what somebody has seen and agreed to: between question and answer the fleet may have moved."""

    def __init__(self, inner: PitrControl, agreed: list[tuple[str, Part]]) -> None:
        self._inner, self._agreed = inner, agreed

    def change(self, action: ChangeSettings) -> None:
        """See ``PitrControl.change``."""
        if (action.database.key, action_part(action)) not in self._agreed:
            raise Conflict("is not what you agreed to: the database changed meanwhile; look at the plan again")
        self._inner.change(action)


def confirmed(world: World, plan: Part) -> World:
    """The World in which exactly the plan's actions can be executed."""
    agreed = [(each["database"], each["action"]) for each in plan["outcomes"] if each["result"] == "planned"]
    return replace(world, pitr={scope: _Confirmed(control, agreed) for scope, control in world.pitr.items()})
