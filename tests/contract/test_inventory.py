"""``Inventory``: every Database once, members and foreign engines told apart, one found by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from backstay.core.errors import BadRequest
from backstay.core.model import Family, Kind, Provider, Scope, State
from backstay.core.requests import DatabaseRef
from backstay.providers.aws.inventory import RdsInventory
from backstay.providers.memory import MemoryInventory
from tests.contract.sites import ROLE
from tests.fleet import IRELAND, LONDON, database, fleet

if TYPE_CHECKING:
    from backstay.core.ports import Inventory
    from tests.contract.sites import Site


def test_instances_are_listed_without_the_members_of_clusters(any_site: Site) -> None:
    pages = list(any_site.inventory.pages(Kind.INSTANCE))
    found = {each.name: each for page in pages for each in page.databases}
    assert {"orders", "plain"} <= set(found)
    assert "ledger-1" not in found
    orders = found["orders"]
    assert orders.id.scope == any_site.inventory.scope == any_site.scope
    assert orders.tags == {"backup-tier": "gold"}
    assert (orders.retention.days, orders.window is not None, orders.family) == (7, True, Family.POSTGRES)
    assert orders.arn == f"arn:aws:rds:eu-west-2:{any_site.scope.account}:db:orders"
    assert found["plain"].retention.days == 0
    if any_site.name != "moto":  # which shows a window where PITR is off
        assert found["plain"].window is None


def test_clusters_are_listed_and_foreign_engines_are_told_apart(any_site: Site) -> None:
    pages = list(any_site.inventory.pages(Kind.CLUSTER))
    found = {each.name: each for page in pages for each in page.databases}
    assert "ledger" in found
    assert "papers-00001" not in found
    assert (found["ledger"].retention.days, found["ledger"].tags) == (1, {"backup-tier": "gold"})
    assert [member.name for member in found["ledger"].config.members if member.writer] == ["ledger-1"]
    assert [each.name for page in pages for each in page.not_covered] == ["papers-00001"]
    assert [text for page in pages for text in page.unreadable] == []


def test_a_database_is_found_by_name_and_by_exact_reference(any_site: Site) -> None:
    orders = any_site.there("orders")
    assert orders.state is State.AVAILABLE
    exact = any_site.inventory.find(DatabaseRef.of(orders.id))
    assert exact is not None
    assert replace(exact, window=None) == replace(orders, window=None)  # which moves on
    assert any_site.there("ledger").id.kind is Kind.CLUSTER


def test_a_member_leads_to_its_cluster(any_site: Site) -> None:
    for kind in (None, Kind.INSTANCE):
        found = any_site.there("ledger-1", kind)
        assert (found.name, found.id.kind) == ("ledger", Kind.CLUSTER)
        assert found.config.members[0].instance_class == "db.r7g.large"


def test_what_is_not_there_is_none(any_site: Site) -> None:
    for name, kind in (("ghost", None), ("orders", Kind.CLUSTER), ("ledger", Kind.INSTANCE), ("papers-00001", None)):
        assert any_site.find(name, kind) is None, name


def test_what_a_restore_would_lose_is_read(strict_site: Site) -> None:
    orders = strict_site.there("orders")
    assert (orders.copy_tags, orders.deletion_protection) == (True, True)
    config = orders.config
    assert (config.parameter_group, config.option_group, config.subnet_group) == ("orders-pg", "orders-og", "private")
    assert len(config.security_groups) == 1
    assert config.roles == (ROLE,)
    assert strict_site.there("ledger").config.parameter_group == "ledger-pg"


def small_pages_in_memory() -> Inventory:
    given = fleet(*(database(f"db-{number:03}", days=0) for number in range(205)), page_size=100)
    return MemoryInventory(given.cloud, LONDON)


def full_pages_in_moto() -> Inventory:
    client = boto3.client("rds")
    for number in range(205):
        client.create_db_instance(
            DBInstanceIdentifier=f"db-{number:03}",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="app",
            MasterUserPassword="correct-horse-1",
        )
    return RdsInventory(client, Scope(Provider.AWS, "123456789012", "eu-west-2"))


@pytest.fixture
def full_pages_in_the_lab(lab_ready: Site) -> Inventory:
    """A fleet without servers in the lab's other region."""
    assert lab_ready.rds is not None
    rds = lab_ready.rds
    if not rds.connect("eu-west-1").describe_db_instances(MaxRecords=20)["DBInstances"]:
        rds.admin("POST", "/_lab/seed", {"region": "eu-west-1", "instances": 205})
    return RdsInventory(rds.connect("eu-west-1"), IRELAND)


@pytest.mark.parametrize("where", ["memory", "moto", "lab"])
def test_a_fleet_of_several_pages_is_listed_once(where: str, request: pytest.FixtureRequest) -> None:
    if where == "memory":
        inventory = small_pages_in_memory()
    elif where == "moto":
        request.getfixturevalue("mocked")
        inventory = full_pages_in_moto()
    else:
        inventory = request.getfixturevalue("full_pages_in_the_lab")
    pages = list(inventory.pages(Kind.INSTANCE))
    assert [len(page.databases) for page in pages] == [100, 100, 5]
    assert len({each.id for page in pages for each in page.databases}) == 205


def test_one_name_for_an_instance_and_a_cluster_is_ambiguous_until_the_kind_is_given() -> None:
    given = fleet(database(), database(kind=Kind.CLUSTER))
    inventory = MemoryInventory(given.cloud, LONDON)
    with pytest.raises(BadRequest, match="instance and a cluster"):
        inventory.find(DatabaseRef("orders"))
    found = inventory.find(DatabaseRef("orders", Kind.CLUSTER))
    assert found is not None
    assert found.id.kind is Kind.CLUSTER


@pytest.mark.usefixtures("mocked")
def test_one_name_for_an_instance_and_a_cluster_is_ambiguous_on_aws_too() -> None:
    client: Any = boto3.client("rds")
    login = {"MasterUsername": "app", "MasterUserPassword": "correct-horse-1"}
    client.create_db_cluster(DBClusterIdentifier="twin", Engine="aurora-postgresql", **login)
    client.create_db_instance(
        DBInstanceIdentifier="twin", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20, **login
    )
    inventory = RdsInventory(client, Scope(Provider.AWS, "123456789012", "eu-west-2"))
    with pytest.raises(BadRequest, match="instance and a cluster"):
        inventory.find(DatabaseRef("twin"))
