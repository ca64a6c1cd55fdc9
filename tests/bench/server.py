"""RDS as a page server, in a process of its own: pages of made-up databases, each call delayed, each call counted.

``python -m tests.bench.server`` prints its port. ``GET /calls`` gives the calls since the last look, by operation;
``POST /fleet`` sets ``{"delay_ms": 0, "regions": {"eu-west-1": [2000, 300]}}`` (instances, clusters).
"""

from __future__ import annotations

import functools
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl

from botocore.model import ListShape

from tests.lab.rds import serialize
from tests.lab.rds.model import operation

PAGE: Final = 100
ACCOUNT: Final = "111122223333"
_NAME: Final = "database-name"
_STS: Final = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{ACCOUNT}:user/bench</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account>"
    "</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)
_KINDS: Final = {
    "DescribeDBInstances": ("DBInstances", "DBInstance", 0),
    "DescribeDBClusters": ("DBClusters", "DBCluster", 1),
}


def common(region: str, word: str) -> dict[str, Any]:
    """What instances and clusters share, as RDS answers it."""
    now = datetime.now(UTC)
    return {
        "AllocatedStorage": 100,
        "AutoMinorVersionUpgrade": True,
        "BackupRetentionPeriod": 14,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": True,
        "LatestRestorableTime": now,
        "EngineVersion": "17.2",
        "IAMDatabaseAuthenticationEnabled": True,
        "KmsKeyId": f"arn:aws:kms:{region}:{ACCOUNT}:key/0b8a8f0e-8d2b-4a9b-9a3f-2f8f5c1e7d10",
        "MasterUsername": "app_admin",
        "PreferredBackupWindow": "03:30-04:00",
        "PreferredMaintenanceWindow": "sun:05:00-sun:05:30",
        "StorageEncrypted": True,
        "StorageType": "gp3",
        "TagList": [{"Key": "backup-tier", "Value": "gold"}, {"Key": "team", "Value": "billing"}],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-0a1b2c3d4e5f60718", "Status": "active"}],
        f"DB{word}Identifier": _NAME,
        f"DB{word}Arn": f"arn:aws:rds:{region}:{ACCOUNT}:{'db' if word == 'Instance' else 'cluster'}:{_NAME}",
    }


def instance(region: str) -> dict[str, Any]:
    return {
        **common(region, "Instance"),
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "DBInstanceClass": "db.m7g.large",
        "DBInstanceStatus": "available",
        "DBParameterGroups": [{"DBParameterGroupName": "default.postgres17", "ParameterApplyStatus": "in-sync"}],
        "DBSubnetGroup": {
            "DBSubnetGroupName": "private",
            "SubnetGroupStatus": "Complete",
            "Subnets": [
                {"SubnetIdentifier": f"subnet-0000000{zone}", "SubnetAvailabilityZone": {"Name": f"{region}{zone}"}}
                for zone in "abc"
            ],
            "VpcId": "vpc-0a1b2c3d",
        },
        "DbiResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "Endpoint": {
            "Address": f"{_NAME}.x.{region}.rds.amazonaws.com",
            "Port": 5432,
            "HostedZoneId": "Z1TTGA775OQIYO",
        },
        "Engine": "postgres",
        "InstanceCreateTime": datetime.now(UTC) - timedelta(days=100),
        "MultiAZ": True,
        "OptionGroupMemberships": [{"OptionGroupName": "default:postgres-17", "Status": "in-sync"}],
        "PendingModifiedValues": {},
        "PubliclyAccessible": False,
    }


