"""What is new, still open and resolved, against what the last audit remembered; and the end of a database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from backstay.core.errors import Unreachable
from backstay.core.model import Database, Kind, State
from backstay.core.policy import Match
from backstay.workflows.memory import findings_key, index_key
from backstay.workflows.reports import every_verdict
from tests.fleet import IRELAND, LONDON, Fleet, database, fleet
from tests.workflows.helpers import BrokenBus, CountingVault, Report, audited, denied

ORDERS = database("orders")


def ident(rule: str, of: Database = ORDERS) -> str:
    return f"{rule}/{of.id.key}"


def standings(report: Report) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    return report["new"], report["still_open"], [(each["id"], each["now"]) for each in report["resolved"]]


def shorten(given: Fleet, which: Database = ORDERS, days: int = 7) -> None:
    """The window drops below what the tier asks."""
    given.cloud.edit(which.id, lambda each: replace(each, retention=timedelta(days=days)))


def gone(given: Fleet, which: Database = ORDERS) -> None:
    given.cloud.remove(which.id)


def test_given_a_failure_when_audited_three_times_then_it_is_new_still_open_and_resolved() -> None:
    given = fleet(ORDERS, database("other"))
    assert standings(audited(given)) == ([], [], [])
    shorten(given)
    assert standings(audited(given)) == ([ident("BK001")], [], [])
    assert standings(audited(given)) == ([], [ident("BK001")], [])
    shorten(given, days=14)
    assert standings(audited(given)) == ([], [], [(ident("BK001"), "pass")])
    assert standings(audited(given)) == ([], [], [])


def test_given_a_failure_found_by_an_event_when_the_fleet_is_audited_then_it_is_still_open() -> None:
    given = fleet(ORDERS)
    shorten(given)
    assert standings(audited(given, database="orders")) == ([ident("BK001")], [], [])
    assert standings(audited(given)) == ([], [ident("BK001")], [])


def test_given_a_failing_database_that_is_exempted_when_audited_then_its_findings_are_no_longer_asked() -> None:
    given = fleet(ORDERS)
    shorten(given)
    audited(given)
    given.cloud.edit(ORDERS.id, lambda each: replace(each, tags={**each.tags, "backstay:scratch": "1"}))
    assert standings(audited(given)) == ([], [], [(ident("BK001"), "skipped")])


def test_given_every_finding_when_reported_then_it_carries_its_identity() -> None:
    report = audited(fleet(ORDERS))
    assert {each["id"] for each in every_verdict(report)} >= {ident("BK001"), ident("BK002"), ident("BK003")}
    assert all(each["id"] == f"{each['rule']}/{each['database']['key']}" for each in every_verdict(report))


def test_given_a_database_that_is_gone_when_audited_then_its_findings_are_closed_once() -> None:
    given = fleet(ORDERS, database("other"))
    shorten(given)
    audited(given)
    gone(given)
    report = audited(given)
    assert standings(report) == ([], [], [(ident("BK001"), "gone")])
    told = given.bus.findings[-1]
    assert (told.finding.rule, told.previous, told.finding.database.arn) == ("BK001", "fail", ORDERS.arn)
    assert ORDERS.id.key not in json.loads(given.vault.get(index_key(LONDON)).body)["databases"]  # type: ignore[union-attr]
    count = len(given.bus.findings)
    assert standings(audited(given)) == ([], [], [])
    assert len(given.bus.findings) == count


def test_given_a_compliant_database_that_is_gone_when_audited_then_nothing_is_told() -> None:
    given = fleet(ORDERS)
    audited(given)
    gone(given)
    assert standings(audited(given)) == ([], [], [])
    assert given.bus.findings == []


def test_given_a_database_of_the_same_name_after_one_that_is_gone_when_audited_then_it_starts_anew() -> None:
    given = fleet(ORDERS)
    audited(given)
    gone(given)
    audited(given)
    given.cloud.add(replace(ORDERS, retention=timedelta(days=7)))
    assert audited(given)["new"] == [ident("BK001")]
    assert given.bus.findings[-1].previous is None


def test_given_a_region_that_is_half_read_when_a_database_is_not_seen_then_nothing_is_closed() -> None:
    given = fleet(ORDERS, database("ledger", scope=IRELAND), scopes=(LONDON, IRELAND))
    shorten(given)
    audited(given)
    gone(given)
    given.cloud.interfere("pages", denied, scope=LONDON, about=Kind.CLUSTER, times=1)
    report = audited(given)
    assert (report["status"], report["resolved"]) == ("unknown", [])
    assert standings(audited(given)) == ([], [], [(ident("BK001"), "gone")])


def test_given_a_database_that_only_the_listing_missed_when_audited_then_its_findings_stay() -> None:
    """Created, and audited by its event, while the listing was under way."""
    given = fleet(ORDERS)
    shorten(given)
    audited(given)
    held = given.now(ORDERS.id)
    gone(given)

    def created() -> None:
        given.cloud.add(held)

    given.cloud.interfere("find", created, times=1)
    assert audited(given)["resolved"] == []
    assert standings(audited(given)) == ([], [ident("BK001")], [])


def test_given_an_end_that_cannot_be_confirmed_when_audited_then_unknown_and_closed_by_the_next() -> None:
    given = fleet(ORDERS)
    shorten(given)
    audited(given)
    gone(given)
    given.cloud.interfere("find", denied, times=1)
    report = audited(given)
    assert (report["status"], report["resolved"]) == ("unknown", [])
    assert [each["what"] for each in report["unread"]] == [ORDERS.id.key]
    assert audited(given)["resolved"] == [{"id": ident("BK001"), "now": "gone"}]


def test_given_a_region_that_is_watched_no_more_when_audited_then_its_findings_stay() -> None:
    given = fleet(ORDERS, scopes=(LONDON, IRELAND))
    shorten(given)
    audited(given)
    away = given.but(inventories={IRELAND: given.world.inventories[IRELAND]})
    assert audited(given, away)["resolved"] == []
    assert audited(given)["still_open"] == [ident("BK001")]


def test_given_an_event_or_a_match_when_audited_then_what_is_not_looked_at_is_not_closed() -> None:
    given = fleet(ORDERS, database("other"))
    shorten(given)
    audited(given)
    gone(given)
    assert audited(given, database="other")["resolved"] == []
    assert audited(given, match=Match(names=("*",)))["resolved"] == []


def test_given_a_bus_that_is_down_when_a_database_is_gone_then_the_next_audit_tells() -> None:
    given = fleet(ORDERS)
    shorten(given)
    audited(given)
    gone(given)
    bus = BrokenBus()
    with pytest.raises(Unreachable):
        audited(given, given.but(bus=bus))
    bus.broken = False
    assert audited(given, given.but(bus=bus))["resolved"] == [{"id": ident("BK001"), "now": "gone"}]
    assert len(bus.findings) == 1


def test_given_two_audits_that_see_the_same_end_when_they_race_then_one_tells() -> None:
    given = fleet(ORDERS)
    vault = CountingVault()
    world = given.but(vault=vault)
    shorten(given)
    audited(given, world)
    gone(given)
    told = len(given.bus.findings)
    vault.meanwhile[findings_key(ORDERS.id)] = lambda: audited(given, world)
    assert audited(given, world)["resolved"] == []
    assert len(given.bus.findings) == told + 1


def test_given_a_key_that_is_not_ours_in_the_index_when_audited_then_it_is_left_alone() -> None:
    given = fleet(ORDERS)
    body = json.dumps({"databases": {"nonsense": "x", "aws/1/eu/db/x": "y"}}).encode()
    given.vault.put(index_key(LONDON), body)
    assert audited(given)["status"] == "ok"


def test_given_a_failure_whose_database_is_being_deleted_when_audited_then_it_is_no_longer_asked() -> None:
    given = fleet(ORDERS)
    shorten(given)
    audited(given)
    given.cloud.edit(ORDERS.id, lambda each: replace(each, state=State.LEAVING))
    assert audited(given)["resolved"] == [{"id": ident("BK001"), "now": "skipped"}]
