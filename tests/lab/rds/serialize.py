"""Python values to AWS query XML, strictly by the model: a member that the model lacks is the lab's bug.

A writer is compiled once per shape, so that a page of 100 instances takes milliseconds.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from tests.lab.rds.model import Fault, namespace, service

Writer = Callable[[Any], str]


def answer(operation: OperationModel, result: dict[str, Any], request_id: str) -> str:
    """The whole response document of `operation`."""
    inner = ""
    shape = operation.output_shape
    if shape is not None:
        tag = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        inner = f"<{tag}>{_writer(operation.name)(result)}</{tag}>"
    elif result:
        raise AssertionError(f"{operation.name} answers nothing, got {sorted(result)}")
    return (
        f'<{operation.name}Response xmlns="{namespace()}">{inner}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>"
    )


def error(fault: Fault, request_id: str) -> str:
    """The error document of `fault`."""
    kind = "Receiver" if fault.status >= 500 else "Sender"
    return (
        f'<ErrorResponse xmlns="{namespace()}"><Error><Type>{kind}</Type><Code>{escape(fault.code)}</Code>'
        f"<Message>{escape(fault.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )


@functools.cache
def _writer(operation_name: str) -> Writer:
    shape = service().operation_model(operation_name).output_shape
    if not isinstance(shape, StructureShape):
        raise TypeError(f"{operation_name} has no structure to answer")
    return _members(shape)


def _compile(shape: Shape, tag: str) -> Writer:
    begin, end = f"<{tag}>", f"</{tag}>"
    if isinstance(shape, StructureShape):
        inner = _members(shape)
    elif isinstance(shape, ListShape):
        if shape.serialization.get("flattened"):
            return _items(shape, tag)
        inner = _items(shape, shape.member.serialization.get("name", "member"))
    else:
        inner = _text(shape)

    def element(value: Any) -> str:
        return begin + inner(value) + end

    return element


def _members(shape: StructureShape) -> Writer:
    writers = {name: _compile(m, m.serialization.get("name", name)) for name, m in shape.members.items()}

    def members(value: dict[str, Any]) -> str:
        if not value.keys() <= writers.keys():
            raise AssertionError(f"{shape.name} has no members {sorted(set(value) - set(writers))} in the model")
        return "".join([writers[name](item) for name, item in value.items() if item is not None])

    return members


def _items(shape: ListShape, tag: str) -> Writer:
    item = _compile(shape.member, tag)

    def items(value: list[Any]) -> str:
        return "".join([item(entry) for entry in value])

    return items


def _text(shape: Shape) -> Writer:
    match shape.type_name:
        case "boolean":
            return _boolean
        case "timestamp":
            return timestamp
        case "integer" | "long":
            return _integer
        case "string":
            return _string(getattr(shape, "enum", []))
        case _:
            return str


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _integer(value: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no integer")
    return str(value)


def _string(enum: list[str]) -> Writer:
    def string(value: str) -> str:
        if not isinstance(value, str) or (enum and value not in enum):
            raise TypeError(f"{value!r} is not a string of {enum or 'any kind'}")
        # Most values need no escaping, and this is the innermost loop of every page.
        return escape(value) if "&" in value or "<" in value or ">" in value else value

    return string


def timestamp(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with milliseconds, cut and never rounded up: a later moment might not be restorable."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"
