"""IAM questions, answered by MiniStack's own evaluator: for the RDS emulator, and for what AWS services do with our
roles.

Also teaches that evaluator what it does not know: the durable execution API's actions, and that a function invoked
through an alias is the resource `function:name:alias`.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import iam, kms, sqs, sts
from ministack.services import lambda_svc as lam

from . import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Settings

SESSION = re.compile(r"arn:([^:]+):sts::(\d{12}):assumed-role/([^/]+)/.*")
ROOT_KEY = re.compile(r"\d{12}")
# /2025-12-01/durable-executions/ARN/TAIL -> the IAM action; the ARN holds slashes, so the tail decides.
DURABLE_ACTIONS = {
    ("POST", "checkpoint"): "lambda:CheckpointDurableExecution",
    ("GET", "state"): "lambda:GetDurableExecutionState",
    ("GET", "history"): "lambda:GetDurableExecutionHistory",
    ("POST", "stop"): "lambda:StopDurableExecution",
}
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaBasicDurableExecutionRolePolicy.html: what
# SAM attaches to a durable function without a role of its own. MiniStack does not know it.
DURABLE_POLICY = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
DURABLE_POLICY_ACTIONS = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "lambda:CheckpointDurableExecution",
    "lambda:GetDurableExecutionState",
)
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html: a batch
# needs the permission of the single action. MiniStack asks for one that IAM does not have.
BATCHES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
CALLBACKS = {"succeed": "Success", "fail": "Failure", "heartbeat": "Heartbeat"}


def is_durable_path(path: str) -> bool:
    """Whether a Lambda request belongs to the durable execution API."""
    parts = unquote(path).strip("/").split("/")
    return parts[0] == "2025-12-01" and any(part.startswith("durable-execution") for part in parts[1:])


def durable_action(method: str, path: str) -> str:
    """The IAM action of a durable execution request."""
    parts = unquote(path).strip("/").split("/")
    if parts[1] == "durable-execution-callbacks":
        return f"lambda:SendDurableExecutionCallback{CALLBACKS.get(parts[-1], '')}"
    if parts[1] == "functions":
        return "lambda:ListDurableExecutionsByFunction"
    return DURABLE_ACTIONS.get((method, parts[-1]), "lambda:GetDurableExecution")


def durable_resource(path: str) -> str:
    """What a durable execution request is about: the function, or the execution's ARN without the action's tail."""
    parts = unquote(path).strip("/").split("/")
    if parts[1] == "durable-execution-callbacks":
        return "*"
    if parts[1] == "functions":
        name = parts[2]
        return name if name.startswith("arn:") else lam._func_arn(name)
    tails = {tail for _, tail in DURABLE_ACTIONS}
    return "/".join(parts[2:-1] if parts[-1] in tails else parts[2:])


def _teach_actions() -> None:
    action_of, resource_of = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    # Both get service, method, path, headers, body and query first.
    def action(*request: Any) -> Any:
        service, method, path = request[:3]
        is_durable = service == "lambda" and is_durable_path(path)
        if is_durable:
            return durable_action(method, path)
        asked = action_of(*request)
        return BATCHES.get(asked, asked)

    def resource(*request: Any) -> Any:
        service, _, path, _, _, query = request[:6]
        if service == "lambda" and is_durable_path(path):
            return durable_resource(path)
        arn = resource_of(*request)
        if service == "kms" and ":alias/" in arn:
            return _key_behind(arn, request[3])
        qualifier = lam._qp_first(query, "Qualifier")
        bare = service == "lambda" and path.endswith("/invocations") and arn.count(":") == 6
        return f"{arn}:{qualifier}" if bare and qualifier else arn

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = action, resource


def _key_behind(alias: str, headers: Mapping[str, str]) -> str:
    """The key that an alias names: what is done with a key by its alias is authorized on the key.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html (an alias is a resource of
    its own only where aliases are managed).
    """
    if headers.get("x-amz-target", "").endswith("Alias"):
        return alias
    found = kms._resolve_key(alias)
    return str(found["Arn"]) if found else alias


def _enforce(access_key: str, action: str, resource: str, context: Mapping[str, Any]) -> Any:
    iam_evaluator.pin_request_origin("127.0.0.1", True)  # outside of a request nobody has said so
    return iam_evaluator.enforce(
        access_key, action, action.partition(":")[0], get_region(), resource_arn=resource, service_context=dict(context)
    )


def _reason(action: str, resource: str, principal: str, denied: Any) -> str:
    """Why a request is refused, in AWS's words."""
    if isinstance(denied, iam_evaluator.AuthError):
        return str(denied.message)
    return str(iam_actions.identity_denial_message(action, principal, resource, denied.decision == "Deny"))


