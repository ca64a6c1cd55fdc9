"""IAM is evaluated for functions, services and the RDS emulator, and every call is written down with who made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.cloud.crew import LabError

if TYPE_CHECKING:
    from tests.lab.cloud.lab import Lab


@pytest.fixture(scope="module")
def session(lab: Lab) -> dict[str, Any]:
    """The role session of sample-keep: its own access key, found by what it calls itself."""
    return dict(lab.invoke("sample-keep", {"id": "who"}))


def test_denied_action_names_the_role_and_the_action(lab: Lab) -> None:
    with pytest.raises(
        LabError, match=r"assumed-role/sample-FailRole-\w+/sample-fail is not authorized to perform: kms:ListKeys"
    ):
        lab.invoke("sample-fail", {"forbidden": True})
    (call,) = lab.calls(function="sample-fail", action="kms:ListKeys")
    assert call["error"] == "AccessDeniedException"


def test_calls_name_the_function_its_action_and_what_it_acted_on(lab: Lab, session: dict[str, Any]) -> None:
    assert session["rds"] == lab.rds_endpoint
    calls = lab.calls(function="sample-keep", action="s3:PutObject")
    assert "arn:aws:s3:::sample-bucket/events/who.json" in [
        resource for call in calls for resource in call["resources"]
    ]
    assert lab.calls(function="sample-keep", action="kms:GenerateDataKey"), "S3 asks KMS on the function's behalf"


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("s3:PutObject", "arn:aws:s3:::sample-bucket/events/x", True),
        ("s3:PutObject", "arn:aws:s3:::sample-bucket/other/x", False),
        ("rds:ModifyDBInstance", "arn:aws:rds:eu-west-2:111122223333:db:orders", False),
    ],
)
def test_authorize_answers_for_a_functions_session(
    lab: Lab, session: dict[str, Any], action: str, resource: str, *, allowed: bool
) -> None:
    question = {"access_key": session["key"], "action": action, "resources": [resource], "context": {}}
    told = lab.authorize(question)
    assert told["allowed"] is allowed
    assert told["function"] == "sample-keep"
    assert told["principal"].endswith("/sample-keep")
    assert allowed or f"not authorized to perform: {action}" in told["reason"]


@pytest.mark.parametrize(
    ("region", "tag", "allowed"),
    [
        ("eu-west-2", "backstay", True),
        ("eu-west-2", "somebody", False),
        ("us-east-1", "backstay", False),
    ],
)
def test_authorize_takes_condition_keys_from_the_context(
    lab: Lab, session: dict[str, Any], region: str, tag: str, *, allowed: bool
) -> None:
    told = lab.authorize(
        {
            "access_key": session["key"],
            "action": "rds:AddTagsToResource",
            "resources": ["arn:aws:rds:eu-west-2:111122223333:db:orders"],
            "context": {"aws:RequestedRegion": region, "aws:RequestTag/backstay:deployment": tag},
        }
    )
    assert told["allowed"] is allowed


def test_authorize_lets_the_account_do_anything_and_knows_no_strangers(lab: Lab) -> None:
    question = {"action": "rds:DeleteDBInstance", "resources": ["*"], "context": {}}
    assert lab.authorize({"access_key": lab.account, **question})["allowed"] is True
    told = lab.authorize({"access_key": "ASIAUNKNOWNUNKNOWN00", **question})
    assert (told["allowed"], told["principal"], told["function"]) == (False, None, None)


def test_authorize_refuses_a_question_without_an_action(lab: Lab) -> None:
    with pytest.raises(LabError, match="400"):
        lab.authorize({"access_key": lab.account})


def test_missing_object_is_not_told_to_who_may_not_list(lab: Lab) -> None:
    """As S3 has it: 403 for sample-keep, which may read events/ but not list; 404 for sample-run, which may list."""
    with pytest.raises(LabError, match=r"AccessDenied.*s3:ListBucket"):
        lab.invoke("sample-keep", {"id": "x", "read": "events/none"})
    (asked,) = [call for call in lab.calls(function="sample-keep", action="s3:ListBucket") if call["status"] == 403]
    assert asked["resources"] == ["arn:aws:s3:::sample-bucket"]


def test_reading_an_encrypted_object_needs_the_key(lab: Lab) -> None:
    lab.invoke("sample-keep", {"id": "sealed"})
    with pytest.raises(LabError, match=r"AccessDenied.*kms:Decrypt"):
        lab.invoke("sample-keep", {"id": "x", "read": "events/sealed.json"})
