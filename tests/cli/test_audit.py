"""``backstay audit``: what people and machines see of a fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import pytest

from backstay.core.errors import Denied
from backstay.core.model import Kind, NotCovered
from backstay.core.rules import RULES
from backstay.workflows.reports import every_verdict
from tests.fleet import IRELAND, LONDON, NOW, database, fleet, point
from tests.workflows.places import DR, rules

if TYPE_CHECKING:
    from tests.cli.conftest import Terminal
    from tests.fleet import Fleet


def mixed() -> Fleet:
    """One that fails twice, one in no tier, one in order, one exempt."""
    return fleet(
        database("orders", days=0),
        database("ledger", kind=Kind.CLUSTER),
        database("legacy", tags={}),
        database("scratch-1", tags={}),
        scopes=(LONDON, IRELAND),
    )


def denied() -> None:
    raise Denied("AccessDenied: not authorized", call="rds:DescribeDBInstances", code="AccessDenied")


def test_a_green_fleet_ends_with_zero(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("orders")))
    result = terminal.run("audit")
    assert result.exit_code == 0
    assert f"OK  1 database: 0 fail, 0 unknown, 9 pass, {len(RULES) - 9} skipped" in result.stdout
    assert "What to do" not in result.stdout


def test_findings_end_with_one_and_stand_worst_first(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    result = terminal.run("audit")
    assert result.exit_code == 1
    rows = [line.split() for line in result.stdout.splitlines()]
    databases = [row[2] for row in rows if row and row[0] in ("fail", "unknown", "pass", "skipped")]
    assert list(dict.fromkeys(databases)) == ["orders", "legacy", "ledger", "scratch-1"]
    assert rows[0][:5] == ["fail", "BK001", "orders", "eu-west-2", "postgres"]


def test_a_pipe_gets_whole_lines_without_colours_or_blanks_at_their_ends(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    result = terminal.run("audit")
    assert "\x1b" not in result.output
    assert all(line == line.rstrip() for line in result.stdout.splitlines())
    assert "in no tier (matches no exemption, no managed_elsewhere entry and no tier): see BK003" in result.stdout
    assert result.stderr == ""


def test_a_terminal_gets_colours_and_no_line_too_wide(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    terminal.wide(80)
    result = terminal.run("audit")
    assert "\x1b[1;31mfail" in result.stdout
    plain = [plain_of(line) for line in result.stdout.splitlines()]
    assert max(map(len, plain)) <= 80
    assert any(line.startswith("orders  ") and line.endswith("tier gold") for line in plain)
    assert any(line == "The other 2" for line in plain)


def test_a_terminal_counts_what_needs_nobody_and_names_what_does(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    terminal.wide(120)
    text = plain_of(terminal.run("audit").stdout)
    assert "fail     BK001" in text
    assert "pass     6 rules" in text
    assert "BK017" not in text.partition("What to do")[0]


def plain_of(line: str) -> str:
    """Without the codes that colour it."""
    return click.unstyle(line)


def test_what_could_not_be_read_is_named_and_ends_with_two(terminal: Terminal) -> None:
    given = mixed()
    given.cloud.interfere("pages", denied, scope=IRELAND, about=Kind.INSTANCE)
    terminal.looks_at(given)
    terminal.wide(80)
    result = terminal.run("audit")
    assert result.exit_code == 2
    text = plain_of(result.stdout)
    assert "Not read, so unknown" in text
    assert "aws/111122223333/eu-west-1 instances: rds:DescribeDBInstances: AccessDenied" in text
    assert "UNKNOWN" in text
    assert "1 listing not read" in " ".join(text.split())
    assert "orders" in text


def test_an_empty_account_is_not_called_compliant_in_silence(terminal: Terminal) -> None:
    terminal.looks_at(fleet())
    result = terminal.run("audit")
    assert "No RDS or Aurora database was seen there." in result.stdout
    assert "account 111122223333 in eu-west-2" in result.stdout


def test_what_is_not_covered_is_said(terminal: Terminal) -> None:
    given = fleet(database("orders"))
    given.cloud.foreign[LONDON, Kind.CLUSTER] = [NotCovered(LONDON, "papers", "docdb")]
    terminal.looks_at(given)
    assert "papers  aws/111122223333/eu-west-2  docdb" in terminal.run("audit").stdout


def test_json_is_the_report_and_nothing_else(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    status, report = terminal.json("audit")
    assert status == 1
    assert report["schema"] == "backstay.audit/1"
    assert report["databases"] == 4
    assert len(list(every_verdict(report))) == 4 * len(RULES)


def test_one_database_is_audited_by_name(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    status, report = terminal.json("audit ledger")
    assert (status, report["databases"]) == (0, 1)


def test_tags_select(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    assert terminal.json("audit --match-tag backup-tier=gold")[1]["databases"] == 2
    assert terminal.json("audit --match-tag backup-tier=g* --match-tag backup-tier=silver")[1]["databases"] == 2
    assert terminal.json("audit --match-tag backup-tier=gold --match-tag team=x")[1]["databases"] == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("audit nowhere", "is not there"),
        ("audit ../orders", "is not a database identifier"),
        ("audit orders --match-tag a=b", "names a database and --match-tag"),
        ("audit --match-tag gold", "--match-tag: is not a tag (got 'gold'); accepted: KEY=VALUE"),
        ("audit --match-tag a=[x", "never closed"),
    ],
)
def test_a_selection_that_selects_nothing_is_refused(terminal: Terminal, line: str, told: str) -> None:
    terminal.looks_at(mixed())
    result = terminal.run(line)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_an_older_policy_that_stands_in_is_said(terminal: Terminal) -> None:
    given = fleet(database("orders"))
    terminal.looks_at(given, policy_stale="line 3: tiers is missing")
    assert "An earlier version of the policy stands in: line 3" in terminal.run("audit").stdout


def test_text_from_outside_does_not_steer_the_terminal(terminal: Terminal) -> None:
    odd = replace(database("orders"), managed_by="evil\x1b]0;title\x07")
    terminal.looks_at(fleet(odd))
    terminal.wide(120)
    assert "\x1b]" not in terminal.run("audit").stdout


def test_what_can_be_repaired_leads_to_the_plan_with_the_same_options(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    result = terminal.run("audit --region eu-west-2 --policy gold.yaml --profile prod")
    assert "backstay plan --profile prod --region eu-west-2 --policy gold.yaml" in result.stdout


def test_it_ends_with_what_is_lost_with_a_region_and_how_to_see_what_would_be_done_about_it(terminal: Terminal) -> None:
    orders, ledger = database("orders"), database("ledger")
    given = fleet(orders, ledger, rules=rules(DR))
    given.cloud.add_point(point(orders), point(orders, NOW - timedelta(hours=26), scope=IRELAND))
    terminal.looks_at(given)
    result = terminal.run("audit")
    lines = [each for each in result.stdout.splitlines() if "if its region is gone now" in each]
    assert [each.split()[0] for each in lines] == ["ledger", "orders"]
    assert "you lose everything" in lines[0]
    assert "you lose 26 h; the newest copy is in aws/111122223333/eu-west-1" in lines[1]
    assert "backstay snapshot --dry-run" in result.stdout
    assert "backstay replicate --dry-run" in result.stdout


def test_where_no_copies_are_asked_nothing_is_said_of_lost_regions(terminal: Terminal) -> None:
    terminal.looks_at(mixed())
    result = terminal.run("audit")
    assert "region is gone" not in result.stdout
    assert "backstay replicate" not in result.stdout
