"""Restore-run over the memory provider, inline and durable: one restore, rebuilt, proven by a login, if killed too."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.model import Database, Kind
from backstay.core.ports import Credentials
from backstay.core.restoring import Backup
from backstay.providers.memory import Surroundings, Work
from tests.fleet import LONDON, NOW, configuration, snapshot
from tests.workflows.helpers import denied
from tests.workflows.restores import (
    CLUSTER_STEPS,
    ROLES,
    STEPS,
    TARGET,
    TARGET_ID,
    decided,
    ledger,
    makes,
    orders,
    target_of,
)
from tests.workflows.ways import Way, die, durable, hurry, inline

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Way]


def test_given_an_instance_when_restored_then_it_is_rebuilt_and_a_login_works(make: Make) -> None:
    way = make(orders())
    report = way.restored()
    assert (report["schema"], report["status"], report["exit_status"]) == ("backstay.restore-run/1", "ok", 0)
    assert report["endpoint"] == {"host": f"{TARGET}.eu-west-2.memory", "port": 5432}
    assert report["server"] == "PostgreSQL 17.2"
    assert report["restored_to"] == "2026-11-24T09:30:00Z"
    assert report["lacking"] == []
    assert [phase["name"] for phase in report["phases"]] == list(STEPS[1:])
    assert makes(way) == ["create", "settle", "attach_roles"]
    made = target_of(way)
    assert made.tags["backstay:request"] == report["request_id"]
    assert (made.retention.days, made.deletion_protection, made.copy_tags) == (14, True, True)
    assert made.config.roles == ROLES
    assert report["secret"] == (made.secret or ("",))[0]


@pytest.mark.parametrize("source", [orders, ledger])
def test_given_a_source_with_a_managed_login_when_restored_then_it_gets_another(
    make: Make, source: Callable[..., Database]
) -> None:
    theirs = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:rds!db-theirs"
    way = make(source(secret=(theirs, "active")))
    way.given.cloud.credentials[theirs] = Credentials("master", "theirs")
    report = way.restored()
    assert report["status"] == "ok"
    assert "settle" in makes(way)
    assert report["secret"] != theirs
    assert target_of(way, source().id.kind).secret == (report["secret"], "active")


def test_given_a_source_deleted_with_its_managed_login_when_restored_then_the_secret_that_is_gone_is_replaced(
    make: Make,
) -> None:
    theirs = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:rds!db-theirs"
    way = make()
    way.given.cloud.add_snapshot(LONDON, snapshot(orders()))

    def show() -> None:
        way.given.cloud.edit(TARGET_ID, lambda each: replace(each, secret=(theirs, "active")))

    way.given.cloud.interfere("create", show, times=1, late=True)
    report = way.restored(snapshot="before-deploy", target=TARGET)
    assert (report["status"], report["lacking"]) == ("ok", [])
    assert report["secret"] != theirs
    assert makes(way) == ["create", "settle"]


def test_given_a_login_of_its_own_that_may_not_be_read_when_asked_for_then_it_is_not_replaced(make: Make) -> None:
    way = make(orders())
    request = way.started()
    way.run(request)
    way.given.cloud.interfere("master", denied, times=1)
    assert way.run(request)["status"] == "ok"
    assert makes(way).count("settle") == 1


def test_given_an_aurora_cluster_when_restored_then_it_gets_its_writer(make: Make) -> None:
    way = make(ledger())
    report = way.restored()
    assert (report["status"], report["lacking"]) == ("ok", [])
    assert [phase["name"] for phase in report["phases"]] == list(CLUSTER_STEPS[1:])
    assert makes(way) == ["create", "create_writer", "settle", "attach_roles"]
    (member,) = target_of(way, Kind.CLUSTER).config.members
    assert (member.name, member.writer) == (f"{TARGET}-1", True)


def test_given_a_multi_az_cluster_when_restored_then_it_brings_its_own_members(make: Make) -> None:
    config = replace(configuration("orders", Kind.CLUSTER), instance_class="db.m6gd.large")
    way = make(ledger(engine="postgres", config=config))
    assert way.restored()["status"] == "ok"
    assert makes(way) == ["create", "settle"]


@pytest.mark.parametrize("source", [orders, ledger])
@pytest.mark.parametrize("deleted", [False, True])
def test_given_a_snapshot_when_restored_then_also_of_a_deleted_source(
    make: Make, source: Callable[[], Database], deleted: bool
) -> None:
    gone = source()
    way = make() if deleted else make(gone)
    way.given.cloud.add_snapshot(LONDON, snapshot(gone))
    report = way.restored(snapshot="before-deploy")
    assert (report["status"], report["lacking"]) == ("ok", [])
    assert report["restored_to"] == "2026-11-24T09:00:00Z"


def test_given_a_database_that_takes_its_time_when_restored_then_each_phase_says_its_seconds(make: Make) -> None:
    way = make(ledger())
    way.given.cloud.takes(Work.CREATE, span=timedelta(minutes=10))
    way.given.cloud.takes(Work.MEMBER, span=timedelta(minutes=5))
    way.given.cloud.takes(Work.SECRET, span=timedelta(minutes=1))
    seconds = {phase["name"]: phase["seconds"] for phase in way.restored()["phases"]}
    assert 600 <= seconds["data"] <= 620
    assert 300 <= seconds["writer"] <= 320
    assert 60 <= seconds["login"] <= 75


def test_given_a_first_backup_of_an_hour_when_restored_then_the_login_is_asked_for_until_it_is_accepted(
    make: Make,
) -> None:
    way = make(orders())
    way.given.cloud.takes(Work.BACKUP, span=timedelta(hours=1))
    report = way.restored()
    assert report["status"] == "ok"
    assert len(way.given.cloud.called("settle")) > 1
    assert way.given.cloud.credentials.keys() == {report["secret"]}


def test_given_a_restore_of_four_hours_when_run_durably_then_at_most_500_operations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hurry(monkeypatch)
    way = durable(ledger())
    way.given.cloud.takes(Work.CREATE, span=timedelta(hours=4))
    way.given.cloud.takes(Work.MEMBER, span=timedelta(minutes=8))
    way.given.cloud.takes(Work.SECRET, span=timedelta(minutes=1))
    report = way.restored()
    assert report["status"] == "ok"
    assert report["run_seconds"] > 4 * 3600
    assert 300 < sum(way.attempts.values()) <= 500
    assert makes(way) == ["create", "create_writer", "settle", "attach_roles"]


@pytest.mark.parametrize("inside", [True, False], ids=["before it is remembered", "after it"])
@pytest.mark.parametrize("step", CLUSTER_STEPS)
def test_given_a_runner_killed_at_a_step_when_run_again_then_the_same_result_and_one_restore(
    make: Make, step: str, inside: bool
) -> None:
    way = make(ledger())
    way.kill = (step, inside)
    report = way.restored()
    assert (report["status"], report["lacking"], report["server"]) == ("ok", [], "PostgreSQL 17.2")
    assert (report["target"], report["restored_to"]) == (TARGET, "2026-11-24T09:30:00Z")
    assert [phase["name"] for phase in report["phases"]] == list(CLUSTER_STEPS[1:])
    calls = makes(way)
    assert [calls.count(each) for each in ("create", "create_writer", "settle", "change")] == [1, 1, 1, 0]


@pytest.mark.parametrize("source", [orders, ledger])
@pytest.mark.parametrize("late", [True, False], ids=["answer lost", "never made"])
def test_given_a_terminal_killed_at_each_call_in_turn_when_run_again_then_the_same_result_and_one_restore(
    source: Callable[[], Database], late: bool
) -> None:
    whole = inline(source())
    request = whole.started()
    before = len(whole.given.cloud.calls)
    whole.run(request)
    calls = len(whole.given.cloud.calls) - before
    assert calls > 12
    for number in range(calls):
        way = inline(source())
        way.started()
        way.given.cloud.interfere("*", die, after=number, times=1, late=late)
        report = way.run(request)
        assert (report["status"], report["lacking"]) == ("ok", []), number
        made = makes(way)
        assert (made.count("create"), len(way.given.cloud.credentials)) == (1, 1), number
        assert made.count("create_writer") == (source is ledger), number


def test_given_a_moment_before_a_major_upgrade_when_restored_then_without_its_groups_and_the_report_says_so(
    make: Make,
) -> None:
    way = make(orders())
    before, after = (Backup(NOW - timedelta(hours=hours), version) for hours, version in ((9, "16.8"), (0, "16.8")))
    way.given.cloud.surroundings[LONDON] = Surroundings(backups=(before, after))
    report = way.restored()
    why = "the database was 16.8 at that moment, not 17.2; a default one is used"
    assert report["status"] == "findings"
    assert report["lacking"] == [f"parameter group orders-pg: {why}", f"option group orders-og: {why}"]
    made = target_of(way)
    assert (made.engine_version, made.config.parameter_group, made.config.option_group) == ("16.8", "", "")


def test_given_a_second_process_of_the_same_restore_when_it_creates_first_then_its_target_is_found(make: Make) -> None:
    way = make(orders())
    request = way.started()
    restorer = way.given.world.restorers[LONDON]

    def overtake() -> None:
        plan = decided(way, request)
        restorer.create(plan)

    way.given.cloud.interfere("create", overtake, times=1)
    report = way.run(request)
    assert (report["status"], report["lacking"]) == ("ok", [])
    assert target_of(way).tags["backstay:request"] == request.request_id


def test_given_the_same_request_when_run_after_it_is_done_then_found_and_nothing_made_again(make: Make) -> None:
    way = make(orders())
    first = way.restored()
    request = way.given.starter.started[first["request_id"]]
    second = way.run(request)
    assert (second["status"], second["endpoint"]) == ("ok", first["endpoint"])
    assert makes(way) == ["create", "settle", "attach_roles", "attach_roles"]


def test_given_a_planted_password_when_restored_then_it_is_in_no_report_log_line_or_step_result(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    planted = "planted-Passw0rd-🔑"
    monkeypatch.setattr("backstay.providers.memory.restorer.new_password", lambda: planted)
    for breaking in (None, "login", "attach_roles"):
        way = make(orders())
        if breaking:
            way.given.cloud.interfere(breaking, denied)
        with caplog.at_level(logging.DEBUG):
            report = way.restored()
        assert next(iter(way.given.cloud.credentials.values())).password == planted
        told = "\n".join([json.dumps(report), way.remembered, caplog.text, *way.given.notes])
        assert TARGET in told
        assert planted not in told
        assert json.dumps(planted)[1:-1] not in told
    assert planted not in repr(Credentials("app", planted))
