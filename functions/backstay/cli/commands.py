"""The commands: each builds the request that the function of the same name would get, and runs the same workflow."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from backstay.cli import screen, session
from backstay.cli.frame import Frame
from backstay.cli.session import Options
from backstay.core.errors import BadRequest, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.ports import World
    from backstay.core.requests import RestoreRunRequest

Report = dict[str, Any]
_EXIT: Final = "Exit status: 0 compliant or done, 1 findings or refused, 2 unknown, error or interrupted, 3 pending."
_FORGETFUL: Final = (
    "No --vault: repairs are not remembered, so one that somebody keeps undoing is made again each time."
)
_DATABASE: Final = "DATABASE is a name, an ARN, or a key as reports print it."


def epilog(*examples: str) -> str:
    """What stands below a command's options. The backspace tells click to keep the lines."""
    shown = "\n".join(("\b", "Examples:", *(f"  {each}" for each in examples)))
    return f"{_DATABASE}\n\n{shown}\n\n{_EXIT}"


@click.group(cls=Frame, epilog=_EXIT, context_settings={"help_option_names": ["-h", "--help"]})
def backstay() -> None:
    """Keep managed databases restorable, and prove it.

    Works with your own AWS credentials; nothing needs to be deployed. `audit` and `plan` only read.
    """