def cluster(region: str) -> dict[str, Any]:
    return {
        **common(region, "Cluster"),
        "AvailabilityZones": [f"{region}{zone}" for zone in "abc"],
        "ClusterCreateTime": datetime.now(UTC) - timedelta(days=100),
        "DBClusterMembers": [{"DBInstanceIdentifier": f"{_NAME}-1", "IsClusterWriter": True, "PromotionTier": 1}],
        "DBClusterParameterGroup": "default.aurora-postgresql17",
        "DBSubnetGroup": "private",
        "DbClusterResourceId": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "EarliestRestorableTime": datetime.now(UTC) - timedelta(days=14),
        "Endpoint": f"{_NAME}.cluster-abc.{region}.rds.amazonaws.com",
        "Engine": "aurora-postgresql",
        "EngineMode": "provisioned",
        "Port": 5432,
        "Status": "available",
    }


@functools.cache
def _entry(action: str, region: str) -> str:
    """One database's XML, its name to be filled in."""
    key, tag, _ = _KINDS[action]
    made = instance(region) if tag == "DBInstance" else cluster(region)
    text = _answer(action, {key: [made]})
    return text[text.index(f"<{tag}>") : text.rindex(f"</{tag}>") + len(f"</{tag}>")]


def _answer(action: str, result: dict[str, Any]) -> str:
    model = operation(action)
    assert model is not None, action
    return serialize.answer(model, result, "1")


def _empty(action: str) -> str:
    """A listing without entries: there is nothing here but databases."""
    model = operation(action)
    if model is None:
        return f"<{action}Response><securityGroupInfo/><subnetSet/></{action}Response>"  # EC2's
    shape = model.output_shape
    members = shape.members if shape else {}
    return _answer(action, {name: [] for name, each in members.items() if isinstance(each, ListShape)})


@functools.lru_cache(maxsize=4096)
def _page(action: str, region: str, count: int, start: int) -> bytes:
    key, tag, _ = _KINDS[action]
    stop = min(start + PAGE, count)
    entries = "".join(
        _entry(action, region).replace(_NAME, f"{tag[2].lower()}-{number:05d}") for number in range(start, stop)
    )
    marker = f"<Marker>{stop}</Marker>" if stop < count else ""
    empty = _answer(action, {key: []}).replace(f"<{key}/>", f"<{key}></{key}>")
    return empty.replace(f"<{key}></{key}>", f"<{key}>{entries}</{key}>{marker}").encode()


class Server(ThreadingHTTPServer):
    """On a free loopback port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fleet: dict[str, list[int]] = {}
        self.delay = 0.0
        self.calls: Counter[str] = Counter()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        calls, self.server.calls = self.server.calls, Counter()
        self._send(200, json.dumps(calls).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/fleet":
            given = json.loads(body)
            self.server.fleet, self.server.delay = given["regions"], given["delay_ms"] / 1000
            self._send(200, b"{}")
            return
        time.sleep(self.server.delay)
        if "X-Amz-Target" in self.headers:
            self._send(200, b"{}")
            return
        self._query(dict(parse_qsl(body.decode())), self.headers["Authorization"].split("/")[2])

    def _query(self, query: dict[str, str], region: str) -> None:
        action = query["Action"]
        self.server.calls[action] += 1
        if action == "GetCallerIdentity":
            self._send(200, _STS.encode())
        elif action not in _KINDS:
            self._send(200, _empty(action).encode())
        else:
            self._list(action, region, query)

    def _list(self, action: str, region: str, query: dict[str, str]) -> None:
        key, tag, which = _KINDS[action]
        count = self.server.fleet.get(region, [0, 0])[which]
        name = query.get(f"{tag}Identifier", "")
        if not name:
            self._send(200, _page(action, region, count, int(query.get("Marker", 0))))
        elif name[:2] == f"{tag[2].lower()}-" and name[2:].isdigit() and int(name[2:]) < count:
            self._send(200, _page(action, region, 1, 0).replace(f"{name[:2]}00000".encode(), name.encode()))
        else:
            code = f"{tag}NotFound" if which == 0 else "DBClusterNotFoundFault"
            self._send(
                404,
                f"<ErrorResponse><Error><Code>{code}</Code><Message>{key}</Message></Error></ErrorResponse>".encode(),
            )

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
