"""One lab RDS for the whole session, as a process of its own beside a stand-in for the rest of the cloud."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.labtests.rds.standin import ACCOUNT, Cloud, StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_rds import RDSClient

REPOSITORY = Path(__file__).resolve().parents[3]
REGION, OTHER_REGION = "eu-west-2", "eu-west-1"
PASSWORD = "correct-horse-1"
WAIT_SECONDS = 20.0
PACE = "0.1"
SESSION = boto3.session.Session()
ROOM = 2 * 1024**3
ROWS = 321

Value = TypeVar("Value")


def wait_for(probe: Callable[[], Value | None], what: str, seconds: float = WAIT_SECONDS) -> Value:
    """The first truthy value of `probe`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = probe()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def roomy_folder() -> Path:
    """A new folder for databases, in memory where there is room: some disks take a second per copied server."""
    memory = Path("/dev/shm")  # noqa: S108 - only looked at, and used by mkdtemp
    usable = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    usable = usable and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    folder = Path(tempfile.mkdtemp(prefix="backstay-rds-", dir=memory if usable else None))
    folder.chmod(0o755)
    return folder


class Process:
    """`python -m tests.lab.rds` with its root folder."""

    def __init__(self, endpoint: str, *, marker: str = "labtests") -> None:
        self.root = roomy_folder()
        self.calls = self.root / "calls.jsonl"
        begin = time.monotonic()
        self.child = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.lab.rds"),
                *("--port", "0", "--root", str(self.root / "rds"), "--aws-endpoint", endpoint, "--account", ACCOUNT),
                *("--regions", f"{OTHER_REGION},{REGION}", "--calls", str(self.calls), "--pace", PACE),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "BACKSTAY_LAB": marker},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.child.stdout is not None
        ready = json.loads(self.child.stdout.readline())
        assert ready["ready"] is True
        self.ready_seconds = time.monotonic() - begin
        self.port, self.ca_bundle = int(ready["port"]), Path(ready["ca_bundle"])
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """End it, whatever state it is in, and remove its folder."""
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait(15)
        shutil.rmtree(self.root, ignore_errors=True)


