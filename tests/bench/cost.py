"""What the control plane costs a month: recorded calls times the price table."""

from __future__ import annotations

import io
import json
import os
import re
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from backstay.core.requests import AuditRequest, ProtectRequest, PruneRequest, ReplicateRequest, SnapshotRequest
from backstay.core.slots import slot_of
from backstay.measures import measure
from backstay.providers.memory import MemoryVault
from backstay.workflows.audit import audit
from backstay.workflows.protect import protect
from backstay.workflows.prune import prune
from backstay.workflows.replicate import replicate
from backstay.workflows.snapshot import snapshot
from tests.bench import prices
from tests.bench.fleets import DELAY_MS
from tests.bench.processes import REPOSITORY
from tests.bench.table import Row
from tests.fleet import FRANKFURT, IRELAND, LONDON, NOW, database, fleet, point
from tests.workflows.places import DR, rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backstay.core.model import Database
    from backstay.core.points import RecoveryPoint
    from backstay.core.ports import Stored
    from tests.bench.processes import Bench

_SCOPES: Final = (LONDON, IRELAND, FRANKFURT)
_HOME: Final = (REPOSITORY / "template.yaml").read_text()
_LOCATION: Final = (REPOSITORY / "infra/region.yaml").read_text()
_MEMORY_GB: Final = 0.5
_HOURS, _NIGHTS = 730, 30.4
# Assumed, not recorded: how often somebody or something changes a database. Each change wakes audit over it, once for
# RDS's event and once for CloudTrail's.
_CHANGES: Final = 4
# A snapshot a day that is there, and a copy of it; each counts as a run of its own, though a batch makes one of many.
_WAKES: Final = 2
_LOG_BYTES: Final = 3000  # of one run: Lambda's lines, ours, and metrics
_AT_ONCE: Final = 8  # calls of a run about points, where it makes the fewest beside each other
_DAY: Final = timedelta(days=1)
# What the tier's rules have left by this morning, in days back: seven dailies, one to go, and older weeklies. Of copies
# seven, one to go, and the last of the month before.
_ORIGINALS: Final = (*range(8), 14, 21, 28)
_COPIES: Final = (*range(8), 28)
_RUNS: Final = 10  # by then what is new is told, and it is known whom each snapshot is shared with
_OF_POINTS: Final = (
    "points",
    "points_of",
    "point",
    "shares",
    "key",
    "quotas",
    "option_groups",
    "take",
    "copy",
    "delete",
)


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


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a function, as it was recorded.

    Attributes:
        reads: of the vault; ``writes`` with the Report, and the heartbeat of those over everything.
        size: of the Report, in bytes.
        seconds: what its calls about recovery points take.
        metrics: what it publishes, each once.
    """

    reads: int
    writes: int
    size: int
    seconds: float
    metrics: frozenset[str]

    def cost(self, seconds: float) -> float:
        """Dollars, when all but its calls about points takes so long."""
        kept = self.reads * prices.S3_READ + self.writes * prices.S3_WRITE + self.size / 1e9 * prices.S3_GB_MONTH
        function = prices.LAMBDA_REQUEST + (seconds + self.seconds) * _MEMORY_GB * prices.LAMBDA_GB_SECOND
        return kept + function + _LOG_BYTES / 1e9 * prices.LOG_GB


class _Recorded:
    """The runs of a fleet that is in order: gold, in three regions, with a snapshot a day and a copy of it in one."""

    def __init__(self, databases: int) -> None:
        self.databases = databases
        self._made = [database(f"db-{number}", scope=_SCOPES[number % 3]) for number in range(databases)]
        self._given, self._vault = fleet(*self._made, scopes=_SCOPES, rules=rules(DR)), _Counting()
        for each in self._made:
            self._given.cloud.add_point(*_points(each))
        self._world = self._given.but(vault=self._vault)
        for _ in range(_RUNS):
            if not audit(self._world, AuditRequest(all=True))["changed"]:
                return
        raise AssertionError("every audit finds something new")

    @cached_property
    def runs(self) -> Mapping[str, _Run]:
        """By verb, of runs over everything; ``woken`` is audit over one database. Prune comes last: it removes."""
        return {
            "audit": self._run("audit", audit, AuditRequest(all=True)),
            "woken": self._run("audit", audit, AuditRequest(database=self._made[0].id.key)),
            "protect": self._run("protect", protect, ProtectRequest(all=True)),
            "snapshot": self._run("snapshot", snapshot, SnapshotRequest(all=True)),
            "replicate": self._run("replicate", replicate, ReplicateRequest(all=True)),
            "prune": self._run("prune", prune, PruneRequest(all=True)),
        }

    def _run(self, verb: str, work: Any, request: Any) -> _Run:
        self._vault.count.clear()
        self._given.cloud.calls.clear()
        report = work(self._world, request)
        whole = getattr(request, "all", None) is True
        calls = len(self._given.cloud.called(*_OF_POINTS))
        return _Run(
            reads=self._vault.count["read"],
            writes=self._vault.count["write"] + 1 + whole,
            size=len(json.dumps(report)),
            seconds=-(-calls // _AT_ONCE) * DELAY_MS / 1000,
            metrics=_published(verb, report, whole=whole),
        )


def _points(of: Database) -> list[RecoveryPoint]:
    policy = rules(DR)
    asked = policy.tiers[0].snapshots
    assert asked
    slot, copies = slot_of(asked, policy.timezone, NOW), () if of.id.scope == IRELAND else _COPIES
    here = [point(of, slot - back * _DAY) for back in _ORIGINALS]
    return here + [point(of, slot - back * _DAY, scope=IRELAND) for back in copies]


def _published(verb: str, report: dict[str, Any], *, whole: bool) -> frozenset[str]:
    """The metrics of a run, each with its dimensions: CloudWatch charges for each combination."""
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Backstay")
    with redirect_stdout(io.StringIO()) as said:
        measure(verb, report, heartbeat=whole)
    found = set()
    for line in map(json.loads, said.getvalue().splitlines()):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            where = [line[name] for names in directive["Dimensions"] for name in names]
            found |= {f"{each['Name']} {' '.join(where)}" for each in directive["Metrics"]}
    return frozenset(found)


def _a_month(verb: str) -> float:
    """How often the template's schedule runs a verb."""
    found = re.search(rf"^  {verb.title()}Schedule:.*?^    Default: (\w+)\((.*?)\)$", _HOME, re.MULTILINE | re.DOTALL)
    assert found, verb
    kind, (count, unit, *_) = found[1], found[2].split()
    if kind == "cron":
        return _NIGHTS
    return _HOURS / int(count) if unit.startswith("hour") else _HOURS * 60 / int(count)


