"""The restore calls parameter by parameter: RDS refuses some of them together, and no lab knows all of that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from backstay.core.errors import Rejected
from backstay.core.model import Configuration, Database, DatabaseId, Kind, Member, utc_text
from backstay.core.requests import RestoreRunRequest
from backstay.core.restoring import Backup, RestorePlan, Snapshot
from backstay.providers.aws.inventory import RdsInventory
from backstay.providers.aws.preflight import Preflight
from backstay.providers.aws.restorer import RdsRestorer
from tests.unit.shapes import SCOPE, cluster, instance

ORDERS = instance("orders")
MOMENT = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
AURORA = Configuration(storage_type="aurora-iopt1", network_type="DUAL", iops=1)
MULTI_AZ = Configuration(
    instance_class="db.r6gd.large", multi_az=True, storage_type="gp3", iops=3000, network_type="IPV4"
)


class OneClient:
    """Stands for Clients: the same stubbed client for every service."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, _service: str) -> Any:
        return lambda _region: self.client


def stubbed(service: str = "rds") -> tuple[Any, Stubber]:
    make: Any = boto3.client
    client = make(service, region_name=SCOPE.region, aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def planned(kind: Kind, config: Configuration, **parts: Any) -> RestorePlan:
    given: dict[str, Any] = {
        "source": DatabaseId(SCOPE, kind, "ledger"),
        "source_arn": "",
        "engine": "aurora-postgresql",
        "engine_version": "17.4",
        "target": DatabaseId(SCOPE, kind, "ledger-r"),
        "request_id": "r",
        "moment": MOMENT,
        "snapshot": "",
        "retention_days": 7,
        "deletion_protection": False,
        "copy_tags": True,
        "tags": {},
        "config": config,
        "writer": "ledger-r-1",
        "gates": (),
    }
    return RestorePlan(**(given | parts))


def sent(plan: RestorePlan, *, writer: bool = False) -> dict[str, Any]:
    """The parameters of the one call that making the target, or its writer, is."""
    client, stub = stubbed()
    seen: dict[str, Any] = {}
    client.meta.events.register("provide-client-params.rds.*", lambda params, **_: seen.update(params))
    if writer:
        stub.add_response("create_db_instance", {})
    elif plan.target.kind is Kind.INSTANCE:
        stub.add_response("restore_db_instance_to_point_in_time", {})
    elif plan.snapshot:
        stub.add_response("restore_db_cluster_from_snapshot", {})
    else:
        stub.add_response("restore_db_cluster_to_point_in_time", {})
    clients: Any = OneClient(client)
    restorer = RdsRestorer(clients, RdsInventory(client, SCOPE))
    with stub:
        restorer.create_writer(plan) if writer else restorer.create(plan)
    return seen


SNAPSHOT = "arn:aws:rds:eu-west-2:111122223333:cluster-snapshot:s"


@pytest.mark.parametrize("snapshot", ["", SNAPSHOT])
@pytest.mark.parametrize(
    ("storage", "iops", "named"),
    [
        ("io1", 3000, {"StorageType": "io1", "Iops": 3000}),
        ("gp3", 12000, {"StorageType": "gp3", "Iops": 12000}),
        ("gp3", 3000, {"StorageType": "gp3"}),
    ],
    ids=["io1", "large gp3", "small gp3"],
)
def test_given_a_multi_az_cluster_when_restored_then_what_its_storage_may_name_and_no_network_type(
    snapshot: str, storage: str, iops: int, named: dict[str, Any]
) -> None:
    config = replace(MULTI_AZ, storage_type=storage, iops=iops)
    call = sent(planned(Kind.CLUSTER, config, snapshot=snapshot, writer=""))
    assert {key: call[key] for key in ("StorageType", "Iops") if key in call} == named
    assert "NetworkType" not in call


def test_given_a_multi_az_cluster_whose_iops_are_not_known_when_restored_then_rds_chooses_the_storage() -> None:
    call = sent(planned(Kind.CLUSTER, replace(MULTI_AZ, iops=None), writer=""))
    assert not {"StorageType", "Iops"} & set(call)


def test_given_an_aurora_cluster_when_restored_then_network_and_storage_type_but_no_iops() -> None:
    call = sent(planned(Kind.CLUSTER, AURORA))
    assert (call["NetworkType"], call["StorageType"]) == ("DUAL", "aurora-iopt1")
    assert not {"Iops", "PubliclyAccessible", "DBClusterInstanceClass"} & set(call)


def test_given_an_aurora_cluster_when_its_writer_is_made_then_in_its_subnets_without_what_it_owns() -> None:
    config = replace(AURORA, subnet_group="private", security_groups=("sg-1",), port=5433)
    call = sent(planned(Kind.CLUSTER, config, retention_days=14, tags={"team": "shop"}), writer=True)
    assert call == {
        "DBInstanceIdentifier": "ledger-r-1",
        "DBClusterIdentifier": "ledger-r",
        "DBInstanceClass": "db.r6g.large",
        "Engine": "aurora-postgresql",
        "PubliclyAccessible": False,
        "Tags": [{"Key": "team", "Value": "shop"}],
        "DBSubnetGroupName": "private",
    }


@pytest.mark.parametrize(
    ("writers", "readers", "public"),
    [(True, False, True), (False, True, False), (None, True, False)],
    ids=["public writer", "public reader", "a writer that does not say"],
)
def test_given_an_aurora_cluster_when_its_writer_is_made_then_public_only_where_the_sources_writer_says_so(
    writers: bool | None, readers: bool, public: bool
) -> None:
    members = (Member("a", writer=False, public=readers), Member("b", writer=True, public=writers))
    call = sent(planned(Kind.CLUSTER, replace(AURORA, subnet_group="default", members=members)), writer=True)
    assert call["PubliclyAccessible"] is public


@pytest.mark.parametrize(("public", "asked"), [(True, True), (False, False), (None, False)])
def test_given_a_source_that_may_not_say_when_restored_then_whether_it_is_public_is_always_told(
    public: bool | None, asked: bool
) -> None:
    for kind, config in ((Kind.INSTANCE, ORDERS.config), (Kind.CLUSTER, MULTI_AZ)):
        call = sent(planned(kind, replace(config, public=public), writer=""))
        assert call["PubliclyAccessible"] is asked


def tried(plan: RestorePlan, code: str, *, writer: bool = False) -> list[dict[str, Any]]:
    """The parameters of each call to make the target, or its writer, the first of which is refused."""
    client, stub = stubbed()
    seen: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.rds.*", lambda params, **_: seen.append(params))
    instance = "create_db_instance" if writer else "restore_db_instance_to_point_in_time"
    operation = instance if writer or plan.target.kind is Kind.INSTANCE else "restore_db_cluster_to_point_in_time"
    stub.add_client_error(operation, code, "can't be used for this instance")
    stub.add_response(operation, {})
    clients: Any = OneClient(client)
    restorer = RdsRestorer(clients, RdsInventory(client, SCOPE))
    with stub:
        restorer.create_writer(plan) if writer else restorer.create(plan)
    return seen


GROUPS = {"DBParameterGroupName", "DBClusterParameterGroupName", "OptionGroupName"}
WRITERS = (Member("b", writer=True, parameter_group="writers"),)


@pytest.mark.parametrize("writer", [False, True])
@pytest.mark.parametrize("kind", list(Kind))
def test_given_groups_that_may_not_fit_when_rds_refuses_them_then_it_is_made_without_them(
    kind: Kind, writer: bool
) -> None:
    config = ORDERS.config if kind is Kind.INSTANCE else replace(AURORA, parameter_group="pg", members=WRITERS)
    plan = planned(kind, config if not writer else replace(AURORA, members=WRITERS), unsure="it was upgraded")
    first, second = tried(plan, "InvalidParameterCombination", writer=writer)
    assert GROUPS & set(first)
    assert {key: value for key, value in first.items() if key not in GROUPS} == second


@pytest.mark.parametrize(
    ("unsure", "code"), [("", "InvalidParameterCombination"), ("upgraded", "InvalidParameterValue")]
)
def test_given_another_refusal_or_groups_that_fit_when_refused_then_that_is_the_end(unsure: str, code: str) -> None:
    with pytest.raises(Rejected, match=code):
        tried(planned(Kind.INSTANCE, ORDERS.config, unsure=unsure), code)


@pytest.mark.parametrize(("minimum", "pause"), [(0.0, 600), (0.5, None)])
def test_given_a_serverless_cluster_when_restored_then_it_pauses_only_where_it_may(
    minimum: float, pause: int | None
) -> None:
    capacity = sent(planned(Kind.CLUSTER, Configuration(serverless=(minimum, 8.0), auto_pause=600)))[
        "ServerlessV2ScalingConfiguration"
    ]
    assert capacity == {"MinCapacity": minimum, "MaxCapacity": 8.0} | (
        {"SecondsUntilAutoPause": pause} if pause else {}
    )


@pytest.mark.parametrize(("ca", "named"), [("rds-ca-2019", None), ("rds-ca-rsa2048-g1", "rds-ca-rsa2048-g1")])
def test_given_a_source_with_a_retired_ca_when_restored_then_it_is_not_asked_for(ca: str, named: str | None) -> None:
    config = replace(ORDERS.config, ca=ca)
    assert sent(planned(Kind.INSTANCE, config, writer="")).get("CACertificateIdentifier") == named
    assert sent(planned(Kind.CLUSTER, config), writer=True).get("CACertificateIdentifier") == named


@pytest.mark.parametrize(
    ("storage", "iops", "throughput", "named"),
    [
        ("gp3", 3000, 125, {"StorageType": "gp3"}),
        ("gp3", 12000, 500, {"StorageType": "gp3", "Iops": 12000, "StorageThroughput": 500}),
        ("io2", 3000, None, {"StorageType": "io2", "Iops": 3000}),
        ("gp2", None, None, {"StorageType": "gp2"}),
    ],
)
def test_given_an_instance_when_restored_then_only_what_its_storage_may_name(
    storage: str, iops: int | None, throughput: int | None, named: dict[str, Any]
) -> None:
    config = replace(ORDERS.config, storage_type=storage, iops=iops, throughput=throughput, network_type="DUAL")
    call = sent(planned(Kind.INSTANCE, config, writer=""))
    assert {key: call[key] for key in ("StorageType", "Iops", "StorageThroughput") if key in call} == named
    assert call["NetworkType"] == "DUAL"


@pytest.mark.parametrize("engine", ["sqlserver-se", "custom-sqlserver-ee"])
def test_given_sql_server_when_restored_then_its_storage_is_not_named(engine: str) -> None:
    config = replace(ORDERS.config, storage_type="io1", iops=5000)
    call = sent(planned(Kind.INSTANCE, config, writer="", engine=engine))
    assert not {"StorageType", "Iops", "StorageThroughput"} & set(call)
    assert call["DBInstanceClass"] == config.instance_class


def preflight(client: Any) -> Preflight:
    clients: Any = OneClient(client)
    return Preflight(clients, SCOPE.region)


@pytest.mark.parametrize("source", [replace(ORDERS, window=None), ORDERS])
def test_given_no_automated_backup_when_read_then_the_window_is_known_and_not_unchecked(source: Database) -> None:
    client, stub = stubbed()
    stub.add_client_error("describe_db_instance_automated_backups", "DBInstanceAutomatedBackupNotFound")
    with stub:
        assert preflight(client).window(source) == source.window


ELSEWHERE = "arn:aws:rds:eu-west-2:999988887777"


@pytest.mark.parametrize(
    ("ident", "kind", "told"),
    [
        ("by-hand", Kind.INSTANCE, {}),
        ("rds:orders-2026-11-24-03-07", Kind.INSTANCE, {"SnapshotType": "automated"}),
        ("awsbackup:job-1", Kind.INSTANCE, {"SnapshotType": "awsbackup"}),
        (f"{ELSEWHERE}:snapshot:by-hand", Kind.INSTANCE, {"IncludeShared": True}),
        (f"{ELSEWHERE}:snapshot:rds:orders-1", Kind.INSTANCE, {"SnapshotType": "automated"}),
        ("rds:ledger-2026-11-24-03-07", Kind.CLUSTER, {"SnapshotType": "automated"}),
        ("awsbackup:job-1", Kind.CLUSTER, {}),
        (f"{ELSEWHERE}:cluster-snapshot:by-hand", Kind.CLUSTER, {"IncludeShared": True}),
    ],
)
def test_given_a_snapshots_name_when_looked_up_then_rds_is_told_what_type_it_is(
    ident: str, kind: Kind, told: dict[str, Any]
) -> None:
    client, stub = stubbed()
    prefix = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    operation = "describe_db_snapshots" if kind is Kind.INSTANCE else "describe_db_cluster_snapshots"
    stub.add_response(operation, {f"{prefix}s": []}, {f"{prefix}Identifier": ident, **told})
    with stub:
        assert preflight(client).snapshot(ident, kind) is None
        stub.assert_no_pending_responses()


class Reads:
    """Stands for Preflight: all is well, and the version whose class was looked up is remembered."""

    looked_up = ""
    on_sale = True

    def __init__(self, _clients: object, _region: str) -> None:
        pass

    def snapshot(self, _ident: str, kind: Kind) -> Snapshot:
        return Snapshot(
            id="s",
            arn="arn",
            kind=kind,
            source="ledger",
            engine="aurora-postgresql",
            engine_version="16.8",
            status="available",
            ready=True,
            data_time=None,
        )

    def orderable(self, source: Database) -> bool:
        Reads.looked_up = source.engine_version
        return Reads.on_sale

    def backups(self, _source: Database) -> tuple[Backup, ...]:
        return (Backup(MOMENT - timedelta(hours=7), "15.9"), Backup(MOMENT + timedelta(hours=1), "15.9"))

    def sold(self, source: Database) -> tuple[str, ...]:
        return (f"db.{source.engine_version}",)

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


@pytest.mark.parametrize(
    ("asked", "version"),
    [({"snapshot": "s"}, "16.8"), ({"moment": utc_text(MOMENT)}, "15.9"), ({}, "17.4")],
    ids=["snapshot", "moment before an upgrade", "neither"],
)
@pytest.mark.parametrize("on_sale", [True, False])
def test_given_a_snapshot_or_a_moment_when_facts_are_read_then_the_version_of_its_data_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], version: str, on_sale: bool
) -> None:
    monkeypatch.setattr("backstay.providers.aws.restorer.Preflight", Reads)
    monkeypatch.setattr(Reads, "on_sale", on_sale)
    monkeypatch.setattr(Reads, "looked_up", "")
    client, stub = stubbed()
    stub.add_client_error("describe_db_clusters", "DBClusterNotFoundFault")
    clients: Any = OneClient(client)
    source = cluster("ledger")
    request = RestoreRunRequest(database=source.id.key, target="t", request_id="r", **asked)
    with stub:
        facts = RdsRestorer(clients, RdsInventory(client, SCOPE)).facts(request, source)
    assert (facts.orderable, Reads.looked_up, source.engine_version) == (on_sale, version, "17.4")
    assert facts.sold == (None if on_sale else (f"db.{version}",))
    assert bool(facts.backups) is ("moment" in asked)


