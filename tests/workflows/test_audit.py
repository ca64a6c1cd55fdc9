"""Audit over the memory provider: every database is judged, changes are told once, and unknown is never green."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from backstay.core.errors import BadRequest, NoSuchDatabase, Unreachable
from backstay.core.model import Kind, NotCovered, State
from backstay.core.policy import Exemption, Match
from backstay.workflows.memory import findings_key, index_key
from backstay.workflows.reports import every_verdict
from tests.fleet import FRANKFURT, GREEN, IRELAND, LONDON, SKIPPED, database, fleet, policy
from tests.workflows.helpers import BrokenBus, CountingVault, audited, denied, throttled, verdicts


def test_given_a_fleet_of_three_pages_when_audited_then_every_database_is_judged_by_every_rule() -> None:
    given = fleet(*(database(f"db-{number}") for number in range(5)), page_size=2)
    report = audited(given)
    assert (report["status"], report["exit_status"], report["databases"]) == ("ok", 0, 5)
    assert report["counts"] == {"pass": 5 * 9, "skipped": 5 * 11}
    assert len(given.cloud.called("pages")) == 3 + 1  # instances and clusters
    assert not given.cloud.called("find", "change")


def test_given_a_compliant_fleet_when_audited_first_then_green_verdicts_are_no_news() -> None:
    given = fleet(database())
    assert audited(given)["changed"] == 0
    assert given.bus.findings == []


def test_given_pitr_off_when_audited_then_the_finding_is_a_repairable_failure_and_told_once() -> None:
    orders = database(days=0)
    given = fleet(orders)
    report = audited(given)
    assert report["status"] == "findings"
    assert verdicts(report, orders) == {**GREEN, "BK001": "fail", "BK002": "fail", "BK024": "fail"}
    told = {change.finding.rule: change for change in given.bus.findings}
    assert set(told) == {"BK001", "BK002", "BK024"}
    assert told["BK001"].finding.repairable
    assert not told["BK002"].finding.repairable
    assert told["BK001"].previous is None
    assert report["changed"] == 3


def test_given_an_unchanged_fleet_when_audited_again_then_no_event_no_write_and_one_read() -> None:
    given = fleet(database(), database("unplaced", tags={}), database("ledger", kind=Kind.CLUSTER))
    vault = CountingVault()
    world = given.but(vault=vault)
    assert audited(given, world)["changed"] == 1
    vault.forget_counts()
    given.clock.sleep(timedelta(hours=1))
    assert audited(given, world)["changed"] == 0
    assert len(given.bus.findings) == 1
    assert vault.writes == []
    assert vault.reads == [index_key(LONDON)]


def test_given_an_unchanged_repairable_failure_when_audited_again_soon_then_it_is_not_told_again() -> None:
    given = fleet(database(days=0))
    vault = CountingVault()
    world = given.but(vault=vault)
    audited(given, world)
    vault.forget_counts()
    given.clock.sleep(timedelta(minutes=10))
    assert audited(given, world)["changed"] == 0
    assert vault.writes == []


def test_given_a_repairable_failure_that_nobody_repairs_when_an_hour_has_passed_then_protect_is_woken_again() -> None:
    given = fleet(database(days=0))
    audited(given)
    given.clock.sleep(timedelta(hours=1))
    assert audited(given)["changed"] == 1
    assert [change.finding.rule for change in given.bus.findings] == ["BK001", "BK002", "BK024", "BK001"]
    assert given.bus.findings[-1].previous == "fail"


def test_given_a_changed_verdict_when_audited_then_exactly_one_event_says_what_it_was_before() -> None:
    orders = database()
    given = fleet(orders, database("other"))
    audited(given)
    given.cloud.edit(orders.id, lambda each: replace(each, retention=timedelta(days=7)))
    assert audited(given)["changed"] == 1
    (change,) = given.bus.findings
    assert (change.finding.rule, change.finding.database.name, change.previous) == ("BK001", "orders", "pass")
    assert audited(given)["changed"] == 0
    given.cloud.edit(orders.id, lambda each: replace(each, retention=timedelta(days=14)))
    assert audited(given)["changed"] == 1
    assert given.bus.findings[-1].previous == "fail"


def test_given_a_busy_database_when_it_becomes_available_then_its_failure_is_told_as_repairable() -> None:
    orders = database(days=0, status="modifying", state=State.BUSY)
    given = fleet(orders)
    audited(given, database="orders")
    assert [change.finding.repairable for change in given.bus.findings] == [False, False, False]
    given.cloud.edit(orders.id, lambda each: replace(each, status="available", state=State.AVAILABLE))
    assert audited(given, database="orders")["changed"] == 1
    assert given.bus.findings[-1].finding.repairable


def test_given_one_region_of_three_denied_when_audited_then_unknown_and_the_others_in_full() -> None:
    london, ireland = database(), database("ledger", scope=IRELAND, kind=Kind.CLUSTER)
    hidden = database("hidden", scope=FRANKFURT)
    given = fleet(london, ireland, hidden, scopes=(LONDON, IRELAND, FRANKFURT))
    given.cloud.interfere("pages", denied, scope=FRANKFURT)
    report = audited(given)
    assert (report["status"], report["exit_status"]) == ("unknown", 2)
    assert {each["scope"] for each in report["unread"]} == {str(FRANKFURT)}
    assert all("AccessDenied" in each["error"] for each in report["unread"])
    assert verdicts(report, london) == verdicts(report, ireland) == GREEN
    assert verdicts(report, hidden) == {}


def test_given_a_page_that_fails_half_way_when_audited_then_the_pages_before_are_kept_and_the_rest_is_unknown() -> None:
    given = fleet(*(database(f"db-{number}") for number in range(4)), page_size=2)
    given.cloud.interfere("pages", throttled, about=Kind.INSTANCE, after=1)
    report = audited(given)
    assert report["databases"] == 2
    assert report["status"] == "unknown"
    assert len(report["unread"]) == 1


def test_given_an_entry_that_cannot_be_read_when_audited_then_unknown_and_its_neighbours_are_judged() -> None:
    given = fleet(database())
    given.cloud.unreadable[LONDON, Kind.INSTANCE] = ["DB instance odd: cannot read KeyError('Engine')"]
    report = audited(given)
    assert report["status"] == "unknown"
    assert report["unread"][0]["error"].startswith("DB instance odd")
    assert report["databases"] == 1


def test_given_a_region_that_cannot_be_read_when_its_database_is_remembered_then_nothing_becomes_green() -> None:
    orders = database(days=0)
    given = fleet(orders)
    audited(given)
    given.cloud.interfere("pages", denied, times=2)
    report = audited(given)
    assert (report["status"], report["findings"]) == ("unknown", [])
    assert len(given.bus.findings) == 3  # the failures are still the last that was told


def test_given_a_named_database_in_a_region_that_cannot_be_read_when_audited_then_unknown_and_not_absent() -> None:
    given = fleet(database(scope=FRANKFURT), scopes=(LONDON, FRANKFURT))
    given.cloud.interfere("find", denied, scope=FRANKFURT)
    assert audited(given, database="orders")["status"] == "unknown"


def test_given_a_name_that_is_nowhere_when_audited_then_the_error_says_where_we_looked() -> None:
    with pytest.raises(NoSuchDatabase, match="aws/111122223333/eu-west-2"):
        audited(fleet(database()), database="ghost")


def test_given_a_database_of_another_account_when_audited_then_it_is_refused() -> None:
    with pytest.raises(BadRequest, match="nowhere that we look"):
        audited(fleet(database()), database="arn:aws:rds:eu-west-2:999999999999:db:orders")


def test_given_one_name_in_two_regions_when_audited_then_both_arns_are_offered() -> None:
    given = fleet(database(), database(scope=IRELAND), scopes=(LONDON, IRELAND))
    with pytest.raises(BadRequest, match="several databases") as caught:
        audited(given, database="orders")
    assert database().arn in caught.value.accepted
    assert audited(given, database=database().arn)["databases"] == 1


def test_given_the_member_of_a_cluster_when_audited_by_name_then_its_cluster_is_judged() -> None:
    ledger = database("ledger", kind=Kind.CLUSTER)
    assert verdicts(audited(fleet(ledger), database="ledger-1"), ledger) == GREEN


def test_given_a_match_when_audited_then_only_what_matches_is_judged_and_remembered() -> None:
    given = fleet(database(), database("plain", tags={}))
    report = audited(given, match=Match(tags={"backup-tier": ("gold",)}))
    assert report["databases"] == 1
    assert given.vault.get(findings_key(database("plain").id)) is None


def test_given_two_audits_that_see_the_same_change_when_they_race_then_one_event() -> None:
    orders = database()
    given = fleet(orders)
    vault = CountingVault()
    world = given.but(vault=vault)
    audited(given, world)
    given.cloud.edit(orders.id, lambda each: replace(each, retention=timedelta(days=7)))
    reports = []
    vault.meanwhile["findings/aws"] = lambda: reports.append(audited(given, world, database="orders"))
    reports.append(audited(given, world))
    assert sorted(report["changed"] for report in reports) == [0, 1]
    assert len(given.bus.findings) == 1
    assert audited(given, world)["changed"] == 0


def test_given_eight_audits_at_once_when_a_verdict_changed_then_one_event() -> None:
    given = fleet(database(tags={}))
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda _: audited(given, database="orders"), range(8)))
    assert sum(report["changed"] for report in reports) == len(given.bus.findings) == 1


def test_given_a_bus_that_fails_when_audited_then_an_error_and_the_next_audit_finds_it_again() -> None:
    given = fleet(database(days=0), database("fine"))
    bus = BrokenBus()
    world = given.but(bus=bus)
    with pytest.raises(Unreachable):
        audited(given, world)
    bus.broken = False
    assert audited(given, world)["changed"] == 3
    assert {change.finding.rule for change in bus.findings} == {"BK001", "BK002", "BK024"}
    assert audited(given, world)["changed"] == 0


def test_given_a_bus_that_fails_when_one_database_changes_then_the_index_does_not_hide_it() -> None:
    orders = database()
    given = fleet(orders)
    bus = BrokenBus()
    world = given.but(bus=bus)
    audited(given, world)
    given.cloud.edit(orders.id, lambda each: replace(each, tags={}))
    with pytest.raises(Unreachable):
        audited(given, world)
    bus.broken = False
    assert audited(given, world)["changed"] == 9  # in no tier, so that nothing else is asked any more


@pytest.mark.parametrize("back", [False, True], ids=["unchanged", "changed back"])
def test_given_a_run_that_died_before_the_index_when_audited_then_the_object_is_read(back: bool) -> None:
    orders = database()
    given = fleet(orders)
    vault = CountingVault()
    world = given.but(vault=vault)
    audited(given, world)
    given.cloud.edit(orders.id, lambda each: replace(each, retention=timedelta(days=7)))

    def die() -> None:
        raise KeyboardInterrupt

    vault.meanwhile["findings/aws"] = lambda: vault.meanwhile.update({index_key(LONDON): die})
    with pytest.raises(KeyboardInterrupt):
        audited(given, world)
    if back:
        given.cloud.edit(orders.id, lambda each: replace(each, retention=timedelta(days=14)))
    assert audited(given, world)["changed"] == int(back)
    assert [change.previous for change in given.bus.findings] == ["pass", "fail"][: 1 + back]


def test_given_memory_that_cannot_be_read_when_audited_then_failures_are_told_and_memory_is_whole_again() -> None:
    orders = database(days=0)
    given = fleet(orders)
    audited(given)
    given.vault.put(findings_key(orders.id), b"\xff not json")
    given.vault.put(index_key(LONDON), b"[]")
    assert audited(given)["changed"] == 3
    assert audited(given)["changed"] == 0


def test_given_foreign_engines_when_audited_then_they_are_listed_as_not_covered() -> None:
    given = fleet(database())
    given.cloud.foreign[LONDON, Kind.CLUSTER] = [NotCovered(LONDON, "papers", "docdb")]
    report = audited(given)
    assert report["not_covered"] == [{"scope": str(LONDON), "name": "papers", "engine": "docdb"}]
    assert (report["status"], report["databases"]) == ("ok", 1)


def test_given_an_exempt_database_when_audited_then_skipped_with_reason_and_end() -> None:
    scratch = database("scratch-1", days=0)
    report = audited(fleet(scratch))
    assert verdicts(report, scratch) == {**SKIPPED, "BK003": "pass"}
    assert "exempt until 2027-03-31: rebuilt nightly" in next(every_verdict(report))["message"]


def test_given_an_exemption_that_has_ended_when_audited_then_it_is_judged_and_the_end_is_a_failure() -> None:
    ended = Exemption(match=Match(names=("orders",)), reason="migration", until=date(2026, 11, 23))
    report = audited(fleet(database(), rules=replace(policy(), exempt=(ended,))))
    assert verdicts(report, database()) == {**GREEN, "BK003": "fail"}


def test_given_a_scratch_database_when_audited_then_nothing_of_ours_judges_it() -> None:
    scratch = database(tags={"backstay:scratch": "drill-1", "backup-tier": "gold"}, days=0)
    assert set(verdicts(audited(fleet(scratch)), scratch).values()) == {"skipped"}


def test_given_a_replica_when_audited_then_its_primary_is_named() -> None:
    replica = database("orders-ro", replica_of="orders", days=0)
    report = audited(fleet(replica))
    assert verdicts(report, replica) == {**SKIPPED, "BK003": "pass", "BK019": "pass", "BK022": "pass"}
    messages = {each["rule"]: each["message"] for each in every_verdict(report)}
    assert "replica of orders" in messages["BK001"]


def test_given_a_database_that_is_being_deleted_when_audited_then_everything_is_skipped() -> None:
    leaving = database(status="deleting", state=State.LEAVING, days=0)
    assert set(verdicts(audited(fleet(leaving)), leaving).values()) == {"skipped"}


def test_given_a_database_in_no_tier_when_audited_then_that_is_the_finding() -> None:
    legacy = database("legacy", tags={}, days=0)
    assert verdicts(audited(fleet(legacy)), legacy)["BK003"] == "fail"


def test_given_aws_backup_as_owner_when_audited_then_two_masters_unless_the_policy_says_so() -> None:
    owned = database(managed_by="aws-backup")
    said = database("said", managed_by="aws-backup", tags={"backup": "aws-backup"})
    report = audited(fleet(owned, said))
    assert verdicts(report, owned)["BK022"] == "fail"
    assert verdicts(report, said) == {**SKIPPED, "BK003": "pass", "BK022": "pass"}


def test_given_logs_that_have_stopped_when_audited_then_the_measured_rpo_fails() -> None:
    given = fleet()
    given.cloud.add(database(behind=timedelta(minutes=40)), stalled=True)
    report = audited(given)
    (finding,) = [each for each in every_verdict(report) if each["rule"] == "BK002"]
    assert finding["verdict"] == "fail"
    assert finding["measured"] == {"rpo_seconds": 2400.0, "asked_seconds": 600.0}


def test_given_a_stopped_database_when_audited_then_its_rpo_is_skipped_and_its_window_is_judged() -> None:
    stopped = database(status="stopped", state=State.STOPPED)
    assert verdicts(audited(fleet(stopped)), stopped) == {**GREEN, "BK002": "skipped", "BK025": "skipped"}
