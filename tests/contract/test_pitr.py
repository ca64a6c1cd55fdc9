"""``PitrControl``: what becomes true at once, soon, or in the maintenance window, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.core.errors import Conflict, NotFound, Rejected
from backstay.core.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.sites import Site


@pytest.fixture
def site(strict_site: Site) -> Iterator[Site]:
    """Left as it was found: the lab is there for the session."""
    yield strict_site
    if strict_site.name == "memory":
        return
    plain = strict_site.until_available("plain") if not strict_site.there("plain").pending else None
    if plain is None or plain.retention:
        strict_site.change("plain", retention_days=0, immediately=True)
        strict_site.until_available("plain")


def days(site: Site, name: str, kind: Kind = Kind.INSTANCE) -> int:
    return site.there(name, kind).retention.days


def test_another_window_comes_soon_and_without_being_asked_to_hurry(any_site: Site) -> None:
    for name, kind, before, after in (("orders", Kind.INSTANCE, 7, 9), ("ledger", Kind.CLUSTER, 1, 3)):
        for wanted in (after, before):
            any_site.change(name, kind, retention_days=wanted)
            any_site.until(lambda: days(any_site, name, kind) == wanted, f"{name} {wanted} d")  # noqa: B023
            if any_site.name != "moto":  # whose clusters are being created for ever
                any_site.until_available(name, kind)


def test_turning_pitr_on_waits_for_the_maintenance_window(site: Site) -> None:
    site.change("plain", retention_days=5)
    seen = site.there("plain")
    assert seen.retention.days == 0
    assert seen.pending_retention is not None
    assert seen.pending_retention.days == 5
    assert seen.pending == {"BackupRetentionPeriod": "5"}
    assert site.window is not None
    site.window("plain")
    done = site.until_available("plain")
    assert (done.retention.days, done.pending_retention) == (5, None)
    assert site.moment("plain")


def test_a_change_that_waits_is_withdrawn_by_asking_for_what_is(site: Site) -> None:
    site.change("plain", retention_days=5)
    site.change("plain", pending_retention_days=0)
    assert site.there("plain").pending == {}


def test_turning_pitr_on_immediately_also_applies_what_somebody_else_left_pending(site: Site) -> None:
    before = site.there("plain").config.instance_class
    site.pend()
    assert "DBInstanceClass" in site.there("plain").pending
    assert site.there("plain").config.instance_class == before
    site.change("plain", retention_days=5, immediately=True)
    done = site.until_available("plain")
    assert done.retention.days == 5
    assert done.config.instance_class == "db.m7g.xlarge" != before
    assert site.moment("plain")
    if site.rds is not None:
        site.rds.client.modify_db_instance(
            DBInstanceIdentifier="plain", DBInstanceClass="db.m7g.large", ApplyImmediately=True
        )
        site.until_available("plain")


def test_turning_pitr_off_takes_the_window_away(site: Site) -> None:
    site.change("plain", retention_days=2, immediately=True)
    site.until_available("plain")
    site.change("plain", retention_days=0)
    assert site.there("plain").retention.days == 2
    site.change("plain", retention_days=0, immediately=True)
    assert site.until_available("plain").window is None


def test_tags_on_snapshots_and_protection_change_at_once(any_site: Site) -> None:
    for value in (True, False):
        any_site.change("plain", copy_tags=value, deletion_protection=value)
        seen = any_site.there("plain")
        assert (seen.copy_tags, seen.deletion_protection) == (value, value)


def test_what_does_not_exist_cannot_be_changed(any_site: Site) -> None:
    kinds = [Kind.INSTANCE] if any_site.name == "moto" else list(Kind)  # moto trips over a cluster that is not there
    for kind in kinds:
        with pytest.raises(NotFound):
            any_site.change("ghost", kind, copy_tags=True)


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [("orders", Kind.INSTANCE, 36), ("ledger", Kind.CLUSTER, 0), ("ledger", Kind.CLUSTER, 36)],
)
def test_a_window_that_the_provider_does_not_have_is_refused_and_nothing_else_is_done(
    site: Site, name: str, kind: Kind, wanted: int
) -> None:
    before = site.there(name, kind)
    with pytest.raises(Rejected):
        site.change(name, kind, retention_days=wanted, copy_tags=not before.copy_tags)
    after = site.there(name, kind)
    assert (after.retention, after.pending, after.copy_tags) == (before.retention, before.pending, before.copy_tags)


def test_a_busy_database_is_a_conflict(site: Site) -> None:
    assert site.busy is not None
    for _ in range(20):  # on a loaded machine a reboot can be over before the change arrives
        site.busy("plain")
        try:
            site.change("plain", copy_tags=True)
        except Conflict:
            break
        site.until_available("plain")
    else:
        pytest.fail("a busy database took every change")
    if site.rds is not None:
        site.until_available("plain")
