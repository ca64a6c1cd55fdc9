"""One wire for the matrix, and the matrix's size at its end."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import botocore.endpoint
import pytest
from botocore.retries import bucket, quota
from moto import mock_aws

from backstay import wiring
from tests.faults.stage import Clock, Stage
from tests.faults.wire import Wire
from tests.handlers.cloud import ACCOUNT, AWAY, BUS, HOME, RUNNER, VAULT
from tests.handlers.conftest import CREDENTIALS, POLICY
from tests.surveys import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATTEMPTS = "2"
LATER = timedelta(hours=2)  # no claim of a run that died holds that long
# By workflow and kind of fault: calls as recorded, and runs.
SIZES: dict[tuple[str, str], tuple[int, int]] = {}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A deployed function's process, whose clock does not wait."""
    with pytest.MonkeyPatch.context() as patch:
        _environment(patch, tmp_path_factory.mktemp("faults") / "policy.yaml")
        # Retries come at once, and as often as configured, however many runs went before in this process.
        patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
        patch.setattr(bucket.TokenBucket, "acquire", lambda *_, **__: True)
        patch.setattr(quota.RetryQuota, "acquire", lambda *_: True)
        patch.setattr(wiring, "SystemClock", Clock)
        patch.setattr(wiring.EngineLogins, "login", lambda *_: "PostgreSQL 17")
        in_order(patch)  # moto cannot answer a survey; the contract suite makes each of its calls fail
        wire = Wire()
        wire.install(patch)
        wiring.lambda_clients.cache_clear()
        with mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": False}}):
            yield Stage(wire)
        wiring.lambda_clients.cache_clear()


def _environment(patch: pytest.MonkeyPatch, policy: Path) -> None:
    policy.write_text(POLICY)
    for name, value in {
        **CREDENTIALS,
        "AWS_MAX_ATTEMPTS": ATTEMPTS,
        "MOTO_ACCOUNT_ID": ACCOUNT,
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        "BACKSTAY_DEPLOYMENT": "backstay",
        "BACKSTAY_REGIONS": f"{HOME},{AWAY}",
        "BACKSTAY_POLICY": f"file://{policy}",
        "BACKSTAY_VAULT": VAULT,
        "BACKSTAY_BUS": BUS,
        "BACKSTAY_RUNNER": RUNNER,
        "POWERTOOLS_METRICS_NAMESPACE": "Backstay",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }.items():
        patch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "POWERTOOLS_SERVICE_NAME"):
        patch.delenv(name, raising=False)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How much was tried."""
    if SIZES:
        calls = {name: size for (name, _), (size, _) in SIZES.items()}
        kinds = len({kind for _, kind in SIZES})
        runs = sum(runs for _, runs in SIZES.values())
        per = ", ".join(f"{name} {size}" for name, size in calls.items())
        terminalreporter.write_line(
            f"fault matrix: {sum(calls.values())} recorded calls x {kinds} kinds, {runs} faulted runs ({per})"
        )
