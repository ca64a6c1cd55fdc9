"""RDS as a page server, in a process of its own: pages of made-up databases, each call delayed, each call counted.

``python -m tests.bench.server`` prints its port. ``GET /calls`` gives the calls since the last look, by operation;
``GET /unknown`` the operations that were asked for and that it does not know;
``POST /fleet`` sets ``{"delay_ms": 0, "regions": {"eu-west-1": [2000, 300]}}``: instances, of which the first are the
members of clusters, one each, and clusters.
"""

from __future__ import annotations

import functools
import json
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.bench.content import ACCOUNT, PAGE, answer, around, entry, json_answer

_STS: Final = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{ACCOUNT}:user/bench</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account>"
    "</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)
_ROLE: Final = (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
    "<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>bench</SecretAccessKey>"
    "<SessionToken>bench</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
    "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>"
)
_TAGS: Final = {"DescribeDBInstances": "DBInstance", "DescribeDBClusters": "DBCluster"}
_around = functools.cache(around)


@functools.lru_cache(maxsize=4096)
def _page(tag: str, region: str, sizes: tuple[int, int], start: int, stop: int) -> bytes:
    """The databases from ``start`` to before ``stop``, with a marker when there are more."""
    key, count = f"{tag}s", sizes[tag == "DBCluster"]
    entries = "".join(entry(_kind(tag, number, sizes), region, number) for number in range(start, min(stop, count)))
    marker = f"<Marker>{stop}</Marker>" if stop < count else ""
    empty = answer(f"Describe{key}", {key: []}).replace(f"<{key}/>", f"<{key}></{key}>")
    return empty.replace(f"<{key}></{key}>", f"<{key}>{entries}</{key}>{marker}").encode()


def _kind(tag: str, number: int, sizes: tuple[int, int]) -> str:
    if tag == "DBCluster":
        return "cluster"
    return "member" if number < sizes[1] else "instance"


class Server(ThreadingHTTPServer):
    """On a free loopback port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fleet: dict[str, tuple[int, int]] = {}
        self.delay = 0.0
        self.calls: Counter[str] = Counter()
        self.unknown: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        if self.path == "/unknown":
            self._send(200, json.dumps(sorted(self.server.unknown)).encode())
            return
        calls, self.server.calls = self.server.calls, Counter()
        self._send(200, json.dumps(calls).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/fleet":
            given = json.loads(body)
            self.server.fleet = {region: tuple(sizes) for region, sizes in given["regions"].items()}
            self.server.delay = given["delay_ms"] / 1000
            self._send(200, b"{}")
            return
        time.sleep(self.server.delay)
        if target := self.headers.get("X-Amz-Target"):
            action = target.rpartition(".")[2]
            self.server.calls[action] += 1
            self._send(200, json.dumps(json_answer(action)).encode())
            return
        self._query(dict(parse_qsl(body.decode())), self.headers["Authorization"].split("/")[2])

    def _query(self, query: dict[str, str], region: str) -> None:
        action = query["Action"]
        self.server.calls[action] += 1
        if action == "GetCallerIdentity":
            self._send(200, _STS.encode())
        elif action == "AssumeRole":
            self._send(200, _ROLE.encode())
        elif action in _TAGS:
            self._list(_TAGS[action], region, query)
        else:
            self._survey(action, region)

    def _survey(self, action: str, region: str) -> None:
        try:
            self._send(200, _around(action, region).encode())
        except KeyError:
            self.server.unknown.add(action)
            self._send(400, b"<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>")

    def _list(self, tag: str, region: str, query: dict[str, str]) -> None:
        sizes = self.server.fleet.get(region, (0, 0))
        name = query.get(f"{tag}Identifier", "")
        number = int(name[2:]) if name[2:].isdigit() else -1
        if not name:
            start = int(query.get("Marker", 0))
            self._send(200, _page(tag, region, sizes, start, start + PAGE))
        elif name[:2] == f"{tag[2].lower()}-" and 0 <= number < sizes[tag == "DBCluster"]:
            self._send(200, _page(tag, region, sizes, number, number + 1))
        else:
            code = "DBInstanceNotFound" if tag == "DBInstance" else "DBClusterNotFoundFault"
            fault = f"<Error><Code>{code}</Code><Message>{name}</Message></Error>"
            self._send(404, f"<ErrorResponse>{fault}</ErrorResponse>".encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        """Nobody reads it."""


if __name__ == "__main__":
    served = Server()
    print(served.server_address[1], flush=True)
    served.serve_forever(0.1)
