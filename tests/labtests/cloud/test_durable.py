"""Durable executions: started by name, paced, readable through the one endpoint, and alive after their process is
killed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.lab.cloud.lab import Lab


def test_execution_runs_step_wait_poll_and_survives_a_kill_in_the_middle_of_a_step(lab: Lab) -> None:
    arn = lab.start_durable("sample-run", {"id": "killed", "polls": 3, "die": True}, name="killed")
    assert f":{lab.account}:function:sample-run:1/durable-execution/killed/" in arn
    told = lab.durable(arn, seconds=30)
    assert (told["Status"], json.loads(told["Result"])) == ("SUCCEEDED", {"polls": 3, "fate": "survived"})
    assert any("Worker process died" in (run["error"] or "") for run in lab.invocations("sample-run"))
    kinds = [event["EventType"] for event in lab.durable_history(arn)]
    assert kinds[0] == "ExecutionStarted"
    assert kinds[-1] == "ExecutionSucceeded"
    assert kinds.count("WaitStarted") == 1
    modelled = told["EndTimestamp"] - told["StartTimestamp"]
    assert modelled.total_seconds() > 3600, "the history tells the modelled hour"


def test_name_is_the_idempotency_key(lab: Lab) -> None:
    payload = {"id": "once", "polls": 1}
    first = lab.start_durable("sample-run", payload, name="once")
    lab.durable(first)
    assert lab.start_durable("sample-run", payload, name="once") == first
    with pytest.raises(ClientError) as clash:
        lab.start_durable("sample-run", {**payload, "polls": 2}, name="once")
    assert clash.value.response["Error"]["Code"] == "DurableExecutionAlreadyStartedException"
    assert clash.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    listed = lab.client("lambda").list_durable_executions_by_function(
        FunctionName="sample-run", DurableExecutionName="once"
    )
    assert [item["DurableExecutionArn"] for item in listed["DurableExecutions"]] == [first]


def test_unqualified_invoke_is_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match="unqualified ARN"):
        lab.client("lambda").invoke(FunctionName="sample-run", Payload=b"{}")


def test_synchronous_invoke_waits_for_the_result(lab: Lab) -> None:
    assert lab.invoke("sample-run", {"id": "sync", "polls": 1}) == {"polls": 1, "fate": "survived"}


def test_failed_execution_says_why_and_its_event_goes_to_the_dead_letter_queue(lab: Lab) -> None:
    event = {"id": "broken"}
    told = lab.durable(lab.start_durable("sample-run", event, name="broken"))
    assert told["Status"] == "FAILED"
    assert "polls" in told["Error"]["ErrorMessage"]
    sqs = lab.client("sqs")
    url = sqs.get_queue_url(QueueName="sample-run-dead-letters")["QueueUrl"]
    (message,) = lab.until("the dead letter", lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert json.loads(message["Body"]) == event


def test_execution_that_does_not_exist_is_not_found(lab: Lab) -> None:
    arn = f"arn:aws:lambda:{lab.region}:{lab.account}:function:sample-run:1/durable-execution/none/none"
    with pytest.raises(ClientError) as missing:
        lab.client("lambda").get_durable_execution(DurableExecutionArn=arn)
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"
