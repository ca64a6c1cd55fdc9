"""An account of moto's, set up anew for each run, and the workflows that run over it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from moto.core.base_backend import BackendDict

from backstay import entry, wiring
from backstay.config import Settings
from backstay.core.errors import BackstayError
from backstay.core.requests import RestoreRunRequest
from backstay.handlers import audit, protect, restore
from backstay.runs import InlineRun
from backstay.workflows.restore_run import restore_run
from tests.faults.kinds import LEAK
from tests.handlers.cloud import (
    ACCOUNT,
    AWAY,
    BUS,
    HOME,
    KEY_SECRET,
    ORDERS,
    PASSWORD,
    RUNNER,
    TOKEN,
    VAULT,
    client,
    cluster,
    context,
    database,
)
from tests.lab.rds import serialize
from tests.lab.rds.model import service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.wire import Answer, Call, Plant, Wire

SECRETS: Final = (KEY_SECRET, TOKEN, PASSWORD, LEAK)
_XML: Final = {"content-type": "text/xml"}
_JSON: Final = {"content-type": "application/json"}
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/import"
# What moto does not answer, or not as RDS does, of a restore's preflight.
_PREFLIGHT: Final[Mapping[str, dict[str, Any]]] = {
    "DescribeAccountAttributes": {"AccountQuotas": []},
    "DescribeOrderableDBInstanceOptions": {"OrderableDBInstanceOptions": [{"Engine": "postgres"}]},
    "DescribeDBParameterGroups": {"DBParameterGroups": [{"DBParameterGroupName": "default"}]},
    "DescribeDBClusterParameterGroups": {"DBClusterParameterGroups": [{"DBClusterParameterGroupName": "default"}]},
    "DescribeOptionGroups": {"OptionGroupsList": [{"OptionGroupName": "default"}]},
}


class Clock:
    """The machine's clock, some time on; sleeping moves it instead of waiting."""

    ahead = timedelta()

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return datetime.now(UTC) + Clock.ahead

    def sleep(self, span: timedelta) -> None:
        """See ``Clock.sleep``."""
        Clock.ahead += span


@dataclass(slots=True)
class Ending:
    """How a run ended.

    Attributes:
        report: the Report, unless an error was raised.
        raised: the error's type, when one was; ``foreign`` when it is none of ours.
        printed: everything that was said anywhere: log, report, exception with its causes, requests' bodies.
    """

    report: dict[str, Any] | None = None
    raised: str = ""
    foreign: bool = False
    printed: str = ""

    @property
    def status(self) -> str:
        return str(self.report["status"]) if self.report else f"raised {self.raised}"

    def parts(self) -> dict[str, Any]:
        """What is said of each Database, without what differs from run to run."""
        report = self.report or {}
        said: dict[str, Any] = {}
        for each in report.get("findings", ()):
            said.setdefault(_key(each["database"]), []).append((each["rule"], each["verdict"]))
        for each in report.get("outcomes", ()):
            said.setdefault(str(each["database"]), []).append((each["result"], "passing" if each["passing"] else ""))
        for name in ("target", "lacking"):
            if name in report:
                said[name] = report[name]
        return said


def _key(database: Mapping[str, Any]) -> str:
    return f"{database['region']}/{database['name']}"


