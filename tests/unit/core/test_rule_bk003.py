"""BK003: belongs to a tier, or to an exemption that has not ended."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from backstay.core.findings import Fail, Pass, Skipped, Verdict
from backstay.core.policy import AwsLocation, Copy, Keep, Location, Policy
from backstay.core.rules.bk003 import RULE
from tests.unit.core.given import ELSEWHERE, NOW, NOWHERE, exempting, policy, scratch, subject, tier
from tests.unit.shapes import cluster, instance

if TYPE_CHECKING:
    from backstay.core.model import Database

ENDED = date(2026, 11, 23)


def verdict(database: Database, under: Policy | None = None, now: datetime = NOW) -> Verdict:
    return RULE.judge(subject(database, under, now)).verdict


def test_given_a_tier_when_judged_then_pass_that_names_it() -> None:
    assert verdict(instance("orders")) == Pass("tier gold")
    assert verdict(cluster("trades")) == Pass("tier gold")


def test_given_an_exemption_when_judged_on_its_last_day_then_pass_with_its_reason() -> None:
    assert verdict(instance("off"), exempting(date(2026, 11, 24))) == Pass("exempt until 2026-11-24: rebuilt nightly")


def test_given_an_exemption_when_its_last_day_is_over_then_fail_although_a_tier_has_it() -> None:
    assert verdict(instance("off"), exempting(ENDED)) == Fail("its exemption ended on 2026-11-23: rebuilt nightly")


def test_given_a_time_zone_when_midnight_passes_there_then_the_exemption_ends() -> None:
    london = policy(exempt=exempting(date(2026, 7, 1)).exempt, timezone=ZoneInfo("Europe/London"))
    assert isinstance(verdict(instance("off"), london, datetime(2026, 7, 1, 22, 59, tzinfo=UTC)), Pass)
    assert isinstance(verdict(instance("off"), london, datetime(2026, 7, 1, 23, 0, tzinfo=UTC)), Fail)


def test_given_an_ended_exemption_and_another_master_when_judged_then_fail() -> None:
    both = policy(exempt=exempting(ENDED).exempt, managed_elsewhere=ELSEWHERE.managed_elsewhere)
    assert isinstance(verdict(instance("off"), both), Fail)


def test_given_an_ended_exemption_and_no_tier_when_judged_then_fail_that_tells_of_the_exemption() -> None:
    neither = policy(exempt=exempting(ENDED).exempt, tiers=NOWHERE.tiers)
    assert verdict(instance("off"), neither) == Fail("its exemption ended on 2026-11-23: rebuilt nightly")


def test_given_another_master_when_judged_then_pass_that_names_it() -> None:
    assert verdict(instance("owned"), ELSEWHERE) == Pass("managed by aws-backup")


def test_given_nothing_matches_when_judged_then_fail() -> None:
    assert verdict(instance("orders"), NOWHERE) == Fail("matches no exemption, no managed_elsewhere entry and no tier")


def test_given_a_copy_that_would_land_beside_its_source_when_judged_then_fail() -> None:
    here = Location(aws=AwsLocation(region="eu-west-2", kms_key="alias/backstay"))
    copies = (Copy(to="dr", keep=Keep(daily=7)),)
    found = verdict(instance("orders"), policy(locations={"dr": here}, tiers=(tier(copies=copies),)))
    assert isinstance(found, Fail)
    assert "copies.to dr is the Database's own location" in found.message


def test_given_scratch_or_on_its_way_out_when_judged_then_skipped() -> None:
    assert verdict(scratch(instance("off")), NOWHERE) == Skipped("a scratch database")
    assert verdict(instance("leaving"), NOWHERE) == Skipped("is being deleted")


def test_given_a_replica_or_a_stopped_one_when_judged_then_it_still_needs_a_place() -> None:
    assert isinstance(verdict(instance("orders-read"), NOWHERE), Fail)
    assert isinstance(verdict(instance("asleep"), NOWHERE), Fail)
