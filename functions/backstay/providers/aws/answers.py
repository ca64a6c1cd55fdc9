"""Answers in the query protocol (RDS, STS, SNS) read faster than botocore does, and the same to the value.

botocore looks up every member's name and handler anew for each element, and parses each time with dateutil: for an
audit that is most of its processor time. Here a shape is read by a reader that is put together once. Whatever is not
plain (errors, flattened lists, attributes, maps, a member that stands twice) is left to botocore.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from botocore.model import ListShape, Shape, StructureShape
from botocore.parsers import QueryParser, ResponseParser, ResponseParserFactory
from botocore.utils import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

Reader = Callable[[Any], Any]
# Where a member stands that is no plain element of its structure (botocore's ``Shape.serialization``).
_ELSEWHERE: Final = frozenset({"location", "eventheader", "xmlAttribute", "flattened"})


class Answers(ResponseParserFactory):
    """A session's ``response_parser_factory``. Its query parser keeps nothing of an answer, so that one serves all."""

    def __init__(self) -> None:
        super().__init__()
        self._query = _Query(timestamp_parser=moment)

    def create_parser(self, protocol_name: str) -> ResponseParser:
        """The parser of a protocol: ours for ``query``, else botocore's."""
        return self._query if protocol_name == "query" else super().create_parser(protocol_name)


def moment(text: Any) -> datetime:
    """A timestamp: as RDS writes it in no time, in any other notation as botocore reads it."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return parse_timestamp(text)
    return found if found.tzinfo else parse_timestamp(text)


class _Query(QueryParser):
    """Overrides one step of botocore's parser, which the type stubs do not show: tests hold the two together."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._readers: dict[Shape, Reader] = {}  # shapes live as long as the session's clients

    def _handle_structure(self, shape: Any, node: Any) -> Any:
        if isinstance(node, list):  # a member that stands twice, on its way through botocore
            return self._as_botocore(shape, node)
        reader = self._readers.get(shape)
        if reader is None:
            reader = self._readers[shape] = self._structure(shape)
        return reader(node)

    def _as_botocore(self, shape: Any, node: Any) -> Any:
        return super()._handle_structure(shape, node)  # type: ignore[misc]

    def _structure(self, shape: StructureShape) -> Reader:
        slow: Reader = partial(self._as_botocore, shape)
        if shape.metadata.get("exception") or shape.is_tagged_union or not _plain(shape.members.values()):
            return slow
        names = {name: each.serialization.get("name", name) for name, each in shape.members.items()}
        fields = {names[name]: (name, self._value(each)) for name, each in shape.members.items()}
        return _reader(fields, slow)

    def _value(self, shape: Shape) -> Reader:
        match shape.type_name:
            case "string":
                return _text
            case "boolean":
                return _flag
            case "integer" | "long":
                return _number
            case "timestamp":
                return _moment
            case "list" if isinstance(shape, ListShape):
                item = self._value(shape.member)
                return lambda node: [item(each) for each in node]
            case "structure":  # put together when first met: shapes may nest in themselves
                return partial(self._handle_structure, shape)
        return partial(self._parse_shape, shape)  # type: ignore[attr-defined]


def _plain(members: Iterable[Shape]) -> bool:
    return not any(_ELSEWHERE & each.serialization.keys() for each in members)


def _reader(fields: dict[str, tuple[str, Reader]], slow: Reader) -> Reader:
    """Reads one structure; ``slow`` reads one in which a member stands twice."""
    known: dict[str, tuple[str, Reader]] = {}  # by the tag as it is written, with its namespace

    def read(node: Any) -> Any:
        found: dict[str, Any] = {}
        for child in node:
            field = known.get(child.tag)
            if field is None:
                field = fields.get(child.tag.rpartition("}")[2])
                if field is None:
                    continue  # newer than the model
                known[child.tag] = field
            name, value = field
            if name in found:
                return slow(node)
            found[name] = value(child)
        return found

    return read


def _text(node: Any) -> str:
    return intern(node.text or "")  # thousands of databases have the same engine, key, windows and tags


def _flag(node: Any) -> bool:
    return bool(node.text == "true")


def _number(node: Any) -> int:
    return int(node.text or "")


def _moment(node: Any) -> datetime:
    return moment(node.text or "")
