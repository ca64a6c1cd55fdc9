"""The plan of a restore: what is taken along, and the names that things get."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.decide.restore import FALLBACK_WRITER_CLASS, default_target, differences, writer_class
from backstay.core.model import Configuration, Database, DatabaseId, Kind, Member
from backstay.core.naming import MAX_MULTI_AZ_CLUSTER_NAME, MAX_NAME, MAX_TAGS, OUR_TAGS
from backstay.core.policy import Match
from tests.unit.core.given import NOW, tier
from tests.unit.core.restores import (
    LEDGER,
    MOMENT,
    ORDERS,
    REQUEST_ID,
    TRADES,
    facts,
    plan,
    refusal,
    request,
    snapshot,
)
from tests.unit.shapes import SCOPE, instance

if TYPE_CHECKING:
    from backstay.core.policy import Tier


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


def test_given_more_tags_than_there_is_room_for_when_planned_then_the_tiers_come_first_and_the_rest_is_told() -> None:
    many = {f"k{number:02}": "v" for number in range(50)} | {"team": "shop", "aws:cloudformation:stack-id": "x"}
    asking = replace(tier(), match=Match(tags={"te*": ("shop",)}))
    found = plan(facts(replace(ORDERS, tags=many)), asking=asking)
    assert len(found.tags) == MAX_TAGS
    assert {"team", "k00", "k45", *OUR_TAGS} <= set(found.tags)
    assert found.forgone == tuple(f"tag k{left}: a database has at most 50, ours among them" for left in range(46, 50))
    target = replace(ORDERS, tags=found.tags, retention=timedelta(days=found.retention_days))
    assert differences(found, target) == found.forgone


def test_given_as_many_tags_as_there_is_room_for_when_planned_then_all_of_them_and_nothing_to_tell() -> None:
    many = {f"k{number:02}": "v" for number in range(MAX_TAGS - len(OUR_TAGS))}
    found = plan(facts(replace(ORDERS, tags=many)))
    assert (len(found.tags), found.forgone) == (MAX_TAGS, ())


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
