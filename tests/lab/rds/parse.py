"""AWS query parameters to Python values, strictly by the model.

ParamValidator checks required members, types and minima; what the model knows beyond that (max, enum,
pattern) is checked here, and every parameter that nothing consumed is refused.
"""

from __future__ import annotations

import datetime as dt
import re
import urllib.parse
from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

from tests.lab.rds.model import Fault, invalid_value, operation, service

_VALIDATOR = ParamValidator()


def read_body(body: str) -> tuple[OperationModel, dict[str, Any]]:
    """Parse and check one request body.

    Returns:
        The operation, and its arguments by member name.

    Raises:
        Fault: anything that the model does not allow.
    """
    try:
        pairs = urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True)
    except ValueError as exc:
        raise Fault("MalformedQueryString", f"The query string contains a syntax error: {exc}", 404) from exc
    query = dict(pairs)
    if len(query) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Fault("MalformedQueryString", f"The query string contains duplicate parameters: {twice}", 404)
    action, version = query.pop("Action", None), query.pop("Version", None)
    if not action:
        raise Fault("MissingAction", "The request is missing an Action parameter")
    found = operation(action)
    if found is None or version != service().api_version:
        raise Fault("InvalidAction", f"Could not find operation {action} for version {version}")
    shape = found.input_shape
    arguments: dict[str, Any] = _parse(shape, query, "") if shape is not None else {}
    if query:
        raise invalid_value(f"Unknown parameters: {', '.join(sorted(query))}")
    if shape is not None:
        _validate(shape, arguments)
    return found, arguments


def _validate(shape: Shape, arguments: dict[str, Any]) -> None:
    report = _VALIDATOR.validate(arguments, shape)
    if report.has_errors():
        missing = "Missing required parameter" in report.generate_report()
        raise Fault("MissingParameter" if missing else "ValidationError", report.generate_report())
    problems: list[str] = []
    _constraints(shape, arguments, "", problems)
    if problems:
        raise invalid_value("; ".join(problems))


def _constraints(shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            _constraints(shape.members[name], item, f"{path}.{name}".lstrip("."), problems)
        return
    if isinstance(shape, ListShape):
        for place, item in enumerate(value, 1):
            _constraints(shape.member, item, f"{path}.{place}", problems)
    _scalar(shape, value, path, problems)


def _scalar(shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    size = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if size is None and isinstance(value, (str, list)):
        size = len(value)
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if size is not None and ((low is not None and size < low) or (high is not None and size > high)):
        problems.append(f"Invalid value {value!r} for {path}: must be between {low} and {high}")
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        problems.append(f"Invalid value {value!r} for {path}: must be one of {', '.join(enum)}")
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not re.fullmatch(pattern, value):
        problems.append(f"Invalid value {value!r} for {path}: must match {pattern}")


def _present(query: dict[str, str], prefix: str) -> bool:
    return any(key == prefix or key.startswith(prefix + ".") for key in query)


def _parse(shape: Shape, query: dict[str, str], prefix: str) -> Any:
    """Consume `prefix` (and what is below it) from `query`."""
    if isinstance(shape, StructureShape):
        found: dict[str, Any] = {}
        for name, member in shape.members.items():
            wire = member.serialization.get("name", name)
            place = f"{prefix}.{wire}" if prefix else wire
            if _present(query, place):
                found[name] = _parse(member, query, place)
        return found
    if isinstance(shape, ListShape):
        return _parse_list(shape, query, prefix)
    if prefix not in query:
        raise Fault("MalformedInput", f"{prefix} is a single value, not a structure or a list")
    return _parse_scalar(shape.type_name, query.pop(prefix), prefix)


def _parse_list(shape: ListShape, query: dict[str, str], prefix: str) -> list[Any]:
    if query.get(prefix) == "":  # how the protocol writes an empty list
        query.pop(prefix)
        return []
    item = shape.member.serialization.get("name", "member")
    stem = f"{prefix}.{item}" if _present(query, f"{prefix}.{item}") else f"{prefix}.member"
    if shape.serialization.get("flattened"):
        stem = prefix
    items: list[Any] = []
    while _present(query, f"{stem}.{len(items) + 1}"):
        items.append(_parse(shape.member, query, f"{stem}.{len(items) + 1}"))
    return items


def _parse_scalar(kind: str, text: str, name: str) -> Any:
    try:
        match kind:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "timestamp":
                return _moment(text)
            case _:
                return text
    except (ValueError, KeyError) as exc:
        raise Fault("MalformedInput", f"Invalid {kind} for {name}: {text!r}") from exc


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    return moment.astimezone(dt.UTC)