@dataclass(frozen=True)
class _Month:
    """A fleet's month, in dollars.

    Attributes:
        whole: seconds of an audit over everything, but for its calls about points; ``start`` of a cold start.
    """

    recorded: _Recorded
    whole: float
    start: float

    @property
    def dollars(self) -> float:
        return self.runs + self.fixed

    @property
    def runs(self) -> float:
        """Of what runs; every run is counted as a cold one."""
        runs, count = self.recorded.runs, self.recorded.databases
        changes, wakes = count * _CHANGES * 2, count * _WAKES * _NIGHTS
        pages = self.start + 2 * DELAY_MS / 1000  # the databases' own listings
        total = changes * runs["woken"].cost(self.start + 5 * DELAY_MS / 1000)
        total += (changes + wakes) * (prices.EVENT + prices.EVENT_FORWARDED)
        total += wakes * (runs["replicate"].cost(pages) + 3 * prices.SQS_REQUEST)  # sent, received, deleted
        for verb in ("audit", "protect", "snapshot", "replicate", "prune"):
            seconds = self.whole if verb in ("audit", "protect") else pages
            total += _a_month(verb) * (runs[verb].cost(seconds) + prices.SCHEDULE)
        return total

    @property
    def fixed(self) -> float:
        return self.alarms + self.keys + self.metrics + self.queues

    @property
    def alarms(self) -> float:
        """Counted in the templates: home's once, a location's in each region."""
        kind = "Type: AWS::CloudWatch::Alarm"
        return (_HOME.count(kind) + len(_SCOPES) * _LOCATION.count(kind)) * prices.ALARM_MONTH

    @property
    def keys(self) -> float:
        """Likewise."""
        kind = "Type: AWS::KMS::Key\n"
        return (_HOME.count(kind) + len(_SCOPES) * _LOCATION.count(kind)) * prices.KMS_KEY_MONTH

    @property
    def metrics(self) -> float:
        """Each for the hours in which it is sent."""
        runs = self.recorded.runs
        return sum(
            len(runs[verb].metrics) * min(_a_month(verb) / _HOURS, 1) * prices.METRIC_MONTH
            for verb in ("audit", "protect", "snapshot", "replicate", "prune")
        )

    @property
    def queues(self) -> float:
        """Lambda asks each queue that wakes a function whether there is something."""
        polled = len(re.findall(r"^ +Type: SQS$", _HOME, re.MULTILINE))
        return polled * prices.IDLE_POLLS_MONTH * prices.SQS_REQUEST


def rows(bench: Bench) -> Iterator[Row]:
    """A month of 100 databases in three regions, and what one more adds."""
    regions = ("eu-west-1", "eu-west-2", "eu-central-1")
    bench.fleet(dict.fromkeys(regions, (34, 0)), DELAY_MS)
    start = float(bench.measure("start", "audit")["wall"])
    whole = bench.measure("audit", ",".join(regions))["wall"] + start
    small, large = (_Month(_Recorded(count), whole, start) for count in (100, 200))
    how = (
        f"alarms {small.alarms:.2f}, keys {small.keys:.2f}, metrics {small.metrics:.2f}, queues {small.queues:.2f}, "
        f"runs {small.runs:.2f}; prices of {prices.DATE}; {_CHANGES} changes per database assumed"
    )
    yield Row("cost: 100 databases, 3 regions", small.dollars, 10.0, unit="$", how=how)
    more = (large.dollars - small.dollars) / 100
    yield Row("cost: one database more", more, 0.05, unit="$", how=f"200 databases: {large.dollars:.2f} $")
