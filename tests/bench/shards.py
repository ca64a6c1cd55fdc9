"""20,000 databases over 400 account-regions: the memory of a function that audits one shard after the other.

``python -m tests.bench.shards`` is the measured child: a warm function that is given every shard there is, five at a
time as the queue gives them, and then merges. Its vault is a folder, so that only what the audit itself holds counts.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.folder import FolderVault
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.ports import World
    from tests.bench.processes import Bench

_HOME: Final = "111122223333"
_BATCH: Final = 1  # template.yaml, AuditFunction, Shards
_INSTANCES, _CLUSTERS = 50, 10  # of the instances ten are writers of clusters, so 50 databases
_REGIONS: Final = (
    *("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "ap-south-1", "ap-southeast-1"),
    *("ap-southeast-2", "ap-northeast-1", "ap-northeast-2", "ap-east-1"),
)


def rows(bench: Bench, *, quick: bool) -> Iterator[Row]:
    """How much memory the last shards need beside the first ones; ``quick`` takes a tenth of the accounts."""
    accounts = 2 if quick else 20
    bench.fleet(dict.fromkeys(_REGIONS, (_INSTANCES, _CLUSTERS)))
    found = bench.measure(command=(sys.executable, "-m", "tests.bench.shards", str(accounts)))
    size = f"{found['databases']} databases, {found['shards']} shards, {found['shard_ms']:.0f} ms each"
    first, last, merged = (found[f"{each}_mb"] for each in ("first", "last", "merged"))
    how = f"{size}; {first:.0f} MB after a quarter, {last:.0f} MB after all; merged with {merged:.0f} MB at most"
    yield Row("shards: memory, all / a quarter", last / first, 1.1, how=how)


def _held_mb() -> float:
    """What the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _world(vault: FolderVault) -> World:
    """Made anew for each batch, as for each invocation."""
    from backstay.config import Settings  # noqa: PLC0415
    from backstay.providers.memory import MemoryBus, MemoryPager, MemoryShards  # noqa: PLC0415
    from backstay.wiring import Caller, lambda_world  # noqa: PLC0415

    world = lambda_world(Settings.from_environment(os.environ), Caller(_HOME))
    return replace(world, vault=vault, bus=MemoryBus(), pager=MemoryPager(), shards=MemoryShards(), starter=None)


def main() -> None:
    """Prints the figures as one object."""
    from backstay.core.requests import AuditOrder, AuditRequest  # noqa: PLC0415
    from backstay.wiring import let_go  # noqa: PLC0415
    from backstay.workflows.shards import audit_in_shards, merge, shard  # noqa: PLC0415

    members = [f"{number:012}" for number in range(1, int(sys.argv[1]))]
    os.environ |= {"BACKSTAY_REGIONS": ",".join(_REGIONS), "BACKSTAY_ACCOUNTS": ",".join(members)}
    with tempfile.TemporaryDirectory() as name:
        vault = FolderVault(Path(name))
        world = _world(vault)
        run = audit_in_shards(world, AuditRequest(all=True))["run"]
        orders = [AuditOrder(run=run, account=scope.account, region=scope.region) for scope in world.inventories]
        first, began = 0.0, time.perf_counter()
        for start in range(0, len(orders), _BATCH):
            world = _world(vault)
            for order in orders[start : start + _BATCH]:
                assert order.scope is not None
                shard(world, order, order.scope)
            let_go()
            if start <= len(orders) // 4:  # the process is warm, and three quarters are still to come
                first = _held_mb()
        took, last = time.perf_counter() - began, _held_mb()
        report: Any = merge(_world(vault), AuditOrder(run=run))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"first_mb": first, "last_mb": last, "merged_mb": peak, "shard_ms": took / len(orders) * 1000}
    print(json.dumps(figures | {"databases": report["databases"], "shards": len(orders), "status": report["status"]}))


if __name__ == "__main__":
    main()
