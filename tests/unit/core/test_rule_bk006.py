"""BK006: a fresh copy in every place that the tier asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.model import RecoveryWindow
from backstay.core.points import PointState, ReplicatedBackups
from backstay.core.policy import Location
from backstay.core.restoring import Unchecked
from backstay.core.rules.bk006 import RULE
from tests.fleet import IRELAND, database, point
from tests.unit.core.kept import (
    DAY,
    DENIED,
    HOUR,
    LEDGER,
    NOW,
    ORDERS,
    REPLICA,
    STOPPED,
    TODAY,
    WITH_COPIES,
    holding,
    nights,
    subject,
    unasked,
    unseen,
)
from tests.workflows.places import DR, VAULT, replicated, rules

FRESH = {
    "dr": holding(*nights(first=1, scope=IRELAND)),
    "vault": holding(*nights(first=1, scope=VAULT)),
}
COMING: dict[str, Any] = {"state": PointState.CREATING, "status": "creating"}
ASKED = replicated(rules())
BACKUPS = "arn:aws:rds:eu-west-1:111122223333:auto-backup:ab-orders"
KEPT = database(replicated_to=(BACKUPS,))


def backups(minutes: int | None = 3) -> tuple[ReplicatedBackups, ...]:
    window = None if minutes is None else RecoveryWindow(NOW - 7 * DAY, NOW - timedelta(minutes=minutes))
    return (ReplicatedBackups(arn=BACKUPS, scope=IRELAND, source=KEPT.arn, status="replicating", window=window),)


def test_given_a_fresh_copy_in_every_place_when_judged_then_pass_with_each_age() -> None:
    finding = RULE.judge(subject(away=FRESH))
    assert finding.verdict == Pass("dr (eu-west-1): 34 h old; vault (eu-west-1): 34 h old")
    assert finding.measured == {"oldest_newest_seconds": 34 * 3600.0}


def test_given_one_place_without_any_when_judged_then_fail_that_names_it_alone() -> None:
    verdict = RULE.judge(subject(away={"dr": FRESH["dr"]})).verdict
    assert verdict == Fail("vault (eu-west-1): none, asked 34 h")


def test_given_an_old_copy_when_judged_then_fail_once_slot_grace_and_copying_are_over() -> None:
    old = {"dr": holding(*nights(first=2, scope=IRELAND)), "vault": FRESH["vault"]}
    assert RULE.judge(subject(away=old)).verdict == Fail("dr (eu-west-1): 2.4 d old, asked 34 h")
    in_time = TODAY - DAY + 18 * HOUR - timedelta(seconds=1)
    of_dr = subject(under=rules(DR), away=old, now=in_time)
    assert isinstance(RULE.judge(of_dr).verdict, Pass)
    assert isinstance(RULE.judge(replace(of_dr, now=in_time + timedelta(seconds=1))).verdict, Fail)


def test_given_a_copy_on_its_way_when_judged_then_pending() -> None:
    coming = {"dr": holding(point(ORDERS, TODAY, scope=IRELAND, **COMING)), "vault": FRESH["vault"]}
    verdict = RULE.judge(subject(away=coming)).verdict
    assert verdict == Fail("dr (eu-west-1): none, and one is on its way", pending=True)
    lacking = RULE.judge(subject(away={"dr": coming["dr"]})).verdict
    assert lacking == Fail("vault (eu-west-1): none, asked 34 h; dr (eu-west-1): none, and one is on its way")


def test_given_an_older_copy_on_its_way_when_judged_then_that_makes_nothing_fresh() -> None:
    late = holding(point(ORDERS, TODAY - 9 * DAY, scope=IRELAND, **COMING))
    verdict = RULE.judge(subject(under=rules(DR), away={"dr": late})).verdict
    assert verdict == Fail("dr (eu-west-1): none, asked 34 h")


def test_given_a_place_that_was_not_read_when_judged_then_unknown_unless_a_fresh_one_was_seen() -> None:
    unread = RULE.judge(subject(away={"vault": FRESH["vault"]}, torn=("dr",))).verdict
    assert unread == Unknown(f"dr: {DENIED}")
    assert isinstance(RULE.judge(subject(away=FRESH, torn=("dr",))).verdict, Pass)
    assert RULE.judge(unseen()).verdict == Unknown("the recovery points were not read")


def test_given_one_place_that_fails_and_one_unread_when_judged_then_what_is_sure_is_told() -> None:
    assert RULE.judge(subject(torn=("dr",))).verdict == Fail("vault (eu-west-1): none, asked 34 h")


def test_given_a_copy_of_a_cluster_without_its_data_time_when_judged_then_unknown() -> None:
    stripped = replace(point(LEDGER, TODAY, scope=IRELAND), data_time=None)
    verdict = RULE.judge(subject(LEDGER, rules(DR), away={"dr": holding(stripped)})).verdict
    assert verdict == Unknown(f"dr (eu-west-1): none, but of {stripped.id} nobody tells how old the data is")


def test_given_a_stopped_database_when_judged_then_copies_are_held_against_its_newest_snapshot() -> None:
    week_old = holding(*nights(first=7, last=9))
    copied, behind = nights(first=7, last=9, scope=IRELAND), nights(first=8, last=9, scope=IRELAND)
    asked = rules(DR)
    assert isinstance(RULE.judge(subject(STOPPED, asked, week_old, {"dr": holding(*copied)})).verdict, Pass)
    assert isinstance(RULE.judge(subject(STOPPED, asked, week_old, {"dr": holding(*behind)})).verdict, Fail)
    assert isinstance(RULE.judge(subject(STOPPED, asked, away={"dr": holding(*copied)})).verdict, Fail)


def test_given_a_location_without_a_place_on_its_cloud_when_judged_then_fail_that_names_it() -> None:
    elsewhere = replace(WITH_COPIES, locations={**WITH_COPIES.locations, "dr": Location()})
    verdict = RULE.judge(subject(under=elsewhere, away=FRESH, nowhere=("dr",))).verdict
    assert verdict == Fail("location dr has no place on its cloud")


def test_given_a_new_database_when_judged_then_its_first_copy_has_its_time() -> None:
    new = database(created=NOW - 17 * HOUR)
    assert RULE.judge(subject(new)).verdict == Skipped("is new: its first copy has time for 18 h")


def test_given_nothing_is_asked_when_judged_then_skipped() -> None:
    assert RULE.judge(unasked()).verdict == Skipped("not asked")
    assert RULE.judge(subject(under=rules())).verdict == Skipped("not asked")
    assert RULE.judge(subject(REPLICA)).verdict == Skipped("replica of orders: the primary is audited")


# --- replicated automated backups ---------------------------------------------------------------------------------


def test_given_replicated_backups_inside_the_rpo_when_judged_then_pass() -> None:
    verdict = RULE.judge(subject(KEPT, ASKED, replicated=backups())).verdict
    assert verdict == Pass("replicated backups in dr: restorable to 3 min ago")


def test_given_replicated_backups_behind_the_rpo_when_judged_then_fail() -> None:
    assert isinstance(RULE.judge(subject(KEPT, ASKED, replicated=backups(10))).verdict, Pass)
    verdict = RULE.judge(subject(KEPT, ASKED, replicated=backups(11))).verdict
    assert verdict == Fail("replicated backups in dr: restorable to 11 min ago, asked 10 min")


def test_given_no_replication_or_one_into_another_region_when_judged_then_fail() -> None:
    elsewhere = database(replicated_to=(BACKUPS.replace("eu-west-1", "eu-central-1"),))
    for each in (ORDERS, elsewhere):
        verdict = RULE.judge(subject(each, ASKED, replicated=backups())).verdict
        assert verdict == Fail("replicated backups in dr: none")


def test_given_replication_that_has_just_begun_when_judged_then_pending() -> None:
    pending = Fail("replicated backups in dr: the first one is on its way", pending=True)
    assert RULE.judge(subject(KEPT, ASKED, replicated=backups(None))).verdict == pending
    assert RULE.judge(subject(KEPT, ASKED, replicated=())).verdict == pending


def test_given_what_is_replicated_cannot_be_listed_when_judged_then_unknown() -> None:
    verdict = RULE.judge(subject(KEPT, ASKED, replicated=Unchecked(DENIED))).verdict
    assert verdict == Unknown(f"replicated backups in dr: {DENIED}")


def test_given_a_cluster_when_replication_is_asked_then_fail_that_names_what_rds_cannot() -> None:
    verdict = RULE.judge(subject(LEDGER, ASKED)).verdict
    assert isinstance(verdict, Fail)
    assert "RDS replicates automated backups of DB instances only" in verdict.message
