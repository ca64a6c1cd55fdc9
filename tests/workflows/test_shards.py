"""An audit in shards: what it finds is what one run would have found, and what is missing is never green."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import BadRequest, NotFound, ProviderError, Unreachable
from backstay.core.model import Kind, Provider, Scope
from backstay.core.requests import AuditOrder, AuditRequest
from backstay.providers.memory import MemoryPager, MemoryShards
from backstay.workflows.reports import every_verdict
from backstay.workflows.shards import ALONE, audit_in_shards, merge, merged, shard
from tests.fleet import LONDON, Fleet, database, fleet
from tests.workflows.helpers import audited, denied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstay.core.model import Database
    from backstay.core.ports import World

Report = dict[str, Any]
MANY = tuple(Scope(Provider.AWS, f"{number:012}", "eu-west-2") for number in range(ALONE + 1))
FIRST, SECOND, LAST = MANY[0], MANY[1], MANY[-1]


class Sharded:
    """A fleet over more scopes than one run takes, its queue, and whoever works it off."""

    def __init__(self, *databases: Database, scopes: tuple[Scope, ...] = MANY) -> None:
        self.given: Fleet = fleet(*databases, scopes=scopes)
        self.queue, self.pager = MemoryShards(), MemoryPager()
        self.world: World = self.given.but(shards=self.queue, pager=self.pager)

    def begin(self) -> Report:
        return audit_in_shards(self.world, AuditRequest(all=True))

    def taken(self) -> tuple[list[AuditOrder], AuditOrder]:
        """The shards' orders and the one to merge, taken off the queue."""
        orders = [order for order, _ in self.queue.orders]
        self.queue.orders.clear()
        (last,) = [order for order in orders if order.scope is None]
        return [order for order in orders if order.scope], last

    def work(self, orders: Iterable[AuditOrder]) -> None:
        for order in orders:
            assert order.scope is not None
            shard(self.world, order, order.scope)

    def run(self) -> Report:
        self.begin()
        orders, last = self.taken()
        self.work(orders)
        return self.merge(last)

    def merge(self, order: AuditOrder) -> Report:
        report = merge(self.world, order)
        assert report is not None
        merged(self.world, order, report, "s3://somewhere")
        return report


def mixed() -> tuple[Database, ...]:
    return (
        database("orders", scope=FIRST, days=0),
        database("ledger", scope=FIRST, kind=Kind.CLUSTER),
        database("legacy", scope=SECOND, tags={}),
        database("orders", scope=LAST),
        database("scratch-1", scope=LAST, days=0),
    )


def same(report: Report) -> Report:
    """What does not depend on how the audit was done."""
    return {
        key: report[key]
        for key in (
            *("status", "exit_status", "databases", "counts", "tiers", "changed", "new", "still_open", "resolved"),
            *("findings", "unread", "not_covered", "digest_sent"),
        )
    }


def test_given_as_many_scopes_as_one_run_takes_when_audited_then_nothing_is_put_on_the_queue() -> None:
    few = Sharded(*mixed()[:3], scopes=MANY[:ALONE])
    assert few.begin()["databases"] == 3
    assert few.queue.orders == []


@pytest.mark.parametrize("request_", [AuditRequest(database="legacy")], ids=["one"])
def test_given_many_scopes_when_less_than_everything_is_asked_for_then_it_is_done_at_once(
    request_: AuditRequest,
) -> None:
    many = Sharded(*mixed())
    assert audit_in_shards(many.world, request_)["databases"] == 1
    assert many.queue.orders == []


def test_given_many_scopes_when_everything_is_asked_for_then_one_order_each_and_one_to_merge() -> None:
    many = Sharded(*mixed())
    report = many.begin()
    assert (report["status"], report["exit_status"], report["waiting_for"]) == ("pending", 3, len(MANY))
    (*shards, last) = many.queue.orders
    assert [(order.scope, delay) for order, delay in shards] == [(scope, timedelta(0)) for scope in MANY]
    assert (last[0].scope, last[1]) == (None, timedelta(minutes=1))
    assert {order.run for order, _ in many.queue.orders} == {report["run"]}
    for order, _ in many.queue.orders:
        order.check()
    assert many.given.bus.findings == []


def test_given_shards_in_any_order_and_one_twice_when_merged_then_what_one_run_finds() -> None:
    many, one = Sharded(*mixed()), fleet(*mixed(), scopes=MANY)
    alone = audited(one, one.but(pager=MemoryPager()))
    many.begin()
    orders, last = many.taken()
    many.work([*reversed(orders), orders[1]])
    report = many.merge(last)
    assert same(report) == same(alone)
    told = [(each.finding.rule, each.finding.database.arn, each.digest) for each in many.given.bus.findings]
    assert sorted(told) == sorted(
        (each.finding.rule, each.finding.database.arn, each.digest) for each in one.bus.findings
    )
    assert "green" not in report


