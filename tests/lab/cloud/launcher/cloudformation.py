"""What MiniStack's CloudFormation drops without a word, kept here so that the API tells it back after a deploy.

Properties of functions, buckets, schedules and topics; pseudo parameters in conditions (`!Equals [!Ref AWS::Region,
…]`); and parameters' values in the translation of SAM templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge as eb
from ministack.services import lambda_svc as lam
from ministack.services import s3, scheduler, sns
from ministack.services.cloudformation import changesets, engine, handlers, stacks
from ministack.services.cloudformation import provisioners as cfn
from samtranslator.translator import transform

Properties = dict[str, Any]
# How the S3 API spells what CloudFormation calls otherwise.
RENAMED = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault", "Id": "ID"}
_parameters: ContextVar[Mapping[str, str]] = ContextVar("parameters")  # of the stack that is being deployed
SCHEDULE_KEPT = ("ScheduleExpressionTimezone", "StartDate", "EndDate", "KmsKeyArn")


def _fill(parent: Element, value: Any) -> None:
    """Write a property tree as XML children, with the S3 API's names; a list repeats its element."""
    for name, inner in value.items():
        for item in inner if isinstance(inner, list) else [inner]:
            child = SubElement(parent, RENAMED.get(name, name))
            if isinstance(item, Mapping):
                _fill(child, item)
            else:
                child.text = str(item).lower() if isinstance(item, bool) else str(item)


def _document(tag: str, value: Mapping[str, Any]) -> bytes:
    root = Element(tag, xmlns=s3.S3_NS)
    _fill(root, value)
    document: bytes = tostring(root, encoding="utf-8")
    return document


def encryption(given: Properties) -> bytes:
    """`BucketEncryption` as the PutBucketEncryption body."""
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        named = {
            ("SSEAlgorithm", "KMSMasterKeyID")[name == "KMSMasterKeyID"]: value
            for name, value in rule.get("ServerSideEncryptionByDefault", {}).items()
        }
        rules.append({**rule, "ServerSideEncryptionByDefault": named})
    return _document("ServerSideEncryptionConfiguration", {"Rule": rules})


def lifecycle(given: Properties) -> bytes:
    """`LifecycleConfiguration` as the PutBucketLifecycleConfiguration body."""
    rules = []
    for rule in given["Rules"]:
        out: Properties = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
        if rule.get("Id"):
            out["ID"] = rule["Id"]
        if rule.get("ExpirationInDays"):
            out["Expiration"] = {"Days": rule["ExpirationInDays"]}
        for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
            if rule.get(name):
                out[name] = rule[name]
        for transition in rule.get("Transitions", []):
            out.setdefault("Transition", []).append(
                {"Days": transition["TransitionInDays"], "StorageClass": transition["StorageClass"]}
            )
        rules.append(out)
    return _document("LifecycleConfiguration", {"Rule": rules})


def object_lock(given: Properties) -> bytes:
    """`ObjectLockConfiguration` as the PutObjectLockConfiguration body."""
    return _document("ObjectLockConfiguration", {"ObjectLockEnabled": "Enabled", **given})


def _no_removal(bucket: str) -> None:
    raise ValueError(f"object lock of {bucket} cannot be taken away again")


