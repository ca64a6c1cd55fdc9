"""Audit reads recovery points where a tier asks for them, in one walk, and makes no call for them elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core.errors import BackstayError
from backstay.core.model import Kind, RecoveryWindow
from backstay.core.points import OWN_KEY, UNENCRYPTED, Origin, PointState
from backstay.core.policy import Match
from backstay.core.requests import AuditRequest
from backstay.core.rules import RULES
from backstay.core.stores import KeyFacts
from backstay.providers.memory import MemoryPager, Work
from backstay.workflows import digest
from backstay.workflows.explain import explain
from backstay.workflows.reports import every_verdict
from tests.fleet import FRANKFURT, IRELAND, LONDON, NOW, database, fleet, point
from tests.workflows.helpers import CountingVault, audited, denied, throttled, verdicts
from tests.workflows.places import DAY, DR, TO_VAULT, VAULT, replicated, replicates, rules, snapshots, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.model import Database
    from backstay.core.points import RecoveryPoint
    from backstay.core.policy import Policy
    from backstay.core.stores import PointPage, SnapshotStore
    from tests.fleet import Fleet

KEY = "arn:aws:kms:eu-west-2:111122223333:key/orders"
POINTS = ("points", "points_of", "point", "replicated", "key", "shares")
OF_POINTS = ("BK004", "BK005", "BK006", "BK007", "BK008", "BK021")
FINE = {**dict.fromkeys(OF_POINTS, "pass"), "BK021": "skipped"}


def encrypted(name: str = "orders", **given: Any) -> Database:
    found = database(name, **given)
    return replace(found, config=replace(found.config, encryption=OWN_KEY, kms_key=KEY))


def kept(*databases: Database, under: Policy | None = None, days: int = 7, **given: Any) -> Fleet:
    """A fleet with a point of each night, and its copies but for last night's, which has the day to arrive."""
    found = fleet(*databases, rules=under or rules(DR, TO_VAULT), **given)
    for each in databases:
        for night in range(days):
            slot = NOW.replace(hour=0) - night * DAY
            found.cloud.add_point(point(each, slot))
            for place, key in ((IRELAND, "alias/dr"), (VAULT, "alias/vault")):
                if night:
                    found.cloud.add_point(point(each, slot, scope=place, encryption=OWN_KEY, kms_key=key))
    return found


def of_points(report: dict[str, Any], which: Database) -> dict[str, str]:
    return {rule: verdict for rule, verdict in verdicts(report, which).items() if rule in OF_POINTS}


def message(report: dict[str, Any], rule: str, which: Database | None = None) -> str:
    return next(
        str(each["message"])
        for each in every_verdict(report)
        if each["rule"] == rule and (which is None or each["database"]["arn"] == which.arn)
    )


# --- what is read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [{"all": True}, {"database": "orders"}], ids=["all", "one"])
def test_given_a_policy_that_asks_for_no_points_when_audited_then_no_call_is_made_for_them(request_: Any) -> None:
    given = kept(encrypted(), under=rules(snapshots=None))
    report = audited(given, **request_)
    assert not given.cloud.called(*POINTS)
    assert set(of_points(report, encrypted()).values()) == {"skipped"}
    assert report["exposures"] == []


def test_given_points_copies_and_keys_in_order_when_audited_then_all_pass_and_calls_are_pages() -> None:
    many = [encrypted(f"db-{number}") for number in range(3)]
    given = kept(*many, page_size=5)
    report = audited(given)
    assert [of_points(report, each) for each in many] == [FINE] * 3
    assert report["status"] == "ok"
    pages = Counter((call.scope, call.about) for call in given.cloud.called("points"))
    assert pages == {
        (LONDON, Kind.INSTANCE): 5,  # 21 points
        (IRELAND, Kind.INSTANCE): 4,
        (VAULT, Kind.INSTANCE): 4,
        **{(scope, Kind.CLUSTER): 1 for scope in (LONDON, IRELAND, VAULT)},
    }
    keys = Counter((call.scope, call.about) for call in given.cloud.called("key"))
    assert keys == {(LONDON, KEY): 1, (IRELAND, "alias/dr"): 1, (VAULT, "alias/vault"): 1}
    assert not given.cloud.called("points_of", "replicated")


def test_given_one_database_when_audited_then_its_own_points_in_each_place_and_no_listing() -> None:
    given = kept(encrypted(), encrypted("ledger"))
    report = audited(given, database="orders")
    assert of_points(report, encrypted()) == FINE
    assert Counter(call.scope for call in given.cloud.called("points_of")) == {LONDON: 1, IRELAND: 1, VAULT: 1}
    assert len(given.cloud.called("shares")) == 7 + 6 + 6
    assert not given.cloud.called("points")


