"""Which copies begin, in which order, by which steps, and what is tidied up after them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.actions import CopyPoint, DeletePoint, PointAction, SharePoint
from backstay.core.decide.copies import Lack
from backstay.core.decide.protect import LeftAlone
from backstay.core.decide.replicate import (
    CAPS,
    CopyFacts,
    Steps,
    choose,
    replicating,
    replication,
    steps,
    tidy,
    waiting,
)
from backstay.core.decide.snapshot import ATTEMPTS
from backstay.core.model import Database, Kind, Outcome, Provider, Result, Scope, State
from backstay.core.naming import TAG_DATA_TIME, TAG_HELPER, TAG_HOLD, TAG_SHARED, TAG_SLOT, point_name
from backstay.core.places import Place, Wanted
from backstay.core.points import OWN_KEY, OWNED_KEY, UNENCRYPTED, PointState, RecoveryPoint
from backstay.core.policy import Enforce, Keep, Objectives, Pitr, Require
from backstay.core.restoring import Unchecked
from backstay.core.stores import KeyFacts
from tests.fleet import IRELAND, LONDON, database, point
from tests.unit.core.given import tier
from tests.workflows.places import DAY, VAULT, VAULT_ACCOUNT, replicated, rules

if TYPE_CHECKING:
    from collections.abc import Sequence

NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)
ORDERS = database()
DR = Place("dr", IRELAND, "alias/dr")
TO_VAULT = Place("vault", VAULT, "alias/vault")
SECOND = Place("second", Scope(Provider.AWS, "333344445555", "eu-west-1"), "alias/second")
CHINA, CHINA_VAULT = (
    Scope(Provider.AWS, "111122223333", "cn-north-1"),
    Scope(Provider.AWS, VAULT_ACCOUNT, "cn-northwest-1"),
)
KEY, THERE, OWN = KeyFacts("arn:source"), KeyFacts("arn:there"), KeyFacts("arn:own")
DENIED = Unchecked("kms:DescribeKey: AccessDenied")


def source(of: Database = ORDERS, nights: int = 0, **given: Any) -> RecoveryPoint:
    defaults: dict[str, Any] = {"encryption": OWN_KEY, "kms_key": "arn:source", "option_group": ""}
    return point(of, NIGHT - nights * DAY, **(defaults | given))


def lack(of: Database = ORDERS, to: Place = DR, **given: Any) -> Lack:
    defaults: dict[str, Any] = {
        "database": of,
        "tier": tier(),
        "source": source(of),
        "wanted": Wanted(to, Keep(daily=7), immutable=False),
        "newest": None,
        "backfill": False,
        "failed": 0,
        "under_way": False,
    }
    return Lack(**(defaults | given))


def many(count: int, kind: Kind = Kind.INSTANCE) -> list[Lack]:
    return [lack(database(f"db-{number:02}", kind=kind)) for number in range(count)]


def names(lacks: Sequence[Lack]) -> list[str]:
    return [each.database.name for each in lacks]


def facts(**given: Any) -> CopyFacts:
    defaults: dict[str, Any] = {"partition": "aws", "key": THERE, "source_key": KEY, "own_key": OWN}
    return CopyFacts(**(defaults | given))


def stepped(which: Lack, *points: RecoveryPoint, **given: Any) -> Steps | Outcome:
    return steps(which, facts(**given), [which.source, *points], "backstay")


def begun(which: Lack, *points: RecoveryPoint, **given: Any) -> list[PointAction]:
    found = stepped(which, *points, **given)
    assert isinstance(found, Steps), found
    return list(found.actions)


def copied(which: Lack, *points: RecoveryPoint, **given: Any) -> CopyPoint:
    (found,) = begun(which, *points, **given)
    assert isinstance(found, CopyPoint)
    return found


def refused(which: Lack, *points: RecoveryPoint, **given: Any) -> tuple[Result, str]:
    found = stepped(which, *points, **given)
    assert isinstance(found, Outcome), found
    return found.result, found.message


class TestChoosing:
    def test_given_all_in_need_when_chosen_then_the_most_exposed_first(self) -> None:
        old, new = NIGHT - 9 * DAY, NIGHT - DAY
        hurried = tier(objectives=Objectives(rpo=timedelta(minutes=1), rto=DAY))
        lacks = [
            lack(database("filled"), backfill=True),
            lack(database("fresh"), newest=new),
            lack(database("hurried"), newest=new, tier=hurried),
            lack(database("stale"), newest=old),
            lack(database("none-old"), source=source(database("none-old"), 1)),
            lack(database("none")),
        ]
        expected = ["none", "none-old", "stale", "hurried", "fresh", "filled"]
        assert names(choose(lacks, {}).begin) == expected
        assert names(choose(reversed(lacks), {}).begin) == expected

    @pytest.mark.parametrize("kind", list(Kind))
    def test_given_a_destination_when_its_cap_is_reached_then_the_others_wait(self, kind: Kind) -> None:
        chosen = choose(many(30, kind), {})
        assert len(chosen.begin) == CAPS[kind] == {Kind.INSTANCE: 20, Kind.CLUSTER: 5}[kind]
        assert len(chosen.waits) == 30 - CAPS[kind]
        assert f"which takes {CAPS[kind]} at once" in chosen.waits[0][1]

    def test_given_copies_in_flight_when_chosen_then_they_count_there_and_for_their_kind_only(self) -> None:
        lacks = [*many(5), *many(5, Kind.CLUSTER), *[lack(each.database, TO_VAULT) for each in many(5)]]
        chosen = choose(lacks, {(IRELAND, Kind.INSTANCE): 18, (LONDON, Kind.CLUSTER): 5, (VAULT, Kind.INSTANCE): 20})
        found = [(each.wanted.place.name, each.source.kind) for each in chosen.begin]
        assert found.count(("dr", Kind.INSTANCE)) == 2
        assert found.count(("dr", Kind.CLUSTER)) == 5
        assert found.count(("vault", Kind.INSTANCE)) == 0

    def test_given_several_of_one_database_when_chosen_then_one_for_each_place(self) -> None:
        lacks = [lack(source=source(nights=number), backfill=number > 0) for number in range(3)]
        lacks += [replace(each, wanted=Wanted(TO_VAULT, Keep(daily=7), immutable=False)) for each in lacks]
        chosen = choose(lacks, {})
        assert [(each.wanted.place.name, each.source.at) for each in chosen.begin] == [("dr", NIGHT), ("vault", NIGHT)]
        assert len(chosen.waits) == 4

    def test_given_one_on_its_way_when_chosen_then_the_next_waits(self) -> None:
        chosen = choose([lack(under_way=True)], {})
        assert (chosen.begin, chosen.waits[0][1]) == ((), f"another copy of it is on its way to {IRELAND}")

    def test_given_two_other_accounts_when_chosen_then_one_at_a_time(self) -> None:
        chosen = choose([lack(to=TO_VAULT), lack(to=SECOND)], {})
        assert (len(chosen.begin), len(chosen.waits)) == (1, 1)

    def test_given_one_that_is_given_up_when_chosen_then_it_is_told_and_takes_no_place(self) -> None:
        chosen = choose([lack(database("gone"), failed=ATTEMPTS), *many(20)], {})
        assert len(chosen.begin) == 21
        assert chosen.waits == ()

    def test_given_those_that_cannot_begin_when_chosen_then_they_are_told_and_stand_in_nobody_s_way(self) -> None:
        """Five clusters that cannot be encrypted have no copy at all: they come first, in every run, for ever."""
        stuck = {f"db-{number:02}" for number in range(5)}
        chosen = choose(many(8, Kind.CLUSTER), {}, lambda each: each.database.name not in stuck)
        assert names(chosen.begin) == [f"db-{number:02}" for number in range(8)]

    def test_given_a_wait_when_told_then_it_is_in_order(self) -> None:
        told = waiting(lack(), "5 copies are on their way")
        assert (told.result, told.passing) == (Result.PENDING, True)
        assert told.message == "copy in dr: waits: 5 copies are on their way"


class TestSteps:
    def test_given_a_place_of_the_same_account_when_stepped_then_one_copy_under_its_key_with_our_tags(self) -> None:
        copy = copied(lack())
        assert (copy.to, copy.kms_key, copy.source.arn) == (IRELAND, "arn:there", source().arn)
        assert copy.name == point_name("backstay", ORDERS.id, NIGHT)
        assert copy.tags[TAG_SLOT] == copy.tags[TAG_DATA_TIME] == "2026-11-24T03:00:00Z"
        assert TAG_HELPER not in copy.tags

    def test_given_a_key_that_nobody_may_look_at_when_stepped_then_the_policy_s_name_for_it(self) -> None:
        assert copied(lack(), key=DENIED).kms_key == "alias/dr"

    def test_given_another_account_when_stepped_then_shared_and_copied_in_one_call(self) -> None:
        share, copy = begun(lack(to=TO_VAULT))
        assert isinstance(share, SharePoint)
        assert isinstance(copy, CopyPoint)
        assert (share.account, share.shared, share.point.arn) == (VAULT_ACCOUNT, True, source().arn)
        assert (copy.to, copy.source.arn, copy.kms_key) == (VAULT, source().arn, "arn:there")

    def test_given_a_tag_of_a_share_that_may_have_failed_when_stepped_then_shared_again_before_the_copy(self) -> None:
        shared = source(also={TAG_SHARED: VAULT_ACCOUNT})
        share, copy = begun(lack(to=TO_VAULT, source=shared))
        assert isinstance(share, SharePoint)
        assert isinstance(copy, CopyPoint)
        assert (share.account, share.shared, copy.to) == (VAULT_ACCOUNT, True, VAULT)

    def test_given_a_point_shared_with_a_third_account_when_stepped_then_it_waits(self) -> None:
        shared = source(also={TAG_SHARED: "333344445555"})
        result, message = refused(lack(to=TO_VAULT, source=shared))
        assert result is Result.PENDING
        assert "is shared with 333344445555 for another copy" in message

    @pytest.mark.parametrize(
        ("encryption", "key"),
        [(OWN_KEY, KeyFacts("arn:aws-rds", shareable=False)), (OWNED_KEY, None)],
        ids=["the default key", "sse-rds"],
    )
    def test_given_a_key_that_cannot_be_shared_when_stepped_then_encrypted_anew_at_home_first(
        self, encryption: str, key: KeyFacts | None
    ) -> None:
        which = lack(to=TO_VAULT, source=source(encryption=encryption))
        helper = copied(which, source_key=key)
        assert (helper.to, helper.kms_key, helper.tags[TAG_HELPER]) == (LONDON, "arn:own", str(VAULT))
        assert helper.name == point_name("backstay-h", ORDERS.id, NIGHT) != which.source.id

    def test_given_the_helper_when_it_is_on_its_way_then_it_waits_and_when_it_is_there_it_is_shared(self) -> None:
        which = lack(to=TO_VAULT, source=source(encryption=OWNED_KEY))
        helper = point(ORDERS, NIGHT, id="helper", also={TAG_HELPER: str(VAULT)}, state=PointState.CREATING)
        result, message = refused(which, helper, source_key=None)
        assert (result, "encrypted anew" in message) == (Result.PENDING, True)
        share, copy = begun(which, replace(helper, state=PointState.AVAILABLE), source_key=None)
        assert isinstance(share, SharePoint)
        assert isinstance(copy, CopyPoint)
        assert (share.point.id, copy.source.id, copy.to) == ("helper", "helper", VAULT)

    def test_given_an_own_key_that_nobody_may_look_at_when_stepped_then_by_its_alias(self) -> None:
        which = lack(to=TO_VAULT, source=source(encryption=OWNED_KEY))
        assert copied(which, source_key=None, own_key=DENIED).kms_key == "alias/backstay"

    def test_given_an_own_key_that_cannot_encrypt_when_stepped_then_refused(self) -> None:
        which = lack(to=TO_VAULT, source=source(encryption=OWNED_KEY))
        assert "no such key" in refused(which, source_key=None, own_key=KeyFacts("", "no such key"))[1]

    def test_given_a_partition_without_the_one_call_when_stepped_then_by_way_of_the_account_at_home(self) -> None:
        home = database(scope=CHINA)
        original = source(home, arn="arn:aws-cn:rds:cn-north-1:111122223333:snapshot:orders")
        which = lack(home, Place("vault", CHINA_VAULT, "alias/vault"), source=original)
        share, half = begun(which, partition="aws-cn")
        assert isinstance(share, SharePoint)
        assert isinstance(half, CopyPoint)
        via = Scope(Provider.AWS, VAULT_ACCOUNT, "cn-north-1")
        assert (half.to, half.kms_key, half.tags[TAG_HELPER]) == (via, "alias/vault", str(CHINA_VAULT))
        helper = point(home, NIGHT, id="half", scope=via, also={TAG_HELPER: str(CHINA_VAULT)}, copied_from=original.arn)
        last = copied(which, helper, partition="aws-cn")
        assert (last.source.id, last.to, last.kms_key) == ("half", CHINA_VAULT, "arn:there")
        assert TAG_HELPER not in last.tags

    def test_given_an_unencrypted_cluster_when_stepped_then_unencrypted_unless_the_tier_requires_more(self) -> None:
        ledger = database("ledger", kind=Kind.CLUSTER)
        plain = source(ledger, encryption=UNENCRYPTED, kms_key="")
        assert copied(lack(ledger, source=plain), key=KeyFacts("", "gone")).kms_key == ""
        result, message = refused(lack(ledger, source=plain, tier=tier(require=(Require.ENCRYPTED,))))
        assert (result, "restore it into an encrypted cluster" in message) == (Result.REFUSED, True)

    def test_given_an_unencrypted_instance_when_stepped_then_the_copy_is_encrypted(self) -> None:
        assert copied(lack(source=source(encryption=UNENCRYPTED, kms_key=""))).kms_key == "arn:there"

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (
                {"key": KeyFacts("arn:there", "is pending deletion")},
                "alias/dr in aws/111122223333/eu-west-1: is pending",
            ),
            ({"room": 0}, "quota of snapshots in aws/111122223333/eu-west-1 is full"),
        ],
    )
    def test_given_a_preflight_that_fails_when_stepped_then_refused_with_what_to_do(
        self, given: dict[str, Any], words: str
    ) -> None:
        result, message = refused(lack(), **given)
        assert (result, words in message) == (Result.REFUSED, True)

    def test_given_a_preflight_that_could_not_look_when_stepped_then_the_call_is_tried(self) -> None:
        assert copied(lack(), key=DENIED, room=DENIED, option_groups=DENIED).to == IRELAND

    def test_given_failed_attempts_when_stepped_then_another_name_and_given_up_after_three(self) -> None:
        def failed(number: int) -> RecoveryPoint:
            name = point_name("backstay", ORDERS.id, NIGHT, number)
            return point(ORDERS, NIGHT, scope=IRELAND, id=name, state=PointState.FAILED)

        assert copied(lack(failed=1), failed(1)).name.endswith("-r2")
        assert copied(lack(failed=1), failed(2)).name == point_name("backstay", ORDERS.id, NIGHT)
        result, message = refused(lack(failed=ATTEMPTS))
        assert (result, "failed 3 times" in message) == (Result.FAILED, True)

    def test_given_failed_helpers_when_stepped_then_they_count_and_are_not_used(self) -> None:
        which = lack(to=TO_VAULT, source=source(encryption=OWNED_KEY))
        failed = [
            point(ORDERS, NIGHT, id=point_name("backstay-h", ORDERS.id, NIGHT, number),
                  also={TAG_HELPER: str(VAULT)}, state=PointState.FAILED)
            for number in (1, 2, 3)
        ]  # fmt: skip
        assert copied(which, *failed[:2], source_key=None).name.endswith("-r3")
        assert refused(which, *failed, source_key=None)[0] is Result.FAILED

    def test_given_two_slots_of_one_minute_when_the_other_is_copied_then_another_name(self) -> None:
        other = point(ORDERS, NIGHT + timedelta(seconds=20), scope=IRELAND, id=point_name("backstay", ORDERS.id, NIGHT))
        assert copied(lack(), other).name.endswith("-r2")


class TestOptionGroups:
    GROUPED: dict[str, Any] = {"option_group": "orders-og"}  # noqa: RUF012  # only read

    def test_given_a_group_of_that_name_there_when_stepped_then_it_comes_along(self) -> None:
        which = lack(source=source(**self.GROUPED))
        assert copied(which, option_groups=frozenset({"orders-og"})).option_group == "orders-og"

    def test_given_none_there_when_stepped_then_the_default_one_and_a_word_about_it(self) -> None:
        found = stepped(lack(source=source(**self.GROUPED)))
        assert isinstance(found, Steps)
        assert "default option group" in found.message

    def test_given_groups_that_could_not_be_read_when_stepped_then_that_is_said_and_not_that_there_is_none(
        self,
    ) -> None:
        found = stepped(
            lack(source=source(**self.GROUPED)), option_groups=Unchecked("rds:DescribeOptionGroups: denied")
        )
        assert isinstance(found, Steps)
        assert "could not be read: rds:DescribeOptionGroups: denied" in found.message
        assert "has no" not in found.message

    def test_given_an_engine_that_needs_its_options_when_there_is_none_then_refused(self) -> None:
        which = lack(source=source(engine="oracle-ee", **self.GROUPED))
        result, message = refused(which)
        assert (result, "create an option group orders-og" in message) == (Result.REFUSED, True)
        assert copied(which, option_groups=DENIED).option_group == ""

    def test_given_another_account_when_stepped_then_the_group_goes_along(self) -> None:
        copy = begun(lack(to=TO_VAULT, source=source(engine="oracle-ee", **self.GROUPED)))[1]
        assert isinstance(copy, CopyPoint)
        assert (copy.carry_options, copy.option_group) == (True, "")

    def test_given_a_default_group_when_stepped_then_none_is_named(self) -> None:
        copy = copied(lack(source=source(option_group="default:postgres-17")))
        assert (copy.carry_options, copy.option_group) == (False, "")


class TestTidying:
    SHARED = source(also={TAG_SHARED: VAULT_ACCOUNT})
    HELPER = point(ORDERS, NIGHT, id="helper", arn="arn:helper", also={TAG_HELPER: str(VAULT)})
    SLOT = SHARED.slot

    def _tidied(self, *points: RecoveryPoint, needed: set[tuple[str, str]] | None = None, **given: Any) -> list[str]:
        found = tidy(ORDERS, points, needed or set(), given.get("unread", ()))
        return [type(each).__name__ for each in found]

    def test_given_what_has_served_when_tidied_then_it_goes(self) -> None:
        (unshare,) = tidy(ORDERS, [self.SHARED], set(), ())
        assert isinstance(unshare, SharePoint)
        assert (unshare.account, unshare.shared) == (VAULT_ACCOUNT, False)
        (delete,) = tidy(ORDERS, [self.HELPER], set(), ())
        assert isinstance(delete, DeletePoint)
        assert delete.point.id == "helper"

    def test_given_a_copy_that_lacks_when_tidied_then_what_serves_it_stays(self) -> None:
        assert self._tidied(self.SHARED, self.HELPER, needed={(self.SLOT, str(VAULT))}) == []

    def test_given_a_copy_that_lacks_elsewhere_when_tidied_then_it_is_no_longer_shared(self) -> None:
        """Else it would stay shared with the one, and so could never be shared with the other."""
        other = {(self.SLOT, str(SECOND.scope)), (self.SLOT, str(IRELAND)), ("another slot", str(VAULT))}
        assert self._tidied(self.SHARED, self.HELPER, needed=other) == ["SharePoint", "DeletePoint"]

    def test_given_a_copy_on_its_way_when_tidied_then_what_serves_it_stays(self) -> None:
        of_shared = point(ORDERS, NIGHT, scope=VAULT, state=PointState.CREATING, copied_from=self.SHARED.arn)
        of_helper = replace(of_shared, copied_from="arn:helper")
        assert self._tidied(self.SHARED, of_shared) == []
        assert self._tidied(self.HELPER, of_helper) == []

    def test_given_a_place_that_could_not_be_read_when_tidied_then_nothing(self) -> None:
        assert self._tidied(self.SHARED, self.HELPER, unread=(VAULT,)) == []

    def test_given_a_helper_on_hold_or_not_available_when_tidied_then_it_stays(self) -> None:
        held = replace(self.HELPER, tags={**self.HELPER.tags, TAG_HOLD: "legal"})
        assert self._tidied(held, replace(self.HELPER, state=PointState.FAILED)) == []

    def test_given_a_point_of_its_own_when_tidied_then_it_is_none_of_its_business(self) -> None:
        assert self._tidied(source(), point(ORDERS, NIGHT, scope=VAULT)) == []


class TestAutomatedBackups:
    POLICY = replicated(rules())
    TIER = POLICY.tiers[0]

    def test_given_replicate_to_when_enforced_then_to_that_place(self) -> None:
        found = replication(ORDERS, self.TIER, self.POLICY)
        assert isinstance(found, Place)
        assert found.scope == IRELAND

    @pytest.mark.parametrize(
        "of",
        [
            replace(ORDERS, replicated_to=("arn:aws:rds:eu-west-1:111122223333:auto-backup:ab-1",)),
            database("ledger", kind=Kind.CLUSTER),
            database(days=0),
            database(scope=IRELAND),
        ],
        ids=["already", "cluster", "PITR off", "at home there"],
    )
    def test_given_nothing_to_do_when_asked_then_left_alone(self, of: Database) -> None:
        assert isinstance(replication(of, self.TIER, self.POLICY), LeftAlone)

    def test_given_report_only_when_asked_then_left_alone(self) -> None:
        assert isinstance(replication(ORDERS, replace(self.TIER, enforce=(Enforce.PITR,)), self.POLICY), LeftAlone)

    def test_given_a_busy_database_when_asked_then_the_next_run_tries_again(self) -> None:
        found = replication(replace(ORDERS, state=State.BUSY, status="modifying"), self.TIER, self.POLICY)
        assert isinstance(found, Outcome)
        assert (found.result, found.passing) == (Result.PENDING, True)

    def test_given_an_encrypted_instance_when_replicated_then_under_the_place_s_key_for_the_longer_window(self) -> None:
        config = replace(ORDERS.config, encryption=OWN_KEY)
        action = replicating(replace(ORDERS, config=config, retention=30 * DAY), self.TIER, DR, THERE)
        assert not isinstance(action, Outcome)
        assert (action.kms_key, action.days, action.to) == ("arn:there", 30, IRELAND)
        longer = replace(self.TIER, pitr=Pitr(window=35 * DAY, replicate_to="dr"))
        found = replicating(ORDERS, longer, DR, DENIED)
        assert not isinstance(found, Outcome)
        assert found.days == 35

    def test_given_an_unencrypted_instance_when_replicated_then_without_a_key(self) -> None:
        config = replace(ORDERS.config, encryption=UNENCRYPTED)
        action = replicating(replace(ORDERS, config=config), self.TIER, DR, KeyFacts("", "no such key"))
        assert not isinstance(action, Outcome)
        assert action.kms_key == ""

    def test_given_a_key_that_cannot_encrypt_when_replicated_then_refused(self) -> None:
        config = replace(ORDERS.config, encryption=OWN_KEY)
        found = replicating(replace(ORDERS, config=config), self.TIER, DR, KeyFacts("arn:there", "is disabled"))
        assert isinstance(found, Outcome)
        assert (found.result, "is disabled" in found.message) == (Result.REFUSED, True)
