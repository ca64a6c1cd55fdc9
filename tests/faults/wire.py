"""The wire between botocore and moto: names every request, and lets any one of them go wrong."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from tests.handlers.conftest import CREDENTIALS

if TYPE_CHECKING:
    import pytest

Answer = tuple[int, dict[str, str], bytes]
Fault = Callable[["Call", Callable[[], Answer]], Answer]
Known = dict[tuple[str, ...], Answer]
# Their state is nobody else's, and is cheap to ask for.
_ALONE = frozenset({"s3", "eventbridge", "sns", "sqs"})
_READING = ("Describe", "List")
_CHANGING_OURS = ("Start", "Copy")  # of what moto does not know
# What differs from run to run: where a Report is kept, and the cloud's random names.
_CHANGING = re.compile(
    r"\d{4}/\d\d/\d\d/\d{6}-[0-9a-f]{8}|(?<=shards/audit/)\w+-\w+|(?<=-)[0-9a-f]{17}|(?<=secret:rds!).+"
)


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One request, told apart from the others of its run whatever thread made it.

    Attributes:
        what: what it is about: the S3 key, or the parameters that name something.
        who: ``member`` when it is signed as a role in a member account.
        turn: how many of its like went before.
    """

    service: str
    operation: str
    region: str
    what: str
    who: str
    turn: int

    def __str__(self) -> str:
        return f"{self.service}:{self.operation} {self.region} {self.what} {self.who}#{self.turn}"

    def like(self, other: Call) -> bool:
        """Whether both are the same request, in whatever turn."""
        mine = (self.service, self.operation, self.region, self.what, self.who)
        return mine == (other.service, other.operation, other.region, other.what, other.who)


@dataclass(slots=True)
class Plant:
    """A fault at one call, once or from there on."""

    at: Call
    kind: str
    fault: Fault
    ever: bool

    def meets(self, call: Call) -> bool:
        return call.like(self.at) and (call.turn >= self.at.turn if self.ever else call.turn == self.at.turn)


@dataclass(slots=True)
class Wire:
    """Everything that was sent since the last `open`, and what reached the cloud and was accepted.

    Attributes:
        extra: what moto does not know, by ``service:operation``.
        served: the requests that the cloud accepted, with their bodies.
        said: the bodies of all requests, for the hunt for secrets.
        untouched: whether the account is still as it was made, but for what is moto's alone.
    """

    extra: dict[str, Callable[[Call, bytes], Answer]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    served: list[tuple[Call, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    plant: Plant | None = None
    listening: bool = False
    untouched: bool = False
    _known: Known = field(default_factory=dict)
    _turns: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Stands before moto."""
        moto = BotocoreStubber.__call__

        def through(stubber: BotocoreStubber, event_name: str, request: Any, **_: object) -> AWSResponse | None:
            def answered() -> Answer:
                with self._lock:  # moto is not made for threads
                    raw = moto(stubber, event_name, request)
                assert raw is not None, event_name
                return raw.status_code, dict(raw.headers), raw.raw.read()

            if not self.listening:
                return moto(stubber, event_name, request)
            status, headers, body = self._pass(event_name, request, answered)
            given: Any = headers
            response: Any = MockRawResponse(body)
            return AWSResponse(request.url, status, given, response)

        patch.setattr(BotocoreStubber, "__call__", through)

    @property
    def accepted(self) -> list[Call]:
        """What the cloud accepted."""
        return [call for call, _ in self.served]

    def fresh(self, known: Known) -> None:
        """The account is as it was made, or as what went before a story left it; ``known`` was read of it then."""
        self.untouched, self._known = True, known

    def open(self, plant: Plant | None = None) -> None:
        """A new run begins."""
        self.calls, self.served, self.said, self.plant, self.listening = [], [], [], plant, True
        self._turns.clear()

    def close(self) -> None:
        """What follows is the test's own."""
        self.listening = False

    def _pass(self, event_name: str, request: Any, moto: Callable[[], Answer]) -> Answer:
        body = request.body or b""
        if not isinstance(body, bytes | str):
            body = body.read()
            request.body.seek(0)
        text = body if isinstance(body, str) else body.decode()
        call = self._named(event_name, request, text)

        def cloud() -> Answer:
            own = self.extra.get(f"{call.service}:{call.operation}")
            if own:  # else what it changes would be listed as it was
                self.untouched = self.untouched and not call.operation.startswith(_CHANGING_OURS)
            answer = own(call, text.encode()) if own else self._answered(call, text, moto)
            if answer[0] < 300:
                self.served.append((call, text))
            return answer

        if self.plant and self.plant.meets(call):
            return self.plant.fault(call, cloud)
        return cloud()

    def _answered(self, call: Call, text: str, moto: Callable[[], Answer]) -> Answer:
        """Moto's answer; a listing of the account as it was made is the same in every run, and is asked for once."""
        with self._lock:
            if call.service in _ALONE:
                return moto()
            self.untouched = self.untouched and call.operation.startswith(_READING)
            if not self.untouched:
                return moto()
            asked = (call.service, call.operation, call.region, text)
            if asked not in self._known:
                self._known[asked] = moto()
            return self._known[asked]

    def _named(self, event_name: str, request: Any, text: str) -> Call:
        _, service, operation = event_name.split(".")
        credential = request.headers["Authorization"]
        credential = credential if isinstance(credential, str) else credential.decode()
        key, _, region = credential.partition("Credential=")[2].split("/")[:3]
        who = "" if key == CREDENTIALS["AWS_ACCESS_KEY_ID"] else "member "
        about = (service, operation, region, _about(service, request.url, text), who)
        with self._lock:
            call = Call(*about, self._turns[about])
            self._turns[about] += 1
            self.calls.append(call)
            self.said.append(_SIGNED.sub("", text))
        return call


def _about(service: str, url: str, text: str) -> str:
    """What names the thing that a request is about; nothing that differs from run to run."""
    parts = urlsplit(url)
    if service == "s3":
        return _CHANGING.sub("*", parts.path)
    if service == "lambda":
        return ""
    if text.startswith("{"):
        given = json.loads(text)
        return _CHANGING.sub("*", str(given.get("SecretId") or given.get("KeyId") or ""))
    pairs = dict(parse_qsl(text))
    names = [value for key, value in sorted(pairs.items()) if _NAMING.search(key)]
    return _CHANGING.sub("*", " ".join(names))


# What a copy across regions asks RDS to ask for there in our name: signed, and so with the token of whoever signs.
_SIGNED = re.compile(r"PreSignedUrl=[^&]*")
_NAMING = re.compile(
    r"(Identifier|InstanceArn|ResourceName|GroupName|Values?\.\w+\.\d+|Value\.\d+|Marker|RoleArn|Id\.\d+)$"
)
