"""The audit's rules, one declaration per module."""

from __future__ import annotations

from typing import Final

from backstay.core.rules import bk001, bk002, bk003, bk022
from backstay.core.rules.base import Answer, Judged, Rule, Subject, span

__all__ = ["RULES", "Answer", "Judged", "Rule", "Subject", "span"]

RULES: Final[tuple[Rule, ...]] = (bk001.RULE, bk002.RULE, bk003.RULE, bk022.RULE)
