"""The commands that make, copy, adopt and remove recovery points. Importing it adds them to ``backstay``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from backstay.cli import screen, session
from backstay.cli.advice import backstay
from backstay.cli.commands import all_option, check_chosen, common, dry_run_option, epilog, selection, yes_option
from backstay.core.errors import BadRequest, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from backstay.cli.session import Options
    from backstay.core.ports import World
    from backstay.core.requests import ReplicateRequest, SnapshotRequest

__all__ = ["backstay"]

Report = dict[str, Any]
R = TypeVar("R")


@backstay.command(
    epilog=epilog(
        "backstay snapshot --dry-run --policy policy.yaml",
        "backstay snapshot orders --policy policy.yaml",
    )
)
@click.argument("database", required=False)
@all_option
@dry_run_option
@yes_option
@common
def snapshot(options: Options, database: str | None, *, everything: bool, dry_run: bool, yes: bool) -> int:
    """Take the snapshot of DATABASE whose slot is open and empty, where its tier asks for snapshots.

    Shows what is due and asks first. It is begun, not waited for.
    """
    from backstay.config import validate  # noqa: PLC0415
    from backstay.core.requests import SnapshotRequest  # noqa: PLC0415
    from backstay.workflows.snapshot import snapshot as run  # noqa: PLC0415

    check_chosen("snapshot", database, everything=everything, dry_run=dry_run)
    request = validate(SnapshotRequest, {**selection(database), "dry_run": dry_run}, "the snapshot request")
    request.check()
    return _begin(options, run, request, ["snapshot", database or "--all"], yes=yes)


@backstay.command(
    epilog=epilog(
        "backstay replicate --dry-run --policy policy.yaml",
        "backstay replicate --all --yes --policy s3://bucket/policy.yaml",
    )
)
@click.argument("database", required=False)
@all_option
@dry_run_option
@yes_option
@common
def replicate(options: Options, database: str | None, *, everything: bool, dry_run: bool, yes: bool) -> int:
    """Begin the copies of DATABASE that its tier asks for and that are lacking, the most exposed first.

    Says of each database what is lost if its region is gone now. Shows the plan and asks first. Copies are begun, not
    waited for; what a region does not take at once waits for the next run.
    """
    from backstay.config import validate  # noqa: PLC0415
    from backstay.core.requests import ReplicateRequest  # noqa: PLC0415
    from backstay.workflows.replicate import replicate as run  # noqa: PLC0415

    check_chosen("replicate", database, everything=everything, dry_run=dry_run)
    request = validate(ReplicateRequest, {**selection(database), "dry_run": dry_run}, "the replicate request")
    request.check()
    return _begin(options, run, request, ["replicate", database or "--all"], yes=yes)


B = TypeVar("B", "SnapshotRequest", "ReplicateRequest")


def _begin(options: Options, run: Callable[[World, B], Report], request: B, words: list[str], *, yes: bool) -> int:
    """Plan, question, and what was agreed to; or at once what is due, where nobody is to be asked."""
    from backstay.cli import points  # noqa: PLC0415
    from backstay.cli.agreed import agreed  # noqa: PLC0415

    again = options.command(*words, "--dry-run")
    if yes and not request.dry_run:
        world = _world(options)
        return _emit(options, _carried_out(world, run, request, again), world, words)
    world, plan = _looked(options, run, replace(request, dry_run=True))
    planned = plan["counts"].get("planned", 0)
    if request.dry_run or not planned:
        return _emit(options, plan, world, words)
    points.show(screen.console(err=options.as_json), plan, world, options, words, asking=True)
    if not screen.confirm(f"Begin {planned} of them like this?"):
        raise BadRequest("not confirmed: nothing was begun")
    return _emit(options, _carried_out(agreed(world, plan), run, request, again), world, words)


def _emit(options: Options, report: Report, world: World, words: list[str]) -> int:
    from backstay.cli import points  # noqa: PLC0415

    return screen.emit(options, report, lambda target: points.show(target, report, world, options, words))


def _world(options: Options) -> World:
    with screen.watching("starting") as note:
        return screen.reading(lambda: session.open_world(options, note))


def _looked(options: Options, run: Callable[[World, R], Report], request: R) -> tuple[World, Report]:
    """The World, and the Report of a run that changes nothing."""
    with screen.watching("starting") as note:
        world = screen.reading(lambda: session.open_world(options, note))
        return world, screen.reading(lambda: run(world, request))


def _carried_out(world: World, run: Callable[[World, R], Report], request: R, again: str) -> Report:
    """The Report of a run that changes things."""
    with screen.watching("starting") as note:
        try:
            return run(replace(world, note=note), request)
        except KeyboardInterrupt as exc:
            raise Rejected(f"interrupted: some of it may have been done. To see what is left: {again}") from exc


@backstay.command(
    epilog=epilog(
        "backstay prune --dry-run --policy policy.yaml",
        "backstay prune orders --policy policy.yaml",
        "backstay prune orders --policy policy.yaml --confirm 0123456789abcdef",
    )
)
@click.argument("database", required=False)
@all_option
@dry_run_option
@yes_option
@click.option("--confirm", metavar="HASH", help="Remove what is beyond the blast radius, if it still is this plan.")
@common
def prune(
    options: Options, database: str | None, *, everything: bool, dry_run: bool, yes: bool, confirm: str | None
) -> int:
    """Remove the snapshots and copies of DATABASE that no keep rule and no guard keeps.

    Shows per location what stays, what goes and by which rule, and what a guard keeps; then asks, and removes nothing
    but what it has shown. More than `max_delete` at once waits for the hash that is printed.
    """
    from backstay.cli import pruning  # noqa: PLC0415
    from backstay.cli.agreed import agreed  # noqa: PLC0415
    from backstay.config import validate  # noqa: PLC0415
    from backstay.core.requests import PruneRequest  # noqa: PLC0415
    from backstay.workflows.prune import prune as run  # noqa: PLC0415

    check_chosen("prune", database, everything=everything, dry_run=dry_run)
    asked = {**selection(database), "dry_run": True, "confirm": confirm}
    request = validate(PruneRequest, asked, "the prune request")
    request.check()
    words = ["prune", database or "--all", *(("--confirm", confirm) if confirm else ())]
    world, plan = _looked(options, run, request)

    def show(target: Console, report: Report, *, asking: bool = False) -> None:
        pruning.show(target, report, world, options, words, asking=asking)

    removals = plan["counts"].get("planned", 0)
    other = confirm is not None and confirm != plan["confirm"]
    if other and not plan["unread"]:
        show(screen.console(err=options.as_json), plan, asking=True)
        raise _other_hash(confirm or "", plan)
    if dry_run or other or not removals:
        return screen.emit(options, plan, lambda target: show(target, plan))
    if not yes:
        show(screen.console(err=options.as_json), plan, asking=True)
        if not screen.confirm(f"Remove {removals} of them for good?"):
            raise BadRequest("not confirmed: nothing was removed")
    again = options.command(*words, "--dry-run")
    done = _carried_out(agreed(world, plan), run, replace(request, dry_run=False), again)
    return screen.emit(options, done, lambda target: show(target, done))


def _other_hash(confirm: str, plan: Report) -> BadRequest:
    """The hash is not that of the plan as it is now: somebody has seen another one."""
    if plan["confirm"] is None:
        message = "is not needed, so nothing was removed: nothing of the plan is beyond the blast radius now"
        accepted = "the same command without it"
    else:
        message = "is not the hash of the plan as it is now, so nothing was removed"
        accepted = f"{plan['confirm']}, once you have looked at the plan above"
    return BadRequest(message, field="--confirm", value=confirm, accepted=accepted)


@backstay.command(
    epilog=epilog(
        "backstay adopt orders before-upgrade --policy policy.yaml",
        "backstay adopt orders --all-manual --dry-run --policy policy.yaml",
    )
)
@click.argument("database")
@click.argument("snapshots", metavar="[SNAPSHOT]...", nargs=-1)
@click.option("--all-manual", is_flag=True, help="Every snapshot of it that was made by hand and is not ours yet.")
@dry_run_option
@yes_option
@common
def adopt(
    options: Options, database: str, snapshots: tuple[str, ...], *, all_manual: bool, dry_run: bool, yes: bool
) -> int:
    """Look after SNAPSHOTs of DATABASE that somebody else made, as if they were ours.

    SNAPSHOT is an identifier or an ARN. From then on the keep rules may remove it: what prune would make of each is
    shown before it asks. Only tags are changed.
    """
    from backstay.cli import points  # noqa: PLC0415
    from backstay.cli.agreed import agreed  # noqa: PLC0415
    from backstay.workflows.adopt import AdoptRequest  # noqa: PLC0415
    from backstay.workflows.adopt import adopt as run  # noqa: PLC0415

    request = AdoptRequest(database=database, snapshots=snapshots, all_manual=all_manual, dry_run=True)
    request.check()
    world, plan = _looked(options, run, request)

    def show(target: Console, report: Report) -> None:
        points.show_adopted(target, report, world, options, database)

    planned = plan["counts"].get("planned", 0)
    if dry_run or not planned:
        return screen.emit(options, plan, lambda target: show(target, plan))
    if not yes:
        show(screen.console(err=options.as_json), plan)
        if not screen.confirm(f"Adopt {planned} of them?"):
            raise BadRequest("not confirmed: nothing was adopted")
    again = options.command("adopt", database, *(snapshots or ("--all-manual",)), "--dry-run")
    done = _carried_out(agreed(world, plan), run, replace(request, dry_run=False), again)
    return screen.emit(options, done, lambda target: show(target, done))
