"""What a finished restore still lacks of its plan, and whether it is worth logging in to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backstay.core.decide.restore import differences, serves
from backstay.core.model import Configuration, Database, Role, State
from tests.unit.core.restores import LEDGER, ORDERS, TRADES, facts, plan


def finished(source: Database) -> Database:
    made = plan(facts(source))
    return replace(source, id=made.target, tags=made.tags, retention=timedelta(days=made.retention_days))


def test_given_a_restore_that_has_everything_when_compared_then_nothing_lacks() -> None:
    for source in (ORDERS, LEDGER, TRADES):
        assert differences(plan(facts(source)), finished(source)) == ()


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"security_groups": ("sg-default",)}, "security groups: ['sg-default'], wanted ['sg-0a1b2c3d4e5f60718']"),
        ({"parameter_group": "default.postgres17"}, "parameter group: default.postgres17, wanted orders-pg17"),
        ({"option_group": "other"}, "option group: other, wanted default:postgres-17"),
        ({"roles": ()}, "roles: [], wanted ['arn:aws:iam::111122223333:role/orders-s3-import s3Import']"),
    ],
)
def test_given_a_lost_part_of_the_configuration_when_compared_then_named_with_both(
    change: dict[str, Any], lacking: str
) -> None:
    target = finished(ORDERS)
    target = replace(target, config=replace(target.config, **change))
    assert differences(plan(facts()), target) == (lacking,)


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"retention": timedelta()}, "window: 0, wanted 14"),
        ({"deletion_protection": None}, "deletion protection: False, wanted True"),
        ({"copy_tags": False}, "copy tags: False, wanted True"),
    ],
)
def test_given_a_lost_setting_when_compared_then_named_with_both(change: dict[str, Any], lacking: str) -> None:
    assert differences(plan(facts()), replace(finished(ORDERS), **change)) == (lacking,)


def test_given_a_window_that_protect_has_widened_meanwhile_then_nothing_lacks() -> None:
    target = finished(ORDERS)
    assert differences(plan(facts()), replace(target, retention=target.retention + timedelta(days=7))) == ()


@pytest.mark.parametrize("source", [ORDERS, TRADES, LEDGER], ids=["instance", "multi-az cluster", "aurora"])
def test_given_a_target_that_is_public_when_its_source_is_not_then_that_is_told(source: Database) -> None:
    target = finished(source)
    config = replace(target.config, public=True)
    if source is LEDGER:
        config = replace(target.config, members=tuple(replace(each, public=True) for each in target.config.members))
    (lacking,) = differences(plan(facts(source)), replace(target, config=config))
    assert lacking == "privacy: it is publicly accessible, and its source is not"
    same = replace(source, config=config)
    assert differences(plan(facts(same)), replace(finished(same), config=config)) == ()


def test_given_a_lost_tag_when_compared_then_lacking_and_one_too_many_is_not() -> None:
    target = finished(ORDERS)
    assert differences(plan(facts()), replace(target, tags={**target.tags, "aws:rds:primary": "1"})) == ()
    without = {key: value for key, value in target.tags.items() if key != "backup-tier"}
    (lacking,) = differences(plan(facts()), replace(target, tags=without))
    assert lacking.startswith("tags: ")


def test_given_more_than_the_source_has_when_compared_then_nothing_lacks() -> None:
    bare = replace(ORDERS, deletion_protection=False, copy_tags=False, config=Configuration())
    made = plan(facts(bare))
    target = replace(
        finished(bare), deletion_protection=True, copy_tags=True, config=Configuration(roles=(Role("arn:x"),))
    )
    assert differences(made, target) == ()


def test_given_an_aurora_cluster_without_a_writer_when_compared_then_no_writer() -> None:
    target = finished(LEDGER)
    readers = tuple(replace(member, writer=False) for member in target.config.members)
    assert differences(plan(facts(LEDGER)), replace(target, config=replace(target.config, members=readers))) == (
        "no writer",
    )


@pytest.mark.parametrize(
    ("change", "worth"),
    [
        ({}, True),
        ({"state": State.BUSY, "status": "backing-up"}, True),
        ({"endpoint": None}, False),
        ({"state": State.FAILED}, False),
        ({"state": State.LEAVING}, False),
        ({"state": State.STOPPED}, False),
    ],
)
def test_given_a_target_when_asked_whether_to_log_in_then_an_endpoint_and_a_future(
    change: dict[str, Any], *, worth: bool
) -> None:
    assert serves(replace(ORDERS, **change)) is worth
