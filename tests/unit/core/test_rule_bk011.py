"""BK011: copies its tags to snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Fail, Pass, Unknown
from backstay.core.policy import Require
from backstay.core.rules.bk011 import RULE
from tests.unit.core.answers import cases

if TYPE_CHECKING:
    from backstay.core.findings import Verdict
    from backstay.core.rules import Subject


@pytest.mark.parametrize(
    ("given", "verdict"),
    cases(
        Require.COPY_TAGS,
        "CopyTagsToSnapshot",
        yes=Pass("tags are copied to snapshots"),
        no=Fail("its snapshots carry none of its tags"),
        unsaid=Unknown("RDS does not say whether tags are copied to snapshots"),
    ),
)
def test_given_what_rds_says_when_judged_then_pass_fail_unknown_or_skipped(given: Subject, verdict: Verdict) -> None:
    assert RULE.judge(given).verdict == verdict
