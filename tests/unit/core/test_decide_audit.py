"""What the audit tells: changed verdicts, once; and the run's status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from backstay.core.decide.audit import RETELL, Remembered, changed, fingerprint, is_news, judge, status_of
from backstay.core.findings import Fail, Finding, Pass, Skipped, Unknown, Verdict, verdict_name
from backstay.core.model import Status, Unread
from backstay.core.rules import RULES
from tests.unit.core.given import NOW, asking, subject
from tests.unit.shapes import SCOPE, instance

ORDERS = instance("orders")
VERDICTS = (Pass("it is"), Fail("it is not"), Skipped("not asked"), Unknown("denied"))


def finding(verdict: Verdict, rule: str = "BK001", *, repairable: bool = False) -> Finding:
    return Finding(rule, ORDERS, verdict, repairable=repairable)


def remembered(before: Finding, ago: timedelta = timedelta(minutes=5)) -> Remembered:
    return Remembered(verdict_name(before.verdict), before.mark, told=NOW - ago, since=NOW - timedelta(days=30))


def test_given_a_database_when_judged_then_every_rule_answers_once_in_order() -> None:
    assert [each.rule for each in judge(subject(ORDERS))] == [rule.id for rule in RULES]


# --- fingerprints -----------------------------------------------------------------------------------------------


def test_given_the_same_verdicts_with_other_figures_when_fingerprinted_then_the_same() -> None:
    later = subject(ORDERS, now=NOW + timedelta(seconds=30))
    assert fingerprint(judge(subject(ORDERS))) == fingerprint(judge(later))
    assert judge(subject(ORDERS)) != judge(later)


@pytest.mark.parametrize("other", [*VERDICTS[1:], None], ids=lambda each: type(each).__name__)
def test_given_another_verdict_or_rule_when_fingerprinted_then_another(other: Verdict | None) -> None:
    now = finding(VERDICTS[0])
    assert fingerprint([now]) != fingerprint([replace(now, rule="BK002") if other is None else finding(other)])


def test_given_a_failure_that_became_repairable_when_fingerprinted_then_another() -> None:
    assert fingerprint([finding(Fail("off"))]) != fingerprint([finding(Fail("off"), repairable=True)])


def test_given_two_rules_when_fingerprinted_then_which_one_failed_matters() -> None:
    one = [finding(Pass("ok"), "BK001"), finding(Fail("no"), "BK002")]
    two = [finding(Fail("no"), "BK001"), finding(Pass("ok"), "BK002")]
    assert fingerprint(one) != fingerprint(two)


# --- news -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", VERDICTS, ids=verdict_name)
def test_given_a_first_audit_when_compared_then_only_what_is_not_green_is_news(verdict: Verdict) -> None:
    assert is_news(finding(verdict), None, NOW) is isinstance(verdict, Fail | Unknown)


@pytest.mark.parametrize("before", VERDICTS, ids=verdict_name)
@pytest.mark.parametrize("now", VERDICTS, ids=verdict_name)
def test_given_a_remembered_verdict_when_compared_then_a_different_word_is_news(before: Verdict, now: Verdict) -> None:
    different = verdict_name(before) != verdict_name(now)
    assert is_news(finding(now), remembered(finding(before)), NOW) is different


def test_given_a_different_sentence_when_compared_then_no_news() -> None:
    assert not is_news(finding(Fail("window 6 d")), remembered(finding(Fail("window 7 d"))), NOW)


def test_given_a_pending_repair_ended_in_nothing_when_compared_then_repairable_again_is_news() -> None:
    before = remembered(finding(Fail("off", pending=True)))
    assert is_news(finding(Fail("off"), repairable=True), before, NOW)


def test_given_a_failure_is_no_longer_repairable_when_compared_then_no_news() -> None:
    before = remembered(finding(Fail("off"), repairable=True))
    assert not is_news(finding(Fail("off")), before, NOW)


@pytest.mark.parametrize(("ago", "news"), [(RETELL, True), (RETELL - timedelta(seconds=1), False)])
def test_given_a_repairable_failure_that_nobody_repaired_when_an_hour_is_over_then_told_again(
    ago: timedelta, *, news: bool
) -> None:
    still = finding(Fail("off"), repairable=True)
    assert is_news(still, remembered(still, ago), NOW) is news


def test_given_a_failure_that_only_people_mend_when_days_are_over_then_not_told_again() -> None:
    still = finding(Fail("stalled"), "BK002")
    assert not is_news(still, remembered(still, timedelta(days=9)), NOW)


def test_given_changes_when_told_then_with_before_severity_and_moment() -> None:
    found = subject(instance("off"))
    judged = [each for each in judge(found) if each.rule in ("BK001", "BK002")]
    changes = changed(found, judged, {"BK001": remembered(finding(Pass("14 d")))})
    assert [(change.finding.rule, change.previous, change.severity) for change in changes] == [
        ("BK001", "pass", "critical"),
        ("BK002", None, "critical"),
    ]
    assert {change.found_at for change in changes} == {NOW}
    assert changes[0].finding.repairable


def test_given_nothing_new_when_compared_with_itself_then_nothing_is_told() -> None:
    found = subject(instance("off"), asking(enforce=()))
    findings = judge(found)
    assert changed(found, findings, {each.rule: remembered(each, timedelta(days=1)) for each in findings}) == ()


# --- the run's status -------------------------------------------------------------------------------------------

GAP = Unread(SCOPE, "instances", "AccessDenied")


@pytest.mark.parametrize(
    ("verdicts", "unread", "status"),
    [
        ((), (), Status.OK),
        ((Pass("a"), Skipped("b")), (), Status.OK),
        ((Pass("a"), Fail("b")), (), Status.FINDINGS),
        ((Fail("a", pending=True),), (), Status.FINDINGS),
        ((Fail("a"), Unknown("b"), Fail("c")), (), Status.UNKNOWN),
        ((Unknown("a"),), (), Status.UNKNOWN),
        ((), (GAP,), Status.UNKNOWN),
        ((Pass("a"),), (GAP,), Status.UNKNOWN),
        ((Fail("a"),), (GAP,), Status.UNKNOWN),
    ],
)
def test_given_verdicts_and_gaps_when_summed_up_then_unknown_outranks_findings_and_pending_is_not_ok(
    verdicts: tuple[Verdict, ...], unread: tuple[Unread, ...], status: Status
) -> None:
    assert status_of([finding(verdict) for verdict in verdicts], unread) is status


def test_given_listings_as_an_iterator_when_summed_up_then_a_gap_is_still_seen() -> None:
    assert status_of(iter([finding(Pass("a"))]), iter([GAP])) is Status.UNKNOWN
