"""Which Database a configuration item of AWS Config is about, whole or oversized."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from backstay.core.errors import BadRequest
from backstay.core.requests import Waking, waking
from tests.unit.core.events import ORDERS, sample


def recorded(part: str, **item: Any) -> dict[str, Any]:
    name = {"configurationItem": "config-db-instance", "configurationItemSummary": "config-oversized-db-cluster"}[part]
    event = copy.deepcopy(sample(name))
    event["detail"][part] |= item
    return event


PARTS = ("configurationItem", "configurationItemSummary")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("arn", [None, "", 7, "arn:aws:s3:::bucket"], ids=str)
def test_given_a_config_item_without_a_databases_arn_when_read_then_its_name_and_origin_say_which(
    part: str, arn: object
) -> None:
    event = recorded(part, ARN=arn, resourceName="Orders", resourceType="AWS::RDS::DBInstance")
    found = waking(event)
    assert found is not None
    assert found.ref == ORDERS
    assert found.why == f"AWS Config {event['detail']['messageType']}"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "item",
    [
        {"resourceType": "AWS::RDS::DBSnapshot"},
        {"resourceType": None},
        {"resourceType": ["AWS::RDS::DBInstance"]},
        {"ARN": None, "resourceName": None},
        {"ARN": None, "resourceName": {"nested": "orders"}},
    ],
    ids=str,
)
def test_given_a_config_item_of_something_else_when_read_then_nothing_of_ours(part: str, item: dict[str, Any]) -> None:
    event = recorded(part, **item)
    assert waking(event) == Waking(None, f"AWS Config {event['detail']['messageType']} names no database")


@pytest.mark.parametrize(
    "different",
    [
        {"messageType": "ConfigurationSnapshotDeliveryCompleted"},
        {"messageType": None},
        {"messageType": "OversizedConfigurationItemChangeNotification"},
        {"configurationItem": None},
        {"configurationItem": "orders"},
        {"configurationItem": ["orders"]},
    ],
    ids=str,
)
def test_given_another_message_of_config_when_read_then_nothing_of_ours(different: dict[str, Any]) -> None:
    event = copy.deepcopy(sample("config-db-instance"))
    event["detail"] |= different
    found = waking(event)
    assert found is not None
    assert found.ref is None


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("text", ["or;ders", "../orders", "$(x)", "arn:aws:s3:::bucket"])
def test_given_a_hostile_name_in_a_config_item_when_read_then_refused_with_where_it_stood(part: str, text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        waking(recorded(part, ARN=None, resourceName=text))
    assert refused.value.field == f"detail.{part}.resourceName"


@pytest.mark.parametrize("item", [{"awsRegion": None}, {"awsRegion": "mars"}, {"awsAccountId": "12"}], ids=str)
def test_given_a_config_item_without_an_origin_when_read_then_refused(item: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="no usable region and account"):
        waking(recorded("configurationItem", ARN=None, **item))
