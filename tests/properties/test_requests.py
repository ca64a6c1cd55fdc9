"""Whatever is sent, the answer is a request or a BadRequest; nothing else ever comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.config import validate
from backstay.core.errors import BadRequest
from backstay.core.model import parse_moment, utc_text
from backstay.core.requests import (
    AuditRequest,
    DatabaseRef,
    ProtectRequest,
    RestoreRequest,
    RestoreRunRequest,
    waking,
)
from tests.properties.made import DATABASE_IDS, JSON, MOMENTS, NAMES, WORDS

if TYPE_CHECKING:
    from datetime import datetime

    from backstay.core.model import DatabaseId

KINDS = (AuditRequest, ProtectRequest, RestoreRequest, RestoreRunRequest)
FIELDS = ("database", "match", "all", "dry_run", "to", "snapshot", "target", "region", "moment", "request_id")
ARNS = st.builds(lambda ident: f"arn:aws:rds:{ident.scope.region}:{ident.scope.account}:db:{ident.name}", DATABASE_IDS)
KEYS = DATABASE_IDS.map(lambda ident: ident.key)
NEARLY = st.builds("{}{}{}".format, WORDS, NAMES | ARNS | KEYS, WORDS)
ODD = JSON | NEARLY | st.sampled_from(["latest", "2026-11-24T10:15:00Z", "0001-01-01T00:00:00+14:00"])
REQUESTS = st.dictionaries(st.sampled_from(FIELDS) | WORDS, ODD, max_size=4)
DETAILS = st.dictionaries(
    st.sampled_from(["SourceArn", "SourceIdentifier", "SourceType", "EventID", "eventName", "database"]),
    ODD | st.sampled_from(["DB_INSTANCE", "CLUSTER"]),
    max_size=4,
)
PARAMETERS = st.dictionaries(
    st.sampled_from(["dBInstanceIdentifier", "dBClusterIdentifier", "newDBInstanceIdentifier", "resourceName"]),
    ODD,
    max_size=3,
)
EVENTS = st.fixed_dictionaries(
    {
        "detail-type": st.sampled_from(
            ["Backstay Finding Changed", "AWS API Call via CloudTrail", "RDS DB Instance Event"]
        )
        | JSON,
        "detail": DETAILS | JSON | PARAMETERS.map(lambda parameters: {"requestParameters": parameters}),
    },
    optional={"region": ODD, "account": ODD},
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=REQUESTS | ODD)
def test_given_anything_when_read_as_a_request_then_checked_or_refused(kind: type[Any], data: object) -> None:
    try:
        request = validate(kind, data, "the request")
        request.check()
    except BadRequest:
        return
    # What was accepted is safe to use: its database parses, and its moment too.
    if getattr(request, "database", None) is not None:
        assert DatabaseRef.parse(request.database).name
    if isinstance(request, RestoreRunRequest):
        assert (request.at is None) is (request.moment is None)


@given(event=EVENTS)
def test_given_any_event_when_read_then_a_reference_nothing_or_a_refusal(event: dict[str, Any]) -> None:
    try:
        found = waking(event)
    except BadRequest:
        return
    assert found is None or found.why
    if found and found.ref:
        assert DatabaseRef.parse(str(found.ref)) == found.ref


@given(text=st.text() | NEARLY)
def test_given_any_text_when_read_as_a_reference_then_one_that_reads_back_or_a_refusal(text: str) -> None:
    try:
        ref = DatabaseRef.parse(text)
    except BadRequest:
        return
    assert DatabaseRef.parse(str(ref)) == ref


@given(ident=DATABASE_IDS)
def test_given_any_database_when_its_reference_is_written_and_read_then_the_same(ident: DatabaseId) -> None:
    ref = DatabaseRef.of(ident)
    assert DatabaseRef.parse(str(ref)) == ref
    assert str(ref) == ident.key
    assert ref.may_be_in(ident.scope)


@given(moment=MOMENTS)
def test_given_any_moment_when_written_and_parsed_then_the_same(moment: datetime) -> None:
    assert parse_moment(utc_text(moment), "to") == moment


@given(text=st.text() | st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(lambda m: m.isoformat()))
def test_given_any_text_when_parsed_as_a_moment_then_in_utc_or_refused(text: str) -> None:
    try:
        moment = parse_moment(text, "to")
    except BadRequest:
        return
    assert moment.utcoffset() is not None
    assert utc_text(moment).endswith("Z")
