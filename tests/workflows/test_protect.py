"""Protect over the memory provider: one call per repair, nothing that the tier does not enforce, no false *done*."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import NoSuchDatabase
from backstay.core.model import Database, Kind, State
from backstay.core.policy import Apply, Enforce
from backstay.providers.memory import Work
from backstay.workflows.memory import repairs_key
from tests.fleet import FRANKFURT, GREEN, LONDON, Fleet, database, fleet, policy
from tests.workflows.helpers import CountingVault, audited, denied, protected, throttled, verdicts

if TYPE_CHECKING:
    from backstay.core.ports import World

WAITING = policy(apply=Apply.MAINTENANCE_WINDOW)


def the_outcome(report: dict[str, Any]) -> dict[str, Any]:
    (outcome,) = report["outcomes"]
    found: dict[str, Any] = outcome
    return found


def turned_off(each: Database) -> Database:
    return replace(each, retention=timedelta(), window=None)


def test_given_pitr_off_when_protected_then_exactly_one_change_and_the_next_audit_is_green() -> None:
    orders = database(days=0)
    given = fleet(orders)
    report = protected(given)
    outcome = the_outcome(report)
    assert (report["status"], outcome["result"]) == ("ok", "done")
    assert outcome["message"] == "retention_days 0 -> 14"
    assert outcome["action"]["may_restart"]
    assert len(given.cloud.called("change")) == 1
    assert verdicts(audited(given), orders) == GREEN
    assert protected(given)["outcomes"] == []
    assert len(given.cloud.called("change")) == 1


def test_given_several_settings_to_mend_when_protected_then_all_in_one_change() -> None:
    given = fleet(database(days=7, copy_tags=False, deletion_protection=False))
    outcome = the_outcome(protected(given))
    assert [each["setting"] for each in outcome["action"]["changes"]] == [
        "retention_days", "copy_tags", "deletion_protection"
    ]  # fmt: skip
    assert not outcome["action"]["immediately"]
    assert outcome["result"] == "done"
    assert len(given.cloud.called("change")) == 1


def test_given_a_cluster_when_protected_then_its_window_is_raised_without_an_outage() -> None:
    given = fleet(database("ledger", kind=Kind.CLUSTER, days=1))
    action = the_outcome(protected(given))["action"]
    assert (action["immediately"], action["may_restart"]) == (False, False)


def test_given_a_dry_run_when_protected_then_nothing_changes_and_the_plan_is_what_apply_does() -> None:
    given = fleet(database(days=0, copy_tags=False))
    planned = the_outcome(protected(given, dry_run=True))
    assert planned["result"] == "planned"
    assert not given.cloud.called("change")
    assert list(given.vault.keys("")) == []
    assert planned["action"] == the_outcome(protected(given))["action"]


def test_given_a_doubled_finding_event_when_protected_one_after_the_other_then_one_change() -> None:
    orders = database(days=0)
    given = fleet(orders)
    given.cloud.takes(Work.MODIFY, looks=20)
    first = the_outcome(protected(given, database=orders.arn))
    assert first["result"] == "pending"
    second = protected(given, database=orders.arn)
    assert len(given.cloud.called("change")) == 1
    assert second["status"] != "ok"


def racing(given: Fleet, world: World, vault: CountingVault, prefix: str) -> list[dict[str, Any]]:
    """Two runs, the second of which happens as a whole just before the first one's write to ``prefix``."""
    reports = []
    vault.meanwhile[prefix] = lambda: reports.append(protected(given, world))
    reports.append(protected(given, world))
    return reports


def test_given_two_runs_at_once_when_both_want_to_repair_then_one_claims_and_changes() -> None:
    given = fleet(database(days=0))
    vault = CountingVault()
    reports = racing(given, given.but(vault=vault), vault, "repairs/")
    assert len(given.cloud.called("change")) == 1
    assert [the_outcome(report)["result"] for report in reports] == ["done", "pending"]
    assert "another run" in the_outcome(reports[1])["message"]


def test_given_a_run_that_is_about_to_change_when_another_begins_then_one_change() -> None:
    orders = database(days=0)
    given = fleet(orders)
    reports: list[dict[str, Any]] = []
    given.cloud.interfere("change", lambda: reports.append(protected(given)), times=1)
    reports.append(protected(given))
    assert len(given.cloud.called("change")) == 1
    assert [the_outcome(report)["result"] for report in reports] == ["pending", "done"]


