"""When a function's alias moves: with its code and with each parameter that the function is told, and with no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.template.stacks import HOME, HOME_PARAMETERS, HOME_REGION, Stack, load, region_stack, translate_each

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER: Final[Mapping[str, str]] = {
    "DeploymentId": "second",
    "Regions": "eu-west-1,eu-central-1",
    "MemberAccounts": "444455556666",
    "VaultAccounts": "222233334444",
    "PolicyUri": "s3://policies/policy.yaml",
    "Enabled": "false",
    "TimeZone": "America/New_York",
    "AuditSchedule": "rate(30 minutes)",
    "ProtectSchedule": "cron(30 2 * * ? *)",
    "SnapshotSchedule": "rate(5 minutes)",
    "ReplicateSchedule": "rate(20 minutes)",
    "PruneSchedule": "cron(30 5 * * ? *)",
    "CaBundleUri": "s3://trust/bundle.pem",
    "SubnetIds": "subnet-0a1b2c3d",
    "SecurityGroupIds": "sg-0a1b2c3d",
    "PassRoleArns": "arn:aws:iam::111122223333:role/rds-s3",
    "CopyAgeHours": "36",
    "LogRetentionDays": "30",
}
NO_EFFECT_ALONE: Final = {"SecurityGroupIds"}  # without subnets; tried with them below


def stack(template: dict[str, Any], **given: str) -> Stack:
    regional = {"DeploymentId": given["DeploymentId"]} if "DeploymentId" in given else {}
    return Stack(template, {**HOME_PARAMETERS, **given}, HOME_REGION, region_stack(**regional).exports)


def versions(template: dict[str, Any]) -> dict[str, str]:
    """The version that each function publishes: its logical id, which CloudFormation knows it by."""
    return {
        each["Properties"]["FunctionName"]["Ref"]: name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::Lambda::Version"
    }


def told(template: dict[str, Any], **given: str) -> dict[str, Any]:
    """What Lambda knows of each function, by which it decides whether there is anything to publish."""
    return stack(template, **given).of_type("AWS::Lambda::Function")


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    assert len(before) == len(after) == 7
    return {name for name in before if before[name] != after[name]}


@pytest.fixture(scope="module")
def translated() -> dict[str, dict[str, Any]]:
    """The template with each parameter changed alone, and with none changed."""
    found = translate_each(HOME, [{}, *({name: value} for name, value in OTHER.items())])
    return dict(zip(["", *OTHER], found, strict=True))


def test_every_parameter_is_tried() -> None:
    assert set(load(HOME)["Parameters"]) - {"Unset"} == set(OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_given_another_value_when_it_reaches_a_function_then_that_function_and_no_other_publishes(
    translated: dict[str, dict[str, Any]], name: str
) -> None:
    published = differing(versions(translated[""]), versions(translated[name]))
    changed = differing(told(translated[""]), told(translated[name], **{name: OTHER[name]}))
    assert published == changed if name not in NO_EFFECT_ALONE else changed == set()


def test_given_other_security_groups_in_the_same_subnets_then_the_runner_alone_publishes() -> None:
    before, after = ({"SubnetIds": "subnet-0a1b", "SecurityGroupIds": group} for group in ("sg-0a1b", "sg-2c3d"))
    first, second = translate_each(HOME, [before, after])
    assert differing(versions(first), versions(second)) == {"RestoreRunFunction"}
    assert differing(told(first, **before), told(second, **after)) == {"RestoreRunFunction"}


def test_what_each_function_follows(translated: dict[str, dict[str, Any]]) -> None:
    followed = {name: len(differing(versions(translated[""]), versions(translated[name]))) for name in OTHER}
    assert {name: count for name, count in followed.items() if count} == {
        "DeploymentId": 7,
        "Regions": 7,
        "PolicyUri": 7,
        "MemberAccounts": 5,
        "CaBundleUri": 1,
        "SubnetIds": 1,
        "SecurityGroupIds": 1,
    }


def test_given_other_code_when_translated_then_every_function_publishes() -> None:
    (before,), (after,) = (translate_each(HOME, [{}], code) for code in ("one.zip", "two.zip"))
    assert len(differing(versions(before), versions(after))) == 7


def test_given_nothing_new_when_translated_again_then_nothing_is_published() -> None:
    first, again = translate_each(HOME, [{}, {}])
    assert versions(first) == versions(again)
    assert len(versions(first)) == 7


def test_older_versions_stay_for_what_still_runs_with_them(translated: dict[str, dict[str, Any]]) -> None:
    kept = [each for each in translated[""]["Resources"].values() if each["Type"] == "AWS::Lambda::Version"]
    assert {each["DeletionPolicy"] for each in kept} == {"Retain"}


def test_what_people_read_is_only_the_text(translated: dict[str, dict[str, Any]]) -> None:
    changed = told(translated["Regions"], Regions=OTHER["Regions"])
    assert [name for name, each in changed.items() if OTHER["Regions"] in each["Description"]] == []
    assert changed["AuditFunction"]["Description"].startswith("Audits one database")
    assert max(len(each["Description"]) for each in changed.values()) <= 256  # Lambda, CreateFunction, Description
