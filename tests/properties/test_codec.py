"""What a step remembers is what it returned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given

from backstay.core.codec import decode, encode
from backstay.core.model import Database
from backstay.core.restoring import RestorePlan
from tests.properties.made import JSON, PLANS, databases

if TYPE_CHECKING:
    from backstay.core.model import Json


@given(plan=PLANS)
def test_given_any_plan_when_remembered_as_text_then_the_same_plan_comes_back(plan: RestorePlan) -> None:
    assert decode(RestorePlan, json.loads(json.dumps(encode(plan)))) == plan


@given(database=databases())
def test_given_any_database_when_remembered_as_text_then_the_same_comes_back(database: Database) -> None:
    assert decode(Database, json.loads(json.dumps(encode(database)))) == database


@given(data=JSON)
def test_given_any_json_when_decoded_then_a_plan_or_a_type_error(data: Json) -> None:
    try:
        decode(RestorePlan, data)
    except TypeError:
        return
    raise AssertionError("no random JSON has all of a plan's fields")


@given(plan=PLANS, odd=JSON)
def test_given_a_plan_with_one_odd_field_when_decoded_then_it_is_read_or_refused(plan: RestorePlan, odd: Json) -> None:
    encoded = encode(plan)
    assert isinstance(encoded, dict)
    for name in encoded:
        try:
            decode(RestorePlan, {**encoded, name: odd})
        except TypeError:
            continue
