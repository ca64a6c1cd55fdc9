"""The home bus and the runner's starter, against botocore's own idea of the calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest
from botocore.stub import ANY, Stubber

from backstay.core.decide.audit import changed, judge, subject_of
from backstay.core.errors import Conflict, NotFound, ProviderError, Unexpected
from backstay.core.ports import Execution
from backstay.core.requests import RestoreRunRequest
from backstay.providers.aws.messages import DurableStarter, EventBus, ManagedSecrets
from backstay.providers.memory import MemoryStarter
from tests.fleet import NOW, database, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.ports import FindingChanged

RUNNER = "arn:aws:lambda:eu-west-1:111122223333:function:backstay-restore-run:live"
EXECUTION = f"{RUNNER.removesuffix(':live')}/durable-execution/orders-r-1/abc"
REQUEST = RestoreRunRequest(
    database="aws/111122223333/eu-west-2/instance/orders",
    target="orders-r-1",
    request_id="orders-r-1-0123456789abcdef",
    moment="2026-11-24T09:30:00Z",
)


def stubbed(service: str) -> tuple[Any, Stubber]:
    client: Any = boto3.client(
        service,  # type: ignore[call-overload]
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    return client, Stubber(client)


def findings(count: int) -> list[FindingChanged]:
    subjects = [subject_of(policy(), database(f"db-{number}", tags={}), NOW) for number in range(count)]
    return [change for subject in subjects for change in changed(subject, judge(subject), {})]


def test_given_many_changes_when_told_then_ten_per_call_and_each_with_its_database() -> None:
    client, stub = stubbed("events")
    bus, sent = EventBus(client, "backstay"), []
    client.meta.events.register("before-parameter-build.events.PutEvents", lambda params, **_: sent.append(params))
    for count in (10, 10, 3):
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}] * count})
    with stub:
        bus.finding_changed(findings(23))
    entries = [entry for call in sent for entry in call["Entries"]]
    assert len(entries) == 23
    first = entries[0]
    assert (first["Source"], first["DetailType"], first["EventBusName"]) == (
        "backstay",
        "Backstay Finding Changed",
        "backstay",
    )
    assert first["Resources"] == [database("db-0").arn]
    assert json.loads(first["Detail"]) == {
        "schema": "backstay.finding/1",
        "id": "BK003/aws/111122223333/eu-west-2/instance/db-0",
        "database": database("db-0").arn,
        "name": "db-0",
        "region": "eu-west-2",
        "account": "111122223333",
        "tier": "",
        "rule": "BK003",
        "verdict": "fail",
        "previous": None,
        "repairable": False,
        "severity": "high",
        "message": "matches no exemption, no managed_elsewhere entry and no tier",
        "found_at": "2026-11-24T10:00:00Z",
        "digest": False,
    }


def test_given_one_entry_that_is_refused_in_a_successful_answer_when_told_then_an_error() -> None:
    client, stub = stubbed("events")
    refused = {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}
    stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, refused]})
    with stub, pytest.raises(ProviderError, match="InternalFailure: try again"):
        EventBus(client, "backstay").finding_changed(findings(2))


def test_given_a_report_when_told_then_it_is_the_detail() -> None:
    client, stub = stubbed("events")
    stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": ANY})
    with stub:
        EventBus(client, "backstay").report_ready({"schema": "backstay.restore-run/1", "status": "ok"})


@pytest.fixture
def runner() -> Iterator[tuple[DurableStarter, Stubber]]:
    client, stub = stubbed("lambda")
    with stub:
        yield DurableStarter(client, RUNNER), stub
        stub.assert_no_pending_responses()


def listed(stub: Stubber, *arns: str, status: str = "RUNNING", name: str = REQUEST.request_id) -> None:
    found = [
        {
            "DurableExecutionArn": arn,
            "DurableExecutionName": name,
            "FunctionArn": RUNNER,
            "Status": status,
            "StartTimestamp": NOW,
        }
        for arn in arns
    ]
    stub.add_response(
        "list_durable_executions_by_function",
        {"DurableExecutions": found},
        {
            "FunctionName": RUNNER.removesuffix(":live"),
            "DurableExecutionName": REQUEST.request_id,
        },
    )


def test_given_a_new_request_when_started_then_by_its_name_through_the_alias(
    runner: tuple[DurableStarter, Stubber],
) -> None:
    starter, stub = runner
    listed(stub)
    stub.add_response(
        "invoke",
        {"StatusCode": 202, "DurableExecutionArn": EXECUTION},
        {
            "FunctionName": RUNNER,
            "InvocationType": "Event",
            "DurableExecutionName": REQUEST.request_id,
            "Payload": json.dumps(
                {
                    "database": REQUEST.database,
                    "moment": REQUEST.moment,
                    "request_id": REQUEST.request_id,
                    "target": REQUEST.target,
                }
            ).encode(),
        },
    )
    assert starter.start(REQUEST) == Execution(EXECUTION, started=True)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("RUNNING", "running"),
        ("PAUSED", "running"),
        ("SUCCEEDED", "succeeded"),
        ("FAILED", "failed"),
        ("TIMED_OUT", "failed"),
        ("STOPPED", "failed"),
    ],
)
def test_given_a_request_that_ran_before_when_started_then_nothing_starts_and_its_state_is_told(
    runner: tuple[DurableStarter, Stubber], status: str, state: Literal["running", "succeeded", "failed"]
) -> None:
    starter, stub = runner
    listed(stub, EXECUTION, status=status)
    assert starter.start(REQUEST) == Execution(EXECUTION, started=False, state=state)


def test_given_another_whose_name_contains_ours_when_started_then_ours_starts(
    runner: tuple[DurableStarter, Stubber],
) -> None:
    starter, stub = runner
    listed(stub, EXECUTION, name=f"{REQUEST.request_id}-2")
    stub.add_response("invoke", {"StatusCode": 202, "DurableExecutionArn": EXECUTION})
    assert starter.start(REQUEST).started


def test_given_two_clicks_at_the_same_moment_when_started_then_the_loser_finds_the_winners(
    runner: tuple[DurableStarter, Stubber],
) -> None:
    starter, stub = runner
    listed(stub)
    stub.add_client_error("invoke", "DurableExecutionAlreadyStartedException", http_status_code=409)
    listed(stub, EXECUTION)
    assert starter.start(REQUEST) == Execution(EXECUTION, started=False)


def test_given_a_conflict_without_an_execution_when_started_then_it_is_told(
    runner: tuple[DurableStarter, Stubber],
) -> None:
    starter, stub = runner
    listed(stub)
    stub.add_client_error("invoke", "DurableExecutionAlreadyStartedException", http_status_code=409)
    listed(stub)
    with pytest.raises(Conflict):
        starter.start(REQUEST)


def test_given_a_function_that_is_not_durable_when_started_then_it_is_told(
    runner: tuple[DurableStarter, Stubber],
) -> None:
    starter, stub = runner
    listed(stub)
    stub.add_response("invoke", {"StatusCode": 202})
    with pytest.raises(Unexpected, match="is it durable"):
        starter.start(REQUEST)


def test_given_an_execution_when_linked_then_to_the_console_of_its_partition() -> None:
    client, _ = stubbed("lambda")
    link = DurableStarter(client, RUNNER).console_link(Execution(EXECUTION, started=True))
    assert link.startswith("https://eu-west-1.console.aws.amazon.com/lambda/home?region=eu-west-1#/functions/")
    china = DurableStarter(client, RUNNER.replace("arn:aws:", "arn:aws-cn:"))
    assert ".console.amazonaws.cn/" in china.console_link(Execution(EXECUTION, started=True))


def test_given_the_memory_starter_when_started_twice_then_the_same_execution() -> None:
    starter = MemoryStarter()
    first, second = starter.start(REQUEST), starter.start(REQUEST)
    assert (first.id, first.started, second.started) == (second.id, True, False)
    assert starter.console_link(first) == ""


@pytest.mark.parametrize("text", ["not json", "[]", '{"username": "app"}', '{"password": "planted-Passw0rd"}'])
def test_given_a_secret_that_is_no_login_when_read_then_an_error_that_does_not_show_it(text: str) -> None:
    client, stub = stubbed("secretsmanager")
    arn = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:rds!db-1-AbCdEf"
    stub.add_response("get_secret_value", {"ARN": arn, "SecretString": text})
    with stub, pytest.raises(Unexpected) as caught:
        ManagedSecrets(client).master(database(secret=(arn, "active")))
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__suppress_context__}"
    assert "planted" not in shown
    assert caught.value.__suppress_context__


def test_given_a_secret_that_is_not_ready_when_read_then_not_found_and_no_call() -> None:
    client, stub = stubbed("secretsmanager")
    with stub, pytest.raises(NotFound, match="is creating"):
        ManagedSecrets(client).master(database(secret=("arn:x", "creating")))
