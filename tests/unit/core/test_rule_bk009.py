"""BK009: encrypted at rest."""

from __future__ import annotations

import pytest

from backstay.core.findings import Fail, Pass, Skipped, Unknown
from backstay.core.model import Database
from backstay.core.policy import Require
from backstay.core.rules.bk009 import RULE
from backstay.providers.aws import shapes
from tests.unit.core.given import asking, requiring, subject
from tests.unit.shapes import SCOPE, cluster, instance, instance_answer

ASKED = requiring(Require.ENCRYPTED)


@pytest.mark.parametrize(
    ("database", "how"),
    [
        (instance("orders"), "encrypted under a KMS key"),
        (cluster("trades"), "encrypted under a KMS key"),
        (cluster("ledger"), "encrypted under a key that AWS owns"),
        (instance("orders-read"), "encrypted under a KMS key"),
    ],
    ids=lambda each: each.name if isinstance(each, Database) else None,
)
def test_given_either_kind_of_key_when_judged_then_pass(database: Database, how: str) -> None:
    assert RULE.judge(subject(database, ASKED)).verdict == Pass(how)


@pytest.mark.parametrize("database", [instance("off"), cluster("one-day")], ids=lambda each: each.name)
def test_given_no_encryption_when_judged_then_fail_that_only_people_mend(database: Database) -> None:
    finding = RULE.judge(subject(database, ASKED))
    assert finding.verdict == Fail("is not encrypted, and neither is any backup of it")
    assert not finding.repairable


def test_given_it_is_not_asked_when_judged_then_skipped() -> None:
    assert RULE.judge(subject(instance("off"), asking())).verdict == Skipped("not asked")
    assert RULE.judge(subject(instance("leaving"), ASKED)).verdict == Skipped("is being deleted")


@pytest.mark.parametrize("word", [None, "sse-new"])
def test_given_a_word_that_is_missing_or_new_when_judged_then_unknown(word: str | None) -> None:
    answer = instance_answer("orders") | {"StorageEncryptionType": word}
    del answer["StorageEncrypted"]
    verdict = RULE.judge(subject(shapes.instance(answer, SCOPE), ASKED)).verdict
    assert verdict == Unknown(f"RDS does not say how it is encrypted (StorageEncryptionType {word or 'missing'})")


@pytest.mark.parametrize(
    ("name", "verdict"), [("orders", Pass("encrypted under a KMS key")), ("off", Fail)], ids=["on", "off"]
)
def test_given_an_older_answer_with_only_the_flag_when_judged_then_by_it(name: str, verdict: Pass | type) -> None:
    answer = instance_answer(name)
    del answer["StorageEncryptionType"]
    found = RULE.judge(subject(shapes.instance(answer, SCOPE), ASKED)).verdict
    assert found == verdict if isinstance(verdict, Pass) else isinstance(found, verdict)
