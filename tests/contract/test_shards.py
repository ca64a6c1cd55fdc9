"""``Shards``: orders on a queue, all of them or an error."""

from __future__ import annotations

import json
from datetime import timedelta

import boto3
import pytest

from backstay.core.errors import ProviderError
from backstay.core.requests import AuditOrder
from backstay.providers.aws.messages import ShardQueue
from backstay.providers.memory import MemoryShards

RUN = "20261124T101500Z-1a2b3c4d"
ORDERS = [AuditOrder(run=RUN, account=f"{number:012}", region="eu-west-2") for number in range(23)]


def test_orders_are_kept_in_order_with_their_delay() -> None:
    shards = MemoryShards()
    shards.send(ORDERS[:2])
    shards.send([AuditOrder(run=RUN)], delay=timedelta(minutes=1))
    assert shards.orders == [
        *((each, timedelta(0)) for each in ORDERS[:2]),
        (AuditOrder(run=RUN), timedelta(minutes=1)),
    ]


@pytest.mark.usefixtures("mocked")
def test_every_order_becomes_a_message_however_many_there_are() -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="shards")["QueueUrl"]
    ShardQueue(sqs, url).send(ORDERS)
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [AuditOrder(**json.loads(each["Body"])) for each in messages]
    assert sorted(found, key=lambda each: each.account) == ORDERS


@pytest.mark.usefixtures("mocked")
def test_a_delayed_order_is_not_seen_yet() -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="shards")["QueueUrl"]
    ShardQueue(sqs, url).send([AuditOrder(run=RUN)], delay=timedelta(minutes=15))
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert attributes["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}


@pytest.mark.usefixtures("mocked")
def test_a_queue_that_is_not_there_is_an_error() -> None:
    url = "https://sqs.eu-west-2.amazonaws.com/111122223333/nowhere"
    with pytest.raises(ProviderError, match="does not exist"):
        ShardQueue(boto3.client("sqs"), url).send(ORDERS)