def test_given_a_merged_report_when_read_then_each_shards_own_is_named_and_has_what_is_in_order() -> None:
    many = Sharded(*mixed())
    report = many.run()
    assert [each["scope"] for each in report["shards"]] == [str(scope) for scope in MANY]
    assert sum(each["databases"] for each in report["shards"]) == report["databases"] == 5
    stored = many.given.vault.get(report["shards"][-1]["report"].removeprefix("memory:/"))
    assert stored is not None
    part = json.loads(stored.body)
    assert {each["database"]["name"] for each in every_verdict(part)} == {"orders", "scratch-1"}


def test_given_an_unchanged_fleet_when_audited_again_then_still_open_and_nobody_is_told_twice() -> None:
    many = Sharded(*mixed())
    first = many.run()
    many.given.clock.sleep(timedelta(minutes=30))
    again = many.run()
    assert (first["digest_sent"], again["digest_sent"], again["changed"]) == (True, False, 0)
    assert (again["new"], again["still_open"]) == ([], first["new"])
    assert len(many.pager.sent) == 1


def test_given_a_failure_that_is_mended_when_audited_then_people_are_told_its_end() -> None:
    many = Sharded(*mixed())
    many.run()
    broken = mixed()[0]
    many.given.cloud.edit(broken.id, lambda each: replace(each, retention=timedelta(days=14)))
    many.given.clock.sleep(timedelta(hours=1))
    report = many.run()
    assert {"id": f"BK001/{broken.id.key}", "now": "pass"} in report["resolved"]
    assert "1 open" not in many.pager.sent[0][0]
    assert "Resolved" in many.pager.sent[1][1]


def test_given_a_database_that_is_gone_when_audited_then_its_findings_are_over() -> None:
    many = Sharded(*mixed())
    many.run()
    many.given.cloud.remove(mixed()[0].id)
    many.given.clock.sleep(timedelta(hours=1))
    report = many.run()
    assert {each["now"] for each in report["resolved"]} == {"gone"}
    assert "the database is gone" in many.pager.sent[1][1]


def test_given_a_shard_that_is_not_done_when_merged_too_early_then_the_order_comes_back() -> None:
    many = Sharded(*mixed())
    many.begin()
    orders, last = many.taken()
    many.work(orders[1:])
    assert merge(many.world, last) is None
    assert many.queue.orders == [(last, timedelta(minutes=1))]
    assert many.pager.sent == []
    many.work(orders[:1])
    assert many.merge(last)["status"] == "findings"


def test_given_a_shard_that_never_answers_when_its_time_is_over_then_unknown_by_name_and_the_others_in_full() -> None:
    many = Sharded(*mixed())
    many.run()
    many.given.cloud.remove(mixed()[0].id)
    many.given.clock.sleep(timedelta(hours=1))
    many.begin()
    orders, last = many.taken()
    many.work(orders[1:])
    many.given.clock.sleep(timedelta(minutes=25))
    report = many.merge(last)
    assert (report["status"], report["exit_status"]) == ("unknown", 2)
    assert [(each["scope"], each["what"]) for each in report["unread"]] == [(str(FIRST), "shard")]
    assert "not audited within 25 minutes" in report["unread"][0]["error"]
    assert report["databases"] == 3
    assert {each["database"]["name"] for each in report["findings"]} == {"legacy"}
    assert report["shards"][0] == {"scope": str(FIRST), "status": "unknown", "databases": 0, "report": ""}
    assert "BK001/" + mixed()[0].id.key not in {each["id"] for each in report["resolved"]}  # nobody could see it


def test_given_a_denied_account_when_audited_in_shards_then_unknown_by_name_and_the_others_in_full() -> None:
    many = Sharded(*mixed())
    many.given.cloud.interfere("pages", denied, scope=FIRST, times=2)
    report = many.run()
    assert (report["status"], report["exit_status"], report["databases"]) == ("unknown", 2, 3)
    assert {each["scope"] for each in report["unread"]} == {str(FIRST)}


def test_given_a_run_that_was_merged_when_the_order_comes_again_then_nothing_happens() -> None:
    many = Sharded(*mixed())
    many.begin()
    orders, last = many.taken()
    many.work(orders)
    many.merge(last)
    assert merge(many.world, last) is None
    assert (many.queue.orders, len(many.pager.sent)) == ([], 1)


def test_given_a_pager_that_fails_when_merged_then_the_next_try_tells() -> None:
    class Mute(MemoryPager):
        def send(self, subject: str, text: str) -> None:
            super().send(subject, text)
            raise Unreachable("no answer", call="sns:Publish")

    many = Sharded(*mixed())
    many.begin()
    orders, last = many.taken()
    many.work(orders)
    with pytest.raises(Unreachable):
        merge(replace(many.world, pager=Mute()), last)
    assert many.merge(last)["digest_sent"] is True
    assert len(many.pager.sent) == 1


