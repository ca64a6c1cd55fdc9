"""``backstay snapshot``, ``replicate`` and ``adopt``: what is due is shown, asked about, and begun as it was shown."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.cli import screen
from backstay.core.errors import Denied, Throttled
from backstay.core.naming import TAG_DATABASE, TAG_DEPLOYMENT, TAG_SLOT
from backstay.core.points import Origin, PointState, is_ours
from backstay.core.policy import Keep, MaxDelete
from tests.fleet import IRELAND, LONDON, NOW, database, fleet, point, policy
from tests.workflows.places import DAY, DR, TO_VAULT, VAULT, rules, there

if TYPE_CHECKING:
    from backstay.core.points import RecoveryPoint
    from tests.cli.conftest import Terminal
    from tests.fleet import Fleet

ORDERS = database("orders")
LEDGER = database("ledger")


def due(**given: Any) -> Fleet:
    """Two databases whose slot of today is empty."""
    return fleet(ORDERS, LEDGER, rules=rules(**given))


class TestSnapshot:
    def test_a_dry_run_says_what_is_due_and_takes_nothing(self, terminal: Terminal) -> None:
        given = due()
        terminal.looks_at(given)
        result = terminal.run("snapshot --dry-run")
        assert result.exit_code == 1
        assert "snapshot backstay-orders-" in result.stdout
        assert "tier gold: slot 2026-11-24T00:00:00Z; would be taken" in result.stdout
        assert "PLAN  2 databases: 2 planned" in result.stdout
        assert "backstay snapshot --all" in result.stdout
        assert given.cloud.called("take") == []

    def test_every_row_in_a_pipe_stands_alone(self, terminal: Terminal) -> None:
        terminal.looks_at(due())
        rows = [each for each in terminal.run("snapshot --dry-run").stdout.splitlines() if each.startswith("planned")]
        assert [each.split()[1:3] for each in rows] == [["ledger", "eu-west-2"], ["orders", "eu-west-2"]]
        assert all("tier gold: slot" in each for each in rows)

    def test_it_asks_and_begins_the_one_that_was_named(self, terminal: Terminal) -> None:
        given = due()
        terminal.looks_at(given)
        result = terminal.run("snapshot orders", "y\n")
        assert result.exit_code == 3
        assert "Begin 1 of them like this?" in result.stderr
        assert [each.source for each in there(given, LONDON)] == ["orders"]
        assert "Pending is not done" in result.stdout
        assert "backstay snapshot orders --dry-run" in result.stdout

    def test_what_was_taken_is_not_due_again(self, terminal: Terminal) -> None:
        given = due()
        terminal.looks_at(given)
        assert terminal.run("snapshot --all --yes").exit_code == 3
        result = terminal.run("snapshot --all")
        assert result.exit_code == 0
        assert "OK  2 databases: nothing to do" in result.stdout
        assert len(there(given, LONDON)) == 2

    @pytest.mark.parametrize("typed", ["n\n", "\n", ""])
    def test_whatever_is_not_a_yes_takes_nothing(self, terminal: Terminal, typed: str) -> None:
        given = due()
        terminal.looks_at(given)
        result = terminal.run("snapshot --all", typed)
        assert result.exit_code == 1
        assert "not confirmed: nothing was begun" in result.stderr
        assert given.cloud.called("take") == []

    def test_where_nobody_can_be_asked_a_yes_is_needed(self, terminal: Terminal) -> None:
        given = due()
        terminal.looks_at(given)
        result = terminal.run("snapshot --all")
        assert result.exit_code == 1
        assert "--yes" in result.stderr
        assert given.cloud.called("take") == []

    def test_only_what_was_shown_is_begun(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between question and answer, the second database becomes due."""
        given = due()
        taken = point(LEDGER, NOW - timedelta(hours=10))
        given.cloud.add_point(taken)
        terminal.looks_at(given)

        def agree(_: str) -> bool:
            given.cloud.remove_point(taken)
            return True

        monkeypatch.setattr(screen, "confirm", agree)
        status, report = terminal.json("snapshot --all", "")
        results = {each["database"].rsplit("/", 1)[1]: each for each in report["outcomes"]}
        assert status == 1
        assert results["orders"]["result"] == "pending"
        assert results["ledger"]["result"] == "refused"
        assert "not what you agreed to" in results["ledger"]["message"]
        assert [each.source for each in there(given, LONDON)] == ["orders"]

    def test_a_failure_is_an_error_with_its_call(self, terminal: Terminal) -> None:
        given = due()

        def denied() -> None:
            raise Denied("AccessDenied: no", call="rds:CreateDBSnapshot")

        given.cloud.interfere("take", denied)
        terminal.looks_at(given)
        result = terminal.run("snapshot orders --yes")
        assert result.exit_code == 2
        assert "rds:CreateDBSnapshot: AccessDenied: no" in result.stdout

    def test_an_interrupted_one_says_how_to_see_what_is_left(self, terminal: Terminal) -> None:
        given = due()

        def interrupt() -> None:
            raise KeyboardInterrupt

        given.cloud.interfere("take", interrupt)
        terminal.looks_at(given)
        result = terminal.run("snapshot orders --yes --policy policy.yaml")
        assert result.exit_code == 2
        assert "backstay snapshot orders --dry-run --policy policy.yaml" in result.stderr

    def test_a_policy_without_snapshots_is_named_as_the_reason(self, terminal: Terminal) -> None:
        terminal.looks_at(fleet(ORDERS, rules=policy()))
        result = terminal.run("snapshot --dry-run")
        assert result.exit_code == 0
        assert "No tier of this policy asks for snapshots" in result.stdout


