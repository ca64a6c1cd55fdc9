"""EventBridge and Scheduler as AWS runs them.

Events with an `aws.*` source are taken from root (the lab plays the services that send them). A target in another
region's bus, or in another account's that lets the rule's role in, gets the event with its origin's region and account.
A function gets it as an asynchronous invocation, through the alias that the target names. Who may do that is asked: a
rule needs the function's resource policy or the role of its target, a schedule its role; a refused delivery goes to the
target's dead-letter queue, and is written down as a refused call.
"""

from __future__ import annotations

import contextvars
import json
import logging
import time
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, new_uuid, set_request_account_id, set_request_region
from ministack.services import eventbridge as eb
from ministack.services import lambda_svc as lam
from ministack.services import scheduler

from . import auth, durable, functions

logger = logging.getLogger("backstay.lab.events")
Json = dict[str, Any]
EVENTS, SCHEDULER = "events.amazonaws.com", "scheduler.amazonaws.com"
# The target and the rule (or schedule) whose delivery is under way: MiniStack hands neither to its dispatchers.
_delivery: contextvars.ContextVar[tuple[Json, Json] | None] = contextvars.ContextVar("delivery", default=None)


def _allow_aws_sources() -> None:
    put = eb._put_events

    def as_services(data: Json, *, allow_aws_source: bool = False) -> Any:
        """Only the lab itself, which calls as root, plays AWS's services; functions are refused as on AWS."""
        plays_a_service = iam_evaluator.caller_arn().endswith(":root")
        return put(data, allow_aws_source=allow_aws_source or plays_a_service)

    eb._put_events = as_services


def _follow_targets() -> None:
    invoke = eb._invoke_target

    def followed(target: Json, event: Json, rule: Json, view: Any = None) -> None:
        token = _delivery.set((target, rule))
        try:
            invoke(target, event, rule, view)
        finally:
            _delivery.reset(token)

    eb._invoke_target = followed


def _current() -> tuple[Json, Json]:
    delivery = _delivery.get()
    if delivery is None:
        raise LookupError("a delivery without a target")
    return delivery


def _is_schedule(rule: Json) -> bool:
    """Scheduler hands its schedule over in a rule's place."""
    return "GroupName" in rule


def _source(rule: Json) -> str:
    """The ARN that policies see as aws:SourceArn."""
    return str(rule.get("Arn") or eb._rule_arn(rule.get("Name", ""), rule.get("EventBusName", "default")))


def _may_invoke(arn: str) -> bool:
    _, rule = _current()
    if _is_schedule(rule):
        return _role_allows(SCHEDULER, "lambda:InvokeFunction", arn)
    return auth.function_allows(arn, EVENTS, _source(rule))


def _role_allows(service: str, action: str, arn: str) -> bool:
    target, rule = _current()
    key = auth.service_session(target.get("RoleArn", ""), service, _source(rule))
    return key is not None and auth.permit(key, action, arn)


def _give_up(arn: str, payload: str) -> None:
    """A delivery that IAM refuses is not tried again: the target's dead-letter queue gets it, if there is one."""
    target, rule = _current()
    logger.warning("%s may not deliver to %s", rule.get("Name"), arn)
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if queue is None:
        return
    is_let_in = (
        _role_allows(SCHEDULER, "sqs:SendMessage", queue)
        if _is_schedule(rule)
        else auth.queue_allows(queue, EVENTS, _source(rule))
    )
    if is_let_in:
        eb._dispatch_to_sqs(parse_arn(queue), payload)


def to_function(arn: str, payload: str) -> None:
    """Deliver to a Lambda function, its alias or its version: a durable start, or an asynchronous invocation."""
    record, config, name = lam._get_func_record_for_ref(arn)
    if record is None or not _may_invoke(arn):
        return _give_up(arn, payload)
    event = json.loads(payload)
    qualifier = arn.split(":")[7] if arn.count(":") >= 7 else None
    if durable.is_durable(config):
        execution = event.get("id") if isinstance(event, dict) else None
        durable.start(config, qualifier or "$LATEST", event, execution or new_uuid(), queued=True)
        return None
    qualified = dict(config, FunctionArn=arn, FunctionName=name)
    return functions.invoke_async(lam._execution_record_for_config(record, qualified), event)


def _bus_lets_in(spec: Any, event: Json) -> bool:
    """A bus of another account has a policy that names who may put what on it."""
    if spec.account_id == get_account_id():
        return True
    target, rule = _current()
    name = spec.resource.partition("/")[2]
    policy = eb._event_bus_policies.get_scoped(spec.account_id, spec.region, name) or {}
    key = auth.service_session(target.get("RoleArn", ""), EVENTS, _source(rule))
    return key is not None and auth.bus_allows(str(spec), policy, key, event)


def to_bus(spec: Any, event: Json, rule: Json, event_path: set[str], target_input_payload: str | None = None) -> None:
    """Deliver to an event bus, in whatever region it is; a loop ends when it comes back to a rule it went through."""
    name = spec.resource.partition("/")[2]
    home = get_account_id(), get_region()
    step = "/".join((*home, eb._rule_key(rule.get("Name"), rule.get("EventBusName", "default"))))
    if step in event_path:
        return
    if not _role_allows(EVENTS, "events:PutEvents", str(spec)) or not _bus_lets_in(spec, event):
        _give_up(str(spec), json.dumps(eb._pattern_event_view(event).event_with_detail()))
        return
    forwarded = {
        "Region": home[1],
        "Account": home[0],
        **event,
        "EventBusName": name,
        "_DispatchPath": [*event_path, step],
    }
    if target_input_payload is not None:
        forwarded["Detail"] = target_input_payload
    set_request_account_id(spec.account_id)
    set_request_region(spec.region)
    try:
        if name in eb._event_buses:
            eb._dispatch_event(forwarded)
        else:
            _give_up(str(spec), json.dumps(eb._pattern_event_view(event).event_with_detail()))
    finally:
        set_request_account_id(home[0])
        set_request_region(home[1])


def fire(name: str) -> dict[str, Any]:
    """Fire a schedule (`name` or `group/name`) now, as Scheduler would; LookupError names those that exist."""
    wanted = name if "/" in name else f"default/{name}"
    found = [(key, item) for key, item in scheduler._schedules._data.items() if key[2] == wanted]
    if not found:
        known = ", ".join(sorted(key[2] for key in scheduler._schedules._data)) or "none"
        raise LookupError(f"no schedule {wanted!r}; there are: {known}")
    (account, region, _), schedule = found[0]
    if schedule["State"] != "ENABLED":
        raise LookupError(f"schedule {wanted!r} is {schedule['State'].lower()}")
    set_request_account_id(account)
    set_request_region(region)
    event = {
        "EventId": new_uuid(),
        "Source": "aws.scheduler",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": time.time(),
        "Resources": [schedule["Arn"]],
        "Account": account,
        "Region": region,
    }
    eb._invoke_target(schedule["Target"], event, schedule)
    return {"schedule": schedule["Arn"], "target": schedule["Target"]["Arn"]}


def install() -> None:
    """Patch MiniStack."""
    _allow_aws_sources()
    _follow_targets()
    eb._dispatch_to_lambda = to_function
    eb._dispatch_to_event_bus = to_bus
