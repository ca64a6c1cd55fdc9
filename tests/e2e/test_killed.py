"""A restore whose process is killed goes on where it was: everything is made once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.demo.story import Tale

pytestmark = pytest.mark.e2e
RUNNER = "backstay-restore-run"
MADE = ["rds:RestoreDBClusterToPointInTime", "rds:CreateDBInstance", "rds:ModifyDBCluster"]


def workers() -> list[int]:
    """The processes that run the durable runner's handler."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"AWS_LAMBDA_FUNCTION_NAME={RUNNER}\0".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # it has just ended
    return found


@pytest.mark.parametrize("action", MADE)
def test_given_a_restore_when_its_process_is_killed_after_a_call_then_it_ends_well_and_nothing_is_made_twice(
    told: Tale, action: str
) -> None:
    target = f"ledger-k{MADE.index(action)}"

    def made() -> list[str]:
        calls = told.lab.calls(function=RUNNER)
        named = [call for call in calls if any(target in str(resource) for resource in call["resources"] or ())]
        return [call["action"] for call in named if call["action"] in MADE and call["error"] is None]

    def killed() -> bool:
        if action not in made():
            return False
        for worker in workers():
            os.kill(worker, signal.SIGKILL)
        return True

    answer = told.lab.invoke("backstay-restore", told.event("ledger") | {"target": target})
    told.lab.until(f"{action} for {target}", killed, seconds=30)
    report = json.loads(told.lab.durable(answer["execution"]["id"])["Result"])
    assert (report["status"], report["lacking"]) == ("ok", [])
    assert report["server"].startswith("PostgreSQL")
    assert made() == MADE
