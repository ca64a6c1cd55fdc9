"""Restore-run when something fails: waited out where it passes, else a truthful report that names the phase."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.errors import Denied
from backstay.core.model import DatabaseId, Kind, State
from backstay.providers.memory import Surroundings, Work
from tests.fleet import LONDON, database
from tests.workflows.helpers import denied, throttled, unreachable
from tests.workflows.restores import (
    STEPS,
    TARGET,
    TARGET_ID,
    failed,
    ledger,
    makes,
    orders,
    rejected,
    target_of,
)
from tests.workflows.ways import Way, durable, inline

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.model import Database

    Make = Callable[..., Way]


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


def test_given_a_target_that_is_listed_late_when_created_then_it_is_waited_for(make: Make) -> None:
    way = make(orders())
    request = way.started()
    hidden: list[Database] = []

    def hide() -> None:
        hidden.append(target_of(way))
        way.given.cloud.remove(TARGET_ID)

    way.given.cloud.interfere("create", hide, times=1, late=True)

    def show() -> None:
        way.given.cloud.add(hidden[0])

    way.given.cloud.interfere("find", show, after=5, times=1)
    assert way.run(request)["status"] == "ok"
    assert makes(way).count("create") == 1


def test_given_a_target_that_is_never_listed_when_waited_for_then_an_error_within_the_hour_and_not_the_next_day(
    make: Make,
) -> None:
    way = make(orders())
    way.given.cloud.interfere("create", lambda: way.given.cloud.remove(TARGET_ID), times=1, late=True)
    begun = way.given.clock.now()
    message = failed(way.restored(), "data", "NotFound")
    assert message.startswith(f"{TARGET} was created ")
    assert message.endswith("minutes ago and is not there: deleted meanwhile?")
    assert way.given.clock.now() - begun < timedelta(hours=1)


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


def test_given_a_mistake_of_ours_in_a_step_when_run_durably_then_it_is_named_and_not_tried_again() -> None:
    way = durable(orders())
    request = way.started()

    def mistake() -> None:
        raise ValueError("a mistake of ours")

    way.given.cloud.interfere("create", mistake)
    assert failed(way.run(request), "create", "Unexpected") == "create: ValueError: a mistake of ours"
    assert way.attempts["create"] == 1
