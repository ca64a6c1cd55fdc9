"""Whatever the fleet, the suggested policy is valid, reports only, and puts each database where its comment says."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from backstay.config import parse_policy
from backstay.core.policy import effective
from backstay.core.suggest import suggestion
from backstay.core.tiering import Elsewhere, InTier, place
from tests.fleet import IRELAND, LONDON, NOW, database

if TYPE_CHECKING:
    from backstay.core.model import Database

WORDS = st.sampled_from(["prod", "dev", "gold", "Gold", "*", "a b", "x/y:z", "7", "standard", "[", '"', "{", "# c", ""])
KEYS = st.sampled_from(["backup-tier", "env", "Env", "tier", "team", "*", "backstay:scratch"])
NAMES = st.one_of(
    st.sampled_from(["orders", "orders-prod", "dev-1", "test", "a-live-b", "standard"]),
    st.from_regex(r"[a-z](?:-?[a-z0-9]){0,20}", fullmatch=True),
)
DATABASES = st.builds(
    lambda name, scope, engine, tags, owned: database(
        name, scope=scope, engine=engine, tags=tags, managed_by="aws-backup" if owned else ""
    ),
    NAMES,
    st.sampled_from([LONDON, IRELAND]),
    st.sampled_from(["postgres", "aurora-postgresql", "mysql", "custom-oracle-ee"]),
    st.dictionaries(KEYS, st.one_of(WORDS, st.text(max_size=300)), max_size=3),
    st.booleans(),
)
COUNT = re.compile(r"# (\d+) databases?[^\n]*\n  - (?:name: \"([^\"]+)\"|\{match)")


@given(st.lists(DATABASES, max_size=12, unique_by=lambda each: each.id))
def test_every_suggestion_is_valid_and_every_database_lands_where_its_comment_says(fleet: list[Database]) -> None:
    suggested = suggestion(fleet)
    policy = parse_policy(suggested.document, "the suggestion")
    assert all(not effective(policy, tier).enforce for tier in policy.tiers)
    landed = {}
    for each in fleet:
        match place(policy, each, policy.today(NOW)):
            case InTier(tier=tier):
                landed[each.id.key] = tier.name
            case Elsewhere():
                landed[each.id.key] = "managed elsewhere"
            case other:
                assert "backstay:scratch" in each.tags, other
    assert landed == suggested.places
    counts = Counter(landed.values())
    said = {name or "managed elsewhere": int(number) for number, name in COUNT.findall(suggested.document)}
    assert said == {**{tier.name: counts[tier.name] for tier in policy.tiers}, **_elsewhere(counts)}
    assert suggested.counts == {tier.name: counts[tier.name] for tier in policy.tiers}


def _elsewhere(counts: Counter[str]) -> dict[str, int]:
    return {"managed elsewhere": counts["managed elsewhere"]} if counts["managed elsewhere"] else {}
