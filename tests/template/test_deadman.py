"""infra/deadman.yaml: our heartbeat, and nothing else, leaves the account, over https only."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from backstay.providers.aws.messages import heartbeat_detail
from tests.template.conftest import sample
from tests.template.stacks import ACCOUNT, DEADMAN, HOME_REGION, Stack, load, region_stack
from tests.template.test_rules import matches

URL = "https://hc-ping.com/0b8a8f0e-8d2b-4a9b-9a3f-2f8f5c1e7d10"
HERE = f"{HOME_REGION}:{ACCOUNT}"
REPORT = {"deployment": "backstay", "status": "findings", "databases": 42, "started_at": "2026-11-24T15:00:02Z"}


@pytest.fixture(scope="module")
def switch() -> Stack:
    """infra/deadman.yaml beside the home's location."""
    return Stack(load(DEADMAN), {"DeadMansSwitchUrl": URL}, HOME_REGION, region_stack().exports)


def the(switch: Stack, kind: str) -> dict[str, Any]:
    (found,) = switch.of_type(kind).values()
    return found


def heartbeat(**detail: Any) -> dict[str, Any]:
    """What audit puts on the bus."""
    event = {**sample("finding-changed"), "detail-type": "Backstay Heartbeat"}
    return {**event, "detail": {**heartbeat_detail(REPORT), **detail}}


def test_a_heartbeat_calls_and_nothing_else_does(switch: Stack) -> None:
    rule = the(switch, "AWS::Events::Rule")
    assert rule["EventBusName"] == "backstay"
    assert matches(rule["EventPattern"], heartbeat())
    for other in (
        heartbeat(deployment="another"),
        {**heartbeat(), "source": "com.example"},
        sample("finding-changed"),
        sample("rds-instance-event"),
    ):
        assert not matches(rule["EventPattern"], other)


def test_nothing_of_the_fleet_leaves_the_account(switch: Stack) -> None:
    (target,) = the(switch, "AWS::Events::Rule")["Targets"]
    assert json.loads(target["Input"]) == {"backstay": "alive"}
    assert "InputTransformer" not in target
    assert "InputPath" not in target


def test_the_destination_is_called_by_a_role_that_may_do_only_that(switch: Stack) -> None:
    (target,) = the(switch, "AWS::Events::Rule")["Targets"]
    destination, role = the(switch, "AWS::Events::ApiDestination"), the(switch, "AWS::IAM::Role")
    assert destination["InvocationEndpoint"] == URL
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("events:InvokeApiDestination", target["Arn"])
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_an_undelivered_heartbeat_is_kept_and_never_delivered_after_the_next(switch: Stack) -> None:
    (target,) = the(switch, "AWS::Events::Rule")["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": f"arn:aws:sqs:{HERE}:backstay-heartbeats-undelivered"}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] < 3600
    (statement,) = the(switch, "AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    assert (
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        == f"arn:aws:events:{HERE}:rule/backstay/backstay-heartbeat"
    )


@pytest.mark.parametrize("url", ["http://hc-ping.com/x", "https://", "ftp://a/b", "https://a/b c", "javascript:x", ""])
def test_only_https(url: str) -> None:
    assert not re.fullmatch(load(DEADMAN)["Parameters"]["DeadMansSwitchUrl"]["AllowedPattern"], url)


@pytest.mark.parametrize("url", [URL, "https://nosnch.in/abc", "https://a.example:8443/ping?key=1&x=%20"])
def test_urls_as_services_give_them(url: str) -> None:
    assert re.fullmatch(load(DEADMAN)["Parameters"]["DeadMansSwitchUrl"]["AllowedPattern"], url)


def test_the_url_is_not_shown() -> None:
    assert load(DEADMAN)["Parameters"]["DeadMansSwitchUrl"]["NoEcho"] is True