def _keep_buckets() -> None:
    cfn._S3_BUCKET_CONFIGURATIONS = (
        *cfn._S3_BUCKET_CONFIGURATIONS,
        ("BucketEncryption", encryption, s3._put_bucket_encryption, s3._delete_bucket_encryption),
        ("LifecycleConfiguration", lifecycle, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        ("ObjectLockConfiguration", object_lock, s3._put_object_lock_configuration, _no_removal),
    )
    create = cfn._s3_create

    def with_lock(logical_id: str, props: Properties, stack: str) -> Any:
        out = create(logical_id, props, stack)
        if cfn._cfn_bool(props.get("ObjectLockEnabled", False)) and not s3._bucket_object_lock.get(out[0]):
            s3._put_object_lock_configuration(out[0], object_lock({}))
        return out

    _replace("AWS::S3::Bucket", "create", "_s3_create", with_lock)


def _replace(kind: str, verb: str, name: str, function: Callable[..., Any]) -> None:
    """Put a provisioner in both places where MiniStack keeps it: its own name and the table of handlers."""
    setattr(cfn, name, function)
    cfn._RESOURCE_HANDLERS[kind][verb] = function


def _keep_functions() -> None:
    create, update = cfn._lambda_create, cfn._lambda_update

    def apply(name: str, props: Properties) -> None:
        record = lam._functions[name]
        for key in ("DeadLetterConfig", "DurableConfig", "KmsKeyArn"):
            record["config"].pop(key, None)
            if props.get(key):
                record["config"][key] = props[key]
        record["concurrency"] = props.get("ReservedConcurrentExecutions")

    def with_all(logical_id: str, props: Properties, stack: str) -> Any:
        out = create(logical_id, props, stack)
        apply(out[0], props)
        return out

    def updated(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None) -> Any:
        out = update(physical_id, old, new, stack, logical_id)
        apply(out[0], new)
        return out

    _replace("AWS::Lambda::Function", "create", "_lambda_create", with_all)
    _replace("AWS::Lambda::Function", "update", "_lambda_update", updated)


def _keep_schedules() -> None:
    create, update = cfn._scheduler_schedule_create, cfn._scheduler_schedule_update

    def apply(name: str, props: Properties) -> None:
        schedule = scheduler._schedules[f"{props.get('GroupName', 'default')}/{name}"]
        schedule.update({key: props[key] for key in SCHEDULE_KEPT if key in props})

    def with_zone(logical_id: str, props: Properties, stack: str) -> Any:
        out = create(logical_id, props, stack)
        apply(out[0], props)
        return out

    def updated(physical_id: str, old: Properties, new: Properties, stack: str) -> Any:
        out = update(physical_id, old, new, stack)
        apply(out[0], new)
        return out

    _replace("AWS::Scheduler::Schedule", "create", "_scheduler_schedule_create", with_zone)
    _replace("AWS::Scheduler::Schedule", "update", "_scheduler_schedule_update", updated)


def _keep_topics() -> None:
    create, update = cfn._sns_create, cfn._sns_update

    def apply(arn: str, props: Properties) -> None:
        attributes = sns._topics[arn]["attributes"]
        attributes.pop("KmsMasterKeyId", None)
        if props.get("KmsMasterKeyId"):
            attributes["KmsMasterKeyId"] = props["KmsMasterKeyId"]

    def with_key(logical_id: str, props: Properties, stack: str) -> Any:
        out = create(logical_id, props, stack)
        apply(out[0], props)
        return out

    def updated(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None) -> Any:
        out = update(physical_id, old, new, stack, logical_id)
        apply(out[0], new)
        return out

    _replace("AWS::SNS::Topic", "create", "_sns_create", with_key)
    _replace("AWS::SNS::Topic", "update", "_sns_update", updated)


def _know_pseudo_parameters() -> None:
    evaluate = engine._evaluate_conditions

    def with_pseudo(template: Properties, params: Properties) -> dict[str, bool]:
        pseudo = {"AWS::Region": get_region(), "AWS::AccountId": get_account_id(), "AWS::Partition": "aws"}
        named = {name: {"Value": value} for name, value in pseudo.items()}
        conditions: dict[str, bool] = evaluate(template, {**named, **params})
        return conditions

    for module in (engine, stacks, changesets, handlers):  # each imported it by name
        module._evaluate_conditions = with_pseudo


def _know_bus_policies() -> None:
    """`AWS::Events::EventBusPolicy`, which MiniStack does not know."""

    def create(logical_id: str, props: Properties, _: str) -> Any:
        bus, sid = props.get("EventBusName", "default"), props["StatementId"]
        if bus not in eb._event_buses:
            raise ValueError(f"{logical_id}: event bus {bus} does not exist")
        delete("", props)
        kept = (eb._event_bus_policies.get(bus) or {}).get("Statement", [])
        statements = [*kept, {**props["Statement"], "Sid": sid}]
        eb._event_bus_policies[bus] = {"Version": "2012-10-17", "Statement": statements}
        return f"{bus}|{sid}", {}

    def update(_: str, old: Properties, new: Properties, stack: str) -> Any:
        delete("", old)
        return create("", new, stack)

    def delete(_: str, props: Properties) -> None:
        eb._remove_permission(
            {"EventBusName": props.get("EventBusName", "default"), "StatementId": props["StatementId"]}
        )

    kind = {"create": create, "update": update, "delete": delete}
    cfn._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = kind


def _tell_sam_the_parameters() -> None:
    """SAM names a function's version after what it is told, parameters' values included; MiniStack tells it none."""
    apply, translate = engine._apply_transforms, transform.transform

    def applied(template: Properties, provided: Any = None, previous: Any = None) -> Any:
        token = _parameters.set(engine._transform_parameters(template, provided, previous))
        try:
            return apply(template, provided, previous)
        finally:
            _parameters.reset(token)

    def translated(fragment: Properties, _: Properties, *rest: Any) -> Any:
        return translate(fragment, dict(_parameters.get()), *rest)

    transform.transform = translated
    for module in (engine, stacks, changesets, handlers):
        if hasattr(module, "_apply_transforms"):
            module._apply_transforms = applied


def install() -> None:
    """Patch MiniStack."""
    _tell_sam_the_parameters()
    _know_bus_policies()
    _know_pseudo_parameters()
    _keep_buckets()
    _keep_functions()
    _keep_schedules()
    _keep_topics()
