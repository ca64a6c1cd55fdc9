"""Request members that the lab only remembers and shows: request name to response name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.rds.engines import ENGINES, RUNNING, Engine, classes
from tests.lab.rds.model import invalid_combination, invalid_value, not_here

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments

INSTANCE = {
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "CACertificateIdentifier": "CACertificateIdentifier",
    "PromotionTier": "PromotionTier",
    "NetworkType": "NetworkType",
    "MaxAllocatedStorage": "MaxAllocatedStorage",
    "EngineLifecycleSupport": "EngineLifecycleSupport",
    "DedicatedLogVolume": "DedicatedLogVolume",
}

# From this many GiB on a gp3 volume is striped, and what it does can be chosen.
GP3_STRIPED = {"oracle": 200, "": 400}

_INTERVALS = frozenset({0, 1, 5, 10, 15, 30, 60})

CLUSTER = {
    name: INSTANCE[name]
    for name in (
        "EnableCloudwatchLogsExports",
        "EnablePerformanceInsights",
        "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod",
        "DatabaseInsightsMode",
        "MonitoringInterval",
        "MonitoringRoleArn",
        "NetworkType",
        "EngineLifecycleSupport",
    )
} | {
    "ServerlessV2ScalingConfiguration": "ServerlessV2ScalingConfiguration",
    "EnableHttpEndpoint": "HttpEndpointEnabled",
}


def remembered(arguments: Arguments, known: dict[str, str], before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the call gave of `known`, by the response's names; `before` is what was remembered already.

    Source: CreateDBInstance, MonitoringInterval: 0, 1, 5, 10, 15, 30, 60; other than 0 it needs MonitoringRoleArn.
    """
    found = {shown: arguments[name] for name, shown in known.items() if name in arguments}
    interval = found.get("MonitoringInterval", 0)
    if interval not in _INTERVALS:
        raise invalid_value(f"Invalid MonitoringInterval: {interval}")
    if interval and "MonitoringRoleArn" not in (before or {}) | found:
        raise invalid_combination(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
        )
    return found


def running_engine(name: str) -> Engine:
    """An engine that really runs here."""
    if name not in ENGINES:
        raise invalid_value(f"Invalid DB engine: {name}")
    if name not in RUNNING:
        raise not_here(f"Engine {name} (seed it as metadata instead)")
    return ENGINES[name]


def version_of(engine: Engine, asked: str | None) -> str:
    """The full version for `asked`: a full one, a major one (its newest), or the default."""
    if asked is None:
        return engine.versions[0]
    found = [v for v in engine.versions if v == asked or engine.major(v) == asked]
    if not found:
        raise invalid_combination(f"Cannot find version {asked} for {engine.name}")
    return found[0]


def class_of(engine: Engine, version: str, asked: str) -> str:
    """`asked`, when the engine can be ordered with it."""
    if asked not in classes(engine.name):
        raise invalid_combination(
            "RDS does not support creating a DB instance with the following combination: "
            f"DBInstanceClass={asked}, Engine={engine.name}, EngineVersion={version}"
        )
    return asked


def volume_of(engine: str, kind: str, size: int, arguments: Arguments) -> str:
    """The storage type, with which the request may name IOPS and throughput: a small gp3 volume has neither.

    Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage (the sizes), and
    https://github.com/cloudtools/troposphere/pull/2153 (the words).
    """
    least = GP3_STRIPED["oracle" if "oracle" in engine else ""]
    if kind == "gp3" and size < least and {"Iops", "StorageThroughput"} & set(arguments):
        raise invalid_combination(
            f"You can't specify IOPS or storage throughput for engine {engine} and a storage size less than {least}."
        )
    return kind


def storage_of(asked: int) -> int:
    """General purpose storage: 20 to 65,536 GiB."""
    if not 20 <= asked <= 65_536:
        raise invalid_value(f"Invalid storage size for engine name postgres and storage type gp3: {asked}")
    return asked
