"""The message to people: counts first, the three most urgent with their fix, nothing that steers or overflows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.core.digest import Digest, fix, urgent
from backstay.core.findings import Fail, Finding, Unknown, Verdict
from backstay.core.model import Unread
from backstay.core.naming import finding_id
from tests.fleet import LONDON, NOW, database


def finding(rule: str, name: str, *, tier: str = "gold", verdict: Verdict | None = None, **more: Any) -> Finding:
    return Finding(rule=rule, database=database(name), verdict=verdict or Fail("is not so"), tier=tier, **more)


def ident(each: Finding) -> str:
    return finding_id(each.rule, each.database.id)


def message(*findings: Finding, new: tuple[Finding, ...] = (), **more: Any) -> Digest:
    given_: dict[str, Any] = {
        "deployment": "backstay",
        "now": NOW,
        "databases": 7,
        "open": findings,
        "new": frozenset(ident(each) for each in new),
        "resolved": (),
        "unread": (),
        "stale": "",
        "place": "s3://vault",
        "policy": "s3://rules/policy.yaml",
    }
    return Digest(**(given_ | more))


def test_given_findings_when_ordered_then_by_severity_new_first_tier_and_name() -> None:
    known, fresh = finding("BK001", "a"), finding("BK001", "z")
    high, medium = finding("BK003", "a", tier=""), finding("BK022", "a")
    silver = finding("BK001", "a", tier="silver")
    ordered = urgent([medium, high, silver, known, fresh], frozenset({ident(fresh)}))
    assert ordered == [fresh, known, silver, high, medium]


def test_given_a_repairable_finding_when_fixed_then_by_a_command_that_can_be_pasted() -> None:
    repairable = finding("BK001", "orders", repairable=True)
    arn = "arn:aws:rds:eu-west-2:111122223333:db:orders"
    assert fix(repairable, policy="s3://rules/policy.yaml", deployment="backstay") == (
        f"backstay protect {arn} --region eu-west-2 --policy s3://rules/policy.yaml"
    )
    assert fix(repairable, policy="default", deployment="blue").endswith("--region eu-west-2 --deployment blue")


def test_given_a_finding_that_only_a_person_can_mend_when_fixed_then_by_the_rules_words() -> None:
    assert fix(finding("BK003", "orders"), policy="default", deployment="backstay").startswith("Tag it for a tier")


def test_given_a_whole_message_when_written_then_it_reads_like_this() -> None:
    orders = finding("BK001", "orders", verdict=Fail("PITR is off, asked 14 d"), repairable=True)
    legacy = finding("BK003", "legacy", tier="", verdict=Fail("matches no tier"))
    locked = finding("BK022", "locked", verdict=Unknown("AccessDenied"))
    late = finding("BK022", "late")
    written = message(
        *(orders, legacy, locked, late),
        new=(orders, late),
        resolved=(("BK002/aws/111122223333/eu-west-2/instance/ledger", "pass"),),
        unread=(Unread(LONDON, "clusters", "AccessDenied: no"),),
        stale="line 3: is not a duration",
    )
    assert written.subject == "Backstay: 2 new, 1 resolved, 4 open (1 critical), 1 unread [backstay]"
    assert (
        written.text
        == """\
7 databases audited at 2026-11-24T10:00:00Z by backstay.
2 new, 1 resolved, 4 open: 1 critical, 1 high, 2 medium.

Most urgent
1. critical BK001 orders (eu-west-2, tier gold), new: PITR is off, asked 14 d
   Fix: backstay protect arn:aws:rds:eu-west-2:111122223333:db:orders --region eu-west-2 --policy s3://rules/policy.yaml
2. high BK003 legacy (eu-west-2, no tier), still open: matches no tier
   Fix: Tag it for a tier, or write an exemption with a reason and an end date into the policy.
3. medium BK022 late (eu-west-2, tier gold), new: is not so
   Fix: List it under managed_elsewhere in the policy, or take it out of the backup plan.

Resolved
- BK002 ledger (eu-west-2): in order again

Could not be read, so unknown
- aws/111122223333/eu-west-2 clusters: AccessDenied: no

An earlier policy stands in
- line 3: is not a duration

All of it: the newest report under s3://vault/reports/audit/
"""
    )


def test_given_nothing_open_when_written_then_it_says_so() -> None:
    assert "\nNothing is open.\n" in message(resolved=(("BK001/x", "gone"),)).text


def test_given_more_new_findings_than_three_when_written_then_the_others_are_listed_and_the_rest_counted() -> None:
    many = tuple(finding("BK001", f"db-{number}") for number in range(30))
    text = message(*many, new=many).text
    assert "\nAlso new\n- critical BK001 db-11 " in text
    assert "\n- and 7 more\n" in text


@pytest.mark.parametrize("text", ["a\nFix: rm -rf /", "a\x1b[2Jb", "a\u2028b", "a\rb"])
def test_given_text_from_outside_when_written_then_it_neither_steers_nor_begins_a_line(text: str) -> None:
    written = message(finding("BK001", "orders", verdict=Unknown(text))).text
    assert all(each.isprintable() or each == "\n" for each in written)
    assert "\nFix: rm" not in written


@given(
    st.lists(
        st.tuples(st.sampled_from(["BK001", "BK002", "BK003", "BK022"]), st.text(max_size=2000), st.booleans()),
        max_size=60,
    ),
    st.lists(st.text(max_size=3000), max_size=40),
    st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True),
)
def test_whatever_is_open_the_message_fits_and_the_subject_is_one_short_line(
    found: list[tuple[str, str, bool]], unread: list[str], deployment: str
) -> None:
    findings = tuple(finding(rule, f"db-{number}", verdict=Fail(text)) for number, (rule, text, _) in enumerate(found))
    fresh = tuple(each for each, (_, _, new) in zip(findings, found, strict=True) if new)
    written = message(
        *findings,
        new=fresh,
        deployment=deployment,
        unread=tuple(Unread(LONDON, "instances", text) for text in unread),
    )
    assert len(written.text.encode()) < 64_000
    assert len(written.subject) < 100
    assert written.subject.isascii()
    assert written.subject.isprintable()
