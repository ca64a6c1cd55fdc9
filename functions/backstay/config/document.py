"""YAML text to plain data that remembers where each value stood.

Scalars follow YAML 1.2's core schema, not 1.1's: ``no`` and ``03:00`` are text, ``012`` is not octal. Anchors work
within bounds; tags, merge keys and empty values do not.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import yaml

from backstay.core.errors import BadPolicy
from backstay.core.policy_check import KEY, Path, Problem

if TYPE_CHECKING:
    from backstay.core.model import Json

LONGEST: Final = 131_072
"""Characters of a document: hundreds of tiers, and read in about a second."""
_DEEPEST: Final = 20
_MOST_VALUES: Final = 20_000  # with anchors expanded

_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", re.compile(r"-?(?:0|[1-9][0-9]{0,30})\Z"), list("-0123456789")),
    ("float", re.compile(r"-?(?:0|[1-9][0-9]{0,30})\.[0-9]{1,30}\Z"), list("-0123456789")),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML reads it from the class
        first: [(_TAG + name, pattern) for name, pattern, firsts in _SCALARS if first in firsts]
        for first in {first for _, _, firsts in _SCALARS for first in firsts}
    }


@dataclass(slots=True)
class Document:
    """What a text says.

    Attributes:
        data: mappings with text keys, lists, text, numbers and booleans.
        places: line and column, from 1, of each value by its path, and of each key by its path and `KEY`.
        problems: what the form forbids; ``data`` has a gap there.
    """

    data: Json = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of a value, or of the nearest one around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read_document(text: str, source: str) -> Document:
    """The document in ``text``.

    Args:
        text: YAML (JSON is YAML).
        source: for messages.

    Raises:
        BadPolicy: not YAML, more than one document, or too big.
    """
    if len(text) > LONGEST:
        raise BadPolicy(f"policy {source} is {len(text)} characters long", accepted=f"at most {LONGEST}")
    try:
        node = _compose(text.removeprefix("\ufeff"))
    except yaml.MarkedYAMLError as exc:
        raise BadPolicy(f"policy {source} is refused: {_explain(exc)}") from exc
    except yaml.YAMLError as exc:
        raise BadPolicy(f"policy {source} is not YAML: {' '.join(str(exc).split())}") from exc
    except RecursionError as exc:
        raise BadPolicy(f"policy {source} is nested too deeply", accepted=f"at most {_DEEPEST} levels") from exc
    if node is None:
        raise BadPolicy(f"policy {source} is empty", accepted="a mapping that starts with version: 1")
    reading = _Reading(source)
    reading.document.data = reading.value(node, ())
    return reading.document


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _explain(exc: yaml.MarkedYAMLError) -> str:
    mark = exc.problem_mark or exc.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    hint = "; indent with spaces, not tabs" if "'\\t'" in (exc.problem or "") else ""
    context = f" ({exc.context})" if exc.context else ""
    return f"{place}is not YAML: {exc.problem}{context}{hint}"


class _Reading:
    """One walk over the nodes."""

    def __init__(self, source: str) -> None:
        self.document = Document()
        self._source = source
        self._values = 0

    def value(self, node: yaml.Node, path: Path) -> Json:
        self._values += 1
        self._stands(path, node)
        if len(path) > _DEEPEST or self._values > _MOST_VALUES:
            # An anchor inside itself, or anchors that multiply: nothing further can be said about such a text.
            accepted = f"at most {_DEEPEST} levels and {_MOST_VALUES} values, anchors expanded"
            raise BadPolicy(f"policy {self._source} is too large once its anchors are expanded", accepted=accepted)
        match node:
            case yaml.MappingNode() if node.tag == _TAG + "map":
                return self._mapping(node, path)
            case yaml.SequenceNode() if node.tag == _TAG + "seq":
                return [self.value(child, (*path, position)) for position, child in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node, path)
        self._tagged(node, path)
        return None

    def _stands(self, path: Path, node: yaml.Node) -> None:
        self.document.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)

    def _tagged(self, node: yaml.Node, path: Path) -> None:
        self._refuse(path, f"has the tag {node.tag}", accepted="plain YAML without tags")

    def _refuse(self, path: Path, message: str, accepted: str) -> None:
        self.document.problems.append(Problem(path=path, message=message, accepted=accepted))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                shown = key if isinstance(key, str) else "a collection"
                where = (*path, str(shown))
                self._stands(where, key_node)
                self._refuse(where, "is a key that is not text", accepted="text, in quotes if it looks like a number")
            elif key in found:
                first, _ = self.document.place((*path, key, KEY))
                self._stands((*path, key, KEY), key_node)
                self._refuse((*path, key, KEY), f"is given twice, first in line {first}", accepted="each key once")
            else:
                self._stands((*path, key, KEY), key_node)
                found[key] = self.value(value_node, (*path, key))
        return found

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Json:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" if _SCALARS[2][1].match(text):
                return int(text)
            case "float" if _SCALARS[3][1].match(text) and math.isfinite(float(text)):
                return float(text)
            case "null":
                self._refuse(path, "has no value", accepted="a value; leave the key out to ask nothing")
            case _:
                self._tagged(node, path)
        return None