def test_given_a_tier_that_no_watched_region_can_hold_when_audited_then_its_places_are_not_read() -> None:
    asked = rules(DR, match=Match(regions=("us-*",)))
    given = kept(encrypted(), under=asked)
    audited(given)
    assert not given.cloud.called(*POINTS)


def test_given_one_of_several_regions_alone_as_a_shard_does_when_audited_then_only_its_places_are_read() -> None:
    frankfurt = encrypted("other", scope=FRANKFURT)
    given = kept(encrypted(), frankfurt, scopes=(LONDON, FRANKFURT))
    world = given.but(inventories={LONDON: given.world.inventories[LONDON]})
    report = audited(given, world)
    assert {call.scope for call in given.cloud.called("points")} == {LONDON, IRELAND, VAULT}
    assert len(given.cloud.called("shares")) == 7 + 6 + 6  # none of what is Frankfurt's
    assert of_points(report, encrypted()) == FINE


def test_given_a_match_when_audited_then_what_it_does_not_name_is_not_judged() -> None:
    given = kept(encrypted(), encrypted("ledger"))
    report = audited(given, match=Match(names=("orders",)))
    assert (report["databases"], of_points(report, encrypted())) == (1, FINE)
    assert [each["database"].split("/")[-1] for each in report["exposures"]] == ["orders"]


