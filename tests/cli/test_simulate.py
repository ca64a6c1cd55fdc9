"""simulate in a terminal: the very selection that prunes, over a file, standard input or a schedule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click import unstyle
from click.testing import CliRunner

from backstay.cli.simulate import backstay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal

NOW = "--now 2026-11-24T12:00:00Z"


def piped(line: str, text: str) -> dict[str, Any]:
    result = CliRunner().invoke(backstay, ["simulate", "-", *line.split(), "--json"], input=text)
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_given_moments_on_standard_input_when_simulated_then_which_stay_and_why_each_goes() -> None:
    report = piped(f"--keep daily=1 {NOW}", "2026-11-24T02:00:00Z\n\n# by hand\n2026-11-24T03:00:00+02:00\n")
    assert report["keep"] == [{"time": "2026-11-24T02:00:00Z", "reasons": ["daily 2026-11-24"]}]
    assert report["remove"] == [{"time": "2026-11-24T01:00:00Z", "reason": "daily: a newer one of 2026-11-24 stays"}]
    assert (report["schema"], report["timezone"], report["now"]) == (
        *("backstay.simulate/1", "UTC"),
        "2026-11-24T12:00:00Z",
    )


def test_given_a_file_when_simulated_then_as_from_standard_input(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "times.txt"
    file.write_text("2026-11-24T02:00:00Z\n2026-11-23T02:00:00Z\n")
    status, report = terminal.json(f"simulate {file} --keep last=1 {NOW}")
    assert (status, len(report["keep"]), len(report["remove"])) == (0, 1, 1)


def test_given_no_points_when_simulated_then_nothing_and_no_error() -> None:
    report = piped("--keep last=1", "# none yet\n")
    assert (report["keep"], report["remove"]) == ([], [])


def test_given_two_of_the_same_second_when_simulated_then_both_are_counted() -> None:
    report = piped("--keep last=1", "2026-11-24T02:00:00Z\n2026-11-24T02:00:00Z\n")
    assert (len(report["keep"]), len(report["remove"])) == (1, 1)


@pytest.mark.parametrize("word", ["unlimited", "-1"])
def test_given_an_unlimited_kind_when_simulated_then_all_its_periods_stay(word: str) -> None:
    text = "".join(f"20{year}-06-01T00:00:00Z\n" for year in range(10, 26))
    assert piped(f"--keep yearly={word} {NOW}", text)["remove"] == []


def test_given_a_schedule_when_simulated_then_days_are_the_zones_own(terminal: Terminal) -> None:
    line = "simulate --keep daily=unlimited --every 1d --for 60d --timezone Europe/London --now 2026-11-24T03:00:00Z"
    _, report = terminal.json(line)
    assert len(report["keep"]) == 61
    assert {each["time"][11:] for each in report["keep"]} == {"03:00:00Z", "02:00:00Z"}  # 03:00 in London, always


def test_given_hours_when_a_schedule_is_simulated_then_they_are_real_ones(terminal: Terminal) -> None:
    line = "simulate --keep hourly=unlimited --every 1h --for 48h --timezone Europe/London --now 2026-10-26T00:00:00Z"
    _, report = terminal.json(line)
    assert len(report["keep"]) == 49


def test_given_a_pipe_when_simulated_then_a_line_for_each_point_and_the_sum(terminal: Terminal) -> None:
    result = terminal.run(f"simulate --keep daily=2,yearly=1 --every 1d --for 3d {NOW}")
    first, *_, gone, total = result.stdout.strip().splitlines()
    assert first.split() == ["keep", "2026-11-24T12:00:00Z", "daily", "2026-11-24,", "yearly", "2026"]
    assert gone.startswith("remove")
    assert total == "2 kept, 2 removed, of 4; UTC"


def test_given_a_terminal_when_simulated_then_a_calendar_with_the_coarsest_reason_of_each_day(
    terminal: Terminal,
) -> None:
    terminal.wide(80)
    result = terminal.run(f"simulate --keep daily=2,monthly=2,yearly=1 --every 1d --for 30d {NOW}")
    lines = unstyle(result.stdout).splitlines()
    assert lines[0] == "2026-10                          ······M"
    assert lines[1] == "2026-11  ······················DY"
    assert "yearly" in lines[3]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("--every 1d --for 3d --keep daily", "--keep"),
        ("--every 1d --for 3d --keep daily=", "--keep"),
        ("--every 1d --for 3d --keep daily=1,daily=2", "--keep"),
        ("--every 1d --for 3d --keep dayly=1", "daily"),
        ("--every 1d --for 3d --keep daily=-2", "daily"),
        ("--every 1d --for 3d --keep daily=1e9", "daily"),
        ("--every 1d --for 3d --keep daily=0,last=0", "--keep"),
        (f"--every 1d --for 3d --keep daily={'9' * 30}", "daily"),
        ("--every 1d --keep last=1", "--for"),
        ("--for 1d --keep last=1", "--every"),
        ("--every 1x --for 3d --keep last=1", "--every"),
        ("--every 1s --for 5000d --keep last=1", "--for"),
        ("--keep last=1", "FILE"),
        ("nowhere.txt --keep last=1", "FILE"),
        ("nowhere.txt --every 1d --for 3d --keep last=1", "FILE"),
        ("--every 1d --for 3d --keep last=1 --timezone Europe/Londn", "--timezone"),
        ("--every 1d --for 3d --keep last=1 --now yesterday", "--now"),
    ],
)
def test_given_bad_input_when_simulated_then_refused_by_field_with_what_is_accepted(
    terminal: Terminal, line: str, field: str
) -> None:
    status, report = terminal.json(f"simulate {line}")
    assert (status, report["status"]) == (1, "refused")
    assert field in report["error"]["message"]
    assert "accepted" in report["error"]["message"]


@pytest.mark.parametrize("bad", ["2026-11-24", "2026-02-30T00:00:00Z", "yesterday", "x" * 500])
def test_given_a_line_that_is_no_moment_when_simulated_then_its_number(bad: str) -> None:
    result = CliRunner().invoke(backstay, ["simulate", "-", "--keep", "last=1"], input=f"2026-11-24T02:00:00Z\n{bad}\n")
    assert result.exit_code == 1
    assert "line 2" in result.stderr
    assert len(result.stderr) < 300
