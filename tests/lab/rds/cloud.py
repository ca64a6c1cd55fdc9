"""The rest of the emulated cloud, as RDS itself sees it: events, keys, secrets, networks, permissions.

Calls go to `--aws-endpoint` with the account as access key, which is root there.
"""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

TIMEOUT_SECONDS = 10
_UNUSABLE = frozenset({"NotFoundException", "DisabledException", "InvalidArnException", "AccessDeniedException"})


class CloudError(Exception):
    """The emulated cloud did not answer as it should: a failure of the lab, not of the caller."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What IAM says about one call."""

    allowed: bool
    principal: str
    function: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Network:
    """A region's default VPC."""

    vpc: str
    security_group: str
    subnets: tuple[tuple[str, str], ...]


class Cloud:
    """Client of the emulated cloud.

    Args:
        endpoint: its base URL.
        account: 12-digit account, which is also root's access key; methods that name no account mean this one.
        others: further accounts.
    """

    def __init__(self, endpoint: str, account: str, others: Iterable[str] = ()) -> None:
        self._endpoint, self._account = endpoint, account
        self._accounts = frozenset({account, *others})
        self._owners: dict[str, str] = {}
        self._session = boto3.session.Session()  # one for all: it keeps the models that it has read
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._networks: dict[tuple[str, str], Network] = {}
        self._lock = threading.Lock()
        self._local = threading.local()

    def _client(self, service: str, region: str, account: str | None = None) -> Any:
        owner = account or self._account
        with self._lock:
            key = (service, region, owner)
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,  # type: ignore[call-overload]
                    region_name=region,
                    endpoint_url=self._endpoint,
                    aws_access_key_id=owner,
                    aws_secret_access_key="lab",
                    config=Config(
                        connect_timeout=TIMEOUT_SECONDS,
                        read_timeout=TIMEOUT_SECONDS,
                        retries={"total_max_attempts": 3, "mode": "standard"},
                    ),
                )
            return self._clients[key]

    def warm(self, regions: list[str]) -> None:
        """Load the models of the services ahead of the first call (EC2's alone takes a third of a second)."""
        for service in ("events", "kms", "secretsmanager", "ec2"):
            for region in regions:
                self._client(service, region)

    def events(self, region: str, account: str | None = None) -> EventBridgeClient:
        """EventBridge in `region`."""
        client: EventBridgeClient = self._client("events", region, account)
        return client

    def secrets(self, region: str, account: str | None = None) -> SecretsManagerClient:
        """Secrets Manager in `region`."""
        client: SecretsManagerClient = self._client("secretsmanager", region, account)
        return client

    def _kms(self, region: str, account: str | None) -> KMSClient:
        client: KMSClient = self._client("kms", region, account)
        return client

    def _ec2(self, region: str, account: str | None) -> EC2Client:
        client: EC2Client = self._client("ec2", region, account)
        return client

    def usable_key(self, region: str, key: str, account: str | None = None) -> str | None:
        """ARN of the KMS key `key` (id, ARN or alias), or None when it cannot be used."""
        try:
            found = self._kms(region, account).describe_key(KeyId=key)["KeyMetadata"]
        except ClientError as exc:
            if exc.response["Error"]["Code"] in _UNUSABLE:
                return None
            raise CloudError(f"kms:DescribeKey {key}: {exc}") from exc
        return found["Arn"] if found.get("KeyState") == "Enabled" else None

    def network(self, region: str, account: str | None = None) -> Network:
        """The default VPC of `region` with its default security group and subnets; read once."""
        place = (region, account or self._account)
        if place not in self._networks:
            ec2 = self._ec2(region, account)
            mine: Any = [{"Name": "is-default", "Values": ["true"]}]
            vpc = next(v["VpcId"] for v in ec2.describe_vpcs(Filters=mine)["Vpcs"] if v.get("IsDefault"))
            groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
            subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
            self._networks[place] = Network(
                vpc,
                next(g["GroupId"] for g in groups if g["GroupName"] == "default" and g.get("VpcId") == vpc),
                tuple(sorted((s["SubnetId"], s["AvailabilityZone"]) for s in subnets if s["VpcId"] == vpc)),
            )
        return self._networks[place]

    def subnets(self, region: str, ids: list[str], account: str | None = None) -> list[tuple[str, str, str]] | None:
        """(id, zone, VPC) of each subnet, or None when one does not exist."""
        try:
            found = self._ec2(region, account).describe_subnets(SubnetIds=ids)["Subnets"]
        except ClientError as exc:
            if exc.response["Error"]["Code"].startswith("InvalidSubnet"):
                return None
            raise CloudError(f"ec2:DescribeSubnets: {exc}") from exc
        if {s["SubnetId"] for s in found} != set(ids):
            return None
        return [(s["SubnetId"], s["AvailabilityZone"], s["VpcId"]) for s in found]

    def security_groups_exist(self, region: str, ids: list[str], account: str | None = None) -> bool:
        """Whether every security group of `ids` exists."""
        try:
            found = self._ec2(region, account).describe_security_groups(GroupIds=ids)["SecurityGroups"]
        except ClientError as exc:
            if exc.response["Error"]["Code"].startswith("InvalidGroup"):
                return False
            raise CloudError(f"ec2:DescribeSecurityGroups: {exc}") from exc
        return {g["GroupId"] for g in found} == set(ids)

    def account_of(self, access_key: str) -> str:
        """The account of the principal behind `access_key`: a session's is its role's. A stranger counts as the first.

        It is the same for the life of a key, and asked once.
        """
        if self._is_root(access_key):
            return access_key
        if access_key not in self._owners:
            asked = {"access_key": access_key, "action": "sts:GetCallerIdentity", "resources": ["*"], "context": {}}
            parts = str(self._post("/_lab/authorize", asked).get("principal") or "").split(":")
            if len(parts) < 6:
                return self._account
            self._owners[access_key] = parts[4]
        return self._owners[access_key]

    def _is_root(self, access_key: str) -> bool:
        return access_key.isdecimal() and len(access_key) == len(self._account)

    def authorize(self, access_key: str, action: str, resources: list[str], context: dict[str, str]) -> Verdict:
        """Ask the cloud's IAM evaluator; root is allowed without asking."""
        if self._is_root(access_key):
            return Verdict(access_key in self._accounts, f"arn:aws:iam::{access_key}:root", None, "root")
        asked = {"access_key": access_key, "action": action, "resources": resources, "context": context}
        found = self._post("/_lab/authorize", asked)
        return Verdict(
            bool(found["allowed"]),
            str(found.get("principal") or "unknown"),
            found.get("function"),
            str(found.get("reason") or ""),
        )

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST JSON on this thread's own connection; one new attempt when a kept connection had died."""
        payload = json.dumps(body).encode()
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                host = urllib.parse.urlsplit(self._endpoint).netloc
                connection = http.client.HTTPConnection(host, timeout=TIMEOUT_SECONDS)
                self._local.connection = connection
            try:
                connection.request("POST", path, payload, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                text = reply.read()
            except (OSError, http.client.HTTPException) as exc:
                connection.close()
                self._local.connection = None
                if attempt == 2:
                    raise CloudError(f"{self._endpoint}{path}: {exc}") from exc
                continue
            if reply.status != 200:
                raise CloudError(f"{self._endpoint}{path} answered {reply.status}: {text[:300]!r}")
            found: dict[str, Any] = json.loads(text)
            return found
        raise CloudError(path)
