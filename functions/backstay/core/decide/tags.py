"""Which of its source's tags a restored database gets, beside ours."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from backstay.core.naming import MAX_TAGS, OUR_TAGS, carried_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstay.core.model import DatabaseId
    from backstay.core.policy import Tier


def fitting_tags(tags: Mapping[str, str], tier: Tier | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """The tags that come along, and those that do not, since ours take their places.

    First come those that the tier is found by, or the new database would be in another one; then those whose keys come
    first in the alphabet.
    """
    carried = carried_tags(tags)
    places = MAX_TAGS - len(OUR_TAGS)
    globs = tuple(tier.match.tags) if tier else ()
    keys = sorted(carried, key=lambda key: (not any(fnmatchcase(key, glob) for glob in globs), key))
    left = tuple(f"tag {key}: a database has at most {MAX_TAGS}, ours among them" for key in keys[places:])
    return {key: carried[key] for key in keys[:places]}, left


def with_ours(tags: Mapping[str, str], source: DatabaseId, request_id: str, deployment: str) -> dict[str, str]:
    """All tags of the new database: what comes along, and what says whose it is."""
    return {**tags, **dict(zip(OUR_TAGS, (deployment, source.key, request_id), strict=True))}
