"""Events reach functions across regions, through aliases, as asynchronous invocations with everything that follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lab.cloud.lab import Lab

INSTANCE, CLUSTER = "RDS DB Instance Event", "RDS DB Cluster Event"


def messages(lab: Lab, queue: str, region: str | None = None) -> list[dict[str, Any]]:
    sqs = lab.client("sqs", region)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    return list(
        sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10).get("Messages", [])
    )


def kept_events(lab: Lab) -> list[dict[str, Any]]:
    s3 = lab.client("s3")
    found = s3.list_objects_v2(Bucket="sample-bucket", Prefix="events/").get("Contents", [])
    return [json.loads(s3.get_object(Bucket="sample-bucket", Key=item["Key"])["Body"].read()) for item in found]


def test_event_of_another_region_reaches_the_alias_at_home_with_its_origin(lab: Lab) -> None:
    lab.put_event("aws.rds", INSTANCE, {"SourceIdentifier": "orders"}, region="eu-west-2")

    def arrived() -> list[dict[str, Any]]:
        return [
            kept for kept in kept_events(lab) if kept["event"].get("detail", {}).get("SourceIdentifier") == "orders"
        ]

    (kept,) = lab.until("the forwarded event", arrived)
    assert kept["arn"].endswith(":function:sample-keep:live")
    assert kept["event"]["source"] == "aws.rds"
    assert (kept["event"]["region"], kept["event"]["account"]) == ("eu-west-2", lab.account)


def test_failing_function_is_retried_as_its_alias_says_and_then_the_queue_gets_the_record(lab: Lab) -> None:
    lab.put_event("aws.rds", CLUSTER, {"SourceIdentifier": "ledger"})
    (message,) = lab.until("the failed event", lambda: messages(lab, "sample-failures"))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestContext"]["functionArn"].endswith(":sample-fail:live")
    assert record["requestPayload"]["detail"]["SourceIdentifier"] == "ledger"
    assert record["responsePayload"]["errorMessage"] == "made to fail"
    assert [run["error"] is not None for run in lab.invocations("sample-fail")] == [True, True]
    assert lab.calls(function="sample-fail", action="sqs:SendMessage")
    assert any("attempted" in line for line in lab.logs("sample-fail"))


def test_rule_whose_role_may_not_put_events_delivers_to_its_dead_letter_queue(lab: Lab) -> None:
    lab.put_event("sample.forbidden", "Sample", {}, region="eu-west-2")
    (message,) = lab.until("the refused event", lambda: messages(lab, "sample-forward-dead-letters", "eu-west-2"))
    assert json.loads(message["Body"])["source"] == "sample.forbidden"
    refused = [call for call in lab.calls(action="events:PutEvents") if call["status"] == 403]
    assert refused
    assert "/forward-Role-" in refused[0]["principal"]


def test_schedule_fired_now_hands_its_input_to_the_alias_with_the_schedules_role(lab: Lab) -> None:
    told = lab.fire("sample-hourly")
    assert told["target"].endswith(":function:sample-keep:live")
    lab.until("the scheduled run", lambda: [kept for kept in kept_events(lab) if kept["event"] == {"all": True}])
    invoked = [call for call in lab.calls(action="lambda:InvokeFunction") if call["principal"].endswith("/scheduler")]
    assert invoked[0]["resources"] == [told["target"]]


def test_function_may_not_pretend_to_be_an_aws_service(lab: Lab) -> None:
    assert lab.invoke("sample-keep", {"pretend": "aws.rds"})["ErrorCode"] == "NotAuthorizedForSourceException"
    assert "EventId" in lab.invoke("sample-keep", {"pretend": "sample"})
