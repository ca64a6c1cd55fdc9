"""The judge of recorded calls, on calls that were made up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.policies import Role, Statement
from tests.template.roles import UNUSED, Refused, judge, judge_story, read_calls

if TYPE_CHECKING:
    from pathlib import Path

DB = "arn:aws:rds:eu-west-2:111122223333:db"
ROLES = {
    "audit": Role(
        "AuditRole",
        ("lambda.amazonaws.com",),
        (
            Statement("Observe", "Allow", ("rds:DescribeDBInstances",), ("*",), {}),
            Statement("Remember", "Allow", ("s3:PutObject",), ("arn:aws:s3:::vault/findings/*",), {}),
        ),
    ),
    "restore-run": Role(
        "RunRole",
        ("lambda.amazonaws.com",),
        (
            Statement(
                "Create",
                "Allow",
                ("rds:RestoreDBInstanceToPointInTime",),
                (f"{DB}:*",),
                {"StringEquals": {"aws:RequestTag/backstay:deployment": "backstay"}},
            ),
            Statement("Not", "Deny", ("rds:RestoreDBInstanceToPointInTime",), (f"{DB}:forbidden",), {}),
        ),
    ),
}
DESCRIBE = {"service": "rds", "action": "DescribeDBInstances", "function": "backstay-audit", "resources": ["*"]}
PUT = {
    "service": "s3",
    "action": "s3:PutObject",
    "function": "backstay-audit",
    "resources": ["arn:aws:s3:::vault/findings/orders.json"],
}


def restored(target: str = "orders-r-1", **tags: str) -> dict[str, Any]:
    return {
        "service": "rds",
        "action": "rds:RestoreDBInstanceToPointInTime",
        "function": "backstay-restore-run",
        "resources": [f"{DB}:orders", f"{DB}:{target}"],
        "parameters": {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]},
    }


OURS = {"backstay:deployment": "backstay"}


def test_calls_inside_the_roles_that_use_all_of_them_are_fine() -> None:
    assert judge([DESCRIBE, PUT, restored(**OURS)], ROLES, prefix="backstay-", reasons={}).ok


def test_a_call_that_is_not_granted_is_refused() -> None:
    call = {"service": "rds", "action": "ModifyDBInstance", "function": "backstay-audit", "resources": [f"{DB}:orders"]}
    found = judge([call, call], ROLES, prefix="backstay-")
    assert found.refused == (Refused("audit", "rds:ModifyDBInstance", f"{DB}:orders"),)
    assert not found.ok


def test_each_resource_of_a_call_is_judged() -> None:
    call = {**PUT, "resources": ["arn:aws:s3:::vault/findings/a.json", "arn:aws:s3:::vault/evidence/a.json"]}
    assert judge([call], ROLES, prefix="backstay-").refused == (
        Refused("audit", "s3:PutObject", "arn:aws:s3:::vault/evidence/a.json"),
    )


@pytest.mark.parametrize("resources", [["*"], [""], [None], []])
def test_a_call_without_a_resource_is_held_against_the_actions_alone(resources: list[str | None]) -> None:
    assert judge([{**PUT, "resources": resources}], ROLES, prefix="backstay-").refused == ()
    stray = {**PUT, "action": "s3:DeleteObject", "resources": resources}
    assert judge([stray], ROLES, prefix="backstay-").refused == (Refused("audit", "s3:DeleteObject", "*"),)


def test_a_denial_wins() -> None:
    found = judge([restored("forbidden", **OURS)], ROLES, prefix="backstay-")
    assert [each.resource for each in found.refused] == [f"{DB}:forbidden"]


def test_the_tags_that_a_call_asks_for_are_held_against_the_condition() -> None:
    found = judge([restored(**{"backstay:deployment": "second"})], ROLES, prefix="backstay-")
    assert {each.resource for each in found.refused} == {f"{DB}:orders", f"{DB}:orders-r-1"}


def test_what_nobody_called_is_unused() -> None:
    found = judge([DESCRIBE], ROLES, prefix="backstay-", reasons={})
    assert found.unused == (("audit", "s3:PutObject"), ("restore-run", "rds:RestoreDBInstanceToPointInTime"))


def test_unless_a_reason_is_written() -> None:
    reasons = {"audit": {"s3:PutObject": "made up"}, "restore-run": {"rds:RestoreDBInstanceToPointInTime": "made up"}}
    assert judge([DESCRIBE], ROLES, prefix="backstay-", reasons=reasons).ok


def test_an_unknown_function_is_a_stranger() -> None:
    assert judge([{**PUT, "function": "backstay-prune"}], ROLES, prefix="backstay-").strangers == ("prune",)


def test_calls_of_people_are_not_judged() -> None:
    people: list[dict[str, Any]] = [
        {**PUT, "function": None},
        {"service": "iam", "action": "iam:CreateUser", "resources": ["*"]},
    ]
    assert judge(people, ROLES, prefix="backstay-").refused == ()


def test_an_empty_story_uses_nothing() -> None:
    assert not judge([], ROLES, reasons={}).ok


def test_recorded_lines_are_read_from_every_file(tmp_path: Path) -> None:
    first, second = tmp_path / "rds.jsonl", tmp_path / "aws.jsonl"
    first.write_text(json.dumps(DESCRIBE) + "\n\n", encoding="utf-8")
    second.write_text(json.dumps(PUT) + "\n", encoding="utf-8")
    assert list(read_calls(first, second)) == [DESCRIBE, PUT]


def test_a_story_is_held_against_the_template(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    stray = {**PUT, "resources": ["arn:aws:s3:::somewhere/else"]}
    file.write_text("\n".join(map(json.dumps, (DESCRIBE, stray))) + "\n", encoding="utf-8")
    found = judge_story(file)
    assert found.refused == (Refused("audit", "s3:PutObject", "arn:aws:s3:::somewhere/else"),)
    assert ("audit", "rds:DescribeDBInstances") not in found.unused
    assert ("audit", "rds:DescribeDBClusters") in found.unused
    assert ("audit", "logs:PutLogEvents") not in found.unused


@pytest.mark.parametrize("function", UNUSED)
def test_every_reason_is_a_sentence(function: str) -> None:
    assert [action for action, reason in UNUSED[function].items() if len(reason.split()) < 5] == []
