"""``backstay restore``: plan, question, progress, and leaving in the middle."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.errors import Denied
from backstay.core.model import Kind
from backstay.core.restoring import Quota
from backstay.providers.memory import MemoryClock, Surroundings, Work
from tests.fleet import LONDON, NOW, database, fleet, snapshot

if TYPE_CHECKING:
    from tests.cli.conftest import Terminal

ORDERS = database("orders")
MOMENT = "2026-11-24T09:00:00Z"
TARGET = "orders-r-20261124-090000"


class Impatient(MemoryClock):
    """Ctrl-C in the first wait."""

    def sleep(self, span: timedelta) -> None:  # noqa: ARG002  # the port's signature
        raise KeyboardInterrupt


def test_a_dry_run_shows_plan_and_preflight_and_makes_nothing(terminal: Terminal) -> None:
    given = fleet(ORDERS)
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to {MOMENT} --dry-run")
    assert result.exit_code == 0
    assert f"as {TARGET}, a new database; nothing is overwritten" in result.stdout
    assert f"ok  window     {MOMENT} is inside the recovery window" in result.stdout
    assert "orders-pg, orders-og, private, sg-1" in result.stdout
    assert given.cloud.called("create") == []


@pytest.mark.parametrize(("public", "told"), [(True, "from the internet"), (False, "inside its network only")])
def test_a_dry_run_of_aurora_says_whether_its_writer_will_be_public(
    terminal: Terminal, public: bool, told: str
) -> None:
    ledger = database("ledger", kind=Kind.CLUSTER)
    members = tuple(replace(each, public=public) for each in ledger.config.members)
    terminal.looks_at(fleet(replace(ledger, config=replace(ledger.config, members=members))))
    assert told in terminal.run(f"restore ledger --to {MOMENT} --dry-run").stdout


def test_a_dry_run_says_what_of_the_source_is_left_out(terminal: Terminal) -> None:
    terminal.looks_at(fleet(replace(ORDERS, tags={f"k{number:02}": "v" for number in range(48)})))
    shown = terminal.run(f"restore orders --to {MOMENT} --dry-run").stdout
    assert "tag k47: a database has at most 50, ours among them" in shown


def test_a_dry_run_needs_no_certificates_and_answers_in_json(terminal: Terminal) -> None:
    terminal.looks_at(fleet(ORDERS))
    status, report = terminal.json("restore orders --to latest --dry-run")
    assert status == 0
    assert report["schema"] == "backstay.restore/1"
    assert report["plan"]["target"]["name"] == report["target"]


def test_a_refusal_says_what_is_possible(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to 2025-01-01T00:00:00Z --ca-bundle {bundle} --yes")
    assert result.exit_code == 1
    assert "no  window" in result.stdout
    assert "REFUSED  2025-01-01T00:00:00Z is outside the recovery window" in result.stdout
    assert "Possible: a moment from" in result.stdout
    assert given.cloud.called("create") == []


def test_a_check_that_stops_it_stands_in_the_list(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)
    given.cloud.surroundings[LONDON] = Surroundings(quotas=(Quota("DBInstances", 40, 40),))
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to latest --ca-bundle {bundle} --yes")
    assert result.exit_code == 1
    assert "40 of 40 DBInstances used" in result.stdout


def test_a_restore_ends_with_where_to_connect_and_its_phases(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)
    given.cloud.takes(Work.CREATE, span=timedelta(minutes=10))
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to {MOMENT} --ca-bundle {bundle} --yes")
    assert result.exit_code == 0, result.output
    assert f"RESTORED  {TARGET} answers, as of {MOMENT}" in result.stdout
    assert "connect" in result.stdout
    assert "aws secretsmanager get-secret-value --region eu-west-2" in result.stdout
    assert "together" in result.stdout
    assert "data: AWS brings the data back" in result.stderr
    assert "data: creating" in result.stderr
    assert "\x1b" not in result.output


def test_an_aurora_cluster_gets_its_writer(terminal: Terminal, bundle: str) -> None:
    terminal.looks_at(fleet(database("ledger", kind=Kind.CLUSTER)))
    result = terminal.run(f"restore ledger --to {MOMENT} --ca-bundle {bundle} --yes")
    assert result.exit_code == 0, result.output
    assert "ledger-r-20261124-090000-1, db.r7g.large" in result.stdout
    assert "create-writer" in result.stdout


def test_a_snapshot_is_restored_by_its_name(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)
    given.cloud.add_snapshot(LONDON, snapshot(ORDERS))
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --snapshot before-deploy --target back --ca-bundle {bundle} --yes")
    assert result.exit_code == 0, result.output
    assert "ok  snapshot   snapshot before-deploy is available" in result.stdout
    assert "RESTORED  back answers" in result.stdout


def test_json_is_the_runners_report_alone(terminal: Terminal, bundle: str) -> None:
    terminal.looks_at(fleet(ORDERS))
    status, report = terminal.json(f"restore orders --to {MOMENT} --ca-bundle {bundle} --yes")
    assert status == 0
    assert report["schema"] == "backstay.restore-run/1"
    assert report["target"] == TARGET
    assert [each["name"] for each in report["phases"]][:3] == ["plan", "create", "data"]


def test_the_progress_is_drawn_in_a_terminal(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)
    given.cloud.takes(Work.CREATE, span=timedelta(minutes=10))
    terminal.looks_at(given)
    terminal.wide(80)
    result = terminal.run(f"restore orders --to {MOMENT} --ca-bundle {bundle} --yes")
    assert result.exit_code == 0
    assert "master-login" in result.stdout


def test_it_asks_before_it_makes_anything(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to {MOMENT} --ca-bundle {bundle}", "n\n")
    assert result.exit_code == 1
    assert f"Restore it as {TARGET}?" in result.stderr
    assert "not confirmed: nothing was made" in result.stderr
    assert given.cloud.called("create") == []
    assert terminal.run(f"restore orders --to {MOMENT} --ca-bundle {bundle}", "y\n").exit_code == 0


def test_ctrl_c_leaves_it_to_aws_and_the_printed_command_picks_it_up(terminal: Terminal, bundle: str) -> None:
    clock = Impatient(NOW)
    given = fleet(ORDERS, clock=clock)
    given.cloud.takes(Work.CREATE, looks=5)
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to latest --ca-bundle {bundle} --yes")
    assert result.exit_code == 3
    assert "PENDING  left in phase data" in result.stdout
    command = shlex.split(next(line for line in result.stdout.splitlines() if "backstay restore " in line))
    assert "latest" not in command
    assert len(given.cloud.called("create")) == 1
    given.cloud.advance()
    terminal.looks_at(given, clock=MemoryClock(NOW))
    again = terminal.run(f"{shlex.join(command[1:])} --yes")
    assert again.exit_code == 0, again.output
    assert len(given.cloud.called("create")) == 1


def test_ctrl_c_in_json_is_one_object_that_says_pending(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS, clock=Impatient(NOW))
    given.cloud.takes(Work.CREATE, looks=5)
    terminal.looks_at(given)
    status, report = terminal.json(f"restore orders --to {MOMENT} --ca-bundle {bundle} --yes")
    assert status == 3
    assert report["status"] == "pending"
    assert (report["target"], report["phase"]) == (TARGET, "data")
    assert report["again"].startswith("backstay restore aws/111122223333/eu-west-2/instance/orders --to")


def test_ctrl_c_before_anything_was_made_says_so(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)
    asked = []

    def interrupt() -> None:
        asked.append(1)
        if len(asked) > 1:  # the front door's look passes, the runner's own does not
            raise KeyboardInterrupt

    given.cloud.interfere("facts", interrupt)
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to {MOMENT} --ca-bundle {bundle} --yes")
    assert result.exit_code == 3
    assert "nothing was made yet" in result.stdout
    assert given.cloud.called("create") == []


def test_a_restore_that_fails_says_where_and_why(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)

    def denied() -> None:
        raise Denied("AccessDenied: no", call="rds:RestoreDBInstanceToPointInTime")

    given.cloud.interfere("create", denied)
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to {MOMENT} --ca-bundle {bundle} --yes")
    assert result.exit_code == 2
    assert "FAILED  in phase create: rds:RestoreDBInstanceToPointInTime: AccessDenied: no" in result.stdout
    assert "The same command again goes on from it" in result.stdout


def test_what_could_not_be_rebuilt_is_named(terminal: Terminal, bundle: str) -> None:
    given = fleet(ORDERS)

    def lose_its_group() -> None:
        made = replace(ORDERS.id, name=TARGET)
        given.cloud.edit(made, lambda now: replace(now, config=replace(now.config, parameter_group="default")))

    given.cloud.interfere("login", lose_its_group)
    terminal.looks_at(given)
    result = terminal.run(f"restore orders --to {MOMENT} --ca-bundle {bundle} --yes")
    assert result.exit_code == 1, result.output
    assert "RESTORED, with gaps" in result.stdout
    assert "parameter group: default, wanted orders-pg" in result.stdout


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("restore", "Missing argument 'DATABASE'"),
        ("restore orders", "needs exactly one of to and snapshot"),
        ("restore orders --to latest --snapshot x", "needs exactly one of to and snapshot"),
        ("restore orders --to 2026-11-24T09:00:00", "has no time zone"),
        ("restore orders --to yesterday", "is not a moment"),
        ("restore orders;ls --to latest", "is not a database identifier"),
        ("restore orders --to latest --target a/b", "is not a database identifier"),
        ("restore orders --to latest", "--ca-bundle: is needed"),
        ("restore orders --to latest --ca-bundle /nowhere.pem", "--ca-bundle: cannot be used"),
        ("restore orders --to latest --ca-bundle pyproject.toml", "--ca-bundle: cannot be used"),
        ("restore orders --to latest --ca-bundle tests/cli/__init__.py", "--ca-bundle: cannot be used"),
        ("restore nowhere --to latest --dry-run", "is not there"),
    ],
)
def test_what_cannot_be_understood_is_refused_at_once(terminal: Terminal, line: str, told: str) -> None:
    given = fleet(ORDERS)
    terminal.looks_at(given)
    result = terminal.run(line, "y\n")
    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stdout == ""
    assert given.cloud.called("create") == []
