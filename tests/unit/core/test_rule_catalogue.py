"""docs/rules.md is what the rules say of themselves."""

from __future__ import annotations

from pathlib import Path

from backstay.core.rules import RULES
from backstay.core.rules.catalogue import catalogue

HERE = Path(__file__)
ROOT = HERE.parents[3]


def test_the_published_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == catalogue(), "make rules"


def test_every_rule_has_its_own_module_and_test() -> None:
    folder = ROOT / "functions" / "backstay" / "core" / "rules"
    modules = {path.stem.upper() for path in folder.glob("bk*.py")}
    tests = {path.stem.removeprefix("test_rule_").upper() for path in HERE.parent.glob("test_rule_bk*.py")}
    assert modules == tests == {rule.id for rule in RULES}
