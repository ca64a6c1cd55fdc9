"""Member accounts: read and repaired by the roles that they give us; one that cannot be read hides no other."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto.iam import models as iam

from backstay import wiring
from backstay.handlers import audit as audit_handler
from backstay.handlers import protect as protect_handler
from backstay.providers.aws import members as members_module
from backstay.workflows.reports import every_verdict
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, Cloud, client, context, database, sample, somebody
from tests.handlers.conftest import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBER = "444455556666"
OUR_KEYS = {CREDENTIALS["AWS_ACCESS_KEY_ID"], "AKIAIOSFODNN7TESTERS"}
READ = f"arn:aws:iam::{MEMBER}:role/backstay-member-read"
REPAIR = f"arn:aws:iam::{MEMBER}:role/backstay-member-repair"


def audit(event: Any) -> dict[str, Any]:
    return audit_handler.handler(event, context("audit"))


def protect(event: Any) -> dict[str, Any]:
    return protect_handler.handler(event, context("protect"))


def rds(region: str = AWAY) -> Any:
    """The member's own administrator."""
    admin = f"arn:aws:iam::{MEMBER}:role/Admin"
    taken = client("sts").assume_role(RoleArn=admin, RoleSessionName="casey")["Credentials"]
    return somebody().client(
        "rds",
        region_name=region,
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )


