"""What is measured, each in a process of its own: ``python -m tests.bench.measured WHAT ARGUMENTS`` prints one object.

``cpu`` is user and system seconds of the work alone, ``process_cpu`` of the whole process with its imports, ``rss_mb``
the most memory that the process ever held.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.ports import World

ACCOUNT: Final = "111122223333"
_LISTINGS: Final = {"describe_db_instances": "DBInstances", "describe_db_clusters": "DBClusters"}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), _cpu()
    answer = work()
    answer |= {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu, "process_cpu": _cpu()}
    return answer | {"rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _world(regions: str) -> World:
    """As a function has it, but that nothing is remembered: only what RDS answers is measured."""
    from dataclasses import replace  # noqa: PLC0415  # a child imports what it measures, and nothing else

    from backstay.config import Settings  # noqa: PLC0415
    from backstay.providers.memory import MemoryBus, MemoryVault  # noqa: PLC0415
    from backstay.wiring import Caller, lambda_world  # noqa: PLC0415

    os.environ["BACKSTAY_REGIONS"] = regions
    world = lambda_world(Settings.from_environment(os.environ), Caller(ACCOUNT))
    return replace(world, vault=MemoryVault(), bus=MemoryBus(), starter=None)


def audit(regions: str, known: str = "") -> dict[str, Any]:
    """Audit over everything.

    Args:
        regions: separated by commas.
        known: measure an audit of a fleet that was audited before, as every hour's but the first is.
    """
    from backstay.core.requests import AuditRequest  # noqa: PLC0415
    from backstay.workflows.audit import audit as work  # noqa: PLC0415

    world = _world(regions)

    def run() -> dict[str, Any]:
        report = work(world, AuditRequest(all=True))
        return {"status": report["status"], "databases": report["databases"]}

    before = _timed(run)["cpu"] if known else 0.0
    answer = _timed(run)
    return answer | {"process_cpu": answer["process_cpu"] - before}


def front_door(region: str) -> dict[str, Any]:
    """A restore's preflight and plan, from the start of the process."""
    from backstay.core.requests import RestoreRequest  # noqa: PLC0415
    from backstay.workflows.restore import restore as work  # noqa: PLC0415

    def run() -> dict[str, Any]:
        request = RestoreRequest(database="i-00001", to="latest", dry_run=True)
        return {"status": work(_world(region), request)["status"]}

    return _timed(run)


def bare(regions: str, chains: str = "") -> dict[str, Any]:
    """A script over boto3 that lists the same databases one page after the other, and keeps them as boto3 gives them.

    Args:
        regions: separated by commas.
        chains: one listing only, e.g. ``describe_db_instances``.
    """
    import boto3  # noqa: PLC0415

    made = {region: boto3.client("rds", region_name=region) for region in regions.split(",")}

    def run() -> dict[str, Any]:
        found = []
        for client in made.values():
            for operation, key in _LISTINGS.items():
                if chains in ("", operation):
                    pages: Any = client.get_paginator(operation)  # type: ignore[call-overload]
                    for page in pages.paginate(PaginationConfig={"PageSize": 100}):
                        found.extend(page[key])
        return {"databases": len(found)}

    return _timed(run)


def start(handler: str) -> dict[str, Any]:
    """A function's start: its module, its world and clients; or, for a list of modules and services, only theirs."""

    def run() -> dict[str, Any]:
        if handler.startswith("{"):
            _third_party(json.loads(handler))
            return {}
        return _handler(handler)

    return _timed(run)


def _handler(name: str) -> dict[str, Any]:
    import importlib  # noqa: PLC0415

    importlib.import_module(f"backstay.handlers.{name}")
    from backstay import wiring  # noqa: PLC0415
    from backstay.config import Settings  # noqa: PLC0415

    wiring.lambda_world(Settings.from_environment(os.environ), wiring.Caller(ACCOUNT))
    clients = sorted({f"{service}|{region or ''}" for service, region in wiring.lambda_clients()._made})
    foreign = [each for each in sys.modules if not each.startswith(("backstay", "tests", "_", "encodings"))]
    return {
        "modules": foreign,
        "clients": clients,
        "own": [each for each in sys.modules if each.startswith("backstay")],
    }


def _third_party(given: dict[str, Any]) -> None:
    import importlib  # noqa: PLC0415

    for name in given["modules"]:
        importlib.import_module(name)
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    session = boto3.Session()
    for each in given["clients"]:
        service, _, region = each.partition("|")
        make: Any = session.client
        make(service, region_name=region or None, config=Config(retries={"mode": "adaptive"}))


_MEASURED: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "audit": audit,
    "front-door": front_door,
    "bare": bare,
    "start": start,
}

if __name__ == "__main__":
    print(json.dumps(_MEASURED[sys.argv[1]](*sys.argv[2:])))
