"""Whom snapshots are shared with: looked at a few at a time, remembered, and never taken for known."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import LostRace
from backstay.core.points import Origin
from backstay.workflows import shares
from backstay.workflows.shares import shares_key
from tests.fleet import IRELAND, LONDON, NOW, database, fleet, point
from tests.workflows.helpers import CountingVault, audited, denied
from tests.workflows.places import DAY, DR, TO_VAULT, VAULT, VAULT_ACCOUNT, rules, wait
from tests.workflows.test_audit_points import message, of_points

if TYPE_CHECKING:
    from backstay.core.points import RecoveryPoint
    from tests.fleet import Fleet

STRANGER = "999988887777"
ORDERS = database()
HERE = str(LONDON)
HOUR = timedelta(hours=1)


def nights(days: int, **given: Any) -> list[RecoveryPoint]:
    """Of the nights before yesterday: what we made within the day need not have been looked at yet."""
    return [point(ORDERS, NOW.replace(hour=0) - (night + 2) * DAY, **given) for night in range(days)]


def with_nights(days: int, **given: Any) -> Fleet:
    found = fleet(ORDERS, rules=rules(), **given)
    found.cloud.add_point(*nights(days))
    return found


def looked(given: Fleet) -> list[str]:
    """The snapshots that were looked at since this was last asked, in order of their names."""
    calls = given.cloud.called("shares")
    given.cloud.calls.clear()
    return sorted(call.about.id for call in calls)  # type: ignore[attr-defined]


def few(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(shares, "MOST", most)


def verdict(given: Fleet, **request: Any) -> str:
    return of_points(audited(given, **request), ORDERS)["BK008"]


@pytest.mark.parametrize("account", ["all", STRANGER])
def test_given_a_snapshot_shared_with_everyone_or_a_stranger_when_audited_then_fail_until_it_is_taken_back(
    account: str,
) -> None:
    given = with_nights(3)
    (_, middle, _) = given.cloud.every_point(LONDON)
    given.cloud.points.share(middle, account, shared=True)
    report = audited(given)
    whom = "everyone" if account == "all" else STRANGER
    assert message(report, "BK008") == f"{HERE}: {middle.id} is shared with {whom}"
    assert report["status"] == "findings"
    given.cloud.points.share(middle, account, shared=False)
    assert verdict(given) == "pass"


def test_given_accounts_that_we_work_with_when_a_snapshot_is_shared_with_them_then_in_order() -> None:
    given = fleet(ORDERS, rules=rules(TO_VAULT))
    given.cloud.add_point(*nights(3), *nights(3, scope=VAULT))
    for each in given.cloud.every_point():
        given.cloud.points.share(each, VAULT_ACCOUNT, shared=True)
        given.cloud.points.share(each, LONDON.account, shared=True)
    assert verdict(given) == "pass"


def test_given_our_tag_of_a_copy_in_steps_when_shared_with_that_account_then_in_order_and_with_no_other() -> None:
    given = fleet(ORDERS, rules=rules())
    meant = point(ORDERS, also={"backstay:shared": STRANGER})
    given.cloud.add_point(meant)
    given.cloud.points.share(meant, STRANGER, shared=True)
    assert verdict(given) == "pass"
    given.cloud.points.share(meant, "888877776666", shared=True)
    assert message(audited(given), "BK008") == f"{HERE}: {meant.id} is shared with 888877776666"


def test_given_our_tag_on_what_is_not_ours_when_shared_then_it_excuses_nothing() -> None:
    given = fleet(ORDERS, rules=rules())
    theirs = point(ORDERS, id="by-hand", tags={"backstay:shared": STRANGER})
    given.cloud.add_point(theirs)
    given.cloud.points.share(theirs, STRANGER, shared=True)
    assert verdict(given) == "fail"


def test_given_snapshots_that_cannot_be_shared_when_audited_then_no_call_is_spent_on_them() -> None:
    given = with_nights(2)
    given.cloud.add_point(
        point(ORDERS, id="rds:orders-1", tags={}, origin=Origin.AUTOMATED),
        point(ORDERS, id="awsbackup:job-1", tags={}, origin=Origin.AWS_BACKUP),
    )
    assert verdict(given) == "pass"
    assert len(looked(given)) == 2


def test_given_more_than_a_run_looks_at_when_audited_again_and_again_then_never_seen_first_then_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few(monkeypatch, 2)
    given = with_nights(5)
    names = [each.id for each in given.cloud.every_point(LONDON)]
    report = audited(given)
    assert message(report, "BK008") == f"{HERE}: 3 of 5 snapshots not looked at yet"
    rounds = [looked(given)]
    for _ in range(4):
        wait(given, HOUR)
        audited(given)
        rounds.append(looked(given))
    assert all(len(each) == 2 for each in rounds)
    assert {name for each in rounds[:3] for name in each} == set(names)
    assert rounds[2] != rounds[0]
    assert set(rounds[3]) != set(rounds[2])  # what was looked at last comes last
    assert verdict(given) == "pass"


def test_given_all_were_looked_at_when_one_is_made_then_it_is_the_first_to_be_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = with_nights(4)
    audited(given)
    looked(given)
    few(monkeypatch, 1)
    wait(given, HOUR)
    given.cloud.add_point(point(ORDERS, id="new", tags={}))
    assert verdict(given) == "pass"
    assert looked(given) == ["new"]


def test_given_a_bound_when_places_are_several_then_it_holds_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, 2)
    given = fleet(ORDERS, rules=rules(DR))
    given.cloud.add_point(*nights(4), *nights(4, scope=IRELAND))
    report = audited(given)
    assert len(looked(given)) == 4
    assert message(report, "BK008") == (
        f"{HERE}: 2 of 4 snapshots not looked at yet; {IRELAND}: 2 of 4 snapshots not looked at yet"
    )


def test_given_ours_of_this_night_when_more_than_a_run_looks_at_then_strangers_come_first_and_ours_have_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few(monkeypatch, 1)
    given = fleet(ORDERS, rules=rules())
    given.cloud.add_point(*(point(ORDERS, NOW - number * HOUR) for number in range(1, 4)))
    given.cloud.add_point(point(ORDERS, id="theirs", tags={}))
    assert verdict(given) == "pass"
    assert looked(given) == ["theirs"]
    wait(given, DAY)
    report = audited(given)
    assert message(report, "BK008") == f"{HERE}: 2 of 4 snapshots not looked at yet"


def test_given_ours_of_this_night_when_looks_are_refused_then_unknown() -> None:
    given = fleet(ORDERS, rules=rules())
    given.cloud.add_point(point(ORDERS, NOW - HOUR))
    given.cloud.interfere("shares", denied)
    assert verdict(given) == "unknown"


def test_given_somebody_s_own_snapshots_where_copies_are_kept_when_audited_then_no_look_is_spent_on_them() -> None:
    given = fleet(ORDERS, rules=rules(TO_VAULT))
    given.cloud.add_point(*nights(2), *nights(2, scope=VAULT), point(ORDERS, scope=VAULT, id="theirs", tags={}))
    assert verdict(given) == "pass"
    assert len(looked(given)) == 4


def test_given_one_database_when_audited_then_all_of_its_own_are_looked_at_and_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few(monkeypatch, 1)
    given = with_nights(6)
    assert verdict(given, database="orders") == "pass"
    assert len(looked(given)) == 6
    assert verdict(given) == "pass"
    assert len(looked(given)) == 1


def test_given_what_is_remembered_when_a_snapshot_of_that_name_is_another_one_then_it_is_looked_at_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = with_nights(3)
    old = point(ORDERS, NOW - HOUR, id="before-deploy", tags={})
    given.cloud.add_point(old)
    audited(given)
    few(monkeypatch, 0)
    assert verdict(given) == "pass"
    given.cloud.remove_point(old)
    given.cloud.add_point(point(ORDERS, NOW, id="before-deploy", tags={}))
    assert verdict(given) == "unknown"


def test_given_a_look_of_a_month_ago_when_nobody_repeats_it_then_it_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = with_nights(3)
    audited(given)
    few(monkeypatch, 0)
    wait(given, timedelta(days=30) - HOUR)
    assert verdict(given) == "pass"
    wait(given, HOUR)
    assert verdict(given) == "unknown"


def test_given_looks_that_are_refused_when_audited_then_unknown_with_the_error_and_not_one_call_each() -> None:
    given = with_nights(50)
    given.cloud.interfere("shares", denied)
    report = audited(given)
    assert message(report, "BK008").startswith(f"{HERE}: 50 of 50 snapshots not looked at yet (rds:Describe: AccessDen")
    assert report["status"] == "unknown"
    assert given.vault.get(shares_key(LONDON)) is None


def test_given_looks_that_are_refused_later_when_audited_then_what_is_known_holds_and_what_is_new_is_unknown() -> None:
    given = with_nights(2)
    audited(given)
    given.cloud.interfere("shares", denied)
    assert verdict(given) == "pass"
    given.cloud.add_point(point(ORDERS, id="new", tags={}))
    assert message(audited(given), "BK008").startswith(f"{HERE}: 1 of 3 snapshots not looked at yet (")


def test_given_a_place_where_nobody_can_look_when_audited_then_unknown() -> None:
    given = with_nights(2)
    report = audited(given, given.but(sharing={}))
    assert message(report, "BK008") == f"{HERE}: 2 of 2 snapshots not looked at yet (nobody can look there)"


def test_given_a_snapshot_that_is_deleted_while_it_is_looked_at_when_audited_then_it_counts_no_more() -> None:
    given = with_nights(3)
    first = given.cloud.every_point(LONDON)[0]
    given.cloud.interfere("shares", lambda: given.cloud.remove_point(first), times=1)
    report = audited(given, database="orders")
    assert message(report, "BK008") in (
        "none of 2 snapshots is shared with anybody unknown",
        "none of 3 snapshots is shared with anybody unknown",
    )


# --- memory --------------------------------------------------------------------------------------------------------


def test_given_an_audit_when_done_then_the_vault_has_accounts_and_when_each_was_looked_at() -> None:
    given = with_nights(1)
    (only,) = given.cloud.every_point(LONDON)
    given.cloud.points.share(only, STRANGER, shared=True)
    audited(given)
    stored = given.vault.get(shares_key(LONDON))
    assert stored is not None
    assert only.made is not None
    at = [int(only.made.timestamp()), int(NOW.timestamp()), [STRANGER]]
    assert json.loads(stored.body) == {"schema": "backstay.shares/1", "snapshots": {f"instance/{only.id}": at}}


@pytest.mark.parametrize("body", [b"\xff", b"[]", b'{"snapshots": [1]}', b'{"snapshots": {"instance/x": [1, "a"]}}'])
def test_given_memory_that_cannot_be_read_when_audited_then_all_is_looked_at_anew(body: bytes) -> None:
    given = with_nights(3)
    given.vault.put(shares_key(LONDON), body)
    assert verdict(given) == "pass"
    assert len(looked(given)) == 3


def test_given_another_run_that_remembers_meanwhile_when_written_then_both_are_kept() -> None:
    given = with_nights(2)
    vault = CountingVault()
    world = given.but(vault=vault)

    def other() -> None:
        entry = {"instance/theirs": [1, int(NOW.timestamp()), []]}
        CountingVault.put(vault, shares_key(LONDON), json.dumps({"snapshots": entry}).encode())

    vault.meanwhile["shares/"] = other
    audited(given, world)
    assert set(shares.known_looks(vault, LONDON)) == {
        "instance/theirs",
        *(f"instance/{each.id}" for each in given.cloud.every_point(LONDON)),
    }


def test_given_a_race_that_is_lost_every_time_when_audited_then_the_verdict_stands_and_it_is_noted() -> None:
    class Losing(CountingVault):
        def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
            if key.startswith("shares/"):
                raise LostRace("somebody else wrote")
            return super().put(key, body, expect=expect)

    given = with_nights(2)
    report = audited(given, given.but(vault=Losing()))
    assert of_points(report, ORDERS)["BK008"] == "pass"
    assert any("2 looks at snapshots are not remembered" in note for note in given.notes)


def test_given_snapshots_that_are_gone_for_a_month_when_audited_then_they_leave_the_memory() -> None:
    given = with_nights(2)
    audited(given)
    gone = given.cloud.every_point(LONDON)[0]
    given.cloud.remove_point(gone)
    for days in (29, 2):
        wait(given, timedelta(days=days))
        audited(given)
        assert (f"instance/{gone.id}" in shares.known_looks(given.vault, LONDON)) is (days == 29)
