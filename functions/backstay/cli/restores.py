"""A restore for people: plan and preflight as a checklist, then where to connect and how long each phase took."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from backstay.cli.findings import plural, show_origin
from backstay.cli.screen import STYLES, draw, grid, paste, put, title
from backstay.core.codec import decode
from backstay.core.decide.restore import reachable, writer_class
from backstay.core.model import EXIT_STATUS, Configuration, Status
from backstay.core.requests import DatabaseRef

if TYPE_CHECKING:
    from rich.console import Console

    from backstay.cli.session import Options
    from backstay.core.ports import World
    from backstay.core.requests import RestoreRunRequest

Part = dict[str, Any]
_ENCRYPTION: Final = {"": "as its backup is", "none": "no"}
_WORDS: Final = {True: "ok", False: "no", None: "warning"}


def show_front(target: Console, report: Part, world: World) -> None:
    """Draws the front door's answer: the plan, or why there is none and what is possible."""
    refusal = report.get("refusal")
    if refusal:
        title(target, "Preflight")
        _gates(target, refusal["gates"])
        show_refusal(target, refusal)
        return
    plan = report["plan"]
    source = DatabaseRef.parse(report["request"]["database"])
    when = plan["moment"] or "the moment of its snapshot"
    put(target)
    put(target, ("Restore ", "bold"), (source.name, "bold cyan"), (f"  {source.region}  {source.kind}", "dim"))
    put(target, ("     to ", "bold"), when, f" (snapshot {plan['snapshot']})" if plan["snapshot"] else "")
    put(target, ("     as ", "bold"), (report["target"], "bold cyan"), ", a new database; nothing is overwritten")
    title(target, "Preflight")
    _gates(target, plan["gates"])
    title(target, "The new database")
    draw(target, grid(_made(plan)))
    put(target)
    show_origin(target, report, world)


def show_refusal(target: Console, refusal: Part) -> None:
    """Why not, and what instead."""
    put(target)
    put(target, ("REFUSED", STYLES["refused"]), f"  {refusal['message']}")
    put(target, ("Possible: ", "bold"), refusal["accepted"])


def _gates(target: Console, gates: list[Part]) -> None:
    rows: list[tuple[object, ...]] = [
        ((_WORDS[gate["ok"]], STYLES[_WORDS[gate["ok"]]]), gate["name"], gate["message"]) for gate in gates
    ]
    draw(target, grid(rows))


def _made(plan: Part) -> list[tuple[object, ...]]:
    config = plan["config"]
    groups = [config["parameter_group"], config["option_group"], config["subnet_group"], *config["security_groups"]]
    ours = sum(name.startswith("backstay:") for name in plan["tags"])
    rows: list[tuple[str, str]] = [
        ("engine", " ".join(filter(None, (plan["engine"], plan["engine_version"], config["instance_class"])))),
        ("groups", ", ".join(filter(None, groups)) or "the region's defaults"),
        ("reachable", _reachable(plan)),
        ("encrypted", config["kms_key"] or _ENCRYPTION.get(config["encryption"], config["encryption"])),
        ("PITR", f"{plural(plan['retention_days'], 'day')} back"),
        ("protected", "against deletion" if plan["deletion_protection"] else "not against deletion, as its source"),
        ("roles", ", ".join(role["arn"] for role in config["roles"])),
        ("writer", _writer(plan)),
        ("tags", f"{plural(len(plan['tags']) - ours, 'tag')} of its source, {ours} of ours"),
        ("login", "a new master password, in Secrets Manager"),
        ("left out", "\n".join(plan["forgone"])),
    ]
    return [((name, "dim"), text) for name, text in rows if text]


def _reachable(plan: Part) -> str:
    return "from the internet" if reachable(decode(Configuration, plan["config"])) else "inside its network only"


def _writer(plan: Part) -> str:
    return plan["writer"] and f"{plan['writer']}, {writer_class(decode(Configuration, plan['config']))}"


def show_run(target: Console, report: Part) -> None:
    """Draws what the runner reports: where to connect, or what stopped it."""
    if "refusal" in report:
        show_refusal(target, report["refusal"])
        return
    put(target)
    if "error" in report:
        error = report["error"]
        put(target, ("FAILED", STYLES["failed"]), f"  in phase {error['phase']}: {error['message']}")
        put(target, f"Whatever was made stays for you to look at, as {report['target']}.")
        put(target, "The same command again goes on from it.")
    else:
        _connect(target, report)
    if report["phases"]:
        title(target, "Phases")
        _phases(target, report["phases"])


def _connect(target: Console, report: Part) -> None:
    lacking = report["lacking"]
    word = ("RESTORED, with gaps", "bold yellow") if lacking else ("RESTORED", STYLES["done"])
    put(target, word, f"  {report['target']} answers, as of {report['restored_to'] or 'its snapshot'}")
    host, port = report["endpoint"]["host"], report["endpoint"]["port"]
    draw(target, grid([(("connect", "dim"), (f"{host}:{port}", "bold")), (("server", "dim"), report["server"])]))
    if report["secret"]:
        put(target, "Its master login is a new one:")
        region, query = report["secret"].split(":")[3], "--query SecretString --output text"
        secret = shlex.quote(report["secret"])
        paste(target, f"aws secretsmanager get-secret-value --region {region} {query} --secret-id {secret}")
    if lacking:
        title(target, "Not as its source")
        for each in lacking:
            put(target, (each, "yellow"), indent=2)


def _phases(target: Console, phases: list[Part]) -> None:
    rows: list[tuple[object, ...]] = [(each["name"], f"{each['seconds']:9.1f} s") for each in phases]
    total = sum(each["seconds"] for each in phases)
    draw(target, grid([*rows, (("together", "bold"), (f"{total:9.1f} s", "bold"))]))


def again(options: Options, request: RestoreRunRequest) -> str:
    """The command that picks this very restore up: with the moment and the target that were settled."""
    what = ("--snapshot", request.snapshot) if request.snapshot else ("--to", request.moment or "")
    return options.command("restore", request.database, *what, "--target", request.target)


def left(options: Options, request: RestoreRunRequest, phase: str) -> Part:
    """The Report of a restore whose watcher went away while it ran."""
    return {
        "schema": "backstay.restore-run/1",
        "status": Status.PENDING.value,
        "exit_status": EXIT_STATUS[Status.PENDING],
        "database": request.database,
        "target": request.target,
        "request_id": request.request_id,
        "phase": phase,
        "again": again(options, request),
    }


def show_left(target: Console, report: Part) -> None:
    """What goes on without us, and what waits for the command to come again."""
    put(target)
    if report["phase"] in ("", "plan"):
        put(target, ("INTERRUPTED", STYLES["pending"]), "  nothing was made yet. To begin again:")
    else:
        put(
            target,
            ("PENDING", STYLES["pending"]),
            f"  left in phase {report['phase']}. AWS goes on making ",
            (report["target"], "bold"),
        )
        put(target, "by itself; its login and the comparison with its source wait for the same command again:")
    put(target)
    paste(target, report["again"])
