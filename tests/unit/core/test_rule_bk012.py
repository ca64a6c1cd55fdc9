"""BK012: not reachable from the internet."""

from __future__ import annotations

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.policy import Require
from backstay.core.rules.bk012 import RULE
from backstay.providers.aws import shapes
from tests.unit.core.given import asking, joined, requiring, subject
from tests.unit.shapes import SCOPE, cluster, cluster_answer, instance, instance_answer

ASKED = requiring(Require.PRIVATE)


def test_given_no_public_address_when_judged_then_pass() -> None:
    assert RULE.judge(subject(instance("orders"), ASKED)).verdict == Pass("no public address")
    assert RULE.judge(subject(cluster("trades"), ASKED)).verdict == Pass("no public address")
    assert RULE.judge(subject(joined(cluster("ledger")), ASKED)).verdict == Pass("no member has a public address")


def test_given_a_cluster_without_instances_when_judged_then_there_is_nothing_to_reach() -> None:
    bare = shapes.cluster(cluster_answer("ledger") | {"DBClusterMembers": []}, SCOPE)
    assert RULE.judge(subject(bare, ASKED)).verdict == Pass("has no instances, so no address")


def test_given_a_public_address_when_judged_then_fail_that_names_the_members() -> None:
    public = {"PubliclyAccessible": True}
    one = shapes.instance(instance_answer("orders") | public, SCOPE)
    assert RULE.judge(subject(one, ASKED)).verdict == Fail("has a public address")
    assert RULE.judge(subject(shapes.cluster(cluster_answer("trades") | public, SCOPE), ASKED)).verdict == Fail(
        "has a public address"
    )
    ledger = shapes.with_members(cluster("ledger"), [instance_answer("ledger-1") | public])
    assert RULE.judge(subject(ledger, ASKED)).verdict == Fail("has a public address: ledger-1")


def test_given_it_is_not_asked_when_judged_then_skipped() -> None:
    assert RULE.judge(subject(instance("orders"), asking())).verdict == Skipped("not asked")


def test_given_members_that_were_not_seen_or_a_missing_field_when_judged_then_unknown() -> None:
    seen = shapes.with_members(cluster("ledger"), [instance_answer("ledger-1")])
    assert RULE.judge(subject(seen, ASKED)).verdict == Unknown("not known of its members ledger-2")
    answer = instance_answer("orders")
    del answer["PubliclyAccessible"]
    verdict = RULE.judge(subject(shapes.instance(answer, SCOPE), ASKED)).verdict
    assert verdict == Unknown("RDS does not say whether it has a public address")
