"""A snapshot from before an upgrade: its own engine version, and no group that was made for another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.core.restores import LEDGER, ORDERS, facts, gate, plan, request, snapshot


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
