"""BK010: protected from deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Pass, Unknown
from backstay.core.policy import Require
from backstay.core.rules.bk010 import RULE
from tests.unit.core.answers import cases

if TYPE_CHECKING:
    from backstay.core.findings import Verdict
    from backstay.core.rules import Subject


@pytest.mark.parametrize(
    ("given", "verdict"),
    cases(
        Require.DELETION_PROTECTION,
        "DeletionProtection",
        yes=Pass("protected from deletion"),
        no=Fail("one call can delete it, and by default its automated backups with it"),
        unsaid=Unknown("RDS does not say whether it is protected from deletion"),
    ),
)
def test_given_what_rds_says_when_judged_then_pass_fail_unknown_or_skipped(given: Subject, verdict: Verdict) -> None:
    assert RULE.judge(given).verdict == verdict
