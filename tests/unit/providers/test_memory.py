"""What only the memory provider has: pace, interference, and its own clock."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backstay.core.errors import Denied, Rejected
from backstay.core.model import Change, ChangeSettings, Kind
from backstay.core.requests import DatabaseRef
from backstay.providers.memory import MemoryBus, MemoryClock, Work
from tests.fleet import IRELAND, LONDON, NOW, database, fleet

FUNCTIONS = Path(__file__).parents[3] / "functions"


def retention(days: int, *, immediately: bool = False) -> ChangeSettings:
    return ChangeSettings(
        database=database().id,
        changes=(Change("retention_days", None, days),),
        reason="test",
        immediately=immediately,
        may_restart=False,
    )


def test_given_work_of_three_looks_when_looked_at_then_it_is_done_at_the_fourth() -> None:
    given = fleet(database())
    given.cloud.takes(Work.MODIFY, looks=3)
    given.pitr().change(retention(20))
    seen = [given.now(database().id).status for _ in range(4)]
    assert seen == ["modifying"] * 3 + ["available"]


def test_given_work_of_an_hour_when_the_clock_moves_then_it_is_done() -> None:
    given = fleet(database())
    given.cloud.takes(Work.MODIFY, span=timedelta(hours=1))
    given.pitr().change(retention(20))
    assert given.now(database().id).status == "modifying"
    given.clock.sleep(timedelta(minutes=59))
    assert given.now(database().id).status == "modifying"
    given.clock.sleep(timedelta(minutes=1))
    assert given.now(database().id).retention.days == 20


def test_given_work_without_end_when_advanced_then_it_is_done() -> None:
    given = fleet(database(days=0))
    given.cloud.takes(Work.MODIFY, looks=10**9)
    given.cloud.takes(Work.BACKUP, looks=10**9)
    given.pitr().change(retention(7, immediately=True))
    given.cloud.advance()
    assert (given.now(database().id).status, given.now(database().id).window is not None) == ("available", True)


def test_given_a_window_when_time_passes_then_its_ends_follow_unless_stalled() -> None:
    given = fleet(database())
    given.cloud.add(database("stalled"), stalled=True)
    before = given.now(database("stalled").id).window
    given.clock.sleep(timedelta(hours=2))
    moved = given.now(database().id).window
    assert moved is not None
    assert moved.latest == NOW + timedelta(hours=2) - timedelta(minutes=5)
    assert moved.earliest == NOW + timedelta(hours=2) - timedelta(days=14)
    assert given.now(database("stalled").id).window == before


def test_given_a_hook_when_it_is_due_then_it_runs_there_that_often_and_no_more() -> None:
    given = fleet(scopes=(LONDON, IRELAND))

    def no() -> None:
        raise Denied("no")

    given.cloud.interfere("find", no, scope=IRELAND, after=1, times=1)
    london, ireland = (given.world.inventories[scope] for scope in (LONDON, IRELAND))
    for inventory in (london, ireland):
        assert inventory.find(DatabaseRef("x")) is None
    with pytest.raises(Denied):
        ireland.find(DatabaseRef("x"))
    assert ireland.find(DatabaseRef("x")) is None
    assert london.find(DatabaseRef("x")) is None


def test_given_a_call_that_is_not_let_in_when_counted_then_it_was_not_made_but_a_lost_answer_was() -> None:
    given = fleet(database())

    def no() -> None:
        raise Denied("no")

    given.cloud.interfere("change", no, times=1)
    given.cloud.interfere("change", no, times=1, late=True)
    for made in (0, 1):
        with pytest.raises(Denied):
            given.pitr().change(retention(20))
        assert len(given.cloud.called("change")) == made
    assert given.now(database().id).retention.days == 20


def test_given_a_primary_with_replicas_or_another_master_when_changed_then_as_rds_refuses() -> None:
    given = fleet(database(), database("orders-ro", replica_of="orders", days=0))
    with pytest.raises(Rejected, match="replicas"):
        given.pitr().change(retention(0, immediately=True))
    given.cloud.edit(database().id, lambda each: replace(each, managed_by="aws-backup"))
    with pytest.raises(Rejected, match="managed by aws-backup"):
        given.pitr().change(retention(20))


def test_given_a_removed_database_when_looked_for_then_none() -> None:
    given = fleet(database())
    given.cloud.remove(database().id)
    assert given.world.inventories[LONDON].find(DatabaseRef("orders", Kind.INSTANCE)) is None


def test_given_the_clock_when_slept_then_it_moves_and_nobody_waits() -> None:
    clock = MemoryClock(NOW)
    clock.sleep(timedelta(days=400))
    assert clock.now() == NOW + timedelta(days=400)


def test_given_the_bus_when_told_then_it_is_kept() -> None:
    bus = MemoryBus()
    bus.report_ready({"status": "ok"})
    assert (bus.findings, bus.reports) == ([], [{"status": "ok"}])


def test_given_a_terminal_without_sdk_when_imported_then_only_the_core_comes_along() -> None:
    code = (
        "import sys, backstay.providers.memory\n"
        "heavy = {'boto3', 'botocore', 'pydantic', 'yaml', 'aws_lambda_powertools', 'pg8000'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "ours = {name for name in sys.modules if name.startswith('backstay.')}\n"
        "allowed = ('backstay.core', 'backstay.providers', 'backstay.providers.memory')\n"
        "assert all(name in allowed or name.startswith(('backstay.core.', 'backstay.providers.memory.'))"
        " for name in ours), ours\n"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True, env={"PYTHONPATH": str(FUNCTIONS)}, timeout=30)