def test_given_a_run_that_has_looked_when_another_repairs_meanwhile_then_one_change() -> None:
    orders = database(days=0)
    given = fleet(orders)
    reports: list[dict[str, Any]] = []
    given.cloud.interfere("pages", lambda: reports.append(protected(given)), about=Kind.INSTANCE, times=1, late=True)
    reports.append(protected(given))
    assert len(given.cloud.called("change")) == 1
    assert [report["status"] for report in reports] == ["ok", "ok"]


def test_given_eight_runs_at_once_when_protected_then_one_change() -> None:
    orders = database(days=0)
    given = fleet(orders)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: protected(given, database="orders"), range(8)))
    assert len(given.cloud.called("change")) == 1


def test_given_a_run_that_died_after_its_claim_when_time_has_passed_then_the_repair_is_made() -> None:
    given = fleet(database(days=0))

    def die() -> None:
        raise KeyboardInterrupt

    given.cloud.interfere("change", die, times=1)
    with pytest.raises(KeyboardInterrupt):
        protected(given)
    assert the_outcome(protected(given))["result"] == "pending"
    given.clock.sleep(timedelta(minutes=15))
    assert the_outcome(protected(given))["result"] == "done"
    assert len(given.cloud.called("change")) == 1


def test_given_aws_backup_as_owner_when_protected_then_refused_and_nothing_is_called() -> None:
    given = fleet(database(days=7, managed_by="aws-backup"))
    report = protected(given)
    assert (report["status"], report["exit_status"]) == ("refused", 1)
    assert "aws-backup owns its backups" in the_outcome(report)["message"]
    assert not given.cloud.called("change")


def test_given_another_pending_change_when_it_would_be_flushed_then_refused() -> None:
    given = fleet(database(days=0, pending={"EngineVersion": "18.1"}))
    outcome = the_outcome(protected(given))
    assert outcome["result"] == "refused"
    assert "EngineVersion" in outcome["message"]
    assert not given.cloud.called("change")
    assert given.now(database().id).engine_version == "17.2"


def test_given_another_pending_change_when_the_window_is_waited_for_then_it_is_left_pending() -> None:
    given = fleet(database(days=0, pending={"EngineVersion": "18.1"}), rules=WAITING)
    assert the_outcome(protected(given))["result"] == "pending"
    seen = given.now(database().id)
    assert seen.engine_version == "17.2"
    assert seen.pending == {"EngineVersion": "18.1", "BackupRetentionPeriod": "14"}


def test_given_a_change_that_waits_for_the_window_when_protected_then_pending_is_not_done_and_not_asked_twice() -> None:
    orders = database(days=0)
    given = fleet(orders, rules=WAITING)
    first = protected(given)
    assert (first["status"], first["exit_status"], the_outcome(first)["result"]) == ("pending", 3, "pending")
    assert verdicts(audited(given), orders)["BK001"] == "fail"
    assert not any(change.finding.repairable for change in given.bus.findings)
    second = protected(given)
    assert the_outcome(second)["result"] == "pending"
    assert len(given.cloud.called("change")) == 1
    given.pitr().open_maintenance_window(orders.id)
    assert verdicts(audited(given), orders)["BK001"] == "pass"
    assert protected(given)["outcomes"] == []


def test_given_a_drop_that_waits_for_the_window_when_protected_then_it_is_withdrawn() -> None:
    orders = database(pending={"BackupRetentionPeriod": "0"}, pending_retention=timedelta())
    given = fleet(orders)
    outcome = the_outcome(protected(given))
    assert (outcome["result"], outcome["action"]["immediately"]) == ("done", False)
    assert given.now(orders.id).pending == {}


def test_given_someone_who_undoes_it_when_within_the_hour_then_repaired_once_more_and_then_refused() -> None:
    orders = database(days=0)
    given = fleet(orders)
    for _ in range(2):
        assert the_outcome(protected(given))["result"] == "done"
        given.clock.sleep(timedelta(minutes=10))
        given.cloud.edit(orders.id, turned_off)
    report = protected(given)
    assert report["status"] == "refused"
    assert "undone each time" in the_outcome(report)["message"]
    assert len(given.cloud.called("change")) == 2
    given.clock.sleep(timedelta(hours=1))
    assert the_outcome(protected(given))["result"] == "done"


def test_given_another_setting_undone_when_within_the_hour_then_that_one_is_still_repaired() -> None:
    orders = database(days=0)
    given = fleet(orders)
    for _ in range(2):
        protected(given)
        given.clock.sleep(timedelta(minutes=1))
        given.cloud.edit(orders.id, turned_off)
    given.cloud.edit(orders.id, lambda each: replace(each, retention=timedelta(days=14), deletion_protection=False))
    assert the_outcome(protected(given))["result"] == "done"