class Rds:
    """What tests do with the lab."""

    def __init__(self, process: Process, cloud: Cloud) -> None:
        self.process, self.cloud = process, cloud
        self.client = self.connect(REGION)

    def connect(self, region: str = REGION, access_key: str = ACCOUNT, attempts: int = 1) -> RDSClient:
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=2)
        client: RDSClient = SESSION.client(
            "rds",
            region_name=region,
            endpoint_url=self.process.url,
            aws_access_key_id=access_key,
            aws_secret_access_key="lab",
            config=config,
        )
        return client

    def admin(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=10)
        try:
            connection.request(method, path, data)
            reply = connection.getresponse()
            answer: dict[str, Any] = json.loads(reply.read())
        finally:
            connection.close()
        assert reply.status == 200, answer
        return answer

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.process.calls.read_text().splitlines()]

    def instance(self, name: str) -> dict[str, Any]:
        found: Any = self.client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return dict(found)

    def cluster(self, name: str) -> dict[str, Any]:
        found: Any = self.client.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        return dict(found)

    def until_instance(self, name: str, status: str = "available") -> dict[str, Any]:
        def probe() -> dict[str, Any] | None:
            found = self.instance(name)
            assert found["DBInstanceStatus"] not in {"failed", "incompatible-restore"} - {status}
            return found if found["DBInstanceStatus"] == status else None

        return wait_for(probe, f"{name} {status}")

    def until_cluster(self, name: str, status: str = "available") -> dict[str, Any]:
        def probe() -> dict[str, Any] | None:
            found = self.cluster(name)
            return found if found["Status"] == status else None

        return wait_for(probe, f"{name} {status}")

    def create(self, name: str, **given: Any) -> dict[str, Any]:
        self.client.create_db_instance(**instance_arguments(name, **given))
        return self.until_instance(name)

    def login(
        self, host: str, port: int, password: str = PASSWORD, **given: Any
    ) -> psycopg.Connection[tuple[Any, ...]]:
        settings: dict[str, Any] = {
            "user": "app",
            "dbname": "postgres",
            "sslmode": "verify-full",
            "sslrootcert": str(self.process.ca_bundle),
            "connect_timeout": 5,
            **given,
        }
        return psycopg.connect(host=host, port=port, password=password, autocommit=True, **settings)

    def login_instance(self, name: str, **given: Any) -> psycopg.Connection[tuple[Any, ...]]:
        endpoint = self.instance(name)["Endpoint"]
        return self.login(endpoint["Address"], endpoint["Port"], **given)

    def sql(self, name: str, query: str) -> list[tuple[Any, ...]]:
        """The lab's own SQL over the socket."""
        found = next(d for d in self.admin("GET", "/_lab/databases")["databases"] if d["identifier"] == name)
        with psycopg.connect(found["dsn"], autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def drop(self, *names: str) -> None:
        """Delete instances and wait until they are gone."""
        for name in names:
            self.client.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        for name in names:
            wait_for(lambda name=name: self._gone(name), f"{name} gone")  # type: ignore[misc]

    def _gone(self, name: str) -> bool:
        try:
            self.instance(name)
        except self.client.exceptions.DBInstanceNotFoundFault:
            return True
        return False


def instance_arguments(name: str, **given: Any) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": "app",
        "MasterUserPassword": PASSWORD,
        "BackupRetentionPeriod": 0,
    } | given


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    """Error code with which `call` is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


@pytest.fixture(scope="session")
def standin() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def process(standin: StandIn) -> Iterator[Process]:
    started = Process(standin.url)
    yield started
    started.close()


@pytest.fixture(scope="session")
def session_rds(process: Process, standin: StandIn) -> Rds:
    return Rds(process, standin.cloud)


@pytest.fixture
def rds(session_rds: Rds) -> Iterator[Rds]:
    """The lab without faults, and with an IAM that allows everything."""
    session_rds.cloud.allow = lambda _: True
    yield session_rds
    session_rds.cloud.allow = lambda _: True
    session_rds.admin("DELETE", "/_lab/faults")
    session_rds.admin("DELETE", "/_lab/plant")


@pytest.fixture(scope="session")
def orders(session_rds: Rds) -> str:
    """A database with backups on, custom groups and tags, and rows with known commit times."""
    client = session_rds.client
    client.create_db_parameter_group(
        DBParameterGroupName="orders-pg", DBParameterGroupFamily="postgres17", Description="custom"
    )
    client.create_option_group(
        OptionGroupName="orders-og", EngineName="postgres", MajorEngineVersion="17", OptionGroupDescription="custom"
    )
    client.create_db_subnet_group(
        DBSubnetGroupName="orders-subnets",
        DBSubnetGroupDescription="two zones",
        SubnetIds=["subnet-00000001", "subnet-00000002"],
    )
    session_rds.create(
        "orders",
        BackupRetentionPeriod=7,
        DBParameterGroupName="orders-pg",
        OptionGroupName="orders-og",
        DBSubnetGroupName="orders-subnets",
        CopyTagsToSnapshot=True,
        DeletionProtection=True,
        Tags=[{"Key": "backup-tier", "Value": "gold"}],
    )
    with session_rds.login_instance("orders") as connection:
        connection.execute("create table items (id int primary key, note text)")
        for number in range(200):
            connection.execute("insert into items values (%s, 'x')", (number,))
    return "orders"


@pytest.fixture
def there(rds: Rds) -> Iterator[RDSClient]:
    """The destination region's endpoint; copies are quick and nothing is held when a test ends."""
    yield rds.connect(OTHER_REGION)
    rds.admin("POST", "/_lab/copies", {"hold": False, "seconds": 0.2})


@pytest.fixture(scope="session")
def taken(session_rds: Rds, orders: str) -> dict[str, Any]:
    """A snapshot of `orders` with a table that only it has."""
    session_rds.sql(orders, f"create table copied as select generate_series(1, {ROWS}) as id")
    session_rds.client.create_db_snapshot(
        DBSnapshotIdentifier="copy-me",
        DBInstanceIdentifier=orders,
        Tags=[{"Key": "team", "Value": "money"}, {"Key": "slot", "Value": "2026-01-01T03:00:00Z"}],
    )

    def probe() -> dict[str, Any] | None:
        found: Any = session_rds.client.describe_db_snapshots(DBSnapshotIdentifier="copy-me")["DBSnapshots"][0]
        return dict(found) if found["Status"] == "available" else None

    return wait_for(probe, "copy-me available")
