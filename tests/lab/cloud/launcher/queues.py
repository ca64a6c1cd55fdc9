"""SQS as an event source, as Lambda runs it.

A mapping is only made when the function's role may read the queue and the queue hides a message for as long as the
function may take. The function is invoked by the ARN that the mapping names, alias included; Lambda receives and
deletes with the function's role; a batch is as large as the mapping says and waits for that as long as it says; a
partial answer that it cannot read fails the whole batch. And the lab can let time pass for a queue, which AWS cannot.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core import lambda_runtime as runtime
from ministack.core.arn import parse_arn
from ministack.services import lambda_svc as lam
from ministack.services import sqs
from ministack.services.cloudformation import provisioners as cfn

from . import auth

Json = dict[str, Any]
LONGEST_DELAY = 900  # seconds: SQS API reference, SendMessage, DelaySeconds
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, "Execution role permissions"
READING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
# "If you set a batch size greater than 10, set the batching window to at least 1 second": Lambda API reference,
# CreateEventSourceMapping, BatchSize.
LARGEST_AT_ONCE = 10
_first: dict[str, float] = {}  # by queue's ARN, since when what can be received waits for its batch to fill
_in_hand: set[str] = set()  # messages of batches that a function is working on, which no passing of time returns


def _config(name: str, qualifier: str | None, arn: str) -> tuple[Json, Json]:
    """The version that a mapping invokes, and its configuration under the ARN that the mapping names."""
    record, config = lam._get_func_record_for_qualifier(name, qualifier)
    if record is None or config is None:
        raise LookupError(f"no function {arn}")
    return record, {**config, "FunctionArn": arn, "FunctionName": name}


def _may(config: Json, action: str, queue: str) -> bool:
    key = runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    return auth.permit(key, f"sqs:{action}", queue)


def _check(props: Json) -> None:
    """Refuse what Lambda refuses when an event source mapping is made or changed."""
    source = props.get("EventSourceArn", "")
    if ":sqs:" not in source:
        return
    queue = sqs._queue_by_arn(source)
    if queue is None:
        raise ValueError(f"no queue {source}")
    function, name, arn, qualifier = cfn._lambda_function_for_cfn_ref(props["FunctionName"])
    if function is None:
        raise ValueError(f"no function {props['FunctionName']}")
    _, config = _config(name, qualifier, arn)
    for action in READING:
        if not _may(config, action, source):
            raise ValueError(f"The provided execution role does not have permissions to call {action} on SQS")
    hidden, takes = int(queue["attributes"].get("VisibilityTimeout", 30)), int(config.get("Timeout", 3))
    if hidden < takes:
        raise ValueError(f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {takes} seconds")
    if int(props.get("BatchSize", 10)) > LARGEST_AT_ONCE and not int(props.get("MaximumBatchingWindowInSeconds", 0)):
        raise ValueError(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
            f"{LARGEST_AT_ONCE}"
        )


def _check_mappings() -> None:
    create, update = cfn._lambda_esm_create, cfn._lambda_esm_update

    def created(logical_id: str, props: Json, stack: str) -> Any:
        _check(props)
        return create(logical_id, props, stack)

    def updated(physical_id: str, old: Json, new: Json, stack: str) -> Any:
        _check(new)
        return update(physical_id, old, new, stack)

    table = cfn._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    cfn._lambda_esm_create, table["create"] = created, created
    cfn._lambda_esm_update, table["update"] = updated, updated


def _window(arn: str) -> int:
    """For how many seconds the queue's mapping waits for a batch to fill."""
    windows = [esm.get("MaximumBatchingWindowInSeconds", 0) for _, _, esm in lam._iter_all_esms()
               if esm.get("EventSourceArn") == arn]  # fmt: skip
    return int(max(windows, default=0))


def _ready(queue: Json) -> int:
    now = time.time()
    return sum(message.get("visible_at", now) <= now for message in queue["messages"])