@pytest.fixture
def both(account: Cloud, environment: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """`billing` at home as it should be, `orders` in the member account without backups."""
    wiring._members.cache_clear()
    environment.setenv("BACKSTAY_ACCOUNTS", MEMBER)
    # moto tells accounts apart by access key, unless it is told that there is only one.
    environment.delenv("MOTO_ACCOUNT_ID")
    of_member = iam.get_account_id_from
    environment.setattr(iam, "get_account_id_from", lambda key: ACCOUNT if key in OUR_KEYS else of_member(key))
    database("billing", HOME, backup_tier="gold")
    rds().create_db_instance(
        DBInstanceIdentifier="orders",
        Engine="postgres",
        DBInstanceClass="db.m7g.large",
        AllocatedStorage=20,
        MasterUsername="app_admin",
        MasterUserPassword="planted-master-password",
        BackupRetentionPeriod=0,
        Tags=[{"Key": "backup-tier", "Value": "gold"}],
    )
    account.calls.clear()
    yield account
    wiring._members.cache_clear()


def window(report: dict[str, Any]) -> dict[str, str]:
    """BK001's verdicts that are not green, by account."""
    found = [each for each in every_verdict(report) if each["rule"] == "BK001"]
    return {each["database"]["account"]: each["verdict"] for each in found}


def test_given_a_member_when_everything_is_audited_then_its_databases_are_judged(both: Cloud) -> None:
    report = audit(sample("schedule-audit"))
    assert report["databases"] == 2
    assert window(report) == {MEMBER: "fail"}
    assert report["unread"] == []
    assert f"findings/aws/{MEMBER}/{AWAY}/instance/orders.json" in both.keys


def test_given_a_member_when_read_then_one_role_is_taken_on_once_with_the_external_id(both: Cloud) -> None:
    audit(sample("schedule-audit"))
    audit(sample("schedule-audit"))
    (taken,) = both.named("sts:AssumeRole")
    assert taken.region == HOME
    assert taken.parameters == {
        "RoleArn": READ,
        "ExternalId": f"backstay/{ACCOUNT}",
        "RoleSessionName": "backstay-home",
    }


def test_given_a_member_named_by_its_arn_when_protected_then_repaired_with_the_repairing_role(both: Cloud) -> None:
    report = protect({"database": f"arn:aws:rds:{AWAY}:{MEMBER}:db:orders"})
    assert report["status"] in {"ok", "pending"}
    assert [call.parameters["RoleArn"] for call in both.named("sts:AssumeRole")] == [READ, REPAIR]
    assert rds().describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["BackupRetentionPeriod"] == 14


def test_given_our_own_account_among_the_members_when_audited_then_read_once_and_as_ourselves(
    both: Cloud, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("BACKSTAY_ACCOUNTS", ACCOUNT)
    assert audit(sample("schedule-audit"))["databases"] == 1
    assert both.named("sts:AssumeRole") == []


@pytest.mark.parametrize(
    ("code", "status", "why"),
    [
        ("AccessDenied", 403, "Denied"),
        ("Throttling", 400, "Throttl"),
        ("ServiceUnavailable", 503, "ServiceUnavailable"),
    ],
)
def test_given_a_role_that_cannot_be_taken_on_when_audited_then_unknown_and_the_rest_is_judged(
    both: Cloud, code: str, status: int, why: str
) -> None:
    both.fail("sts:AssumeRole", code, status)
    report = audit(sample("schedule-audit"))
    assert (report["status"], report["exit_status"], report["databases"]) == ("unknown", 2, 1)
    lost = {(each["scope"], each["what"]) for each in report["unread"]}
    regions = {f"aws/{MEMBER}/{region}" for region in (HOME, AWAY)}
    assert lost == {(scope, what) for scope in regions for what in ("instances", "clusters")}
    assert all(why in each["error"] and "sts:AssumeRole" in each["error"] for each in report["unread"])
    assert len(both.named("sts:AssumeRole")) == 1, "a refused role is not asked for again within the run"


def test_given_a_refused_role_when_a_minute_has_passed_then_asked_for_again(
    both: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.fail("sts:AssumeRole", "AccessDenied", 403)
    assert audit(sample("schedule-audit"))["status"] == "unknown"
    both.answers.clear()
    assert audit(sample("schedule-audit"))["status"] == "unknown"
    later = monotonic() + members_module._REFUSED_SECONDS + 1
    monkeypatch.setattr(members_module, "monotonic", lambda: later)
    assert audit(sample("schedule-audit"))["databases"] == 2


def test_given_a_member_that_denies_the_repair_when_protected_then_failed_and_nothing_was_changed(both: Cloud) -> None:
    protect({"database": f"arn:aws:rds:{AWAY}:{MEMBER}:db:orders", "dry_run": True})
    both.fail("sts:AssumeRole", "AccessDenied", 403)
    report = protect({"database": f"arn:aws:rds:{AWAY}:{MEMBER}:db:orders"})
    (outcome,) = report["outcomes"]
    assert outcome["result"] == "failed"
    assert "sts:AssumeRole" in outcome["message"]
    assert rds().describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["BackupRetentionPeriod"] == 0


def test_given_an_event_of_a_member_when_woken_then_only_its_own_account_is_asked(both: Cloud) -> None:
    event = sample("rds-instance-event")
    event["account"] = MEMBER
    event["detail"]["SourceArn"] = f"arn:aws:rds:{AWAY}:{MEMBER}:db:orders"
    assert audit(event)["databases"] == 1
    assert both.named("rds:DescribeDBInstances") == [], "not with our own credentials"


def test_given_a_member_that_is_not_ours_when_named_then_refused_with_where_we_look(both: Cloud) -> None:
    assert both
    report = audit({"database": f"arn:aws:rds:{AWAY}:777788889999:db:orders"})
    assert (report["status"], report["error"]["field"]) == ("refused", "database")
    assert MEMBER in report["error"]["accepted"]


def test_clients_of_a_member_are_made_without_a_single_call(both: Cloud) -> None:
    clients = wiring._members(wiring.lambda_clients(), "backstay", ACCOUNT).clients(MEMBER, "read")
    clients.rds(AWAY)
    assert both.calls == []
    both.fail("sts:AssumeRole", "AccessDenied", 403)
    with pytest.raises(Exception, match="sts:AssumeRole") as refused:
        clients.rds(AWAY).describe_db_instances()
    assert not isinstance(refused.value, ClientError)
