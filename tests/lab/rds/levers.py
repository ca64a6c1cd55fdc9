"""The lab's routes for copies in flight and for whole regions."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.lab.rds.flights import Ending
from tests.lab.rds.state import RegionState

if TYPE_CHECKING:
    from tests.lab.rds.lab import Lab
    from tests.lab.rds.servers import Server
    from tests.lab.rds.state import Region

Body = dict[str, Any]
Answer = dict[str, Any]


def place(lab: Lab, body: Body) -> Region:
    """The region that a body names, of its `account` (default: the first one).

    Raises:
        ValueError: the lab has no such region or account (400).
    """
    name, account = str(body.get("region")), str(body.get("account", lab.store.account))
    found = lab.store.find(account, name)
    if found is None:
        raise ValueError(f"unknown region {name} of {account}")
    return found


def list_copies(lab: Lab, body: Body) -> Answer:
    """Copies in flight, oldest first, and the settings that `set_copies` takes."""
    del body
    with lab.store.lock:
        found = [
            {
                "identifier": flight.target.identifier,
                "region": flight.region.name,
                "account": flight.region.account,
                "kind": flight.target.kind,
                "source": flight.source.arn,
                "begun": flight.begun is not None,
            }
            for flight in lab.copies.flights
        ]
        return {"copies": found, "seconds": lab.copies.seconds, "hold": lab.copies.held}


def set_copies(lab: Lab, body: Body) -> Answer:
    """How long a copy takes (`seconds`), and whether none ends by itself (`hold`); what is not named stays."""
    if set(body) - {"seconds", "hold"}:
        raise ValueError(f"unknown keys: {sorted(set(body) - {'seconds', 'hold'})}")
    with lab.store.lock:
        lab.copies.seconds = float(body.get("seconds", lab.copies.seconds))
        lab.copies.held = bool(body.get("hold", lab.copies.held))
    return list_copies(lab, {})


def end_copy(lab: Lab, body: Body) -> Answer:
    """End one copy in flight, held or not: {"identifier", "region", "outcome": "finish", "fail" or "cancel"}.

    `account` (default the first one) and `kind` (`instance` or `cluster`) tell it from its namesakes.
    """
    outcome = Ending(body["outcome"])
    account = str(body.get("account", lab.store.account))
    with lab.store.lock:
        found = [
            flight
            for flight in lab.copies.flights
            if (flight.target.identifier, flight.region.name) == (body["identifier"], body["region"])
            if flight.region.account == account
            if body.get("kind") in (None, flight.target.kind)
        ]
        if len(found) != 1:
            raise ValueError(f"{len(found)} copies in flight are meant; they are {list_copies(lab, {})['copies']}")
        found[0].told = outcome
    return {"ok": True}


def hold_snapshots(lab: Lab, body: Body) -> Answer:
    """Keep manual snapshots that are being taken `creating` until they are released: {"hold": true or false}."""
    lab.jobs.hold(held=bool(body["hold"]))
    return {"hold": bool(body["hold"])}


def switch_region(lab: Lab, body: Body) -> Answer:
    """Switch a region: {"region", "state": "on", "off" (503), "dark" (no answer) or "disabled" (not enabled)}.

    A region that is off or dark is so for every account, its servers are without power, copies to and from it stand
    still, and it sends no events. On again, what ran before runs again.
    """
    name, state = str(body["region"]), RegionState(body["state"])
    regions = [region for region in lab.store.everywhere() if region.name == name]
    if not regions:
        raise ValueError(f"unknown region {name}")
    powered = state not in (RegionState.OFF, RegionState.DARK)
    with lab.store.lock:
        for region in regions:
            region.state = state
        found = [lab.servers.find(item.resource_id) for region in regions for item in region.databases()]
    change = _power if powered else _cut
    workers = [threading.Thread(target=change, args=(server,)) for server in found if server is not None]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"region": name, "state": str(state), "servers": len(workers)}


def _cut(server: Server) -> None:
    """As a power cut does it: at once, and to be recovered from."""
    if server.cluster.pid is None:
        return
    server.halted = True
    if server.heartbeat is not None:
        server.heartbeat.stop()
    server.cluster.crash()


def _power(server: Server) -> None:
    if not server.halted:
        return
    server.halted = False
    server.cluster.start()
    server.beat()
