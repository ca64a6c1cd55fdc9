"""The frame: exit statuses, errors on one line, help that is quick."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from backstay.core.errors import Throttled
from backstay.core.model import Kind
from tests.fleet import LONDON, database, fleet

if TYPE_CHECKING:
    from tests.cli.conftest import Terminal


def test_help_lists_the_commands_and_the_exit_statuses(terminal: Terminal) -> None:
    result = terminal.run("--help")
    assert result.exit_code == 0
    for name in ("audit", "plan", "protect", "restore", "Exit status"):
        assert name in result.stdout


def test_no_command_shows_the_help_and_is_refused(terminal: Terminal) -> None:
    result = terminal.run("")
    assert result.exit_code == 1
    assert "Usage: backstay" in result.stderr


@pytest.mark.parametrize("line", ["audit --frobnicate", "frobnicate", "audit a b", "restore orders --to"])
def test_a_command_line_with_a_mistake_is_refused(terminal: Terminal, line: str) -> None:
    result = terminal.run(line)
    assert result.exit_code == 1
    assert result.stderr.startswith("backstay: ")
    assert result.stdout == ""


def test_even_a_mistake_is_one_object_in_json(terminal: Terminal) -> None:
    status, report = terminal.json("audit --frobnicate")
    assert status == 1
    assert report["schema"] == "backstay.audit/1"
    assert report["status"] == "refused"
    assert "--frobnicate" in report["error"]["message"]


def test_what_the_fleet_refuses_is_told_in_json_too(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("orders")))
    status, report = terminal.json("audit nowhere")
    assert status == 1
    assert report["error"]["type"] == "NoSuchDatabase"


def test_a_provider_that_fails_is_an_error_on_one_line(terminal: Terminal) -> None:
    given = fleet(database("orders"))

    def throttled() -> None:
        raise Throttled("Throttling: slow down", call="rds:DescribeDBInstances")

    given.cloud.interfere("find", throttled, scope=LONDON)
    terminal.looks_at(given)
    result = terminal.run("restore orders --to latest --dry-run")
    assert result.exit_code == 2
    assert "Throttling: slow down" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("line", ["audit", "plan", "restore orders --to latest --dry-run"])
def test_ctrl_c_while_reading_changed_nothing_and_is_not_green(terminal: Terminal, line: str) -> None:
    given = fleet(database("orders"))

    def interrupt() -> None:
        raise KeyboardInterrupt

    given.cloud.interfere("*", interrupt)
    terminal.looks_at(given)
    result = terminal.run(line)
    assert result.exit_code == 2
    assert "interrupted: nothing was changed" in result.stderr
    status, report = terminal.json(line)
    assert (status, report["status"]) == (2, "error")


def test_help_loads_neither_sdk_nor_validator() -> None:
    script = (
        "import sys, json; from backstay.cli import main; sys.argv = ['backstay', 'restore', '--help']\n"
        "try: main()\n"
        "except SystemExit: print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(told.stderr))
    assert not loaded & {"boto3", "botocore", "pydantic", "rich", "yaml", "pg8000"}


def test_kinds_of_the_same_name_are_told_apart(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("orders"), database("orders", kind=Kind.CLUSTER)))
    result = terminal.run("audit orders")
    assert result.exit_code == 1
    assert "names an instance and a cluster" in result.stderr
