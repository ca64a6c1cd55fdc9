"""How values are written in documents and requests: durations, times of day, time zones, globs, keep counts.

A `Written` rides on a field as ``Annotated`` metadata. The edge's validator finds its two hooks by name, so that the
core need not import the validator, and the published JSON Schema says the same as the parser.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import date, time, timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNLIMITED: Final = sys.maxsize
"""A keep count that never runs out; written ``unlimited``."""

LONGEST_TEXT: Final = 256
"""Characters. Tag values end at 256, identifiers earlier: a longer glob could match nothing."""

_UNITS: Final[Mapping[str, int]] = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])", re.ASCII)
_LONGEST_DURATION: Final = timedelta(days=36_525)  # a century: subtracting it from now stays inside the calendar
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

DURATION_FORM: Final = "<int>(s|m|h|d|w), e.g. 5m, 24h or 14d"


class Unacceptable(ValueError):
    """A value that is not written as it should be; ``accepted`` says how it should."""

    def __init__(self, message: str, accepted: str) -> None:
        self.accepted = accepted
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Written:
    """One notation: the parser and its JSON Schema.

    Attributes:
        parse: from the document's value to ours; raises `Unacceptable`.
        schema: what JSON Schema can say about it.
    """

    parse: Callable[[object], Any]
    schema: Mapping[str, object]

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> dict[str, object]:
        return {"type": "function-plain", "function": {"type": "no-info", "function": self.parse}}

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> dict[str, object]:
        return dict(self.schema)


@dataclass(frozen=True, slots=True)
class KeyedBy:
    """Says in the JSON Schema how a mapping's keys are written, which the validator tells of the keys' type alone."""

    keys: Written

    def __get_pydantic_json_schema__(
        self, core: object, handler: Callable[[object], dict[str, object]]
    ) -> dict[str, object]:
        return {**handler(core), "propertyNames": dict(self.keys.schema)}


def parse_duration(value: object) -> timedelta:
    """``90m`` as a timedelta; always longer than zero.

    Raises:
        Unacceptable: not written ``<int>(s|m|h|d|w)``, zero, or more than a century.
    """
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Unacceptable("is not a duration", DURATION_FORM)
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds > _LONGEST_DURATION.total_seconds():
        raise Unacceptable("is longer than a century", DURATION_FORM)
    return timedelta(seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """The shortest notation that `parse_duration` reads back: ``7d`` rather than ``168h``, but ``7d`` for ``1w``.

    Days are what people and providers count retention in. Parts of a second are dropped.
    """
    seconds = int(duration.total_seconds())
    for unit in "dhm":
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


def parse_time(value: object) -> time:
    """``03:00`` as a naive time of day: the policy's time zone gives it a meaning.

    Raises:
        Unacceptable: not written ``HH:MM``.
    """
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Unacceptable("is not a time of day", '"HH:MM" in quotes, "00:00" to "23:59"')
    return time(int(found[1]), int(found[2]))


def parse_date(value: object) -> date:
    """``2027-03-31`` as a date.

    Raises:
        Unacceptable: not written ``YYYY-MM-DD``, or no such day.
    """
    accepted = "YYYY-MM-DD, e.g. 2027-03-31"
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise Unacceptable("is not a date", accepted)
    try:
        return date.fromisoformat(value)
    except ValueError as exc:
        raise Unacceptable("is a day that no calendar has", accepted) from exc


def parse_zone(value: object) -> ZoneInfo:
    """``Europe/London`` as a time zone.

    Raises:
        Unacceptable: the IANA database has no such zone.
    """
    accepted = "an IANA time zone, e.g. Europe/London or UTC"
    if not isinstance(value, str) or not value:
        raise Unacceptable("is not a time zone", accepted)
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError) as exc:  # no such zone; a path that leaves the database; a folder in it
        known = available_timezones()
        if not known:
            raise Unacceptable("cannot be read: this machine has no time zone database", accepted) from exc
        close = get_close_matches(value[:LONGEST_TEXT], sorted(known), n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise Unacceptable(f"is not a time zone{guess}", accepted) from exc


def parse_count(value: object) -> int:
    """A keep count; ``unlimited`` is `UNLIMITED`.

    Raises:
        Unacceptable: neither an integer of at least 0 nor ``unlimited``.
    """
    if value == "unlimited":
        return UNLIMITED
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < UNLIMITED:
        raise Unacceptable("is not a keep count", "an integer of at least 0, or unlimited")
    return value


def parse_patterns(value: object) -> tuple[str, ...]:
    """One glob or a list of them, as a tuple.

    Raises:
        Unacceptable: an empty list, something that is not text, or a glob with an open bracket.
    """
    patterns = value if isinstance(value, list) else [value]
    if not patterns:
        raise Unacceptable("is an empty list, which matches nothing", "one glob, or a list of at least one")
    for pattern in patterns:
        _check_pattern(pattern)
    return tuple(patterns)


def _check_pattern(pattern: object) -> None:
    if not isinstance(pattern, str):
        raise Unacceptable(f"holds {pattern!r}, which is not text", 'globs in quotes, e.g. "scratch-*"')
    if len(pattern) > LONGEST_TEXT:
        raise Unacceptable(f"holds a glob of {len(pattern)} characters", f"at most {LONGEST_TEXT} characters")
    if _open_bracket(pattern):
        # fnmatch would take the bracket for itself, and the glob would match nothing that its author meant.
        raise Unacceptable(f"holds {pattern!r}, whose [ is never closed", "globs of * ? and [...]; a [ itself is [[]")


def _open_bracket(pattern: str) -> bool:
    position = 0
    while (start := pattern.find("[", position)) >= 0:
        first = start + 2 if pattern.startswith("!", start + 1) else start + 1
        end = pattern.find("]", first + 1)  # a ] that comes first stands for itself
        if end < 0:
            return True
        position = end + 1
    return False


def matches_any(patterns: tuple[str, ...], text: str) -> bool:
    """Whether one of the globs covers all of ``text``, case and all."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def parse_text(value: object) -> str:
    """Text that says something.

    Raises:
        Unacceptable: not text, or nothing but blanks.
    """
    if not isinstance(value, str) or not value.strip():
        raise Unacceptable("is not text", "text of at least one character, in quotes if it looks like a number")
    return value.strip()


