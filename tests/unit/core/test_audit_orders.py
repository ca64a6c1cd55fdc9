"""What the queue of an audit in shards may bring."""

from __future__ import annotations

import pytest

from backstay.core.errors import BadRequest
from backstay.core.requests import AuditOrder
from tests.fleet import LONDON

RUN = "20261124T101500Z-1a2b3c4d"


def test_given_a_shard_when_checked_then_its_scope() -> None:
    order = AuditOrder(run=RUN, account=LONDON.account, region=LONDON.region)
    order.check()
    assert order.scope == LONDON


def test_given_a_run_alone_when_checked_then_it_is_to_be_merged() -> None:
    order = AuditOrder(run=RUN)
    order.check()
    assert order.scope is None


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("run", {"run": ""}),
        ("run", {"run": f"../{RUN}"}),
        ("run", {"run": f"{RUN}\n"}),
        ("run", {"run": RUN.upper()}),
        ("account", {"run": RUN, "account": LONDON.account}),
        ("account", {"run": RUN, "region": LONDON.region}),
        ("account", {"run": RUN, "account": "11112222333", "region": LONDON.region}),
        ("account", {"run": RUN, "account": LONDON.account, "region": "eu/west/2"}),
    ],
)
def test_given_anything_else_when_checked_then_refused_by_field(field: str, given: dict[str, str]) -> None:
    with pytest.raises(BadRequest) as refused:
        AuditOrder(**given).check()
    assert refused.value.field == field
