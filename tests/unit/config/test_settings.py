"""A function's environment, read whole or refused by the name of the variable."""

from __future__ import annotations

import pytest

from backstay.config import Settings
from backstay.core.errors import BadRequest

ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "BACKSTAY_DEPLOYMENT": "backstay",
    "BACKSTAY_REGIONS": "eu-west-2, eu-west-1,eu-west-2",
    "BACKSTAY_POLICY": "s3://rules/policy.yaml",
    "BACKSTAY_VAULT": "backstay-vault-111122223333-eu-west-1",
    "BACKSTAY_BUS": "backstay",
    "BACKSTAY_RUNNER": "arn:aws:lambda:eu-west-1:111122223333:function:backstay-restore-run:live",
    "BACKSTAY_CA_BUNDLE": "s3://backstay-vault-111122223333-eu-west-1/ca/global-bundle.pem",
}


def test_given_a_functions_environment_when_read_then_every_setting_is_there() -> None:
    assert Settings.from_environment(ENVIRONMENT) == Settings(
        region="eu-west-1",
        regions=("eu-west-2", "eu-west-1"),
        deployment="backstay",
        policy="s3://rules/policy.yaml",
        vault="backstay-vault-111122223333-eu-west-1",
        bus="backstay",
        runner="arn:aws:lambda:eu-west-1:111122223333:function:backstay-restore-run:live",
        ca_bundle="s3://backstay-vault-111122223333-eu-west-1/ca/global-bundle.pem",
    )


def test_given_the_least_environment_when_read_then_the_rest_has_defaults() -> None:
    settings = Settings.from_environment({"AWS_REGION": "us-gov-west-1", "BACKSTAY_REGIONS": "us-gov-west-1"})
    assert settings == Settings(region="us-gov-west-1", regions=("us-gov-west-1",))
    assert (settings.deployment, settings.policy) == ("backstay", "default")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", ""),
        ("AWS_REGION", "ireland"),
        ("BACKSTAY_REGIONS", ""),
        ("BACKSTAY_REGIONS", " , "),
        ("BACKSTAY_REGIONS", "eu-west-1,,eu-west-2"),
        ("BACKSTAY_REGIONS", "eu-west-1;eu-west-2"),
        ("BACKSTAY_DEPLOYMENT", "Backstay"),
        ("BACKSTAY_DEPLOYMENT", "9lives"),
        ("BACKSTAY_DEPLOYMENT", "a" * 32),
        ("BACKSTAY_DEPLOYMENT", "a/../b"),
        ("BACKSTAY_POLICY", "s3://rules"),
        ("BACKSTAY_POLICY", "https://example.com/policy.yaml"),
        ("BACKSTAY_VAULT", "s3://vault"),
        ("BACKSTAY_VAULT", "UPPER"),
        ("BACKSTAY_BUS", "two words"),
        ("BACKSTAY_RUNNER", "backstay-restore-run"),
        ("BACKSTAY_RUNNER", "arn:aws:lambda:eu-west-1:111122223333:function:backstay-restore-run"),
        ("BACKSTAY_CA_BUNDLE", "/etc/ssl/rds.pem"),
    ],
)
def test_given_a_malformed_variable_when_read_then_it_is_named_with_what_is_accepted(name: str, value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        Settings.from_environment({**ENVIRONMENT, name: value})
    assert refused.value.field == name
    assert refused.value.accepted


def test_given_blanks_around_a_region_when_read_then_they_are_no_mistake() -> None:
    assert Settings.from_environment({**ENVIRONMENT, "BACKSTAY_REGIONS": " eu-west-1\n"}).regions == ("eu-west-1",)


# --- member accounts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "accounts"),
    [
        ("", ()),
        (" ", ()),
        ("444455556666", ("444455556666",)),
        ("444455556666, 777788889999", ("444455556666", "777788889999")),
        ("444455556666,444455556666", ("444455556666",)),
    ],
)
def test_given_member_accounts_when_read_then_each_once(text: str, accounts: tuple[str, ...]) -> None:
    told = {"AWS_REGION": "eu-west-1", "BACKSTAY_REGIONS": "eu-west-1", "BACKSTAY_ACCOUNTS": text}
    assert Settings.from_environment(told).accounts == accounts


@pytest.mark.parametrize(
    "text", ["44445555666", "444455556666,", "444455556666;777788889999", "staging", "\uff13" * 12]
)
def test_given_what_is_no_account_when_read_then_refused_by_its_name(text: str) -> None:
    told = {"AWS_REGION": "eu-west-1", "BACKSTAY_REGIONS": "eu-west-1", "BACKSTAY_ACCOUNTS": text}
    with pytest.raises(BadRequest) as refused:
        Settings.from_environment(told)
    assert refused.value.field == "BACKSTAY_ACCOUNTS"
