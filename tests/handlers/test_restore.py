"""restore, the front door, through its real frame: a person waits, so every ending is an answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.naming import execution_name
from backstay.entry import durable_restore
from backstay.handlers.restore import handler
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, ORDERS, RUNNER, VAULT, Cloud, Report, client, context, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    Console = Callable[[], list[dict[str, Any]]]

EXECUTION = f"{RUNNER}/durable-execution/orders/0b8a8f0e"


def restore(event: Any) -> Report:
    return handler(event, context("restore"))


@pytest.fixture
def ready(fleet: Cloud) -> Cloud:
    """What moto does not know of a preflight and of durable functions."""
    latest = datetime.now(UTC).replace(microsecond=0)
    window = {"EarliestTime": latest - timedelta(days=14), "LatestTime": latest}
    backup = {"DBInstanceIdentifier": "billing", "Status": "active", "RestoreWindow": window}
    fleet.answer("rds:DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [backup]})
    fleet.answer("rds:DescribeAccountAttributes", {"AccountQuotas": []})
    fleet.answer("rds:DescribeOrderableDBInstanceOptions", {"OrderableDBInstanceOptions": [{}]})
    fleet.answer("rds:DescribeDBParameterGroups", {"DBParameterGroups": [{}]})
    fleet.answer("rds:DescribeOptionGroups", {"OptionGroupsList": [{}]})
    fleet.fail("ec2:DescribeSecurityGroups", "UnauthorizedOperation", 403)
    fleet.answer("lambda:ListDurableExecutionsByFunction", {"DurableExecutions": []})
    fleet.answer("lambda:Invoke", {"StatusCode": 202, "DurableExecutionArn": EXECUTION})
    return fleet


# --- bad requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "database"),
        ({"database": "orders"}, "request"),
        ({"database": "orders", "to": "latest", "snapshot": "by-hand"}, "request"),
        ({"database": "orders", "to": "2026-11-24T10:15:00"}, "to"),
        ({"database": "orders", "to": "tomorrow"}, "to"),
        ({"database": "orders", "to": 1764000000}, "to"),
        ({"database": "orders; reboot", "to": "latest"}, "database"),
        ({"database": "../orders", "to": "latest"}, "database"),
        ({"database": "orders", "to": "latest", "target": "$(reboot)"}, "target"),
        ({"database": "orders", "snapshot": "by hand"}, "snapshot"),
        ({"database": "orders", "to": "latest", "region": "London"}, "region"),
        ({"database": "orders", "to": "latest", "overwrite": True}, "overwrite"),
        ({"database": "orders", "to": "latest", "dry_run": "true"}, "dry_run"),
        ({"all": True}, "database"),
        (sample("finding-changed"), "database"),
        ("orders", ""),
        ([], ""),
        (None, ""),
    ],
    ids=lambda value: str(value)[:60],
)
def test_given_a_bad_request_when_sent_then_a_refused_report_that_names_the_field_and_no_traceback(
    account: Cloud, console: Console, event: Any, field: str
) -> None:
    report = restore(event)
    assert (report["schema"], report["status"], report["exit_status"]) == ("backstay.restore/1", "refused", 1)
    assert report["error"]["type"] == "BadRequest"
    assert report["error"]["field"] == field
    assert report["error"]["message"]
    assert account.calls == []
    (line,) = console()
    assert line["level"] == "WARNING"
    assert not {"exception", "exception_name", "stack_trace"} & set(line)
    assert "Traceback" not in json.dumps(report)


@pytest.mark.parametrize(
    ("event", "field", "message"),
    [
        ({"database": "order", "to": "latest"}, "database", "is not there"),
        ({"database": "orders", "to": "latest", "region": HOME}, "database", "is not there"),
        ({"database": "orders", "to": "latest", "region": "us-east-1"}, "database", "is nowhere that we look"),
        ({"database": "order", "snapshot": "by-hand"}, "snapshot", "is not there"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_given_what_does_not_exist_when_asked_for_then_refused_by_field(
    fleet: Cloud, event: Any, field: str, message: str
) -> None:
    report = restore(event)
    assert (report["status"], report["error"]["field"]) == ("refused", field)
    assert message in report["error"]["message"]
    assert fleet.changes == []


def test_given_what_is_no_runners_request_when_the_runner_is_started_by_hand_then_refused(
    account: Cloud, console: Console
) -> None:
    durable: Any = SimpleNamespace(lambda_context=context("restore-run"))
    report = durable_restore({"database": "orders", "to": "latest"}, durable)
    assert (report["schema"], report["status"]) == ("backstay.restore-run/1", "refused")
    assert [line["level"] for line in console()] == ["INFO"]
    assert account.calls == []


# --- a dry run --------------------------------------------------------------------------------------------------


def test_given_a_dry_run_when_asked_then_the_plan_gate_by_gate_and_nothing_started(ready: Cloud) -> None:
    report = restore({"database": "billing", "to": "latest", "target": "billing-look", "dry_run": True})
    assert (report["status"], report["dry_run"], report["target"]) == ("ok", True, "billing-look")
    assert report["execution"] is None
    plan = report["plan"]
    assert plan["target"] == {
        "scope": {"provider": "aws", "account": ACCOUNT, "region": HOME},
        "kind": "instance",
        "name": "billing-look",
    }
    assert plan["retention_days"] == 14
    assert plan["tags"]["backup-tier"] == "gold"
    gates = {gate["name"]: gate["ok"] for gate in plan["gates"]}
    assert gates["window"] is gates["target"] is gates["class"] is True
    assert gates["groups"] is None  # security groups could not be read: a warning, and no obstacle
    assert ready.named("lambda:Invoke") == []
    assert ready.changes == []
    (kept,) = ready.reports("restore")
    assert kept["plan"] == plan


def test_given_a_moment_outside_the_window_when_asked_then_refused_with_what_is_possible(ready: Cloud) -> None:
    report = restore({"database": "billing", "to": "2020-01-01T00:00:00Z"})
    assert (report["status"], report["exit_status"]) == ("refused", 1)
    assert "outside the recovery window" in report["refusal"]["message"]
    assert report["refusal"]["accepted"].startswith("a moment from ")
    assert report["refusal"]["window"]["latest"].endswith("Z")
    assert ready.named("lambda:Invoke") == []


def test_given_a_moment_in_the_future_when_asked_then_refused(ready: Cloud) -> None:
    report = restore({"database": "billing", "to": "2100-01-01T00:00:00Z"})
    assert report["status"] == "refused"
    assert "is in the future" in report["refusal"]["message"]
    assert ready.named("lambda:Invoke") == []


def test_given_a_target_that_exists_when_asked_then_refused_and_nothing_is_overwritten(ready: Cloud) -> None:
    report = restore({"database": "billing", "to": "latest", "target": "billing"})
    assert report["status"] == "refused"
    assert "nothing is overwritten" in report["refusal"]["message"]
    assert ready.named("lambda:Invoke") == []


# --- starting ---------------------------------------------------------------------------------------------------


def test_given_a_restore_when_asked_then_the_runner_is_started_by_name_through_its_alias(ready: Cloud) -> None:
    report = restore({"database": "billing", "to": "latest", "target": "billing-back"})
    assert (report["status"], report["exit_status"]) == ("pending", 3)
    (invoke,) = ready.named("lambda:Invoke")
    sent = json.loads(invoke.parameters["Payload"])
    key = f"aws/{ACCOUNT}/{HOME}/instance/billing"
    name = execution_name("backstay", key, sent["moment"], "billing-back")
    assert (invoke.parameters["FunctionName"], invoke.parameters["InvocationType"]) == (RUNNER, "Event")
    assert invoke.parameters["DurableExecutionName"] == sent["request_id"] == name
    assert (sent["database"], sent["target"]) == (key, "billing-back")
    assert report["execution"]["id"] == EXECUTION
    assert report["execution"]["started"] is True
    assert report["execution"]["console"].startswith(f"https://{HOME}.console.aws.amazon.com/lambda/home")


@pytest.mark.parametrize(
    ("state", "status"), [("RUNNING", "pending"), ("SUCCEEDED", "ok"), ("FAILED", "refused"), ("TIMED_OUT", "refused")]
)
def test_given_the_same_restore_when_asked_again_then_the_same_execution_and_no_second_start(
    ready: Cloud, state: str, status: str
) -> None:
    event = {"database": "billing", "to": "latest", "target": "billing-back"}
    moment = restore({**event, "dry_run": True})["request"]["moment"]
    first = restore({**event, "to": moment})
    name = first["execution"]["name"]
    known = {"DurableExecutionArn": EXECUTION, "DurableExecutionName": name, "Status": state}
    ready.answer("lambda:ListDurableExecutionsByFunction", {"DurableExecutions": [known]})
    again = restore({**event, "to": moment})
    assert len(ready.named("lambda:Invoke")) == 1
    assert (again["status"], again["execution"]["started"]) == (status, False)
    assert again["execution"]["id"] == first["execution"]["id"]
    assert again["request"] == first["request"]


# --- what fails -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("rds:DescribeDBInstances", "ProviderError"), ("lambda:Invoke", "Denied")],
)
def test_given_a_system_refuses_when_asked_then_an_error_report_and_nothing_raised(
    ready: Cloud, console: Console, operation: str, kind: str
) -> None:
    ready.fail(operation, "AccessDenied", 403)
    report = restore({"database": "billing", "to": "latest"})
    assert (report["status"], report["exit_status"], report["error"]["type"]) == ("error", 2, kind)
    assert "AccessDenied" in report["error"]["message"]
    assert [line["level"] for line in console() if line.get("level") != "INFO"] == ["ERROR"]


def test_given_the_vault_refuses_when_a_restore_was_started_then_the_answer_is_given_all_the_same(
    ready: Cloud, console: Console
) -> None:
    ready.fail("s3:PutObject", "AccessDenied", 403)
    report = restore({"database": "billing", "to": "latest", "target": "billing-back"})
    assert report["status"] == "pending"
    assert report["execution"]["started"] is True
    assert report["report"].startswith("not kept: s3:PutObject: AccessDenied")
    assert [line["message"] for line in console() if line.get("level") == "ERROR"] == ["the report could not be kept"]


def test_given_pitr_is_off_when_asked_then_refused_with_the_reason(ready: Cloud) -> None:
    ready.answer("rds:DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": []})
    listed = {"DBInstances": [_without_window()]}
    ready.answer("rds:DescribeDBInstances", listed)
    report = restore({"database": ORDERS, "to": "latest", "target": "orders"})
    assert report["status"] == "refused"
    assert "no moment can be restored: PITR is off" in report["refusal"]["message"]
    assert report["refusal"]["accepted"] == "a snapshot's identifier"
    assert report["report"].startswith(f"s3://{VAULT}/reports/restore/")


def _without_window() -> dict[str, Any]:
    answer: dict[str, Any] = client("rds", AWAY).describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]
    del answer["LatestRestorableTime"]
    return answer
