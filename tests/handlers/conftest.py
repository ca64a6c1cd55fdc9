"""The handlers' account, environment and console."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from backstay import entry, wiring
from tests.handlers.cloud import (
    ACCOUNT,
    AWAY,
    BUS,
    HOME,
    KEY_SECRET,
    RUNNER,
    TOKEN,
    VAULT,
    Cloud,
    client,
    cluster,
    database,
)
from tests.surveys import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POLICY = """\
version: 1
tiers:
  - name: gold
    match: {tags: {backup-tier: gold}}
    objectives: {rpo: 5m, rto: 4h}
    pitr: {window: 14d, apply: immediately}
    enforce: [pitr, copy_tags, deletion_protection]
exempt:
  - {match: {names: "scratch-*"}, reason: rebuilt nightly, until: 2099-12-31}
"""


CREDENTIALS = {
    "AWS_REGION": HOME,
    "AWS_DEFAULT_REGION": HOME,
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": KEY_SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_MAX_ATTEMPTS": "1",
}


# What a deployment tells its functions, but for the policy.
DEPLOYED = {
    **CREDENTIALS,
    "MOTO_ACCOUNT_ID": ACCOUNT,
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # a third of a second for each test
    "BACKSTAY_DEPLOYMENT": "backstay",
    "BACKSTAY_REGIONS": f"{HOME},{AWAY}",
    "BACKSTAY_VAULT": VAULT,
    "BACKSTAY_BUS": BUS,
    "BACKSTAY_RUNNER": RUNNER,
    "POWERTOOLS_METRICS_NAMESPACE": "Backstay",
}
UNSET = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "POWERTOOLS_SERVICE_NAME")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The policy in force; a test may write another one into it."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, policy: Path) -> pytest.MonkeyPatch:
    """A deployed function's environment."""
    for name, value in {**DEPLOYED, "BACKSTAY_POLICY": f"file://{policy}", "POWERTOOLS_LOG_LEVEL": "DEBUG"}.items():
        monkeypatch.setenv(name, value)
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def forget_loggers() -> None:
    """Loggers keep the console of the test that made them."""
    entry.logger.cache_clear()
    for verb in ("audit", "protect", "snapshot", "replicate", "prune", "restore", "restore-run"):
        logging.Logger.manager.loggerDict.pop(verb, None)


@pytest.fixture(scope="module")
def watched() -> Iterator[Cloud]:
    """The handlers' clients, made anew per module: a client takes longer to make than a test to run."""
    wiring.lambda_clients.cache_clear()
    cloud = Cloud()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        cloud.watch(wiring.lambda_clients()._core)
        yield cloud
    wiring.lambda_clients.cache_clear()


@pytest.fixture
def account(environment: pytest.MonkeyPatch, watched: Cloud) -> Iterator[Cloud]:
    """An account with vault and bus, and nothing to protect yet."""
    in_order(environment)
    forget_loggers()
    entry._runner_world.cache_clear()
    with mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": False}}):
        place: Any = {"LocationConstraint": HOME}
        client("s3").create_bucket(Bucket=VAULT, CreateBucketConfiguration=place)
        client("events").create_event_bus(Name=BUS)
        watched.forget()
        yield watched
    forget_loggers()


@pytest.fixture
def fleet(account: Cloud) -> Cloud:
    """`orders` with PITR off, `billing` and `ledger` as they should be, `legacy` without a tier, `scratch-1` exempt."""
    database("orders", retention=0, backup_tier="gold")
    database("billing", HOME, backup_tier="gold")
    cluster("ledger")
    database("legacy")
    database("scratch-1", retention=0)
    return account


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Everything printed since the last look. Every line of it is JSON."""

    def lines() -> list[dict[str, Any]]:
        printed = capsys.readouterr()
        assert printed.err == ""
        return [json.loads(line) for line in printed.out.splitlines()]

    return lines