def shaped(pattern: str, what: str, accepted: str) -> Written:
    """A notation for text that one regular expression describes.

    Args:
        pattern: a regular expression that both Python and JSON Schema (ECMA 262) understand, without anchors.
        what: what the value should be, with its article: ``a region``.
        accepted: how it is written, for people.
    """
    compiled = re.compile(pattern, re.ASCII)

    def parse(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise Unacceptable(f"is not {what}", accepted)
        return value

    return Written(parse, {"type": "string", "pattern": f"^(?:{pattern})$", "description": accepted})


def at_least(minimum: int, maximum: int | None = None) -> Written:
    """The notation of an integer with bounds, both inclusive."""
    accepted = f"an integer of at least {minimum}" if maximum is None else f"an integer from {minimum} to {maximum}"
    if minimum == maximum:
        accepted = f"only {minimum}"

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unacceptable("is not an integer", accepted)
        if value < minimum or (maximum is not None and value > maximum):
            raise Unacceptable("is out of range", accepted)
        return value

    bounds: dict[str, object] = {"minimum": minimum} if maximum is None else {"minimum": minimum, "maximum": maximum}
    return Written(parse, {"type": "integer"} | ({"const": minimum} if minimum == maximum else bounds))


_GLOB_SCHEMA: Final[Mapping[str, object]] = {"type": "string", "maxLength": LONGEST_TEXT}

DURATION: Final = Written(
    parse_duration, {"type": "string", "pattern": "^[1-9][0-9]{0,8}[smhdw]$", "description": DURATION_FORM}
)
TIME_OF_DAY: Final = Written(
    parse_time, {"type": "string", "pattern": "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$", "description": "HH:MM"}
)
DAY: Final = Written(parse_date, {"type": "string", "format": "date", "description": "YYYY-MM-DD"})
ZONE: Final = Written(parse_zone, {"type": "string", "minLength": 1, "description": "an IANA time zone"})
COUNT: Final = Written(parse_count, {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "unlimited"}]})
TEXT: Final = Written(parse_text, {"type": "string", "pattern": r"\S"})
PATTERNS: Final = Written(
    parse_patterns, {"anyOf": [_GLOB_SCHEMA, {"type": "array", "items": _GLOB_SCHEMA, "minItems": 1}]}
)
