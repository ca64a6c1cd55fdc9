"""Faults planted in retention and guards, each of which named tests and properties must find.

A mutant is a text that stands in the source exactly once, and what stands there instead. The tests run in a process of
their own over a copy of the product, first as it is: what fails there too proves nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "functions" / "backstay"
UNIT = "tests/unit/core"
SEEK = "tests/mutants/seek.py"
FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)
GUARDS = "core/guards.py"
SURVIVORS = "what_is_held_the_newest_and_the_last_verified_survive_in_every_location"
ORACLE = "what_goes_is_what_no_rule_keeps_over_the_age_of_its_data"
COPIES = "no_original_goes_whose_copy_a_place_would_keep_and_has_not"
BLIND = "with_anything_unread_or_a_policy_that_stands_in_nothing_goes"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, and who finds it.

    Attributes:
        file: under functions/backstay.
        text: stands there once.
        planted: instead of it.
        tests: by file and name, and of a test with parameters, all that begin so: any of them fails.
        property_: one of those in `seek`; empty where none can tell.
    """

    file: str
    text: str
    planted: str
    tests: tuple[str, ...]
    property_: str = ""


MUTANTS = {
    "greater or equal for greater": Mutant(
        GUARDS,
        "if removed > share:",
        "if removed >= share:",
        ("test_guards.py::test_given_guard_9_when_a_bound_is_reached_then_still_inside_and_beyond_it_refused[3-10",),
    ),
    "local for utc": Mutant(
        "core/retention.py",
        "local = at.astimezone(zone)",
        "local = at",
        (
            "test_retention.py::test_given_a_time_zone_when_selected_then_its_days_and_not_those_of_utc",
            "test_decide_prune.py::test_given_one_local_day_that_is_two_in_utc_when_planned_then_the_policy_s_zone_counts",
        ),
        ORACLE,
    ),
    "newest for oldest": Mutant(
        "core/retention.py",
        "sorted(dated, reverse=True)",
        "sorted(dated)",
        ("test_retention.py::test_given_daily_when_a_day_has_several_then_its_newest",),
        ORACLE,
    ),
    "the copy's own time": Mutant(
        "core/points.py",
        "return self.data_time\n",
        "return self.made or self.data_time\n",
        (
            "test_decide_prune.py::test_given_copies_when_planned_then_the_age_of_their_data_counts_and_never_their_own",
            "test_guards.py::test_given_guard_5_when_the_newest_is_younger_only_as_a_copy_then_its_data_decides",
        ),
        ORACLE,
    ),
    "no guard 0": Mutant(
        GUARDS,
        "found = _facts(point, ground) or _hold(point)",
        "found = _hold(point)",
        (
            "test_guards.py::test_given_guard_0_when_a_place_was_not_read_then_refused_with_the_first",
            "test_decide_prune.py::test_given_a_stale_policy_or_an_unread_place_when_planned_then_nothing_goes",
        ),
        BLIND,
    ),
    "no guard 5": Mutant(
        GUARDS,
        "if self._newest is None or point.at >= self._newest:",
        "if self._newest is None:",
        (
            "test_guards.py::test_given_guard_5_when_it_is_the_newest_then_refused_and_so_are_all_of_the_same_moment",
            "test_decide_prune.py::test_given_points_of_one_moment_when_planned_then_one_is_kept_and_the_newest_ones_all_stay",
        ),
        SURVIVORS,
    ),
    "no guard 7": Mutant(
        GUARDS,
        "if point.verified and self._verified is not None and point.at >= self._verified:",
        "if point.verified and self._verified is None:",
        (
            "test_guards.py::test_given_guard_7_when_no_newer_one_is_verified_then_refused_and_so_is_its_twin",
            "test_decide_prune.py::test_given_held_and_verified_ones_when_planned_then_they_stay_and_the_others_go",
        ),
        SURVIVORS,
    ),
    "no guard 8": Mutant(
        GUARDS,
        "self._siblings(point) or _copies(point, ground)",
        "self._siblings(point)",
        (
            "test_guards.py::test_given_guard_8_when_a_required_copy_is_not_there_then_refused",
            "test_decide_prune.py::test_given_a_failed_copy_when_planned_then_it_does_not_exist",
        ),
        COPIES,
    ),
}
NAMED = sorted({f"{UNIT}/{test.partition('[')[0]}" for each in MUTANTS.values() for test in each.tests})


def product(at: Path) -> Path:
    """A copy of the product, without what Python has compiled of it."""
    copy = at / "functions"
    shutil.copytree(SOURCE, copy / "backstay", ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def failures(copy: Path) -> tuple[int, set[str]]:
    """The exit status of the named tests and all properties over that copy, and what failed.

    Status 1 says that tests ran and failed; that the copy could not even be imported would be another.
    """
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rf", "--tb=no", "-W", "ignore"]
    paths = ["-o", f"pythonpath={copy} {ROOT}"]
    environment = {**os.environ, "BACKSTAY_UNDER_TEST": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, *paths, *NAMED, SEEK],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, {each.removeprefix(f"{UNIT}/") for each in FAILED.findall(done.stdout)}


def test_given_no_mutant_when_tested_then_all_pass(tmp_path: Path) -> None:
    assert failures(product(tmp_path)) == (0, set())


@pytest.mark.parametrize("name", MUTANTS)
def test_given_a_mutant_when_tested_then_those_that_are_named_find_it(name: str, tmp_path: Path) -> None:
    mutant, copy = MUTANTS[name], product(tmp_path)
    file = copy / "backstay" / mutant.file
    source = file.read_text(encoding="utf-8")
    assert source.count(mutant.text) == 1, f"{mutant.text!r} does not stand once in {mutant.file}"
    file.write_text(source.replace(mutant.text, mutant.planted), encoding="utf-8")
    status, failed = failures(copy)
    assert status == 1
    for test in mutant.tests:
        assert any(each.startswith(test) for each in failed), f"{test} does not find it: {sorted(failed)}"
    if mutant.property_:
        assert any(each.endswith(f"[{mutant.property_}]") for each in failed), sorted(failed)


def test_there_are_eight() -> None:
    assert len(MUTANTS) == 8
