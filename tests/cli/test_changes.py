"""``backstay plan`` and ``backstay protect``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.cli import screen
from backstay.core.errors import Denied
from backstay.core.model import Kind, Result
from backstay.core.policy import Apply
from tests.fleet import LONDON, database, fleet, policy

if TYPE_CHECKING:
    from tests.cli.conftest import Terminal
    from tests.fleet import Fleet

ORDERS = database("orders", days=0)
LEDGER = database("ledger", kind=Kind.CLUSTER, days=1, copy_tags=False)


def open_wounds() -> Fleet:
    """PITR off, a window too short, and one in order."""
    return fleet(ORDERS, LEDGER, database("quiet"))


def test_plan_says_what_and_why_and_changes_nothing(terminal: Terminal) -> None:
    given = open_wounds()
    terminal.looks_at(given)
    result = terminal.run("plan")
    assert result.exit_code == 1
    assert "orders  eu-west-2  instance  planned" in result.stdout
    assert "PITR window (days)  0 -> 14" in result.stdout
    assert "copy tags to snapshots  off -> on" in result.stdout
    assert "because tier gold enforces it; applied at once" in result.stdout
    assert result.stdout.count("may restart") == 1
    assert "PLAN  3 databases: 2 planned, 1 left alone" in result.stdout
    assert "backstay protect --all" in result.stdout
    assert given.cloud.called("change") == []


def test_plan_and_dry_run_are_the_same_report(terminal: Terminal) -> None:
    terminal.looks_at(open_wounds())
    _, planned = terminal.json("plan")
    _, dry = terminal.json("protect --all --dry-run")
    assert planned["outcomes"] == dry["outcomes"]
    assert planned["schema"] == "backstay.protect/1"
    assert planned["dry_run"] is True


def test_a_plan_for_one_database_leads_to_protecting_that_one(terminal: Terminal) -> None:
    terminal.looks_at(open_wounds())
    assert "backstay protect orders" in terminal.run("plan orders").stdout


def test_nothing_to_do_is_said_and_ends_with_zero(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("quiet")))
    result = terminal.run("plan")
    assert result.exit_code == 0
    assert "OK  1 database: 1 left alone" in result.stdout


def test_a_policy_that_only_reports_is_named_as_the_reason(terminal: Terminal) -> None:
    terminal.looks_at(fleet(ORDERS, rules=policy(enforce=())))
    result = terminal.run("plan")
    assert result.exit_code == 0
    assert "No tier of this policy enforces anything" in result.stdout


@pytest.mark.parametrize("line", ["protect", "protect --yes", "protect orders --all --yes"])
def test_protect_without_one_clear_selection_is_refused(terminal: Terminal, line: str) -> None:
    given = open_wounds()
    terminal.looks_at(given)
    result = terminal.run(line, "y\n")
    assert result.exit_code == 1
    assert "a typo must not touch a fleet" in result.stderr
    assert given.cloud.called("change") == []


def test_protect_with_yes_repairs(terminal: Terminal) -> None:
    given = open_wounds()
    terminal.looks_at(given)
    result = terminal.run("protect --all --yes")
    assert result.exit_code == 0
    assert given.now(ORDERS.id).retention == timedelta(days=14)
    assert "OK  3 databases: 2 done, 1 left alone" in result.stdout
    assert "No --vault" in result.stderr
    assert len(given.cloud.called("change")) == 2


def test_with_a_vault_nothing_is_forgotten_and_nothing_is_said_of_it(terminal: Terminal) -> None:
    terminal.looks_at(open_wounds())
    assert "No --vault" not in terminal.run("protect orders --yes --vault backstay-vault").stderr


def test_protect_shows_the_plan_asks_and_repairs(terminal: Terminal) -> None:
    given = open_wounds()
    terminal.looks_at(given)
    result = terminal.run("protect orders", "y\n")
    assert result.exit_code == 0
    assert "Change 1 of them like this?" in result.stderr
    assert result.stdout.index("planned") < result.stdout.index("done")
    assert given.now(ORDERS.id).retention == timedelta(days=14)
    assert given.now(LEDGER.id).retention == timedelta(days=1)


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_whatever_is_not_a_yes_changes_nothing(terminal: Terminal, typed: str) -> None:
    given = open_wounds()
    terminal.looks_at(given)
    result = terminal.run("protect --all", typed)
    assert result.exit_code == 1
    assert "not confirmed: nothing was changed" in result.stderr
    assert given.cloud.called("change") == []


def test_where_nobody_can_be_asked_a_yes_is_needed(terminal: Terminal) -> None:
    given = open_wounds()
    terminal.looks_at(given)
    result = terminal.run("protect --all")
    assert result.exit_code == 1
    assert "--yes" in result.stderr
    assert given.cloud.called("change") == []


def test_the_question_keeps_out_of_the_json(terminal: Terminal) -> None:
    terminal.looks_at(open_wounds())
    status, report = terminal.json("protect --all", "y\n")
    assert status == 0
    assert {each["result"] for each in report["outcomes"]} == {Result.DONE}


def test_only_what_was_shown_is_changed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between question and answer, a second database loses its backups."""
    given = fleet(ORDERS, database("late"))
    terminal.looks_at(given)

    def agree(_: str) -> bool:
        given.cloud.edit(database("late").id, lambda _: database("late", days=0))
        return True

    monkeypatch.setattr(screen, "confirm", agree)
    status, report = terminal.json("protect --all", "")
    results = {each["database"].rsplit("/", 1)[1]: each for each in report["outcomes"]}
    assert status == 1
    assert results["orders"]["result"] == "done"
    assert results["late"]["result"] == "refused"
    assert "not what you agreed to" in results["late"]["message"]
    assert len(given.cloud.called("change")) == 1


