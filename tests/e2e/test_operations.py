"""docs/operations.md, done: install, upgrade, pause, uninstall and reinstall, in a lab of their own."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from backstay.workflows.reports import every_verdict
from tests.lab.cloud import deploy
from tests.lab.cloud.lab import DEPLOYMENT, REPO, Lab
from tests.lab.demo.fleet import GOLD, LOGIN, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.cloud.deploy import Stack

pytestmark = pytest.mark.e2e
PREVIOUS: Final = Path(__file__).with_name("previous_release")
# Nothing is enforced, so that what fails goes on failing and its memory can be followed through everything.
POLICY: Final = """\
version: 1
tiers:
  - {name: gold, match: {tags: {backup-tier: gold}}, pitr: {window: 14d}}
"""
STACKS: Final = (f"{DEPLOYMENT}-region", DEPLOYMENT)
RUNNER: Final = f"{DEPLOYMENT}-restore-run"
SOON: Final = 60.0
CLOSED, OPEN = "444455556666", "777788889999"  # member accounts without and with their stack
GIVEN: Final = {"MemberAccounts": f"{CLOSED},{OPEN}"}


def previous_release(folder: Path) -> Path:
    """The templates and the code of the release before this one, as git remembers them."""
    commit = PREVIOUS.read_text().strip()
    wanted = ["git", "-C", str(REPO), "archive", "--format=tar", commit, "template.yaml", "infra", "functions"]
    done = subprocess.run(wanted, capture_output=True, check=False)
    assert done.returncode == 0, f"{commit} is not in this clone (a shallow one?): {done.stderr.decode()}"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def outputs(lab: Lab, region: str) -> dict[str, str]:
    """Names of what the location's stack made: vault, key, topic, bus."""
    found: Any = lab.client("cloudformation", region).describe_stacks(StackName=STACKS[0])["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def kept(lab: Lab, region: str) -> dict[str, Any]:
    """What must outlive everything: the bucket as S3 knows it and the key as KMS knows it."""
    named = outputs(lab, region)
    (bucket,) = [
        each for each in lab.client("s3").list_buckets()["Buckets"] if each["Name"] == named["VaultBucketName"]
    ]
    key = lab.client("kms", region).describe_key(KeyId=named["VaultKeyArn"])["KeyMetadata"]
    return {"bucket": bucket, "key": (key["Arn"], key["CreationDate"], key["KeyState"])}


def remembered(lab: Lab) -> dict[str, Any]:
    """What audit remembers of `orders` about its recovery window."""
    key = f"findings/aws/{lab.account}/{REGION}/instance/orders.json"
    vault = outputs(lab, lab.region)["VaultBucketName"]
    document = json.loads(lab.client("s3").get_object(Bucket=vault, Key=key)["Body"].read())
    entry: dict[str, Any] = document["findings"]["BK001"]
    return {name: entry[name] for name in ("verdict", "since")}


def states(lab: Lab) -> dict[str, str]:
    """Every schedule and rule of the home stack, with its state."""
    schedules = lab.client("scheduler").list_schedules()["Schedules"]
    rules = lab.client("events").list_rules(EventBusName=DEPLOYMENT)["Rules"]
    return {item["Name"]: item["State"] for item in (*schedules, *rules)}


def versions(lab: Lab) -> dict[str, str]:
    """The version behind each function's alias."""
    client = lab.client("lambda")
    names = [each["name"] for each in lab.functions()]
    return {name: client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for name in names}


def instance(lab: Lab, name: str) -> dict[str, Any]:
    """One instance as RDS describes it."""
    return dict(lab.client("rds", REGION).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])


class As:
    """Another account's administrator in the lab."""

    def __init__(self, lab: Lab, account: str) -> None:
        self._lab, self._account = lab, account

    def client(self, service: str, region: str | None = None) -> Any:
        make: Any = boto3.client
        return make(
            service,
            region_name=region,
            endpoint_url=self._lab.endpoint,
            aws_access_key_id=self._account,
            aws_secret_access_key="test",
        )


def join(lab: Lab, account: str) -> None:
    """The member's own administrator deploys infra/member.yaml."""
    template = (REPO / "infra" / "member.yaml").read_text()
    given = {"DeploymentId": DEPLOYMENT, "HomeAccount": lab.account}
    deploy.deploy(As(lab, account), lab.region, f"{DEPLOYMENT}-member", template, given)


def newest_audit(lab: Lab, unlike: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """The Report of the newest audit of everything; None while it still is `unlike`."""
    s3, vault = lab.client("s3"), outputs(lab, lab.region)["VaultBucketName"]
    beat = json.loads(s3.get_object(Bucket=vault, Key="heartbeat/audit.json")["Body"].read())
    report: dict[str, Any] = json.loads(s3.get_object(Bucket=vault, Key=beat["report"])["Body"].read())
    return None if report == unlike else report


def woken_by_rules(lab: Lab) -> int:
    """How often a rule has invoked a function."""
    return len(
        [each for each in lab.calls(action="lambda:InvokeFunction") if each["principal"] == "events.amazonaws.com"]
    )


def make_orders(lab: Lab) -> None:
    """An instance with a window of one day, where gold asks for fourteen."""
    lab.client("rds", REGION).create_db_instance(
        DBInstanceIdentifier="orders",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        BackupRetentionPeriod=1,
        Tags=GOLD,
        **LOGIN,
    )
    lab.until("orders", lambda: "LatestRestorableTime" in instance(lab, "orders"), seconds=SOON)


def delete(lab: Lab, stack: str, region: str) -> None:
    cloudformation = lab.client("cloudformation", region)
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})


