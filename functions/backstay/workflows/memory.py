"""What is remembered between runs: last verdicts and last repairs, one vault object per Database.

Each scope has an index with a fingerprint per Database, so that an unchanged fleet costs one read per account and
region, not one per Database. It is only a hint: an entry is taken out before its object changes and put back after, so
a run that dies in between makes the next one look at the object itself.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from backstay.core.decide.audit import Remembered
from backstay.core.decide.protect import Repair
from backstay.core.errors import LostRace
from backstay.core.findings import verdict_name, verdict_text
from backstay.core.model import utc_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from backstay.core.findings import Finding
    from backstay.core.model import DatabaseId, Scope
    from backstay.core.ports import Stored, Vault
    from backstay.core.rules import Subject

TOLD: Final = "findings/told.json"
_TRIES: Final = 8
_REPAIRS_KEPT: Final = 10


def index_key(scope: Scope) -> str:
    """Where the fingerprints of a scope's Databases are."""
    return f"findings/index/{scope}.json"


def findings_key(database: DatabaseId) -> str:
    """Where a Database's last verdicts are."""
    return f"findings/{database.key}.json"


def repairs_key(database: DatabaseId) -> str:
    """Where a Database's last repairs are."""
    return f"repairs/{database.key}.json"


def _read(stored: Stored | None) -> dict[str, Any]:
    """The document, or an empty one when it is absent or not ours: memory that cannot be read remembers nothing."""
    if stored is None:
        return {}
    try:
        document = json.loads(stored.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _remembered(entry: Any) -> Remembered | None:
    try:
        since, told = datetime.fromisoformat(entry["since"]), datetime.fromisoformat(entry["told_at"])
        return Remembered(str(entry["verdict"]), str(entry["mark"]), told, since)
    except (KeyError, TypeError, ValueError):
        return None


def _repair(entry: Any) -> Repair | None:
    try:
        at = datetime.fromisoformat(entry["at"])
        return Repair(at, tuple(entry["settings"]), made=bool(entry.get("made", True)))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def known_fingerprints(vault: Vault, scope: Scope) -> dict[str, str]:
    """Fingerprint by Database key, as of the last runs."""
    entries = _read(vault.get(index_key(scope))).get("databases", {})
    return {str(key): str(value) for key, value in entries.items()} if isinstance(entries, dict) else {}


def note_fingerprints(vault: Vault, scope: Scope, entries: Mapping[str, str | None]) -> None:
    """Merges entries into the scope's index; None takes one out. A lost race re-reads.

    Raises:
        LostRace: lost every time; the caller's run failed to remember, which is an error worth seeing.
    """
    key = index_key(scope)
    for attempt in range(_TRIES):
        stored = vault.get(key)
        document = _read(stored)
        known = document.get("databases", {})
        merged = {**(known if isinstance(known, dict) else {}), **entries}
        kept = {name: value for name, value in merged.items() if value is not None}
        if kept == known:
            return
        body = _written({"schema": "backstay.findings-index/1", "databases": kept})
        try:
            vault.put(key, body, expect=stored.etag if stored else "")
        except LostRace:
            if attempt == _TRIES - 1:
                raise
        else:
            return


class Memo(Protocol):
    """Something remembered that can be put back to what it was."""

    def put_back(self, etag: str) -> None:
        """Undoes the write that answered with that etag."""


@contextmanager
def forgotten_unless_told(memo: Memo, etag: str) -> Iterator[None]:
    """What is told in here was remembered first; when telling fails it is forgotten again, for the next run to tell."""
    try:
        yield
    except Exception:
        memo.put_back(etag)
        raise


class Verdicts:
    """The remembered verdicts of one Database."""

    def __init__(self, vault: Vault, database: DatabaseId) -> None:
        self._vault, self._key = vault, findings_key(database)
        self._stored = vault.get(self._key)
        self._document = _read(self._stored)

    @property
    def remembered(self) -> dict[str, Remembered]:
        """By rule; an entry that cannot be read is not remembered."""
        rules = self._document.get("findings", {})
        found = {rule: _remembered(entry) for rule, entry in rules.items()} if isinstance(rules, dict) else {}
        return {rule: each for rule, each in found.items() if each is not None}

    @property
    def arn(self) -> str:
        """The Database's ARN, as of the last audit that saw it."""
        return str(self._document.get("database", ""))

    @property
    def tier(self) -> str:
        """The tier that it was in then."""
        return str(self._document.get("tier", ""))

    def close(self, now: datetime) -> str:
        """Forgets the verdicts of a Database that is gone: one of the same name is another one. Returns the new etag.

        Raises:
            LostRace: another audit wrote first.
        """
        document = {"schema": "backstay.findings/1", "database": self.arn, "closed_at": utc_text(now), "findings": {}}
        return self._vault.put(self._key, _written(document), expect=self._stored.etag if self._stored else "")

    def replace(self, subject: Subject, findings: Iterable[Finding], told: Collection[str]) -> str:
        """Writes the verdicts of now, keeping since when each has been what it is. Returns the new etag.

        Args:
            subject: the Database that was judged.
            findings: its verdicts.
            told: the rules whose findings are told now.

        Raises:
            LostRace: another audit wrote first.
        """
        document = {
            "schema": "backstay.findings/1",
            "database": subject.database.arn,
            "tier": subject.tier_name,
            "updated_at": utc_text(subject.now),
            "findings": {each.rule: self._entry(each, subject.now, told=each.rule in told) for each in findings},
        }
        return self._vault.put(self._key, _written(document), expect=self._stored.etag if self._stored else "")

    def _entry(self, finding: Finding, now: datetime, *, told: bool) -> dict[str, str]:
        word, moment = verdict_name(finding.verdict), utc_text(now)
        before = self.remembered.get(finding.rule)
        same = before is not None and before.verdict == word
        return {
            "verdict": word,
            "mark": finding.mark,
            "since": utc_text(before.since) if before and same else moment,
            "told_at": utc_text(before.told) if before and same and not told else moment,
            "message": verdict_text(finding.verdict),
        }

    def put_back(self, etag: str) -> None:
        """Undoes ``replace``: what could not be told must be found again by the next run."""
        body = self._stored.body if self._stored else _written({})
        self._vault.put(self._key, body, expect=etag)


class Told:
    """Which open findings people know of, by their identities: what the digest compares with."""

    def __init__(self, vault: Vault) -> None:
        self._vault, self._stored = vault, vault.get(TOLD)
        self._document = _read(self._stored)

    @property
    def known(self) -> frozenset[str]:
        """Identities of findings that somebody was told of and not yet told the end of."""
        entries = self._document.get("findings", [])
        return frozenset(str(each) for each in entries) if isinstance(entries, list) else frozenset()

    def replace(self, known: Iterable[str]) -> str:
        """Writes what people know from now on. Returns the new etag.

        Raises:
            LostRace: another audit told something meanwhile.
        """
        body = _written({"schema": "backstay.told/1", "findings": sorted(known)})
        return self._vault.put(TOLD, body, expect=self._stored.etag if self._stored else "")

    def put_back(self, etag: str) -> None:
        """Undoes ``replace``: what was not told must be told by the next run."""
        body = self._stored.body if self._stored else _written({})
        self._vault.put(TOLD, body, expect=etag)


class Repairs:
    """The remembered repairs of one Database; writing them is also the claim that keeps two runs apart."""

    def __init__(self, vault: Vault, database: DatabaseId) -> None:
        self._vault, self._key = vault, repairs_key(database)
        self._stored = vault.get(self._key)

    @property
    def lately(self) -> tuple[Repair, ...]:
        """Oldest first."""
        entries = _read(self._stored).get("repairs", [])
        found = [_repair(entry) for entry in entries] if isinstance(entries, list) else []
        return tuple(each for each in found if each is not None)

    def claim(self, at: datetime, settings: tuple[str, ...]) -> str:
        """Remembers a repair before it is made. Returns the etag to confirm it or put it back with.

        Raises:
            LostRace: another run is repairing this Database.
        """
        return self._write(Repair(at, settings, made=False), self._stored.etag if self._stored else "")

    def confirm(self, at: datetime, settings: tuple[str, ...], etag: str) -> None:
        """The claimed repair was accepted: from here on the Database itself shows it to other runs."""
        self._write(Repair(at, settings), etag)

    def _write(self, repair: Repair, expect: str) -> str:
        kept = (*self.lately, repair)[-_REPAIRS_KEPT:]
        entries = [{"at": utc_text(each.at), "settings": list(each.settings), "made": each.made} for each in kept]
        document = {"schema": "backstay.repairs/1", "repairs": entries}
        return self._vault.put(self._key, _written(document), expect=expect)

    def put_back(self, etag: str) -> None:
        """Forgets a claim whose repair was not made."""
        body = self._stored.body if self._stored else _written({})
        self._vault.put(self._key, body, expect=etag)