@pytest.mark.parametrize("kind", list(Kind))
def test_given_automated_snapshots_when_read_then_when_and_of_which_version_they_are_on_every_page(kind: Kind) -> None:
    client, stub = stubbed()
    word = "DBInstance" if kind is Kind.INSTANCE else "DBCluster"
    shown, source = f"{word.removesuffix('Instance')}Snapshot", cluster("ledger") if kind is Kind.CLUSTER else ORDERS
    operation = "describe_db_snapshots" if kind is Kind.INSTANCE else "describe_db_cluster_snapshots"
    given = {f"{word}Identifier": source.name, "SnapshotType": "automated"}

    def entry(name: str, **parts: Any) -> dict[str, Any]:
        told = {f"{shown}Identifier": name, f"{shown}Arn": "arn", f"{word}Identifier": source.name}
        return {**told, "Engine": source.engine, "EngineVersion": "16.8", "Status": "available", **parts}

    made = {"SnapshotCreateTime": MOMENT}
    stub.add_response(operation, {f"{shown}s": [entry("a", **made), entry("creating")], "Marker": "more"}, given)
    later = {"SnapshotCreateTime": MOMENT + timedelta(days=1), "EngineVersion": "17.4"}
    stub.add_response(operation, {f"{shown}s": [entry("b", **later)]}, {**given, "Marker": "more"})
    with stub:
        found = preflight(client).backups(source)
    assert found == (Backup(MOMENT, "16.8"), Backup(MOMENT + timedelta(days=1), "17.4"))


def test_given_a_class_that_is_not_sold_when_asked_then_those_that_are_and_for_multi_az_clusters_their_own() -> None:
    options = [
        {"DBInstanceClass": "db.t4g.medium", "SupportsClusters": False},
        {"DBInstanceClass": "db.m7g.large", "SupportsClusters": True},
        {"DBInstanceClass": "db.m7g.large", "SupportsClusters": True},
    ]
    for source, sold in ((ORDERS, ("db.m7g.large", "db.t4g.medium")), (cluster("trades"), ("db.m7g.large",))):
        client, stub = stubbed()
        given = {"Engine": source.engine, "EngineVersion": source.engine_version}
        stub.add_response(
            "describe_orderable_db_instance_options", {"OrderableDBInstanceOptions": options}, expected_params=given
        )
        with stub:
            assert preflight(client).sold(source) == sold
