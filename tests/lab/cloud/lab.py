"""`Lab`: the whole embedded cloud as one object, for tests and for the demo.

with Lab.start() as lab:
    lab.deploy()
    lab.put_event("aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0028"}, region="eu-west-2")
    lab.calls(function="backstay-audit")
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from . import deploy
from .crew import LOOPBACK, Child, Crew, LabError, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from .deploy import Stack

REPO = Path(__file__).resolve().parents[3]
LAB_PYTHON = REPO / ".lab" / "venv" / "bin" / "python"
ACCOUNT = "111122223333"
REGIONS = ("eu-west-1", "eu-west-2")  # the first is home
DEPLOYMENT = "backstay"
CA_KEY = "ca/rds-global-bundle.pem"  # where template.yaml looks for it unless told otherwise
POLICY_KEY = "policy.yaml"
RDS_COMMAND = (sys.executable, "-m", "tests.lab.rds")
READY_SECONDS = 30.0
REQUEST_SECONDS = 60.0
POLL = 0.05
TERMINAL = ("SUCCEEDED", "FAILED", "STOPPED", "TIMED_OUT")


class Lab:
    """A running lab. Make one with `Lab.start()`; leave it (`with`, or `stop()`) and nothing of it is left.

    `endpoint` answers for every AWS service but RDS, `rds_endpoint` for RDS in all regions; `region` is home; `root` is
    the private folder; `ca_bundle` verifies the databases' TLS.
    """

    account = ACCOUNT

    def __init__(self, regions: Sequence[str], rds: Sequence[str]) -> None:
        self.regions = tuple(regions)
        self.region = self.regions[0]
        self._crew = Crew()
        try:
            self._begin(rds)
        except BaseException:
            self.stop()
            raise

    @classmethod
    def start(cls, regions: Sequence[str] = REGIONS, rds: Sequence[str] = RDS_COMMAND) -> Self:
        """Start every process and wait until all of them answer; LabError when one does not within READY_SECONDS.

        `rds` is the RDS emulator's command, to which its options are added.
        """
        return cls(regions, rds)

    def _begin(self, rds: Sequence[str]) -> None:
        self.root = self._crew.root
        if not LAB_PYTHON.exists():
            raise LabError("the lab's own environment is missing: run `make setup` first")
        (self.root / "calls").mkdir()
        ports = free_ports(3)
        self.endpoint, self.rds_endpoint, runner = (f"http://{LOOPBACK}:{port}" for port in ports)
        self._start_ministack(ports[0], runner)
        self._start_runner(ports[2], runner)
        emulator = self._start_rds(rds, ports[1])
        self._crew.wait("MiniStack", lambda: _answers(f"{self.endpoint}/_lab/health"), READY_SECONDS)
        self._crew.wait("the durable runner", lambda: _answers(f"{runner}/health"), READY_SECONDS)
        self._crew.wait("the RDS emulator", lambda: b"\n" in emulator.answers.read_bytes(), READY_SECONDS)
        self.ca_bundle = Path(json.loads(emulator.answers.read_bytes().splitlines()[0])["ca_bundle"])

    def _start_ministack(self, port: int, runner: str) -> None:
        options = {
            "port": port,
            "runner": runner,
            "rds": self.rds_endpoint,
            "deps": REPO / ".lab" / "deps",
            "calls": self.root / "calls" / "aws.jsonl",
            "invocations": self.root / "calls" / "invocations.jsonl",
            "account": self.account,
            "region": self.region,
        }
        self._crew.start("ministack", [str(LAB_PYTHON), "-m", "tests.lab.cloud.launcher", *_flags(options)], REPO)

    def _start_runner(self, port: int, url: str) -> None:
        options = {
            "host": LOOPBACK,
            "port": port,
            "lambda-endpoint": self.endpoint,
            "local-runner-endpoint": url,
            "local-runner-region": self.region,
            "log-level": "WARNING",
        }
        credentials = {
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self.region,
        }
        self._crew.start(
            "runner", [sys.executable, "-m", "tests.lab.cloud.runner", *_flags(options)], REPO, credentials
        )

    def _start_rds(self, command: Sequence[str], port: int) -> Child:
        root = self.root / "rds"
        root.mkdir(mode=0o755)
        options = {
            "port": port,
            "root": root,
            "aws-endpoint": self.endpoint,
            "account": self.account,
            "regions": ",".join(self.regions),
            "calls": self.root / "calls" / "rds.jsonl",
        }
        return self._crew.start("rds", [*command, *_flags(options)], REPO)

    def stop(self) -> None:
        """End every process and remove the folder. May be called twice."""
        self._crew.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raise LabError when one of the lab's processes has died."""
        self._crew.check()

    # --- AWS ----------------------------------------------------------------------------------------------------------

    def environment(self, region: str | None = None) -> dict[str, str]:
        """What points the AWS CLI, boto3 and `backstay` at the lab, with the account's own (root) credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_RDS": self.rds_endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": region or self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, region: str | None = None, account: str | None = None) -> Any:
        """A boto3 client with root credentials, for a region and an account (home's when none is named)."""
        make: Any = boto3.client  # its stubs want each service's name spelled out
        return make(
            service,
            region_name=region or self.region,
            endpoint_url=self.rds_endpoint if service == "rds" else self.endpoint,
            aws_access_key_id=account or self.account,
            aws_secret_access_key="test",
            config=Config(connect_timeout=5, read_timeout=120, retries={"total_max_attempts": 2}),
        )

    def deploy(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        policy: str | None = None,
        repo: Path = REPO,
        vault_keys: Mapping[str, str] | None = None,
    ) -> Stack:
        """Deploy the product: infra/region.yaml into every region, then template.yaml at home. Again: an update.

        As docs/operations.md has an operator do it, the RDS CA bundle goes into the home vault in between, and so does
        `policy` (a document's text) when it is given. `parameters` are for template.yaml; the deployment and its
        regions are set. `vault_keys` are the keys that an earlier installation left behind, by region.
        """
        regional = (repo / "infra" / "region.yaml").read_text()
        given = {"DeploymentId": DEPLOYMENT, "HomeRegion": self.region}
        stacks = {
            region: self.deploy_stack(
                f"{DEPLOYMENT}-region",
                regional,
                {**given, "VaultKeyArn": (vault_keys or {}).get(region, "")},
                region=region,
            )
            for region in self.regions
        }
        vault = stacks[self.region].outputs["VaultBucketName"]
        self.client("s3").put_object(Bucket=vault, Key=CA_KEY, Body=self.ca_bundle.read_bytes())
        wanted = {"DeploymentId": DEPLOYMENT, "Regions": ",".join(self.regions), **(parameters or {})}
        if policy is not None:
            self.client("s3").put_object(Bucket=vault, Key=POLICY_KEY, Body=policy.encode())
            wanted["PolicyUri"] = f"s3://{vault}/{POLICY_KEY}"
        code = deploy.package(repo / "functions", ["backstay"])
        return self.deploy_stack(DEPLOYMENT, (repo / "template.yaml").read_text(), wanted, code=code)

    def deploy_stack(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, str] | None = None,
        *,
        region: str | None = None,
        code: bytes | None = None,
    ) -> Stack:
        """Deploy any template's text; `code` is a zip for its functions. DeployError when it does not come up."""
        where = region or self.region
        if code is not None:
            template = deploy.place_code(template, f"s3://{deploy.upload(self, where, code, 'zip')}")
        return deploy.deploy(self, where, name, template, parameters or {})

    def put_event(
        self, source: str, kind: str, detail: Mapping[str, Any], *, region: str | None = None, bus: str = "default"
    ) -> None:
        """Put one event on a bus, as the service named by `source` would."""
        entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": bus}
        told = self.client("events", region).put_events(Entries=[entry])
        if told["FailedEntryCount"]:
            raise LabError(f"the event was refused: {told['Entries'][0]}")

    def invoke(self, function: str, payload: Any, *, qualifier: str = "live") -> Any:
        """Invoke a function synchronously and return what it returned. LabError with the error when it failed."""
        told = self.client("lambda").invoke(
            FunctionName=function, Qualifier=qualifier, Payload=json.dumps(payload).encode()
        )
        body = told["Payload"].read().decode()
        if told.get("FunctionError"):
            raise LabError(f"{function} failed: {body}\n{chr(10).join(self.logs(function)[-30:])}")
        return json.loads(body)

    def start_durable(self, function: str, payload: Any, *, name: str, qualifier: str = "live") -> str:
        """Start a durable execution by name (the idempotency key) and return its ARN."""
        told = self.client("lambda").invoke(
            FunctionName=function,
            Qualifier=qualifier,
            InvocationType="Event",
            DurableExecutionName=name,
            Payload=json.dumps(payload).encode(),
        )
        return str(told["DurableExecutionArn"])

    def durable(self, arn: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """A durable execution once it has ended (Status, Result, Error). LabError at the deadline."""
        reader = self.client("lambda")
        end = time.monotonic() + seconds
        while (told := reader.get_durable_execution(DurableExecutionArn=arn))["Status"] not in TERMINAL:
            self._crew.check()
            if time.monotonic() > end:
                raise LabError(f"{arn} is still {told['Status']} after {seconds:.0f} s")
            time.sleep(POLL)
        return dict(told)

    def durable_history(self, arn: str) -> list[dict[str, Any]]:
        """Every event of a durable execution, oldest first, with its data."""
        pages = (
            self.client("lambda")
            .get_paginator("get_durable_execution_history")
            .paginate(DurableExecutionArn=arn, IncludeExecutionData=True)
        )
        return [event for page in pages for event in page["Events"]]

    def logs(self, function: str) -> list[str]:
        """A function's log lines so far, oldest first, from whatever log group it is configured to write to."""
        config = self.client("lambda").get_function_configuration(FunctionName=function)
        logs = self.client("logs")
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=config["LoggingConfig"]["LogGroup"])
            return [event["message"] for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []  # it has not run yet

    # --- The lab's own ------------------------------------------------------------------------------------------------

    def fire(self, schedule: str) -> dict[str, Any]:
        """Fire a schedule (`name` or `group/name`) now, exactly as Scheduler would."""
        return dict(_ask("POST", f"{self.endpoint}/_lab/schedules/fire", {"name": schedule}))

    def due(self, queue: str, region: str | None = None) -> int:
        """Let time pass for a queue: what is delayed, hidden since it failed, or waits for its batch to fill, is
        received now. Says how many."""
        arn = f"arn:aws:sqs:{region or self.region}:{self.account}:{queue}"
        return int(_ask("POST", f"{self.endpoint}/_lab/queues/due", {"arn": arn})["messages"])

    def functions(self) -> list[dict[str, Any]]:
        """Every deployed function: name, region, arn, role, aliases, durable."""
        return list(_ask("GET", f"{self.endpoint}/_lab/functions"))

    def authorize(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Ask IAM, as the RDS emulator does; see `launcher.auth.authorize` for question and answer."""
        return dict(_ask("POST", f"{self.endpoint}/_lab/authorize", question))

    def rds_admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A request to the RDS emulator's own addresses, for example `rds_admin("POST", "faults", {...})`."""
        return _ask(method, f"{self.rds_endpoint}/_lab/{path}", body)

    def calls(self, *, function: str | None = None, action: str | None = None) -> list[dict[str, Any]]:
        """Every API call so far, oldest first; of one function and one IAM action (`s3:PutObject`) when named."""
        lines = _lines(self.root / "calls" / "aws.jsonl") + _lines(self.root / "calls" / "rds.jsonl")
        for line in lines:  # the RDS emulator writes the operation, IAM wants the service before it
            line["action"] = line["action"] if ":" in line["action"] else f"{line['service']}:{line['action']}"
        kept = [c for c in lines if function in {None, c["function"]} and action in {None, c["action"]}]
        return sorted(kept, key=lambda call: str(call["time"]))

    def invocations(self, function: str | None = None) -> list[dict[str, Any]]:
        """Every run of a handler so far: time, function, version, qualifier, seconds, error."""
        lines = _lines(self.root / "calls" / "invocations.jsonl")
        return [line for line in lines if function in (None, line["function"])]

    def until(self, what: str, probe: Callable[[], Any], *, seconds: float = 20.0) -> Any:
        """Poll until `probe` returns something true and return that. LabError at the deadline, naming `what`."""
        found: list[Any] = []

        def is_ready() -> bool:
            found[:] = [probe()]
            return bool(found[0])

        self._crew.wait(what, is_ready, seconds)
        return found[0]


def _flags(options: Mapping[str, object]) -> list[str]:
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def _answers(url: str) -> bool:
    try:
        return _request("GET", url)[0] == HTTPStatus.OK
    except (ConnectionError, TimeoutError):
        return False


def _ask(method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
    status, told = _request(method, url, None if body is None else json.dumps(body).encode())
    if status != HTTPStatus.OK:
        raise LabError(f"{method} {url}: {status} {told.decode(errors='replace')}")
    return json.loads(told or b"null")


def _request(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of one request to one of the lab's own processes."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=REQUEST_SECONDS)
    try:
        connection.request(method, parts.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a growing file of JSON objects."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
