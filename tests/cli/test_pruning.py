"""``backstay prune``: what stays and why, what goes and why, and nothing goes that was not shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backstay.cli import screen
from backstay.core.errors import Denied
from backstay.core.naming import TAG_HOLD, TAG_VERIFIED
from backstay.core.policy import Keep, Match, MaxDelete
from backstay.providers.memory import MemoryClock
from tests.fleet import IRELAND, LONDON, NOW, database, fleet, point, policy
from tests.workflows.places import DAY, DR, rules, there

if TYPE_CHECKING:
    from backstay.core.points import RecoveryPoint
    from tests.cli.conftest import Terminal
    from tests.fleet import Fleet

ORDERS = database("orders")
LEDGER = database("ledger")
HOUR = timedelta(hours=1)
NARROW = MaxDelete(count=3, percent=100)


def aged(days: int, of: Any = ORDERS, **given: Any) -> RecoveryPoint:
    return point(of, point(of).at - days * DAY, **given)


def with_history(*also: RecoveryPoint, most: MaxDelete | None = None, **given: Any) -> Fleet:
    """Ten days of orders, of which the rule keeps three and lets seven go."""
    found = fleet(ORDERS, LEDGER, rules=rules(keep=Keep(daily=3), most=most), **given)
    found.cloud.add_point(*(aged(number) for number in range(10)), *also)
    return found


def hash_of(terminal: Terminal, line: str = "prune orders --dry-run") -> str:
    _, plan = terminal.json(line)
    assert isinstance(plan["confirm"], str)
    return plan["confirm"]


class TestShowing:
    def test_a_dry_run_tells_what_stays_what_goes_and_by_which_rule(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run("prune --dry-run")
        assert result.exit_code == 1
        assert "3 stay: 3 daily" in result.stdout
        rows = [each for each in result.stdout.splitlines() if each.startswith("remove")]
        assert len(rows) == 7
        assert all("orders" in each and "daily: 3 newer days have one" in each for each in rows)
        assert "2026-11-15T03:00:00Z" in rows[0]
        assert "PLAN  2 databases: 7 planned" in result.stdout
        assert "backstay prune --all" in result.stdout
        assert given.cloud.called("delete") == []

    def test_every_guard_s_refusal_is_told(self, terminal: Terminal) -> None:
        by_hand = aged(50, id="before-upgrade", tags={})
        held, verified = aged(40, also={TAG_HOLD: "legal"}), aged(30, also={TAG_VERIFIED: "yes"})
        terminal.looks_at(with_history(by_hand, held, verified))
        told = [each for each in terminal.run("prune --dry-run").stdout.splitlines() if each.startswith("guard")]
        assert any("before-upgrade" in each and "guard 1: not ours" in each for each in told)
        assert any(held.id in each and "guard 2: on hold" in each for each in told)
        assert any(verified.id in each and "guard 7: the last verified one" in each for each in told)

    def test_copies_are_told_by_location(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(DR, keep=Keep(daily=3)))
        given.cloud.add_point(*(aged(number) for number in range(3)))
        given.cloud.add_point(*(aged(number, scope=IRELAND) for number in range(9)))
        terminal.looks_at(given)
        rows = [each for each in terminal.run("prune --dry-run").stdout.splitlines() if each.startswith("keep")]
        assert [each.split()[2] for each in rows] == [str(IRELAND), str(LONDON)]
        assert "7 stay: 7 daily, 1 monthly" in rows[0]

    def test_in_a_terminal_each_location_has_its_line_and_what_is_alike_is_one(self, terminal: Terminal) -> None:
        by_hand = [aged(50 + number, id=f"by-hand-{number}", tags={}) for number in range(8)]
        terminal.looks_at(with_history(*by_hand))
        terminal.wide(140)
        told = terminal.run("prune --dry-run").stdout
        assert "aws/111122223333/eu-west-2  3 stay: 3 daily; 8 more for a guard" in told.replace("\x1b[1m", "").replace(
            "\x1b[0m", ""
        )
        assert "8 snapshots" in told
        assert "2026-09-28 to 2026-10-05" in told
        assert "by-hand-3" not in told

    def test_nothing_to_remove_is_said_and_ends_with_zero(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules())
        given.cloud.add_point(point(ORDERS))
        terminal.looks_at(given)
        result = terminal.run("prune --all")
        assert result.exit_code == 0
        assert "OK  1 database: nothing to do" in result.stdout

    def test_a_policy_without_a_keep_rule_is_named_as_the_reason(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=policy())
        given.cloud.add_point(point(ORDERS))
        terminal.looks_at(given)
        result = terminal.run("prune --dry-run")
        assert "No tier of this policy has a keep rule" in result.stdout
        assert "no rule says how long it stays here" in result.stdout

    def test_databases_in_no_tier_are_counted_with_the_reason(self, terminal: Terminal) -> None:
        terminal.looks_at(fleet(database("orders", tags={}), rules=rules()))
        result = terminal.run("prune --dry-run")
        assert "1 left alone" in result.stdout
        assert "left alone, 1x:" in result.stdout

    def test_while_an_earlier_policy_stands_in_nothing_goes_and_it_says_what_to_mend(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given, policy_stale="version abc is refused")
        result = terminal.run("prune orders --yes")
        assert result.exit_code == 0
        assert "guard 0: the policy in force is not the newest: version abc is refused" in result.stdout
        assert "mend the newest version of the policy" in result.stdout
        assert given.cloud.called("delete") == []

    def test_the_json_is_the_function_s_report(self, terminal: Terminal) -> None:
        terminal.looks_at(with_history())
        status, report = terminal.json("prune orders --dry-run")
        assert (status, report["schema"], report["dry_run"], report["confirm"]) == (1, "backstay.prune/1", True, None)
        assert len(report["outcomes"]) == 7


class TestAsking:
    def test_it_shows_the_plan_asks_and_removes(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run("prune orders", "y\n")
        assert result.exit_code == 0
        assert "Remove 7 of them for good?" in result.stderr
        assert result.stdout.index("remove ") < result.stdout.index("done ")
        assert "OK  1 database: 7 done" in result.stdout
        assert [each.slot for each in there(given, LONDON)] == [aged(number).slot for number in (2, 1, 0)]

    @pytest.mark.parametrize("typed", ["n\n", "\n", ""])
    def test_whatever_is_not_a_yes_removes_nothing(self, terminal: Terminal, typed: str) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run("prune --all", typed)
        assert result.exit_code == 1
        assert "not confirmed: nothing was removed" in result.stderr
        assert given.cloud.called("delete") == []

    def test_where_nobody_can_be_asked_a_yes_is_needed(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run("prune --all")
        assert result.exit_code == 1
        assert "--yes" in result.stderr
        assert given.cloud.called("delete") == []

    def test_with_yes_it_removes_and_json_has_what_became_of_each(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given)
        status, report = terminal.json("prune --all --yes")
        assert status == 0
        assert report["counts"] == {"done": 7}
        assert len(there(given, LONDON)) == 3

    def test_only_what_was_shown_is_removed(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between question and answer, one more is there that the rule lets go."""
        given = with_history()
        terminal.looks_at(given)

        def agree(_: str) -> bool:
            given.cloud.add_point(aged(20))
            return True

        monkeypatch.setattr(screen, "confirm", agree)
        status, report = terminal.json("prune orders", "")
        assert status == 1
        refused = [each for each in report["outcomes"] if each["result"] == "refused"]
        assert [each["arn"] for each in refused] == [aged(20).arn]
        assert "not what you agreed to" in refused[0]["message"]
        assert aged(20).id in {each.id for each in there(given, LONDON)}
        assert len(given.cloud.called("delete")) == 7

    def test_what_was_shown_goes_though_its_reason_is_another_now(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A newer one arrives, and a whole day has had its turn: of that day, only what was shown goes."""
        older = point(ORDERS, point(ORDERS).at - 2 * DAY - HOUR)
        given = fleet(ORDERS, rules=rules(keep=Keep(daily=3)))
        given.cloud.add_point(*(aged(number) for number in range(3)), older)
        terminal.looks_at(given)

        def agree(_: str) -> bool:
            given.cloud.add_point(aged(-1))
            return True

        monkeypatch.setattr(screen, "confirm", agree)
        terminal.looks_at(given, clock=MemoryClock(NOW + DAY))
        _, report = terminal.json("prune orders", "")
        results = {each["arn"]: (each["result"], each["action"]["reason"]) for each in report["outcomes"]}
        assert results[older.arn] == ("done", "daily: 3 newer days have one")
        assert results[aged(2).arn][0] == "refused"

    def test_what_somebody_holds_meanwhile_stays(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        given = with_history()
        terminal.looks_at(given)

        def agree(_: str) -> bool:
            given.cloud.add_point(aged(9, also={TAG_HOLD: "legal"}))
            return True

        monkeypatch.setattr(screen, "confirm", agree)
        terminal.run("prune orders", "")
        assert aged(9).id in {each.id for each in there(given, LONDON)}
        assert len(there(given, LONDON)) == 4

    def test_in_a_terminal_what_became_of_each_stands_under_its_location(self, terminal: Terminal) -> None:
        given = fleet(ORDERS, rules=rules(DR, keep=Keep(daily=3)))
        given.cloud.add_point(*(aged(number) for number in range(5)), *(aged(n, scope=IRELAND) for n in range(9)))
        terminal.looks_at(given)
        terminal.wide(140)
        told = terminal.run("prune orders --yes").stdout
        assert told.index(str(IRELAND)) < told.index(aged(8).id) < told.index(str(LONDON)) < told.index(aged(4).id)
        assert told.count("as above") == 2  # of two removals in each location

    def test_a_removal_that_fails_is_an_error_with_its_call(self, terminal: Terminal) -> None:
        given = with_history()

        def denied() -> None:
            raise Denied("AccessDenied: no", call="rds:DeleteDBSnapshot")

        given.cloud.interfere("delete", denied)
        terminal.looks_at(given)
        result = terminal.run("prune orders --yes")
        assert result.exit_code == 2
        assert "rds:DeleteDBSnapshot: AccessDenied: no" in result.stdout

    def test_an_interrupted_one_says_how_to_see_what_is_left(self, terminal: Terminal) -> None:
        given = with_history()

        def interrupt() -> None:
            raise KeyboardInterrupt

        given.cloud.interfere("delete", interrupt)
        terminal.looks_at(given)
        result = terminal.run("prune orders --yes")
        assert result.exit_code == 2
        assert "backstay prune orders --dry-run" in result.stderr


class TestBeyondTheBlastRadius:
    def test_nothing_goes_and_the_command_that_would_is_printed(self, terminal: Terminal) -> None:
        given = with_history(most=NARROW)
        terminal.looks_at(given)
        result = terminal.run("prune orders --yes --policy policy.yaml")
        assert result.exit_code == 1
        assert "guard 9: 7 would go at once, and 3 may" in result.stdout
        assert len([each for each in result.stdout.splitlines() if each.startswith("waits")]) == 7
        assert f"backstay prune orders --confirm {hash_of(terminal)} --policy policy.yaml" in result.stdout
        assert given.cloud.called("delete") == []

    def test_the_printed_command_asks_and_removes(self, terminal: Terminal) -> None:
        given = with_history(most=NARROW)
        terminal.looks_at(given)
        told = terminal.run("prune orders --dry-run").stdout
        line = next(each.strip() for each in told.splitlines() if "--confirm" in each)
        result = terminal.run(line.removeprefix("backstay "), "y\n")
        assert result.exit_code == 0
        assert "OK  1 database: 7 done" in result.stdout
        assert len(there(given, LONDON)) == 3

    def test_a_confirmed_dry_run_removes_nothing(self, terminal: Terminal) -> None:
        given = with_history(most=NARROW)
        terminal.looks_at(given)
        result = terminal.run(f"prune orders --dry-run --confirm {hash_of(terminal)}")
        assert result.exit_code == 1
        assert "7 planned" in result.stdout
        assert given.cloud.called("delete") == []

    @pytest.mark.parametrize("line", ["prune orders --yes", "prune orders --dry-run"])
    def test_a_hash_of_another_plan_is_refused_with_the_plan_as_it_is(self, terminal: Terminal, line: str) -> None:
        given = with_history(most=NARROW)
        terminal.looks_at(given)
        before = hash_of(terminal)
        given.cloud.add_point(aged(20))
        result = terminal.run(f"{line} --confirm {before}")
        assert result.exit_code == 1
        assert "--confirm: is not the hash of the plan as it is now, so nothing was removed" in result.stderr
        assert hash_of(terminal) in result.stderr
        assert "8 would go at once" in result.stdout
        assert given.cloud.called("delete") == []

    def test_a_hash_that_nothing_waits_for_is_refused_and_nothing_goes(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run("prune orders --yes --confirm 0123456789abcdef")
        assert result.exit_code == 1
        assert "--confirm: is not needed, so nothing was removed" in result.stderr
        assert "the same command without it" in result.stderr
        assert given.cloud.called("delete") == []

    def test_where_a_place_could_not_be_read_nothing_goes_by_a_hash_of_before(self, terminal: Terminal) -> None:
        """Not even of a database that keeps nothing there."""
        wide = rules(DR, keep=Keep(daily=3), most=NARROW)
        plain = replace(wide.tiers[0], name="plain", match=Match(names=("ledger",)), copies=())
        given = fleet(ORDERS, LEDGER, rules=replace(wide, tiers=(plain, *wide.tiers)))
        given.cloud.add_point(*(aged(number) for number in range(10)), *(aged(n, LEDGER) for n in range(5)))
        terminal.looks_at(given)

        def denied() -> None:
            raise Denied("AccessDenied: no", call="rds:DescribeDBSnapshots")

        given.cloud.interfere("points", denied, scope=IRELAND)
        result = terminal.run("prune --all --yes --confirm 0123456789abcdef")
        assert result.exit_code == 2
        assert "guard 0: aws/111122223333/eu-west-1 could not be read" in result.stdout
        assert "2 planned" in result.stdout
        assert given.cloud.called("delete") == []

    def test_what_is_no_hash_is_refused_before_anything_is_read(self, terminal: Terminal) -> None:
        given = with_history()
        terminal.looks_at(given)
        result = terminal.run("prune orders --confirm yes")
        assert result.exit_code == 1
        assert "confirm: is not a plan's hash" in result.stderr
        assert given.cloud.calls == []

    def test_the_hash_of_another_selection_is_refused(self, terminal: Terminal) -> None:
        given = with_history(*(aged(number, LEDGER) for number in range(10)), most=NARROW)
        terminal.looks_at(given)
        everything = hash_of(terminal, "prune --dry-run")
        assert terminal.run(f"prune orders --yes --confirm {everything}").exit_code == 1
        assert given.cloud.called("delete") == []
        assert terminal.run(f"prune --all --yes --confirm {everything}").exit_code == 0
        assert len(there(given, LONDON)) == 6

    def test_another_database_inside_it_is_pruned_meanwhile(self, terminal: Terminal) -> None:
        given = with_history(*(aged(number, LEDGER) for number in range(5)), most=NARROW)
        terminal.looks_at(given)
        result = terminal.run("prune --all", "y\n")
        assert result.exit_code == 1
        assert "Remove 2 of them for good?" in result.stderr
        assert len(there(given, LONDON, LEDGER)) == 3
        assert len(there(given, LONDON, ORDERS)) == 10
        assert "backstay prune --all --confirm" in result.stdout

    def test_once_confirmed_a_plan_that_grows_before_the_answer_removes_nothing(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = with_history(most=NARROW)
        terminal.looks_at(given)
        before = hash_of(terminal)

        def agree(_: str) -> bool:
            given.cloud.add_point(aged(20))
            return True

        monkeypatch.setattr(screen, "confirm", agree)
        status, report = terminal.json(f"prune orders --confirm {before}", "")
        assert status == 1
        assert "the plan is not the one that was confirmed" in report["outcomes"][0]["message"]
        assert given.cloud.called("delete") == []
