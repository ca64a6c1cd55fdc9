"""BK007: recovery points encrypted, and under keys that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.points import OWN_KEY, OWNED_KEY, UNENCRYPTED
from backstay.core.restoring import Unchecked
from backstay.core.rules.bk007 import RULE
from backstay.core.stores import KeyFacts
from tests.fleet import IRELAND, LONDON, point
from tests.unit.core.kept import DAY, DENIED, ORDERS, REPLICA, TODAY, holding, subject, unasked, unseen
from tests.workflows.places import DR, rules

if TYPE_CHECKING:
    from backstay.core.points import RecoveryPoint
    from backstay.core.rules import Subject

HERE = "aws/111122223333/eu-west-2"
KEY, OTHER = ("arn:aws:kms:eu-west-2:111122223333:key/" + name for name in ("orders", "old"))
GOOD = {(LONDON, KEY): KeyFacts(KEY), (LONDON, OTHER): KeyFacts(OTHER)}


def under(key: str, days: int = 0, **given: Any) -> RecoveryPoint:
    return point(ORDERS, TODAY - days * DAY, **({"encryption": OWN_KEY, "kms_key": key} | given))


def of(*points: RecoveryPoint, keys: object = GOOD, ours: bool = True, **given: Any) -> Subject:
    return subject(under=rules(), here=holding(*points, ours=ours), keys=keys, **given)


def test_given_points_under_usable_keys_when_judged_then_pass_with_how_many() -> None:
    finding = RULE.judge(of(under(KEY), under(KEY, 1), under(OTHER, 2)))
    assert finding.verdict == Pass("recovery points encrypted: all 3; keys usable: all 2")
    assert finding.measured == {"points": 3, "unencrypted": 0}


def test_given_points_under_a_key_that_aws_owns_when_judged_then_there_is_no_key_to_lose() -> None:
    verdict = RULE.judge(of(under("", encryption=OWNED_KEY), keys={})).verdict
    assert verdict == Pass("recovery points encrypted: all 1; keys usable: all 0")


def test_given_points_that_are_not_encrypted_when_judged_then_fail_with_a_few_of_them() -> None:
    plain = [under("", days, encryption=UNENCRYPTED, id=f"plain-{days}") for days in range(5)]
    finding = RULE.judge(of(*plain, under(KEY, 9)))
    assert finding.verdict == Fail(f"{HERE}: 5 of 6 not encrypted: plain-0, plain-1, plain-2 and 2 more")
    assert finding.measured["unencrypted"] == 5


def test_given_somebody_else_s_snapshot_that_is_not_encrypted_when_judged_then_fail() -> None:
    assert isinstance(RULE.judge(of(under("", encryption=UNENCRYPTED), ours=False)).verdict, Fail)


def test_given_a_key_that_is_gone_or_about_to_be_when_judged_then_fail_with_why() -> None:
    leaving = {**GOOD, (LONDON, OTHER): KeyFacts(OTHER, "key old is PendingDeletion: cancel its deletion")}
    verdict = RULE.judge(of(under(KEY), under(OTHER, 1), keys=leaving)).verdict
    assert verdict == Fail(f"{HERE}: key old is PendingDeletion: cancel its deletion")


def test_given_a_key_of_a_copy_when_judged_then_it_is_that_of_its_own_region() -> None:
    copy = holding(under("alias/dr", scope=IRELAND))
    asked: dict[str, Any] = {"under": rules(DR), "here": holding(under(KEY)), "away": {"dr": copy}}
    good = {**GOOD, (IRELAND, "alias/dr"): KeyFacts("arn:…")}
    assert isinstance(RULE.judge(subject(**asked, keys=good)).verdict, Pass)
    wrong = {**GOOD, (LONDON, "alias/dr"): KeyFacts("arn:…")}
    verdict = RULE.judge(subject(**asked, keys=wrong)).verdict
    assert verdict == Unknown("aws/111122223333/eu-west-1: key alias/dr was not looked at")


def test_given_a_key_or_points_that_could_not_be_read_when_judged_then_unknown() -> None:
    unread = RULE.judge(of(under(KEY), keys={(LONDON, KEY): Unchecked(DENIED)})).verdict
    assert unread == Unknown(f"{HERE}: {DENIED}")
    assert RULE.judge(of(under(KEY), torn=("home",))).verdict == Unknown(f"{HERE}: {DENIED}")
    untold = RULE.judge(of(under("", encryption="", id="odd"))).verdict
    assert untold == Unknown(f"{HERE}: RDS does not say how odd is encrypted")
    assert RULE.judge(of(under("", id="odd"))).verdict == untold
    assert RULE.judge(of(under("", encryption="sse-new", id="odd"))).verdict == untold
    assert isinstance(RULE.judge(unseen()).verdict, Unknown)


def test_given_what_fails_and_what_could_not_be_read_when_judged_then_what_is_sure_is_told() -> None:
    verdict = RULE.judge(of(under("", encryption=UNENCRYPTED, id="plain"), torn=("home",))).verdict
    assert verdict == Fail(f"{HERE}: 1 of 1 not encrypted: plain")


def test_given_nothing_is_asked_or_there_when_judged_then_skipped() -> None:
    assert RULE.judge(unasked()).verdict == Skipped("not asked")
    assert isinstance(RULE.judge(subject(REPLICA)).verdict, Skipped)
    assert RULE.judge(of()).verdict == Skipped("there is no recovery point: see BK004 and BK006")