@dataclass(slots=True)
class Stage:
    """The account and its wire.

    Attributes:
        executions: durable executions by name: a second one of the same name is the same.
        moment: what is restored to: the account's last second before the run.
    """

    wire: Wire
    executions: list[str] = field(default_factory=list)
    moment: str = ""

    def __post_init__(self) -> None:
        self.wire.extra = {
            "rds:DescribeDBInstanceAutomatedBackups": self._backups,
            **{f"rds:{operation}": _always(operation, result) for operation, result in _PREFLIGHT.items()},
            "kms:DescribeKey": _key_metadata,
            "secrets-manager:GetSecretValue": _secret,
            "lambda:ListDurableExecutionsByFunction": self._list,
            "lambda:Invoke": self._invoke,
        }

    def account(self) -> None:
        """The account as it is before each run: `orders` off, `ledger` short, `billing` in the other region."""
        Clock.ahead = timedelta()
        self.executions.clear()
        entry._runner_world.cache_clear()
        BackendDict.reset()
        place: Any = {"LocationConstraint": HOME}
        client("s3").create_bucket(Bucket=VAULT, CreateBucketConfiguration=place)
        client("events").create_event_bus(Name=BUS)
        database("orders", retention=0, backup_tier="gold")
        _billing()
        cluster("ledger", retention=1)
        subnets = [each["SubnetId"] for each in client("ec2", AWAY).describe_subnets()["Subnets"]]
        client("rds", AWAY).create_db_subnet_group(  # moto's clusters name a group that it does not have
            DBSubnetGroupName="default", DBSubnetGroupDescription="named", SubnetIds=subnets
        )
        self.moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"

    def run(self, story: Callable[[Stage], dict[str, Any]], plant: Plant | None = None) -> Ending:
        """One run, whatever comes of it."""
        ending, console = Ending(), io.StringIO()
        entry.logger.cache_clear()
        self.wire.open(plant)
        with contextlib.redirect_stdout(console), contextlib.redirect_stderr(console):
            try:
                ending.report = story(self)
            except Exception as exc:  # noqa: BLE001  # whatever it is, the test says so
                ending.raised, ending.foreign = type(exc).__name__, not isinstance(exc, BackstayError)
                ending.printed = "".join(traceback.format_exception(exc))
        self.wire.close()
        ending.printed += console.getvalue() + json.dumps(ending.report) + "\n".join(self.wire.said)
        return ending

    def _backups(self, call: Call, _: bytes) -> Answer:
        latest = datetime.now(UTC)
        window = {"EarliestTime": latest - timedelta(days=7), "LatestTime": latest}
        backup = {"DBInstanceIdentifier": call.what, "Status": "active", "RestoreWindow": window}
        return _rds("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [backup]})

    def _list(self, *_: object) -> Answer:
        found = [
            {
                "DurableExecutionArn": f"{RUNNER}/durable-execution/{each}/1",
                "DurableExecutionName": each,
                "FunctionArn": RUNNER,
                "Status": "RUNNING",
            }
            for each in self.executions
        ]
        return 200, _JSON, json.dumps({"DurableExecutions": found}).encode()

    def _invoke(self, _: Call, body: bytes) -> Answer:
        name = json.loads(body)["request_id"]
        if name not in self.executions:
            self.executions.append(name)
        return 202, {**_JSON, "x-amz-durable-execution-arn": f"{RUNNER}/durable-execution/{name}/1"}, b""


def _billing() -> None:
    """An instance with a role and an option group of its own: moto names default groups that it does not have."""
    rds = client("rds")
    rds.create_option_group(
        OptionGroupName="billing-og", EngineName="mysql", MajorEngineVersion="8.0", OptionGroupDescription="own"
    )
    rds.create_db_instance(
        DBInstanceIdentifier="billing",
        Engine="mysql",
        EngineVersion="8.0.35",
        DBInstanceClass="db.m7g.large",
        AllocatedStorage=20,
        MasterUsername="app_admin",
        MasterUserPassword=PASSWORD,
        BackupRetentionPeriod=14,
        CopyTagsToSnapshot=True,
        DeletionProtection=True,
        OptionGroupName="billing-og",
        Tags=[{"Key": "backup-tier", "Value": "gold"}],
    )
    rds.add_role_to_db_instance(DBInstanceIdentifier="billing", RoleArn=ROLE, FeatureName="s3Import")


def _always(operation: str, result: dict[str, Any]) -> Callable[[Call, bytes], Answer]:
    return lambda *_: _rds(operation, result)


def _key_metadata(*_: object) -> Answer:
    return 200, _JSON, json.dumps({"KeyMetadata": {"KeyId": "1", "KeyState": "Enabled", "Enabled": True}}).encode()


def _rds(operation: str, result: dict[str, Any]) -> Answer:
    return 200, _XML, serialize.answer(service().operation_model(operation), result, "1").encode()


def _secret(*_: object) -> Answer:
    value = json.dumps({"username": "app_admin", "password": PASSWORD})
    return 200, _JSON, json.dumps({"ARN": "arn:aws:secretsmanager:x", "SecretString": value}).encode()


def _restored(source: str, target: str) -> Callable[[Stage], dict[str, Any]]:
    def story(stage: Stage) -> dict[str, Any]:
        request = RestoreRunRequest(
            database=source,
            target=target,
            request_id=f"{target}-1",
            moment=stage.moment,
        )
        settings = Settings.from_environment(os.environ)
        world = wiring.lambda_world(settings, wiring.Caller(ACCOUNT))
        report = restore_run(world, InlineRun(Clock(), lambda _: None), request)
        kept = entry.publish(world, report, heartbeat=False)
        world.bus.report_ready(report)
        return {**report, "report": kept}

    return story


BILLING: Final = f"aws/{ACCOUNT}/{HOME}/instance/billing"
LEDGER: Final = f"aws/{ACCOUNT}/{AWAY}/cluster/ledger"
STORIES: Final[Mapping[str, Callable[[Stage], dict[str, Any]]]] = {
    "audit-all": lambda _: audit.handler({"all": True}, context("audit")),
    "audit-one": lambda _: audit.handler({"database": ORDERS}, context("audit")),
    "protect-all": lambda _: protect.handler({"all": True}, context("protect")),
    "protect-one": lambda _: protect.handler({"database": LEDGER}, context("protect")),
    "restore": lambda _: restore.handler(
        {"database": BILLING, "to": "latest", "target": "billing-back"}, context("restore")
    ),
    "restore-run": _restored(BILLING, "billing-back"),
    "restore-run-cluster": _restored(LEDGER, "ledger-back"),
}
