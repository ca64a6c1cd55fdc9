"""One wire for the matrix, and the matrix's size at its end."""

from __future__ import annotations

import gc
import logging
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import botocore.endpoint
import moto.core.errors
import moto.core.responses
import pytest
from botocore.retries import bucket, quota
from moto import mock_aws
from moto.core.errors import ErrorLookupFactory
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import method_names_from_class

from backstay import entry, wiring
from backstay.config import policies
from tests.faults.account import QUEUE, TOPIC
from tests.faults.points import ABROAD, ASKING
from tests.faults.stage import VERBS, Clock, Stage
from tests.faults.wire import Wire
from tests.handlers.cloud import ACCOUNT, HOME
from tests.handlers.conftest import DEPLOYED, POLICY, UNSET, forget_loggers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from botocore.model import Shape

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
        patch.setattr(policies, "parse_policy", cache(policies.parse_policy))  # one text, thousands of times
        patch.setattr(entry, "let_go", lambda: None)  # clients take longer to make than a run does
        _quicken(patch)
        forget_loggers()
        for verb in VERBS:  # pytest would keep each traceback of each run
            patch.setattr(logging.getLogger(verb), "propagate", False)
        wire = Wire()
        wire.install(patch)
        wiring.lambda_clients.cache_clear()
        wiring._members.cache_clear()
        with mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": False}}):
            stage = Stage(wire)
            gc.freeze()  # thousands of runs make and leave much; what is here by now stays, and is not looked at again
            yield stage
            gc.unfreeze()
        wiring.lambda_clients.cache_clear()
        wiring._members.cache_clear()
        entry._runner_world.cache_clear()
        forget_loggers()


def _quicken(patch: pytest.MonkeyPatch) -> None:
    """What moto works out anew for each answer, it works out once."""
    patch.setattr(moto.core.responses, "method_names_from_class", cache(method_names_from_class))
    patch.setattr(moto.core.errors, "ErrorLookupFactory", cache(ErrorLookupFactory))
    names = XFormedAttributePicker.get_possible_keys
    known: dict[tuple[type, str, Shape], tuple[str, ...]] = {}

    def keys(picker: XFormedAttributePicker, asked: AttributePickerContext) -> tuple[str, ...]:
        which = type(asked.obj), asked.key, asked.shape
        if which not in known:
            known[which] = tuple(names(picker, asked))
        return known[which]

    patch.setattr(XFormedAttributePicker, "get_possible_keys", keys)


def _environment(patch: pytest.MonkeyPatch, policy: Path) -> None:
    policy.write_text(POLICY)
    policy.with_name("points.yaml").write_text(ASKING)
    policy.with_name("abroad.yaml").write_text(ABROAD)
    for name, value in {
        **DEPLOYED,
        "AWS_MAX_ATTEMPTS": ATTEMPTS,
        "BACKSTAY_POLICY": f"file://{policy}",
        "BACKSTAY_TOPIC": f"arn:aws:sns:{HOME}:{ACCOUNT}:{TOPIC}",
        "BACKSTAY_SHARDS": f"https://sqs.{HOME}.amazonaws.com/{ACCOUNT}/{QUEUE}",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }.items():
        patch.setenv(name, value)
    for name in UNSET:
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
