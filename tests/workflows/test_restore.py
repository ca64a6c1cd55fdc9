"""The front door over the memory provider: it understands, refuses with what is possible, and starts once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from backstay.core.errors import BadRequest, NoSuchDatabase, ProviderError
from backstay.core.model import Kind, State
from backstay.core.requests import RestoreRequest
from backstay.core.restoring import Quota, Unchecked
from backstay.providers.memory import Surroundings
from backstay.workflows.restore import restore
from tests.fleet import IRELAND, LONDON, NOW, Fleet, database, fleet, policy, snapshot
from tests.workflows.helpers import Report, denied

MOMENT = "2026-11-24T09:30:00Z"


def asked(fleet: Fleet, **request: Any) -> Report:
    """As the entry does it: checked first, then run."""
    wanted = RestoreRequest(**({"database": "orders"} | request))
    wanted.check()
    return restore(fleet.world, wanted)


def gate(report: Report, name: str) -> dict[str, Any]:
    parts = report.get("plan") or report["refusal"]
    found: dict[str, Any] = next(each for each in parts["gates"] if each["name"] == name)
    return found


def test_given_a_moment_inside_the_window_when_asked_then_the_runner_starts_with_plan_target_and_execution() -> None:
    given = fleet(database())
    report = asked(given, to=MOMENT)
    assert (report["status"], report["exit_status"]) == ("pending", 3)
    assert report["target"] == "orders-r-20261124-093000"
    assert report["execution"]["started"]
    (started,) = given.starter.started.values()
    assert started.moment == MOMENT
    assert report["request"] == {
        "database": "aws/111122223333/eu-west-2/instance/orders",
        "target": "orders-r-20261124-093000",
        "request_id": report["execution"]["name"],
        "moment": MOMENT,
    }
    assert not given.cloud.called("create")
    assert all(each["ok"] is True for each in report["plan"]["gates"])


def test_given_a_plan_when_decided_then_it_carries_what_a_bare_restore_loses() -> None:
    tags = {"backup-tier": "gold", "team": "pay", "aws:cloudformation:stack-name": "x", "backstay:verified": "old"}
    plan = asked(fleet(database(tags=tags)), to=MOMENT)["plan"]
    assert plan["tags"] == {
        "backup-tier": "gold",
        "team": "pay",
        "backstay:deployment": "backstay",
        "backstay:database": "aws/111122223333/eu-west-2/instance/orders",
        "backstay:request": plan["request_id"],
    }
    assert (plan["retention_days"], plan["deletion_protection"], plan["copy_tags"]) == (14, True, True)
    assert plan["config"]["parameter_group"] == "orders-pg"


def test_given_a_dry_run_when_asked_then_the_same_plan_and_nothing_starts() -> None:
    given = fleet(database())
    dry = asked(given, to=MOMENT, dry_run=True)
    assert (dry["status"], dry["execution"]) == ("ok", None)
    assert given.starter.started == {}
    assert dry["plan"] == asked(given, to=MOMENT)["plan"]


def test_given_a_terminal_without_runner_when_asked_then_the_plan_alone() -> None:
    given = fleet(database())
    given.world = given.but(starter=None)
    report = asked(given, to=MOMENT)
    assert (report["status"], report["execution"]) == ("ok", None)


def test_given_a_second_click_when_asked_then_the_same_execution() -> None:
    given = fleet(database())
    first = asked(given, to=MOMENT)
    given.clock.sleep(timedelta(minutes=2))
    second = asked(given, to="2026-11-24T10:30:00+01:00")  # the same second, written otherwise
    assert second["execution"]["id"] == first["execution"]["id"]
    assert (first["execution"]["started"], second["execution"]["started"]) == (True, False)
    assert len(given.starter.started) == 1


@pytest.mark.parametrize(("state", "status"), [("succeeded", "ok"), ("failed", "refused")])
def test_given_a_restore_that_has_ended_when_clicked_again_then_how_it_ended(
    state: Literal["succeeded", "failed"], status: str
) -> None:
    given = fleet(database())
    first = asked(given, to=MOMENT)
    given.starter.ended[first["execution"]["name"]] = state
    second = asked(given, to=MOMENT)
    assert (second["status"], second["execution"]["state"], second["execution"]["started"]) == (status, state, False)
    if state == "failed":
        assert second["refusal"]["accepted"] == "another target than orders-r-20261124-093000"


def test_given_other_moments_or_targets_when_asked_then_they_are_other_restores() -> None:
    given = fleet(database(), database("ledger", kind=Kind.CLUSTER))
    asked(given, to=MOMENT)
    asked(given, to="2026-11-24T09:30:01Z")
    asked(given, to=MOMENT, target="orders-copy")
    asked(given, to=MOMENT, database="ledger")
    assert len(given.starter.started) == 4


def test_given_latest_when_asked_then_it_is_settled_to_the_second_before_the_windows_end() -> None:
    given = fleet(database())
    report = asked(given, to="latest")
    latest = NOW - timedelta(minutes=3, seconds=1)
    assert report["request"]["moment"] == report["plan"]["moment"] == "2026-11-24T09:56:59Z"
    assert report["target"] == f"orders-r-{latest:%Y%m%d-%H%M%S}"
    again = asked(given, to="latest")
    assert (again["execution"]["name"], again["execution"]["started"]) == (report["execution"]["name"], False)


def test_given_latest_without_a_window_when_asked_then_refused_with_the_reason() -> None:
    report = asked(fleet(database(days=0)), to="latest")
    assert report["status"] == "refused"
    assert "PITR is off" in report["refusal"]["message"]
    assert report["refusal"]["accepted"] == "a snapshot's identifier"


def test_given_a_moment_in_the_future_when_asked_then_refused_with_now() -> None:
    report = asked(fleet(database()), to="2026-11-24T10:00:01Z")
    assert (report["status"], report["exit_status"]) == ("refused", 1)
    assert "in the future; now is 2026-11-24T10:00:00Z" in report["refusal"]["message"]


@pytest.mark.parametrize("to", ["2026-11-10T09:59:59Z", "2026-11-24T09:58:00Z", "2001-01-01T00:00:00Z"])
def test_given_a_moment_outside_the_window_when_asked_then_refused_with_the_window(to: str) -> None:
    given = fleet(database())
    report = asked(given, to=to)
    assert report["status"] == "refused"
    assert "2026-11-10T10:00:00Z to 2026-11-24T09:57:00Z" in report["refusal"]["accepted"]
    assert given.starter.started == {}


@pytest.mark.parametrize("to", ["2026-11-24T09:30:00", "2026-11-24", "yesterday", "", "LATEST", "1764000000"])
def test_given_a_moment_that_is_none_or_has_no_zone_when_asked_then_bad_request(to: str) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(fleet(database()), to=to)
    assert caught.value.field == "to"
    assert "2026-11-24T10:15:00Z" in caught.value.accepted


NAUGHTY = ["../orders", "orders; rm -rf /", "$(id)", "orders\n", "orders/../x", "-orders", "o--x", "orders-", "", "ö"]


@pytest.mark.parametrize("name", [*NAUGHTY, "x" * 64])
@pytest.mark.parametrize("field", ["database", "target"])
def test_given_an_identifier_with_shell_or_path_characters_when_asked_then_bad_request(field: str, name: str) -> None:
    given = fleet(database())
    with pytest.raises(BadRequest) as caught:
        asked(given, **({"to": MOMENT} | {field: name}))
    assert caught.value.field == field
    assert not given.cloud.calls


@pytest.mark.parametrize("ident", ["../x", "a b", "x;y", "arn:aws:s3:::bucket", "", "x" * 300])
def test_given_a_snapshot_that_can_be_none_when_asked_then_bad_request(ident: str) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(fleet(database()), snapshot=ident)
    assert caught.value.field == "snapshot"


def test_given_both_or_neither_of_moment_and_snapshot_when_asked_then_bad_request() -> None:
    for request in ({}, {"to": MOMENT, "snapshot": "before-deploy"}):
        with pytest.raises(BadRequest, match="exactly one"):
            asked(fleet(database()), **request)


def test_given_an_unknown_database_when_asked_then_the_error_names_the_way_out() -> None:
    with pytest.raises(NoSuchDatabase) as caught:
        asked(fleet(database()), database="ghost", to=MOMENT)
    assert "of a deleted one, a snapshot of it" in caught.value.accepted
    assert "describe-db-instance-automated-backups" in caught.value.accepted


def test_given_one_name_in_two_regions_when_asked_then_region_tells_them_apart() -> None:
    given = fleet(database(), database(scope=IRELAND), scopes=(LONDON, IRELAND))
    with pytest.raises(BadRequest, match="several databases"):
        asked(given, to=MOMENT)
    report = asked(given, to=MOMENT, region="eu-west-1")
    assert report["database"] == database(scope=IRELAND).arn


def test_given_a_region_that_contradicts_the_arn_when_asked_then_bad_request() -> None:
    with pytest.raises(BadRequest) as caught:
        asked(fleet(database()), database=database().arn, to=MOMENT, region="eu-west-1")
    assert caught.value.field == "region"


def test_given_one_name_for_an_instance_and_a_cluster_when_asked_then_bad_request() -> None:
    given = fleet(database(), database(kind=Kind.CLUSTER))
    with pytest.raises(BadRequest, match="instance and a cluster"):
        asked(given, to=MOMENT)


def test_given_a_region_that_cannot_be_read_when_asked_then_an_error_and_not_absent() -> None:
    given = fleet(database(), scopes=(LONDON, IRELAND))
    given.cloud.interfere("find", denied, scope=IRELAND)
    with pytest.raises(ProviderError, match="cannot tell whether orders exists"):
        asked(given, to=MOMENT)


def test_given_a_target_of_somebody_else_when_asked_then_refused_and_nothing_starts() -> None:
    given = fleet(database(), database("taken", tags={"backstay:request": "another"}))
    report = asked(given, to=MOMENT, target="taken")
    assert report["status"] == "refused"
    assert "nothing is overwritten" in report["refusal"]["message"]
    assert given.starter.started == {}


def test_given_the_source_as_target_when_asked_then_refused() -> None:
    assert asked(fleet(database()), to=MOMENT, target="orders")["status"] == "refused"


def test_given_our_own_target_when_asked_again_then_it_is_the_same_restore() -> None:
    given = fleet(database())
    first = asked(given, to=MOMENT)
    target = first["target"]
    given.cloud.add(database(target, tags={"backstay:request": first["execution"]["name"]}))
    second = asked(given, to=MOMENT)
    assert second["status"] == "pending"
    assert not second["execution"]["started"]


def test_given_a_long_name_when_asked_then_the_target_is_shortened_and_still_differs() -> None:
    names = ["a" * 62 + end for end in "bc"]
    given = fleet(*(database(name) for name in names))
    targets = {asked(given, to=MOMENT, database=name)["target"] for name in names}
    assert len(targets) == 2
    assert all(len(target) == 63 and target.endswith("-r-20261124-093000") for target in targets)


def test_given_a_snapshot_when_asked_then_its_data_time_names_the_target() -> None:
    orders = database()
    given = fleet(orders)
    given.cloud.add_snapshot(LONDON, snapshot(orders))
    report = asked(given, snapshot="before-deploy")
    assert report["target"] == "orders-r-20261124-090000"
    assert report["plan"]["snapshot"] == snapshot(orders).arn
    assert report["request"]["snapshot"] == "before-deploy"


def test_given_a_snapshot_without_data_time_when_asked_then_the_target_is_named_by_its_hash() -> None:
    orders = database()
    given = fleet(orders)
    given.cloud.add_snapshot(LONDON, snapshot(orders, data_time=None))
    report = asked(given, snapshot="before-deploy")
    assert report["target"].startswith("orders-r-")
    assert report["status"] == "pending"


def test_given_the_snapshot_of_another_database_when_asked_then_refused() -> None:
    given = fleet(database(), database("other"))
    given.cloud.add_snapshot(LONDON, snapshot(database("other")))
    report = asked(given, snapshot="before-deploy")
    assert report["status"] == "refused"
    assert "is of other, not of orders" in report["refusal"]["message"]


def test_given_a_snapshot_that_does_not_exist_or_is_not_ready_when_asked_then_refused() -> None:
    orders = database()
    given = fleet(orders)
    assert "there is no snapshot" in asked(given, snapshot="before-deploy")["refusal"]["message"]
    given.cloud.add_snapshot(LONDON, snapshot(orders, status="creating", ready=False))
    assert "is creating" in asked(given, snapshot="before-deploy")["refusal"]["message"]


@pytest.mark.parametrize("kind", list(Kind))
def test_given_a_deleted_source_when_asked_from_its_snapshot_then_the_runner_starts(kind: Kind) -> None:
    gone = database("gone", kind=kind)
    given = fleet()
    given.cloud.add_snapshot(LONDON, snapshot(gone))
    report = asked(given, database="gone", snapshot="before-deploy")
    assert report["status"] == "pending"
    assert report["plan"]["engine"] == gone.engine
    assert report["plan"]["retention_days"] == 1
    assert report["plan"]["tags"]["backup-tier"] == "gold"
    assert bool(report["plan"]["writer"]) == (kind is Kind.CLUSTER)


def test_given_a_deleted_source_and_no_snapshot_of_that_name_when_asked_then_bad_request() -> None:
    with pytest.raises(BadRequest) as caught:
        asked(fleet(), database="gone", snapshot="before-deploy")
    assert caught.value.field == "snapshot"


def test_given_facts_that_cannot_be_read_when_asked_then_they_are_warnings_and_the_restore_starts() -> None:
    given = fleet(database())
    no = Unchecked("kms:DescribeKey: AccessDenied")
    given.cloud.surroundings[LONDON] = Surroundings(
        key=no, missing_groups=no, free_addresses=no, orderable=no, quotas=no
    )
    report = asked(given, to=MOMENT)
    assert report["status"] == "pending"
    unchecked = [each for each in report["plan"]["gates"] if each["ok"] is None]
    assert [each["name"] for each in unchecked] == ["key", "groups", "class", "addresses", "quota"]
    assert all("AccessDenied" in each["message"] for each in unchecked)


@pytest.mark.parametrize(
    ("around", "name", "message"),
    [
        (Surroundings(key="key abc is PendingDeletion"), "key", "PendingDeletion"),
        (Surroundings(missing_groups=("parameter group orders-pg",)), "groups", "gone: parameter group orders-pg"),
        (Surroundings(orderable=False), "class", "can no longer be ordered"),
        (Surroundings(orderable=False, sold=("db.m8g.large",)), "class", "one can order db.m8g.large"),
        (Surroundings(free_addresses={"subnet-1": 0}), "addresses", "0 free addresses"),
        (Surroundings(quotas=(Quota("DBInstances", 40, 40),)), "quota", "40 of 40 DBInstances used"),
    ],
)
def test_given_a_preflight_that_fails_when_asked_then_refused_with_that_line(
    around: Surroundings, name: str, message: str
) -> None:
    given = fleet(database())
    given.cloud.surroundings[LONDON] = around
    report = asked(given, to=MOMENT)
    assert report["status"] == "refused"
    assert gate(report, name)["ok"] is False
    assert message in report["refusal"]["message"]
    assert given.starter.started == {}


def test_given_a_cluster_member_when_asked_by_name_then_its_cluster_is_restored() -> None:
    report = asked(fleet(database("ledger", kind=Kind.CLUSTER)), database="ledger-1", to=MOMENT)
    assert report["target"] == "ledger-r-20261124-093000"
    assert report["plan"]["writer"] == "ledger-r-20261124-093000-1"


def test_given_a_source_that_is_stopped_or_broken_when_asked_then_its_past_can_still_be_restored() -> None:
    for state in (State.STOPPED, State.FAILED, State.LEAVING):
        given = fleet(database(status=str(state), state=state))
        assert asked(given, to=MOMENT)["status"] == "pending"


def test_given_a_moment_with_microseconds_when_asked_then_not_a_microsecond_is_lost() -> None:
    report = asked(fleet(database()), to="2026-11-24T09:30:00.123456Z")
    assert datetime.fromisoformat(report["request"]["moment"]) == datetime(2026, 11, 24, 9, 30, 0, 123456, UTC)


def test_given_a_source_with_pitr_off_when_restored_from_a_snapshot_then_the_tier_gives_the_window() -> None:
    orders = database(days=0)
    given = fleet(orders, rules=replace(policy()))
    given.cloud.add_snapshot(LONDON, snapshot(orders))
    assert asked(given, snapshot="before-deploy")["plan"]["retention_days"] == 14


def test_given_a_snapshot_name_in_two_regions_when_the_source_is_gone_then_its_own_or_both_are_offered() -> None:
    given = fleet(scopes=(LONDON, IRELAND))
    gone, other = database("gone", scope=IRELAND), database("other")
    given.cloud.add_snapshot(LONDON, snapshot(other))
    given.cloud.add_snapshot(IRELAND, snapshot(gone))
    assert asked(given, database="gone", snapshot="before-deploy")["plan"]["target"]["scope"]["region"] == "eu-west-1"
    here = database("gone")
    given.cloud.add_snapshot(LONDON, snapshot(here))
    with pytest.raises(BadRequest, match="several snapshots") as caught:
        asked(given, database="gone", snapshot="before-deploy")
    assert snapshot(here).arn in caught.value.accepted
    by_arn = asked(given, database="gone", snapshot=snapshot(here).arn)
    assert by_arn["plan"]["snapshot"] == snapshot(here).arn
    by_region = asked(given, database="gone", snapshot="before-deploy", region="eu-west-1")
    assert by_region["plan"]["snapshot"] == snapshot(gone).arn
