"""Where a Database stands: order, globs, end dates, and copies that would land on their source."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.core.model import Database, DatabaseId, Kind, Provider, Scope, State
from backstay.core.policy import (
    AwsLocation,
    Copy,
    Defaults,
    Exemption,
    GcpLocation,
    Keep,
    Location,
    ManagedElsewhere,
    Match,
    Pitr,
    Policy,
    Tier,
    effective,
)
from backstay.core.tiering import Elsewhere, Exempt, InTier, Scratch, Unplaced, matches, own_location_problem, place

TODAY = date(2026, 11, 24)
HERE = Scope(Provider.AWS, "111122223333", "eu-west-2")
EVERYTHING = Match(names=("*",))
STANDARD = Tier(name="standard", match=EVERYTHING)
GOLD = Tier(name="gold", match=Match(tags={"backup-tier": ("gold",)}))
POLICY = Policy(version=1, tiers=(GOLD, STANDARD))


def database(name: str = "orders", scope: Scope = HERE, engine: str = "postgres", **tags: str) -> Database:
    return Database(
        id=DatabaseId(scope, Kind.INSTANCE, name),
        arn=f"arn:aws:rds:{scope.region}:{scope.account}:db:{name}",
        engine=engine,
        engine_version="17.2",
        status="available",
        state=State.AVAILABLE,
        tags={key.replace("_", "-"): value for key, value in tags.items()},
    )


def exemption(match: Match = EVERYTHING, until: date = TODAY) -> Exemption:
    return Exemption(match=match, reason="rebuilt nightly", until=until)


def test_given_two_tiers_that_match_when_placed_then_the_first_has_it_with_its_blocks_filled() -> None:
    policy = replace(POLICY, defaults=Defaults(pitr=Pitr(window=timedelta(days=7))))
    placement = place(policy, database(backup_tier="gold"), TODAY)
    assert placement == InTier(tier=effective(policy, GOLD))
    assert isinstance(placement, InTier)
    assert placement.tier.pitr == Pitr(window=timedelta(days=7))


def test_given_no_tag_when_placed_then_the_written_catch_all_has_it() -> None:
    assert place(POLICY, database(), TODAY) == InTier(tier=effective(POLICY, STANDARD))


def test_given_no_tier_matches_when_placed_then_unplaced_with_a_reason() -> None:
    placement = place(replace(POLICY, tiers=(GOLD,)), database(), TODAY)
    assert isinstance(placement, Unplaced)
    assert "no tier" in placement.reason


def test_given_exempt_elsewhere_and_tier_all_match_when_placed_then_exempt_comes_first() -> None:
    policy = replace(
        POLICY, exempt=(exemption(),), managed_elsewhere=(ManagedElsewhere(match=EVERYTHING, by="aws-backup"),)
    )
    assert place(policy, database(), TODAY) == Exempt(exemption())


def test_given_elsewhere_and_tier_match_when_placed_then_elsewhere_comes_first() -> None:
    policy = replace(POLICY, managed_elsewhere=(ManagedElsewhere(match=EVERYTHING, by="aws-backup"),))
    assert place(policy, database(), TODAY) == Elsewhere(by="aws-backup")


def test_given_the_scratch_tag_when_placed_then_nothing_of_the_policy_applies() -> None:
    scratch = replace(database(), tags={"backstay:scratch": ""})
    assert place(replace(POLICY, exempt=(exemption(),)), scratch, TODAY) == Scratch()


def test_given_the_last_day_of_an_exemption_when_placed_then_it_still_holds() -> None:
    assert isinstance(place(replace(POLICY, exempt=(exemption(until=TODAY),)), database(), TODAY), Exempt)


def test_given_the_day_after_an_exemption_when_placed_then_the_tier_has_it_and_the_expiry_is_told() -> None:
    over = exemption(until=TODAY - timedelta(days=1))
    placement = place(replace(POLICY, exempt=(over,)), database(), TODAY)
    assert placement == InTier(tier=effective(POLICY, STANDARD), expired=over)


def test_given_an_expired_and_a_running_exemption_when_placed_then_exempt_by_the_running_one() -> None:
    over, running = exemption(until=date(2020, 1, 1)), exemption(until=date(2030, 1, 1))
    assert place(replace(POLICY, exempt=(over, running)), database(), TODAY) == Exempt(running)


def test_given_two_expired_exemptions_when_placed_then_the_one_that_held_longest_is_told() -> None:
    first, last = exemption(until=date(2020, 1, 1)), exemption(until=date(2025, 1, 1))
    placement = place(replace(POLICY, exempt=(last, first), tiers=(GOLD,)), database(), TODAY)
    assert isinstance(placement, Unplaced)
    assert placement.expired == last


def test_given_an_expired_exemption_and_another_master_when_placed_then_both_are_told() -> None:
    over = exemption(until=date(2020, 1, 1))
    policy = replace(POLICY, exempt=(over,), managed_elsewhere=(ManagedElsewhere(match=EVERYTHING, by="dbas"),))
    assert place(policy, database(), TODAY) == Elsewhere(by="dbas", expired=over)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match(names=("orders",)), True),
        (Match(names=("order",)), False),  # anchored at both ends
        (Match(names=("rders",)), False),
        (Match(names=("ord*",)), True),
        (Match(names=("Orders",)), False),  # case counts
        (Match(names=("x", "o?ders")), True),  # any of a list
        (Match(names=("[a-m]*",)), False),
        (Match(names=("[!a-m]*",)), True),
        (Match(tags={"team": ("pay*",)}), True),
        (Match(tags={"team": ("pay",)}), False),
        (Match(tags={"te*": ("payments",)}), True),  # keys are globs too
        (Match(tags={"Team": ("payments",)}), False),
        (Match(tags={"team": ("x", "payments")}), True),
        (Match(tags={"team": ("payments",), "env": ("prod",)}), True),  # all keys
        (Match(tags={"team": ("payments",), "env": ("test",)}), False),
        (Match(tags={"absent": ("*",)}), False),
        (Match(tags={"empty": ("",)}), True),
        (Match(providers=(Provider.AWS,)), True),
        (Match(providers=(Provider.GCP,)), False),
        (Match(providers=(Provider.GCP, Provider.AWS)), True),
        (Match(accounts=("1111*",)), True),
        (Match(accounts=("2222*",)), False),
        (Match(regions=("eu-*",)), True),
        (Match(regions=("us-*",)), False),
        (Match(engines=("postgres",)), True),
        (Match(engines=("aurora-*",)), False),
        (Match(names=("orders",), regions=("us-*",)), False),
        (Match(), False),
    ],
)
def test_given_a_match_when_held_against_a_database_then_every_key_must_hold(match: Match, expected: bool) -> None:
    assert matches(match, database(team="payments", env="prod", empty="")) is expected


def test_given_one_tag_that_has_the_key_and_another_the_value_when_matched_then_they_do_not_add_up() -> None:
    assert not matches(Match(tags={"t*": ("gold",)}), database(team="silver", other="gold"))


NAMES = st.text(alphabet="abc-", min_size=1, max_size=4)
PATTERNS = st.lists(st.text(alphabet="abc-*?", max_size=4), min_size=1, max_size=3)


@given(name=NAMES, tiers=st.lists(PATTERNS, min_size=1, max_size=6))
def test_given_any_tiers_when_placed_then_the_first_that_matches_has_it(name: str, tiers: list[list[str]]) -> None:
    named = tuple(Tier(name=f"t{n}", match=Match(names=tuple(globs))) for n, globs in enumerate(tiers))
    wanted = [tier.name for tier in named if matches(tier.match, database(name))]
    match place(replace(POLICY, tiers=named), database(name), TODAY):
        case InTier(tier=tier):
            assert tier.name == wanted[0]
        case other:
            assert isinstance(other, Unplaced)
            assert not wanted


@given(name=NAMES, extra=PATTERNS, until=st.dates(min_value=TODAY))
def test_given_a_running_exemption_that_matches_when_placed_then_no_tier_has_it(
    name: str, extra: list[str], until: date
) -> None:
    policy = replace(
        POLICY, exempt=(exemption(Match(names=tuple(extra)), date(2000, 1, 1)), exemption(EVERYTHING, until))
    )
    assert place(policy, database(name), TODAY) == Exempt(policy.exempt[1])


LOCATIONS = {
    "home": Location(aws=AwsLocation(region="eu-west-2", kms_key="alias/backstay")),
    "home-by-number": Location(aws=AwsLocation(region="eu-west-2", kms_key="k", account="111122223333")),
    "vault": Location(aws=AwsLocation(region="eu-west-2", kms_key="k", account="222233334444")),
    "dr": Location(aws=AwsLocation(region="eu-west-1", kms_key="k"), gcp=GcpLocation(region="europe-west2")),
    "gcp-vault": Location(gcp=GcpLocation(region="europe-west2", project="backups-prod")),
}
GOOGLE = Scope(Provider.GCP, "shop-prod", "europe-west2")


@pytest.mark.parametrize(
    ("location", "scope", "own"),
    [
        ("home", HERE, True),
        ("home-by-number", HERE, True),
        ("vault", HERE, False),  # same region, another account
        ("dr", HERE, False),
        ("gcp-vault", HERE, False),  # has no place on this cloud
        ("dr", GOOGLE, True),
        ("gcp-vault", GOOGLE, False),
        ("home", GOOGLE, False),
    ],
)
def test_given_a_copy_to_a_location_when_it_is_the_databases_own_then_it_is_a_problem(
    location: str, scope: Scope, own: bool
) -> None:
    tier = replace(STANDARD, copies=(Copy(to=location, keep=Keep(daily=1)),))
    policy = replace(POLICY, locations=LOCATIONS, tiers=(tier,))
    problem = own_location_problem(effective(policy, tier), scope, policy)
    assert (problem is not None) is own
    placement = place(policy, database(scope=scope), TODAY)
    assert isinstance(placement, InTier)
    assert placement.problem == (problem or "")
    if own:
        assert f"copies.to {location}" in placement.problem


def test_given_pitr_replicated_onto_itself_when_placed_then_it_is_a_problem() -> None:
    defaults = Defaults(pitr=Pitr(window=timedelta(days=7), replicate_to="home"))
    placement = place(replace(POLICY, locations=LOCATIONS, defaults=defaults), database(), TODAY)
    assert isinstance(placement, InTier)
    assert "pitr.replicate_to home" in placement.problem
