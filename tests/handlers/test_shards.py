"""The audit's queue through its real frame: orders out, orders in, and each that fails by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from backstay import entry
from backstay.core.errors import BackstayError, ProviderError
from backstay.handlers.audit import handler
from backstay.workflows import shards
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, VAULT, Cloud, Report, client, context, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    Console = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def queue(fleet: Cloud, environment: pytest.MonkeyPatch) -> str:
    """The fleet's two regions are more than one run takes."""
    assert fleet
    url = str(client("sqs").create_queue(QueueName="backstay-audit-shards")["QueueUrl"])
    environment.setenv("BACKSTAY_SHARDS", url)
    environment.setattr(shards, "ALONE", 1)
    environment.setattr(entry, "let_go", lambda: None)  # the module's clients are watched
    return url


def begin() -> Report:
    return handler(sample("schedule-audit"), context("audit"))


def bodies(fleet: Cloud) -> list[tuple[str, int]]:
    sent = [entry for call in fleet.named("sqs:SendMessageBatch") for entry in call.parameters["Entries"]]
    return [(entry["MessageBody"], entry["DelaySeconds"]) for entry in sent]


def delivered(*messages: str) -> dict[str, Any]:
    """What Lambda's poller makes of messages on a queue."""
    record = sample("sqs-audit-shards")["Records"][0]
    return {"Records": [{**record, "messageId": f"m{number}", "body": each} for number, each in enumerate(messages)]}


def merged(fleet: Cloud) -> Report:
    (report,) = [each for each in fleet.reports("audit") if "shards" in each]
    return report


def work(*messages: str) -> list[str]:
    """Has the messages worked off; returns those that come again."""
    answer = handler(delivered(*messages), context("audit"))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_given_a_large_fleet_when_the_schedule_fires_then_orders_are_sent_and_nothing_is_green_yet(
    fleet: Cloud, queue: str
) -> None:
    report = begin()
    assert (report["status"], report["waiting_for"]) == ("pending", 2)
    run = report["run"]
    assert bodies(fleet) == [
        (json.dumps({"run": run, "account": ACCOUNT, "region": HOME}), 0),
        (json.dumps({"run": run, "account": ACCOUNT, "region": AWAY}), 0),
        (json.dumps({"run": run}), 60),
    ]
    assert {call.parameters["QueueUrl"] for call in fleet.named("sqs:SendMessageBatch")} == {queue}
    assert "heartbeat/audit.json" not in fleet.keys
    assert not fleet.named("rds:DescribeDBInstances")


@pytest.mark.usefixtures("queue")
def test_given_a_run_when_its_queue_is_worked_off_then_one_report_metrics_and_the_heartbeat(
    fleet: Cloud, console: Console
) -> None:
    begin()
    assert work(*(body for body, _ in bodies(fleet))) == []
    report = merged(fleet)
    assert (report["status"], report["databases"], report["counts"]["fail"]) == ("findings", 5, 2)
    assert [each["databases"] for each in report["shards"]] == [1, 4]
    assert "shards" in str(report["shards"][0]["report"])
    assert len(fleet.heartbeats) == 1
    assert fleet.stored("heartbeat/audit.json")["report"].startswith("reports/audit/")
    lines = console()
    assert sum("Heartbeat" in line for line in lines) == 1
    assert [line["databases"] for line in lines if line.get("message") == "run ended" and "databases" in line] == [
        *(1, 4),
        5,
    ]


@pytest.mark.usefixtures("queue")
def test_given_one_shard_that_fails_when_worked_off_then_it_alone_comes_again(fleet: Cloud, console: Console) -> None:
    begin()
    one, other, last = (body for body, _ in bodies(fleet))
    client("s3").put_object(Bucket=VAULT, Key="policy.yaml", Body=b"")
    fleet.fail("events:PutEvents", "InternalFailure", 500)  # only the second has something to tell
    assert work(one, other) == ["m1"]
    assert [line["report"]["error"]["type"] for line in console() if line.get("message") == "order failed"] == [
        "Unreachable"
    ]
    fleet.answers.clear()
    assert work(other, last) == []
    assert merged(fleet)["databases"] == 5


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    "body",
    [
        "{half",
        "[]",
        "{}",
        '{"run": "../../policy"}',
        '{"run": "20261124T101500Z-1a2b3c4d"}',
        '{"run": "20261124T101500Z-1a2b3c4d", "account": "111122223333"}',
        '{"run": "20261124T101500Z-1a2b3c4d", "account": "1/../..", "region": "eu-west-1"}',
        '{"run": "20261124T101500Z-1a2b3c4d", "account": "999999999999", "region": "eu-west-1"}',
        '{"run": "20261124T101500Z-1a2b3c4d", "all": true}',
    ],
)
def test_given_a_message_that_is_no_order_of_ours_when_worked_off_then_refused_and_not_again(
    fleet: Cloud, console: Console, body: str
) -> None:
    assert work(body) == []
    (line,) = [line for line in console() if line.get("message") == "order refused"]
    assert (line["level"], line["report"]["error"]["type"]) == ("WARNING", "BadRequest")
    assert fleet.keys == []


@pytest.mark.usefixtures("queue")
def test_given_no_policy_when_worked_off_then_the_whole_batch_comes_again(
    fleet: Cloud, environment: pytest.MonkeyPatch
) -> None:
    begin()
    environment.setenv("BACKSTAY_POLICY", "s3://backstay-nowhere/policy.yaml")
    with pytest.raises(BackstayError):
        work(*(body for body, _ in bodies(fleet)))


@pytest.mark.usefixtures("queue")
def test_given_a_queue_that_refuses_one_entry_when_the_schedule_fires_then_an_error(fleet: Cloud) -> None:
    fleet.answer("sqs:SendMessageBatch", {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]})
    with pytest.raises(ProviderError, match="sqs:SendMessage: InternalError"):
        begin()


@pytest.mark.usefixtures("queue")
def test_given_a_batch_when_it_is_done_then_its_clients_are_let_go(
    fleet: Cloud, environment: pytest.MonkeyPatch
) -> None:
    begin()
    gone: list[bool] = []
    environment.setattr(entry, "let_go", lambda: gone.append(True))
    fleet.fail("s3:PutObject", "AccessDenied", 403)
    assert work(bodies(fleet)[0][0]) == ["m0"]
    assert gone == [True]


@pytest.mark.usefixtures("queue")
def test_given_a_fault_of_our_own_when_worked_off_then_it_is_logged_with_its_order_and_comes_again(
    fleet: Cloud, environment: pytest.MonkeyPatch, console: Console
) -> None:
    begin()

    def broken(*_: object) -> None:
        raise KeyError("green")

    environment.setattr(shards, "examine", broken)
    assert work(bodies(fleet)[0][0]) == ["m0"]
    (line,) = [line for line in console() if line.get("message") == "order failed"]
    assert HOME in line["order"]
    assert "KeyError" in line["exception"]


@pytest.mark.usefixtures("queue")
def test_given_an_unread_region_when_measured_then_its_open_findings_are_not_said_to_be_few(
    fleet: Cloud, console: Console
) -> None:
    begin()
    fleet.fail("rds:DescribeDBClusters", "AccessDenied", 403, region=AWAY)
    assert work(*(body for body, _ in bodies(fleet))) == []
    assert {line["region"] for line in console() if "OpenFindings" in line} == {HOME}
