"""A queue wakes a function as Lambda does it: in batches, through the alias, with partial answers and with delays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.cloud.deploy import DeployError

from .conftest import SAMPLE

if TYPE_CHECKING:
    from tests.lab.cloud.lab import Lab

QUEUE, GIVEN_UP, CROWD = "sample-shards", "sample-given-up", "sample-crowd"


def url(lab: Lab, queue: str = QUEUE) -> str:
    return str(lab.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"])


def send(lab: Lab, *bodies: dict[str, Any], queue: str = QUEUE) -> None:
    entries = [{"Id": body["id"], "MessageBody": json.dumps(body)} for body in bodies]
    assert len(lab.client("sqs").send_message_batch(QueueUrl=url(lab, queue), Entries=entries)["Successful"]) == len(
        bodies
    )


def seen(lab: Lab, name: str) -> list[dict[str, Any]]:
    """What the function wrote down of one message, in the order of its coming."""
    s3 = lab.client("s3")
    found = s3.list_objects_v2(Bucket="sample-bucket", Prefix=f"batches/{name}/").get("Contents", [])
    return [json.loads(s3.get_object(Bucket="sample-bucket", Key=each["Key"])["Body"].read()) for each in found]


def comes(lab: Lab, name: str, times: int) -> None:
    lab.until(f"{name}, {times} times", lambda: len(seen(lab, name)) == times)


def waiting(lab: Lab) -> tuple[int, int]:
    """How many messages the queue delays, and how many it hides."""
    names = ["ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible"]
    told = lab.client("sqs").get_queue_attributes(QueueUrl=url(lab), AttributeNames=names)["Attributes"]
    return int(told[names[0]]), int(told[names[1]])


def test_given_a_batch_when_one_message_of_two_fails_then_it_alone_comes_again_until_it_is_given_up(lab: Lab) -> None:
    send(lab, {"id": "good"}, {"id": "bad", "fail": True})
    for attempt in (1, 2, 3):
        comes(lab, "bad", attempt)
        lab.until("the message to be hidden again", lambda: lab.due(QUEUE))
    (letter,) = lab.until(
        "the dead letter", lambda: lab.client("sqs").receive_message(QueueUrl=url(lab, GIVEN_UP)).get("Messages")
    )
    assert json.loads(letter["Body"])["id"] == "bad"
    assert len(seen(lab, "bad")) == 3
    (good,) = seen(lab, "good")
    assert good["arn"].endswith(":function:sample-batch:live")
    assert good["record"]["eventSourceARN"].endswith(f":{QUEUE}")
    assert waiting(lab) == (0, 0)


def test_given_an_answer_that_lambda_cannot_read_when_a_message_fails_then_it_is_not_lost(lab: Lab) -> None:
    send(lab, {"id": "misnamed", "fail": True, "as": "messageId"})
    comes(lab, "misnamed", 1)
    lab.until("the message to be hidden again", lambda: lab.due(QUEUE))
    comes(lab, "misnamed", 2)
    lab.client("sqs").purge_queue(QueueUrl=url(lab))


def test_given_a_message_for_later_when_its_time_has_come_then_it_wakes_the_function(lab: Lab) -> None:
    send(lab, {"id": "now", "later": "then"})
    lab.until("the first message", lambda: seen(lab, "now"))
    lab.until("the delayed message", lambda: waiting(lab) == (1, 0))
    assert seen(lab, "then") == []
    assert lab.due(QUEUE) == 1
    lab.until("the message that was delayed", lambda: seen(lab, "then"))


def test_given_fewer_than_a_batch_when_its_window_is_over_then_they_come_together(lab: Lab) -> None:
    names = [f"one-of-{number}" for number in range(12)]  # more than SQS gives at once
    send(lab, *({"id": name} for name in names[:6]), queue=CROWD)
    send(lab, *({"id": name} for name in names[6:]), queue=CROWD)
    assert lab.due(CROWD) == 12, "none of them was received before the window's end"
    lab.until("all of them", lambda: all(seen(lab, name) for name in names))
    assert {each["together"] for name in names for each in seen(lab, name)} == {12}
    assert lab.due(CROWD) == 0


def test_given_a_whole_batch_when_its_window_is_not_over_then_it_comes_at_once(lab: Lab) -> None:
    names = [f"many-{number}" for number in range(100)]
    for start in range(0, 100, 10):
        send(lab, *({"id": name} for name in names[start : start + 10]), queue=CROWD)
    lab.until("the last of them", lambda: seen(lab, names[-1]))
    assert seen(lab, names[0])[0]["together"] == 100


def test_given_a_delay_longer_than_sqs_knows_when_sent_then_it_is_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match=r"DelaySeconds must be >= 0 and <= 900"):
        lab.client("sqs").send_message(QueueUrl=url(lab), MessageBody="{}", DelaySeconds=901)


def test_lambda_reads_the_queue_with_the_functions_role(lab: Lab) -> None:
    send(lab, {"id": "whose"})
    lab.until("the message", lambda: seen(lab, "whose"))
    lab.until("its end", lambda: waiting(lab) == (0, 0))
    for action in ("GetQueueAttributes", "ReceiveMessage", "DeleteMessage"):
        queues = {each["resources"][0] for each in lab.calls(function="sample-batch", action=f"sqs:{action}")}
        assert QUEUE in {queue.rpartition(":")[2] for queue in queues} <= {QUEUE, CROWD}


def test_the_mapping_says_what_the_template_asked_for(lab: Lab) -> None:
    mappings = lab.client("lambda").list_event_source_mappings(FunctionName="sample-batch")["EventSourceMappings"]
    (mapping,) = (each for each in mappings if each["EventSourceArn"].endswith(f":{QUEUE}"))
    assert mapping["State"] == "Enabled"
    assert mapping["FunctionArn"].endswith(":sample-batch:live")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (5, {"MaximumConcurrency": 20})


@pytest.mark.parametrize(
    ("name", "given", "instead", "refused"),
    [
        (
            "brief",
            "VisibilityTimeout: 360",
            "VisibilityTimeout: 10",
            "10 seconds is less than Function timeout: 20 seconds",
        ),
        (
            "greedy",
            "EventSourceArn: !GetAtt Queue.Arn}",
            "EventSourceArn: !GetAtt Queue.Arn, BatchSize: 11}",
            "must be greater than 0 if maximum batch size is greater than 10",
        ),
        ("denied", "sqs:ReceiveMessage, ", "", "does not have permissions to call ReceiveMessage on SQS"),
    ],
)
def test_given_what_lambda_refuses_to_read_when_deployed_then_the_stack_fails(
    lab: Lab, name: str, given: str, instead: str, refused: str
) -> None:
    text = (SAMPLE / "queue.yaml").read_text()
    assert given in text
    with pytest.raises(DeployError, match=refused):
        lab.deploy_stack(name, text.replace(given, instead).replace("refused", name))
