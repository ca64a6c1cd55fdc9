"""The JSON Schema that editors and validators get: pydantic's, said the way the document is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NULL: Final = {"type": "null"}
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.+)$", re.MULTILINE)


def published(schema: Mapping[str, Any], *, title: str) -> dict[str, Any]:
    """The schema with dialect and title, as a document's reader means it.

    ``null`` goes, since the document has no empty values; each field gets its line of the class's docstring.
    """
    return {"$schema": DIALECT, "title": title, **_tidy(dict(schema))}


def _tidy(value: Any) -> Any:
    if isinstance(value, list):
        return [_tidy(each) for each in value if each != _NULL]
    if not isinstance(value, dict):
        return value
    found = {key: _tidy(each) for key, each in value.items() if not _is_noise(key, each)}
    if len(found.get("anyOf", ())) == 1:
        found |= found.pop("anyOf")[0]
    if "properties" in found:
        _describe(found)
    return found


def _is_noise(key: str, value: object) -> bool:
    """Titles made of field names, and defaults that stand for "not given" or that the parts' own defaults repeat."""
    return (key == "title" and isinstance(value, str)) or (
        key == "default" and (value in (None, "") or isinstance(value, dict))
    )


def _describe(found: dict[str, Any]) -> None:
    text, _, attributes = str(found.get("description", "")).partition("\n\nAttributes:\n")
    found["description"] = text
    for name, line in _ATTRIBUTE.findall(attributes):
        field = found["properties"][name]
        form = f" ({field['description']})" if "description" in field else ""
        field["description"] = f"{line.rstrip('.')}{form}"