@pytest.mark.parametrize("verb", ["snapshot", "replicate", "prune"])
@pytest.mark.parametrize("selected", ["", "--yes", "orders --all --yes"])
def test_without_one_clear_selection_it_is_refused(terminal: Terminal, verb: str, selected: str) -> None:
    given = due()
    terminal.looks_at(given)
    result = terminal.run(f"{verb} {selected}", "y\n")
    assert result.exit_code == 1
    assert "a typo must not touch a fleet" in result.stderr
    assert given.cloud.calls == []


@pytest.mark.parametrize("verb", ["snapshot", "replicate", "prune"])
def test_a_listing_that_failed_is_shown_and_ends_with_two(terminal: Terminal, verb: str) -> None:
    given = fleet(ORDERS, LEDGER, rules=rules(DR))

    def throttled() -> None:
        raise Throttled("Rate exceeded", call="rds:DescribeDBSnapshots")

    given.cloud.interfere("points", throttled, scope=LONDON)
    terminal.looks_at(given)
    result = terminal.run(f"{verb} --dry-run")
    assert result.exit_code == 2
    assert "rds:DescribeDBSnapshots: Rate exceeded" in result.stdout


@pytest.mark.parametrize("verb", ["replicate", "prune"])
def test_where_another_account_s_role_is_refused_the_function_is_named_that_may_take_it_on(
    terminal: Terminal, verb: str
) -> None:
    given = fleet(ORDERS, rules=rules(TO_VAULT))

    def refused() -> None:
        raise Denied("AccessDenied: not authorized", call="sts:AssumeRole")

    given.cloud.interfere("points", refused, scope=VAULT)
    terminal.looks_at(given)
    result = terminal.run(f"{verb} orders --dry-run --deployment ours")
    assert result.exit_code == 2
    command = next(each for each in result.stdout.splitlines() if "aws lambda invoke" in each)
    assert f"--function-name ours-{verb}:live" in command
    assert """--payload '{"database": "orders", "dry_run": true}'""" in command


@pytest.mark.parametrize("verb", ["snapshot", "replicate", "prune", "adopt"])
def test_the_help_says_where_to_begin(terminal: Terminal, verb: str) -> None:
    result = terminal.run(f"{verb} --help")
    assert result.exit_code == 0
    assert f"backstay {verb} orders" in result.stdout or f"backstay {verb} --dry-run" in result.stdout
    assert "Exit status" in result.stdout


def test_plan_s_help_names_the_dry_runs(terminal: Terminal) -> None:
    told = " ".join(terminal.run("plan --help").stdout.split())
    assert "`snapshot`, `replicate` and `prune`, each with --dry-run" in told


