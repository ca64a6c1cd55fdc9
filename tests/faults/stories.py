"""The workflows that the matrix runs: each as its function does, with what led to it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from backstay import entry, wiring
from backstay.config import Settings
from backstay.core.errors import RunFailed
from backstay.core.requests import RestoreRunRequest
from backstay.handlers import audit, protect, restore
from backstay.runs import InlineRun
from backstay.workflows import shards
from backstay.workflows.restore_run import restore_run
from tests.faults import points
from tests.faults.stage import Clock
from tests.faults.story import Story
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, ORDERS, VAULT, client, context, sample
from tests.handlers.conftest import POLICY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.stage import Stage
    from tests.faults.story import Told

_BILLING: Final = f"aws/{ACCOUNT}/{HOME}/instance/billing"
_LEDGER: Final = f"aws/{ACCOUNT}/{AWAY}/cluster/ledger"
MEMBER: Final = "444455556666"
_THEIRS: Final = f"aws/{MEMBER}/{AWAY}/instance/orders"
_RUN: Final = "20261124T101500Z-1a2b3c4d"


def _audited(**request: Any) -> Told:
    return lambda _: audit.handler(request, context("audit"))


def _protected(**request: Any) -> Told:
    return lambda _: protect.handler(request, context("protect"))


def _of_member(told: Told) -> Told:
    """With a member account, in which moto shows our own databases once more."""

    def story(stage: Stage) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BACKSTAY_ACCOUNTS", MEMBER)
            return told(stage)

    return story


def _asked(_: Stage) -> dict[str, Any]:
    return restore.handler({"database": _BILLING, "to": "latest", "target": "billing-back"}, context("restore"))


def _restored(source: str, target: str) -> Told:
    def story(stage: Stage) -> dict[str, Any]:
        request = RestoreRunRequest(database=source, target=target, request_id=f"{target}-1", moment=stage.moment)
        settings = Settings.from_environment(os.environ)
        world = wiring.lambda_world(settings, wiring.Caller(ACCOUNT))
        report = restore_run(world, InlineRun(Clock(), lambda _: None), request)
        kept = entry.publish(world, report, heartbeat=False)
        world.bus.report_ready(report)
        return {**report, "report": kept}

    return story


# An audit in shards: the first message, a shard, and the message that makes one Report of all.


def _begun(stage: Stage) -> dict[str, Any]:
    """A fleet of two regions, when one is all that a run takes; with the orders that are on the queue by then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKSTAY_POLICY", f"s3://{VAULT}/policy.yaml")
        patch.setattr(shards, "ALONE", 1)
        report = audit.handler({"all": True}, context("audit"))
    orders = {order.get("region", "merge") for order in stage.ordered()}
    return {**report, "orders": sorted(orders)}


def _policy(_: Stage) -> None:
    """The policy lies in the vault."""
    client("s3").put_object(Bucket=VAULT, Key="policy.yaml", Body=POLICY.encode())


def _worked_off(stage: Stage, order: Mapping[str, str]) -> None:
    """What Lambda's poller does with a message.

    Raises:
        RunFailed: it comes again.
    """
    record = {**sample("sqs-audit-shards")["Records"][0], "body": json.dumps(order)}
    if audit.handler({"Records": [record]}, context("audit"))["batchItemFailures"]:
        # The frame for queues takes every error there is; ours logs those that it knows.
        assert "order failed" in stage.console.getvalue(), "an error that is none of ours"
        raise RunFailed("the message comes again")


def _order(region: str) -> dict[str, str]:
    return {"run": _RUN, "account": ACCOUNT, "region": region}


def _examined(stage: Stage) -> dict[str, Any]:
    """The shard's Report; or that there is none, which the one Report will say."""
    _worked_off(stage, _order(AWAY))
    stage.wire.close()
    return _stored(f"shards/audit/{_RUN}/aws-{ACCOUNT}-{AWAY}.json") or {"status": "unknown"}


def _with_shards(*regions: str) -> Callable[[Stage], None]:
    """The run as its first message left it, and some of its shards."""

    def before(stage: Stage) -> None:
        run = {
            "schema": "backstay.audit-run/1",
            "started_at": Clock().now().isoformat(),
            "scopes": [f"aws/{ACCOUNT}/{region}" for region in (HOME, AWAY)],
            "known": [],
        }
        client("s3").put_object(Bucket=VAULT, Key=f"shards/audit/{_RUN}/run.json", Body=json.dumps(run).encode())
        for region in regions:
            _worked_off(stage, _order(region))

    return before


def _merged(stage: Stage) -> dict[str, Any]:
    """The one Report; or that the order is back on the queue, or refused."""
    _worked_off(stage, {"run": _RUN})
    stage.wire.close()
    if done := _stored(f"shards/audit/{_RUN}/merged.json"):
        return _stored(str(done["report"]).removeprefix(f"s3://{VAULT}/"))
    if {"run": _RUN} in stage.ordered():
        return {"status": "pending"}
    assert "order refused" in stage.console.getvalue(), "neither merged nor put back"
    return {"status": "refused"}


def _stored(key: str) -> dict[str, Any]:
    """An object of the vault; empty when there is none."""
    s3 = client("s3")
    if not s3.list_objects_v2(Bucket=VAULT, Prefix=key)["KeyCount"]:
        return {}
    found: dict[str, Any] = json.loads(s3.get_object(Bucket=VAULT, Key=key)["Body"].read())
    return found


STORIES: Final[Mapping[str, Story]] = {
    "audit-all": Story(_audited(all=True), "findings"),
    "audit-one": Story(_audited(database=ORDERS), "findings"),
    "audit-begun": Story(_begun, "pending", before=_policy),
    "audit-shard": Story(_examined, "findings", later=("unknown",)),  # of two reports of a shard the first stands
    "audit-merge": Story(_merged, "findings", before=_with_shards(HOME, AWAY)),
    "audit-merge-early": Story(_merged, "pending", before=_with_shards(AWAY), later=("unknown",)),
    "audit-member": Story(_of_member(_audited(database=_THEIRS)), "findings"),
    "protect-all": Story(_protected(all=True), "ok"),
    "protect-one": Story(_protected(database=_LEDGER), "ok"),
    "protect-member": Story(_of_member(_protected(database=_THEIRS)), "ok"),
    "restore": Story(_asked, "pending"),
    "restore-run": Story(_restored(_BILLING, "billing-back"), "ok"),
    "restore-run-cluster": Story(_restored(_LEDGER, "ledger-back"), "ok"),
    **points.STORIES,
}
