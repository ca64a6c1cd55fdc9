"""What several workflow tests need: runs of the verbs, and parts of a world that fail or interleave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstay.core.errors import Denied, Throttled, Unreachable
from backstay.core.requests import AuditRequest, ProtectRequest
from backstay.providers.memory import MemoryBus, MemoryVault
from backstay.workflows.audit import audit
from backstay.workflows.protect import protect
from backstay.workflows.reports import every_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backstay.core.model import Database
    from backstay.core.ports import FindingChanged, Stored, World
    from tests.fleet import Fleet

Report = dict[str, Any]


def audited(fleet: Fleet, world: World | None = None, **request: Any) -> Report:
    return audit(world or fleet.world, AuditRequest(**(request or {"all": True})))


def protected(fleet: Fleet, world: World | None = None, *, dry_run: bool = False, **request: Any) -> Report:
    return protect(world or fleet.world, ProtectRequest(dry_run=dry_run, **(request or {"all": True})))


def verdicts(report: Report, database: Database) -> dict[str, str]:
    """Rule to verdict of one database."""
    return {each["rule"]: each["verdict"] for each in every_verdict(report) if each["database"]["arn"] == database.arn}


def denied() -> None:
    raise Denied("AccessDenied: not authorized", call="rds:Describe", code="AccessDenied")


def throttled() -> None:
    raise Throttled("Throttling: Rate exceeded", call="rds:Describe", code="Throttling")


def unreachable() -> None:
    raise Unreachable("no answer: read timeout", call="rds:Describe")


class CountingVault(MemoryVault):
    """Counts reads and writes by key, and lets something happen just before one write."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.meanwhile: dict[str, Callable[[], object]] = {}

    def get(self, key: str) -> Stored | None:
        self.reads.append(key)
        return super().get(key)

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        self.writes.append(key)
        for prefix in [each for each in self.meanwhile if key.startswith(each)]:
            self.meanwhile.pop(prefix)()
        return super().put(key, body, expect=expect)

    def forget_counts(self) -> None:
        self.reads.clear()
        self.writes.clear()


class BrokenBus(MemoryBus):
    """Refuses everything until mended."""

    broken = True

    def finding_changed(self, changes: Sequence[FindingChanged]) -> None:
        if self.broken:
            raise Unreachable("no answer: read timeout", call="events:PutEvents")
        super().finding_changed(changes)

    def report_ready(self, report: Mapping[str, Any]) -> None:
        super().report_ready(report)