def test_what_waits_for_the_window_is_pending_and_ends_with_three(terminal: Terminal) -> None:
    terminal.looks_at(fleet(ORDERS, rules=policy(apply=Apply.MAINTENANCE_WINDOW)))
    result = terminal.run("protect orders --yes")
    assert result.exit_code == 3
    assert "accepted, not done yet" in result.stdout
    assert "Pending is not done" in result.stdout


def test_a_refusal_says_why(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("orders", days=0, managed_by="aws-backup")))
    result = terminal.run("protect orders --yes")
    assert result.exit_code == 1
    assert "aws-backup owns its backups" in result.stdout


def test_a_change_that_fails_is_an_error(terminal: Terminal) -> None:
    given = open_wounds()

    def denied() -> None:
        raise Denied("AccessDenied: no", call="rds:ModifyDBInstance")

    given.cloud.interfere("change", denied, scope=LONDON)
    terminal.looks_at(given)
    result = terminal.run("protect orders --yes")
    assert result.exit_code == 2
    assert "rds:ModifyDBInstance: AccessDenied: no" in result.stdout


def test_an_interrupted_protect_says_that_something_may_be_done(terminal: Terminal) -> None:
    given = open_wounds()

    def interrupt() -> None:
        raise KeyboardInterrupt

    given.cloud.interfere("change", interrupt)
    terminal.looks_at(given)
    result = terminal.run("protect orders --yes")
    assert result.exit_code == 2
    assert "some changes may have been made" in result.stderr


def test_a_plan_says_what_it_would_cost_and_what_it_does_not_know(terminal: Terminal) -> None:
    orders = database("orders", days=0, storage_gb=100)
    terminal.looks_at(fleet(orders, LEDGER, database("tags", copy_tags=False)))
    result = terminal.run("plan")
    assert "adds about 170 GB of backups, $6.65 a month" in result.stdout
    assert "cost unknown: what its volume holds is not listed" in result.stdout
    assert "adds no backup storage" in result.stdout
    assert "Cost: about 170 GB of backups, $6.65 a month; unknown for 1 database." in result.stdout
    assert "which nobody measured" in result.stdout
    _, report = terminal.json("plan")
    costs = {each["database"].rsplit("/")[-1]: each for each in report["outcomes"]}
    assert (costs["orders"]["estimated_gb_added"], costs["orders"]["estimated_usd_per_month"]) == (170.0, 6.65)
    assert (costs["ledger"]["estimated_gb_added"], costs["ledger"]["estimated_usd_per_month"]) == (None, None)
    assert (report["cost"]["estimated_usd_per_month"], report["cost"]["unknown"]) == (6.65, 1)
    assert report["cost"]["prices"]["region"] == "us-east-1"


def test_a_plan_of_which_nothing_is_known_has_no_sum(terminal: Terminal) -> None:
    terminal.looks_at(fleet(LEDGER))
    assert terminal.json("plan")[1]["cost"]["estimated_usd_per_month"] is None
    assert "Cost unknown for 1 database." in terminal.run("plan").stdout


def test_what_was_done_is_told_without_an_estimate(terminal: Terminal) -> None:
    terminal.looks_at(open_wounds())
    _, done = terminal.json("protect --all --yes")
    assert "cost" not in done
    assert done["outcomes"]
    assert all("cost_unknown" not in each for each in done["outcomes"])
