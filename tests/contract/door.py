"""What the product asks of the cloud besides RDS, over the lab's stand-in: EC2, KMS keys, secrets, rules."""

from __future__ import annotations

import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from backstay.core.naming import FORWARDING
from tests.labtests.rds.standin import ACCOUNT, VAULT, VAULT_SESSION

if TYPE_CHECKING:
    from tests.labtests.rds.standin import Cloud

GROUP = "sg-00000001"
SUBNETS = ("subnet-00000001", "subnet-00000002", "subnet-00000003")
FREE = 200
MANAGED_KEY = "alias/aws/rds"


class Door(ThreadingHTTPServer):
    """On a free loopback port; secrets and keys are the stand-in's own.

    Attributes:
        deny: calls that answer AccessDenied, e.g. ``GetSecretValue``.
        groups: security groups that exist.
        rules: EventBridge rules that exist, name to state.
        made: every call, in order.
    """

    daemon_threads = True

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud = cloud
        self.deny: set[str] = set()
        self.groups = [GROUP]
        self.rules = {f"backstay{tail}": "ENABLED" for tail in FORWARDING}
        self.made: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target")
        if target is None:
            self._send(*self._ec2(dict(urllib.parse.parse_qsl(body.decode()))))
            return
        status, answer = self._json(target.split(".")[-1], json.loads(body))
        self._send(status, json.dumps(answer))

    def _json(self, action: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.server.made.append(action)
        if action in self.server.deny:
            return 400, {"__type": "AccessDeniedException", "message": f"not authorized to perform {action}"}
        if action == "ListRules":
            return 200, {"Rules": _rules(self.server.rules, body.get("NamePrefix", ""))}
        if action == "DescribeKey":
            return self._key(body)
        secret = self.server.cloud.secrets.get(body["SecretId"])
        if secret is None:
            return 400, {"__type": "ResourceNotFoundException", "message": "no such secret"}
        return 200, {"ARN": body["SecretId"], "SecretString": secret["SecretString"]}

    def _key(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The stand-in's keys, and in each region the one that AWS manages for the account."""
        access_key, _, region = self.headers["Authorization"].split("Credential=")[1].split("/")[:3]
        account = VAULT if access_key == VAULT_SESSION else ACCOUNT
        found = self.server.cloud.describe_key(region, body, account)
        state, manager = found["KeyMetadata"] if found else {}, "CUSTOMER"
        if body["KeyId"] == MANAGED_KEY:
            manager, state = "AWS", {"Arn": f"arn:aws:kms:{region}:{account}:key/managed", "KeyState": "Enabled"}
        if not state:
            return 400, {"__type": "NotFoundException", "message": "no such key"}
        form = {"KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "KeyManager": manager}
        return 200, {"KeyMetadata": {"KeyId": body["KeyId"], **form, **state}}

    def _ec2(self, query: dict[str, str]) -> tuple[int, str]:
        action = query["Action"]
        self.server.made.append(action)
        wanted = {value for name, value in query.items() if name.startswith("Filter.1.Value")}
        if action in self.server.deny:
            return 403, "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>"
        if action == "DescribeSecurityGroups":
            items = [f"<groupId>{group}</groupId>" for group in self.server.groups if not wanted or group in wanted]
            inner = _set("securityGroupInfo", items)
        else:
            inner = _set(
                "subnetSet",
                [f"<subnetId>{name}</subnetId><availableIpAddressCount>{FREE}</availableIpAddressCount>"
                 for name in sorted(wanted or SUBNETS)],
            )  # fmt: skip
        return 200, f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">{inner}</{action}Response>'

    def _send(self, status: int, text: str) -> None:
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml" if text.startswith("<") else "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        """Nobody reads it."""


def _rules(rules: dict[str, str], prefix: str) -> list[dict[str, str]]:
    return [{"Name": name, "State": state} for name, state in rules.items() if name.startswith(prefix)]


def _set(name: str, items: list[str]) -> str:
    return f"<{name}>{''.join(f'<item>{item}</item>' for item in items)}</{name}>"
