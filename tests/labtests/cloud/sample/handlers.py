"""Handlers that each show one thing of the embedded cloud; deployed by sample.yaml into the lab only."""

import importlib.util
import json
import os
import signal
from typing import Any

import boto3
from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution, durable_step
from aws_durable_execution_sdk_python.config import Duration
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitStrategyConfig,
    create_wait_strategy,
)

BUCKET = os.environ["BUCKET"]


def write(key: str, value: Any) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(value).encode())


def keep(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Writes the event to the bucket (events/<id>, or events/scheduled); reads or puts an event when asked to."""
    if "pretend" in event:
        entry: Any = {"Source": event["pretend"], "DetailType": "Sample", "Detail": "{}"}
        return dict(boto3.client("events").put_events(Entries=[entry])["Entries"][0])
    if "read" in event:
        boto3.client("s3").get_object(Bucket=BUCKET, Key=event["read"])
    write(f"events/{event.get('id', 'scheduled')}.json", {"event": event, "arn": context.invoked_function_arn})
    return {
        "boto3": boto3.__file__,
        "emulator": importlib.util.find_spec("ministack") is not None,
        "rds": os.environ["AWS_ENDPOINT_URL_RDS"],
        "key": os.environ["AWS_ACCESS_KEY_ID"],
    }


def fail(event: dict[str, Any], _: Any) -> None:
    """Always fails; and shows what a role may not do when asked for it."""
    if event.get("forbidden"):
        boto3.client("kms").list_keys()
    print(json.dumps({"attempted": event.get("id")}))
    raise ValueError("made to fail")


def told_of(event: dict[str, Any], record: dict[str, Any], context: Any) -> dict[str, Any]:
    return {"record": record, "arn": context.invoked_function_arn, "together": len(event["Records"])}


def batch(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Writes each message down whenever it comes; reports those that say so as failed; sends one for later."""
    failures = []
    for record in event["Records"]:
        told, count = json.loads(record["body"]), record["attributes"]["ApproximateReceiveCount"]
        write(f"batches/{told['id']}/{count}.json", told_of(event, record, context))
        if "later" in told:
            body = json.dumps({"id": told["later"]})
            queue = boto3.client("sqs")
            queue.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body, DelaySeconds=900)
        if told.get("fail"):
            failures.append({told.get("as", "itemIdentifier"): record["messageId"]})
    return {"batchItemFailures": failures}


@durable_step
def begin(_: StepContext, event: dict[str, Any]) -> dict[str, Any]:
    return {"polls": 0, "wanted": event["polls"]}


@durable_step
def die_once(_: StepContext, event: dict[str, Any]) -> str:
    """Kills its own process the first time, leaving a mark outside of it."""
    key = f"died/{event['id']}"
    s3 = boto3.client("s3")
    if event.get("die") and not s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"]:
        write(key, {})
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def look(state: dict[str, Any], _: Any) -> dict[str, Any]:
    return {**state, "polls": state["polls"] + 1}


@durable_execution
def run(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    """A step, an hour's wait, a polled condition, and a step that may kill its process."""
    state = context.step(begin(event), name="begin")
    context.wait(Duration.from_hours(1), name="settle")
    strategy: Any = create_wait_strategy(
        WaitStrategyConfig(
            should_continue_polling=lambda s: s["polls"] < s["wanted"], initial_delay=Duration.from_seconds(30)
        )
    )
    state = context.wait_for_condition(
        look, WaitForConditionConfig(initial_state=state, wait_strategy=strategy), name="poll"
    )
    fate = context.step(die_once(event), name="fate")
    return {"polls": state["polls"], "fate": fate}
