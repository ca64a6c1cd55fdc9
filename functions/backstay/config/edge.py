"""Plain data to the core's dataclasses, with every complaint in our own words.

pydantic validates as it would validate JSON text: no conversion between types, and enumerations by value.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from backstay.core.errors import BadRequest
from backstay.core.notation import Unacceptable
from backstay.core.policy_check import KEY, Path, Problem

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from pydantic_core import ErrorDetails

T = TypeVar("T")
E = TypeVar("E", bound=BadRequest)

MOST_PROBLEMS: Final = 10
_LONGEST_VALUE: Final = 80
_KINDS: Final[Mapping[str, str]] = {
    "string": "text in quotes",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "array": "a list",
    "object": "a mapping",
}


def validate(adapter_type: type[T], data: object, where: str) -> T:
    """``data`` as a value of one of our dataclasses.

    Args:
        adapter_type: a dataclass (its ``__pydantic_config__`` forbids unknown keys).
        data: what ``json.loads`` or a Lambda event gives.
        where: what the data is, for messages, e.g. ``the audit request``.

    Raises:
        BadRequest: names the first field at fault, its value and what would be accepted, and tells of the others.
    """
    try:
        return read(adapter_type, data)
    except ValidationError as exc:
        found = problems_of(exc, adapter_type)
        raise refusal(BadRequest, f"{where} is refused", [problem_text(each) for each in found], found[0]) from exc
    except (TypeError, ValueError, RecursionError) as exc:
        raise BadRequest(f"{where} is not JSON: {exc}") from exc


def read(kind: type[T], data: object) -> T:
    """``data`` as a ``kind``, by the rules for JSON text.

    Raises:
        ValidationError: it does not fit.
        TypeError, ValueError, RecursionError: it is not JSON.
    """
    value: T = _adapter(cast("Hashable", kind)).validate_json(json.dumps(data, allow_nan=False), strict=True)
    return value


def refusal(kind: type[E], title: str, lines: list[str], first: Problem) -> E:
    """One error for all problems; its ``field``, ``value`` and ``accepted`` are the first one's."""
    shown = lines[:MOST_PROBLEMS]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown)} more")
    text = f"{title}: {shown[0]}" if len(shown) == 1 else "\n  ".join((f"{title}:", *shown))
    error = kind(text)
    error.field, error.value, error.accepted = path_text(first.path), first.value, first.accepted
    return error


def problem_text(problem: Problem) -> str:
    """``tiers[0].objectives.rpo: is not a duration (got '5x'); accepted: …``."""
    message = problem.message if problem.path else f"it {problem.message}"
    return str(BadRequest(message, field=path_text(problem.path), value=problem.value, accepted=problem.accepted))


def path_text(path: Path) -> str:
    """``tiers[0].name``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if part != KEY)
    return text.removeprefix(".")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    """Pydantic's validator of a dataclass. Building one takes tens of milliseconds: once, and only when needed."""
    return TypeAdapter(cast("type[Any]", kind))


def schema_of(kind: type[Any]) -> dict[str, Any]:
    """The JSON Schema of a dataclass, as pydantic writes it."""
    return _adapter(cast("Hashable", kind)).json_schema()


def problems_of(error: ValidationError, kind: type[Any]) -> list[Problem]:
    """Pydantic's complaints about a ``kind`` as ours, in the order of the fields."""
    root = schema_of(kind)
    return [_problem(detail, root) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, root: Mapping[str, Any]) -> Problem:
    path = tuple(KEY if part == "[key]" else part for part in detail["loc"])
    value = _short(detail["input"])
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return Problem(path=path, message="is missing", accepted=_accepted(_schema_at(root, path), root))
        case "unexpected_keyword_argument" | "extra_forbidden":
            return _unknown_key(path, _schema_at(root, path[:-1]))
        case "enum" | "literal_error":
            names = [str(name) for name in _schema_at(root, path).get("enum", ())]
            accepted = ", ".join(names) or str(context.get("expected", ""))
            return Problem(
                path=path, message=f"is not one of those{_guess(value, names)}", value=value, accepted=accepted
            )
        case "value_error":
            cause = context.get("error")
            accepted = cause.accepted if isinstance(cause, Unacceptable) else ""
            return Problem(path=path, message=str(cause), value=value, accepted=accepted)
        case "json_invalid":
            return Problem(path=path, message=f"is not JSON: {context.get('error')}")
    accepted = _accepted(_schema_at(root, path), root)
    if accepted:
        return Problem(path=path, message=f"is {_kind(detail['input'])}", value=value, accepted=accepted)
    return Problem(path=path, message=detail["msg"], value=value)


def _unknown_key(path: Path, around: Mapping[str, Any]) -> Problem:
    names = sorted(around.get("properties", ()))
    message = f"is not known here{_guess(path[-1], names)}"
    return Problem(path=(*path, KEY), message=message, accepted=", ".join(names) or "no key")


def _guess(value: object, names: Iterable[str]) -> str:
    close = get_close_matches(str(value).lower(), list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _short(value: object) -> str | float | None:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…"
    return value if isinstance(value, (bool, int, float)) else None


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case None:
            return "empty"
    return "a mapping"


def _schema_at(root: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The schema of one field; empty where there is none."""
    here = _resolved(root, root)
    for part in path:
        inner = here.get("items") if isinstance(part, int) else here.get("properties", {}).get(part)
        here = _resolved(inner or here.get("additionalProperties") or {}, root)
    return here


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Behind references, and behind ``… or null``."""
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
            continue
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        if len(choices) != 1:
            break
        schema = choices[0]
    return schema


def _accepted(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join(str(name) for name in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(filter(None, (_accepted(_resolved(choice, root), root) for choice in schema["anyOf"])))
    if "properties" in schema:
        return f"a mapping with {', '.join(schema['properties'])}"
    if schema.get("type") == "string" and "description" in schema:
        return str(schema["description"])
    return _KINDS.get(str(schema.get("type")), "")
