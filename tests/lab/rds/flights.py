"""Copies in flight: how long they take, whether they are held, in which order they go, and how they end.

Copies of one source database to the same region and account proceed one after the other
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html: "multiple snapshot copy requests of the
same source DB instance to the same destination Region" are serialised).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tests.lab.rds.faults import Plant
from tests.lab.rds.keys import KMS, default_key
from tests.lab.rds.state import RegionState, now

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.rds.lab import Lab
    from tests.lab.rds.state import Region, Snapshot

TICK_SECONDS = 0.03
SECONDS = 0.2
"""How long a copy takes unless a test says otherwise; on RDS minutes to hours."""


class Ending(StrEnum):
    """How a copy ends."""

    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


@dataclass(slots=True, eq=False)
class Flight:
    """One copy in flight from `origin` to `region`.

    `told` is how a test, or a deletion, wants it to end. `begun` is when its turn came (monotonic).
    """

    target: Snapshot
    region: Region
    source: Snapshot
    origin: Region
    told: Ending | None = None
    begun: float | None = None

    @property
    def lane(self) -> tuple[str, str, str]:
        """Flights in the same lane go one after the other."""
        return self.source.source.resource_id, self.region.name, self.region.account

    @property
    def local(self) -> bool:
        """Whether it stays in its region, which has events of its own."""
        return self.origin.name == self.region.name

    def gone(self) -> bool:
        """Whether the target has gone from its region."""
        return self.region.snapshots_of(self.target.kind).get(self.target.identifier) is not self.target

    def orphaned(self) -> bool:
        """Whether the source has gone from its region."""
        return self.origin.snapshots_of(self.source.kind).get(self.source.identifier) is not self.source


class Copies:
    """All copies in flight; guarded by the store's lock. `held` keeps all of them from ending by themselves."""

    def __init__(self) -> None:
        self.seconds, self.held = SECONDS, False
        self.flights: list[Flight] = []

    def start(self, lab: Lab, flight: Flight) -> None:
        """Let `flight` go; the caller holds the store's lock and has put the target into its region."""
        self.flights.append(flight)
        _tell(lab, flight, "RDS-EVENT-0196" if flight.local else "RDS-EVENT-0059")

        def work() -> None:
            ending = self._wait(lab, flight)
            if ending is not None:
                _end(lab, flight, ending)

        def failed(exc: Exception) -> None:
            del exc  # printed already
            with lab.store.lock:
                flight.target.status = "failed"
                self._forget(flight)

        lab.jobs.start(f"copy {flight.target.arn}", work, failed)

    def cancel(self, target: Snapshot) -> None:
        """End the flight of `target`, if it is in flight: somebody has deleted it."""
        for flight in self.flights:
            if flight.target is target:
                flight.told = Ending.CANCEL

    def _wait(self, lab: Lab, flight: Flight) -> Ending | None:
        """How the flight ends, once it does; None when the lab ends first."""
        while not lab.jobs.stopping.wait(TICK_SECONDS):
            with lab.store.lock:
                ending = self._look(lab, flight)
                if ending is Ending.FINISH:
                    break
                if ending is not None:
                    return ending
        else:
            return None
        return _bring(lab, flight)

    def _look(self, lab: Lab, flight: Flight) -> Ending | None:
        if flight.told is Ending.CANCEL or flight.gone():
            return Ending.CANCEL
        if flight.orphaned():
            return Ending.FAIL
        if flight.told is not None:
            return flight.told
        if {flight.origin.state, flight.region.state} != {RegionState.ON}:
            return None  # nothing moves while one of both regions is off
        first = next(other for other in self.flights if other.lane == flight.lane)
        if self.held or first is not flight:
            return None
        flight.begun = flight.begun or time.monotonic()
        part = (time.monotonic() - flight.begun) / self.seconds if self.seconds else 1.0
        flight.target.progress = min(99, int(part * 100))
        if part < 1:
            return None
        return Ending.CANCEL if lab.faults.planted(Plant.COPY_MISSING) else Ending.FINISH

    def _forget(self, flight: Flight) -> None:
        self.flights.remove(flight)


def _bring(lab: Lab, flight: Flight) -> Ending:
    """Really copy the data, so that the copy owes nothing to its source."""
    folder = flight.source.folder
    if folder is None:
        return Ending.FINISH
    try:
        flight.target.folder = lab.servers.copy_snapshot(folder)
    except RuntimeError as exc:
        # The source was deleted while it was read. On RDS too that fails the copy, so it is said and not raised.
        print(f"rds: copy of {flight.source.arn} failed: {exc}", file=sys.stderr, flush=True)
        return Ending.FAIL
    return Ending.FINISH


def _end(lab: Lab, flight: Flight, ending: Ending) -> None:
    target, known = flight.target, flight.region.snapshots_of(flight.target.kind)
    with lab.store.lock:
        lab.copies.flights.remove(flight)
        match Ending.CANCEL if flight.gone() else ending:
            case Ending.FINISH:
                target.created, target.status, target.progress = now(), "available", 100
                _mistake_key(lab, flight)
                _tell(lab, flight, "RDS-EVENT-0197" if flight.local else "RDS-EVENT-0060")
            case Ending.FAIL:
                target.status = "failed"
                _discard(lab, target.folder)
                target.folder = None
            case Ending.CANCEL:
                if not flight.gone():
                    del known[target.identifier]
                _discard(lab, target.folder)
                _tell(lab, flight, "RDS-EVENT-0190" if flight.local else "RDS-EVENT-0061")


def _discard(lab: Lab, folder: Path | None) -> None:
    if folder is not None:
        lab.servers.discard(folder)


def _mistake_key(lab: Lab, flight: Flight) -> None:
    """The planted fault: the copy is under another key than the one that was asked for."""
    copied = flight.target.source
    if copied.encryption == KMS and lab.faults.planted(Plant.WRONG_KEY):
        copied.kms_key = default_key(flight.region)


def _tell(lab: Lab, flight: Flight, event_id: str) -> None:
    """RDS has no events for copies of cluster snapshots."""
    if flight.target.kind == "instance":
        where = f"in region {flight.region.name}" if flight.local else f"from region {flight.origin.name}"
        lab.events.happened(flight.region, flight.target, event_id, f"{flight.source.identifier} {where}")
