"""What every handler shares: environment and policy refused, metrics, log lines without secrets, a small start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import ProviderError
from backstay.handlers import audit, protect, restore
from tests.handlers.cloud import (
    AWAY,
    HOME,
    KEY_SECRET,
    PASSWORD,
    TOKEN,
    VAULT,
    Cloud,
    Report,
    client,
    context,
    sample,
)
from tests.handlers.conftest import POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

    Console = Callable[[], list[dict[str, Any]]]

HANDLERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "audit": (audit.handler, {"all": True}),
    "protect": (protect.handler, {"all": True}),
    "restore": (restore.handler, {"database": "billing", "to": "latest", "dry_run": True}),
}
FUNCTIONS = Path(__file__).parents[2] / "functions"


def run(verb: str, event: Any = None) -> Report:
    handler, usual = HANDLERS[verb]
    report: Report = handler(usual if event is None else event, context(verb))
    return report


# --- environment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", HANDLERS)
@pytest.mark.parametrize("variable", ["AWS_REGION", "BACKSTAY_REGIONS", "BACKSTAY_VAULT", "BACKSTAY_BUS"])
@pytest.mark.parametrize("value", [None, "", "not right!"])
def test_given_a_variable_is_missing_or_malformed_when_invoked_then_refused_by_name_before_any_call(
    account: Cloud, monkeypatch: pytest.MonkeyPatch, verb: str, variable: str, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    report = run(verb)
    assert (report["status"], report["error"]["field"]) == ("refused", variable)
    assert report["error"]["accepted"]
    assert account.calls == []


def test_given_the_front_door_does_not_know_its_runner_when_asked_then_refused_rather_than_nothing_started(
    fleet: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKSTAY_RUNNER")
    report = run("restore", {"database": "billing", "to": "latest"})
    assert (report["status"], report["error"]["field"]) == ("refused", "BACKSTAY_RUNNER")
    assert fleet.calls == []
    assert run("audit")["status"] == "findings"  # which needs none


def test_given_an_unqualified_runner_when_asked_then_refused(account: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTAY_RUNNER", f"arn:aws:lambda:{HOME}:111122223333:function:backstay-restore-run")
    report = run("restore")
    assert (report["status"], report["error"]["field"]) == ("refused", "BACKSTAY_RUNNER")
    assert "alias" in report["error"]["accepted"]
    assert account.calls == []


# --- policy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", HANDLERS)
def test_given_a_typo_in_the_policy_when_invoked_then_refused_whole_with_its_line_and_nothing_is_read(
    account: Cloud, console: Console, policy: Path, verb: str
) -> None:
    policy.write_text(POLICY.replace("window: 14d", "window: 14"))
    report = run(verb)
    assert (report["status"], report["exit_status"]) == ("refused", 1)
    assert report["error"]["type"] == "BadPolicy"
    assert report["error"]["field"] == "tiers[0].pitr.window"
    assert "line 6, column" in report["error"]["message"]
    assert "14d" in report["error"]["accepted"]
    assert account.calls == []
    assert [line["level"] for line in console()] == ["WARNING"]


def test_given_no_policy_file_when_invoked_then_refused(account: Cloud, policy: Path) -> None:
    policy.unlink()
    report = run("audit")
    assert (report["status"], report["error"]["type"]) == ("refused", "BadPolicy")
    assert "heartbeat/audit.json" not in account.keys


def test_given_a_broken_policy_on_s3_when_audited_then_the_last_good_version_stands_in_and_the_report_says_so(
    fleet: Cloud, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = client("s3")
    s3.put_bucket_versioning(Bucket=VAULT, VersioningConfiguration={"Status": "Enabled"})
    good = s3.put_object(Bucket=VAULT, Key="policy.yaml", Body=POLICY.encode())["VersionId"]
    s3.put_object(Bucket=VAULT, Key="policy.yaml", Body=b"version: 2")
    monkeypatch.setenv("BACKSTAY_POLICY", f"s3://{VAULT}/policy.yaml")
    report = run("audit")
    assert report["databases"] == 5
    assert report["policy"]["version"] == good
    assert "line 1" in report["policy"]["stale"]
    assert ("NeedsAttention", 1.0, {"service": "audit"}) in metrics(console())
    assert fleet.keys


def test_given_the_policys_store_is_denied_when_invoked_then_audit_is_retried_and_restore_answers(
    fleet: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTAY_POLICY", "s3://rules/policy.yaml")
    fleet.fail("s3:GetObject", "AccessDenied", 403)
    with pytest.raises(ProviderError):
        run("audit")
    assert (run("restore")["status"], run("restore")["error"]["type"]) == ("error", "Denied")


# --- metrics ----------------------------------------------------------------------------------------------------


def metrics(lines: list[dict[str, Any]]) -> list[tuple[str, float, dict[str, str]]]:
    """Name, value and dimensions of every metric in EMF lines; all in our namespace."""
    found = []
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "Backstay"
            (names,) = directive["Dimensions"]
            for metric in directive["Metrics"]:
                (value,) = line[metric["Name"]]
                found.append((metric["Name"], value, {name: line[name] for name in names}))
    return found


def test_given_an_audit_of_everything_when_measured_then_a_heartbeat_and_failures_by_tier_and_region(
    fleet: Cloud, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "audit")  # as the template sets it
    run("audit")
    assert metrics(console()) == [
        ("Heartbeat", 1.0, {"service": "audit"}),
        ("NeedsAttention", 0.0, {"service": "audit"}),
        ("OpenFindings", 0.0, {"tier": "gold", "region": HOME}),
        ("OpenFindings", 1.0, {"tier": "gold", "region": AWAY}),
        ("OpenFindings", 1.0, {"tier": "none", "region": AWAY}),
    ]
    assert fleet.calls


def test_given_an_audit_of_one_when_measured_then_no_heartbeat(fleet: Cloud, console: Console) -> None:
    run("audit", sample("rds-instance-event"))
    assert [name for name, _, _ in metrics(console())] == ["NeedsAttention", "OpenFindings"]
    assert fleet.calls


def test_given_a_region_that_cannot_be_read_when_measured_then_each_listing_needs_attention(
    fleet: Cloud, console: Console
) -> None:
    fleet.fail("rds:DescribeDBInstances", "AccessDenied", 403, HOME)
    fleet.fail("rds:DescribeDBClusters", "AccessDenied", 403, HOME)
    run("audit")
    assert ("NeedsAttention", 2.0, {"service": "audit"}) in metrics(console())


@pytest.mark.parametrize("dry_run", [False, True])
def test_given_protect_when_measured_then_its_results_and_a_heartbeat_unless_dry(
    fleet: Cloud, console: Console, *, dry_run: bool
) -> None:
    fleet.fail("rds:ModifyDBCluster", "AccessDenied", 403)
    run("protect", {"all": True, "dry_run": dry_run})
    found = {name: (value, dimensions) for name, value, dimensions in metrics(console())}
    service = {"service": "protect"}
    assert found == {
        "NeedsAttention": (0.0 if dry_run else 1.0, service),
    } | ({} if dry_run else {"Heartbeat": (1.0, service)})


def test_given_a_restore_when_measured_then_no_heartbeat(fleet: Cloud, console: Console) -> None:
    run("restore", {"database": "order", "snapshot": "by-hand"})
    assert metrics(console()) == []
    assert fleet.calls


# --- what is printed --------------------------------------------------------------------------------------------


def planted() -> dict[str, Any]:
    """Somebody's call with a password in it, as a careless trail would write it."""
    event = sample("cloudtrail-modify-db-instance")
    event["detail"]["requestParameters"] |= {"masterUserPassword": PASSWORD}
    event["detail"]["responseElements"] |= {"secretString": PASSWORD}
    return event