def common(command: Callable[..., int]) -> Callable[..., int]:
    """The options that every command has, as one `Options`."""

    @click.option("--profile", metavar="NAME", help="AWS profile.")
    @click.option(
        "--region",
        "regions",
        metavar="REGION",
        multiple=True,
        help="Where to look; repeatable.  [default: the profile's]",
    )
    @click.option(
        "--policy", metavar="FILE|s3://...", default="default", help="Policy document.  [default: the packaged one]"
    )
    @click.option(
        "--deployment",
        metavar="ID",
        default=session.DEPLOYMENT,
        show_default=True,
        help="Deployment id: tags carry it.",
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
    @wraps(command)
    def wrapper(
        *, profile: str | None, regions: tuple[str, ...], policy: str, deployment: str, as_json: bool, **rest: Any
    ) -> int:
        options = Options(
            profile=profile,
            regions=tuple(dict.fromkeys(regions)),
            policy=policy,
            deployment=deployment,
            as_json=as_json,
            vault=rest.pop("vault", ""),
            ca_bundle=rest.pop("ca_bundle", ""),
        )
        return command(options, **rest)

    return wrapper


_vault = click.option("--vault", metavar="BUCKET", default="", help="Remember repairs in a deployment's vault.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
all_option = click.option("--all", "everything", is_flag=True, help="Every database that we can see.")


@backstay.command(
    epilog=epilog(
        "backstay audit --region eu-west-1 --region eu-west-2",
        "backstay audit --match-tag backup-tier=gold --policy policy.yaml",
    )
)
@click.argument("database", required=False)
@click.option(
    "--match-tag", "tags", metavar="KEY=VALUE", multiple=True, help="Only databases with this tag; repeatable."
)
@common
def audit(options: Options, database: str | None, tags: tuple[str, ...]) -> int:
    """Judge how restorable DATABASE is, or all. Changes nothing.

    What your credentials may not read is unknown, never in order: docs/cli.md says what is read.
    """
    from backstay.cli import findings  # noqa: PLC0415
    from backstay.config import validate  # noqa: PLC0415
    from backstay.core.requests import AuditRequest  # noqa: PLC0415
    from backstay.workflows.audit import audit as run  # noqa: PLC0415

    if database and tags:
        raise BadRequest("names a database and --match-tag", field="audit", accepted="one of them, or neither for all")
    request = validate(AuditRequest, selection(database, tags), "the audit request")
    request.check()
    with screen.watching("starting") as note:
        world = screen.reading(lambda: session.open_world(options, note))
        report = screen.reading(lambda: run(world, request))
    return screen.emit(options, report, lambda target: findings.show(target, report, world, options))


def selection(database: str | None, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a request selects: one Database, those with these tags, or all."""
    if database is not None:
        return {"database": database}
    if not tags:
        return {"all": True}
    asked: dict[str, list[str]] = {}
    for text in tags:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise BadRequest("is not a tag", field="--match-tag", value=text[:200], accepted="KEY=VALUE, globs allowed")
        asked.setdefault(key, []).append(value)
    return {"match": {"tags": asked}}


def check_chosen(verb: str, database: str | None, *, everything: bool, dry_run: bool) -> None:
    """Raise BadRequest unless one Database or all are chosen; a dry run of a verb looks at all by itself."""
    if (database is not None and everything) or (database is None and not everything and not dry_run):
        named = "names a database and --all" if database else "names no database"
        raise BadRequest(named, field=verb, accepted="a DATABASE or --all: a typo must not touch a fleet")


@backstay.command(
    epilog=epilog(
        "backstay plan --policy policy.yaml",
    )
)
@click.argument("database", required=False)
@_vault
@common
def plan(options: Options, database: str | None) -> int:
    """Say what protect would change on DATABASE, or on all, and why. Changes nothing.

    What would become of recovery points is told by `snapshot`, `replicate` and `prune`, each with --dry-run.
    """
    world, report = _protect(options, database, dry_run=True)
    return _emit_changes(options, report, world)


@backstay.command(
    epilog=epilog(
        "backstay protect orders --policy policy.yaml",
        "backstay protect --all --yes --policy s3://bucket/policy.yaml --vault bucket",
    )
)
@click.argument("database", required=False)
@all_option
@dry_run_option
@yes_option
@_vault
@common
def protect(options: Options, database: str | None, *, everything: bool, dry_run: bool, yes: bool) -> int:
    """Make true what the tier of DATABASE enforces: PITR window, tag copying, deletion protection.

    Shows the plan and asks first. Then it changes exactly that, or says why not.
    """
    check_chosen("protect", database, everything=everything, dry_run=dry_run)
    if not options.vault and not dry_run:
        screen.say((_FORGETFUL, "yellow"))
    world, report = _protect(options, database, dry_run=not yes or dry_run)
    if dry_run or yes:
        return _emit_changes(options, report, world)
    return _ask_and_protect(options, database, world, report)


def _ask_and_protect(options: Options, database: str | None, world: World, report: Report) -> int:
    from backstay.cli import changes  # noqa: PLC0415

    planned = report["counts"].get("planned", 0)
    if not planned:
        return _emit_changes(options, report, world)
    changes.show(screen.console(err=options.as_json), report, world, options, asking=True)
    if not screen.confirm(f"Change {planned} of them like this?"):
        raise BadRequest("not confirmed: nothing was changed")
    _, done = _protect(options, database, dry_run=False, world=changes.confirmed(world, report))
    return _emit_changes(options, done, world)


def _emit_changes(options: Options, report: Report, world: World) -> int:
    from backstay.cli import changes  # noqa: PLC0415

    return screen.emit(options, report, lambda target: changes.show(target, report, world, options))


def _protect(
    options: Options, database: str | None, *, dry_run: bool, world: World | None = None
) -> tuple[World, Report]:
    from backstay.config import validate  # noqa: PLC0415
    from backstay.core.requests import ProtectRequest  # noqa: PLC0415
    from backstay.workflows.protect import protect as run  # noqa: PLC0415

    request = validate(ProtectRequest, {**selection(database), "dry_run": dry_run}, "the protect request")
    request.check()
    with screen.watching("starting") as note:
        if world is None:
            found = screen.reading(lambda: session.open_world(options, note))
        else:
            found = replace(world, note=note)
        if dry_run:
            return found, screen.reading(lambda: run(found, request))
        try:
            return found, run(found, request)
        except KeyboardInterrupt as exc:
            raise Rejected("interrupted: some changes may have been made; backstay plan says what is left") from exc


@backstay.command(
    epilog=epilog(
        "backstay restore orders --to latest --dry-run",
        "backstay restore orders --to 2026-11-24T10:15:00Z --ca-bundle global-bundle.pem",
    )
)
@click.argument("database")
@click.option("--to", metavar="MOMENT", help="RFC 3339 with a zone, e.g. 2026-11-24T10:15:00Z, or: latest.")
@click.option("--snapshot", metavar="ID", help="Restore this snapshot instead: identifier or ARN.")
@click.option("--target", metavar="NAME", help="Name of the new database.  [default: made of name and moment]")
@click.option("--ca-bundle", metavar="FILE|s3://...", default="", help="RDS certificates, to verify the login with.")
@dry_run_option
@yes_option
@common
def restore(options: Options, *, dry_run: bool, yes: bool, **asked: Any) -> int:
    """Bring DATABASE back as it was at a moment, as a new database, and prove it by a login.

    Nothing is ever overwritten, and nothing of ours needs to be deployed. Ctrl-C leaves the restore to AWS; the
    command that is printed then picks it up.
    """
    from backstay.cli import restores  # noqa: PLC0415
    from backstay.config import validate  # noqa: PLC0415
    from backstay.core.requests import RestoreRequest, RestoreRunRequest  # noqa: PLC0415
    from backstay.workflows.restore import restore as run  # noqa: PLC0415

    given = {key: value for key, value in asked.items() if value is not None}
    request = validate(RestoreRequest, {**given, "dry_run": dry_run}, "the restore request")
    request.check()
    if not dry_run:
        _check_bundle(options.ca_bundle)
    with screen.watching("starting") as note:
        world = screen.reading(lambda: session.open_world(options, note))
        report = screen.reading(lambda: run(world, request))
    if dry_run or report["exit_status"]:
        return screen.emit(options, report, lambda target: restores.show_front(target, report, world))
    restores.show_front(screen.console(err=options.as_json), report, world)
    if not yes and not screen.confirm(f"Restore it as {report['target']}?"):
        raise BadRequest("not confirmed: nothing was made")
    return _run_restore(options, world, RestoreRunRequest(**report["request"]))


def _check_bundle(source: str) -> None:
    """Hours before it is needed: a restore that cannot prove its login would fail at the very end."""
    import ssl  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    how = (
        "curl -O https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, then --ca-bundle global-bundle.pem"
    )
    if not source:
        raise BadRequest("is needed to verify the server that we log in to", field="--ca-bundle", accepted=how)
    if source.startswith("s3://"):
        return
    try:
        text = Path(source).read_text()
        # An empty text would mean the machine's own authorities, which know nothing of RDS.
        ssl.create_default_context(cadata=text or "no certificate")
    except (OSError, UnicodeDecodeError, ssl.SSLError) as exc:
        raise BadRequest(f"cannot be used ({exc})", field="--ca-bundle", value=source, accepted=how) from exc


def _run_restore(options: Options, world: World, request: RestoreRunRequest) -> int:
    from backstay.cli import restores  # noqa: PLC0415
    from backstay.cli.progress import Progress  # noqa: PLC0415
    from backstay.runs import InlineRun  # noqa: PLC0415
    from backstay.workflows.restore_run import restore_run  # noqa: PLC0415

    progress = Progress()
    try:
        with progress:
            run = InlineRun(world.clock, progress.waits)
            report = restore_run(replace(world, note=progress.begins), run, request)
    except KeyboardInterrupt:
        report = restores.left(options, request, progress.phase)
        return screen.emit(options, report, lambda target: restores.show_left(target, report))
    return screen.emit(options, report, lambda target: restores.show_run(target, report))
