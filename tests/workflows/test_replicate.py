"""Replicate begins the copies that lack, in order of need, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from backstay.core.errors import Denied, Rejected, Unreachable
from backstay.core.model import Kind
from backstay.core.naming import TAG_DATA_TIME, TAG_HELPER, TAG_SHARED, TAG_SLOT
from backstay.core.points import OWN_KEY, OWNED_KEY, UNENCRYPTED, PointState
from backstay.core.policy import Require
from backstay.core.restoring import Quota
from backstay.core.stores import KeyFacts
from backstay.providers.memory import Surroundings, Work
from tests.fleet import IRELAND, LONDON, NOW, configuration, database, fleet, point
from tests.workflows.places import (
    DAY,
    DR,
    TO_VAULT,
    VAULT,
    VAULT_ACCOUNT,
    outcomes,
    replicated,
    replicates,
    rules,
    there,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.model import Database
    from tests.fleet import Fleet

KEY = "arn:aws:kms:eu-west-2:111122223333:key/orders"


def raising(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


def encrypted(name: str = "orders", kind: Kind = Kind.INSTANCE, key: str = KEY) -> Database:
    config = replace(configuration(name, kind), encryption=OWN_KEY, kms_key=key, option_group="default:postgres-17")
    return database(name, kind=kind, config=config)


def one_day(*databases: Database, **given: object) -> Fleet:
    """A fleet with one snapshot each, of this night."""
    found = fleet(*databases, rules=rules(DR), **given)  # type: ignore[arg-type]
    for each in databases:
        found.cloud.add_point(point(each))
    return found


@pytest.mark.parametrize("kind", list(Kind))
def test_given_a_snapshot_without_its_copy_then_one_is_begun_under_the_place_s_key_with_its_data_time(
    kind: Kind,
) -> None:
    orders = encrypted(kind=kind)
    given = one_day(orders)
    report = replicates(given)
    assert (report["status"], outcomes(report)) == ("pending", [("copy", "pending")])
    given.cloud.advance()
    (copy,) = there(given, IRELAND)
    (source,) = there(given, LONDON)
    assert copy.kms_key == "arn:aws:kms:eu-west-1:111122223333:key/backstay"
    assert (copy.tags[TAG_SLOT], copy.tags[TAG_DATA_TIME]) == (source.slot, source.slot)
    assert (copy.data_time, copy.copied_from) == (source.data_time, source.arn)


def test_what_is_there_is_not_copied_again() -> None:
    given = one_day(encrypted())
    replicates(given)
    report = replicates(given)
    assert (report["status"], report["outcomes"], report["waiting"]) == ("ok", [], 0)


def test_given_a_copy_whose_tags_were_taken_off_then_it_is_not_made_again_but_told() -> None:
    given = one_day(encrypted())
    replicates(given)
    (copy,) = there(given, IRELAND)
    given.cloud.edit_point(copy, lambda each: replace(each, tags={}))
    report = replicates(given)
    assert report["status"] == "refused"
    assert "has not our tags" in report["outcomes"][0]["message"]
    assert len(there(given, IRELAND)) == 1


def test_given_many_then_those_without_any_copy_come_first_and_the_oldest_next_within_the_cap() -> None:
    many = [encrypted(f"db-{number:02}") for number in range(25)]
    given = one_day(*many)
    for number, each in enumerate(many[:15]):
        given.cloud.add_point(point(each, NOW - (number + 2) * DAY, scope=IRELAND))
    given.cloud.takes(Work.COPY, looks=9)
    report = replicates(given)
    begun = [each["database"].split("/")[-1] for each in report["outcomes"] if each["action"]]
    assert len(begun) == 20
    assert sorted(begun[:10]) == [f"db-{number:02}" for number in range(15, 25)]
    assert begun[10:] == [f"db-{number:02}" for number in range(14, 4, -1)]
    assert report["waiting"] == 5
    waiting = [each for each in report["outcomes"] if not each["action"]]
    assert all("takes 20 at once" in each["message"] and each["passing"] for each in waiting)


def test_clusters_have_a_cap_of_their_own() -> None:
    given = one_day(*(encrypted(f"c-{number}", Kind.CLUSTER) for number in range(7)), encrypted("orders"))
    given.cloud.takes(Work.COPY, looks=9)
    report = replicates(given)
    assert (report["counts"], report["waiting"]) == ({"pending": 8}, 2)
    assert len(there(given, IRELAND)) == 6


def test_one_copy_at_a_time_of_a_database_the_newest_first() -> None:
    orders = encrypted()
    given = fleet(orders, rules=rules(DR))
    for days in range(4):
        given.cloud.add_point(point(orders, NOW - days * DAY - timedelta(hours=7)))
    given.cloud.takes(Work.COPY, span=timedelta(minutes=20))
    for expected in range(1, 5):
        replicates(given)
        assert len(there(given, IRELAND)) == expected
        assert sum(each.state is PointState.CREATING for each in there(given, IRELAND)) == 1
        wait(given, timedelta(minutes=30))
    assert [each.slot for each in there(given, IRELAND)] == [each.slot for each in there(given, LONDON)]


def test_a_copy_that_the_place_would_not_keep_is_not_made() -> None:
    orders = encrypted()
    given = fleet(orders, rules=rules(replace(DR, keep=replace(DR.keep, daily=1, monthly=0))))
    for days in range(4):
        given.cloud.add_point(point(orders, NOW - days * DAY - timedelta(hours=7)))
    for _ in range(5):
        replicates(given)
    assert len(there(given, IRELAND)) == 1


def test_given_a_failed_copy_then_it_is_tried_again_and_given_up_after_three() -> None:
    given = one_day(encrypted())
    for attempt in range(3):
        assert outcomes(replicates(given)) == [("copy", "pending")]
        newest = next(each for each in there(given, IRELAND) if each.state is not PointState.FAILED)
        given.cloud.fail_point(newest)
        assert len(there(given, IRELAND)) == attempt + 1
    report = replicates(given)
    assert (report["status"], report["outcomes"][0]["passing"]) == ("error", False)
    assert "failed 3 times" in report["outcomes"][0]["message"]


@pytest.mark.parametrize("problem", ["is disabled: enable it", "is pending deletion: cancel that"])
def test_given_a_key_that_cannot_encrypt_then_no_copy_is_tried_and_the_report_says_what_to_do(problem: str) -> None:
    given = one_day(encrypted())
    given.cloud.keys[IRELAND, "alias/backstay"] = KeyFacts("arn:aws:kms:eu-west-1:111122223333:key/b", problem)
    report = replicates(given)
    assert (report["status"], there(given, IRELAND)) == ("refused", [])
    assert f"alias/backstay in {IRELAND}: {problem}" in report["outcomes"][0]["message"]


def test_given_a_full_quota_then_it_is_refused_and_not_tried() -> None:
    given = one_day(encrypted("a"), encrypted("b"))
    given.cloud.surroundings[IRELAND] = Surroundings(quotas=(Quota("ManualSnapshots", 99, 100),))
    report = replicates(given)
    assert report["counts"] == {"pending": 1, "refused": 1}
    assert any("quota of snapshots" in each["message"] for each in report["outcomes"])


def test_given_others_copying_to_there_meanwhile_then_it_waits() -> None:
    given = one_day(encrypted())
    given.cloud.interfere("copy", raising(Rejected("20 in progress", code="SnapshotQuotaExceeded")), times=1)
    report = replicates(given)
    assert [(each["result"], each["passing"]) for each in report["outcomes"]] == [("pending", True)]
    assert outcomes(replicates(given)) == [("copy", "pending")]


def test_a_place_that_cannot_be_read_is_unknown_and_nothing_is_copied_to_it() -> None:
    given = one_day(encrypted())
    given.cloud.interfere("points", raising(Unreachable("no answer")), scope=IRELAND)
    report = replicates(given)
    assert (report["status"], report["exit_status"], report["outcomes"]) == ("unknown", 2, [])
    assert [each["scope"] for each in report["unread"]] == [str(IRELAND)] * 2


def test_given_a_preflight_that_may_not_look_then_the_copy_is_tried_all_the_same() -> None:
    given = one_day(encrypted())
    denied = raising(Denied("AccessDenied: kms:DescribeKey", code="AccessDenied"))
    given.cloud.interfere("key", denied)
    given.cloud.interfere("quotas", denied)
    assert outcomes(replicates(given)) == [("copy", "pending")]


@pytest.mark.parametrize(("encryption", "key"), [(OWNED_KEY, ""), (UNENCRYPTED, "")])
def test_each_kind_of_encryption_gets_the_place_s_key(encryption: str, key: str) -> None:
    orders = encrypted()
    given = fleet(orders, rules=rules(DR))
    given.cloud.add_point(point(orders, encryption=encryption, kms_key=key))
    replicates(given)
    (copy,) = there(given, IRELAND)
    assert (copy.encryption, copy.kms_key[-8:]) == (OWN_KEY, "backstay")


@pytest.mark.parametrize("required", [False, True])
def test_an_unencrypted_cluster_snapshot_is_copied_as_it_is_unless_the_tier_requires_encryption(
    required: bool,
) -> None:
    ledger = database("ledger", kind=Kind.CLUSTER)
    asked = rules(DR, require=(Require.ENCRYPTED,) if required else ())
    given = fleet(ledger, rules=asked)
    given.cloud.add_point(point(ledger, encryption=UNENCRYPTED, kms_key=""))
    report = replicates(given)
    if required:
        assert (report["status"], there(given, IRELAND)) == ("refused", [])
        assert "cannot be encrypted by copying" in report["outcomes"][0]["message"]
    else:
        assert [each.encryption for each in there(given, IRELAND)] == [UNENCRYPTED]


@pytest.mark.parametrize("exists", [False, True])
def test_an_option_group_comes_along_where_there_is_one_of_its_name(exists: bool) -> None:
    config = replace(configuration("orders", Kind.INSTANCE), encryption=OWN_KEY, kms_key=KEY)
    orders = database(config=config)
    given = one_day(orders)
    if exists:
        given.cloud.option_groups[IRELAND] = {"orders-og"}
    report = replicates(given)
    (copy,) = there(given, IRELAND)
    assert copy.option_group == ("orders-og" if exists else "default:postgres-17")
    assert ("with the default option group" in report["outcomes"][0]["message"]) is not exists


class TestIntoAVaultAccount:
    def _given(self, orders: Database) -> Fleet:
        given = fleet(orders, rules=rules(TO_VAULT))
        given.cloud.add_point(point(orders))
        given.cloud.takes(Work.COPY, span=timedelta(minutes=20))
        return given

    def test_it_is_shared_copied_and_no_longer_shared(self) -> None:
        given = self._given(encrypted())
        assert outcomes(replicates(given)) == [("share", "done"), ("copy", "pending")]
        (source,) = there(given, LONDON)
        assert source.tags[TAG_SHARED] == VAULT_ACCOUNT
        assert replicates(given)["outcomes"] == []  # while it is on its way
        wait(given, timedelta(minutes=30))
        assert outcomes(replicates(given)) == [("unshare", "done")]
        (source,) = there(given, LONDON)
        assert TAG_SHARED not in source.tags
        assert given.cloud.points.shared_with(source) == frozenset()
        assert [each.state for each in there(given, VAULT)] == [PointState.AVAILABLE]
        assert replicates(given)["outcomes"] == []

    def test_what_cannot_be_shared_is_encrypted_anew_first_and_the_helper_goes_afterwards(self) -> None:
        service = "arn:aws:kms:eu-west-2:111122223333:key/aws-rds"
        given = self._given(encrypted(key=service))
        assert outcomes(replicates(given)) == [("copy", "pending")]
        helper = next(each for each in there(given, LONDON) if TAG_HELPER in each.tags)
        assert helper.kms_key.endswith(":key/backstay")
        assert outcomes(replicates(given)) == [("", "pending")]
        wait(given, timedelta(minutes=30))
        assert outcomes(replicates(given)) == [("share", "done"), ("copy", "pending")]
        wait(given, timedelta(minutes=30))
        assert sorted(outcomes(replicates(given))) == [("delete", "done"), ("unshare", "done")]
        assert [each.helper_for for each in there(given, LONDON)] == [""]
        assert [each.helper_for for each in there(given, VAULT)] == [""]
        assert replicates(given)["outcomes"] == []

    def test_given_a_share_whose_copy_was_refused_then_the_next_run_makes_sure_of_the_share_and_copies(self) -> None:
        given = self._given(encrypted())
        given.cloud.interfere("copy", raising(Unreachable("no answer")), times=1)
        assert outcomes(replicates(given)) == [("share", "done"), ("copy", "failed")]
        assert outcomes(replicates(given)) == [("share", "done"), ("copy", "pending")]
        assert given.cloud.points.shared_with(there(given, LONDON)[0]) == {VAULT_ACCOUNT}


class TestAutomatedBackups:
    def test_given_replicate_to_then_it_begins_once(self) -> None:
        given = fleet(encrypted(), rules=replicated(rules()))
        assert outcomes(replicates(given)) == [("replicate", "pending")]
        assert replicates(given)["outcomes"] == []

    @pytest.mark.parametrize(
        "which",
        [database(days=0), database("ledger", kind=Kind.CLUSTER), database(replica_of="primary")],
        ids=["PITR off", "cluster", "replica"],
    )
    def test_what_cannot_be_replicated_is_left_alone(self, which: Database) -> None:
        given = fleet(which, rules=replicated(rules()))
        assert replicates(given)["outcomes"] == []

    def test_what_no_tier_enforces_is_left_alone(self) -> None:
        given = fleet(encrypted(), rules=replicated(rules(), enforce=False))
        assert replicates(given)["outcomes"] == []


def test_the_report_says_what_would_be_lost_with_the_region_and_how_old_the_copies_are() -> None:
    orders, ledger = encrypted(), encrypted("ledger", Kind.CLUSTER)
    given = one_day(orders, ledger)
    given.cloud.add_point(point(orders, NOW - timedelta(hours=26), scope=IRELAND))
    report = replicates(given, dry_run=True)
    lines = {each["database"].split("/")[-1]: each["line"] for each in report["exposures"]}
    assert lines["orders"] == f"if its region is gone now, you lose 26 h; the newest copy is in {IRELAND}"
    assert lines["ledger"].startswith("if its region is gone now, you lose everything")
    (row,) = report["places"]
    assert (row["tier"], row["region"], row["waiting"], row["without"]) == ("gold", "eu-west-1", 2, 1)
    assert row["oldest_newest_seconds"] == 26 * 3600
    assert len(there(given, IRELAND)) == 1
    assert outcomes(report) == [("copy", "planned"), ("copy", "planned")]


def test_a_fleet_costs_a_page_chain_per_place_and_kind_and_a_call_per_key_and_quota() -> None:
    given = one_day(*(encrypted(f"db-{number}") for number in range(12)))
    replicates(given)
    assert len(given.cloud.called("points")) == 6  # the vault's account too: the policy names it
    assert (len(given.cloud.called("key")), len(given.cloud.called("quotas"))) == (1, 1)
    assert len(given.cloud.called("copy")) == 12
