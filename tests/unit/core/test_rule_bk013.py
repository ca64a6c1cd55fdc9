"""BK013: survives the loss of a zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Pass, Unknown
from backstay.core.policy import Require
from backstay.core.rules.bk013 import RULE
from tests.unit.core.answers import cases

if TYPE_CHECKING:
    from backstay.core.findings import Verdict
    from backstay.core.rules import Subject


@pytest.mark.parametrize(
    ("given", "verdict"),
    cases(
        Require.MULTI_AZ,
        "MultiAZ",
        yes=Pass("instances in several zones"),
        no=Fail("in one zone only: while that is down, so is the database"),
        unsaid=Unknown("RDS does not say in how many zones it is"),
    ),
)
def test_given_what_rds_says_when_judged_then_pass_fail_unknown_or_skipped(given: Subject, verdict: Verdict) -> None:
    assert RULE.judge(given).verdict == verdict
