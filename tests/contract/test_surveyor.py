"""``Surveyor``: what stands around the databases of a scope, once, and never an absent answer for a good one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.model import Kind
from backstay.core.naming import FORWARDING
from backstay.core.restoring import QUOTAS, Unchecked
from backstay.core.surroundings import Surroundings, around, combination, missing_groups
from backstay.providers.aws.surveyor import RdsSurveyor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstay.core.model import Database
    from tests.contract.sites import Site

LISTS = {
    "DescribeDBParameterGroups": "parameter_groups",
    "DescribeDBClusterParameterGroups": "cluster_parameter_groups",
    "DescribeOptionGroups": "option_groups",
    "DescribeDBSubnetGroups": "addresses",
    "DescribeAccountAttributes": "quotas",
    "DescribeSecurityGroups": "security_groups",
    "DescribeSubnets": "addresses",
    "ListRules": "watchers",
}
OF_RDS = {action for action in LISTS if "DB" in action or "Option" in action or "Account" in action}


def surveyed(site: Site, databases: Iterable[Database]) -> Surroundings:
    assert site.surveyor is not None
    survey = site.surveyor.begin()
    survey.meet(databases)
    return survey.result()


def both(site: Site) -> list[Database]:
    return [site.there("orders"), site.there("ledger", Kind.CLUSTER)]


def test_what_the_databases_use_is_there(strict_site: Site) -> None:
    orders, ledger = both(strict_site)
    seen = surveyed(strict_site, (orders, ledger))
    assert missing_groups(orders, seen) == missing_groups(ledger, seen) == ()
    for database in (orders, ledger):
        facts = around(database, seen)
        assert (facts.key, facts.orderable) == ("", True)
        assert not isinstance(facts.free_addresses, Unchecked)
        assert sum(facts.free_addresses.values()) > 1
    assert not isinstance(seen.quotas, Unchecked)
    assert {name for names in QUOTAS.values() for name in names} <= {quota.name for quota in seen.quotas}
    assert all(0 <= quota.used < quota.maximum for quota in seen.quotas)
    assert seen.watchers == {f"backstay{tail}": True for tail in FORWARDING}


def test_what_nobody_met_is_not_known(strict_site: Site) -> None:
    orders = strict_site.there("orders")
    facts = around(replace(orders, config=replace(orders.config, kms_key="another")), surveyed(strict_site, ()))
    assert isinstance(facts.key, Unchecked)
    assert isinstance(facts.orderable, Unchecked)


def lab_calls(site: Site) -> Counter[str]:
    assert site.rds is not None
    assert site.door is not None
    return Counter(call["action"] for call in site.rds.calls()) + Counter(site.door.made)


def test_one_page_chain_per_kind_and_one_call_per_key_and_combination(lab_ready: Site) -> None:
    orders, ledger = both(lab_ready)
    twin = replace(orders, id=lab_ready.id("twin"))
    before = lab_calls(lab_ready)
    surveyed(lab_ready, (orders, twin, ledger, replace(ledger, id=lab_ready.id("second", Kind.CLUSTER))))
    made = {name: count for name, count in (lab_calls(lab_ready) - before).items() if name != "PutEvents"}
    keys = len({each.config.kms_key for each in (orders, ledger)} - {""})
    assert made == {**dict.fromkeys(LISTS, 1), "DescribeKey": keys, "DescribeOrderableDBInstanceOptions": 2}


@pytest.mark.parametrize("action", LISTS)
def test_a_list_that_is_denied_is_unchecked_and_the_others_are_read(lab_ready: Site, action: str) -> None:
    assert lab_ready.rds is not None
    assert lab_ready.door is not None
    if action in OF_RDS:
        lab_ready.rds.admin("POST", "/_lab/faults", {"action": action, "kind": "denied"})
    else:
        lab_ready.door.deny.add(action)
    seen = surveyed(lab_ready, ())
    unread: dict[str, Any] = {name: getattr(seen, name) for name in set(LISTS.values())}
    assert {name for name, value in unread.items() if isinstance(value, Unchecked)} == {LISTS[action]}
    assert action in unread[LISTS[action]].error


def test_a_key_and_a_class_that_are_denied_are_unchecked(lab_ready: Site) -> None:
    assert lab_ready.rds is not None
    assert lab_ready.door is not None
    lab_ready.rds.admin("POST", "/_lab/faults", {"action": "DescribeOrderableDBInstanceOptions", "kind": "denied"})
    lab_ready.door.deny.add("DescribeKey")
    orders = lab_ready.there("orders")
    facts = around(orders, surveyed(lab_ready, (orders,)))
    assert isinstance(facts.key, Unchecked)
    assert "kms:DescribeKey" in facts.key.error
    assert isinstance(facts.orderable, Unchecked)
    assert "rds:DescribeOrderableDBInstanceOptions" in facts.orderable.error


def test_what_is_gone_is_missed(lab_ready: Site) -> None:
    orders = lab_ready.there("orders")
    gone = replace(orders.config, parameter_group="gone-pg", option_group="gone-og", security_groups=("sg-gone",))
    database = replace(orders, config=replace(gone, instance_class="db.none.large"), engine_version="9.1")
    seen = surveyed(lab_ready, (database,))
    assert missing_groups(database, seen) == (
        "security group sg-gone",
        "parameter group gone-pg",
        "option group gone-og",
    )
    assert around(database, seen).orderable is False


def test_disabled_rules_are_seen_and_undeployed_there_are_none_to_ask_for(lab_ready: Site) -> None:
    assert lab_ready.door is not None
    assert isinstance(lab_ready.surveyor, RdsSurveyor)
    name = f"backstay{FORWARDING[0]}"
    lab_ready.door.rules[name] = "DISABLED"
    watchers = surveyed(lab_ready, ()).watchers
    lab_ready.door.rules[name] = "ENABLED"
    assert isinstance(watchers, dict)
    assert watchers[name] is False
    undeployed = RdsSurveyor(lab_ready.surveyor._clients, lab_ready.scope.region, None)
    assert undeployed.begin().result().watchers is None


def test_a_cluster_whose_members_were_not_seen_asks_for_no_class(strict_site: Site) -> None:
    ledger = strict_site.there("ledger", Kind.CLUSTER)
    members = tuple(replace(member, instance_class="") for member in ledger.config.members)
    unseen = replace(ledger, config=replace(ledger.config, members=members))
    assert combination(unseen) is None
    assert isinstance(around(unseen, surveyed(strict_site, (unseen,))).orderable, Unchecked)
