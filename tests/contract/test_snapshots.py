"""``SnapshotStore``: every method, and every way in which it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core import errors
from backstay.core.actions import TakeSnapshot
from backstay.core.model import DatabaseId, Kind
from backstay.core.points import Origin, PointState
from tests.contract.points import IN_VAULT, MISSING_KEY, SLOT, TAGS, PointSite, Seed, fresh
from tests.fleet import IRELAND, LONDON
from tests.labtests.rds.standin import BAD_KEY, GOOD_KEY, VAULT

if TYPE_CHECKING:
    from backstay.core.actions import PointRef
    from backstay.core.model import Scope

QUOTA_FULL = "SnapshotQuotaExceeded"
IN_FLIGHT = {Kind.INSTANCE: 20, Kind.CLUSTER: 5}
KINDS = pytest.mark.parametrize("kind", Kind)


def key_of(scope: Scope) -> str:
    return f"arn:aws:kms:{scope.region}:{scope.account}:key/{GOOD_KEY}"


def encrypted(scope: Scope = LONDON) -> dict[str, str]:
    return {"encryption": "sse-kms", "kms_key": key_of(scope)}


def seed(kind: Kind, name: str, **given: Any) -> Seed:
    return Seed(**{"scope": LONDON, "kind": kind, "name": name, "source": fresh("gone"), "tags": TAGS, **given})


# Reading.


@KINDS
def test_points_are_listed_with_their_tags_and_of_their_kind_alone(any_points: PointSite, kind: Kind) -> None:
    mine, other = any_points.sown(kind), any_points.sown(Kind.CLUSTER if kind is Kind.INSTANCE else Kind.INSTANCE)
    (page,) = any_points.home.pages(kind)
    listed = {each.arn: each for each in page.points}
    assert page.unreadable == ()
    assert dict(listed[mine.arn].tags) == TAGS
    assert {each.kind for each in page.points} == {kind}
    assert other.arn not in listed
    assert listed[mine.arn] == any_points.there(mine)


@KINDS
def test_points_come_page_by_page_whoever_made_them_and_each_once(strict_points: PointSite, kind: Kind) -> None:
    seeds = [seed(kind, fresh(), scope=IRELAND) for _ in range(230)]
    seeds += [seed(kind, f"rds:{fresh()}", scope=IRELAND, origin=Origin.AUTOMATED) for _ in range(20)]
    strict_points.sow(*seeds)
    pages = [page.points for page in strict_points.away.pages(kind)]
    listed = [each.id for page in pages for each in page]
    assert len(pages) > 2
    assert max(map(len, pages)) == 100
    assert len(set(listed)) == len(listed)
    assert {each.name for each in seeds} <= set(listed)
    origins = {each.id: each.origin for page in pages for each in page}
    assert {origins[each.name] for each in seeds[-20:]} == {Origin.AUTOMATED}


@KINDS
def test_what_another_account_shares_with_us_is_not_ours(strict_points: PointSite, kind: Kind) -> None:
    source = strict_points.sown(kind, scope=IRELAND)
    strict_points.share(source)
    assert [each for page in strict_points.vault.pages(kind) for each in page.points if each.id == source.id] == []
    assert strict_points.vault.find(replace(source, scope=IN_VAULT)) is None


@KINDS
def test_the_points_of_one_database_are_those_of_its_name_and_kind(any_points: PointSite, kind: Kind) -> None:
    name = fresh("shop")
    first = any_points.sown(kind, source=name)
    any_points.sown(kind, source=f"{name}-2")
    found = any_points.home.of(DatabaseId(any_points.here, kind, name))
    assert [each.arn for each in found if each.origin is Origin.MANUAL] == [first.arn]  # moto makes automated ones
    assert {each.source for each in found} == {name}
    assert any_points.home.of(DatabaseId(any_points.here, kind, fresh("nobody"))) == ()


@KINDS
def test_the_points_of_a_database_that_lives_elsewhere_are_those_that_are_here(
    strict_points: PointSite, kind: Kind
) -> None:
    name = fresh("shop")
    strict_points.sown(kind, source=name)
    copy = strict_points.sown(kind, source=name, scope=IRELAND)
    assert [each.arn for each in strict_points.away.of(DatabaseId(LONDON, kind, name))] == [copy.arn]


@KINDS
def test_a_point_is_found_by_its_name_and_what_is_not_there_is_none(any_points: PointSite, kind: Kind) -> None:
    ref = any_points.sown(kind)
    found = any_points.there(ref)
    assert (found.id, found.arn, found.scope, found.kind) == (ref.id, ref.arn, ref.scope, ref.kind)
    assert (found.state, found.origin, dict(found.tags)) == (PointState.AVAILABLE, Origin.MANUAL, TAGS)
    assert any_points.home.find(replace(ref, id="nowhere", arn=f"{ref.arn}-nowhere")) is None


@KINDS
def test_an_automated_point_is_found_too(strict_points: PointSite, kind: Kind) -> None:
    ref = strict_points.sown(kind, name=f"rds:{fresh()}", origin=Origin.AUTOMATED)
    assert strict_points.there(ref).origin is Origin.AUTOMATED


def test_a_point_of_another_place_is_not_looked_for_here(strict_points: PointSite) -> None:
    ref = strict_points.sown(Kind.INSTANCE)
    namesake = strict_points.sown(Kind.INSTANCE, name=ref.id, scope=IRELAND)
    with pytest.raises(errors.Rejected, match=str(LONDON)):
        strict_points.away.find(ref)
    assert strict_points.there(namesake).scope == IRELAND


# Taking.


@KINDS
def test_a_snapshot_is_taken_with_its_tags_and_tells_whose_it_is(any_points: PointSite, kind: Kind) -> None:
    ref = any_points.take(kind)
    found = any_points.until(ref)
    assert dict(found.tags) == TAGS
    assert (found.source, found.scope, found.origin) == (any_points.database(kind).name, any_points.here, Origin.MANUAL)
    assert found.arn == ref.arn
    assert found.made is not None
    assert found.data_time is not None
    assert abs(found.data_time - found.made) < timedelta(minutes=1)
    assert found.copied_from == ""
    assert found.engine == ("postgres" if kind is Kind.INSTANCE else "aurora-postgresql")
    assert ref.arn in [each.arn for each in any_points.home.of(any_points.database(kind))]


@KINDS
def test_a_snapshot_that_is_being_taken_has_no_time_yet_and_cannot_be_copied_shared_or_deleted(
    strict_points: PointSite, kind: Kind
) -> None:
    ref = strict_points.take(kind)
    found = strict_points.there(ref)
    assert (found.state, found.made, found.data_time) == (PointState.CREATING, None, None)
    for change in (strict_points.copy, strict_points.share, strict_points.delete):
        with pytest.raises(errors.Conflict):
            change(ref)
    strict_points.until(ref)


def test_what_is_taken_is_encrypted_as_its_database_is(strict_points: PointSite) -> None:
    orders, ledger = (strict_points.until(strict_points.take(kind)) for kind in Kind)
    assert (orders.encryption, orders.kms_key) == ("sse-kms", key_of(LONDON))
    assert (ledger.encryption, ledger.kms_key) == ("sse-rds", "")
    assert orders.option_group == "orders-og"
    assert (orders.gb, ledger.gb) == (20, None)


@KINDS
def test_a_name_that_is_taken_is_a_conflict(any_points: PointSite, kind: Kind) -> None:
    ref = any_points.sown(kind)
    with pytest.raises(errors.Conflict, match=r"AlreadyExists|already exists") as caught:
        any_points.take(kind, ref.id)
    assert "AlreadyExists" in caught.value.code


@KINDS
def test_an_unknown_database_is_not_found(any_points: PointSite, kind: Kind) -> None:
    database = DatabaseId(any_points.here, kind, fresh("nobody"))
    with pytest.raises(errors.NotFound):
        any_points.home.take(TakeSnapshot(database=database, name=fresh(), slot=SLOT, tags=TAGS, reason="test"))


def test_a_database_that_is_busy_cannot_be_snapshotted(strict_points: PointSite) -> None:
    assert strict_points.busy is not None
    strict_points.until_idle()
    strict_points.busy()
    database = strict_points.database(Kind.INSTANCE)
    with pytest.raises(errors.Conflict):
        strict_points.home.take(TakeSnapshot(database=database, name=fresh(), slot=SLOT, tags=TAGS, reason="test"))


def test_an_instance_cannot_be_snapshotted_twice_at_a_time(strict_points: PointSite) -> None:
    ref = strict_points.take(Kind.INSTANCE)
    database = strict_points.database(Kind.INSTANCE)
    with pytest.raises(errors.Conflict):
        strict_points.home.take(TakeSnapshot(database=database, name=fresh(), slot=SLOT, tags=TAGS, reason="test"))
    strict_points.until(ref)


@pytest.mark.parametrize("name", ["rds-", "a--b", "1st", "a_b", "rds:mine", "a" * 256, ""])
def test_a_name_that_rds_does_not_take_is_rejected(strict_points: PointSite, name: str) -> None:
    strict_points.until_idle()
    database = strict_points.database(Kind.INSTANCE)
    with pytest.raises(errors.Rejected):
        strict_points.home.take(TakeSnapshot(database=database, name=name, slot=SLOT, tags=TAGS, reason="test"))


def test_a_clusters_snapshot_has_a_shorter_name(strict_points: PointSite) -> None:
    with pytest.raises(errors.Rejected):
        strict_points.take(Kind.CLUSTER, "a" * 64)


def test_a_name_is_kept_in_lower_case(strict_points: PointSite) -> None:
    ref = strict_points.take(Kind.CLUSTER, fresh("Upper"))
    assert strict_points.until(ref).id == ref.id == ref.id.lower()


@pytest.mark.parametrize(
    "tags",
    [{"aws:backup": "1"}, {"note": "what?"}, {"": "1"}, {"note": "x" * 257}, {f"tag-{n}": "" for n in range(51)}],
    ids=["reserved", "character", "no key", "long", "too many"],
)
def test_tags_that_cannot_be_written_are_rejected_and_nothing_is_taken(
    strict_points: PointSite, tags: dict[str, str]
) -> None:
    name = fresh()
    with pytest.raises(errors.Rejected):
        strict_points.take(Kind.CLUSTER, name, tags)
    assert name not in [each.id for each in strict_points.home.of(strict_points.database(Kind.CLUSTER))]


@KINDS
def test_a_full_quota_is_rejected_and_says_so(strict_points: PointSite, kind: Kind) -> None:
    strict_points.levers.room(LONDON, kind, 0)
    with pytest.raises(errors.Rejected) as caught:
        strict_points.take(kind)
    assert caught.value.code == QUOTA_FULL


# Copying.


def copied_between(site: PointSite, kind: Kind) -> tuple[PointRef, PointRef]:
    source = site.sown(kind, **encrypted())
    return source, site.copy(source, kms_key=GOOD_KEY)


@KINDS
def test_a_copy_in_another_region_is_of_the_same_data_under_that_regions_key(
    strict_points: PointSite, kind: Kind
) -> None:
    strict_points.levers.hold()
    ref, copy = copied_between(strict_points, kind)
    source, begun = strict_points.there(ref), strict_points.there(copy)
    assert (begun.state, begun.made, dict(begun.tags)) == (PointState.CREATING, None, TAGS)
    assert begun.copied_from == source.arn
    strict_points.levers.release()
    found = strict_points.until(copy)
    assert (found.scope, found.arn, found.source) == (IRELAND, copy.arn, source.source)
    assert (found.encryption, found.kms_key) == ("sse-kms", key_of(IRELAND))
    assert (found.copied_from, found.origin) == (source.arn, Origin.MANUAL)
    assert (found.engine, found.engine_version) == (source.engine, source.engine_version)
    # The data of an instance's copy is as old as its source's; of a cluster's only our tag tells.
    assert found.data_time == (source.data_time if kind is Kind.INSTANCE else SLOT)


def test_a_clusters_copy_without_our_tag_does_not_tell_how_old_its_data_is(strict_points: PointSite) -> None:
    source = strict_points.sown(Kind.CLUSTER)
    found = strict_points.until(strict_points.copy(source, tags={"backup-tier": "gold"}))
    assert (found.data_time, found.made is not None) == (None, True)


@KINDS
def test_a_copy_within_the_region_is_of_the_same_data(any_points: PointSite, kind: Kind) -> None:
    source = any_points.sown(kind)
    copy = any_points.copy(source, any_points.here)
    found = any_points.until(copy)
    assert (found.source, found.id, dict(found.tags)) == (any_points.there(source).source, copy.id, TAGS)
    assert found.encryption == "none"


@KINDS
def test_what_is_encrypted_can_be_encrypted_anew_within_its_region(strict_points: PointSite, kind: Kind) -> None:
    source = strict_points.sown(kind, encryption="sse-rds")
    kept, anew = (strict_points.until(strict_points.copy(source, LONDON, kms_key=key)) for key in ("", GOOD_KEY))
    assert (kept.encryption, kept.kms_key) == ("sse-rds", "")
    assert (anew.encryption, anew.kms_key) == ("sse-kms", key_of(LONDON))


def test_what_is_not_encrypted_can_be_when_it_is_an_instances(strict_points: PointSite) -> None:
    source = strict_points.sown(Kind.INSTANCE)
    plain, key = (strict_points.until(strict_points.copy(source, kms_key=key)) for key in ("", GOOD_KEY))
    assert (plain.encryption, key.encryption, key.kms_key) == ("none", "sse-kms", key_of(IRELAND))


def test_a_clusters_that_is_not_encrypted_cannot_be_by_copying(strict_points: PointSite) -> None:
    source = strict_points.sown(Kind.CLUSTER)
    with pytest.raises(errors.Rejected):
        strict_points.copy(source, kms_key=GOOD_KEY)
    assert strict_points.until(strict_points.copy(source)).encryption == "none"


@KINDS
@pytest.mark.parametrize("encryption", [{"encryption": "sse-rds"}, encrypted()], ids=["sse-rds", "sse-kms"])
def test_an_encrypted_copy_elsewhere_needs_a_key_of_there(
    strict_points: PointSite, kind: Kind, encryption: dict[str, str]
) -> None:
    source = strict_points.sown(kind, **encryption)
    with pytest.raises(errors.Rejected):
        strict_points.copy(source)


@KINDS
@pytest.mark.parametrize("key", [BAD_KEY, MISSING_KEY, key_of(LONDON)], ids=["unusable", "missing", "elsewhere"])
def test_a_key_that_cannot_be_used_is_rejected(strict_points: PointSite, kind: Kind, key: str) -> None:
    source = strict_points.sown(kind, **encrypted())
    name = fresh()
    with pytest.raises(errors.Rejected) as caught:
        strict_points.copy(source, name=name, kms_key=key)
    assert caught.value.code == "KMSKeyNotAccessibleFault"
    assert strict_points.away.find(replace(source, id=name, scope=IRELAND)) is None


@KINDS
def test_a_copys_name_that_is_taken_is_a_conflict(any_points: PointSite, kind: Kind) -> None:
    source, other = any_points.sown(kind), any_points.sown(kind)
    with pytest.raises(errors.Conflict) as caught:
        any_points.copy(source, any_points.here, name=other.id)
    assert "AlreadyExists" in caught.value.code


@KINDS
def test_what_is_not_there_cannot_be_copied(any_points: PointSite, kind: Kind) -> None:
    missing = Seed(scope=any_points.here, kind=kind, name=fresh(), source="", tags={}).ref
    with pytest.raises(errors.NotFound):
        any_points.copy(missing, any_points.here)


@KINDS
def test_what_is_still_being_made_cannot_be_copied(strict_points: PointSite, kind: Kind) -> None:
    source = strict_points.sown(kind, status="creating")
    with pytest.raises(errors.Conflict):
        strict_points.copy(source)


def test_an_option_group_must_be_there_and_is_named_with_the_copy(strict_points: PointSite) -> None:
    source, group = strict_points.sown(Kind.INSTANCE), fresh("og")
    with pytest.raises(errors.NotFound):
        strict_points.copy(source, option_group=group)
    strict_points.levers.option_group(IRELAND, group)
    assert group in strict_points.away.option_groups()
    assert strict_points.until(strict_points.copy(source, option_group=group)).option_group == group


def test_without_an_option_group_the_copy_elsewhere_has_the_default_one(strict_points: PointSite) -> None:
    source = strict_points.sown(Kind.INSTANCE)
    assert strict_points.until(strict_points.copy(source)).option_group == "default:postgres-17"


def test_an_option_group_does_not_go_along_within_the_account(strict_points: PointSite) -> None:
    source = strict_points.sown(Kind.INSTANCE)
    with pytest.raises(errors.Rejected):
        strict_points.copy(source, carry_options=True)


@KINDS
def test_a_copy_into_a_full_region_is_rejected_and_says_so(strict_points: PointSite, kind: Kind) -> None:
    source = strict_points.sown(kind)
    strict_points.levers.room(IRELAND, kind, 0)
    with pytest.raises(errors.Rejected) as caught:
        strict_points.copy(source)
    assert caught.value.code == QUOTA_FULL


@KINDS
def test_only_so_many_copies_are_on_their_way_to_one_place_and_more_when_one_has_come(
    strict_points: PointSite, kind: Kind
) -> None:
    strict_points.levers.hold()
    sources = [strict_points.sown(kind) for _ in range(IN_FLIGHT[kind] + 1)]
    begun = [strict_points.copy(each) for each in sources[:-1]]
    with pytest.raises(errors.Rejected) as caught:
        strict_points.copy(sources[-1])
    assert caught.value.code == QUOTA_FULL
    assert strict_points.until(strict_points.copy(sources[-1], LONDON), PointState.CREATING)  # another place
    strict_points.levers.release()
    for each in begun:
        strict_points.until(each)
    strict_points.until(strict_points.copy(sources[-1]))


@KINDS
def test_a_copy_that_fails_stays_and_says_so(strict_points: PointSite, kind: Kind) -> None:
    strict_points.levers.hold()
    _, copy = copied_between(strict_points, kind)
    strict_points.levers.fail(copy)
    found = strict_points.until(copy, PointState.FAILED)
    assert (found.made, dict(found.tags)) == (None, TAGS)


@KINDS
def test_a_source_that_is_deleted_under_way_fails_the_copy(strict_points: PointSite, kind: Kind) -> None:
    strict_points.levers.hold()
    source, copy = copied_between(strict_points, kind)
    strict_points.delete(source)
    assert strict_points.until(copy, PointState.FAILED).copied_from == source.arn


# Other accounts.


@KINDS
def test_another_account_copies_only_what_is_shared_with_it_and_only_as_long(
    strict_points: PointSite, kind: Kind
) -> None:
    source = strict_points.sown(kind, scope=IRELAND, **encrypted(IRELAND))
    with pytest.raises(errors.NotFound):
        strict_points.copy(source, IN_VAULT, kms_key=GOOD_KEY)
    strict_points.share(source)
    assert strict_points.there(source).shared_with == VAULT
    found = strict_points.until(strict_points.copy(source, IN_VAULT, kms_key=GOOD_KEY))
    assert (found.scope, found.copied_from, found.kms_key) == (IN_VAULT, source.arn, key_of(IN_VAULT))
    assert dict(found.tags) == TAGS
    strict_points.share(source, shared=False)
    assert strict_points.there(source).tags == TAGS
    with pytest.raises(errors.NotFound):
        strict_points.copy(source, IN_VAULT, kms_key=GOOD_KEY)


@KINDS
def test_one_call_copies_across_region_and_account(strict_points: PointSite, kind: Kind) -> None:
    source = strict_points.sown(kind, **encrypted())
    strict_points.share(source)
    found = strict_points.until(strict_points.copy(source, IN_VAULT, kms_key=GOOD_KEY))
    assert (found.scope, found.copied_from) == (IN_VAULT, source.arn)


def test_an_encrypted_copy_in_another_account_needs_a_key_of_there(strict_points: PointSite) -> None:
    source = strict_points.sown(Kind.INSTANCE, scope=IRELAND, **encrypted(IRELAND))
    strict_points.share(source)
    with pytest.raises(errors.Rejected):
        strict_points.copy(source, IN_VAULT)


def test_into_another_account_the_option_group_goes_along(strict_points: PointSite) -> None:
    source = strict_points.sown(Kind.INSTANCE, scope=IRELAND)
    strict_points.share(source)
    copy = strict_points.copy(source, IN_VAULT, carry_options=True)
    assert strict_points.until(copy).option_group == strict_points.there(source).option_group


@KINDS
def test_sharing_twice_and_taking_back_what_was_not_shared_change_nothing(any_points: PointSite, kind: Kind) -> None:
    ref = any_points.sown(kind)
    any_points.share(ref)
    any_points.share(ref)
    assert any_points.there(ref).shared_with == VAULT
    any_points.share(ref, shared=False)
    any_points.share(ref, shared=False)
    assert any_points.there(ref).tags == TAGS


@KINDS
def test_what_only_we_can_decrypt_cannot_be_shared(strict_points: PointSite, kind: Kind) -> None:
    ref = strict_points.sown(kind, encryption="sse-rds")
    with pytest.raises(errors.Conflict):
        strict_points.share(ref)


@KINDS
def test_what_is_not_manual_cannot_be_shared(strict_points: PointSite, kind: Kind) -> None:
    ref = strict_points.sown(kind, name=f"rds:{fresh()}", origin=Origin.AUTOMATED)
    with pytest.raises((errors.Conflict, errors.NotFound)):
        strict_points.share(ref)


@KINDS
def test_what_is_not_there_can_be_neither_shared_nor_taken_back(strict_points: PointSite, kind: Kind) -> None:
    missing = Seed(scope=LONDON, kind=kind, name=fresh(), source="", tags={}).ref
    for shared in (True, False):
        with pytest.raises(errors.NotFound):
            strict_points.share(missing, shared=shared)


# Deleting and tagging.


@KINDS
def test_a_deleted_point_is_gone_and_cannot_be_deleted_again(any_points: PointSite, kind: Kind) -> None:
    ref, other = any_points.sown(kind), any_points.sown(kind)
    any_points.delete(ref)
    assert any_points.home.find(ref) is None
    assert any_points.there(other).id == other.id
    with pytest.raises(errors.NotFound):
        any_points.delete(ref)


@KINDS
def test_what_the_service_made_cannot_be_deleted(strict_points: PointSite, kind: Kind) -> None:
    ref = strict_points.sown(kind, name=f"rds:{fresh()}", origin=Origin.AUTOMATED)
    with pytest.raises(errors.Conflict):
        strict_points.delete(ref)
    assert strict_points.there(ref).state is PointState.AVAILABLE


def test_a_point_is_deleted_where_it_is_and_its_namesakes_stay(strict_points: PointSite) -> None:
    ref = strict_points.sown(Kind.INSTANCE)
    namesakes = [
        strict_points.sown(Kind.INSTANCE, name=ref.id, scope=IRELAND),
        strict_points.sown(Kind.CLUSTER, name=ref.id),
    ]
    strict_points.delete(ref)
    assert [strict_points.there(each).arn for each in namesakes] == [each.arn for each in namesakes]


@KINDS
def test_tags_go_on_a_point_beside_those_that_it_has(any_points: PointSite, kind: Kind) -> None:
    ref = any_points.sown(kind, tags={"team": "shop", "backup-tier": "silver"})
    any_points.adopt(ref, TAGS)
    assert dict(any_points.there(ref).tags) == {"team": "shop", **TAGS}


@KINDS
def test_what_is_not_there_gets_no_tags(strict_points: PointSite, kind: Kind) -> None:
    missing = Seed(scope=LONDON, kind=kind, name=fresh(), source="", tags={}).ref
    with pytest.raises(errors.NotFound):
        strict_points.adopt(missing, TAGS)


def test_tags_that_cannot_be_written_or_are_too_many_are_rejected(strict_points: PointSite) -> None:
    ref = strict_points.sown(Kind.INSTANCE, tags={f"tag-{number}": "" for number in range(48)})
    for tags in ({"aws:x": "1"}, {"note": "a;b"}, {f"more-{number}": "" for number in range(3)}):
        with pytest.raises(errors.Rejected):
            strict_points.adopt(ref, tags)
    assert len(strict_points.there(ref).tags) == 48


# Automated backups in another region.


def test_an_instances_backups_are_replicated_and_both_ends_tell(strict_points: PointSite) -> None:
    strict_points.until_idle()
    source = strict_points.found("orders")  # the lab has a window only of what is really there
    assert (source.replicated_to, strict_points.replicated(source)) == ((), None)
    strict_points.replicate(source, key=GOOD_KEY)
    begun = strict_points.replicated(source)
    assert begun is not None
    assert begun.scope == IRELAND
    found = strict_points.until_replicating(source)
    assert (found.arn, found.scope) == (begun.arn, IRELAND)
    assert found.window is not None
    assert strict_points.found(source.name).replicated_to == (found.arn,)
    assert list(strict_points.home.replicated()) == []
    strict_points.levers.end_replications()
    assert strict_points.found(source.name).replicated_to == ()


def test_backups_that_are_not_encrypted_are_replicated_without_a_key(strict_points: PointSite) -> None:
    source = strict_points.instance()
    strict_points.replicate(source)
    assert strict_points.until_replicating(source).source == source.arn


def test_what_is_replicated_already_or_has_no_backups_is_a_conflict(strict_points: PointSite) -> None:
    source, off = strict_points.instance(), strict_points.instance(days=0)
    strict_points.replicate(source)
    for each in (source, off):
        with pytest.raises(errors.Conflict):
            strict_points.replicate(each)
    assert strict_points.replicated(off) is None


def test_backups_of_nobody_are_not_replicated(strict_points: PointSite) -> None:
    source = strict_points.instance()
    name = fresh("nobody")
    nobody = replace(source, id=replace(source.id, name=name), arn=source.arn.replace(source.name, name))
    with pytest.raises(errors.NotFound):
        strict_points.replicate(nobody)


def test_backups_are_not_replicated_to_where_they_are(strict_points: PointSite) -> None:
    with pytest.raises(errors.Rejected):
        strict_points.replicate(strict_points.instance(), LONDON)


@pytest.mark.parametrize("days", [0, 36])
def test_a_window_that_rds_does_not_take_is_rejected(strict_points: PointSite, days: int) -> None:
    with pytest.raises(errors.Rejected):
        strict_points.replicate(strict_points.instance(), days=days)


@pytest.mark.parametrize(
    ("own", "asked", "code"),
    [
        (key_of(LONDON), "", "InvalidParameterCombination"),
        ("", GOOD_KEY, "InvalidParameterCombination"),
        (key_of(LONDON), BAD_KEY, "KMSKeyNotAccessibleFault"),
        (key_of(LONDON), MISSING_KEY, "KMSKeyNotAccessibleFault"),
        (key_of(LONDON), key_of(LONDON), "KMSKeyNotAccessibleFault"),
    ],
    ids=["none for what is encrypted", "one for what is not", "unusable", "missing", "elsewhere"],
)
def test_a_key_that_does_not_fit_is_rejected(strict_points: PointSite, own: str, asked: str, code: str) -> None:
    source = strict_points.instance(key=own)
    with pytest.raises(errors.Rejected) as caught:
        strict_points.replicate(source, key=asked)
    assert caught.value.code == code
    assert strict_points.found(source.name).replicated_to == ()


def test_twenty_instances_are_replicated_to_one_place_and_what_has_ended_is_not_told(
    strict_points: PointSite,
) -> None:
    strict_points.levers.end_replications()
    assert list(strict_points.away.replicated()) == []
    for _ in range(20):
        strict_points.replicate(strict_points.instance())
    with pytest.raises(errors.Rejected) as caught:
        strict_points.replicate(strict_points.instance())
    assert caught.value.code.startswith("DBInstanceAutomatedBackupQuotaExceeded")
    assert len(list(strict_points.away.replicated())) == 20
    strict_points.levers.end_replications()
    assert list(strict_points.away.replicated()) == []


# Keys, option groups, quotas.


def test_a_key_is_known_by_its_arn_and_why_it_cannot_be_used(strict_points: PointSite) -> None:
    good, bad, missing = (strict_points.away.key(key) for key in (GOOD_KEY, BAD_KEY, MISSING_KEY))
    assert (good.arn, good.problem, good.shareable) == (key_of(IRELAND), "", True)
    assert "PendingDeletion" in bad.problem
    assert (missing.arn, MISSING_KEY in missing.problem) == ("", True)
    assert strict_points.away.key(key_of(IRELAND)) == good
    assert strict_points.vault.key(GOOD_KEY).arn == key_of(IN_VAULT)


def test_a_key_of_another_region_is_of_no_use(strict_points: PointSite) -> None:
    assert strict_points.away.key(key_of(LONDON)).problem


def test_the_key_that_aws_manages_serves_no_other_account(strict_points: PointSite) -> None:
    managed = strict_points.home.key("alias/aws/rds")
    assert (managed.problem, managed.shareable) == ("", False)


def test_option_groups_are_those_of_the_region(strict_points: PointSite) -> None:
    assert "orders-og" in strict_points.home.option_groups()
    assert "orders-og" not in strict_points.away.option_groups()


@KINDS
def test_quotas_count_what_is_there(strict_points: PointSite, kind: Kind) -> None:
    name = "ManualSnapshots" if kind is Kind.INSTANCE else "ManualClusterSnapshots"

    def used() -> int:
        return next(each.used for each in strict_points.away.quotas() if each.name == name)

    before = used()
    source = strict_points.sown(kind)
    copy = strict_points.copy(source)
    strict_points.until(copy)
    assert used() == before + 1
    strict_points.delete(copy)
    assert used() == before