def authorize(question: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Answer `{"access_key", "action", "resources", "context"}` with `{"allowed", "principal", "function", "reason"}`.

    Every resource must be allowed; no resource means `*`. A 12-digit key is the account's root and may do anything.
    """
    key, action, context = question["access_key"], question["action"], dict(question.get("context") or {})
    set_request_account_id(key)  # a root key's or a role session's own account, else the lab's first
    set_request_region(context.get("aws:RequestedRegion") or settings.region)
    caller = iam_evaluator.resolve_caller_identity(key)
    principal = caller["userArn"] if caller else None
    answer = {"principal": principal, "function": record.function_of(principal) if principal else None}
    if ROOT_KEY.fullmatch(key):
        return {"allowed": True, "reason": "root", **answer}
    for resource in question.get("resources") or ["*"]:
        denied = _enforce(key, action, resource, context)
        if denied is not None:
            return {"allowed": False, "reason": _reason(action, resource, principal or "", denied), **answer}
    return {"allowed": True, "reason": "allowed", **answer}


def principal_of(access_key: str) -> str:
    """The ARN behind an access key."""
    caller = iam_evaluator.resolve_caller_identity(access_key)
    return str(caller["userArn"]) if caller else "unknown"


def permit(access_key: str, action: str, resource: str, context: Mapping[str, Any] | None = None) -> bool:
    """Whether a role may do what a service is about to do on its behalf; written down as that role's call."""
    denied = _enforce(access_key, action, resource, context or {})
    status, error = (200, None) if denied is None else (403, "AccessDenied")
    record.call(action, get_region(), principal_of(access_key), [resource], status, error=error)
    return denied is None


def service_session(role_arn: str, service: str, source: str) -> str | None:
    """An access key for a role that an AWS service takes on for `source` (a rule's or schedule's ARN).

    None when there is no such role, or it does not trust the service.
    """
    name = role_arn.rpartition("/")[2]
    role = iam._roles.get_scoped(get_account_id(), None, name)
    if role is None or not _trusts(role, service, source):
        return None
    session = service.partition(".")[0]
    digest = hashlib.sha256(f"{role_arn}:{session}".encode()).hexdigest()
    key = f"ASIA{digest[:16].upper()}"
    arn = f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/{session}"
    sts.register_session(
        key, {"Arn": arn, "UserId": f"{name}:{session}", "SecretAccessKey": digest, "SessionToken": digest}
    )
    return key


def _trusts(role: Mapping[str, Any], service: str, source: str) -> bool:
    context = iam_evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account=get_account_id(),
        action="sts:AssumeRole",
        resource_arn="*",
        region=get_region(),
        service_context={"aws:sourcearn": source, "aws:sourceaccount": get_account_id()},
    )
    # A trust policy names no resource; the evaluator wants one in every statement.
    document = json.loads(role["AssumeRolePolicyDocument"] or "{}")
    statements = [{"Resource": "*", **statement} for statement in document.get("Statement", [])]
    result = iam_evaluator.evaluate_resource_policy({"Statement": statements}, context, service=service)
    return bool(result.decision == "Allow")


def function_allows(arn: str, service: str, source: str) -> bool:
    """Whether a function's resource policy lets a service invoke it for `source`, a rule's ARN; written down."""
    found = lam.function_policy_for_arn(arn)
    allowed = found is not None and _lets_in(found[0], service, "lambda:InvokeFunction", arn, source)
    status, error = (202, None) if allowed else (403, "AccessDenied")
    record.call("lambda:InvokeFunction", parse_arn(arn).region, service, [arn], status, error=error)
    return allowed


def queue_allows(arn: str, service: str, source: str) -> bool:
    """Whether a queue's policy lets a service send to it for `source`, a rule's ARN; written down."""
    found = sqs.queue_policy_for_arn(arn)
    allowed = found is not None and _lets_in(found[0], service, "sqs:SendMessage", arn, source)
    status, error = (200, None) if allowed else (403, "AccessDenied")
    record.call("sqs:SendMessage", parse_arn(arn).region, service, [arn], status, error=error)
    return allowed


def bus_allows(arn: str, policy: Mapping[str, Any], access_key: str, event: Mapping[str, Any]) -> bool:
    """Whether a bus of another account lets a role put an event on it; written down as that role's call."""
    principal, spec = principal_of(access_key), parse_arn(arn)
    context = iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=principal.split(":")[4],
        action="events:PutEvents",
        resource_arn=arn,
        region=spec.region,
        service_context={"events:source": [event["Source"]], "events:detail-type": [event["DetailType"]]},
    )
    allowed = bool(iam_evaluator.evaluate_resource_policy(dict(policy), context).decision == "Allow")
    status, error = (200, None) if allowed else (403, "AccessDenied")
    record.call("events:PutEvents", spec.region, principal, [arn], status, error=error)
    return allowed


def _lets_in(policy: Any, service: str, action: str, arn: str, source: str) -> bool:
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=get_account_id(),
        action=action,
        resource_arn=arn,
        region=get_region(),
        service_context={"aws:sourcearn": source, "aws:sourceaccount": get_account_id()},
    )
    return bool(iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow")


def _play_tls() -> None:
    """Requests come over plain HTTP on loopback; policies that demand TLS see what they would see on AWS."""
    pin = iam_evaluator.pin_request_origin
    app.pin_request_origin = lambda source_ip, _: pin(source_ip, True)


def _name_roles() -> None:
    """`aws:PrincipalArn` of a role session is the role's ARN; MiniStack says the session's.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    resolve = iam_evaluator._resolve_condition_key

    def key(name: str, context: Any) -> Any:
        value = resolve(name, context)
        session = SESSION.fullmatch(str(value)) if name.lower() == "aws:principalarn" else None
        return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else value

    iam_evaluator._resolve_condition_key = key


def _find_keys_where_they_are() -> None:
    """A key's policy is that of the account and the region in its ARN; MiniStack looks in the caller's only.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    """
    beside = kms.key_policy_for_arn

    def policy(arn: str) -> Any:
        spec = parse_arn(arn)
        key = kms._keys.get_scoped(spec.account_id, spec.region, arn.rpartition("/")[2])
        return beside(arn) if key is None else (key.get("Policy") or "", spec.account_id)

    kms.key_policy_for_arn = policy


def _know_managed_policy() -> None:
    statement = {"Effect": "Allow", "Action": DURABLE_POLICY_ACTIONS, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    record = iam._make_aws_managed_record(DURABLE_POLICY, document)
    iam._aws_managed_policies[record["Arn"]] = record


def install() -> None:
    """Patch MiniStack."""
    _know_managed_policy()
    _teach_actions()
    _play_tls()
    _name_roles()
    _find_keys_where_they_are()
