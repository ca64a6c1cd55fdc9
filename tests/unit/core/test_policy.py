"""The policy's values: blocks replaced whole, and the checks across fields."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backstay.core.notation import UNLIMITED, parse_duration
from backstay.core.policy import (
    AwsLocation,
    Copy,
    Defaults,
    Drill,
    Dumps,
    Enforce,
    Exemption,
    GcpLocation,
    Keep,
    Location,
    ManagedElsewhere,
    Match,
    Objectives,
    Pitr,
    Policy,
    Require,
    Snapshots,
    Tier,
    effective,
)
from backstay.core.policy_check import problems

DAY = timedelta(days=1)
EVERYTHING = Match(names=("*",))
DAILY = Keep(daily=7)
DR = {"dr": Location(aws=AwsLocation(region="eu-west-1", kms_key="alias/backstay"))}
SNAPSHOTS = Snapshots(every=DAY, keep=DAILY)
TIER = Tier(name="standard", match=EVERYTHING)
POLICY = Policy(version=1, locations=DR, tiers=(TIER,))


def with_tier(tier: Tier) -> Policy:
    return replace(POLICY, tiers=(tier,))


def test_given_a_tier_without_blocks_when_made_effective_then_it_has_the_defaults() -> None:
    defaults = Defaults(
        objectives=Objectives(rpo=DAY, rto=DAY),
        pitr=Pitr(window=7 * DAY),
        snapshots=Snapshots(every=DAY, keep=DAILY),
        copies=(Copy(to="dr", keep=DAILY),),
        dumps=Dumps(every=DAY, keep=DAILY),
        drill=Drill(every=7 * DAY),
        require=(Require.ENCRYPTED,),
        enforce=(Enforce.PITR,),
    )
    tier = effective(replace(POLICY, defaults=defaults), TIER)
    assert tier == Tier(
        name="standard",
        match=EVERYTHING,
        objectives=defaults.objectives,
        pitr=defaults.pitr,
        snapshots=defaults.snapshots,
        copies=defaults.copies,
        dumps=defaults.dumps,
        drill=defaults.drill,
        require=defaults.require,
        enforce=defaults.enforce,
    )


def test_given_a_tier_with_a_block_when_made_effective_then_the_block_is_replaced_whole() -> None:
    policy = replace(POLICY, defaults=Defaults(snapshots=Snapshots(every=DAY, keep=Keep(daily=7, weekly=4))))
    own = Snapshots(every=2 * DAY, keep=Keep(monthly=1))
    tier = effective(policy, replace(TIER, snapshots=own))
    assert tier.snapshots == own
    assert tier.snapshots.keep.weekly == 0


def test_given_an_empty_list_in_a_tier_when_made_effective_then_the_default_list_does_not_come_back() -> None:
    policy = replace(POLICY, defaults=Defaults(require=(Require.PRIVATE,), enforce=(Enforce.PITR,)))
    tier = effective(policy, replace(TIER, require=(), enforce=()))
    assert not tier.requires(Require.PRIVATE)
    assert not tier.enforces(Enforce.PITR)


def test_given_nothing_asked_anywhere_when_made_effective_then_blocks_are_none_and_lists_empty() -> None:
    tier = effective(POLICY, TIER)
    assert (tier.objectives, tier.pitr, tier.snapshots, tier.dumps, tier.drill) == (None,) * 5
    assert (tier.copies, tier.require, tier.enforce) == ((), (), ())


def test_given_an_effective_tier_when_made_effective_again_then_nothing_changes() -> None:
    policy = replace(POLICY, defaults=Defaults(pitr=Pitr(window=7 * DAY), require=(Require.PRIVATE,)))
    once = effective(policy, TIER)
    assert effective(policy, once) == once


def test_given_midnight_in_london_when_today_is_asked_in_summer_then_it_is_the_new_day() -> None:
    policy = replace(POLICY, timezone=ZoneInfo("Europe/London"))
    assert policy.today(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == date(2026, 7, 2)
    assert POLICY.today(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == date(2026, 7, 1)


def test_given_a_good_policy_when_checked_then_there_are_no_problems() -> None:
    tier = replace(
        TIER,
        pitr=Pitr(window=35 * DAY, replicate_to="dr"),
        snapshots=SNAPSHOTS,
        copies=(Copy(to="dr", keep=Keep(last=UNLIMITED)),),
        enforce=(Enforce.PITR, Enforce.REPLICATE),
    )
    assert problems(with_tier(tier)) == ()


@pytest.mark.parametrize("every", ["1h", "90m", "2h", "6h", "12h", "1d", "3d", "7d", "4w"])
def test_given_slots_that_divide_a_day_or_are_whole_days_when_checked_then_good(every: str) -> None:
    snapshots = Snapshots(every=parse_duration(every), keep=DAILY)
    assert problems(with_tier(replace(TIER, snapshots=snapshots))) == ()


@pytest.mark.parametrize("every", ["1s", "30m", "59m", "61m", "5h", "7h", "25h", "36h"])
def test_given_slots_that_do_not_when_checked_then_refused_with_what_was_given_and_what_would_do(every: str) -> None:
    snapshots = Snapshots(every=parse_duration(every), keep=DAILY)
    (problem,) = problems(with_tier(replace(TIER, snapshots=snapshots)))
    assert problem.path == ("tiers", 0, "snapshots", "every")
    assert (problem.message, problem.value) == ("does not divide a day into slots", every)
    assert "at least 1h" in problem.accepted


def test_given_copies_without_snapshots_when_checked_then_refused_wherever_they_are_asked() -> None:
    copies = (Copy(to="dr", keep=DAILY),)
    (problem,) = problems(with_tier(replace(TIER, copies=copies)))
    assert (problem.path, "snapshots block to copy from" in problem.message) == (("tiers", 0, "copies"), True)
    (inherited,) = problems(replace(POLICY, defaults=Defaults(copies=copies)))
    assert inherited.path == ("tiers", 0, "copies")
    assert (
        problems(replace(POLICY, defaults=Defaults(snapshots=SNAPSHOTS), tiers=(replace(TIER, copies=copies),))) == ()
    )
    assert problems(replace(POLICY, defaults=Defaults(copies=copies), tiers=(replace(TIER, copies=()),))) == ()


NO_KEEP = Keep()


@pytest.mark.parametrize(
    ("tier", "path", "words"),
    [
        (replace(TIER, match=Match()), ("tiers", 0, "match"), "empty"),
        (replace(TIER, pitr=Pitr(window=timedelta(hours=12))), ("tiers", 0, "pitr", "window"), "range"),
        (replace(TIER, pitr=Pitr(window=timedelta(hours=36))), ("tiers", 0, "pitr", "window"), "range"),
        (replace(TIER, pitr=Pitr(window=36 * DAY)), ("tiers", 0, "pitr", "window"), "range"),
        (
            replace(TIER, pitr=Pitr(window=DAY, replicate_to="moon")),
            ("tiers", 0, "pitr", "replicate_to"),
            "not a location",
        ),
        (
            replace(TIER, snapshots=SNAPSHOTS, copies=(Copy(to="moon", keep=DAILY),)),
            ("tiers", 0, "copies", 0, "to"),
            "not a location",
        ),
        (
            replace(TIER, snapshots=SNAPSHOTS, copies=(Copy(to="dr", keep=DAILY), Copy(to="dr", keep=DAILY))),
            ("tiers", 0, "copies", 1, "to"),
            "already",
        ),
        (
            replace(TIER, snapshots=SNAPSHOTS, copies=(Copy(to="dr", keep=NO_KEEP),)),
            ("tiers", 0, "copies", 0, "keep"),
            "nothing",
        ),
        (replace(TIER, snapshots=Snapshots(every=DAY, keep=NO_KEEP)), ("tiers", 0, "snapshots", "keep"), "nothing"),
        (replace(TIER, dumps=Dumps(every=DAY, keep=NO_KEEP)), ("tiers", 0, "dumps", "keep"), "nothing"),
        (replace(TIER, drill=Drill(every=DAY, max_cost_usd=0)), ("tiers", 0, "drill", "max_cost_usd"), "forbids"),
        (replace(TIER, enforce=(Enforce.PITR,)), ("tiers", 0, "enforce"), "pitr block"),
        (
            replace(TIER, pitr=Pitr(window=DAY), enforce=(Enforce.REPLICATE,)),
            ("tiers", 0, "enforce"),
            "no replicate_to",
        ),
    ],
)
def test_given_one_thing_wrong_in_a_tier_when_checked_then_that_one_is_named(
    tier: Tier, path: tuple[str | int, ...], words: str
) -> None:
    (problem,) = problems(with_tier(tier))
    assert problem.path == path
    assert words in problem.message


def test_given_two_tiers_of_one_name_when_checked_then_the_second_is_named() -> None:
    (problem,) = problems(replace(POLICY, tiers=(TIER, TIER)))
    assert (problem.path, problem.value) == (("tiers", 1, "name"), "standard")


def test_given_no_tiers_when_checked_then_refused() -> None:
    assert [problem.path for problem in problems(replace(POLICY, tiers=()))] == [("tiers",)]


def test_given_defaults_that_copy_nowhere_when_checked_then_the_known_locations_are_listed() -> None:
    (problem,) = problems(
        replace(POLICY, defaults=Defaults(snapshots=SNAPSHOTS, copies=(Copy(to="moon", keep=DAILY),)))
    )
    assert problem.path == ("defaults", "copies", 0, "to")
    assert problem.accepted == "dr"


def test_given_a_location_on_no_cloud_when_checked_then_refused() -> None:
    locations = {"dr": Location(), "far": Location(gcp=GcpLocation(region="europe-west4"))}
    assert [problem.path for problem in problems(replace(POLICY, locations=locations))] == [("locations", "dr")]


def test_given_empty_matches_beside_the_tiers_when_checked_then_each_is_named() -> None:
    policy = replace(
        POLICY,
        exempt=(Exemption(match=Match(), reason="typo", until=date(2027, 1, 1)),),
        managed_elsewhere=(ManagedElsewhere(match=Match(), by="aws-backup"),),
    )
    assert [problem.path for problem in problems(policy)] == [("exempt", 0, "match"), ("managed_elsewhere", 0, "match")]
