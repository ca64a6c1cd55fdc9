"""Ours and botocore's parser of the query protocol, held against each other over everything that RDS can answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.model import ListShape, StructureShape
from botocore.parsers import ResponseParserFactory
from hypothesis import given
from hypothesis import strategies as st

from backstay.providers.aws.answers import Answers, moment
from tests.lab.rds import serialize
from tests.lab.rds.model import operation, service

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

_NESTED = 6  # levels: deeper than any shape of RDS that does not hold itself


def _parsed(factory: ResponseParserFactory, of: OperationModel, body: str, status: int = 200) -> Any:
    answer = {"body": body.encode(), "headers": {}, "status_code": status}
    assert of.output_shape is not None
    return factory.create_parser("query").parse(answer, of.output_shape)


def _both(of: OperationModel, body: str, status: int = 200) -> tuple[Any, Any]:
    return _parsed(Answers(), of, body, status), _parsed(ResponseParserFactory(), of, body, status)


def _full(shape: Shape | None, left: int = _NESTED) -> Any:
    """A value with every member that the shape has, and two entries in each list."""
    if isinstance(shape, StructureShape):
        members = {name: each for name, each in shape.members.items() if left and each.type_name != "map"}
        return {name: _full(each, left - 1) for name, each in members.items()}
    if isinstance(shape, ListShape):
        return [_full(shape.member, left - 1)] * 2 if left else []
    match shape.type_name if shape else "":
        case "boolean":
            return True
        case "timestamp":
            return datetime(2026, 11, 25, 1, 2, 3, 456000, tzinfo=UTC)
        case "integer" | "long":
            return 7
        case "double" | "float":
            return 0.5
    return next(iter(getattr(shape, "enum", ())), "<text> & ümläut")


@pytest.mark.parametrize("name", [name for name in service().operation_names if name.startswith("Describe")])
def test_given_an_answer_with_everything_when_parsed_then_it_is_what_botocore_reads(name: str) -> None:
    of = operation(name)
    assert of is not None
    ours, theirs = _both(of, serialize.answer(of, _full(of.output_shape), "1"))
    assert ours == theirs
    assert len(ours) > 1, "more than the metadata"


@pytest.mark.parametrize(
    "inside",
    [
        "<DBInstances/>",
        "",
        "<DBInstances><DBInstance/></DBInstances>",
        "<DBInstances><DBInstance><NotInTheModel><A>1</A></NotInTheModel></DBInstance></DBInstances>",
        "<DBInstances><DBInstance><Engine/><TagList/><Endpoint/></DBInstance></DBInstances>",
        "<DBInstances><DBInstance><Endpoint><Port>1</Port></Endpoint><Endpoint/></DBInstance></DBInstances>",
        "<DBInstances><DBInstance><MultiAZ>yes</MultiAZ></DBInstance></DBInstances>",
    ],
)
def test_given_gaps_and_doubles_when_parsed_then_it_is_what_botocore_reads(inside: str) -> None:
    of = operation("DescribeDBInstances")
    assert of is not None
    ours, theirs = _both(of, _page(inside))
    assert ours == theirs


def _page(inside: str) -> str:
    return (
        '<DescribeDBInstancesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DescribeDBInstancesResult>'
        f"{inside}</DescribeDBInstancesResult></DescribeDBInstancesResponse>"
    )


def test_given_a_map_when_parsed_then_it_is_what_botocore_reads() -> None:
    of = operation("CreateIntegration")
    assert of is not None
    entries = "<entry><key>a</key><value>1</value></entry><entry><key>b</key><value>2</value></entry>"
    inside = f"<AdditionalEncryptionContext>{entries}</AdditionalEncryptionContext>"
    ours, theirs = _both(of, f"<X><CreateIntegrationResult>{inside}</CreateIntegrationResult></X>")
    assert ours == theirs
    assert ours["AdditionalEncryptionContext"] == {"a": "1", "b": "2"}


def test_given_a_number_that_is_none_when_parsed_then_it_is_refused_as_botocore_refuses_it() -> None:
    of = operation("DescribeDBInstances")
    assert of is not None
    body = _page("<DBInstances><DBInstance><AllocatedStorage>x</AllocatedStorage></DBInstance></DBInstances>")
    for factory in (Answers(), ResponseParserFactory()):
        with pytest.raises(ValueError, match="invalid literal"):
            _parsed(factory, of, body)


def test_given_an_error_document_when_parsed_then_it_is_what_botocore_reads() -> None:
    of = operation("DescribeDBInstances")
    assert of is not None
    fault = "<ErrorResponse><Error><Code>Throttling</Code><Message>no</Message></Error><RequestId>1</RequestId>"
    ours, theirs = _both(of, f"{fault}</ErrorResponse>", 400)
    assert ours == theirs
    assert ours["Error"]["Code"] == "Throttling"


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2199, 1, 1)),  # noqa: DTZ001  # Hypothesis's bounds
    st.integers(min_value=-12, max_value=12),
)
def test_given_any_moment_when_read_then_it_is_the_moment_that_botocore_reads(naive: datetime, hours: int) -> None:
    theirs = ResponseParserFactory().create_parser("query")._timestamp_parser  # type: ignore[attr-defined]
    at = naive.replace(tzinfo=UTC)
    local = (at + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
    for text in (
        at.isoformat(),
        f"{at:%Y-%m-%dT%H:%M:%S}Z",
        f"{local}{hours:+03d}:00",
        f"{at:%a, %d %b %Y %H:%M:%S} GMT",
        str(int(at.timestamp())),
    ):
        assert moment(text) == theirs(text)
        assert moment(text).tzinfo is not None


def test_given_another_protocol_when_a_parser_is_asked_for_then_it_is_botocores() -> None:
    for protocol in ("json", "rest-xml", "rest-json", "ec2"):
        assert type(Answers().create_parser(protocol)) is type(ResponseParserFactory().create_parser(protocol))
