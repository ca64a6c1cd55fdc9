"""The audit's rules, one declaration per module."""

from __future__ import annotations

from typing import Final

from backstay.core.rules import (
    bk001,
    bk002,
    bk003,
    bk004,
    bk005,
    bk006,
    bk007,
    bk008,
    bk009,
    bk010,
    bk011,
    bk012,
    bk013,
    bk017,
    bk019,
    bk020,
    bk021,
    bk022,
    bk024,
    bk025,
)
from backstay.core.rules.base import Answer, Judged, Rule, Subject, span

__all__ = ["RULES", "Answer", "Judged", "Rule", "Subject", "span"]

RULES: Final[tuple[Rule, ...]] = (
    bk001.RULE,
    bk002.RULE,
    bk003.RULE,
    bk004.RULE,
    bk005.RULE,
    bk006.RULE,
    bk007.RULE,
    bk008.RULE,
    bk009.RULE,
    bk010.RULE,
    bk011.RULE,
    bk012.RULE,
    bk013.RULE,
    bk017.RULE,
    bk019.RULE,
    bk020.RULE,
    bk021.RULE,
    bk022.RULE,
    bk024.RULE,
    bk025.RULE,
)
