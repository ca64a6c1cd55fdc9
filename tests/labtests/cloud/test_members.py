"""Another account's events reach the home bus by the role and the rules of infra/member-region.yaml, or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.cloud import deploy
from tests.lab.cloud.lab import REPO

if TYPE_CHECKING:
    from tests.lab.cloud.lab import Lab

MEMBER, STRANGER, REGION = "444455556666", "777788889999", "eu-west-2"
TEMPLATE = (REPO / "infra" / "member-region.yaml").read_text()


@dataclass(frozen=True)
class Account:
    """An account's own administrator in the lab."""

    lab: Lab
    id: str

    def client(self, service: str, region: str | None = None) -> Any:
        return self.lab.client(service, region, self.id)

    def forward(self, template: str = TEMPLATE) -> None:
        given = {"DeploymentId": "backstay", "HomeAccount": self.lab.account, "HomeRegion": self.lab.region}
        deploy.deploy(self, REGION, "backstay-member-region", template, given)

    def happens(self, detail: dict[str, Any], source: str = "aws.rds", kind: str = "RDS DB Instance Event") -> None:
        """What a service of this account says."""
        entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
        assert self.client("events", REGION).put_events(Entries=[entry])["FailedEntryCount"] == 0

    def undelivered(self) -> list[dict[str, Any]]:
        sqs = self.client("sqs", REGION)
        url = sqs.get_queue_url(QueueName="backstay-forward-dead-letters")["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(each["Body"]) for each in found]


@pytest.fixture(scope="module")
def home(lab: Lab) -> Lab:
    """The product at home, told of one member."""
    lab.deploy({"MemberAccounts": MEMBER})
    return lab


def woken(lab: Lab) -> int:
    """Rules are matched before PutEvents answers, so there is nothing to wait for."""
    calls = lab.calls(action="lambda:InvokeFunction")
    return sum(
        call["principal"] == "events.amazonaws.com" and "backstay-audit" in call["resources"][0] for call in calls
    )


def test_given_a_member_when_a_database_of_it_changes_then_audit_wakes_at_home(home: Lab) -> None:
    member, before = Account(home, MEMBER), woken(home)
    member.forward()
    member.happens({"EventID": "RDS-EVENT-0028", "SourceIdentifier": "orders", "SourceType": "DB_INSTANCE"})
    assert woken(home) == before + 1
    call = {"eventSource": "rds.amazonaws.com", "eventName": "AddTagsToResource"}
    named = {"requestParameters": {"resourceName": f"arn:aws:rds:{REGION}:{MEMBER}:db:orders"}}
    member.happens({**call, **named}, kind="AWS API Call via CloudTrail")
    assert woken(home) == before + 2
    (said,) = {each["principal"] for each in home.calls(action="events:PutEvents") if MEMBER in each["principal"]} - {
        f"arn:aws:iam::{MEMBER}:root"
    }
    assert said.endswith(f":assumed-role/backstay-member-forward-{REGION}/events")


def test_given_an_account_that_is_no_member_when_it_forwards_then_the_home_bus_refuses_it(home: Lab) -> None:
    stranger, before = Account(home, STRANGER), woken(home)
    stranger.forward()
    stranger.happens({"EventID": "RDS-EVENT-0028", "SourceIdentifier": "orders", "SourceType": "DB_INSTANCE"})
    assert woken(home) == before
    (letter,) = home.until("the refused event", stranger.undelivered)
    assert letter["account"] == STRANGER


def test_given_a_member_when_it_makes_up_a_finding_then_the_home_bus_refuses_it(home: Lab) -> None:
    member, before = Account(home, MEMBER), len(home.calls(action="lambda:InvokeFunction"))
    member.forward(TEMPLATE.replace("source: [aws.rds]", "source: [aws.rds, backstay]"))
    try:
        member.happens({"verdict": "fail", "repairable": True}, "backstay", "RDS DB Instance Event")
        (letter,) = home.until("the refused event", member.undelivered)
    finally:
        member.forward()
    assert letter["source"] == "backstay"
    assert len(home.calls(action="lambda:InvokeFunction")) == before
