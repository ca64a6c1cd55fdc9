"""A first policy for a fleet: tiers guessed from tags, then names, then engines; everything report-only.

Only what can be written without a doubt becomes a match; everything else lands in the catch-all at the end, which is
always there. The comments say how many Databases each entry gets *by this very document*, first match wins.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backstay.core.tiering import SCRATCH_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from backstay.core.model import Database

CATCH_ALL: Final = "standard"
_ELSEWHERE: Final = "managed elsewhere"
_KEYS: Final = ("backup-tier", "backup_tier", "backuptier", "tier", "environment", "env", "stage", "criticality")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/=+@-][A-Za-z0-9 _.:/=+@-]{0,98}", re.ASCII)  # no glob, nothing to escape
_IMPORTANT: Final = frozenset({"gold", "prod", "production", "prd", "live", "critical", "high", "tier1", "platinum"})
_MINOR: Final = frozenset(
    {"dev", "development", "test", "testing", "qa", "sandbox", "bronze", "low", "staging", "stage"}
)
_WORDS: Final = ("prod", "production", "prd", "live", "staging", "stage", "qa", "test", "dev")
_MOST_TIERS: Final = 12
_MOST_NAMES: Final = 500
_NAMED: Final = 3
_ENGINES: Final = "aurora-*"

_HEAD: Final = """\
# A first policy for Backstay, guessed from {count}: change it.
# All keys: docs/policy.md. It reports only: protect changes nothing until a
# tier says  enforce: [pitr, copy_tags, deletion_protection].
# Order: managed_elsewhere, then the tiers from top to bottom; the first that
# matches has a database.
version: 1
timezone: UTC  # in which days and end dates are counted
defaults:      # what a tier asks unless it says otherwise
  objectives: {{rpo: 24h, rto: 24h}}
  # Turning backups on can be an outage: it waits for the maintenance window.
  pitr: {{window: 7d, apply: maintenance_window}}
  enforce: []  # report only
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A policy document and where it puts each Database.

    Attributes:
        counts: how many Databases each tier gets, in the document's order, as its comments say.
        places: tier by Database key; ``managed elsewhere`` for those that AWS Backup owns.
    """

    document: str
    counts: dict[str, int]
    places: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    match: str
    why: str
    asks: tuple[str, ...]
    has: Callable[[Database], bool]


def suggestion(databases: Sequence[Database]) -> Suggestion:
    """The policy for these Databases. Scratch copies belong to nobody and are not counted."""
    counted = [each for each in databases if SCRATCH_TAG not in each.tags]
    names = _owned_elsewhere(counted)
    left = [each for each in counted if each.name not in names]
    places = {each.id.key: _ELSEWHERE for each in counted if each.name in names}
    entries = _entries(left)
    for each in left:
        places[each.id.key] = next(entry.name for entry in entries if entry.has(each))
    found = Counter(places.values())
    lines = [_HEAD.format(count="1 database" if len(counted) == 1 else f"{len(counted)} databases"), "tiers:\n"]
    lines += [_written(entry, [each for each in left if places[each.id.key] == entry.name]) for entry in entries]
    if names:
        lines.append(_elsewhere(names, found[_ELSEWHERE]))
    return Suggestion("".join(lines), {entry.name: found[entry.name] for entry in entries}, places)


def _owned_elsewhere(databases: Iterable[Database]) -> frozenset[str]:
    """Names of which every Database is owned by AWS Backup: an entry can tell them by their names only."""
    owned: dict[str, bool] = {}
    for each in databases:
        owned[each.name] = owned.get(each.name, True) and bool(each.managed_by)
    names = frozenset(name for name, is_owned in owned.items() if is_owned and _PLAIN.fullmatch(name))
    return names if len(names) <= _MOST_NAMES else frozenset()  # a document has bounds: BK022 tells of them one by one


def _entries(databases: Sequence[Database]) -> list[_Entry]:
    entries = _by_tag(databases) or _by_name(databases)
    if not entries:
        entries = _by_engine(databases)
    catch_all = _Entry(CATCH_ALL, '{names: "*"}', "the catch-all is written, never implied", (), lambda _: True)
    return [*entries, catch_all]


def _by_tag(databases: Sequence[Database]) -> list[_Entry]:
    """The tag key that most Databases have, of those that usually say how much they matter."""
    known = [(key, value) for each in databases for key, value in each.tags.items() if key.lower() in _KEYS]
    usable = [(key, value) for key, value in known if _PLAIN.fullmatch(key) and _PLAIN.fullmatch(value)]
    if not usable:
        return []
    keys = Counter(key for key, _ in usable)
    key = min(keys, key=lambda each: (-keys[each], _KEYS.index(each.lower()), each))
    values = Counter(value for each, value in usable if each == key)
    chosen = sorted(values, key=lambda value: (_rank(value), -values[value], value))[:_MOST_TIERS]
    taken = {CATCH_ALL}
    return [
        _Entry(
            _unique(value, taken),
            f"{{tags: {{{json.dumps(key)}: {json.dumps(value)}}}}}",
            f"tag {key}={value}",
            _asks(value),
            lambda each, value=value: each.tags.get(key) == value,  # type: ignore[misc]
        )
        for value in chosen
    ]


def _by_name(databases: Sequence[Database]) -> list[_Entry]:
    """Words that stand at an end of a name, between hyphens."""
    entries, taken = [], {CATCH_ALL}
    for word in _WORDS:
        has = _named(word)
        if any(has(each) for each in databases):
            globs = json.dumps([word, f"{word}-*", f"*-{word}", f"*-{word}-*"])
            entries.append(_Entry(_unique(word, taken), f"{{names: {globs}}}", f"{word} in the name", _asks(word), has))
    return entries


def _named(word: str) -> Callable[[Database], bool]:
    return lambda each: word in each.name.split("-")


def _by_engine(databases: Sequence[Database]) -> list[_Entry]:
    """Aurora apart from the others, where there are both: nothing else tells them apart."""
    aurora = [each.engine.startswith("aurora-") for each in databases]
    if not any(aurora) or all(aurora):
        return []
    return [
        _Entry(
            "aurora",
            f"{{engines: {json.dumps(_ENGINES)}}}",
            "no tag and no name tells them apart, so by engine",
            (),
            lambda each: each.engine.startswith("aurora-"),
        )
    ]


def _rank(word: str) -> int:
    lowered = word.lower()
    return 0 if lowered in _IMPORTANT else 2 if lowered in _MINOR else 1


def _asks(word: str) -> tuple[str, ...]:
    if word.lower() in _IMPORTANT:
        return (
            "objectives: {rpo: 15m, rto: 4h}",
            "pitr: {window: 14d, apply: maintenance_window}",
            "require: [encrypted, private, deletion_protection, copy_tags]",
        )
    return ()


def _unique(word: str, taken: set[str]) -> str:
    """A tier's name from a value: letters, digits, - and _, a letter first, at most 63, and no other's."""
    base = re.sub(r"[^A-Za-z0-9_-]+", "-", word).strip("-")[:50] or "tier"
    base = base if base[0].isalpha() else f"tier-{base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name)
    return name


def _written(entry: _Entry, databases: Sequence[Database]) -> str:
    lines = [
        f"  # {_counted(databases)}: {entry.why}",
        f"  - name: {json.dumps(entry.name)}",
        f"    match: {entry.match}",
        *(f"    {ask}" for ask in entry.asks),
    ]
    return "\n".join(lines) + "\n"


def _counted(databases: Sequence[Database]) -> str:
    names = [each.name for each in databases if _PLAIN.fullmatch(each.name)][:_NAMED]
    more = ", ..." if len(databases) > len(names) and names else ""
    count = f"{len(databases)} database{'' if len(databases) == 1 else 's'}"
    return f"{count} ({', '.join(names)}{more})" if names else count


def _elsewhere(names: frozenset[str], count: int) -> str:
    return (
        f"managed_elsewhere:\n  # {count} database{'' if count == 1 else 's'} with recovery points of AWS Backup\n"
        f"  - {{match: {{names: {json.dumps(sorted(names))}}}, by: aws-backup}}\n"
    )
