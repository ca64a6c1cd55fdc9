"""``Restorer``, ``Secrets`` and ``Logins``: a new Database with everything on it, and a login that works."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.decide.restore import differences
from backstay.core.errors import Conflict, Denied, NotFound, Rejected, Unreachable
from backstay.core.model import Database, Family, Kind, State
from backstay.core.ports import Credentials
from backstay.core.requests import DatabaseRef, RestoreRunRequest
from backstay.core.restoring import RestorePlan, Unchecked
from tests.contract.sites import ROLE
from tests.lab.postgres import Tools, make_tls

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from backstay.core.ports import Logins, Restorer, Secrets
    from tests.contract.sites import Site


def restorer(site: Site) -> Restorer:
    assert site.restorer is not None
    return site.restorer


def secrets(site: Site) -> Secrets:
    assert site.secrets is not None
    return site.secrets


def logins(site: Site) -> Logins:
    assert site.logins is not None
    return site.logins


def moment_of(site: Site, name: str, kind: Kind = Kind.INSTANCE) -> datetime:
    """The last moment that can be restored: RDS takes one before the latest."""
    return site.moment(name, kind) - timedelta(microseconds=1)


def target(site: Site, plan: RestorePlan) -> Database:
    found = site.inventory.find(DatabaseRef.of(plan.target))
    assert found is not None
    return found


def made(site: Site, plan: RestorePlan) -> Database:
    restorer(site).create(plan)
    if site.name == "memory":  # the lab works in real time, and may be done by now
        assert target(site, plan).state is not State.AVAILABLE
    return site.until_available(plan.target.name, plan.target.kind)


def login(site: Site, plan: RestorePlan) -> Credentials:
    """Asks for a master login, waits until it is active, and uses it as soon as the server takes it."""
    assert target(site, plan).secret is None
    restorer(site).settle(plan)

    def active() -> Credentials | None:
        try:
            return secrets(site).master(target(site, plan))
        except NotFound:
            return None

    credentials = site.until(active, "an active secret")
    server = logins(site).login(target(site, plan), credentials)
    assert server.startswith("PostgreSQL 17")
    return credentials


def rebuilt(site: Site, plan: RestorePlan) -> None:
    site.until_available(plan.target.name, plan.target.kind)
    restorer(site).attach_roles(plan)
    site.until_available(plan.target.name, plan.target.kind)
    restorer(site).attach_roles(plan)  # again: nothing to do
    assert differences(plan, target(site, plan)) == ()


def ours(site: Site, plan: RestorePlan) -> None:
    found = target(site, plan)
    assert found.tags == plan.tags
    assert found.tags["backup-tier"] == "gold"
    assert found.tags["backstay:request"] == f"{plan.target.name}-request"
    assert (found.retention.days, found.deletion_protection) == (plan.retention_days, True)


def test_an_instance_comes_back_at_a_moment_with_all_it_had(strict_site: Site) -> None:
    site = strict_site
    source, moment = site.id("orders"), moment_of(site, "orders")
    plan = site.plan(source, "orders-pitr", moment)
    assert plan.config.roles == (ROLE,)
    made(site, plan)
    ours(site, plan)
    credentials = login(site, plan)
    rebuilt(site, plan)
    with pytest.raises(Denied) as caught:
        logins(site).login(target(site, plan), Credentials(credentials.user, "wrong"))
    assert caught.value.call == "login"
    with pytest.raises(Conflict):
        restorer(site).create(plan)


def test_an_instance_comes_back_from_its_snapshot(strict_site: Site) -> None:
    plan = strict_site.plan(strict_site.id("orders"), "orders-from-snap", snap="orders-snap")
    made(strict_site, plan)
    ours(strict_site, plan)
    login(strict_site, plan)
    rebuilt(strict_site, plan)


def test_an_aurora_cluster_comes_back_without_members_and_serves_through_its_new_writer(strict_site: Site) -> None:
    site = strict_site
    plan = site.plan(site.id("ledger", Kind.CLUSTER), "ledger-pitr", moment_of(site, "ledger", Kind.CLUSTER))
    assert plan.writer == "ledger-pitr-1"
    empty = made(site, plan)
    assert empty.config.members == ()
    assert differences(plan, empty)[-1] == "no writer"
    assert restorer(site).member_status(plan) is None
    with pytest.raises(Unreachable):
        logins(site).login(empty, Credentials("app", "anything"))
    restorer(site).create_writer(plan)
    assert restorer(site).member_status(plan) is not None
    with pytest.raises(Conflict):
        restorer(site).create_writer(plan)
    site.until(lambda: restorer(site).member_status(plan) == "available", "the writer")
    ours(site, plan)
    login(site, plan)
    rebuilt(site, plan)
    with pytest.raises(Conflict):
        restorer(site).create(plan)


def test_an_aurora_cluster_comes_back_from_its_snapshot(strict_site: Site) -> None:
    plan = strict_site.plan(strict_site.id("ledger", Kind.CLUSTER), "ledger-from-snap", snap="ledger-snap")
    made(strict_site, plan)
    ours(strict_site, plan)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_moment_outside_the_window_is_refused(strict_site: Site, kind: Kind) -> None:
    name = "orders" if kind is Kind.INSTANCE else "ledger"
    plan = strict_site.plan(strict_site.id(name, kind), f"{name}-never", moment_of(strict_site, name, kind))
    for off in (timedelta(days=-40), timedelta(days=1)):
        assert plan.moment is not None
        with pytest.raises(Rejected):
            restorer(strict_site).create(replace(plan, moment=plan.moment + off))
    if strict_site.name == "memory":  # the lab's window has moved on by the time of the call
        with pytest.raises(Rejected):
            restorer(strict_site).create(replace(plan, moment=strict_site.moment(name, kind)))
    assert strict_site.find(f"{name}-never") is None


def test_a_source_without_pitr_has_no_moment(strict_site: Site) -> None:
    plan = strict_site.plan(strict_site.id("orders"), "never", moment_of(strict_site, "orders"))
    with pytest.raises(Rejected):
        restorer(strict_site).create(replace(plan, source=strict_site.id("plain")))


def test_what_is_not_there_is_not_found(strict_site: Site) -> None:
    site = strict_site
    plan = site.plan(site.id("orders"), "never", moment_of(site, "orders"))
    cluster = site.plan(site.id("ledger", Kind.CLUSTER), "never", moment_of(site, "ledger", Kind.CLUSTER))
    with pytest.raises(NotFound):
        restorer(site).create(replace(plan, source=site.id("ghost")))
    with pytest.raises(NotFound):
        restorer(site).create(replace(plan, snapshot="ghost-snap"))
    for absent in (plan, cluster):
        for call in (restorer(site).settle, restorer(site).attach_roles):
            with pytest.raises(NotFound):
                call(replace(absent, config=replace(absent.config, roles=(ROLE,))))
    with pytest.raises(NotFound):
        restorer(site).create_writer(cluster)
    assert restorer(site).member_status(cluster) is None


def test_a_snapshot_is_found_by_its_identifier_or_arn_and_kind(strict_site: Site) -> None:
    for name, kind, source in (("orders-snap", Kind.INSTANCE, "orders"), ("ledger-snap", Kind.CLUSTER, "ledger")):
        found = restorer(strict_site).snapshot(name, None)
        assert found is not None
        assert (found.id, found.kind, found.source, found.ready) == (name, kind, source, True)
        assert found.data_time is not None
        assert found.tags == {"backup-tier": "gold"}
        assert restorer(strict_site).snapshot(found.arn, kind) == found
        other = Kind.CLUSTER if kind is Kind.INSTANCE else Kind.INSTANCE
        assert restorer(strict_site).snapshot(name, other) is None
    assert restorer(strict_site).snapshot("ghost-snap", None) is None


def test_the_facts_of_a_sound_source_say_that_all_is_well(strict_site: Site) -> None:
    site = strict_site
    for name, kind in (("orders", Kind.INSTANCE), ("ledger", Kind.CLUSTER)):
        moment = moment_of(site, name, kind)
        request = RestoreRunRequest(
            database=site.id(name, kind).key, target="free", request_id="r", moment=moment.isoformat()
        )
        facts = site.facts(request, site.there(name, kind))
        assert facts.window is not None
        assert not isinstance(facts.window, Unchecked)
        assert facts.window.earliest is not None
        assert facts.window.holds(moment)
        assert (facts.target, facts.snapshot, facts.key, facts.missing_groups) == (None, None, "", ())
        assert facts.orderable is True
        assert not isinstance(facts.free_addresses, Unchecked)
        assert sum(facts.free_addresses.values()) > 0


def test_the_facts_show_a_taken_name_and_a_missing_snapshot(strict_site: Site) -> None:
    request = RestoreRunRequest(
        database=strict_site.id("orders").key, target="plain", request_id="r", snapshot="ghost-snap"
    )
    facts = strict_site.facts(request, strict_site.there("orders"))
    assert facts.snapshot is None
    assert facts.target is not None
    assert facts.target.name == "plain"


def test_a_database_without_a_managed_login_has_no_credentials(strict_site: Site) -> None:
    with pytest.raises(NotFound):
        secrets(strict_site).master(strict_site.there("orders"))


def test_a_database_without_endpoint_or_client_gets_no_login(strict_site: Site) -> None:
    orders = strict_site.there("orders")
    with pytest.raises(NotFound):
        logins(strict_site).login(replace(orders, endpoint=None), Credentials("app", "x"))
    oracle = replace(orders, engine="oracle-ee")
    assert oracle.family is Family.OTHER
    with pytest.raises(Rejected):
        logins(strict_site).login(oracle, Credentials("app", "x"))


# What only the real servers can show.


def test_another_authority_is_not_trusted_and_the_password_stays_here(lab_ready: Site, tmp_path: Path) -> None:
    from backstay.wiring import EngineLogins  # noqa: PLC0415  # only here

    if os.geteuid() == 0:
        tmp_path.chmod(0o755)
    foreign = make_tls(Tools(tmp_path), tmp_path / "tls")
    orders = lab_ready.there("orders")
    right = Credentials("app", "correct-horse-1")
    assert logins(lab_ready).login(orders, right).startswith("PostgreSQL 17")
    bundle = foreign.ca_bundle.read_text()
    with pytest.raises(Unreachable) as caught:
        EngineLogins(lambda: bundle).login(orders, right)
    assert "correct-horse" not in str(caught.value)


def test_nobody_at_the_port_is_unreachable(lab_ready: Site) -> None:
    nowhere = replace(lab_ready.there("orders"), endpoint=("127.0.0.1", 9))
    with pytest.raises(Unreachable):
        logins(lab_ready).login(nowhere, Credentials("app", "x"))


def test_an_unusable_key_and_a_missing_group_are_named(lab_ready: Site) -> None:
    assert lab_ready.door is not None
    request = RestoreRunRequest(database=lab_ready.id("orders").key, target="free", request_id="r", snapshot="x")
    orders = lab_ready.there("orders")
    gone = replace(orders.config, parameter_group="gone-pg", option_group="gone-og", kms_key="gone-key")
    facts = lab_ready.facts(request, replace(orders, config=replace(gone, security_groups=("sg-gone",))))
    assert facts.missing_groups == ("security group sg-gone", "parameter group gone-pg", "option group gone-og")
    assert facts.key == "key gone-key does not exist"
    pending = replace(orders, config=replace(gone, kms_key="22222222-2222-2222-2222-222222222222"))
    assert str(lab_ready.facts(request, pending).key).endswith("is PendingDeletion")


def test_a_class_that_is_no_longer_sold_is_told(lab_ready: Site) -> None:
    request = RestoreRunRequest(database=lab_ready.id("orders").key, target="free", request_id="r", snapshot="x")
    orders = lab_ready.there("orders")
    old = replace(orders, config=replace(orders.config, instance_class="db.m1.small"))
    assert lab_ready.facts(request, old).orderable is False


def test_a_moment_from_before_a_major_upgrade_comes_back_without_the_groups_of_now(lab_ready: Site) -> None:
    site = lab_ready
    assert site.rds is not None
    rds = site.rds
    rds.create("elder", EngineVersion="16.14", BackupRetentionPeriod=1)
    moment = moment_of(site, "elder")
    rds.client.create_db_parameter_group(
        DBParameterGroupName="elder-pg17", DBParameterGroupFamily="postgres17", Description="of now"
    )
    newer: Any = {"EngineVersion": "17.10", "AllowMajorVersionUpgrade": True, "ApplyImmediately": True}
    rds.client.modify_db_instance(DBInstanceIdentifier="elder", **newer)
    site.until(lambda: site.there("elder").engine_version == "17.10", "the upgrade")
    site.until_available("elder")
    rds.client.modify_db_instance(DBInstanceIdentifier="elder", DBParameterGroupName="elder-pg17")
    plan = site.plan(site.id("elder"), "elder-pitr", moment)
    assert plan.unsure == "the database was upgraded from 16.14 to 17.10 around that moment"
    assert plan.config.parameter_group == "elder-pg17"
    found = made(site, plan)
    assert (found.engine_version, found.config.parameter_group) == ("16.14", "default.postgres16")
    assert "parameter group: default.postgres16, wanted elder-pg17" in differences(plan, found)
    rds.drop("elder-pitr", "elder")


def test_a_small_volume_comes_back_as_it_was_and_private_in_the_default_subnets(lab_ready: Site) -> None:
    plan = lab_ready.plan(lab_ready.id("orders"), "orders-private", snap="orders-snap")
    assert (plan.config.storage_type, plan.config.iops, plan.config.public) == ("gp3", 3000, False)
    found = made(lab_ready, replace(plan, config=replace(plan.config, public=None, subnet_group="default")))
    assert (found.config.storage_type, found.config.iops, found.config.public) == ("gp3", 3000, False)


def test_the_classes_that_are_sold_are_told_where_ones_own_is_not(lab_ready: Site) -> None:
    request = RestoreRunRequest(database=lab_ready.id("orders").key, target="free", request_id="r", snapshot="x")
    orders = lab_ready.there("orders")
    old = replace(orders, config=replace(orders.config, instance_class="db.m1.small"))
    sold = lab_ready.facts(request, old).sold
    assert isinstance(sold, tuple)
    assert orders.config.instance_class in sold
    assert lab_ready.facts(request, orders).sold is None