def test_given_nobody_who_wants_a_digest_when_merged_then_nothing_is_remembered_as_told() -> None:
    many = Sharded(*mixed())
    many.world = replace(many.world, pager=None)
    assert many.run()["digest_sent"] is False
    assert many.given.vault.get("findings/told.json") is None


def test_given_a_scope_that_we_do_not_watch_when_ordered_then_refused_by_what_we_watch() -> None:
    many = Sharded(*mixed())
    with pytest.raises(BadRequest, match=r"nowhere that we look.*aws/000000000000/eu-west-2"):
        shard(many.world, AuditOrder(run="20261124T100000Z-00000000"), LONDON)


def test_given_a_run_that_was_never_begun_when_merged_then_refused() -> None:
    with pytest.raises(BadRequest, match="not a run of ours"):
        merge(Sharded().world, AuditOrder(run="20261124T100000Z-00000000"))


@pytest.mark.parametrize("body", [b"{half a rep", b'{"status": "ok"}'])
def test_given_a_shards_report_that_cannot_be_read_when_merged_then_an_error_and_no_green_report(body: bytes) -> None:
    many = Sharded(*mixed())
    report = many.begin()
    orders, last = many.taken()
    many.work(orders)
    many.given.vault.put(f"shards/audit/{report['run']}/{str(LAST).replace('/', '-')}.json", body)
    with pytest.raises(ProviderError, match=LAST.account):
        merge(many.world, last)


def test_given_a_report_that_vanishes_when_merged_then_an_error() -> None:
    many = Sharded(*mixed())
    many.begin()
    orders, last = many.taken()
    many.work(orders)
    get = many.given.vault.get
    many.given.vault.get = lambda key: None if LAST.account in key else get(key)  # type: ignore[method-assign]
    with pytest.raises(NotFound, match="vanished"):
        merge(many.world, last)


def test_given_a_shard_that_was_done_when_its_order_comes_again_then_nothing_is_read() -> None:
    many = Sharded(*mixed())
    many.begin()
    orders, _ = many.taken()
    many.work(orders[:1])
    many.given.cloud.interfere("pages", denied, times=9)
    assert orders[0].scope is not None
    assert shard(many.world, orders[0], orders[0].scope)["ignored"] == "this shard is done already"


def test_given_a_newer_run_that_was_merged_when_an_older_one_could_be_then_it_tells_nobody() -> None:
    many = Sharded(*mixed())
    many.begin()
    old, last = many.taken()
    many.work(old[:-1])
    many.given.clock.sleep(timedelta(minutes=2))
    many.run()
    told = len(many.pager.sent)
    many.work(old[-1:])
    assert merge(many.world, last) is None
    assert len(many.pager.sent) == told
    many.given.clock.sleep(timedelta(hours=1))
    assert many.run()["status"] == "findings"


def test_given_an_account_that_is_watched_no_more_when_merged_then_nobody_waits_for_it() -> None:
    many = Sharded(*mixed())
    many.begin()
    orders, last = many.taken()
    many.work(orders[1:])
    watched = {scope: each for scope, each in many.world.inventories.items() if scope != FIRST}
    many.world = replace(many.world, inventories=watched)
    report = many.merge(last)
    assert (report["unread"], len(report["shards"])) == ([], len(MANY) - 1)


def test_given_a_shard_judged_by_a_policy_that_stands_in_when_merged_then_it_says_so() -> None:
    many = Sharded(*mixed())
    many.begin()
    orders, last = many.taken()
    whole = many.world
    many.world = replace(whole, policy_stale="line 3: no")
    many.work(orders[:1])
    many.world = whole
    many.work(orders[1:])
    assert many.merge(last)["policy"]["stale"] == "line 3: no"


def test_given_a_digest_when_sent_then_it_is_of_the_moment_that_the_audit_began() -> None:
    many = Sharded(*mixed())
    many.begin()
    orders, last = many.taken()
    many.work(orders)
    many.given.clock.sleep(timedelta(minutes=3))
    many.merge(last)
    assert "audited at 2026-11-24T10:00:00Z" in many.pager.sent[0][1]


def test_given_what_a_run_left_behind_is_torn_when_merged_then_an_error() -> None:
    many = Sharded(*mixed())
    report = many.begin()
    _, last = many.taken()
    many.given.vault.put(f"shards/audit/{report['run']}/run.json", b'{"scopes": ["aws"]}')
    with pytest.raises(ProviderError, match="cannot be read"):
        merge(many.world, last)