@dataclass(frozen=True)
class Upgraded:
    """A lab in which the previous release ran and this one runs; `before` is what was seen under the previous one."""

    lab: Lab
    before: Mapping[str, Any]
    restore: Mapping[str, Any]


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """The previous release with a restore under way, and this one deployed over it.

    RDS accepts no modification for a while, so the restore waits in its phase master-login while everything around it
    is replaced. AWS would finish it with the version that began it; the lab goes on with the alias, hence with the new
    code, which is harder.
    """
    with Lab.start() as lab:
        lab.deploy({"Enabled": "false"}, policy=POLICY, repo=previous_release(tmp_path_factory.mktemp("previous")))
        make_orders(lab)
        lab.invoke(f"{DEPLOYMENT}-audit", {"all": True})
        lab.rds_admin("POST", "faults", {"action": "ModifyDBInstance", "kind": "throttle"})
        # Not latest: RDS takes what is before the window's end, and the previous release asks for the end itself.
        moment = instance(lab, "orders")["LatestRestorableTime"] - timedelta(milliseconds=1)
        request = {"database": "orders", "to": moment.isoformat(), "target": "orders-r"}
        answer = lab.invoke(f"{DEPLOYMENT}-restore", request)
        refused = "rds:ModifyDBInstance"
        lab.until("the restore to be waiting", lambda: lab.calls(function=RUNNER, action=refused), seconds=SOON)
        before = {
            "kept": {region: kept(lab, region) for region in lab.regions},
            "remembered": remembered(lab),
            "versions": versions(lab),
            "running": lab.client("lambda").get_durable_execution(DurableExecutionArn=answer["execution"]["id"])[
                "Status"
            ],
        }
        join(lab, OPEN)
        lab.deploy(GIVEN, policy=POLICY)
        lab.rds_admin("DELETE", "faults")
        yield Upgraded(lab, before, lab.durable(answer["execution"]["id"], seconds=SOON))


class TestUpgrade:
    def test_buckets_and_keys_are_the_same(self, upgraded: Upgraded) -> None:
        assert {region: kept(upgraded.lab, region) for region in upgraded.lab.regions} == upgraded.before["kept"]

    def test_the_aliases_lead_to_the_new_code(self, upgraded: Upgraded) -> None:
        now = versions(upgraded.lab)
        assert now.keys() >= upgraded.before["versions"].keys()
        assert [name for name, version in upgraded.before["versions"].items() if now[name] == version] == []

    def test_a_restore_that_was_under_way_came_to_its_end(self, upgraded: Upgraded) -> None:
        assert upgraded.before["running"] == "RUNNING"
        assert upgraded.restore["Status"] == "SUCCEEDED", upgraded.restore.get("Error")
        report = json.loads(upgraded.restore["Result"])
        assert (report["status"], report["server"].split()[0]) == ("ok", "PostgreSQL")
        assert instance(upgraded.lab, "orders-r")["DBInstanceStatus"] in {"available", "backing-up"}

    def test_what_audit_remembered_goes_on(self, upgraded: Upgraded) -> None:
        assert upgraded.before["remembered"]["verdict"] == "fail"
        upgraded.lab.invoke(f"{DEPLOYMENT}-audit", {"database": "orders"})
        assert remembered(upgraded.lab) == upgraded.before["remembered"]

    def test_the_same_again_changes_nothing(self, upgraded: Upgraded) -> None:
        assert not upgraded.lab.deploy(GIVEN, policy=POLICY).changed


class TestMembers:
    """The lab's RDS knows one account only; who may take on a member's roles is evaluated all the same."""

    def test_an_account_that_lets_nobody_in_is_unknown_and_hides_no_other(self, upgraded: Upgraded) -> None:
        lab = upgraded.lab
        report = lab.invoke(f"{DEPLOYMENT}-audit", {"all": True})
        assert (report["status"], report["exit_status"]) == ("unknown", 2)
        lost = {each["scope"] for each in report["unread"] if "sts:AssumeRole" in each["error"]}
        assert lost == {f"aws/{CLOSED}/{region}" for region in lab.regions}
        ours = [each for each in every_verdict(report) if each["database"]["account"] == lab.account]
        failing = {each["database"]["name"] for each in ours if each["rule"] == "BK001"}
        assert failing == {"orders", "orders-r"}

    def test_a_members_own_stack_lets_audit_in_and_not_even_homes_administrator(self, upgraded: Upgraded) -> None:
        lab = upgraded.lab
        lab.invoke(f"{DEPLOYMENT}-audit", {"all": True})
        asked = lab.calls(function=f"{DEPLOYMENT}-audit", action="sts:AssumeRole")
        answers = {call["parameters"]["RoleArn"].split(":")[4]: call["error"] for call in asked}
        assert answers == {CLOSED: "AccessDenied", OPEN: None}
        role = f"arn:aws:iam::{OPEN}:role/{DEPLOYMENT}-member-read"
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
            lab.client("sts").assume_role(
                RoleArn=role, RoleSessionName="root", ExternalId=f"{DEPLOYMENT}/{lab.account}"
            )