def everything(cloud: Cloud) -> None:
    """Good runs and bad ones of every handler, with secrets wherever they could be."""
    run("audit", planted())
    no_name = planted()
    del no_name["detail"]["requestParameters"]["dBInstanceIdentifier"]
    run("audit", no_name)
    no_region = planted()
    del no_region["region"]
    run("audit", no_region)
    run("audit", {"all": True, "password": PASSWORD})
    run("audit")
    run("protect", sample("finding-changed"))
    run("restore")
    run("restore", {"database": "orders", "to": "latest", "masterUserPassword": PASSWORD})
    cloud.fail("s3:PutObject", "AccessDenied", 403)
    with pytest.raises(ProviderError):
        run("audit", planted())
    cloud.fail("rds:DescribeDBInstances", "InternalFailure", 500)
    run("restore")


def test_given_secrets_in_events_and_environment_when_all_handlers_run_then_none_is_printed_told_or_kept(
    fleet: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.answer("rds:DescribeAccountAttributes", {"AccountQuotas": []})
    everything(fleet)
    printed = capsys.readouterr()
    kept = "".join(json.dumps(fleet.stored(key)) for key in fleet.keys)
    told = json.dumps(fleet.told)
    assert len(printed.out.splitlines()) > 10
    for secret in (KEY_SECRET, TOKEN, PASSWORD):
        assert secret not in printed.out + printed.err
        assert secret not in kept
        assert secret not in told


def test_given_all_handlers_when_they_print_then_every_line_is_json_with_level_and_service(
    fleet: Cloud, console: Console
) -> None:
    fleet.answer("rds:DescribeAccountAttributes", {"AccountQuotas": []})
    everything(fleet)
    logged = [line for line in console() if "_aws" not in line]
    assert {line["service"] for line in logged} == {"audit", "protect", "restore"}
    assert {line["level"] for line in logged} == {"INFO", "WARNING", "ERROR"}
    assert all(line["message"] and line["timestamp"] for line in logged)


def test_given_a_run_when_it_ends_then_its_log_line_sums_it_up(fleet: Cloud, console: Console) -> None:
    report = run("audit")
    (line,) = [line for line in console() if line.get("message") == "run ended"]
    assert {name: line[name] for name in ("status", "databases", "counts", "changed", "unread", "report")} == {
        name: report[name] for name in ("status", "databases", "counts", "changed", "unread", "report")
    }
    assert "findings" not in line
    assert fleet.told


# --- start ------------------------------------------------------------------------------------------------------

HEAVY = ("click", "rich", "pg8000", "pymysql", "aws_durable_execution_sdk_python", "moto", "psycopg")


@pytest.mark.parametrize("verb", ["audit", "protect", "restore"])
def test_given_a_new_process_when_a_handler_is_imported_then_nothing_that_it_does_not_use(verb: str) -> None:
    code = f"import sys; import backstay.handlers.{verb}; print(*set({HEAVY!r}) & sys.modules.keys())"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(FUNCTIONS), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.split() == []


def test_given_no_environment_when_a_handler_is_imported_then_nothing_happens_yet() -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path[:0] = [{str(FUNCTIONS)!r}]; import backstay.handlers.audit",
        ],
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == ("", "")