class TestReplicate:
    def test_a_dry_run_says_which_copies_begin_and_what_is_lost_meanwhile(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(DR))
        given.cloud.add_point(point(ORDERS), point(ORDERS, NOW - timedelta(hours=26), scope=IRELAND))
        terminal.looks_at(given)
        result = terminal.run("replicate --dry-run")
        assert result.exit_code == 1
        assert "copy backstay-orders-" in result.stdout
        assert "to aws/111122223333/eu-west-1 under" in result.stdout
        assert "if its region is gone now, you lose 26 h" in result.stdout.splitlines()[-1]
        assert given.cloud.called("copy") == []

    def test_without_any_copy_everything_is_lost_and_such_databases_come_first(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, LEDGER, rules=rules(DR))
        given.cloud.add_point(point(LEDGER), point(LEDGER, scope=IRELAND), point(ORDERS))
        terminal.looks_at(given)
        last = terminal.run("replicate --dry-run").stdout.splitlines()[-2:]
        assert last[0].startswith("orders")
        assert "you lose everything" in last[0]
        assert last[1].startswith("ledger")
        assert "you lose 7 h" in last[1]

    def test_it_asks_and_begins_the_copy(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(DR))
        given.cloud.add_point(point(ORDERS))
        terminal.looks_at(given)
        result = terminal.run("replicate orders", "y\n")
        assert result.exit_code == 3
        assert [each.copied_from for each in there(given, IRELAND)] == [point(ORDERS).arn]
        assert "tier gold: a copy in dr; begun" in result.stdout

    def test_a_copy_into_another_account_shows_each_of_its_steps(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(TO_VAULT))
        given.cloud.add_point(point(ORDERS))
        terminal.looks_at(given)
        told = terminal.run("replicate --dry-run").stdout
        assert told.index("with account 222233334444") < told.index(f"to {VAULT}")
        assert terminal.run("replicate --all --yes").exit_code == 3
        assert len(there(given, VAULT)) == 1

    def test_a_pending_copy_is_told_by_the_dry_run_that_is_printed(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(DR))
        given.cloud.add_point(point(ORDERS))
        terminal.looks_at(given)
        assert "backstay replicate --all --dry-run" in terminal.run("replicate --all --yes").stdout
        given.cloud.advance()
        assert terminal.run("replicate --all --dry-run").exit_code in (0, 1)

    def test_a_policy_without_copies_is_named_as_the_reason(self, terminal: Terminal) -> None:
        terminal.looks_at(fleet(ORDERS, rules=rules()))
        assert "No tier of this policy asks for copies" in terminal.run("replicate --dry-run").stdout

    def test_the_json_is_the_function_s_report(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(DR))
        given.cloud.add_point(point(ORDERS))
        terminal.looks_at(given)
        status, report = terminal.json("replicate --dry-run")
        assert (status, report["schema"], report["dry_run"]) == (1, "backstay.replicate/1", True)
        assert report["exposures"][0]["lost_seconds"] is None

    def test_in_a_terminal_the_steps_stand_under_their_database(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(TO_VAULT))
        given.cloud.add_point(point(ORDERS))
        terminal.looks_at(given)
        terminal.wide(120)
        told = terminal.run("replicate --dry-run").stdout
        assert told.count("eu-west-2") >= 1
        assert told.count("planned") == 3  # twice in rows, once in the sum

    def test_in_a_terminal_only_the_most_exposed_are_told_of_a_large_fleet(self, terminal: Terminal) -> None:
        many = [database(f"db-{number:02}") for number in range(24)]
        given = fleet(*many, rules=rules(DR))
        given.cloud.add_point(*(point(each, scope=IRELAND) for each in many[:4]))
        terminal.looks_at(given)
        assert terminal.run("replicate --dry-run").stdout.count("if its region is gone now") == 24
        terminal.wide(140)
        told = terminal.run("replicate --dry-run").stdout
        assert told.count("if its region is gone now, you lose everything") == 20
        assert "you lose 7 h" not in told
        assert "and 4 that would lose no more; --json has them all" in told


def by_hand(name: str = "before-upgrade", days: int = 100, **given: Any) -> RecoveryPoint:
    return point(ORDERS, NOW - timedelta(days=days), **({"id": name, "tags": {"team": "shop"}} | given))


