"""BK008: no recovery point shared with everyone or unknown accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.holdings import Holding
from backstay.core.rules.bk008 import RULE
from tests.unit.core.kept import DENIED, REPLICA, subject, unasked, unseen
from tests.workflows.places import DR, rules

HERE = "aws/111122223333/eu-west-2"
STRANGER = "999988887777"


def looked(manual: int = 7, unlooked: int = 0, **shared: tuple[str, ...]) -> Holding:
    return Holding(manual=manual, unlooked=unlooked, shared=shared)


def judged(here: Holding, **given: Any) -> Any:
    return RULE.judge(subject(under=rules(), here=here, **given)).verdict


def test_given_snapshots_shared_with_nobody_when_judged_then_pass_with_how_many() -> None:
    finding = RULE.judge(subject(under=rules(DR), here=looked(), away={"dr": looked(5)}))
    assert finding.verdict == Pass("none of 12 snapshots is shared with anybody unknown")
    assert finding.measured == {"snapshots": 12, "not_looked_at": 0, "shared": 0}


def test_given_a_snapshot_shared_with_everyone_or_a_stranger_when_judged_then_fail_with_whom() -> None:
    assert judged(looked(open=("all",))) == Fail(f"{HERE}: open is shared with everyone")
    both = judged(looked(a=(STRANGER, "other"), z=("all", STRANGER)))
    assert both == Fail(f"{HERE}: z is shared with everyone, a is shared with {STRANGER}, other")


def test_given_many_that_are_shared_when_judged_then_a_few_and_how_many_more() -> None:
    many = Holding(manual=7, shared={f"s{number}": (STRANGER,) for number in range(5)})
    assert judged(many).message.endswith(f"s2 is shared with {STRANGER} and 2 more")


def test_given_a_copy_that_is_shared_when_judged_then_fail_with_its_place() -> None:
    verdict = RULE.judge(subject(under=rules(DR), here=looked(), away={"dr": looked(copy=("all",))})).verdict
    assert verdict == Fail("aws/111122223333/eu-west-1: copy is shared with everyone")


def test_given_snapshots_that_nobody_has_looked_at_when_judged_then_unknown_with_how_many() -> None:
    assert judged(looked(unlooked=3)) == Unknown(f"{HERE}: 3 of 7 snapshots not looked at yet")
    blind = subject(under=rules(), here=looked(unlooked=7))
    assert blind.points is not None
    home = replace(blind.points.home, unlooked=DENIED)
    verdict = RULE.judge(replace(blind, points=replace(blind.points, home=home))).verdict
    assert verdict == Unknown(f"{HERE}: 7 of 7 snapshots not looked at yet ({DENIED})")


def test_given_a_listing_that_failed_when_judged_then_unknown_unless_one_that_is_shared_was_seen() -> None:
    assert judged(looked(), torn=("home",)) == Unknown(f"{HERE}: {DENIED}")
    assert isinstance(judged(looked(open=("all",)), torn=("home",)), Fail)
    assert isinstance(RULE.judge(unseen()).verdict, Unknown)


def test_given_nothing_is_asked_or_there_when_judged_then_skipped() -> None:
    assert RULE.judge(unasked()).verdict == Skipped("not asked")
    assert isinstance(RULE.judge(subject(REPLICA)).verdict, Skipped)
    assert judged(Holding()) == Skipped("there is no snapshot that could be shared")
