"""Data from before an upgrade: its own engine version, and no group that was made for another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from backstay.core.decide.restore import differences
from backstay.core.restoring import Backup
from tests.unit.core.given import NOW
from tests.unit.core.restores import DENIED, LEDGER, MOMENT, ORDERS, facts, gate, plan, request, snapshot


@pytest.mark.parametrize(
    ("engine", "now", "then", "same"),
    [
        ("postgres", "17.5", "17.4", True),
        ("postgres", "17.5", "16.9", False),
        ("postgres", "10.3", "9.6.24", False),
        ("postgres", "9.6.24", "9.5.25", False),
        ("mysql", "8.0.40", "8.0.35", True),
        ("mysql", "8.4.3", "8.0.40", False),
        ("mariadb", "10.11.9", "10.6.19", False),
        ("oracle-ee", "19.0.0.0.ru-2024-07.rur-2024-07.r1", "19.0.0.0.ru-2024-01.rur-2024-01.r1", True),
        ("sqlserver-se", "16.00.4131.2.v1", "15.00.4345.5.v1", False),
    ],
)
def test_given_a_snapshot_when_its_source_was_upgraded_since_then_only_groups_that_fit(
    engine: str, now: str, then: str, same: bool
) -> None:
    source = replace(ORDERS, engine=engine, engine_version=now)
    found = plan(facts(source, snapshot=snapshot(source, engine_version=then)), request(source, None, snapshot="s"))
    assert (found.engine, found.engine_version) == (engine, then)
    groups = (found.config.parameter_group, found.config.option_group)
    assert groups == ((ORDERS.config.parameter_group, ORDERS.config.option_group) if same else ("", ""))
    assert all((ORDERS.config.parameter_group, ORDERS.config.option_group))
    assert found.config.security_groups == ORDERS.config.security_groups
    assert gate(found.gates, "groups").ok is (True if same else None)
    assert same or f"{then}, not of {now}" in gate(found.gates, "groups").message


def test_given_a_cluster_when_it_was_upgraded_since_then_its_writers_group_is_a_default_too() -> None:
    source = replace(LEDGER, engine_version="17.5")
    assert any(member.parameter_group for member in source.config.members)
    older = snapshot(source, engine_version="16.8")
    found = plan(facts(source, snapshot=older), request(source, None, snapshot="s"))
    assert (found.engine_version, found.config.parameter_group) == ("16.8", "")
    assert not any(member.parameter_group for member in found.config.members)


def test_given_a_snapshot_that_does_not_tell_its_version_when_planned_then_its_sources() -> None:
    found = plan(facts(snapshot=snapshot(engine_version="")), request(ORDERS, None, snapshot="s"))
    assert (found.engine_version, found.config) == (ORDERS.engine_version, ORDERS.config)


def test_given_a_moment_when_planned_then_the_sources_version_and_groups() -> None:
    found = plan(facts())
    assert (found.engine_version, found.config) == (ORDERS.engine_version, ORDERS.config)


UPGRADED = replace(ORDERS, engine_version="17.6", created=NOW - timedelta(days=300))
BEFORE, AFTER = MOMENT - timedelta(hours=7), MOMENT + timedelta(minutes=20)


@pytest.mark.parametrize(
    ("backups", "version", "unfit"),
    [
        ((), "17.6", ""),
        ((Backup(BEFORE, "17.4"),), "17.6", ""),
        ((Backup(BEFORE, "17.4"), Backup(AFTER, "17.6")), "17.6", ""),
        ((Backup(BEFORE, "16.9"), Backup(AFTER, "16.9")), "16.9", "the database was 16.9 at that moment, not 17.6"),
        ((Backup(AFTER, "16.9"),), "16.9", "the database was 16.9 at that moment, not 17.6"),
        ((Backup(BEFORE - timedelta(days=1), "16.9"), Backup(BEFORE, "17.4")), "17.6", ""),
        ((Backup(NOW - timedelta(days=400), "15.2"),), "17.6", ""),
    ],
    ids=[
        "no backups",
        "a minor upgrade since",
        "a minor upgrade around",
        "before the upgrade",
        "only a later backup tells",
        "the upgrade was earlier",
        "an earlier database of the name",
    ],
)
def test_given_a_moment_when_its_source_was_upgraded_then_the_backups_around_it_tell_what_fits(
    backups: tuple[Backup, ...], version: str, unfit: str
) -> None:
    found = plan(facts(UPGRADED, backups=backups))
    assert found.engine_version == version
    groups = gate(found.gates, "groups")
    if not unfit:
        assert (found.config, found.forgone, groups.ok) == (UPGRADED.config, (), True)
        return
    assert (found.config.parameter_group, found.config.option_group, groups.ok) == ("", "", None)
    assert unfit in groups.message
    assert [each.partition(":")[0] for each in found.forgone] == ["parameter group orders-pg17"]
    assert unfit in found.forgone[0]


@pytest.mark.parametrize("backups", [(Backup(AFTER, "17.6"), Backup(MOMENT, "16.9")), (Backup(BEFORE, "16.9"),)])
def test_given_an_upgrade_somewhere_around_the_moment_when_planned_then_todays_groups_are_tried_and_that_is_told(
    backups: tuple[Backup, ...],
) -> None:
    found = plan(facts(UPGRADED, backups=backups))
    why = "the database was upgraded from 16.9 to 17.6 around that moment"
    assert (found.engine_version, found.config, found.forgone, found.unsure) == ("17.6", UPGRADED.config, (), why)
    groups = gate(found.gates, "groups")
    assert (groups.ok, groups.message) == (None, f"{why}: its groups, or default ones where RDS refuses them")


def test_given_groups_left_out_when_the_restore_is_done_then_they_are_lacking() -> None:
    made = plan(facts(UPGRADED, backups=(Backup(BEFORE, "16.9"), Backup(AFTER, "16.9"))))
    config = replace(made.config, parameter_group="default.postgres16", option_group="default:postgres-16")
    target = replace(UPGRADED, tags=made.tags, retention=timedelta(days=made.retention_days), config=config)
    (lacking,) = differences(made, target)
    assert lacking == (
        "parameter group orders-pg17: the database was 16.9 at that moment, not 17.6; a default one is used"
    )


def test_given_backups_that_could_not_be_read_when_planned_then_a_warning_and_todays_groups() -> None:
    found = plan(facts(UPGRADED, backups=DENIED))
    assert (found.engine_version, found.config) == ("17.6", UPGRADED.config)
    checked = gate(found.gates, "groups")
    assert (checked.ok, "engine version of that moment is not known: kms:" in checked.message) == (None, True)
