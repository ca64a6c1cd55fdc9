"""The digest: one message per audit of everything that has something new, and nobody is told twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.errors import Unreachable
from backstay.providers.memory import MemoryPager
from backstay.workflows.memory import TOLD, Told
from tests.fleet import IRELAND, LONDON, Fleet, database, fleet
from tests.workflows.helpers import CountingVault, audited, denied

if TYPE_CHECKING:
    from backstay.core.model import Database
    from backstay.core.ports import World

ORDERS, OTHER = database("orders"), database("other")
BK001 = f"BK001/{ORDERS.id.key}"


def told(*databases: Database, scopes: tuple = (LONDON,)) -> tuple[Fleet, World, MemoryPager]:  # type: ignore[type-arg]
    """A fleet whose people have had their first message, if there was anything to tell."""
    given, pager = fleet(*(databases or (ORDERS, OTHER)), scopes=scopes), MemoryPager()
    world = given.but(pager=pager)
    audited(given, world)
    pager.sent.clear()
    return given, world, pager


def shorten(given: Fleet, days: int = 7) -> None:
    given.cloud.edit(ORDERS.id, lambda each: replace(each, retention=timedelta(days=days)))


def test_given_a_fleet_in_order_when_audited_then_nobody_is_told() -> None:
    given, world, pager = told()
    assert audited(given, world)["digest_sent"] is False
    assert pager.sent == []


def test_given_a_new_failure_when_the_fleet_is_audited_then_one_message_and_not_again() -> None:
    given, world, pager = told()
    shorten(given)
    assert audited(given, world)["digest_sent"] is True
    ((subject, text),) = pager.sent
    assert subject == "Backstay: 1 new, 0 resolved, 1 open (1 critical) [backstay]"
    assert "BK001 orders" in text
    given.clock.sleep(timedelta(hours=2))
    assert audited(given, world)["digest_sent"] is False
    assert len(pager.sent) == 1


def test_given_a_told_failure_when_it_is_mended_then_people_are_told_its_end_once() -> None:
    given, world, pager = told()
    shorten(given)
    audited(given, world)
    shorten(given, days=14)
    assert audited(given, world)["digest_sent"]
    assert audited(given, world)["digest_sent"] is False
    assert "- BK001 orders (eu-west-2): in order again" in pager.sent[-1][1]


def test_given_what_an_event_found_when_the_rule_mails_it_then_the_digest_does_not_but_tells_its_end() -> None:
    given, world, pager = told()
    shorten(given)
    audited(given, world, database="orders")
    assert [change.digest for change in given.bus.findings] == [False]
    assert audited(given, world)["digest_sent"] is False
    shorten(given, days=14)
    assert audited(given, world)["digest_sent"]
    assert "1 resolved" in pager.sent[-1][0]


def test_given_what_an_event_found_first_when_the_rule_does_not_mail_it_then_the_digest_tells() -> None:
    """A database created without PITR: it has no verdict before, so the rule is silent."""
    given, world, pager = told()
    given.cloud.add(database("made", days=7))
    audited(given, world, database="made")
    assert pager.sent == []
    assert audited(given, world)["digest_sent"]
    assert "BK001 made" in pager.sent[-1][1]


def test_given_what_the_fleets_audit_finds_when_it_puts_events_then_they_say_that_the_digest_tells() -> None:
    given, world, _ = told()
    shorten(given)
    audited(given, world)
    assert [change.digest for change in given.bus.findings] == [True]


def test_given_no_pager_when_the_fleet_is_audited_then_the_rule_mails_and_nothing_is_noted() -> None:
    given = fleet(ORDERS)
    audited(given)
    shorten(given)
    assert audited(given)["digest_sent"] is False
    assert [change.digest for change in given.bus.findings] == [False]
    assert given.vault.get(TOLD) is None


def test_given_a_told_failure_whose_database_is_gone_when_audited_then_its_end_is_told_once() -> None:
    given, world, pager = told()
    shorten(given)
    audited(given, world)
    given.cloud.remove(ORDERS.id)
    assert audited(given, world)["digest_sent"]
    assert "- BK001 orders (eu-west-2): the database is gone" in pager.sent[-1][1]
    assert audited(given, world)["digest_sent"] is False


def test_given_a_region_that_cannot_be_read_when_audited_then_what_was_told_of_it_is_not_over() -> None:
    given, world, pager = told(ORDERS, database("ledger", scope=IRELAND), scopes=(LONDON, IRELAND))
    shorten(given)
    audited(given, world)
    given.cloud.interfere("pages", denied, scope=LONDON, times=2)
    assert audited(given, world)["digest_sent"] is False
    assert audited(given, world)["digest_sent"] is False
    assert len(pager.sent) == 1


def test_given_something_new_and_a_region_unread_when_told_then_the_message_names_it() -> None:
    given, world, pager = told(ORDERS, database("ledger", scope=IRELAND), scopes=(LONDON, IRELAND))
    shorten(given)
    given.cloud.interfere("pages", denied, scope=IRELAND)
    audited(given, world)
    subject, text = pager.sent[-1]
    assert "2 unread" in subject
    assert "Could not be read, so unknown" in text
    assert f"- {IRELAND} instances: " in text


def test_given_a_topic_that_is_down_when_the_fleet_is_audited_then_the_run_fails_and_the_next_tells() -> None:
    given, world, pager = told()
    shorten(given)

    class Down(MemoryPager):
        def send(self, subject: str, text: str) -> None:
            raise Unreachable(f"no answer for {len(subject) + len(text)} characters", call="sns:Publish")

    with pytest.raises(Unreachable):
        audited(given, replace(world, pager=Down()))
    assert audited(given, world)["digest_sent"]
    assert len(pager.sent) == 1


def test_given_two_audits_of_everything_when_they_race_then_one_message() -> None:
    given, pager, vault = fleet(ORDERS), MemoryPager(), CountingVault()
    world = given.but(pager=pager, vault=vault)
    shorten(given)
    vault.meanwhile[TOLD] = lambda: audited(given, world)
    assert audited(given, world)["digest_sent"] is False
    assert len(pager.sent) == 1


def test_given_what_was_mailed_while_the_fleet_was_listed_when_audited_then_it_is_not_over() -> None:
    given, world, pager = told()
    mailed = f"BK001/{database('made').id.key}"

    def mail() -> None:
        Told(given.vault).replace({mailed})

    given.cloud.interfere("pages", mail, times=1)
    audited(given, world)
    assert pager.sent == []
    assert Told(given.vault).known == {mailed}
