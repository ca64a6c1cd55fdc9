"""Pause, uninstall and reinstall, with the product's own templates in a lab of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.cloud.lab import DEPLOYMENT, REPO, Lab

from .conftest import STUB

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    with Lab.start(rds=STUB) as running:
        running.deploy()
        yield running


def states(lab: Lab) -> dict[str, str]:
    """Every schedule and rule of the home stack, with its state."""
    schedules = lab.client("scheduler").list_schedules()["Schedules"]
    rules = lab.client("events").list_rules(EventBusName=DEPLOYMENT)["Rules"]
    return {item["Name"]: item["State"] for item in (*schedules, *rules)}


def delete(lab: Lab, stack: str) -> None:
    cloudformation = lab.client("cloudformation")
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})


def test_pause_stops_everything_but_the_audits_schedule_and_is_taken_back(own: Lab) -> None:
    running = states(own)
    assert set(running.values()) == {"ENABLED"}
    own.deploy({"Enabled": "false"})
    assert {name for name, state in states(own).items() if state == "ENABLED"} == {f"{DEPLOYMENT}-audit"}
    own.deploy()
    assert states(own) == running


def test_uninstalled_vault_and_key_are_left_and_a_reinstallation_takes_them_up(own: Lab) -> None:
    regional: Any = own.client("cloudformation").describe_stacks(StackName=f"{DEPLOYMENT}-region")["Stacks"][0]
    before = {output["OutputKey"]: output["OutputValue"] for output in regional["Outputs"]}
    own.client("s3").put_object(Bucket=before["VaultBucketName"], Key="findings/kept.json", Body=b"{}")
    delete(own, DEPLOYMENT)
    delete(own, f"{DEPLOYMENT}-region")
    assert not own.functions()
    template = (REPO / "infra" / "region.yaml").read_text()
    given = {"DeploymentId": DEPLOYMENT, "HomeRegion": own.region, "VaultKeyArn": before["VaultKeyArn"]}
    after = own.deploy_stack(f"{DEPLOYMENT}-region", template, given)
    assert after.outputs == before
    assert (
        own.client("s3").get_object(Bucket=before["VaultBucketName"], Key="findings/kept.json")["Body"].read() == b"{}"
    )
