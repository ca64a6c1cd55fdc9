"""A moment is restorable exactly when it is inside the window, whoever asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from backstay.core.decide.restore import decide, differences
from backstay.core.model import DatabaseId, RecoveryWindow, utc_text
from backstay.core.naming import TAG_DATABASE, TAG_REQUEST
from backstay.core.requests import RestoreRunRequest
from backstay.core.restoring import RestoreFacts, RestorePlan, RestoreRefusal, Unchecked
from tests.properties.made import NOW, TIERS, databases

if TYPE_CHECKING:
    from backstay.core.model import Database
    from backstay.core.policy import Tier

READY = databases(ready=True)
SPANS = st.timedeltas(timedelta(), timedelta(days=35))
AROUND = st.timedeltas(timedelta(days=-80), timedelta(days=3)).map(lambda span: NOW + span)


def decided(
    database: Database, moment: datetime, window: RecoveryWindow | Unchecked | None, tier: Tier | None = None
) -> RestorePlan | RestoreRefusal:
    request = RestoreRunRequest(
        database=database.id.key, target="restored", request_id="restored-1", moment=utc_text(moment)
    )
    facts = RestoreFacts(database=database, window=window)
    return decide(source=database.id, request=request, facts=facts, tier=tier, deployment="backstay", now=NOW)


@given(database=READY, age=SPANS, length=SPANS, moment=AROUND)
def test_given_any_moment_when_decided_then_accepted_exactly_inside_the_window(
    database: Database, age: timedelta, length: timedelta, moment: datetime
) -> None:
    window = RecoveryWindow(NOW - age - length, NOW - age)
    decision = decided(database, moment, window)
    inside = NOW - age - length <= moment <= NOW - age
    assert isinstance(decision, RestorePlan) is inside
    if isinstance(decision, RestoreRefusal):
        assert utc_text(NOW - age) in decision.accepted
        assert utc_text(NOW - age - length) in decision.accepted
    else:
        assert decision.moment == moment


@given(database=READY, age=SPANS, length=SPANS, share=st.floats(0, 1))
def test_given_any_moment_inside_when_decided_then_accepted(
    database: Database, age: timedelta, length: timedelta, share: float
) -> None:
    window = RecoveryWindow(NOW - age - length, NOW - age)
    assert isinstance(decided(database, NOW - age - length * share, window), RestorePlan)


@given(
    database=READY,
    ahead=st.timedeltas(timedelta(microseconds=1), timedelta(days=9)),
    window=st.sampled_from([None, Unchecked("denied"), RecoveryWindow(None, NOW + timedelta(days=30))]),
)
def test_given_any_moment_in_the_future_when_decided_then_refused_whatever_is_known(
    database: Database, ahead: timedelta, window: RecoveryWindow | Unchecked | None
) -> None:
    assert isinstance(decided(database, NOW + ahead, window), RestoreRefusal)


@given(database=READY, tier=st.none() | TIERS)
def test_given_any_plan_when_it_is_carried_out_then_nothing_lacks_and_the_new_one_is_protected_and_ours(
    database: Database, tier: Tier | None
) -> None:
    plan = decided(database, NOW, RecoveryWindow(None, NOW), tier)
    assert isinstance(plan, RestorePlan)
    assert 1 <= plan.retention_days <= 35
    assert plan.retention_days >= database.retention.days
    assert plan.target == DatabaseId(database.id.scope, database.id.kind, "restored")
    assert plan.tags[TAG_REQUEST] == "restored-1"
    assert plan.tags[TAG_DATABASE] == database.id.key
    assert "backstay:scratch" not in plan.tags
    assert all(gate.ok is not False for gate in plan.gates)
    lacking = differences(plan, database)
    assert any(line.startswith("tags") for line in lacking)  # the source itself never passes for its restore
