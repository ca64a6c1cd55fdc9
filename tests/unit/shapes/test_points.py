"""Snapshots as RDS lists them become recovery points; what cannot be read is told, and never left out."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest

from backstay.core.errors import Unexpected
from backstay.core.model import Kind, Provider, RecoveryWindow, Scope
from backstay.core.points import Origin, PointState, RecoveryPoint, ReplicatedBackups
from backstay.providers.aws import points, shapes
from tests.unit.shapes import SCOPE, backup_answers, cluster_snapshot_answer, instance_answer, snapshot_answer

ONE_KIB = 1024
OURS = "backstay-orders-1b2c3d4e-20261124-0300"
TAKEN = datetime(2026, 11, 24, 3, 5, 31, 402000, tzinfo=UTC)
LAST_TRANSACTION = datetime(2026, 11, 24, 3, 4, 12, tzinfo=UTC)
TAGGED = datetime(2026, 11, 24, 3, 1, 9, tzinfo=UTC)
CLUSTERS = datetime(2026, 11, 24, 3, 1, 9, 120000, tzinfo=UTC)


def read(name: str, **changed: Any) -> RecoveryPoint:
    return points.point({**snapshot_answer(name), **changed}, Kind.INSTANCE, SCOPE)


def read_cluster(name: str, **changed: Any) -> RecoveryPoint:
    return points.point({**cluster_snapshot_answer(name), **changed}, Kind.CLUSTER, SCOPE)


def test_given_a_snapshot_of_an_instance_when_read_then_all_that_a_decision_needs_is_known() -> None:
    point = read(OURS)
    assert (point.id, point.scope, point.kind, point.source) == (OURS, SCOPE, Kind.INSTANCE, "orders")
    assert point.arn == f"arn:aws:rds:eu-west-2:111122223333:snapshot:{OURS}"
    assert (point.origin, point.status, point.state) == (Origin.MANUAL, "available", PointState.AVAILABLE)
    assert (point.made, point.data_time) == (TAKEN, LAST_TRANSACTION)
    assert point.slot == "2026-11-24T03:00:00Z"
    assert point.database == "aws/111122223333/eu-west-2/instance/orders"
    assert (point.engine, point.engine_version, point.gb) == ("postgres", "17.6", 200)
    assert (point.encryption, point.kms_key[-12:]) == ("sse-kms", "0f5f2a6f9d11")
    assert (point.copied_from, point.option_group) == ("", "default:postgres-17")


def test_given_a_snapshot_of_a_cluster_when_read_then_all_that_a_decision_needs_is_known() -> None:
    point = read_cluster("ledger-by-hand")
    assert (point.id, point.scope, point.kind, point.source) == ("ledger-by-hand", SCOPE, Kind.CLUSTER, "ledger")
    assert point.arn == "arn:aws:rds:eu-west-2:111122223333:cluster-snapshot:ledger-by-hand"
    assert (point.origin, point.status, point.state) == (Origin.MANUAL, "available", PointState.AVAILABLE)
    assert (point.engine, point.engine_version) == ("aurora-postgresql", "17.4")
    assert (point.encryption, point.kms_key, point.copied_from, point.option_group) == ("sse-rds", "", "", "")
    assert point.gb is None  # Aurora answers 1 whatever its volume holds
    assert read_cluster("multi-az").gb == 100


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (OURS, LAST_TRANSACTION),
        ("from-ireland", TAKEN),  # when the original was taken, two hours before the copy
        ("of-old", TAKEN),
        ("being-made", None),
        ("copy-without-times", LAST_TRANSACTION),  # its own creation is not that of its data: our tag is
    ],
)
def test_given_an_instances_point_when_read_then_its_age_is_that_of_its_data(
    name: str, expected: datetime | None
) -> None:
    assert read(name).data_time == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ledger-by-hand", CLUSTERS),
        ("copy-with-time", TAGGED),
        ("copy-without-time", None),
        ("copy-with-nonsense", None),
        ("copying", TAGGED),
    ],
)
def test_given_a_clusters_point_when_read_then_a_copy_is_only_as_old_as_our_tag_says(
    name: str, expected: datetime | None
) -> None:
    assert read_cluster(name).data_time == expected


def test_given_a_copy_when_read_then_what_it_was_copied_from_is_known_where_rds_tells_an_arn() -> None:
    assert read("from-ireland").copied_from == "arn:aws:rds:eu-west-1:111122223333:snapshot:orders-first"
    assert read("local-copy").copied_from == ""
    assert read_cluster("copying").copied_from == "arn:aws:rds:eu-west-1:111122223333:cluster-snapshot:ledger-first"


@pytest.mark.parametrize(
    ("found", "origin"),
    [
        (read(OURS), Origin.MANUAL),
        (read("rds:orders-2026-11-24-03-07"), Origin.AUTOMATED),
        (read("awsbackup:job-0c1d2e3f"), Origin.AWS_BACKUP),
        (read(OURS, SnapshotType="shared"), Origin.OTHER),
        (read_cluster("ledger-by-hand"), Origin.MANUAL),
        (read_cluster("rds:ledger-2026-11-24-03-10"), Origin.AUTOMATED),
        (read_cluster("awsbackup:job-1f2e"), Origin.AWS_BACKUP),  # of type manual, as RDS has it
    ],
    ids=lambda given: given.id if isinstance(given, RecoveryPoint) else str(given),
)
def test_given_whoever_made_it_when_read_then_it_is_known(found: RecoveryPoint, origin: Origin) -> None:
    assert found.origin is origin


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("available", PointState.AVAILABLE),
        ("creating", PointState.CREATING),
        ("copying", PointState.CREATING),
        ("pending", PointState.CREATING),
        ("failed", PointState.FAILED),
        ("canceled", PointState.FAILED),
        ("deleting", PointState.LEAVING),
        ("Available", PointState.UNKNOWN),
        ("upgrading", PointState.UNKNOWN),
        ("", PointState.UNKNOWN),
    ],
)
def test_given_a_status_when_read_then_one_that_we_have_not_met_is_unknown(status: str, state: PointState) -> None:
    assert (read(OURS, Status=status).state, read_cluster("copying", Status=status).state) == (state, state)
    assert read(OURS, Status=status).status == status


@pytest.mark.parametrize(
    ("found", "word", "keyed"),
    [
        (read(OURS), "sse-kms", True),
        (read("owned-key"), "sse-rds", False),
        (read("of-old"), "none", False),
        (read(OURS, StorageEncryptionType=None), "sse-kms", True),
        (read("owned-key", StorageEncryptionType=None), "sse-rds", False),
        (read_cluster("ledger-by-hand"), "sse-rds", False),
        (read_cluster("ledger-by-hand", StorageEncryptionType=None, StorageEncrypted=False), "none", False),
        (read_cluster("copying"), "sse-kms", True),
    ],
)
def test_given_each_kind_of_encryption_when_read_then_word_and_key(
    found: RecoveryPoint, word: str, keyed: bool
) -> None:
    assert (found.encryption, bool(found.kms_key)) == (word, keyed)


@pytest.mark.parametrize(
    "field",
    ["DBSnapshotArn", "DBInstanceIdentifier", "DBSnapshotIdentifier", "SnapshotType", "Status", "Engine"],
)
def test_given_a_field_that_every_snapshot_has_when_it_is_missing_then_it_cannot_be_read(field: str) -> None:
    broken = snapshot_answer(OURS)
    del broken[field]
    with pytest.raises(Unexpected, match=field):
        points.point(broken, Kind.INSTANCE, SCOPE)


@pytest.mark.parametrize(
    "field",
    [
        "DBClusterSnapshotArn",
        "DBClusterIdentifier",
        "DBClusterSnapshotIdentifier",
        "SnapshotType",
        "Status",
        "Engine",
    ],
)
def test_given_a_field_that_every_cluster_snapshot_has_when_it_is_missing_then_it_cannot_be_read(field: str) -> None:
    broken = cluster_snapshot_answer("copying")
    del broken[field]
    with pytest.raises(Unexpected, match=field):
        points.point(broken, Kind.CLUSTER, SCOPE)


@pytest.mark.parametrize(
    "changed",
    [
        {"SnapshotCreateTime": "yesterday"},
        {"SnapshotDatabaseTime": datetime(2026, 11, 24, 3, 4, 12)},  # noqa: DTZ001  # without a zone, that is the point
        {"TagList": [{"Value": "a tag without its key"}]},
        {"TagList": "none"},
        {"AllocatedStorage": "much"},
        {"Status": ["available"]},
    ],
    ids="".join,
)
def test_given_a_field_of_another_type_when_read_then_it_cannot_be_and_the_message_says_whose(
    changed: dict[str, Any],
) -> None:
    with pytest.raises(Unexpected, match=OURS):
        read(OURS, **changed)


def test_given_a_page_when_one_entry_cannot_be_read_then_it_is_told_and_the_others_are_there() -> None:
    broken = snapshot_answer("of-old")
    del broken["Status"]
    found, unreadable = points.points([snapshot_answer(OURS), broken, "nonsense"], Kind.INSTANCE, SCOPE)
    assert [each.id for each in found] == [OURS]
    assert len(unreadable) == 2
    assert "of-old" in unreadable[0]
    assert "Status" in unreadable[0]


def test_given_snapshots_of_what_is_not_covered_when_read_then_they_are_neither_points_nor_unreadable() -> None:
    answers = [cluster_snapshot_answer(name) for name in ("ledger-by-hand", "papers")]
    found, unreadable = points.points(answers, Kind.CLUSTER, SCOPE)
    assert ([each.id for each in found], unreadable) == (["ledger-by-hand"], [])


def test_given_automated_backups_when_read_then_only_what_is_kept_here_of_another_region() -> None:
    found = {name: points.replicated(each, SCOPE) for name, each in backup_answers().items()}
    here = "arn:aws:rds:eu-west-2:111122223333:auto-backup:"
    there = "arn:aws:rds:eu-west-1:111122223333:db:"
    window = RecoveryWindow(datetime(2026, 11, 10, 3, 20, 11, tzinfo=UTC), datetime(2026, 11, 24, 10, 5, tzinfo=UTC))
    assert found == {
        "orders": ReplicatedBackups(
            arn=f"{here}ab-jkib2gfq5rv7", scope=SCOPE, source=f"{there}orders", status="replicating", window=window
        ),
        "fresh": ReplicatedBackups(arn=f"{here}ab-4", scope=SCOPE, source=f"{there}fresh", status="pending"),
        "here": None,
        "stopped": None,
    }
    at_home = Scope(Provider.AWS, "111122223333", "eu-west-1")
    assert points.replicated(backup_answers()["orders"], at_home) is None


@pytest.mark.parametrize("field", ["Status", "Region", "DBInstanceArn", "DBInstanceAutomatedBackupsArn"])
def test_given_a_replicated_backup_without_a_field_that_each_has_when_read_then_it_cannot_be(field: str) -> None:
    broken = backup_answers()["orders"]
    del broken[field]
    with pytest.raises(Unexpected, match=f"orders.*{field}"):
        points.replicated(broken, SCOPE)


def test_given_an_instance_whose_backups_are_replicated_when_read_then_to_what_is_known() -> None:
    copy = "arn:aws:rds:eu-west-1:111122223333:auto-backup:ab-jkib2gfq5rv7"
    answer = {
        **instance_answer("orders"),
        "DBInstanceAutomatedBackupsReplications": [{"DBInstanceAutomatedBackupsArn": copy}],
    }
    assert shapes.instance(answer, SCOPE).replicated_to == (copy,)
    assert shapes.instance(instance_answer("orders"), SCOPE).replicated_to == ()


def test_given_ten_thousand_points_when_read_then_each_takes_less_than_a_kib() -> None:
    def answers() -> list[dict[str, Any]]:
        """Names, ARNs and times of its own for each, as a listing has them."""
        made = []
        for number in range(10_000):
            name = f"{OURS}{number}"
            tags = [
                {**tag, "Value": f"{tag['Value']}{number}" if "slot" in tag["Key"] else tag["Value"]}
                for tag in snapshot_answer(OURS)["TagList"]
            ]
            made.append(
                {
                    **snapshot_answer(OURS),
                    "DBSnapshotIdentifier": name,
                    "DBSnapshotArn": f"arn:aws:rds:eu-west-2:111122223333:snapshot:{name}",
                    "SnapshotCreateTime": TAKEN.replace(microsecond=number),
                    "SnapshotDatabaseTime": LAST_TRANSACTION.replace(microsecond=number),
                    "TagList": tags,
                }
            )
        return made

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found, _ = points.points(answers(), Kind.INSTANCE, SCOPE)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(found) == 10_000
    assert used / len(found) < ONE_KIB
