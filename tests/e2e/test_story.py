"""What the story left behind: calls inside the roles, nothing secret kept, and refusals that are clear."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.demo.fleet import LOGIN
from tests.lab.demo.story import is_heartbeat
from tests.template.roles import judge_story

if TYPE_CHECKING:
    from tests.lab.demo.story import Tale

pytestmark = pytest.mark.e2e
FUNCTIONS = ("audit", "protect", "snapshot", "replicate", "prune", "restore", "restore-run")


def vault(told: Tale) -> dict[str, bytes]:
    """Every object in the home vault."""
    s3 = told.lab.client("s3")
    name = f"backstay-vault-{told.lab.account}-{told.lab.region}"
    keys = [
        each["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name) for each in page["Contents"]
    ]
    return {key: s3.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}


def test_every_call_is_inside_its_role_and_every_permission_is_used_or_explained(told: Tale) -> None:
    policy = f"s3://backstay-vault-{told.lab.account}-{told.lab.region}/policy.yaml"
    files = [told.lab.root / "calls" / name for name in ("aws.jsonl", "rds.jsonl")]
    exports = told.lab.client("cloudformation").list_exports()["Exports"]
    key = next(each["Value"] for each in exports if each["Name"] == "backstay-vault-key-arn")
    judgement = judge_story(*files, vault_key=key, PolicyUri=policy)
    assert judgement.refused == ()
    assert judgement.unused == ()
    assert judgement.ok


def test_no_function_was_denied_anything_in_the_story(told: Tale) -> None:
    denied = [call for call in told.lab.calls() if call["function"] and "AccessDenied" in str(call["error"])]
    assert denied == []


def test_no_function_failed_but_to_try_a_busy_database_again(told: Tale) -> None:
    errors = [line["error"] for line in told.lab.invocations() if line["error"]]
    expected = ("Lambda tries again", "Worker process died")  # the second is another test's doing: test_killed.py
    assert [error for error in errors if not any(each in error for each in expected)] == []


def test_nothing_that_was_logged_or_kept_holds_a_password(told: Tale) -> None:
    managed = [
        json.loads(
            told.lab.client("secretsmanager", report["secret"].split(":")[3]).get_secret_value(
                SecretId=report["secret"]
            )["SecretString"]
        )["password"]
        for report in told.reports.values()
    ]
    planted = [*managed, LOGIN["MasterUserPassword"]]
    kept = {**vault(told), **{name: "\n".join(told.lab.logs(f"backstay-{name}")).encode() for name in FUNCTIONS}}
    assert len(managed) == 4
    assert [name for name, body in kept.items() if any(each.encode() in body for each in planted)] == []


def test_the_restored_databases_have_what_a_bare_restore_loses(told: Tale) -> None:
    orders = told.fleet.instance(told.reports["orders"]["target"])
    ledger = told.fleet.cluster(told.reports["ledger"]["target"])
    assert orders["DBParameterGroups"][0]["DBParameterGroupName"] == "orders-pg"
    assert ledger["DBClusterParameterGroup"] == "ledger-pg"
    assert [member["IsClusterWriter"] for member in ledger["DBClusterMembers"]] == [True]
    for restored in (orders, ledger):
        tags = {tag["Key"]: tag["Value"] for tag in restored["TagList"]}
        assert restored["BackupRetentionPeriod"] == 14
        assert restored["DeletionProtection"]
        assert restored["CopyTagsToSnapshot"]
        assert [group["VpcSecurityGroupId"] for group in restored["VpcSecurityGroups"]] == [told.fleet.group]
        assert tags["team"] == "payments"
        assert tags["backstay:deployment"] == "backstay"


def test_a_restore_from_a_snapshot_ends_with_a_login_too(told: Tale) -> None:
    told.fleet.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="orders-before")
    waiter = told.fleet.rds.get_waiter("db_snapshot_available")
    waiter.wait(DBSnapshotIdentifier="orders-before", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    answer = told.lab.invoke(
        "backstay-restore", {"database": "orders", "snapshot": "orders-before", "target": "orders-s"}
    )
    report = json.loads(told.lab.durable(answer["execution"]["id"])["Result"])
    assert (report["status"], report["server"].split()[0], report["lacking"]) == ("ok", "PostgreSQL", [])


@pytest.mark.parametrize(
    ("function", "request_", "field"),
    [
        ("protect", {}, "request"),
        ("protect", {"al": True}, "al"),
        ("protect", {"all": True, "database": "orders"}, "request"),
        ("protect", {"database": "../orders"}, "database"),
        ("protect", {"database": "orders; rm -rf /"}, "database"),
        ("audit", {"database": "nowhere"}, "database"),
        ("audit", ["orders"], ""),
        ("restore", {"database": "orders"}, "request"),
        ("restore", {"database": "orders", "to": "2026-11-24T10:15:00"}, "to"),
        ("restore", {"database": "nowhere", "to": "latest"}, "database"),
        ("restore", {"database": "orders", "to": "latest", "target": "$(id)"}, "target"),
    ],
)
def test_a_bad_request_gets_one_clear_refusal(told: Tale, function: str, request_: Any, field: str) -> None:
    before = len(told.lab.calls(action="rds:ModifyDBInstance"))
    answer = told.lab.invoke(f"backstay-{function}", request_)
    assert (answer["status"], answer["exit_status"]) == ("refused", 1)
    assert answer["error"]["field"] == field
    assert answer["error"]["accepted"] or not field
    assert len(told.lab.calls(action="rds:ModifyDBInstance")) == before


def test_a_moment_outside_the_window_is_answered_with_the_window(told: Tale) -> None:
    answer = told.lab.invoke("backstay-restore", {"database": "orders", "to": "2020-01-01T00:00:00Z"})
    assert answer["status"] == "refused"
    assert answer["refusal"]["window"]["earliest"] < answer["refusal"]["window"]["latest"]


def test_a_denied_region_is_unknown_and_the_rest_is_audited(told: Tale) -> None:
    told.lab.rds_admin("POST", "faults", {"action": "DescribeDBInstances", "region": "eu-west-1", "kind": "denied"})
    try:
        answer = told.lab.invoke("backstay-audit", {"all": True})
    finally:
        told.lab.rds_admin("DELETE", "faults")
    assert (answer["status"], answer["exit_status"]) == ("unknown", 2)
    assert [unread["scope"] for unread in answer["unread"]] == [f"aws/{told.lab.account}/eu-west-1"]
    assert answer["databases"] >= 6


def test_a_heartbeat_is_on_the_bus_exactly_when_everything_was_audited_and_read(told: Tale) -> None:
    def heartbeats() -> int:
        return sum(is_heartbeat(call) and not call["error"] for call in told.lab.calls(action="events:PutEvents"))

    def beats(request: dict[str, Any]) -> int:
        before = heartbeats()
        told.lab.invoke("backstay-audit", request)
        return heartbeats() - before

    assert beats({"all": True}) == 1
    assert beats({"database": "orders"}) == 0
    assert beats({"match": {"names": ["*"]}}) == 0
    told.lab.rds_admin("POST", "faults", {"action": "DescribeDBClusters", "region": "eu-west-1", "kind": "denied"})
    try:
        assert beats({"all": True}) == 0
    finally:
        told.lab.rds_admin("DELETE", "faults")
    assert beats({"all": True}) == 1


def test_people_got_a_message_for_what_was_found_and_for_what_is_over_and_none_without_news(told: Tale) -> None:
    sent = [call["parameters"] for call in told.lab.calls(function="backstay-audit", action="sns:Publish")]
    assert re.match(r"Backstay: [1-9]\d* new, 0 resolved, [1-9]\d* open \(3 critical\)", sent[0]["Subject"])
    assert "1. critical BK001 ledger (eu-west-2, tier gold), new: " in sent[0]["Message"]
    assert "   Fix: backstay protect arn:aws:rds:eu-west-2:" in sent[0]["Message"]
    assert any(re.search(r", [1-9]\d* resolved, ", each["Subject"]) for each in sent[1:])
    told.lab.invoke("backstay-audit", {"all": True})
    before = len(told.lab.calls(action="sns:Publish"))
    told.lab.invoke("backstay-audit", {"all": True})
    assert len(told.lab.calls(action="sns:Publish")) == before


def test_a_dry_run_of_protect_is_the_plan_and_changes_nothing(told: Tale) -> None:
    told.fleet.rds.create_db_instance(
        DBInstanceIdentifier="late",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        BackupRetentionPeriod=1,
        Tags=[{"Key": "backup-tier", "Value": "silver"}],
        **LOGIN,
    )
    told.lab.until("late", lambda: told.fleet.instance("late")["DBInstanceStatus"] == "available")
    plan = told.lab.invoke("backstay-protect", {"all": True, "dry_run": True})
    assert (plan["status"], plan["outcomes"]) == ("ok", [])