def test_given_a_denied_change_when_protected_then_an_error_and_the_claim_is_put_back() -> None:
    orders = database(days=0)
    given = fleet(orders)
    given.cloud.interfere("change", denied, times=3)
    for _ in range(3):
        report = protected(given)
        assert (report["status"], report["exit_status"]) == ("error", 2)
        assert the_outcome(report)["result"] == "failed"
        assert "AccessDenied" in the_outcome(report)["message"]
    stored = given.vault.get(repairs_key(orders.id))
    assert stored is not None
    assert b"settings" not in stored.body
    assert the_outcome(protected(given))["result"] == "done"


def test_given_a_throttled_change_when_protected_then_it_is_worth_coming_back() -> None:
    given = fleet(database(days=0))
    given.cloud.interfere("change", throttled, times=1)
    outcome = the_outcome(protected(given))
    assert (outcome["result"], outcome["passing"]) == ("failed", True)
    assert the_outcome(protected(given))["result"] == "done"


def test_given_an_accepted_change_whose_answer_is_lost_when_protected_again_then_no_second_change() -> None:
    given = fleet(database(days=0))
    given.cloud.interfere("change", throttled, times=1, late=True)
    protected(given)
    assert protected(given)["outcomes"] == []
    assert len(given.cloud.called("change")) == 1


def test_given_a_read_back_that_fails_when_protected_then_pending_and_never_done() -> None:
    given = fleet(database(days=0))

    def blind() -> None:
        given.cloud.interfere("find", denied, times=1)

    given.cloud.interfere("change", blind, times=1)
    outcome = the_outcome(protected(given))
    assert outcome["result"] == "pending"
    assert "could not be read back" in outcome["message"]


def test_given_a_change_that_is_accepted_and_never_made_when_protected_then_pending() -> None:
    orders = database(days=7)
    given = fleet(orders)
    given.cloud.takes(Work.MODIFY, looks=1000)
    assert the_outcome(protected(given))["result"] == "pending"


def test_given_a_busy_database_when_protected_then_refused_as_passing() -> None:
    given = fleet(database(days=0, status="modifying", state=State.BUSY))
    outcome = the_outcome(protected(given))
    assert (outcome["result"], outcome["passing"]) == ("refused", True)


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED, State.UNKNOWN])
def test_given_a_database_that_is_not_available_when_protected_then_refused_for_now(state: State) -> None:
    given = fleet(database(days=0, status=str(state), state=state))
    outcome = the_outcome(protected(given))
    assert (outcome["result"], outcome["passing"]) == ("refused", False)
    assert not given.cloud.called("change")


def test_given_tiers_that_enforce_nothing_when_protected_then_nothing_is_touched_or_remembered() -> None:
    given = fleet(
        database(days=0, tags={"backup-tier": "standard"}, copy_tags=False),
        database("unplaced", days=0, tags={}),
        database("scratch-1", days=0),
        database("drill", days=0, tags={"backstay:scratch": "1", "backup-tier": "gold"}),
        database("elsewhere", days=0, tags={"backup": "aws-backup"}),
        database("replica", days=0, replica_of="orders"),
        database("leaving", days=0, status="deleting", state=State.LEAVING),
    )
    report = protected(given)
    assert (report["status"], report["databases"], report["outcomes"]) == ("ok", 7, [])
    assert not given.cloud.called("change", "find")
    assert list(given.vault.keys("")) == []


def test_given_a_tier_that_enforces_only_tags_when_protected_then_the_window_is_left_alone() -> None:
    given = fleet(database(days=1, copy_tags=False), rules=policy(enforce=(Enforce.COPY_TAGS,)))
    action = the_outcome(protected(given))["action"]
    assert [each["setting"] for each in action["changes"]] == ["copy_tags"]


def test_given_one_denied_region_when_protected_then_unknown_and_the_rest_is_repaired() -> None:
    given = fleet(database(days=0), database("far", scope=FRANKFURT, days=0), scopes=(LONDON, FRANKFURT))
    given.cloud.interfere("pages", denied, scope=FRANKFURT)
    report = protected(given)
    assert report["status"] == "unknown"
    assert the_outcome(report)["result"] == "done"


def test_given_one_database_that_fails_when_protected_then_the_others_are_still_repaired() -> None:
    given = fleet(*(database(f"db-{number}", days=0) for number in range(4)))
    given.cloud.interfere("change", denied, times=1)
    report = protected(given)
    assert report["counts"] == {"failed": 1, "done": 3}
    assert report["status"] == "error"


def test_given_a_database_that_does_not_exist_when_protected_then_an_error_that_says_where_we_looked() -> None:
    with pytest.raises(NoSuchDatabase):
        protected(fleet(), database="ghost")
