"""The AWS provider when RDS fails: each failure is one of our errors, and none of them is an empty answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core import errors
from backstay.core.model import Kind
from backstay.core.policy import Policy, Tier
from backstay.core.requests import AuditRequest, DatabaseRef, RestoreRunRequest
from backstay.core.restoring import Unchecked
from backstay.providers.aws.clients import Clients
from backstay.providers.aws.inventory import RdsInventory
from backstay.workflows.audit import audit
from backstay.workflows.reports import every_verdict
from tests.fleet import IRELAND, LONDON, fleet, policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.sites import Site

CASES = [
    ("throttle", errors.Throttled, "Throttling"),
    ("denied", errors.Denied, "AccessDenied"),
    ("timeout", errors.Unreachable, "timed out|timeout"),
    ("reset", errors.Unreachable, "no answer"),
    ("malformed", errors.Unexpected, "cannot be read"),
    ("server_error", errors.Unreachable, "InternalFailure"),
]


def fault(site: Site, action: str, kind: str, **more: Any) -> None:
    assert site.rds is not None
    site.rds.admin("POST", "/_lab/faults", {"action": action, "kind": kind, **more})


def calls(site: Site) -> dict[str, tuple[str, Callable[[], Any]]]:
    """Every call of the product, by the port's method: its RDS action, and how to make it."""
    assert site.restorer is not None
    plan = site.plan(site.id("orders"), "faulty", site.moment("orders"))
    cluster = site.plan(site.id("ledger", Kind.CLUSTER), "faulty", site.moment("ledger", Kind.CLUSTER))
    rest = site.restorer
    return {
        "pages": ("DescribeDBInstances", lambda: list(site.inventory.pages(Kind.INSTANCE))),
        "pages of clusters": ("DescribeDBClusters", lambda: list(site.inventory.pages(Kind.CLUSTER))),
        "find": ("DescribeDBInstances", lambda: site.find("orders", Kind.INSTANCE)),
        "find a cluster": ("DescribeDBClusters", lambda: site.find("ledger", Kind.CLUSTER)),
        "find its members": ("DescribeDBInstances", lambda: site.find("ledger", Kind.CLUSTER)),
        "change": ("ModifyDBInstance", lambda: site.change("orders", copy_tags=True)),
        "change a cluster": ("ModifyDBCluster", lambda: site.change("ledger", Kind.CLUSTER, copy_tags=True)),
        "snapshot": ("DescribeDBSnapshots", lambda: rest.snapshot("orders-snap", Kind.INSTANCE)),
        "create": ("RestoreDBInstanceToPointInTime", lambda: rest.create(plan)),
        "create a cluster": ("RestoreDBClusterToPointInTime", lambda: rest.create(cluster)),
        "create_writer": ("CreateDBInstance", lambda: rest.create_writer(cluster)),
        "member_status": ("DescribeDBInstances", lambda: rest.member_status(cluster)),
        "settle": ("ModifyDBInstance", lambda: rest.settle(plan)),
    }


@pytest.mark.parametrize(("kind", "error", "text"), CASES)
def test_each_failure_of_a_listing_is_one_of_our_errors_and_names_the_action(
    lab_ready: Site, kind: str, error: type[errors.ProviderError], text: str
) -> None:
    fault(lab_ready, "DescribeDBInstances", kind)
    with pytest.raises(error, match=text) as caught:
        list(lab_ready.inventory.pages(Kind.INSTANCE))
    assert type(caught.value) is error
    assert caught.value.call == "rds:DescribeDBInstances"
    assert str(caught.value).startswith("rds:DescribeDBInstances: ")


@pytest.mark.parametrize(("kind", "error"), [("denied", errors.Denied), ("reset", errors.Unreachable)])
def test_every_call_translates_its_failures(lab_ready: Site, kind: str, error: type[errors.ProviderError]) -> None:
    for name, (action, call) in calls(lab_ready).items():
        fault(lab_ready, action, kind)
        with pytest.raises(error) as caught:
            call()
        assert caught.value.call == f"rds:{action}", name
        assert lab_ready.rds is not None
        lab_ready.rds.admin("DELETE", "/_lab/faults")
    assert lab_ready.find("faulty") is None