def _complete(queue: Json, size: int) -> bool:
    """Whether a batch is full, or has waited from its first message on for as long as its mapping lets it."""
    arn, ready, now = queue["attributes"]["QueueArn"], _ready(queue), time.time()
    if not ready:
        _first.pop(arn, None)
        return False
    if ready < size and now - _first.setdefault(arn, now) < _window(arn):
        return False
    _first.pop(arn, None)
    return True


def _received(url: str, size: int) -> list[Json]:
    """In place of MiniStack's, which gives ten at most, and at once."""
    with sqs._queues_lock:
        queue = sqs._get_q(url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        if not _complete(queue, size):
            return []
        found: list[Json] = sqs._collect_msgs(queue, size, int(queue["attributes"].get("VisibilityTimeout", 30)))
        return found


def failed(answer: Any, batch: set[str]) -> set[str]:
    """The ids that a function reports as failed; all of them when its answer cannot be read.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html: nothing, an empty answer or an empty
    list is success; an empty, missing or wrongly named itemIdentifier fails the batch.
    """
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        return batch
    reported = answer.get("batchItemFailures") or []
    named: set[Any] = {each.get("itemIdentifier") if isinstance(each, dict) else None for each in reported}
    return batch if named - batch else named


def _work_off(esm: Json, func: Json, event: Json, batch: list[Json], url: str, _: str) -> None:
    """In place of MiniStack's: one batch, from the function's invocation to what is deleted."""
    arn, queue = esm["FunctionArn"], esm["EventSourceArn"]
    config = {**func["config"], "FunctionArn": arn, "FunctionName": esm["FunctionName"]}
    ids = {message["id"] for message in batch}
    _in_hand.update(ids)
    try:
        if not _may(config, "ReceiveMessage", queue):
            esm["LastProcessingResult"] = "PROBLEM: the role may not receive"
            lam._esm_backoff_until[esm["UUID"]] = time.time() + lam._ESM_BACKOFF_SECONDS
            return
        began = time.monotonic()
        result = lam._execute_function(lam._execution_record_for_config(func, config), event)
        error, took = bool(result.get("error")), 1000 * (time.monotonic() - began)
        lam._emit_lambda_metrics(esm["FunctionName"], duration_ms=took, error=error, throttle=False)
        partial = "ReportBatchItemFailures" in esm.get("FunctionResponseTypes", [])
        lost = ids if error else failed(result.get("body"), ids) if partial else set()
        done = {message["receipt_handle"] for message in batch if message["id"] not in lost}
        if done and _may(config, "DeleteMessage", queue):
            sqs._delete_messages_for_esm(url, done)
        esm["LastProcessingResult"] = "FAILED" if lost == ids else "OK"
    finally:
        _in_hand.difference_update(ids)


def _limit_delays() -> None:
    send = sqs._act_send_message

    def limited(data: Json, url: str) -> Any:
        delay = int(data.get("DelaySeconds") or 0)
        if not 0 <= delay <= LONGEST_DELAY:
            reason = f"DelaySeconds must be >= 0 and <= {LONGEST_DELAY}."
            raise sqs._Err(
                "InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}"
            )
        return send(data, url)

    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = limited


def due(arn: str) -> dict[str, Any]:
    """Let time pass for a queue: what is delayed, hidden since it failed, or waits for its batch to fill, can be
    received now. Says how many."""
    queue = sqs._queue_by_arn(arn) if parse_arn(arn).service == "sqs" else None
    if queue is None:
        raise LookupError(f"no queue {arn}")
    now = time.time()
    hidden = [each for each in queue["messages"] if each["visible_at"] > now and each["id"] not in _in_hand]
    waits = _ready(queue) if _window(arn) else 0
    for message in hidden:
        message["visible_at"] = now
    if hidden or waits:
        _first[arn] = 0.0
    lam._esm_wake.set()
    return {"messages": len(hidden) + waits}


def install() -> None:
    """Patch MiniStack."""
    _check_mappings()
    _limit_delays()
    lam._run_sqs_batch = _work_off
    sqs._receive_messages_for_esm = _received
