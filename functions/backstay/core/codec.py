"""Frozen values to small JSON and back: how a durable step's result is remembered.

Covers what the core is made of: dataclasses, enums, aware datetimes, timedeltas (seconds), tuples, mappings with string
keys, optionals. Anything else is a programming error and raises TypeError.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from backstay.core.model import Json, utc_text

T = TypeVar("T")


def encode(value: Any) -> Json:
    """JSON of a core value."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    match value:
        case Enum():
            return cast("Json", value.value)
        case datetime():
            return utc_text(value)
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): encode(each) for key, each in value.items()}
        case tuple() | list():
            return [encode(each) for each in value]
        case str() | int() | float() | bool() | None:
            return value
    raise TypeError(f"no JSON for {type(value).__name__}")


def decode(kind: type[T], data: Json) -> T:
    """The value of type ``kind`` that ``encode`` turned into ``data``.

    Raises:
        TypeError: the data does not fit the type, for example after an upgrade in the middle of an execution.
    """
    try:
        return cast("T", _decode(kind, data))
    except (KeyError, OverflowError, ValueError) as exc:
        raise TypeError(f"this is no {getattr(kind, '__name__', kind)}: {exc!r}") from exc


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode(kind: Any, data: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), data)
    if origin is tuple:
        return _decode_tuple(get_args(kind), data)
    if origin is Mapping:
        return {key: _decode(get_args(kind)[1], each) for key, each in _expect(dict, data).items()}
    if isinstance(kind, type):
        return _decode_plain(kind, data)
    raise TypeError(f"no decoding for {kind}")


def _decode_plain(kind: type, data: Any) -> Any:
    if is_dataclass(kind):
        given = _expect(dict, data)
        hints = _hints(kind)
        return kind(**{name: _decode(hints[name], value) for name, value in given.items()})
    if issubclass(kind, Enum):
        return kind(data)
    if kind is datetime:
        return datetime.fromisoformat(_expect(str, data)).astimezone(UTC)
    if kind is timedelta:
        return timedelta(seconds=data)
    if kind is float:
        return float(data)
    return _expect(kind, data)


def _decode_union(options: tuple[Any, ...], data: Any) -> Any:
    if data is None and types.NoneType in options:
        return None
    for option in options:
        if option is types.NoneType:
            continue
        try:
            return _decode(option, data)
        except (KeyError, TypeError, ValueError):
            continue
    raise TypeError(f"{data!r:.80} is none of {options}")


def _decode_tuple(items: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    given = _expect(list, data)
    if len(items) == 2 and items[1] is Ellipsis:  # noqa: PLR2004  # how typing spells tuple[X, ...]
        return tuple(_decode(items[0], each) for each in given)
    return tuple(_decode(item, each) for item, each in zip(items, given, strict=True))


def _expect(kind: type[T], data: Any) -> T:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise TypeError(f"{data!r:.80} is no {kind.__name__}")
    return data
