"""The cases of a rule that reads one yes or no from a listing: what says yes, no or nothing, and what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.core.findings import Skipped
from backstay.providers.aws import shapes
from tests.unit.core.given import asking, requiring, subject
from tests.unit.shapes import SCOPE, cluster, cluster_answer, instance, instance_answer

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

    from backstay.core.findings import Fail, Pass, Unknown
    from backstay.core.model import Database
    from backstay.core.policy import Require


def cases(what: Require, field: str, *, yes: Pass, no: Fail, unsaid: Unknown) -> list[ParameterSet]:
    """What is judged and the verdict on it, of instances and clusters alike, where a tier asks for ``what``."""
    asked = requiring(what)
    orders, ledger = _answering(field, said=False)
    silent = _answering(field, said=None)
    replica, leaving = Skipped("replica of orders: the primary is audited"), Skipped("is being deleted")
    return [
        pytest.param(subject(instance("orders"), asked), yes, id="yes-instance"),
        pytest.param(subject(cluster("ledger"), asked), yes, id="yes-aurora"),
        pytest.param(subject(cluster("trades"), asked), yes, id="yes-multi-az-cluster"),
        pytest.param(subject(orders, asked), no, id="no-instance"),
        pytest.param(subject(ledger, asked), no, id="no-aurora"),
        pytest.param(subject(silent[0], asked), unsaid, id="unsaid-instance"),
        pytest.param(subject(silent[1], asked), unsaid, id="unsaid-aurora"),
        pytest.param(subject(instance("orders-read"), asked), replica, id="skipped-replica"),
        pytest.param(subject(instance("leaving"), asked), leaving, id="skipped-leaving"),
        pytest.param(subject(orders, asking()), Skipped("not asked"), id="skipped-not-asked"),
    ]


def _answering(field: str, *, said: bool | None) -> tuple[Database, Database]:
    """An instance and a cluster whose answers say this, or leave the field out."""
    answers = instance_answer("orders"), cluster_answer("ledger")
    for answer in answers:
        del answer[field]
        answer.update({} if said is None else {field: said})
    return shapes.instance(answers[0], SCOPE), shapes.cluster(answers[1], SCOPE)