class Shifting:
    """A store whose pages each begin with what the last one ended with, as when something is made meanwhile."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def pages(self, kind: Kind) -> Iterator[PointPage]:
        last: tuple[RecoveryPoint, ...] = ()
        for page in self._store.pages(kind):
            yield replace(page, points=(*last, *page.points))
            last = page.points[-1:]


def test_given_a_point_that_two_pages_show_when_audited_then_it_is_one() -> None:
    given = kept(encrypted(), page_size=3)
    stores: Any = {scope: Shifting(store) for scope, store in given.world.stores.items()}
    report = audited(given, given.but(stores=stores))
    measured = {each["rule"]: each["measured"] for each in every_verdict(report)}
    assert measured["BK007"]["points"] == measured["BK008"]["snapshots"] == 7 + 6 + 6
    assert of_points(report, encrypted()) == FINE


# --- verdicts ------------------------------------------------------------------------------------------------------


def test_given_snapshot_and_replicate_have_run_when_audited_then_pending_and_then_green() -> None:
    orders = encrypted(created=NOW - DAY)
    given = fleet(orders, rules=rules(DR))
    given.cloud.takes(Work.SNAPSHOT, span=timedelta(minutes=20))
    given.cloud.takes(Work.COPY, span=timedelta(minutes=20))
    assert of_points(audited(given), orders)["BK004"] == "fail"
    snapshots(given)
    assert message(audited(given), "BK004") == "no snapshot of ours is there; one is being made"
    wait(given, timedelta(minutes=30))
    replicates(given)
    report = audited(given)
    assert of_points(report, orders)["BK004"] == "pass"
    assert message(report, "BK006").endswith("none, and one is on its way")
    wait(given, timedelta(minutes=30))
    assert of_points(audited(given), orders) == FINE


def test_given_a_copy_that_was_deleted_when_audited_then_only_its_place_fails() -> None:
    given = kept(encrypted(), days=3)
    for each in given.cloud.every_point(VAULT):
        given.cloud.remove_point(each)
    report = audited(given)
    assert message(report, "BK006") == "vault (eu-west-1): none, asked 34 h"
    assert "aws/222233334444/eu-west-1: no point of ours" in message(report, "BK005")


@pytest.mark.parametrize("wrong", ["deployment", "another's", "inherited", "garbage"])
def test_given_tags_that_make_a_point_not_ours_when_audited_then_it_proves_nothing(wrong: str) -> None:
    orders = encrypted()
    given = fleet(orders, rules=rules())
    strange = {
        "deployment": point(orders, also={"backstay:deployment": "other"}),
        "another's": point(orders, also={"backstay:database": encrypted("ledger").id.key}),
        "inherited": point(orders, source="orders-r-1"),
        "garbage": point(orders, also={"backstay:database": "orders"}),
    }[wrong]
    given.cloud.add_point(strange)
    assert of_points(audited(given), orders)["BK004"] == "fail"
    assert of_points(audited(given, database="orders"), orders)["BK004"] == "fail"


def test_given_a_human_s_snapshot_that_is_not_encrypted_when_audited_then_fail_and_the_service_s_own_do_not_count() -> (
    None
):
    orders = encrypted()
    given = kept(orders)
    given.cloud.add_point(point(orders, id="by-hand", tags={}, encryption=UNENCRYPTED))
    given.cloud.add_point(
        point(orders, id="rds:orders", tags={}, encryption=UNENCRYPTED, origin=Origin.AUTOMATED),
        point(orders, id="broken", encryption=UNENCRYPTED, state=PointState.FAILED),
    )
    for report in (audited(given), audited(given, database="orders")):
        assert message(report, "BK007") == f"{LONDON}: 1 of 8 not encrypted: by-hand"


def test_given_a_key_that_is_going_or_that_we_may_not_see_when_audited_then_fail_or_unknown() -> None:
    orders = encrypted()
    given = kept(orders)
    given.cloud.keys[LONDON, KEY] = KeyFacts(KEY, "is PendingDeletion")
    assert of_points(audited(given), orders)["BK007"] == "fail"
    given.cloud.keys[LONDON, KEY] = KeyFacts(KEY, "cannot be looked at", hidden=True)
    assert of_points(audited(given), orders)["BK007"] == "unknown"
    given.cloud.keys.clear()
    given.cloud.interfere("key", throttled, scope=IRELAND)
    report = audited(given)
    assert (of_points(report, orders)["BK007"], report["status"]) == ("unknown", "unknown")


def test_given_replication_when_audited_then_measured_where_it_is_kept_and_listed_once() -> None:
    orders, ledger = encrypted(), encrypted("ledger", kind=Kind.CLUSTER)
    given = kept(orders, ledger, under=replicated(rules()))
    assert message(audited(given), "BK006", orders) == "replicated backups in dr: none"
    replicates(given)
    given.clock.sleep(timedelta(minutes=1))
    report = audited(given)
    assert verdicts(report, orders)["BK006"] == "pass"
    assert "DB instances only" in message(report, "BK006", ledger)
    assert Counter(call.scope for call in given.cloud.called("replicated")) == {IRELAND: 2}
    lines = {each["database"].split("/")[-1]: each for each in report["exposures"]}
    assert lines["orders"]["where"] == str(IRELAND)
    assert lines["ledger"]["lost_seconds"] is None


def test_given_the_replicated_backups_cannot_be_listed_when_audited_then_unknown() -> None:
    orders = encrypted(replicated_to=("arn:aws:rds:eu-west-1:111122223333:auto-backup:ab-orders",))
    given = kept(orders, under=replicated(rules()))
    given.cloud.interfere("replicated", denied)
    for report in (audited(given), audited(given, database="orders")):
        assert verdicts(report, orders)["BK006"] == "unknown"
        assert {"scope": str(IRELAND), "what": "replicated backups"}.items() <= report["unread"][0].items()


def test_given_immutable_copies_when_audited_then_fail_that_names_what_rds_cannot() -> None:
    given = kept(encrypted(), under=rules(replace(DR, immutable=True)))
    assert "no lock for snapshots" in message(audited(given), "BK021")


# --- what could not be read ----------------------------------------------------------------------------------------


def test_given_a_place_whose_listing_fails_when_audited_then_what_needs_it_is_unknown_and_nothing_passes() -> None:
    orders, ledger = encrypted(), encrypted("ledger", kind=Kind.CLUSTER)
    given = kept(orders, ledger, page_size=2)
    pager = MemoryPager()
    given.cloud.interfere("points", denied, scope=IRELAND, about=Kind.INSTANCE)
    report = audited(given, given.but(pager=pager))
    assert (report["status"], report["exit_status"]) == ("unknown", 2)
    assert of_points(report, orders) == {
        **FINE,
        "BK005": "unknown",
        "BK006": "unknown",
        "BK007": "unknown",
        "BK008": "unknown",
    }
    assert of_points(report, ledger) == FINE  # that listing was read
    (unread,) = report["unread"]
    assert (unread["scope"], unread["what"]) == (str(IRELAND), "instance snapshots")
    assert "instance snapshots" in pager.sent[0][1]


def test_given_two_shards_that_could_not_read_the_same_place_when_people_are_told_then_once() -> None:
    given = kept(encrypted(), encrypted("other", scope=FRANKFURT), scopes=(LONDON, FRANKFURT))
    given.cloud.interfere("points", denied, scope=IRELAND, about=Kind.INSTANCE)
    news, pager = digest.News(frozenset()), MemoryPager()
    for scope in (LONDON, FRANKFURT):
        alone = given.but(inventories={scope: given.world.inventories[scope]})
        news.add(audited(given, alone), [scope])
    assert digest.send(given.but(pager=pager), news, NOW)
    ((_, text),) = pager.sent
    assert text.count("instance snapshots") == 1


def test_given_a_fresh_copy_on_a_page_before_the_error_when_audited_then_it_is_there() -> None:
    given = kept(encrypted(), page_size=2)
    given.cloud.interfere("points", denied, scope=IRELAND, about=Kind.INSTANCE, after=1, times=1)
    found = of_points(audited(given), encrypted())
    assert (found["BK005"], found["BK006"], found["BK007"]) == ("unknown", "pass", "unknown")
    given.cloud.unreadable_points[LONDON, Kind.INSTANCE] = ["snapshot odd: cannot read KeyError('Engine')"]
    found = of_points(audited(given), encrypted())
    assert (found["BK004"], found["BK005"], found["BK007"]) == ("pass", "unknown", "unknown")


def test_given_a_place_that_fails_when_one_database_is_audited_then_unknown_too() -> None:
    given = kept(encrypted())
    given.cloud.interfere("points_of", denied, scope=VAULT)
    report = audited(given, database="orders")
    assert of_points(report, encrypted())["BK006"] == "unknown"
    assert report["unread"][0]["scope"] == str(VAULT)


def test_given_a_place_that_nobody_can_read_when_audited_then_unknown() -> None:
    given = kept(encrypted())
    world = given.but(stores={LONDON: given.world.stores[LONDON]})
    for report in (audited(given, world), audited(given, world, database="orders")):
        assert of_points(report, encrypted())["BK006"] == "unknown"


def test_given_a_vault_that_fails_when_audited_then_an_error() -> None:
    class Broken(CountingVault):
        def get(self, key: str) -> Any:
            if key.startswith("shares/"):
                denied()
            return super().get(key)

    given = kept(encrypted())
    with pytest.raises(BackstayError):
        audited(given, given.but(vault=Broken()))


# --- exposure ------------------------------------------------------------------------------------------------------


def test_given_copies_when_audited_then_one_line_per_database_and_none_for_those_that_ask_nothing() -> None:
    given = kept(encrypted(), database("plain", tags={}))
    (row,) = audited(given)["exposures"]
    assert row["database"] == encrypted().id.key
    assert row["line"] == f"if its region is gone now, you lose 34 h; the newest copy is in {VAULT}"
    assert row["lost_seconds"] == 34 * 3600.0


def test_given_the_same_fleet_when_replicated_then_the_same_line() -> None:
    given = kept(encrypted(), under=rules(DR))
    for each in given.cloud.every_point(VAULT):
        given.cloud.remove_point(each)
    assert audited(given)["exposures"] == replicates(given, dry_run=True)["exposures"]


def test_given_no_copy_anywhere_or_a_place_unread_when_audited_then_the_line_does_not_pretend() -> None:
    given = fleet(encrypted(), rules=rules(DR))
    (row,) = audited(given)["exposures"]
    assert (row["newest"], row["lost_seconds"]) == (None, None)
    assert "you lose everything" in row["line"]
    given.cloud.interfere("points", denied, scope=IRELAND)
    (row,) = audited(given)["exposures"]
    assert row["line"].startswith("nobody can tell what you lose")


# --- explain -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", OF_POINTS)
def test_given_a_rule_on_points_when_explained_then_the_verdict_and_what_the_policy_asks(ident: str) -> None:
    given = kept(encrypted(), under=rules(replace(DR, immutable=True), TO_VAULT))
    (rule,) = (each for each in RULES if each.id == ident)
    report = explain(given.world, rule, AuditRequest(database="orders"))
    asked = {each["path"]: each["value"] for each in report["asked"]}
    assert report["finding"]["verdict"] == {**FINE, "BK021": "fail"}[ident]
    if ident != "BK021":
        assert asked["tiers[0].snapshots"] == "every 1d at 00:00, keep daily 7, weekly 4"
    if ident != "BK004":
        copies = "to dr, keep daily 7, monthly 12, immutable; to vault, keep weekly 4"
        assert asked["tiers[0].copies"] == copies


def test_given_replicated_backups_when_explained_then_where_they_go() -> None:
    arn = "arn:aws:rds:eu-west-1:111122223333:auto-backup:ab-orders"
    orders = encrypted(replicated_to=(arn,), window=RecoveryWindow(NOW - 14 * DAY, NOW))
    (rule,) = (each for each in RULES if each.id == "BK006")
    report = explain(kept(orders, under=replicated(rules())).world, rule, AuditRequest(database="orders"))
    assert {"fact": "backups replicated to", "value": "eu-west-1"} in report["facts"]
    assert {"path": "tiers[0].pitr", "value": "window 14d, apply maintenance_window, replicate_to dr"} in report[
        "asked"
    ]
