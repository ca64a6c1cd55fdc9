"""An account for the handlers: moto behind the real SDK, with every call recorded and any call made to fail."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3

from tests.surveys import subnet_group

if TYPE_CHECKING:
    from botocore.session import Session

ACCOUNT = "111122223333"
HOME, AWAY = "eu-west-1", "eu-west-2"
VAULT, BUS = f"backstay-vault-{ACCOUNT}-{HOME}", "backstay"
RUNNER = f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:backstay-restore-run:live"
EVENTS = Path(__file__).parents[2] / "events"
ORDERS = f"aws/{ACCOUNT}/{AWAY}/instance/orders"

# What the SDK would have sent, had the environment's credentials been real. None of it may ever be logged.
KEY_SECRET, TOKEN, PASSWORD = "planted-secret-key", "planted-session-token", "planted-master-password"

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a handler."""

    region: str
    operation: str
    parameters: dict[str, Any]


@dataclass(slots=True)
class Cloud:
    """What a test looks at and plays with."""

    calls: list[Call] = field(default_factory=list)
    answers: dict[tuple[str, str], tuple[int, dict[str, Any]]] = field(default_factory=dict)

    def watch(self, session: Session) -> None:
        """Sees every call of the clients that the session will make."""
        register: Any = session.register
        register("provide-client-params.*.*", self._record)
        register("before-call.*.*", self._answer)

    def forget(self) -> None:
        """Nothing was called, and everything is moto's to answer."""
        self.calls.clear()
        self.answers.clear()

    def _record(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        operation = f"{model.service_model.endpoint_prefix}:{model.name}"
        self.calls.append(Call(str(context["client_region"]), operation, params))

    def _answer(self, model: Any, request_signer: Any, **_: object) -> tuple[Any, dict[str, Any]] | None:
        operation = f"{model.service_model.endpoint_prefix}:{model.name}"
        for region in (request_signer.region_name, ""):
            if found := self.answers.get((operation, region)):
                status, parsed = found
                return SimpleNamespace(status_code=status, headers={}), {
                    **parsed,
                    "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
                }
        return None

    def answer(self, operation: str, parsed: dict[str, Any]) -> None:
        """What moto does not know."""
        self.answers[operation, ""] = (200, parsed)

    def fail(self, operation: str, code: str, status: int = 400, region: str = "") -> None:
        """From now on the operation fails, in one region or everywhere."""
        error = {"Code": code, "Message": "no, said the test"}
        self.answers[operation, region] = (status, {"Error": error})

    def named(self, operation: str) -> list[Call]:
        """The recorded calls of one operation."""
        return [call for call in self.calls if call.operation == operation]

    @property
    def changes(self) -> list[Call]:
        """Calls to RDS that are not reading."""
        return [call for call in self.calls if call.operation.startswith("rds:") and ":Describe" not in call.operation]

    @property
    def told(self) -> list[dict[str, Any]]:
        """The details of the events about findings and reports that were put on the bus."""
        return [json.loads(each["Detail"]) for each in self._events if each["DetailType"] != "Backstay Heartbeat"]

    @property
    def heartbeats(self) -> list[dict[str, Any]]:
        """The details of the heartbeats that were put on the bus."""
        return [json.loads(each["Detail"]) for each in self._events if each["DetailType"] == "Backstay Heartbeat"]

    @property
    def _events(self) -> list[dict[str, Any]]:
        entries = [entry for call in self.named("events:PutEvents") for entry in call.parameters["Entries"]]
        assert all(entry["EventBusName"] == BUS and entry["Source"] == "backstay" for entry in entries)
        return entries

    @property
    def keys(self) -> list[str]:
        """What is in the vault."""
        return [entry["Key"] for entry in client("s3").list_objects_v2(Bucket=VAULT).get("Contents", [])]

    def stored(self, key: str) -> Any:
        """One object of the vault."""
        return json.loads(client("s3").get_object(Bucket=VAULT, Key=key)["Body"].read())

    def reports(self, verb: str) -> list[Report]:
        """The Reports of a verb that were kept."""
        return [self.stored(key) for key in self.keys if key.startswith(f"reports/{verb}/")]


@cache
def somebody() -> Any:
    """One session for all clients of the tests' own: it keeps the models that it has read."""
    return boto3.Session("AKIAIOSFODNN7TESTERS", "testers-secret")


@cache
def client(service: str, region: str = HOME) -> Any:
    """Not one of the handlers' clients: nothing of this is recorded."""
    return somebody().client(service, region_name=region)


def context(verb: str) -> Any:
    """What Lambda passes beside the event, as far as we read it."""
    return SimpleNamespace(
        function_name=f"backstay-{verb}",
        invoked_function_arn=f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:backstay-{verb}:live",
        aws_request_id="0b8a8f0e-8d2b-4a9b-9a3f-2f8f5c1e7d10",
        memory_limit_in_mb=512,
    )


def sample(name: str) -> dict[str, Any]:
    """One of events/, as the console would send it."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def database(name: str, region: str = AWAY, *, retention: int = 14, engine: str = "postgres", **tags: str) -> None:
    """Creates an instance."""
    client("rds", region).create_db_instance(
        DBInstanceIdentifier=name,
        Engine=engine,
        DBInstanceClass="db.m7g.large",
        AllocatedStorage=20,
        MasterUsername="app_admin",
        MasterUserPassword=PASSWORD,
        BackupRetentionPeriod=retention,
        CopyTagsToSnapshot=True,
        DeletionProtection=True,
        DBSubnetGroupName=subnet_group(client("ec2", region), client("rds", region)),
        Tags=[{"Key": key.replace("_", "-"), "Value": value} for key, value in tags.items()],
    )


def cluster(name: str, region: str = AWAY, *, retention: int = 14) -> None:
    """Creates an Aurora cluster with a writer."""
    rds = client("rds", region)
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="app_admin",
        MasterUserPassword=PASSWORD,
        BackupRetentionPeriod=retention,
        DBSubnetGroupName=subnet_group(client("ec2", region), rds),
        Tags=[{"Key": "backup-tier", "Value": "gold"}],
    )
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-1",
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        DBInstanceClass="db.r7g.large",
    )
