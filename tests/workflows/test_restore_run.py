"""Restore-run over the memory provider, inline and durable: one restore, rebuilt, proven by a login."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.decide.restore import decide
from backstay.core.errors import Denied, Rejected
from backstay.core.model import Database, DatabaseId, Kind, Role, State
from backstay.core.ports import Credentials
from backstay.core.restoring import RestorePlan
from backstay.providers.memory import Surroundings, Work
from tests.fleet import LONDON, configuration, database, snapshot
from tests.workflows.helpers import denied, throttled, unreachable
from tests.workflows.ways import Way, die, durable, hurry, inline

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.requests import RestoreRunRequest

    Make = Callable[..., Way]

ROLES = (
    Role("arn:aws:iam::111122223333:role/import", "s3Import"),
    Role("arn:aws:iam::111122223333:role/call", "Lambda"),
)
TARGET = "orders-r-20261124-093000"
STEPS = ("begin", "plan", "create", "data", "master-login", "login", "roles", "read-back")
CLUSTER_STEPS = (*STEPS[:4], "create-writer", "writer", *STEPS[4:])


@pytest.fixture(params=[inline, durable], ids=lambda make: str(make.__name__))
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Make:
    hurry(monkeypatch)
    chosen: Make = request.param
    return chosen


def orders(**given: Any) -> Database:
    config = replace(configuration("orders", Kind.INSTANCE), roles=ROLES)
    return database(**({"config": config} | given))


def ledger(**given: Any) -> Database:
    config = replace(configuration("orders", Kind.CLUSTER), roles=ROLES)
    return database(kind=Kind.CLUSTER, **({"config": config} | given))


def target_of(way: Way, kind: Kind = Kind.INSTANCE, name: str = TARGET) -> Database:
    return way.given.now(DatabaseId(LONDON, kind, name))


def makes(way: Way) -> list[str]:
    """The calls that make something, in order."""
    calls = way.given.cloud.called("create", "create_writer", "settle", "attach_roles", "change")
    return [call.method for call in calls]


def decided(way: Way, request: RestoreRunRequest) -> RestorePlan:
    source = way.given.now(orders().id)
    facts = way.given.world.restorers[LONDON].facts(request, source)
    plan = decide(
        source=source.id, request=request, facts=facts, tier=None, deployment="backstay", now=way.given.clock.now()
    )
    assert isinstance(plan, RestorePlan)
    return plan


def rejected() -> None:
    raise Rejected("LimitExceeded: too many roles", call="rds:AddRoleToDBInstance")


def failed(report: dict[str, Any], phase: str, error: str) -> str:
    """The message of a truthful error report."""
    assert (report["status"], report["exit_status"]) == ("error", 2)
    assert (report["error"]["phase"], report["error"]["type"]) == (phase, error)
    assert report["target"] == TARGET
    assert "endpoint" not in report
    message: str = report["error"]["message"]
    return message


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


@pytest.mark.parametrize("method", ["find", "facts", "create", "settle", "master", "login", "attach_roles"])
def test_given_throttling_and_lost_answers_when_restored_then_they_are_waited_out(make: Make, method: str) -> None:
    way = make(orders())
    request = way.started()
    way.given.cloud.interfere(method, throttled, times=2)
    way.given.cloud.interfere(method, unreachable, times=1, late=True)
    report = way.run(request)
    assert (report["status"], report["lacking"]) == ("ok", [])
    assert len(way.given.cloud.credentials) == 1
    assert [call for call in makes(way) if call == "create"] == ["create"]


def test_given_throttling_while_probing_when_restored_then_it_is_waited_out(make: Make) -> None:
    way = make(ledger())
    request = way.started()
    way.given.cloud.takes(Work.CREATE, span=timedelta(minutes=5))
    way.given.cloud.interfere("find", throttled, after=3, times=10)
    way.given.cloud.interfere("member_status", throttled, after=1, times=3)
    assert way.run(request)["status"] == "ok"


def test_given_throttling_that_never_ends_when_planning_then_an_error_report(make: Make) -> None:
    way = make(orders())
    request = way.started()
    way.given.cloud.interfere("facts", throttled)
    report = way.run(request)
    assert (report["status"], report["error"]["phase"]) == ("error", "plan")
    assert "Rate exceeded" in report["error"]["message"]
    assert makes(way) == []


@pytest.mark.parametrize(
    ("method", "after", "phase"),
    [
        ("find", 0, "plan"),
        ("facts", 0, "plan"),
        ("find", 1, "create"),
        ("create", 0, "create"),
        ("find", 2, "data"),
        ("create_writer", 0, "create-writer"),
        ("member_status", 1, "writer"),
        ("settle", 0, "master-login"),
        ("master", 0, "login"),
    ],
)
def test_given_a_call_that_is_denied_when_restored_then_a_truthful_error_names_the_phase(
    make: Make, method: str, after: int, phase: str
) -> None:
    way = make(ledger())
    request = way.started()
    way.given.cloud.interfere(method, denied, after=after)
    message = failed(way.run(request), phase, "Denied")
    assert message == "rds:Describe: AccessDenied: not authorized"


def test_given_a_read_back_that_is_denied_when_restored_then_the_phases_before_are_still_told(make: Make) -> None:
    way = make(orders())
    request = way.started()
    way.given.cloud.interfere("attach_roles", lambda: way.given.cloud.interfere("find", denied), late=True)
    report = way.run(request)
    failed(report, "read-back", "Denied")
    assert [phase["name"] for phase in report["phases"]] == list(STEPS[1:-1])


def test_given_a_writer_that_never_comes_when_restored_then_an_error_names_the_writer(make: Make) -> None:
    way = make(ledger())
    way.given.cloud.takes(Work.MEMBER, looks=10**9)
    message = failed(way.restored(), "writer", "Unreachable")
    assert f"{TARGET}-1 is creating" in message
    assert makes(way) == ["create", "create_writer"]


def test_given_a_login_that_never_comes_when_restored_then_an_error_with_phase_login(make: Make) -> None:
    way = make(orders())
    way.given.cloud.interfere("login", unreachable)
    message = failed(way.restored(), "login", "Unreachable")
    assert message.startswith("gave up after 2:0")
    assert "read timeout" in message


def test_given_a_password_that_the_server_never_takes_when_restored_then_an_error_with_phase_login(make: Make) -> None:
    way = make(orders())

    def refused() -> None:
        raise Denied("refused the login", call="login", code="28P01")

    way.given.cloud.interfere("login", refused)
    assert "refused the login" in failed(way.restored(), "login", "Unreachable")


def test_given_a_password_that_reaches_the_server_late_when_restored_then_it_is_waited_for(make: Make) -> None:
    way = make(orders())

    def refused() -> None:
        raise Denied("refused the login", call="login", code="28P01")

    way.given.cloud.interfere("login", refused, times=3)
    assert way.restored()["status"] == "ok"


def test_given_an_engine_without_a_client_when_restored_then_an_error_with_phase_login(make: Make) -> None:
    way = make(orders(engine="oracle-ee"))
    assert "no client for oracle-ee" in failed(way.restored(), "login", "Rejected")


def test_given_a_restore_that_ends_in_failure_when_probed_then_an_error_with_the_providers_word(make: Make) -> None:
    way = make(orders())
    request = way.started()
    target = DatabaseId(LONDON, Kind.INSTANCE, TARGET)
    broken = {"status": "incompatible-restore", "state": State.FAILED}

    def end() -> None:
        way.given.cloud.edit(target, lambda each: replace(each, **broken))  # type: ignore[arg-type]

    way.given.cloud.takes(Work.CREATE, looks=10**9)
    way.given.cloud.interfere("find", end, after=4, times=1)
    assert failed(way.run(request), "data", "Rejected") == f"{TARGET} ended in incompatible-restore"


def test_given_a_target_that_somebody_deletes_when_finishing_then_an_error_says_that_it_has_disappeared(
    make: Make,
) -> None:
    way = make(orders())
    target = DatabaseId(LONDON, Kind.INSTANCE, TARGET)
    way.given.cloud.interfere("settle", lambda: way.given.cloud.remove(target), times=1)
    report = way.restored()
    assert report["error"]["phase"] in ("master-login", "login")
    assert report["error"]["type"] == "NotFound"


def test_given_a_data_phase_without_end_when_twenty_hours_have_passed_then_an_error() -> None:
    way = inline(orders())
    way.given.cloud.takes(Work.CREATE, looks=10**9)
    assert "gave up after 20:" in failed(way.restored(), "data", "Unreachable")


def test_given_a_target_that_appeared_after_the_click_when_run_then_refused_and_nothing_is_made(make: Make) -> None:
    way = make(orders())
    request = way.started()
    way.given.cloud.add(database(TARGET, tags={"owner": "somebody"}))
    report = way.run(request)
    assert (report["status"], report["exit_status"]) == ("refused", 1)
    assert "nothing is overwritten" in report["refusal"]["message"]
    assert makes(way) == []


@pytest.mark.parametrize("method", ["find", "create"])
def test_given_a_target_that_appears_after_the_plan_when_created_then_an_error_and_it_is_left_alone(
    make: Make, method: str
) -> None:
    way = make(orders())
    request = way.started()
    other = database(TARGET, tags={"owner": "somebody"})

    def appear() -> None:
        way.given.cloud.add(other)

    # Before the call that creates, or right after the look that has found the name free.
    way.given.cloud.interfere(method, appear, after=int(method == "find"), times=1, late=method == "find")
    report = way.run(request)
    assert (report["status"], report["error"]["phase"]) == ("error", "create")
    assert target_of(way).tags == other.tags
    assert "settle" not in makes(way)


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


def test_given_a_moment_that_has_left_the_window_when_run_then_refused_with_the_window(make: Make) -> None:
    way = make(orders())
    request = way.started()
    way.given.cloud.edit(orders().id, lambda each: replace(each, retention=timedelta(0), window=None))
    report = way.run(request)
    assert report["status"] == "refused"
    assert "PITR is off" in report["refusal"]["message"]


def test_given_a_group_that_is_deleted_meanwhile_when_created_then_the_providers_refusal_is_told(make: Make) -> None:
    way = make(orders())
    request = way.started()

    def delete() -> None:
        way.given.cloud.surroundings[LONDON] = Surroundings(missing_groups=("parameter group orders-pg",))

    way.given.cloud.interfere("create", delete, times=1)
    assert "parameter group orders-pg" in failed(way.run(request), "create", "NotFound")


@pytest.mark.parametrize("cause", [denied, rejected], ids=["denied", "rejected"])
def test_given_a_role_that_cannot_be_attached_when_restored_then_the_login_works_and_the_role_is_lacking(
    make: Make, cause: Callable[[], None]
) -> None:
    way = make(orders())
    way.given.cloud.interfere("attach_roles", cause)
    report = way.restored()
    assert (report["status"], report["server"]) == ("findings", "PostgreSQL 17.2")
    assert any(each.startswith("roles could not be attached: rds:") for each in report["lacking"])


def test_given_something_that_did_not_come_back_when_restored_then_findings_name_it(make: Make) -> None:
    way = make(orders())
    target = DatabaseId(LONDON, Kind.INSTANCE, TARGET)

    def lose() -> None:
        way.given.cloud.edit(target, lambda each: replace(each, deletion_protection=False))

    way.given.cloud.interfere("login", lose)
    report = way.restored()
    assert (report["status"], report["exit_status"]) == ("findings", 1)
    assert report["lacking"] == ["deletion protection: False, wanted True"]
    assert report["endpoint"]["port"] == 5432


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
