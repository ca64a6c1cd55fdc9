"""A deploy keeps what CloudFormation was told, an update publishes, and functions see the locked dependencies only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.cloud import deploy
from tests.lab.cloud.deploy import DeployError
from tests.lab.cloud.lab import REPO, Lab

from .conftest import SAMPLE


def test_bucket_keeps_encryption_lock_lifecycle_and_versions(lab: Lab) -> None:
    s3, bucket = lab.client("s3"), {"Bucket": "sample-bucket"}
    (rule,) = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    lock = s3.get_object_lock_configuration(**bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 1}
    (expiry,) = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    assert expiry["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"


def test_function_keeps_durability_and_dead_letter_queue_and_shows_the_templates_variables(lab: Lab) -> None:
    read = lab.client("lambda").get_function_configuration
    assert read(FunctionName="sample-run")["DurableConfig"] == {"ExecutionTimeout": 7200, "RetentionPeriodInDays": 30}
    keep = read(FunctionName="sample-keep")
    assert keep["DeadLetterConfig"]["TargetArn"].endswith(":sample-failures")
    assert sorted(keep["Environment"]["Variables"]) == ["BUCKET", "NOTE"]


def test_schedule_keeps_its_time_zone_and_topic_its_key(lab: Lab) -> None:
    assert lab.client("scheduler").get_schedule(Name="sample-hourly")["ScheduleExpressionTimezone"] == "Europe/London"
    (topic,) = [t["TopicArn"] for t in lab.client("sns").list_topics()["Topics"] if t["TopicArn"].endswith(":sample")]
    attributes = lab.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    assert attributes["KmsMasterKeyId"].startswith("arn:aws:kms:")


def test_functions_import_the_locked_requirements_and_nothing_of_the_emulator(lab: Lab) -> None:
    seen: dict[str, Any] = lab.invoke("sample-keep", {"id": "path"})
    assert seen["boto3"].startswith(str(REPO / ".lab" / "deps"))
    assert seen["emulator"] is False


def test_functions_listing_tells_alias_role_and_durability(lab: Lab) -> None:
    listed = {function["name"]: function for function in lab.functions()}
    assert listed["sample-run"]["durable"] is True
    assert listed["sample-keep"]["aliases"]["live"].isdigit()
    assert "/sample-KeepRole-" in listed["sample-keep"]["role"]


def test_second_deploy_without_a_change_changes_nothing_and_a_changed_one_moves_the_alias(lab: Lab) -> None:
    def zipped(word: str) -> bytes:
        return deploy.archive({"say.py": f"def handler(event, context):\n    return {word!r}\n".encode()})

    def changed(word: str) -> bool:
        return lab.deploy_stack("second", text, code=zipped(word)).changed

    text = (SAMPLE / "second.yaml").read_text()
    assert changed("one")
    assert lab.invoke("second-say", {}) == "one"
    assert not changed("one")
    assert changed("two")
    assert lab.invoke("second-say", {}) == "two"
    live = lab.client("lambda").get_alias(FunctionName="second-say", Name="live")
    assert live["FunctionVersion"] == "2"


def test_package_is_reproducible_and_holds_only_what_is_named() -> None:
    first, second = (deploy.package(REPO / "functions", ["backstay"]) for _ in range(2))
    assert first == second


def test_place_code_replaces_local_code_only() -> None:
    template = "    CodeUri: functions/\n    Other: functions/\n    CodeUri: s3://kept/key\n"
    placed = deploy.place_code(template, "s3://bucket/key.zip")
    assert placed == "    CodeUri: s3://bucket/key.zip\n    Other: functions/\n    CodeUri: s3://kept/key\n"


def test_broken_template_says_which_resource_failed(lab: Lab) -> None:
    broken = "Resources:\n  Alarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {Namespace: X}\n"
    with pytest.raises(DeployError, match=r"(?s)broken in eu-west-1.*Alarm"):
        lab.deploy_stack("broken", broken)


def test_product_deploys_into_both_regions_and_again(lab: Lab) -> None:
    first = lab.deploy()
    assert first.changed
    deployed = {function["name"] for function in lab.functions()}
    verbs = ("audit", "protect", "snapshot", "replicate", "prune", "restore", "restore-run")
    assert {f"backstay-{verb}" for verb in verbs} <= deployed
    assert not lab.deploy().changed
    assert lab.deploy({"LogRetentionDays": "30"}).changed


def test_changed_parameter_alone_moves_the_aliases_of_the_functions_that_it_is_told_to(lab: Lab) -> None:
    def live() -> dict[str, str]:
        return {
            each["name"]: each["aliases"]["live"] for each in lab.functions() if each["name"].startswith("backstay")
        }

    lab.deploy()
    before = live()
    lab.deploy({"MemberAccounts": "444455556666"})
    after = live()
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {f"backstay-{verb}" for verb in ("audit", "protect", "snapshot", "replicate", "prune")}
    read = lab.client("lambda").get_function_configuration
    told = read(FunctionName="backstay-audit", Qualifier="live")["Environment"]["Variables"]
    assert told["BACKSTAY_ACCOUNTS"] == "444455556666"
    older = read(FunctionName="backstay-audit", Qualifier=before["backstay-audit"])
    assert older["Environment"]["Variables"]["BACKSTAY_ACCOUNTS"] == "", "what runs keeps its version"
    lab.deploy()


def test_products_audit_reads_its_queue_of_shards_through_its_alias(lab: Lab) -> None:
    lab.deploy()
    (mapping,) = lab.client("lambda").list_event_source_mappings(FunctionName="backstay-audit")["EventSourceMappings"]
    assert mapping["State"] == "Enabled"
    assert mapping["FunctionArn"].endswith(":function:backstay-audit:live")
    assert mapping["EventSourceArn"].endswith(":backstay-audit-shards")
    told = lab.client("lambda").get_function_configuration(FunctionName="backstay-audit", Qualifier="live")
    queue = told["Environment"]["Variables"]["BACKSTAY_SHARDS"]
    assert queue == lab.client("sqs").get_queue_url(QueueName="backstay-audit-shards")["QueueUrl"]


def test_products_snapshot_events_wake_replicate_together_and_over_everything(lab: Lab) -> None:
    lab.deploy()
    for kind, number in (("DB", "0042"), ("DB", "0040"), ("DB Cluster", "0075")):  # the second only begins
        lab.put_event("aws.rds", f"RDS {kind} Snapshot Event", {"EventID": f"RDS-EVENT-{number}"}, region="eu-west-2")
    assert lab.due("backstay-replicate-wakes") == 2

    def kept() -> list[str]:
        calls = lab.calls(function="backstay-replicate", action="s3:PutObject")
        return [call["resources"][0].partition("/")[2] for call in calls]

    lab.until("its heartbeat", lambda: "heartbeat/replicate.json" in kept())
    assert [key.partition("/")[0] for key in kept()] == ["reports", "heartbeat"], "one run for both"
    lab.until("both to be done with", lambda: lab.due("backstay-replicate-wakes") == 0)


def woken(lab: Lab) -> int:
    calls = lab.calls(action="lambda:InvokeFunction")
    return sum(
        call["principal"] == "events.amazonaws.com" and "backstay-audit" in call["resources"][0] for call in calls
    )


@pytest.mark.parametrize(
    ("kind", "detail", "wakes"),
    [
        ("RDS DB Instance Event", {"EventID": "RDS-EVENT-0028"}, True),
        ("RDS DB Cluster Event", {"Message": "without an id"}, True),
        ("RDS DB Instance Event", {"EventID": "RDS-EVENT-9999"}, False),
        ("AWS API Call via CloudTrail", {"requestParameters": {"dBInstanceIdentifier": "orders"}}, True),
        ("AWS API Call via CloudTrail", {"requestParameters": {"dBParameterGroupName": "x"}}, False),
        ("AWS API Call via CloudTrail", {"requestParameters": {"dBInstanceIdentifier": "o"}, "errorCode": "X"}, False),
    ],
)
def test_products_rules_wake_audit_for_what_matters_and_nothing_else(
    lab: Lab, kind: str, detail: dict[str, Any], *, wakes: bool
) -> None:
    lab.deploy()
    before = woken(lab)
    named = {"eventSource": "rds.amazonaws.com", "eventName": "ModifyDBInstance", **detail}
    # Rules are matched before PutEvents answers, so there is nothing to wait for.
    lab.put_event("aws.rds", kind, named if "CloudTrail" in kind else detail, region="eu-west-2")
    assert woken(lab) - before == wakes