def test_throttling_that_ends_within_the_retries_is_not_noticed(
    lab_ready: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lab_ready.rds is not None
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", lab_ready.rds.process.url)
    patient = RdsInventory(Clients().rds(LONDON.region), LONDON)
    fault(lab_ready, "DescribeDBInstances", "throttle", times=1)
    assert patient.find(DatabaseRef("orders", Kind.INSTANCE)) is not None


@pytest.mark.parametrize("kind", ["server_error", "malformed", "denied"])
def test_a_second_page_that_fails_leaves_the_first_and_makes_the_audit_unknown(
    lab_ready: Site, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    assert lab_ready.rds is not None
    rds = lab_ready.rds
    client = rds.connect(IRELAND.region)
    if not client.describe_db_instances(MaxRecords=20)["DBInstances"]:
        rds.admin("POST", "/_lab/seed", {"region": IRELAND.region, "instances": 205})
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", rds.process.url)
    inventories = {
        IRELAND: RdsInventory(Clients().rds(IRELAND.region), IRELAND),
        LONDON: lab_ready.inventory,
    }
    fault(lab_ready, "DescribeDBInstances", kind, region=IRELAND.region, marker=True)
    world = fleet(rules=policy()).but(inventories=inventories)
    report = audit(world, AuditRequest(all=True))
    assert (report["status"], report["exit_status"]) == ("unknown", 2)
    assert [(each["scope"], each["what"]) for each in report["unread"]] == [(str(IRELAND), "instances")]
    regions = [each["database"]["region"] for each in every_verdict(report) if each["rule"] == "BK003"]
    assert regions.count(IRELAND.region) == 100
    assert {"orders", "ledger", "plain"} <= {each["database"]["name"] for each in every_verdict(report)}


def test_a_region_that_denies_is_unknown_and_the_other_is_judged(lab_ready: Site) -> None:
    assert lab_ready.rds is not None
    other = RdsInventory(lab_ready.rds.connect(IRELAND.region), IRELAND)
    fault(lab_ready, "*", "denied", region=IRELAND.region)
    world = fleet(rules=Policy(version=1, tiers=(Tier(name="all", match=policy().tiers[0].match),))).but(
        inventories={LONDON: lab_ready.inventory, IRELAND: other}
    )
    report = audit(world, AuditRequest(all=True))
    assert report["status"] == "unknown"
    assert {each["scope"] for each in report["unread"]} == {str(IRELAND)}
    assert all("AccessDenied" in each["error"] for each in report["unread"])
    assert {each["database"]["region"] for each in every_verdict(report)} == {LONDON.region}


def test_facts_that_are_denied_are_unchecked_and_name_the_action(lab_ready: Site) -> None:
    assert lab_ready.door is not None
    actions = {
        "DescribeDBInstanceAutomatedBackups": "window",
        "DescribeDBParameterGroups": "missing_groups",
        "DescribeOrderableDBInstanceOptions": "orderable",
        "DescribeAccountAttributes": "quotas",
    }
    for action in actions:
        fault(lab_ready, action, "denied")
    lab_ready.door.deny |= {"DescribeKey", "DescribeSubnets"}
    orders = lab_ready.there("orders")
    request = RestoreRunRequest(database=orders.id.key, target="free", request_id="r", moment="2026-11-24T09:30:00Z")
    facts = lab_ready.facts(request, orders)
    expected = {**actions, "DescribeKey": "key", "DescribeSubnets": "free_addresses"}
    for action, field in expected.items():
        value = getattr(facts, field)
        assert isinstance(value, Unchecked), field
        assert action in value.error


def test_a_target_that_cannot_be_read_is_an_error_and_no_free_name(lab_ready: Site) -> None:
    orders = lab_ready.there("orders")
    fault(lab_ready, "DescribeDBInstances", "denied")
    request = RestoreRunRequest(database=orders.id.key, target="free", request_id="r", moment="2026-11-24T09:30:00Z")
    with pytest.raises(errors.Denied):
        lab_ready.facts(request, orders)


def test_a_secret_that_may_not_be_read_is_denied(lab_ready: Site) -> None:
    assert lab_ready.door is not None
    assert lab_ready.secrets is not None
    lab_ready.door.deny.add("GetSecretValue")
    with pytest.raises(errors.Denied) as caught:
        lab_ready.secrets.master(replace(lab_ready.there("orders"), secret=("arn:aws:secretsmanager:x", "active")))
    assert caught.value.call == "secretsmanager:GetSecretValue"
