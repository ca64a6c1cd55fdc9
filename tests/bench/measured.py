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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.ports import World

ACCOUNT: Final = "111122223333"  # as in tests.bench.content, which a measured child does not import
PAGE: Final = 100
# What template.yaml tells one function only, and what that function makes its clients by.
_TOLD: Final = {
    "audit": {
        "BACKSTAY_TOPIC": f"arn:aws:sns:eu-west-1:{ACCOUNT}:backstay-alarm",
        "BACKSTAY_SHARDS": f"http://127.0.0.1/{ACCOUNT}/backstay-audit-shards",
    },
    "restore": {"BACKSTAY_RUNNER": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:backstay-restore-run:live"},
}
_LISTINGS: Final = (
    ("rds", "describe_db_instances", "DBInstances", PAGE),
    ("rds", "describe_db_clusters", "DBClusters", PAGE),
    ("rds", "describe_db_parameter_groups", "DBParameterGroups", PAGE),
    ("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups", PAGE),
    ("rds", "describe_option_groups", "OptionGroupsList", PAGE),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups", PAGE),
    ("ec2", "describe_security_groups", "SecurityGroups", 1000),
    ("ec2", "describe_subnets", "Subnets", 1000),
)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), _cpu()
    answer = work()
    answer |= {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu, "process_cpu": _cpu()}
    return answer | {"rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _world(function: str, regions: str) -> World:
    """As a function has it, but for what remembers and tells: only what AWS is asked about the fleet is measured."""
    import importlib  # noqa: PLC0415  # a child imports what it measures, and nothing else
    from dataclasses import replace  # noqa: PLC0415

    importlib.import_module(f"backstay.handlers.{function}")
    from backstay import wiring  # noqa: PLC0415
    from backstay.config import Settings  # noqa: PLC0415
    from backstay.providers.memory import MemoryBus, MemoryVault  # noqa: PLC0415

    told = {"BACKSTAY_REGIONS": regions, **_TOLD.get(function, {})}
    world = wiring.lambda_world(Settings.from_environment({**os.environ, **told}), wiring.Caller(ACCOUNT))
    return replace(world, vault=MemoryVault(), bus=MemoryBus(), starter=None, pager=None, shards=None)


def audit(regions: str, before: str = "") -> dict[str, Any]:
    """Audit over everything.

    Args:
        regions: separated by commas.
        before: what came before. Nothing, as for the first audit (``folder``: with a vault on disk); ``warm``: an audit
            in this process; or a file that `remembered` wrote: an audit in another process, as every hour's but the
            first finds it.
    """
    world = _world("audit", regions)
    if before == "folder":
        return _on_disk(world)
    aside = _cpu()
    if before == "warm":
        _audited(world)
    elif before:
        for key, body in json.loads(Path(before).read_text()).items():
            world.vault.put(key, body.encode())
    aside = _cpu() - aside
    answer = _timed(lambda: _audited(world))
    return answer | {"process_cpu": answer["process_cpu"] - aside}


def _on_disk(world: World) -> dict[str, Any]:
    import tempfile  # noqa: PLC0415
    from dataclasses import replace  # noqa: PLC0415

    from tests.bench.folder import FolderVault  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        return _timed(lambda: _audited(replace(world, vault=FolderVault(Path(name)))))


def _audited(world: World) -> dict[str, Any]:
    from backstay.core.requests import AuditRequest  # noqa: PLC0415
    from backstay.workflows.audit import audit as work  # noqa: PLC0415

    report = work(world, AuditRequest(all=True))
    return {"status": report["status"], "databases": report["databases"], "counts": report["counts"]}


def remembered(regions: str, file: str) -> dict[str, Any]:
    """What an audit leaves in the vault, written to a file."""
    world = _world("audit", regions)
    answer = _audited(world)
    kept: Any = world.vault
    Path(file).write_text(json.dumps({key: kept.get(key).body.decode() for key in kept.keys("")}))
    return answer


def front_door(region: str) -> dict[str, Any]:
    """A restore's preflight and plan, from the start of the process."""
    from backstay.core.requests import RestoreRequest  # noqa: PLC0415
    from backstay.workflows.restore import restore as work  # noqa: PLC0415

    def run() -> dict[str, Any]:
        request = RestoreRequest(database="i-00001", to="latest", dry_run=True)
        return {"status": work(_world("restore", region), request)["status"]}

    return _timed(run)


def chain(region: str, operation: str) -> dict[str, Any]:
    """One listing, page after page, by a client that is there already."""
    import boto3  # noqa: PLC0415

    client: Any = boto3.client("rds", region_name=region)

    def run() -> dict[str, Any]:
        pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": PAGE})
        return {"pages": sum(1 for _ in pages)}

    return _timed(run)


def bare(regions: str) -> dict[str, Any]:
    """A script over boto3 that makes the audit's calls one after the other, and keeps what boto3 gives it.

    Args:
        regions: separated by commas.
    """
    import boto3  # noqa: PLC0415

    def run() -> dict[str, Any]:
        return {"databases": sum(_bare_region(boto3.client, region) for region in regions.split(","))}

    return _timed(run)


def _bare_region(make: Any, region: str) -> int:
    clients = {service: make(service, region_name=region) for service in ("rds", "ec2", "kms", "events")}
    found: dict[str, list[Any]] = {}
    for service, operation, key, size in _LISTINGS:
        pages = clients[service].get_paginator(operation).paginate(PaginationConfig={"PageSize": size})
        found[operation] = [each for page in pages for each in page[key]]
    instances, clusters = found["describe_db_instances"], found["describe_db_clusters"]
    clients["rds"].describe_account_attributes()
    clients["events"].list_rules(NamePrefix="backstay-forward-")
    for key in {each["KmsKeyId"] for each in instances + clusters}:
        clients["kms"].describe_key(KeyId=key)
    for engine, version, name in {
        (each["Engine"], each["EngineVersion"], each["DBInstanceClass"]) for each in instances
    }:
        clients["rds"].describe_orderable_db_instance_options(
            Engine=engine, EngineVersion=version, DBInstanceClass=name, MaxRecords=20
        )
    return len([each for each in instances if "DBClusterIdentifier" not in each]) + len(clusters)


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
    from backstay import entry, wiring  # noqa: PLC0415
    from backstay.config import Settings  # noqa: PLC0415

    entry.logger(name)
    told = {**os.environ, **_TOLD.get(name, {})}
    wiring.lambda_world(Settings.from_environment(told), wiring.Caller(ACCOUNT))
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
    from botocore.config import Config  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    session = Session()
    for each in given["clients"]:
        service, _, region = each.partition("|")
        make: Any = session.create_client
        make(service, region_name=region or None, config=Config(retries={"mode": "adaptive"}))


_MEASURED: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "audit": audit,
    "remembered": remembered,
    "front-door": front_door,
    "chain": chain,
    "bare": bare,
    "start": start,
}

if __name__ == "__main__":
    print(json.dumps(_MEASURED[sys.argv[1]](*sys.argv[2:])))
