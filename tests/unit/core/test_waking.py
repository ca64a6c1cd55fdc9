"""Which Database an event is about, or why it is about none of ours."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from backstay.core.errors import BadRequest
from backstay.core.model import Kind
from backstay.core.requests import DatabaseRef, Waking, waking
from tests.unit.core.events import EVENTS, LEDGER, ORDERS, ORDERS_ARN, sample

ABOUT = {
    "rds-instance-event": ORDERS,
    "rds-cluster-event": LEDGER,
    "cloudtrail-modify-db-instance": ORDERS,
    "cloudtrail-modify-db-cluster": LEDGER,
    "config-db-instance": ORDERS,
    "config-oversized-db-cluster": LEDGER,
    "finding-changed": ORDERS,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
def test_given_every_sample_when_read_then_it_names_its_database_or_is_a_direct_request(name: str) -> None:
    found = waking(sample(name))
    assert (found.ref if found else None) == ABOUT.get(name)
    assert found is None or found.why


def test_given_an_rds_event_without_an_id_when_read_then_its_database_all_the_same() -> None:
    event = sample("rds-instance-event")
    del event["detail"]["EventID"]
    assert waking(event) == Waking(ORDERS, "RDS DB Instance Event")


def test_given_an_event_forwarded_from_another_region_when_read_then_the_origin_is_where_to_look() -> None:
    event = sample("rds-instance-event")
    event["region"] = "ap-southeast-2"
    del event["detail"]["SourceArn"]
    found = waking(event)
    assert found is not None
    assert found.ref == DatabaseRef("orders", Kind.INSTANCE, "ap-southeast-2", "111122223333")


@pytest.mark.parametrize("arn", ["nonsense", None, 7, ["x"], "arn:aws:rds:eu-west-2:111122223333:og:orders"], ids=str)
def test_given_no_usable_arn_when_read_then_by_source_identifier(arn: object) -> None:
    event = sample("rds-cluster-event")
    event["detail"]["SourceArn"] = arn
    found = waking(event)
    assert found is not None
    assert found.ref == LEDGER


@pytest.mark.parametrize(
    ("kind", "source", "ident"),
    [
        ("RDS DB Snapshot Event", "SNAPSHOT", "rds:orders-2026-11-24-03-07"),
        ("RDS DB Cluster Snapshot Event", "CLUSTER_SNAPSHOT", "by-hand"),
        ("RDS DB Parameter Group Event", "DB_PARAM", "orders-pg17"),
        ("RDS DB Instance Event", ["DB_INSTANCE"], "orders"),
        ("RDS DB Instance Event", {}, "orders"),
        ("RDS DB Instance Event", None, "orders"),
        ("RDS DB Instance Event", "DB_INSTANCE", None),
        ("RDS DB Instance Event", "DB_INSTANCE", 7),
    ],
)
def test_given_an_event_about_something_else_when_read_then_nothing_of_ours_with_the_reason(
    kind: str, source: object, ident: object
) -> None:
    event = sample("rds-instance-event")
    event["detail-type"] = kind
    event["detail"] = {"SourceType": source, "SourceIdentifier": ident, "EventID": "RDS-EVENT-0042"}
    assert waking(event) == Waking(None, f"{kind} RDS-EVENT-0042 names no database")


def trail(name: str, parameters: object, **outside: Any) -> dict[str, Any]:
    event = copy.deepcopy(sample("cloudtrail-modify-db-instance"))
    event["detail"] |= {"eventName": name, "requestParameters": parameters}
    return event | outside


@pytest.mark.parametrize(
    ("name", "parameters", "ref"),
    [
        ("StopDBInstance", {"dBInstanceIdentifier": "orders"}, ORDERS),
        ("ModifyDBInstance", {"dBInstanceIdentifier": ORDERS_ARN}, ORDERS),
        ("ModifyDBInstance", {"dBInstanceIdentifier": "Orders"}, ORDERS),
        ("ModifyDBInstance", {"dBInstanceIdentifier": "old", "newDBInstanceIdentifier": "orders"}, ORDERS),
        ("ModifyDBCluster", {"dBClusterIdentifier": "old", "newDBClusterIdentifier": "ledger"}, LEDGER),
        ("CreateDBInstance", {"dBInstanceIdentifier": "ledger-3", "dBClusterIdentifier": "ledger"}, LEDGER),
        (
            "RestoreDBInstanceToPointInTime",
            {"sourceDBInstanceIdentifier": "older", "targetDBInstanceIdentifier": "orders"},
            ORDERS,
        ),
        (
            "RestoreDBClusterToPointInTime",
            {"sourceDBClusterIdentifier": "older", "dBClusterIdentifier": "ledger"},
            LEDGER,
        ),
        ("AddTagsToResource", {"resourceName": ORDERS_ARN, "tags": [{"key": "a", "value": "b"}]}, ORDERS),
        ("RemoveTagsFromResource", {"resourceName": "arn:aws:rds:eu-west-2:111122223333:cluster:ledger"}, LEDGER),
    ],
)
def test_given_a_call_in_cloudtrail_when_read_then_the_database_that_it_leaves_behind(
    name: str, parameters: dict[str, Any], ref: DatabaseRef
) -> None:
    assert waking(trail(name, parameters)) == Waking(ref, f"CloudTrail {name}")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("CreateDBSubnetGroup", {"dBSubnetGroupName": "data"}),
        ("AddTagsToResource", {"resourceName": "arn:aws:rds:eu-west-2:111122223333:snapshot:by-hand"}),
        ("AddTagsToResource", {"resourceName": 7}),
        ("ModifyDBInstance", None),
        ("ModifyDBInstance", "dBInstanceIdentifier=orders"),
        ("ModifyDBInstance", {"dBInstanceIdentifier": None}),
        ("ModifyDBInstance", {"dBInstanceIdentifier": {"nested": "orders"}}),
    ],
)
def test_given_a_call_about_something_else_when_read_then_nothing_of_ours(name: str, parameters: object) -> None:
    assert waking(trail(name, parameters)) == Waking(None, f"CloudTrail {name} names no database")


@pytest.mark.parametrize(
    "outside",
    [{"region": ""}, {"region": None}, {"region": "mars"}, {"account": ""}, {"account": "12"}, {"account": 7}],
    ids=str,
)
def test_given_no_region_or_account_when_read_then_refused_rather_than_looked_for_at_home(
    outside: dict[str, Any],
) -> None:
    with pytest.raises(BadRequest, match="no usable region and account"):
        waking(trail("ModifyDBInstance", {"dBInstanceIdentifier": "orders"}, **outside))


@pytest.mark.parametrize("text", ["or;ders", "../orders", "$(x)", "arn:aws:s3:::bucket"])
def test_given_a_hostile_name_in_an_event_when_read_then_refused_with_where_it_stood(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        waking(trail("ModifyDBInstance", {"dBInstanceIdentifier": text}))
    assert refused.value.field == "requestParameters.dBInstanceIdentifier"


@pytest.mark.parametrize("database", ["", None, "or;ders", ["x"]], ids=str)
def test_given_a_finding_event_without_a_database_when_read_then_refused(database: object) -> None:
    event = sample("finding-changed")
    event["detail"]["database"] = database
    with pytest.raises(BadRequest) as refused:
        waking(event)
    assert refused.value.field == "detail.database"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"all": True},
        {"detail-type": "x"},
        {"detail": {}},
        {"detail-type": 7, "detail": {}},
        {"detail-type": "x", "detail": "y"},
    ],
    ids=str,
)
def test_given_no_event_at_all_when_read_then_none(event: dict[str, Any]) -> None:
    assert waking(event) is None