def with_history(*also: RecoveryPoint, most: MaxDelete | None = None) -> Fleet:
    """Ten days of our own, and what a person made."""
    given = fleet(ORDERS, rules=rules(keep=Keep(daily=3, yearly=5), most=most))
    given.cloud.add_point(*(point(ORDERS, point(ORDERS).at - number * DAY) for number in range(10)), *also)
    return given


class TestAdopt:
    def test_it_shows_what_prune_makes_of_it_asks_and_tags_it(self, terminal: Terminal) -> None:
        given = with_history(by_hand())
        terminal.looks_at(given)
        result = terminal.run("adopt orders before-upgrade", "y\n")
        assert result.exit_code == 0
        assert "Adopt 1 of them?" in result.stderr
        assert "the keep rules may remove it" in result.stdout
        assert "then goes: yearly: a newer one of 2026 stays" in result.stdout
        assert "backstay prune orders --dry-run" in result.stdout
        adopted = next(each for each in there(given, LONDON) if each.id == "before-upgrade")
        assert is_ours(adopted, "backstay")
        assert adopted.tags["team"] == "shop"
        assert adopted.tags[TAG_DATABASE] == ORDERS.id.key

    def test_what_is_told_of_it_is_what_prune_then_does(self, terminal: Terminal) -> None:
        given = with_history(by_hand(), by_hand("last-year", 400))
        terminal.looks_at(given)
        _, plan = terminal.json("adopt orders --all-manual --dry-run")
        told = {each["arn"]: each["next"]["result"] for each in plan["outcomes"]}
        assert sorted(told.values()) == ["goes", "stays"]
        assert terminal.run("adopt orders --all-manual --yes").exit_code == 0
        _, pruned = terminal.json("prune orders --dry-run")
        removed = {each["arn"] for each in pruned["outcomes"]}
        assert {arn for arn, fate in told.items() if fate == "goes"} == removed & set(told)
        assert len(removed) == plan["prune"]["remove"]

    def test_beyond_the_blast_radius_it_says_so(self, terminal: Terminal) -> None:
        terminal.looks_at(with_history(by_hand(), most=MaxDelete(count=2, percent=100)))
        result = terminal.run("adopt orders --all-manual --dry-run")
        assert result.exit_code == 1
        assert "beyond the blast radius" in result.stdout

    @pytest.mark.parametrize("typed", ["n\n", ""])
    def test_whatever_is_not_a_yes_adopts_nothing(self, terminal: Terminal, typed: str) -> None:
        given = with_history(by_hand())
        terminal.looks_at(given)
        result = terminal.run("adopt orders before-upgrade", typed)
        assert result.exit_code == 1
        assert "nothing was adopted" in result.stderr
        assert given.cloud.called("adopt") == []

    def test_a_refusal_says_why_and_the_others_are_adopted(self, terminal: Terminal) -> None:
        given = with_history(by_hand(), by_hand("coming", state=PointState.CREATING, status="creating"))
        terminal.looks_at(given)
        result = terminal.run("adopt orders --all-manual --yes")
        assert result.exit_code == 1
        assert "is creating: adopt it once it is available" in result.stdout
        assert len(given.cloud.called("adopt")) == 1

    def test_one_that_is_ours_already_needs_nothing(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run(f"adopt orders {point(ORDERS).id} --yes")
        assert result.exit_code == 0
        assert "is ours already" in result.stdout
        assert given.cloud.called("adopt") == []

    def test_an_unknown_snapshot_is_refused_with_those_that_are_there(self, terminal: Terminal) -> None:
        terminal.looks_at(fleet(ORDERS, rules=rules()))
        assert "there is no manual snapshot of this database" in terminal.run("adopt orders nothing").stderr
        given = fleet(ORDERS, rules=rules())
        given.cloud.add_point(by_hand())
        terminal.looks_at(given)
        result = terminal.run("adopt orders before-upgrad")
        assert result.exit_code == 1
        assert "SNAPSHOT: is not there (got 'before-upgrad'); accepted: before-upgrade" in result.stderr

    def test_a_name_that_a_copy_has_too_is_told_apart_by_its_arn(self, terminal: Terminal) -> None:
        copy = by_hand(scope=IRELAND)
        given = fleet(ORDERS, rules=rules(DR))
        given.cloud.add_point(by_hand(), copy)
        terminal.looks_at(given)
        result = terminal.run("adopt orders before-upgrade --yes")
        assert result.exit_code == 1
        assert f"{by_hand().arn} or {copy.arn}" in result.stderr
        assert terminal.run(f"adopt orders {copy.arn} --yes").exit_code == 0
        assert [TAG_SLOT in each.tags for each in (*there(given, LONDON), *there(given, IRELAND))] == [False, True]

    def test_of_what_the_service_made_the_reason_is_told(self, terminal: Terminal) -> None:
        given = with_history(by_hand("rds:orders-2026", origin=Origin.AUTOMATED))
        terminal.looks_at(given)
        result = terminal.run("adopt orders rds:orders-2026 --yes")
        assert result.exit_code == 1
        assert "RDS made it and removes it with its backup window" in result.stdout

    def test_of_another_deployment_s_the_reason_is_told(self, terminal: Terminal) -> None:
        given = with_history(by_hand(tags={TAG_DEPLOYMENT: "staging"}))
        terminal.looks_at(given)
        assert "deployment staging looks after it" in terminal.run("adopt orders before-upgrade --yes").stdout

    @pytest.mark.parametrize(("line", "told"), [("", "names no snapshot"), ("one --all-manual", "and all of them")])
    def test_snapshots_are_named_in_one_way(self, terminal: Terminal, line: str, told: str) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run(f"adopt orders {line} --yes")
        assert result.exit_code == 1
        assert told in result.stderr
        assert given.cloud.calls == []

    def test_a_place_that_could_not_be_read_may_hold_it(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(DR))

        def throttled() -> None:
            raise Throttled("Rate exceeded", call="rds:DescribeDBSnapshots")

        given.cloud.interfere("points_of", throttled, scope=IRELAND)
        terminal.looks_at(given)
        result = terminal.run("adopt orders before-upgrade --yes")
        assert result.exit_code == 2
        assert "Rate exceeded" in result.stdout

    def test_a_place_that_could_not_be_read_does_not_matter_to_one_that_was_found(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(TO_VAULT, keep=Keep(daily=1)))
        given.cloud.add_point(point(ORDERS), by_hand())

        def refused() -> None:
            raise Denied("AccessDenied: not authorized", call="sts:AssumeRole")

        given.cloud.interfere("points_of", refused, scope=VAULT)
        terminal.looks_at(given)
        result = terminal.run("adopt orders before-upgrade --yes")
        assert result.exit_code == 0
        assert "then stays: guard 0: aws/222233334444/eu-west-1 could not be read" in result.stdout
        assert terminal.run("adopt orders --all-manual --yes").exit_code == 2

    def test_a_place_that_prune_does_not_need_makes_no_guess_worse(self, terminal: Terminal) -> None:
        """The policy names the vault, but no tier copies to there."""
        given = with_history(by_hand())

        def refused() -> None:
            raise Denied("AccessDenied: not authorized", call="sts:AssumeRole")

        given.cloud.interfere("points_of", refused, scope=VAULT)
        terminal.looks_at(given)
        assert "then goes: yearly" in terminal.run("adopt orders before-upgrade --yes").stdout

    def test_of_a_database_in_no_tier_it_says_that_prune_leaves_it_alone(self, terminal: Terminal) -> None:
        given = fleet(database("orders", tags={}), rules=rules())
        given.cloud.add_point(by_hand())
        terminal.looks_at(given)
        assert (
            "then stays: prune leaves this database alone" in terminal.run("adopt orders before-upgrade --yes").stdout
        )

    def test_only_what_was_shown_is_adopted(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        given = with_history(by_hand())
        terminal.looks_at(given)

        def agree(_: str) -> bool:
            given.cloud.add_point(by_hand("late"))
            return True

        monkeypatch.setattr(screen, "confirm", agree)
        status, report = terminal.json("adopt orders --all-manual", "")
        assert status == 1
        results = {each["arn"].split(":")[-1]: each["result"] for each in report["outcomes"]}
        assert results == {"before-upgrade": "done", "late": "refused"}
