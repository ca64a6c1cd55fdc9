"""The restore's preflight, gate by gate."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from backstay.core.decide.restore import decide, is_ours
from backstay.core.model import Configuration, Database, RecoveryWindow, utc_text
from backstay.core.restoring import Check, Quota, RestorePlan, RestoreRefusal, Snapshot, Unchecked
from tests.unit.core.given import NOW
from tests.unit.core.restores import (
    DENIED,
    LEDGER,
    ORDERS,
    REQUEST_ID,
    TRADES,
    WINDOW,
    decided,
    facts,
    gate,
    plan,
    refusal,
    request,
    snapshot,
)
from tests.unit.shapes import instance


def test_given_all_is_well_when_decided_then_every_gate_says_so() -> None:
    gates = plan(facts()).gates
    assert [(each.name, each.ok) for each in gates] == [
        ("window", True),
        ("target", True),
        ("key", True),
        ("groups", True),
        ("class", True),
        ("addresses", True),
        ("quota", True),
    ]


FAILING: dict[str, tuple[dict[str, Any], str, str]] = {
    "pitr off": ({"database": instance("off"), "window": None}, "window", "no moment can be restored: PITR is off"),
    "no backup yet": ({"database": instance("new"), "window": None}, "window", "there is no backup yet"),
    "no database": ({"database": None}, "window", "there is no database aws/111122223333/eu-west-2/instance/orders"),
    "target taken": ({"target": instance("short")}, "target", "nothing is overwritten: give another target"),
    "key": ({"key": "key abc is PendingDeletion"}, "key", "key abc is PendingDeletion"),
    "groups": (
        {"missing_groups": ("parameter group orders-pg17", "security group sg-1")},
        "groups",
        "gone: parameter group orders-pg17, security group sg-1",
    ),
    "class": ({"orderable": False}, "class", "class and engine version can no longer be ordered"),
    "addresses": ({"free_addresses": {"subnet-a": 1}}, "addresses", "1 free addresses in the subnet group, 2 needed"),
    "quota": ({"quotas": (Quota("DBInstances", 40, 40),)}, "quota", "40 of 40 DBInstances used"),
}


@pytest.mark.parametrize("case", FAILING)
def test_given_one_gate_fails_when_decided_then_refused_with_its_reason_and_what_is_possible(case: str) -> None:
    parts, name, message = FAILING[case]
    refused = refusal(facts(**parts), request())
    failed = gate(refused.gates, name)
    assert failed.ok is False
    assert message in failed.message
    assert message in refused.message
    assert "snapshot's identifier" in refused.accepted


def test_given_several_gates_fail_when_decided_then_all_are_told_at_once() -> None:
    refused = refusal(facts(orderable=False, key="key abc does not exist"))
    assert "can no longer be ordered" in refused.message
    assert "key abc does not exist" in refused.message


UNCHECKED = {
    "window": "window",
    "key": "key",
    "missing_groups": "groups",
    "orderable": "class",
    "free_addresses": "addresses",
    "quotas": "quota",
}


@pytest.mark.parametrize("fact", UNCHECKED)
def test_given_a_gate_that_could_not_be_checked_when_decided_then_a_warning_that_stops_nobody(fact: str) -> None:
    unknown: dict[str, Any] = {fact: DENIED}
    checked = gate(plan(facts(**unknown)).gates, UNCHECKED[fact])
    assert checked == Check(UNCHECKED[fact], ok=None, message="kms:DescribeKey: AccessDenied")


def test_given_no_subnet_group_when_decided_then_addresses_are_a_warning() -> None:
    assert gate(plan(facts(free_addresses={})).gates, "addresses").ok is None


@pytest.mark.parametrize(
    ("moment", "possible"),
    [
        (WINDOW.latest, True),
        (WINDOW.latest + timedelta(microseconds=1), False),
        (WINDOW.earliest, True),
        (NOW - timedelta(days=14, microseconds=1), False),
        (NOW - timedelta(days=4000), False),
    ],
)
def test_given_the_edges_of_the_window_when_asked_for_then_both_are_possible_and_beyond_is_not(
    moment: datetime, *, possible: bool
) -> None:
    decision = decided(facts(), request(moment=moment))
    assert isinstance(decision, RestorePlan) is possible
    if isinstance(decision, RestoreRefusal):
        assert f"{utc_text(moment)} is outside the recovery window" in decision.message
        assert decision.window == WINDOW
        assert decision.accepted.startswith("a moment from 2026-11-10T10:15:00Z to 2026-11-24T10:11:00Z, or latest")


def test_given_a_window_whose_beginning_nobody_tells_when_refused_then_the_answer_says_so() -> None:
    found = facts(window=RecoveryWindow(None, WINDOW.latest), orderable=False)
    assert refusal(found).accepted.startswith("a moment from ? to 2026-11-24T10:11:00Z")


@pytest.mark.parametrize("window", [WINDOW, RecoveryWindow(None, NOW + timedelta(days=1)), DENIED], ids=str)
def test_given_a_moment_in_the_future_when_decided_then_refused_whatever_is_known_of_the_window(
    window: RecoveryWindow | Unchecked,
) -> None:
    refused = refusal(facts(window=window), request(moment=NOW + timedelta(seconds=1)))
    assert "2026-11-24T10:15:01Z is in the future; now is 2026-11-24T10:15:00Z" in refused.message


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "there is no snapshot rds:orders-2026-11-24-03-07"),
        (snapshot(source="ledger"), "snapshot rds:orders-2026-11-24-03-07 is of ledger, not of orders"),
        (snapshot(status="creating", ready=False), "snapshot rds:orders-2026-11-24-03-07 is creating"),
    ],
    ids=["missing", "of another", "not ready"],
)
def test_given_a_snapshot_that_cannot_be_used_when_decided_then_refused(found: Snapshot | None, message: str) -> None:
    asked = request(moment=None, snapshot="rds:orders-2026-11-24-03-07")
    assert message in refusal(facts(snapshot=found), asked).message


def test_given_this_very_restore_has_begun_when_decided_again_then_its_target_is_no_obstacle() -> None:
    begun = replace(instance("new"), tags={"backstay:request": REQUEST_ID})
    assert gate(plan(facts(target=begun)).gates, "target").message.endswith("is this same restore, creating")
    assert is_ours(begun, REQUEST_ID)
    assert not is_ours(begun, "another")
    assert not is_ours(None, REQUEST_ID)


@pytest.mark.parametrize(
    ("database", "needed"),
    [(ORDERS, 2), (replace(ORDERS, config=Configuration()), 1), (LEDGER, 1), (TRADES, 3)],
    ids=["multi-az instance", "single instance", "aurora", "multi-az cluster"],
)
def test_given_a_kind_of_database_when_addresses_are_counted_then_one_per_instance_that_comes(
    database: Database, needed: int
) -> None:
    assert gate(plan(facts(database, free_addresses={"subnet-a": needed})).gates, "addresses").ok is True
    assert refusal(facts(database, free_addresses={"subnet-a": needed - 1})).message.endswith(f"{needed} needed")


@pytest.mark.parametrize(
    ("database", "full", "possible"),
    [(ORDERS, "DBClusters", True), (LEDGER, "DBClusters", False), (LEDGER, "DBInstances", False)],
)
def test_given_a_full_quota_when_decided_then_only_the_kinds_concerned_count(
    database: Database, full: str, *, possible: bool
) -> None:
    decision = decided(facts(database, quotas=(Quota(full, 40, 40),)))
    assert isinstance(decision, RestorePlan) is possible


SOLD = ("db.m6g.large", "db.m8g.large", "db.m8g.xlarge", "db.r8g.large", "db.t4g.medium")


def test_given_a_class_that_is_not_sold_when_decided_then_refused_with_the_classes_most_like_it() -> None:
    old = replace(ORDERS, config=replace(ORDERS.config, instance_class="db.m4.large"))
    refused = refusal(facts(old, orderable=False, sold=SOLD))
    like = "db.m6g.large or db.m8g.large or db.r8g.large"
    assert refused.message == (
        f"class and engine version can no longer be ordered; with postgres 17.6 one can order {like}"
    )
    assert refused.accepted.startswith(f"orders modified to {like}, and then a moment from ")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (ORDERS, "the class that it had when the snapshot was taken, not checked"),
        (LEDGER, "db.r6g.large, since a cluster's snapshot does not tell its class, not checked"),
        (TRADES, "db.m6gd.large, since a cluster's snapshot does not tell its class, not checked"),
    ],
    ids=["instance", "aurora", "multi-az cluster"],
)
def test_given_a_source_that_is_gone_when_decided_then_its_class_is_told_and_not_called_good(
    source: Database, told: str
) -> None:
    found = facts(None, window=None, snapshot=snapshot(source))
    asked = request(source, None, snapshot="s")
    decision = decide(source=source.id, request=asked, facts=found, tier=None, deployment="backstay", now=NOW)
    assert isinstance(decision, RestorePlan)
    checked = gate(decision.gates, "class")
    assert (checked.ok, checked.message) == (None, f"the source is gone: {told}")


def test_given_aurora_whose_writers_class_is_not_sold_when_decided_then_the_writers_class_is_compared() -> None:
    refused = refusal(facts(LEDGER, orderable=False, sold=("db.r7g.large", "db.serverless")), request(LEDGER))
    assert "one can order db.serverless or db.r7g.large" in refused.message


@pytest.mark.parametrize("sold", [None, DENIED], ids=["not asked", "not read"])
def test_given_a_class_that_is_not_sold_and_no_list_when_decided_then_refused_all_the_same(
    sold: Unchecked | None,
) -> None:
    refused = refusal(facts(orderable=False, sold=sold))
    assert refused.message == "class and engine version can no longer be ordered"
    assert refused.accepted.startswith("a moment from")


def test_given_a_version_that_is_sold_with_no_class_any_more_when_decided_then_rds_is_asked_all_the_same() -> None:
    checked = gate(plan(facts(orderable=False, sold=())).gates, "class")
    assert checked.ok is None
    assert checked.message.startswith("postgres 17.6 can no longer be ordered; RDS restores its backups all the same")