@pytest.fixture(scope="class")
def paused(upgraded: Upgraded) -> Iterator[Lab]:
    lab = upgraded.lab
    running = states(lab)
    assert set(running.values()) == {"ENABLED"}
    lab.deploy({**GIVEN, "Enabled": "false"}, policy=POLICY)
    yield lab
    lab.deploy(GIVEN, policy=POLICY)
    assert states(lab) == running


class TestPause:
    """`Enabled=false`: rules and protect's schedule off; audit's schedule and restores go on."""

    def test_only_the_audits_schedule_is_on(self, paused: Lab) -> None:
        assert {name for name, state in states(paused).items() if state == "ENABLED"} == {f"{DEPLOYMENT}-audit"}

    def test_a_change_wakes_nobody_and_the_schedule_sees_it(self, paused: Lab) -> None:
        heard, last = woken_by_rules(paused), newest_audit(paused)
        changed = {"DBInstanceIdentifier": "orders", "BackupRetentionPeriod": 2, "ApplyImmediately": True}
        paused.client("rds", REGION).modify_db_instance(**changed)
        paused.until("the change", lambda: instance(paused, "orders")["BackupRetentionPeriod"] == 2, seconds=SOON)
        paused.fire(f"{DEPLOYMENT}-audit")
        report = paused.until("the audit", lambda: newest_audit(paused, unlike=last), seconds=SOON)
        window = {
            each["database"]["name"]: each["message"] for each in every_verdict(report) if each["rule"] == "BK001"
        }
        assert "2 d" in window["orders"]
        assert woken_by_rules(paused) == heard

    def test_a_restore_is_answered(self, paused: Lab) -> None:
        request = {"database": "orders", "to": "latest", "dry_run": True}
        assert paused.invoke(f"{DEPLOYMENT}-restore", request)["status"] == "ok"


@pytest.fixture(scope="class")
def stayed(upgraded: Upgraded) -> dict[str, Any]:
    """The home stack first, since it uses what the locations export; then the locations. What there was before."""
    lab = upgraded.lab
    keys = {region: outputs(lab, region)["VaultKeyArn"] for region in lab.regions}
    before = {
        "kept": {region: kept(lab, region) for region in lab.regions},
        "remembered": remembered(lab),
        "outputs": {region: outputs(lab, region) for region in lab.regions},
        "keys": keys,
    }
    delete(lab, STACKS[1], lab.region)
    for region in reversed(lab.regions):
        delete(lab, STACKS[0], region)
    return before


class TestUninstall:
    def test_nothing_runs_any_more(self, upgraded: Upgraded, stayed: Mapping[str, Any]) -> None:
        assert stayed
        lab = upgraded.lab
        assert lab.functions() == []
        assert lab.client("scheduler").list_schedules()["Schedules"] == []
        for region in lab.regions:
            assert [each["Name"] for each in lab.client("events", region).list_event_buses()["EventBuses"]] == [
                "default"
            ]
            assert lab.client("events", region).list_rules()["Rules"] == []
            assert lab.client("sns", region).list_topics()["Topics"] == []
            aliases = lab.client("kms", region).list_aliases()["Aliases"]
            assert f"alias/{DEPLOYMENT}" not in [each["AliasName"] for each in aliases]

    def test_databases_and_their_settings_stay(self, upgraded: Upgraded, stayed: Mapping[str, Any]) -> None:
        assert stayed
        assert instance(upgraded.lab, "orders")["DBInstanceIdentifier"] == "orders"
        assert instance(upgraded.lab, "orders-r")["MasterUserSecret"]["SecretArn"]

    def test_a_reinstallation_takes_up_vault_and_key_and_goes_on(
        self, upgraded: Upgraded, stayed: Mapping[str, Any]
    ) -> None:
        lab = upgraded.lab
        stack: Stack = lab.deploy(policy=POLICY, vault_keys=stayed["keys"])
        assert stack.changed
        assert {region: outputs(lab, region) for region in lab.regions} == stayed["outputs"]
        assert {region: kept(lab, region) for region in lab.regions} == stayed["kept"]
        report = lab.invoke(f"{DEPLOYMENT}-audit", {"database": "orders"})
        assert list(every_verdict(report))
        assert remembered(lab) == stayed["remembered"]
        assert report["changed"] == 0, "told before the uninstallation"
