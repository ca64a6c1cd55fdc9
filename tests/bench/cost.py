"""What the control plane costs a month: recorded calls times the price table."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from backstay.core.requests import AuditRequest, ProtectRequest
from backstay.providers.memory import MemoryVault
from backstay.workflows.audit import audit
from backstay.workflows.protect import protect
from tests.bench import prices
from tests.bench.fleets import DELAY_MS
from tests.bench.processes import REPOSITORY
from tests.bench.table import Row
from tests.fleet import FRANKFURT, IRELAND, LONDON, database, fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.ports import Stored
    from tests.bench.processes import Bench

_SCOPES: Final = (LONDON, IRELAND, FRANKFURT)
_MEMORY_GB: Final = 0.5
_HOURS, _NIGHTS = 730, 30.4
# Assumed, not recorded: how often somebody or something changes a database. Each change wakes audit over it, once for
# RDS's event and once for CloudTrail's.
_CHANGES: Final = 4
_LOG_BYTES: Final = 3000  # of one run: Lambda's lines, ours, and metrics


class _Counting(MemoryVault):
    """Counts what S3 would charge."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def get(self, key: str) -> Stored | None:
        self.count["read"] += 1
        return super().get(key)

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        self.count["write"] += 1
        return super().put(key, body, expect=expect)


def _month(databases: int, seconds: float, one: float) -> float:
    """Dollars for a fleet, given the seconds of an audit over everything and over one database."""
    made = [database(f"db-{number}", scope=_SCOPES[number % 3]) for number in range(databases)]
    given = fleet(*made, scopes=_SCOPES)
    vault = _Counting()
    world = given.but(vault=vault)
    audit(world, AuditRequest(all=True))  # what is new is told once; from here on all is as it was
    vault.count.clear()
    report = audit(world, AuditRequest(all=True))
    whole, size = dict(vault.count), len(json.dumps(report))
    vault.count.clear()
    protect(world, ProtectRequest(all=True))
    nightly = dict(vault.count)
    vault.count.clear()
    audit(world, AuditRequest(database=made[0].id.key))
    single = dict(vault.count)
    woken = databases * _CHANGES * 2
    # The frame keeps a Report of each run, and a heartbeat of those over everything.
    runs = ((_HOURS, whole, 2, seconds), (_NIGHTS, nightly, 2, seconds), (woken, single, 1, one))
    total = sum(count * _run(calls, kept, spent) for count, calls, kept, spent in runs)
    total += _HOURS * size / 1e9 * prices.S3_GB_MONTH + woken * (prices.EVENT + prices.EVENT_FORWARDED)
    return total + (_HOURS + _NIGHTS) * prices.SCHEDULE + _fixed()


def _run(calls: dict[str, int], kept: int, seconds: float) -> float:
    """Dollars for one run of a function."""
    s3 = calls.get("read", 0) * prices.S3_READ + (calls.get("write", 0) + kept) * prices.S3_WRITE
    function = prices.LAMBDA_REQUEST + seconds * _MEMORY_GB * prices.LAMBDA_GB_SECOND
    return s3 + function + _LOG_BYTES / 1e9 * prices.LOG_GB


def _fixed() -> float:
    """What is there whether it runs or not, counted in the templates: home's once, a location's in each region."""
    home, location = (REPOSITORY / name for name in ("template.yaml", "infra/region.yaml"))
    total = 0.0
    for path, times in ((home, 1), (location, len(_SCOPES))):
        text = path.read_text()
        total += times * text.count("Type: AWS::CloudWatch::Alarm") * prices.ALARM_MONTH
        total += times * text.count("Type: AWS::KMS::Key\n") * prices.KMS_KEY_MONTH
    # NeedsAttention and Heartbeat by function, OpenFindings by tier (two) and region.
    return total + (4 + 2 * len(_SCOPES)) * prices.METRIC_MONTH


def rows(bench: Bench) -> Iterator[Row]:
    """A month of 100 databases in three regions, and what one more adds."""
    regions = ("eu-west-1", "eu-west-2", "eu-central-1")
    bench.fleet(dict.fromkeys(regions, (34, 0)), DELAY_MS)
    whole = bench.measure("audit", ",".join(regions))["wall"] + _start(bench)
    one = _start(bench) + 5 * DELAY_MS / 1000
    small, large = _month(100, whole, one), _month(200, whole, one)
    how = f"prices of {prices.DATE}; alarms, keys and metrics {_fixed():.2f}; {_CHANGES} changes per database assumed"
    yield Row("cost: 100 databases, 3 regions", small, 10.0, unit="$", how=how)
    yield Row("cost: one database more", (large - small) / 100, 0.05, unit="$", how=f"200 databases: {large:.2f} $")


def _start(bench: Bench) -> float:
    """Every run is counted as a cold one."""
    wall: float = bench.measure("start", "audit")["wall"]
    return wall
