"""Real-shaped answers become facts; an answer that cannot be read is never taken for an empty one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backstay.core.errors import Unexpected
from backstay.core.model import Family, Kind, Member, RecoveryWindow, Role, State
from backstay.providers.aws import shapes
from tests.unit.shapes import SCOPE, cluster, cluster_answer, instance, instance_answer

LATEST = datetime(2026, 11, 24, 10, 11, 4, tzinfo=UTC)


def test_given_an_instance_when_read_then_all_that_a_restore_would_lose_is_known() -> None:
    database = instance("orders")
    assert database.id.key == "aws/111122223333/eu-west-2/instance/orders"
    assert database.arn == "arn:aws:rds:eu-west-2:111122223333:db:orders"
    assert (database.family, database.engine_version, database.state) == (Family.POSTGRES, "17.6", State.AVAILABLE)
    assert database.window == RecoveryWindow(None, LATEST)
    assert database.endpoint == ("orders.c9akciq32rrq.eu-west-2.rds.amazonaws.com", 5432)
    assert database.tags["empty"] == ""
    config = database.config
    assert (config.parameter_group, config.option_group) == ("orders-pg17", "default:postgres-17")
    assert config.security_groups == ("sg-0a1b2c3d4e5f60718",)
    assert config.subnet_group == "data"
    assert (config.instance_class, config.multi_az, config.port) == ("db.m7g.large", True, 5432)
    assert (config.storage_type, config.iops, config.throughput) == ("gp3", 3000, 125)
    assert config.log_exports == ("postgresql", "upgrade")


def test_given_an_invalid_role_when_read_then_only_the_working_one_is_there() -> None:
    assert instance("orders").config.roles == (Role("arn:aws:iam::111122223333:role/orders-s3-import", "s3Import"),)


@pytest.mark.parametrize(
    ("found", "word", "keyed"),
    [(instance("orders"), "sse-kms", True), (cluster("ledger"), "sse-rds", False), (instance("off"), "none", False)],
    ids=["sse-kms", "sse-rds", "none"],
)
def test_given_each_kind_of_encryption_when_read_then_word_and_key(found: Any, word: str, keyed: bool) -> None:
    assert found.config.encryption == word
    assert bool(found.config.kms_key) is keyed


def test_given_aurora_serverless_when_read_then_capacity_writer_and_window_are_known() -> None:
    ledger = cluster("ledger")
    assert ledger.id.kind is Kind.CLUSTER
    assert ledger.config.serverless == (0.5, 16.0)
    assert ledger.config.instance_class == ""
    assert [(member.name, member.writer) for member in ledger.config.members] == [
        ("ledger-2", False),
        ("ledger-1", True),
    ]
    assert ledger.window is not None
    assert ledger.window.earliest == datetime(2026, 11, 10, 3, 20, 11, 512000, tzinfo=UTC)
    assert ledger.secret == (
        "arn:aws:secretsmanager:eu-west-2:111122223333:secret:rds!cluster-0a1b2c3d-AbCdEf",
        "active",
    )


def test_given_the_members_own_listing_when_joined_then_class_group_and_certificate_are_known() -> None:
    joined = shapes.with_members(cluster("ledger"), [instance_answer("ledger-1")])
    assert joined.config.members == (
        Member("ledger-2", writer=False, promotion_tier=1),
        Member("ledger-1", True, "ledger-instance", "db.serverless", 0, public=False),
    )
    assert joined.config.ca == "rds-ca-rsa2048-g1"


def test_given_a_multi_az_cluster_when_read_then_it_has_a_class_of_its_own() -> None:
    trades = cluster("trades")
    assert (trades.family, trades.config.instance_class, trades.config.iops) == (Family.MYSQL, "db.r6gd.large", 3000)
    assert len(trades.config.members) == 3
    assert trades.config.serverless is None


def test_given_pending_changes_when_read_then_retention_is_parsed_and_a_password_is_not_shown() -> None:
    database = instance("turning-on")
    assert database.pending == {"BackupRetentionPeriod": "14", "MasterUserPassword": "…"}
    assert database.pending_retention == timedelta(days=14)
    assert instance("turning-off").pending_retention == timedelta()
    assert instance("orders").pending_retention is None


def test_given_a_replica_or_a_master_elsewhere_when_read_then_both_are_known() -> None:
    assert instance("orders-read").replica_of == "orders"
    assert cluster("ledger-far").replica_of == "arn:aws:rds:eu-west-1:111122223333:cluster:ledger"
    assert instance("owned").managed_by == "aws-backup"
    assert instance("orders").managed_by == ""


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("new", State.BUSY),
        ("asleep", State.STOPPED),
        ("leaving", State.LEAVING),
        ("broken", State.FAILED),
        ("strange", State.UNKNOWN),
    ],
)
def test_given_a_status_when_read_then_a_state_and_an_unmet_one_is_never_available(name: str, state: State) -> None:
    assert instance(name).state is state


def test_given_an_instance_that_is_being_created_when_read_then_what_is_not_there_yet_is_none() -> None:
    database = instance("new")
    assert (database.endpoint, database.created, database.window) == (None, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("DBInstanceIdentifier", None),
        ("DBInstanceArn", None),
        ("DBInstanceStatus", None),
        ("Engine", None),
        ("BackupRetentionPeriod", None),
        ("BackupRetentionPeriod", "many"),
        ("LatestRestorableTime", "yesterday"),
        ("LatestRestorableTime", datetime(2026, 11, 24, 10, 0)),  # noqa: DTZ001 - the point: it has no zone
        ("TagList", [{"Value": "without a key"}]),
        ("TagList", "gold"),
        ("VpcSecurityGroups", [{}]),
        ("Endpoint", {"Address": "here", "Port": "many"}),
        ("PendingModifiedValues", {"BackupRetentionPeriod": "many"}),
    ],
)
def test_given_a_malformed_instance_when_read_then_unexpected_that_names_it(field: str, value: object) -> None:
    answer = instance_answer("orders")
    if value is None:
        del answer[field]
    else:
        answer[field] = value
    with pytest.raises(Unexpected, match=r"DB instance (orders|without a name): "):
        shapes.instance(answer, SCOPE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("DBClusterIdentifier", None),
        ("Status", None),
        ("BackupRetentionPeriod", None),
        ("Port", "many"),
        ("ServerlessV2ScalingConfiguration", {"MinCapacity": 1}),
        ("DBClusterMembers", [{"IsClusterWriter": True}]),
        ("EarliestRestorableTime", 1764000000),
    ],
)
def test_given_a_malformed_cluster_when_read_then_unexpected_that_names_it(field: str, value: object) -> None:
    answer = cluster_answer("ledger")
    if value is None:
        del answer[field]
    else:
        answer[field] = value
    with pytest.raises(Unexpected, match=r"DB cluster (ledger|without a name): "):
        shapes.cluster(answer, SCOPE)
