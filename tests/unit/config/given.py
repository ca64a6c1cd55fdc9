"""What the tests of policy documents start from: the long one, the packaged one and the least one."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstay.config import parse_policy
from backstay.core.errors import BadPolicy

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "docs/examples/policy.yaml").read_text()
DEFAULT = (ROOT / "functions/backstay/policies/default.yaml").read_text()
SMALL = "version: 1\ntiers:\n  - name: all\n    match: {names: '*'}\n"


def refusal(text: str) -> str:
    with pytest.raises(BadPolicy) as refused:
        parse_policy(text, "policy.yaml")
    return str(refused.value)
