"""The HTTP server: the query API and the lab's own routes on one loopback port."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import struct
import sys
import traceback
import uuid
from typing import Any

from tests.lab.rds import admin, guard, parse, serialize
from tests.lab.rds.events import Trail
from tests.lab.rds.faults import Kind
from tests.lab.rds.lab import Arguments, Call, Lab, denied
from tests.lab.rds.model import Fault, not_here
from tests.lab.rds.registry import OPERATIONS, Operation
from tests.lab.rds.state import Region, RegionState

BODY_LIMIT = 1_000_000
SEED_LIMIT = 200_000_000
"""The lab's own routes take the history of a fleet at once."""
TIMEOUT_FAULT_SECONDS = 120.0


class Cut(Exception):
    """End the connection without an answer; `reset` says how."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("cut")
        self.reset = reset


class Exchange:
    """One API request from its body to its answer, recorded on the way.

    Args:
        lab: the parts.
        headers: the request's headers.
        address: the client's address.
    """

    def __init__(self, lab: Lab, headers: Any, address: str) -> None:
        self._lab, self._address = lab, address
        self._authorization = headers.get("Authorization")
        self._agent = headers.get("User-Agent", "")
        self.request_id = str(uuid.uuid4())
        self._action, self._arguments = "unknown", Arguments()
        self._who: guard.Caller | None = None
        self._region: Region | None = None
        self._call: Call | None = None
        self._principal: str | None = None
        self._resources: list[str] = []

    def answer(self, body: str) -> tuple[int, str]:
        """Status and document.

        Raises:
            Cut: an asked fault cuts the connection.
        """
        try:
            text = self._run(body)
        except Fault as fault:
            self._record(fault.status, fault)
            return fault.status, serialize.error(fault, self.request_id)
        except Cut as cut:
            self._record(0, Fault("ConnectionCut", "reset" if cut.reset else "timeout", 0))
            raise
        except Exception:  # noqa: BLE001 - the edge of the server: a bug must be an answer and a traceback
            traceback.print_exc()
            bug = Fault("InternalFailure", "The lab's RDS has failed; its log says why", 500)
            self._record(500, bug)
            return 500, serialize.error(bug, self.request_id)
        self._record(200, None)
        return 200, text

    def _run(self, body: str) -> str:
        regions = self._lab.store.regions
        self._who = guard.caller(self._authorization, self._agent, regions)
        account = self._lab.cloud.account_of(self._who.access_key)
        region = self._lab.store.find(account, self._who.region) or regions[self._who.region]
        self._region = region
        _need_region(region)
        operation, self._arguments = parse.read_body(body)
        self._action = operation.name
        self._resources = guard.resources(region, self._action, self._arguments)
        self._principal = f"unknown ({self._who.access_key})"
        try:
            self._call = guard.authorize(self._lab, region, self._who, self._action, self._arguments)
        except Fault as fault:
            self._principal = fault.message.removeprefix("User: ").split(" ", 1)[0]
            raise
        self._principal = self._call.verdict.principal
        malformed = self._meet_fault(region)
        known = _known(self._action, self._arguments)
        with self._lab.store.lock:
            result = known.handler(self._call, self._arguments)
            text = serialize.answer(operation, result, self.request_id)
        return text[: len(text) // 2] if malformed else text

    def _meet_fault(self, region: Region) -> bool:
        """Whether the answer must be malformed; other asked faults end the exchange here."""
        more = "Marker" in self._arguments
        kind = self._lab.faults.meets(self._action, region.name, region.account, marker=more)
        match kind:
            case None:
                return False
            case Kind.THROTTLE:
                raise Fault("Throttling", "Rate exceeded")
            case Kind.DENIED:
                raise denied(self._principal or "unknown", f"rds:{self._action}", self._resources[0])
            case Kind.SERVER_ERROR:
                raise Fault("InternalFailure", "An internal error has occurred", 500)
            case Kind.TIMEOUT:
                self._lab.jobs.stopping.wait(TIMEOUT_FAULT_SECONDS)
                raise Cut(reset=False)
            case Kind.RESET:
                raise Cut(reset=True)
            case Kind.MALFORMED:
                return True

    def _record(self, status: int, fault: Fault | None) -> None:
        who = self._who
        function = self._call.verdict.function if self._call else None
        self._lab.calls.add(
            service="rds",
            action=self._action,
            region=who.region if who else None,
            principal=self._principal,
            function=function or (who.app if who else None),
            resources=self._resources,
            parameters=self._arguments,
            status=status,
            error=fault.code if fault else None,
        )
        known, region = OPERATIONS.get(self._action), self._region
        if who is None or region is None or known is None or known.reads or status == 0:
            return
        self._lab.events.recorded(
            Trail(
                self._action,
                who.region,
                region.account,
                self._principal or "unknown",
                self._arguments,
                self._address,
                self._agent,
                self.request_id,
                fault.name if fault else None,
                fault.message if fault else None,
            )
        )


def _need_region(region: Region) -> None:
    """The region answers: one that is off says 503 or nothing, one that is not enabled does not know the caller."""
    match region.state:
        case RegionState.ON:
            return
        case RegionState.OFF:
            raise Fault("ServiceUnavailable", f"Service is unable to handle request: {region.name} is off", 503)
        case RegionState.DARK:
            raise Cut(reset=True)
        case RegionState.DISABLED:
            raise Fault("InvalidClientTokenId", "The security token included in the request is invalid.", 403)


def _known(action: str, arguments: Arguments) -> Operation:
    known = OPERATIONS.get(action)
    if known is None:
        raise not_here(action)
    extra = sorted(set(arguments) - known.takes)
    if extra:
        raise not_here(f"{action} with {', '.join(extra)}")
    return known


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps connections alive; writes one segment per answer (else delayed ACKs cost 40 ms each)."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: LabServer

    def do_POST(self) -> None:
        """The API at `/`, and the lab's routes."""
        limit = SEED_LIMIT if self.path.startswith("/_lab/") else BODY_LIMIT
        length = min(int(self.headers.get("Content-Length", 0)), limit)
        body = self.rfile.read(length)
        if len(body) < length:  # its sender died half way: no request, and nothing to record
            self.close_connection = True
            return
        if self.path.startswith("/_lab/"):
            self._admin("POST", body)
            return
        exchange = Exchange(self.server.lab, self.headers, self.client_address[0])
        try:
            status, text = exchange.answer(body.decode(errors="replace"))
        except Cut as cut:
            self._cut(reset=cut.reset)
            return
        self._send(status, "text/xml", text.encode(), exchange.request_id)

    def do_GET(self) -> None:
        """The lab's routes."""
        self._admin("GET", b"")

    def do_DELETE(self) -> None:
        """The lab's routes."""
        self._admin("DELETE", b"")

    def _admin(self, method: str, body: bytes) -> None:
        route = admin.ROUTES.get((method, self.path))
        if route is None:
            self._send(404, "application/json", b'{"error": "no such route"}')
            return
        try:
            status, found = 200, route(self.server.lab, json.loads(body or b"{}"))
        except (ValueError, KeyError, TypeError) as exc:
            status, found = 400, {"error": f"{type(exc).__name__}: {exc}"}
        self._send(status, "application/json", json.dumps(found).encode())

    def _cut(self, *, reset: bool) -> None:
        if reset:  # linger 0: the kernel sends RST instead of FIN
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.close()

    def _send(self, status: int, kind: str, body: bytes, request_id: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if request_id:
            self.send_header("x-amzn-RequestId", request_id)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Calls are recorded in the calls file; nothing goes to standard error."""


class LabServer(http.server.ThreadingHTTPServer):
    """Threads per connection, loopback only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, lab: Lab) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lab = lab

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is printed."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ValueError)):
            super().handle_error(request, client_address)
