"""A stand-in for the rest of the emulated cloud: just what the lab's RDS asks of it.

EventBridge's PutEvents is recorded; IAM answers what a test decided; KMS, Secrets Manager and EC2 know
a handful of resources. Requests are told apart as AWS does: JSON targets by header, EC2 by its Action.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
import urllib.parse
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT, VAULT = "111122223333", "222233334444"
VAULT_SESSION = "ASIAVAULTSESSION"
VPC, SECURITY_GROUP = "vpc-00000001", "sg-00000001"
GOOD_KEY, BAD_KEY = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
WAIT_SECONDS = 15.0


class Cloud:
    """The stand-in's state, which tests read and change."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.secrets: dict[str, dict[str, Any]] = {}
        self.key_states = {GOOD_KEY: "Enabled", BAD_KEY: "PendingDeletion"}
        self.allow: Callable[[dict[str, Any]], bool] = lambda _: True
        self.changed = threading.Condition()

    def wait_event(self, match: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event that matches, once it is there."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self.events if match(event)), None)

        with self.changed:
            event = self.changed.wait_for(found, WAIT_SECONDS)
        assert event is not None, f"no such event among {[e['DetailType'] for e in self.events]}"
        return event

    def authorize(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["action"] == "sts:GetCallerIdentity":
            return {"allowed": True, "principal": _principal(asked["access_key"]), "function": None, "reason": "always"}
        self.asked.append(asked)
        return {
            "allowed": self.allow(asked),
            "principal": _principal(asked["access_key"]),
            "function": "backstay-restore-run",
            "reason": "decided by the test",
        }

    def put_events(self, region: str, body: dict[str, Any], account: str) -> dict[str, Any]:
        with self.changed:
            for entry in body["Entries"]:
                self.events.append(
                    entry
                    | {"Account": account, "Region": region, "Detail": json.loads(entry["Detail"]), "seen": time.time()}
                )
            self.changed.notify_all()
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(uuid.uuid4())} for _ in body["Entries"]]}

    def describe_key(self, region: str, body: dict[str, Any], account: str = ACCOUNT) -> dict[str, Any] | None:
        """Every account and region has the same keys by id; an ARN names one account's and one region's."""
        key = body["KeyId"].rsplit("/", 1)[-1]
        arn = f"arn:aws:kms:{region}:{account}:key/{key}"
        if key not in self.key_states or (body["KeyId"].startswith("arn:") and body["KeyId"] != arn):
            return None
        return {"KeyMetadata": {"KeyId": key, "Arn": arn, "KeyState": self.key_states[key]}}

    def create_secret(self, region: str, body: dict[str, Any], account: str) -> dict[str, Any]:
        arn = f"arn:aws:secretsmanager:{region}:{account}:secret:{body['Name']}-AbCdEf"
        self.secrets[arn] = body
        return {"ARN": arn, "Name": body["Name"], "VersionId": str(uuid.uuid4())}

    def put_secret_value(self, _region: str, body: dict[str, Any], _account: str) -> dict[str, Any]:
        self.secrets[body["SecretId"]]["SecretString"] = body["SecretString"]
        return {"ARN": body["SecretId"]}

    def delete_secret(self, _region: str, body: dict[str, Any], _account: str) -> dict[str, Any]:
        del self.secrets[body["SecretId"]]
        return {"ARN": body["SecretId"]}


def _principal(access_key: str) -> str:
    """A role session in the vault's account for its one key, in the first account for any other."""
    account = VAULT if access_key == VAULT_SESSION else ACCOUNT
    return f"arn:aws:sts::{account}:assumed-role/lab-role/{access_key}"


def _ec2(region: str, query: dict[str, str]) -> tuple[int, str]:
    """EC2's XML for the default VPC with three subnets and one security group."""
    action = query["Action"]
    wanted = [value for name, value in query.items() if name.startswith(("SubnetId.", "GroupId."))]
    known = {f"subnet-0000000{n}": f"{region}{zone}" for n, zone in enumerate("abc", 1)}
    missing = [name for name in wanted if name not in known and name != SECURITY_GROUP]
    if missing:
        code = "InvalidSubnetID.NotFound" if action == "DescribeSubnets" else "InvalidGroup.NotFound"
        return 400, (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{missing}</Message></Error></Errors>"
            "<RequestID>r</RequestID></Response>"
        )
    match action:
        case "DescribeVpcs":
            inner = f"<vpcSet><item><vpcId>{VPC}</vpcId><isDefault>true</isDefault></item></vpcSet>"
        case "DescribeSecurityGroups":
            inner = (
                f"<securityGroupInfo><item><groupId>{SECURITY_GROUP}</groupId><groupName>default</groupName>"
                f"<vpcId>{VPC}</vpcId></item></securityGroupInfo>"
            )
        case _:
            items = "".join(
                f"<item><subnetId>{name}</subnetId><availabilityZone>{zone}</availabilityZone><vpcId>{VPC}</vpcId></item>"
                for name, zone in known.items()
                if not wanted or name in wanted
            )
            inner = f"<subnetSet>{items}</subnetSet>"
    return 200, f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">{inner}</{action}Response>'


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: StandIn

    _missing: ClassVar[dict[str, Any]] = {"__type": "NotFoundException", "message": "no such key"}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        cloud = self.server.cloud
        if self.path == "/_lab/authorize":
            self._send(200, json.dumps(cloud.authorize(json.loads(body))), "application/json")
            return
        scope = self.headers["Authorization"].split("Credential=")[1].split("/")
        account, region = scope[0], scope[2]
        target = self.headers.get("X-Amz-Target")
        if target is None:
            status, text = _ec2(region, dict(urllib.parse.parse_qsl(body.decode())))
            self._send(status, text, "text/xml")
            return
        handlers: dict[str, Callable[[str, dict[str, Any], str], dict[str, Any] | None]] = {
            "AWSEvents.PutEvents": cloud.put_events,
            "TrentService.DescribeKey": cloud.describe_key,
            "secretsmanager.CreateSecret": cloud.create_secret,
            "secretsmanager.PutSecretValue": cloud.put_secret_value,
            "secretsmanager.DeleteSecret": cloud.delete_secret,
        }
        found = handlers[target](region, json.loads(body), account)
        status = 400 if found is None else 200
        self._send(status, json.dumps(self._missing if found is None else found), "application/x-amz-json-1.1")

    def _send(self, status: int, text: str, kind: str) -> None:
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass


class StandIn(http.server.ThreadingHTTPServer):
    """The stand-in's server on a free loopback port."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud = Cloud()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
