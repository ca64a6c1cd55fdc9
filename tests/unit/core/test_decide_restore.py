"""The restore's preflight gate by gate, the plan, and what a finished restore still lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.decide.restore import (
    FALLBACK_WRITER_CLASS,
    decide,
    default_target,
    differences,
    is_ours,
    serves,
    writer_class,
)
from backstay.core.model import Configuration, Database, DatabaseId, Kind, Member, RecoveryWindow, Role, State, utc_text
from backstay.core.naming import MAX_MULTI_AZ_CLUSTER_NAME, MAX_NAME
from backstay.core.requests import RestoreRunRequest
from backstay.core.restoring import Check, Quota, RestoreFacts, RestorePlan, RestoreRefusal, Snapshot, Unchecked
from backstay.providers.aws import shapes
from tests.unit.core.given import NOW, tier
from tests.unit.shapes import SCOPE, cluster, instance, instance_answer

if TYPE_CHECKING:
    from backstay.core.policy import Tier

ORDERS = instance("orders")
LEDGER = shapes.with_members(cluster("ledger"), [instance_answer("ledger-1")])
TRADES = cluster("trades")
MOMENT = NOW - timedelta(hours=1)
WINDOW = RecoveryWindow(NOW - timedelta(days=14), NOW - timedelta(minutes=4))
QUOTAS = (Quota("DBInstances", 3, 40), Quota("DBClusters", 1, 40), Quota("ManualSnapshots", 100, 100))
DENIED = Unchecked("kms:DescribeKey: AccessDenied")
REQUEST_ID = "orders-r-20261124-091500-0123456789abcdef"


def request(
    source: Database | DatabaseId = ORDERS, moment: datetime | None = MOMENT, **parts: Any
) -> RestoreRunRequest:
    ident = source.id if isinstance(source, Database) else source
    given: dict[str, Any] = {
        "database": ident.key,
        "target": f"{ident.name}-r-20261124-091500",
        "request_id": REQUEST_ID,
        "moment": utc_text(moment) if moment else None,
    }
    return RestoreRunRequest(**(given | parts))


def facts(database: Database | None = ORDERS, **parts: Any) -> RestoreFacts:
    given: dict[str, Any] = {
        "database": database,
        "window": WINDOW,
        "free_addresses": {"subnet-a": 10, "subnet-b": 0},
        "quotas": QUOTAS,
    }
    return RestoreFacts(**(given | parts))


def snapshot(of: Database = ORDERS, **parts: Any) -> Snapshot:
    given: dict[str, Any] = {
        "id": f"rds:{of.name}-2026-11-24-03-07",
        "arn": f"arn:aws:rds:eu-west-2:111122223333:snapshot:rds:{of.name}-2026-11-24-03-07",
        "kind": of.id.kind,
        "source": of.name,
        "engine": of.engine,
        "engine_version": "17.4",
        "status": "available",
        "ready": True,
        "data_time": NOW - timedelta(hours=7),
        "kms_key": "arn:aws:kms:eu-west-2:111122223333:key/old",
        "tags": {"team": "shop", "aws:backup:source": "x", "backstay:slot": "2026-11-24T03:00:00Z"},
    }
    return Snapshot(**(given | parts))


def decided(
    found: RestoreFacts, asked: RestoreRunRequest | None = None, asking: Tier | None = None
) -> RestorePlan | RestoreRefusal:
    asked = asked or request(found.database or ORDERS)
    source = found.database.id if found.database else ORDERS.id
    return decide(source=source, request=asked, facts=found, tier=asking, deployment="backstay", now=NOW)


def plan(found: RestoreFacts, asked: RestoreRunRequest | None = None, asking: Tier | None = None) -> RestorePlan:
    decision = decided(found, asked, asking)
    assert isinstance(decision, RestorePlan), decision
    return decision


def refusal(found: RestoreFacts, asked: RestoreRunRequest | None = None) -> RestoreRefusal:
    decision = decided(found, asked)
    assert isinstance(decision, RestoreRefusal), decision
    return decision


def gate(gates: tuple[Check, ...], name: str) -> Check:
    (found,) = [each for each in gates if each.name == name]
    return found


# --- gates ------------------------------------------------------------------------------------------------------


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


# --- the plan ---------------------------------------------------------------------------------------------------


def test_given_an_instance_when_planned_then_everything_a_bare_restore_loses_is_taken_along() -> None:
    found = plan(facts())
    assert found.source == ORDERS.id
    assert found.source_arn == ORDERS.arn
    assert (found.engine, found.engine_version) == ("postgres", "17.6")
    assert found.target == DatabaseId(SCOPE, Kind.INSTANCE, "orders-r-20261124-091500")
    assert (found.moment, found.snapshot, found.writer) == (MOMENT, "", "")
    assert (found.retention_days, found.deletion_protection, found.copy_tags) == (14, True, True)
    assert found.config == ORDERS.config


def test_given_tags_when_planned_then_the_sources_without_awss_and_ours_on_top() -> None:
    source = replace(ORDERS, tags={**ORDERS.tags, "backstay:request": "an older one", "backstay:hold": "legal"})
    assert dict(plan(facts(source)).tags) == {
        "backup-tier": "gold",
        "empty": "",
        "backstay:deployment": "backstay",
        "backstay:database": "aws/111122223333/eu-west-2/instance/orders",
        "backstay:request": REQUEST_ID,
    }


def test_given_aurora_when_planned_then_a_writer_of_the_old_ones_class() -> None:
    found = plan(facts(LEDGER))
    assert found.writer == "ledger-r-20261124-091500-1"
    assert writer_class(found.config) == "db.serverless"
    assert found.config.serverless == (0.5, 16.0)


def test_given_a_multi_az_cluster_when_planned_then_no_writer_since_its_members_come_along() -> None:
    assert plan(facts(TRADES)).writer == ""


def test_given_members_when_a_writers_class_is_chosen_then_the_writers_then_anyones_then_the_fallback() -> None:
    reader = Member("a", writer=False, instance_class="db.r7g.large")
    writer = Member("b", writer=True, instance_class="db.r7g.xlarge")
    assert writer_class(Configuration(members=(reader, writer))) == "db.r7g.xlarge"
    assert writer_class(Configuration(members=(reader, replace(writer, instance_class="")))) == "db.r7g.large"
    assert writer_class(Configuration()) == FALLBACK_WRITER_CLASS


@pytest.mark.parametrize(
    ("source", "asking", "days"),
    [
        (instance("short"), tier(), 7),
        (instance("off"), tier(), 14),
        (instance("off"), tier(pitr=None), 1),
        (instance("off"), None, 1),
    ],
    ids=["the source's own", "the tier's", "no window asked", "no tier"],
)
def test_given_a_source_when_the_new_window_is_chosen_then_never_off(
    source: Database, asking: Tier | None, days: int
) -> None:
    asked = request(source, moment=None, snapshot="by-hand")
    found = facts(source, snapshot=snapshot(source))
    assert plan(found, asked, asking).retention_days == days


def test_given_a_snapshot_of_a_living_source_when_planned_then_its_arn_and_the_moment_of_its_data() -> None:
    found = plan(facts(snapshot=snapshot()), request(moment=None, snapshot="rds:orders-2026-11-24-03-07"))
    assert found.snapshot == "arn:aws:rds:eu-west-2:111122223333:snapshot:rds:orders-2026-11-24-03-07"
    assert found.moment == NOW - timedelta(hours=7)
    assert found.config == ORDERS.config


def test_given_a_snapshot_of_a_deleted_source_when_planned_then_what_the_snapshot_knows() -> None:
    asked = request(ORDERS.id, moment=None, snapshot="rds:orders-2026-11-24-03-07")
    found = plan(facts(None, window=None, snapshot=snapshot(data_time=None)), asked)
    assert (found.source_arn, found.moment) == ("", None)
    assert (found.engine, found.engine_version) == ("postgres", "17.4")
    assert found.config == Configuration(kms_key="arn:aws:kms:eu-west-2:111122223333:key/old")
    assert found.tags["team"] == "shop"
    assert "aws:backup:source" not in found.tags
    assert "backstay:slot" not in found.tags
    assert (found.deletion_protection, found.copy_tags, found.retention_days) == (False, True, 1)


# --- names ------------------------------------------------------------------------------------------------------


def test_given_no_target_when_named_then_by_moment_or_by_the_snapshot_where_its_moment_is_unknown() -> None:
    assert default_target(ORDERS.id, ORDERS, MOMENT, None) == "orders-r-20261124-091500"
    first = default_target(ORDERS.id, None, None, "one")
    assert first.startswith("orders-r-")
    assert first != default_target(ORDERS.id, None, None, "two")


def test_given_a_long_name_when_named_then_within_the_limit_of_its_kind() -> None:
    name = "a" * MAX_NAME
    long = replace(ORDERS, id=replace(ORDERS.id, name=name))
    assert len(default_target(long.id, long, MOMENT, None)) == MAX_NAME
    assert len(default_target(long.id, None, None, "one")) == MAX_NAME
    multi = replace(TRADES, id=replace(TRADES.id, name=name[:MAX_MULTI_AZ_CLUSTER_NAME]))
    assert len(default_target(multi.id, multi, MOMENT, None)) == MAX_MULTI_AZ_CLUSTER_NAME


def test_given_a_target_too_long_for_a_multi_az_cluster_when_decided_then_refused_before_rds_does() -> None:
    target = "t" * (MAX_MULTI_AZ_CLUSTER_NAME + 1)
    assert "longer than the 52 characters" in refusal(facts(TRADES), request(TRADES, target=target)).message
    assert plan(facts(LEDGER), request(LEDGER, target=target)).target.name == target


# --- what is still lacking --------------------------------------------------------------------------------------


def finished(source: Database) -> Database:
    made = plan(facts(source))
    return replace(source, id=made.target, tags=made.tags, retention=timedelta(days=made.retention_days))


def test_given_a_restore_that_has_everything_when_compared_then_nothing_lacks() -> None:
    for source in (ORDERS, LEDGER, TRADES):
        assert differences(plan(facts(source)), finished(source)) == ()


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"security_groups": ("sg-default",)}, "security groups: ['sg-default'], wanted ['sg-0a1b2c3d4e5f60718']"),
        ({"parameter_group": "default.postgres17"}, "parameter group: default.postgres17, wanted orders-pg17"),
        ({"option_group": "other"}, "option group: other, wanted default:postgres-17"),
        ({"roles": ()}, "roles: [], wanted ['arn:aws:iam::111122223333:role/orders-s3-import s3Import']"),
    ],
)
def test_given_a_lost_part_of_the_configuration_when_compared_then_named_with_both(
    change: dict[str, Any], lacking: str
) -> None:
    target = finished(ORDERS)
    target = replace(target, config=replace(target.config, **change))
    assert differences(plan(facts()), target) == (lacking,)


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"retention": timedelta()}, "window: 0, wanted 14"),
        ({"deletion_protection": None}, "deletion protection: False, wanted True"),
        ({"copy_tags": False}, "copy tags: False, wanted True"),
    ],
)
def test_given_a_lost_setting_when_compared_then_named_with_both(change: dict[str, Any], lacking: str) -> None:
    assert differences(plan(facts()), replace(finished(ORDERS), **change)) == (lacking,)


def test_given_a_lost_tag_when_compared_then_lacking_and_one_too_many_is_not() -> None:
    target = finished(ORDERS)
    assert differences(plan(facts()), replace(target, tags={**target.tags, "aws:rds:primary": "1"})) == ()
    without = {key: value for key, value in target.tags.items() if key != "backup-tier"}
    (lacking,) = differences(plan(facts()), replace(target, tags=without))
    assert lacking.startswith("tags: ")


def test_given_more_than_the_source_has_when_compared_then_nothing_lacks() -> None:
    bare = replace(ORDERS, deletion_protection=False, copy_tags=False, config=Configuration())
    made = plan(facts(bare))
    target = replace(
        finished(bare), deletion_protection=True, copy_tags=True, config=Configuration(roles=(Role("arn:x"),))
    )
    assert differences(made, target) == ()


def test_given_an_aurora_cluster_without_a_writer_when_compared_then_no_writer() -> None:
    target = finished(LEDGER)
    readers = tuple(replace(member, writer=False) for member in target.config.members)
    assert differences(plan(facts(LEDGER)), replace(target, config=replace(target.config, members=readers))) == (
        "no writer",
    )


@pytest.mark.parametrize(
    ("change", "worth"),
    [
        ({}, True),
        ({"state": State.BUSY, "status": "backing-up"}, True),
        ({"endpoint": None}, False),
        ({"state": State.FAILED}, False),
        ({"state": State.LEAVING}, False),
        ({"state": State.STOPPED}, False),
    ],
)
def test_given_a_target_when_asked_whether_to_log_in_then_an_endpoint_and_a_future(
    change: dict[str, Any], *, worth: bool
) -> None:
    assert serves(replace(ORDERS, **change)) is worth
