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

Writer = Callable[[Any, list[str]], None]


def answer(operation: OperationModel, result: dict[str, Any], request_id: str) -> str:
    """The whole response document of `operation`."""
    out: list[str] = []
    shape = operation.output_shape
    if shape is not None:
        tag = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        _writer(operation.name)(result, out)
        out = [f"<{tag}>", *out, f"</{tag}>"]
    elif result:
        raise AssertionError(f"{operation.name} answers nothing, got {sorted(result)}")
    return (
        f'<{operation.name}Response xmlns="{namespace()}">{"".join(out)}'
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
    if isinstance(shape, StructureShape):
        inner = _members(shape)

        def structure(value: Any, out: list[str]) -> None:
            out.append(f"<{tag}>")
            inner(value, out)
            out.append(f"</{tag}>")

        return structure
    if isinstance(shape, ListShape):
        return _list(shape, tag)
    text = _text(shape)

    def scalar(value: Any, out: list[str]) -> None:
        out.append(f"<{tag}>{text(value)}</{tag}>")

    return scalar


def _members(shape: StructureShape) -> Writer:
    writers = {name: _compile(m, m.serialization.get("name", name)) for name, m in shape.members.items()}

    def members(value: Any, out: list[str]) -> None:
        for name, item in value.items():
            if name not in writers:
                raise AssertionError(f"{shape.name} has no member {name} in the model")
            if item is not None:
                writers[name](item, out)

    return members


def _list(shape: ListShape, tag: str) -> Writer:
    flat = bool(shape.serialization.get("flattened"))
    item = _compile(shape.member, tag if flat else shape.member.serialization.get("name", "member"))

    def sequence(value: Any, out: list[str]) -> None:
        if not flat:
            out.append(f"<{tag}>")
        for entry in value:
            item(entry, out)
        if not flat:
            out.append(f"</{tag}>")

    return sequence


def _text(shape: Shape) -> Callable[[Any], str]:
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


def _string(enum: list[str]) -> Callable[[Any], str]:
    def string(value: str) -> str:
        if not isinstance(value, str) or (enum and value not in enum):
            raise TypeError(f"{value!r} is not a string of {enum or 'any kind'}")
        return escape(value)

    return string


def timestamp(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with milliseconds, cut and never rounded up: a later moment might not be restorable."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
