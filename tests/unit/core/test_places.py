"""Places: what a location is for one Database, and where copies of a fleet may be."""

from __future__ import annotations

from backstay.core.model import Provider, Scope
from backstay.core.places import Place, copy_scopes, place_of, replica_place, stepping_scopes, wanted_copies
from backstay.core.policy import AwsLocation, Copy, GcpLocation, Keep, Location, Pitr, Policy
from tests.fleet import ACCOUNT, IRELAND, LONDON
from tests.unit.core.given import policy, tier
from tests.workflows.places import DAY, VAULT, VAULT_ACCOUNT

LOCATIONS = {
    "dr": Location(aws=AwsLocation(region="eu-west-1", kms_key="alias/dr"), gcp=GcpLocation(region="europe-west4")),
    "vault": Location(aws=AwsLocation(region="eu-west-1", account=VAULT_ACCOUNT, kms_key="alias/vault")),
    "far": Location(gcp=GcpLocation(region="europe-west4")),
}
DR, TO_VAULT = Copy(to="dr", keep=Keep(daily=7)), Copy(to="vault", keep=Keep(weekly=4), immutable=True)


def under(*copies: Copy, replicate_to: str = "") -> Policy:
    asked = tier(copies=copies, pitr=Pitr(window=7 * DAY, replicate_to=replicate_to))
    return policy(locations=LOCATIONS, tiers=(asked,))


def wanted(scope: Scope, *copies: Copy) -> list[tuple[Scope, Keep, bool]]:
    given = under(*copies)
    found = wanted_copies(given, given.tiers[0], scope)
    return [(each.place.scope, each.keep, each.immutable) for each in found]


def test_given_a_location_without_an_account_when_resolved_then_the_database_s_own() -> None:
    assert place_of(under(), "dr", LONDON) == Place("dr", IRELAND, "alias/dr")
    assert place_of(under(), "vault", LONDON) == Place("vault", VAULT, "alias/vault")


def test_given_a_location_on_another_cloud_or_of_no_such_name_when_resolved_then_none() -> None:
    assert place_of(under(), "far", LONDON) is None
    assert place_of(under(), "moon", LONDON) is None
    assert place_of(under(), "dr", Scope(Provider.GCP, "backups-prod", "europe-west2")) is None


def test_given_copies_when_wanted_then_each_place_with_its_rule() -> None:
    assert wanted(LONDON, DR, TO_VAULT) == [(IRELAND, Keep(daily=7), False), (VAULT, Keep(weekly=4), True)]


def test_given_a_database_in_the_location_itself_when_wanted_then_no_copy_onto_itself() -> None:
    assert wanted(IRELAND, DR) == []


def test_given_two_locations_that_are_one_for_a_database_when_wanted_then_one_place_that_keeps_what_either_asks() -> (
    None
):
    inside_the_vault = Scope(Provider.AWS, VAULT_ACCOUNT, "eu-west-2")
    assert wanted(inside_the_vault, DR, TO_VAULT) == [(VAULT, Keep(daily=7, weekly=4), True)]


def test_given_replicate_to_when_resolved_then_only_in_another_region() -> None:
    given = under(replicate_to="dr")
    assert replica_place(given, given.tiers[0], LONDON) == Place("dr", IRELAND, "alias/dr")
    assert replica_place(given, given.tiers[0], IRELAND) is None
    assert replica_place(under(), under().tiers[0], LONDON) is None


def test_given_accounts_when_asked_where_copies_may_be_then_every_location_once() -> None:
    assert copy_scopes(under(), [ACCOUNT, VAULT_ACCOUNT]) == (IRELAND, VAULT)


def test_given_a_partition_of_steps_when_asked_where_copies_land_first_then_in_the_vault_s_account_at_home() -> None:
    assert stepping_scopes(under(), ["eu-west-2"]) == (Scope(Provider.AWS, VAULT_ACCOUNT, "eu-west-2"),)
