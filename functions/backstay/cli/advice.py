"""The commands that only explain or suggest: ``explain`` and ``init``. Importing it adds them to ``backstay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from backstay.cli import screen, session
from backstay.cli.commands import backstay, common, epilog
from backstay.core.errors import BadRequest, Rejected

if TYPE_CHECKING:
    from rich.console import Console

    from backstay.cli.session import Options

__all__ = ["backstay"]

Report = dict[str, Any]
_INDENT: Final = 2


@backstay.command(epilog=epilog("backstay explain BK001", "backstay explain BK001 orders --policy policy.yaml"))
@click.argument("rule")
@click.argument("database", required=False)
@common
def explain(options: Options, rule: str, database: str | None) -> int:
    """Say what RULE asks and why, and of DATABASE from which facts it was judged and what to do. Changes nothing."""
    from backstay.config import validate  # noqa: PLC0415
    from backstay.core.requests import AuditRequest  # noqa: PLC0415
    from backstay.core.rules import RULES  # noqa: PLC0415
    from backstay.workflows.explain import declaration, rule_of  # noqa: PLC0415
    from backstay.workflows.explain import explain as run  # noqa: PLC0415

    found = rule_of(rule)
    if found is None:
        accepted = ", ".join(each.id for each in RULES)
        raise BadRequest("is not a rule", field="RULE", value=rule[:40], accepted=accepted)
    if database is None:
        report = declaration(found)
        return screen.emit(options, report, lambda target: _show(target, report, options))
    request = validate(AuditRequest, {"database": database}, "the explain request")
    request.check()
    with screen.watching("starting") as note:
        world = screen.reading(lambda: session.open_world(options, note))
        whole = screen.reading(lambda: run(world, found, request))
    return screen.emit(options, whole, lambda target: _show(target, whole, options))


def _show(target: Console, report: Report, options: Options) -> None:
    rule, finding = report["rule"], report.get("finding")
    screen.put(target, (f"{rule['id']}  {rule['title']}", "bold"), (f"  {rule['severity']}", "dim"))
    if finding:
        _show_finding(target, report, finding)
    elif "finding" in report:
        _show_unread(target, report)
    _section(target, "Why it matters", rule["why"])
    if not finding or finding["verdict"] in ("fail", "unknown"):
        _section(target, "What to do", rule["fix"])
        _show_commands(target, report, options)
    if not finding:
        _section(target, "Applies to", f"{rule['applies_to']}.")
    screen.title(target, "Where it stands")
    screen.put(target, rule["source"], indent=_INDENT)
    answers = [(each["framework"], each["version"], each["id"]) for each in rule["answers"]]
    if answers:
        screen.draw(target, screen.grid([((name, "dim"), (version, "dim"), ident) for name, version, ident in answers]))


def _section(target: Console, title: str, text: str) -> None:
    screen.title(target, title)
    screen.put(target, text, indent=_INDENT)


def _show_finding(target: Console, report: Report, finding: Report) -> None:
    database = finding["database"]
    where = f"  {database['region']}  {database['engine']}  "
    tier = f"tier {finding['tier']}" if finding["tier"] else "in no tier"
    screen.put(target, (database["name"], "bold"), (where, "dim"), tier)
    screen.put(target)
    screen.put(
        target, (finding["verdict"], screen.STYLES[finding["verdict"]]), f"  {finding['message']}", indent=_INDENT
    )
    screen.title(target, "Measured")
    measured = [(name, f"{value:g}") for name, value in finding["measured"].items()]
    shown = [*measured, *((each["fact"], each["value"]) for each in report["facts"])]
    screen.draw(target, screen.grid([((name, "dim"), value) for name, value in shown]))
    source = "the packaged default" if options_default(report) else report["policy"]["source"]
    screen.title(target, f"Asked by the policy ({source})")
    screen.draw(target, screen.grid([((each["path"], "dim"), each["value"]) for each in report["asked"]]))


def options_default(report: Report) -> bool:
    """Whether the packaged policy judged."""
    return bool(report["policy"]["source"] == "default")


def _show_unread(target: Console, report: Report) -> None:
    from backstay.cli.findings import show_unread  # noqa: PLC0415

    show_unread(target, report["unread"])


def _show_commands(target: Console, report: Report, options: Options) -> None:
    finding = report.get("finding")
    if not finding:
        return
    if finding["repairable"]:
        screen.paste(target, options.command("protect", finding["database"]["name"]))
    elif report["command"]:
        screen.paste(target, report["command"])


@backstay.command(
    epilog="\b\nExamples:\n  backstay init --region eu-west-2\n  backstay init --output policy.yaml\n\n"
    "Exit status: 0 written, 1 refused, 2 something could not be read."
)
@click.option("--output", metavar="FILE", default="", help="Write it there; never over a file.  [default: print it]")
@common
def init(options: Options, output: str) -> int:
    """Suggest a policy from what is there: tiers by tags, names and engines, everything report-only.

    Changes nothing in your account.
    """
    from pathlib import Path  # noqa: PLC0415

    from backstay.config import parse_policy  # noqa: PLC0415
    from backstay.core.requests import AuditRequest  # noqa: PLC0415
    from backstay.workflows.suggest import suggest  # noqa: PLC0415

    if output and Path(output).exists():
        raise BadRequest(
            "is there already, and is not overwritten", field="--output", value=output, accepted="a new name"
        )
    with screen.watching("starting") as note:
        world = screen.reading(lambda: session.open_world(options, note))
        report = screen.reading(lambda: suggest(world, AuditRequest(all=True)))
    parse_policy(report["document"], "the suggested policy")
    if output:
        try:
            with Path(output).open("x", encoding="utf-8") as file:
                file.write(report["document"])
        except OSError as exc:
            raise Rejected(f"{output} cannot be written: {exc.strerror}") from exc
    return screen.emit(
        options, {**report, "output": output}, lambda target: _show_policy(target, report, output, options)
    )


def _show_policy(target: Console, report: Report, output: str, options: Options) -> None:
    if not output:
        click.echo(report["document"], nl=False)
    for each in report["unread"]:
        screen.say((f"not read, so not in it: {each['scope']} {each['what']}: ", "red"), each["error"])
    if output:
        screen.put(target, f"Written to {output}: {report['databases']} databases in {len(report['tiers'])} tiers.")
        screen.put(target, "Read it, change it, then see what it finds:")
        screen.paste(target, options.with_policy(output).command("audit"))
