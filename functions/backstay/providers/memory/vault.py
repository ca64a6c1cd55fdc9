"""``Vault`` in memory: what a terminal remembers while it runs when nothing is deployed."""

from __future__ import annotations

from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from backstay.core.errors import LostRace
from backstay.core.ports import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator


class MemoryVault:
    """Objects by key. Every write has an etag of its own, also when it writes the same again."""

    def __init__(self) -> None:
        self._objects: dict[str, Stored] = {}
        self._versions = count(1)
        self._lock = Lock()

    @property
    def place(self) -> str:
        """See ``Vault.place``."""
        return "memory:"

    def keys(self, prefix: str) -> Iterator[str]:
        """See ``Vault.keys``."""
        with self._lock:
            found = sorted(key for key in self._objects if key.startswith(prefix))
        yield from found

    def get(self, key: str) -> Stored | None:
        """See ``Vault.get``."""
        with self._lock:
            return self._objects.get(key)

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        """See ``Vault.put``."""
        with self._lock:
            found = self._objects.get(key)
            if expect is not None and expect != (found.etag if found else ""):
                raise LostRace(f"{self.place}{key} was written by somebody else")
            etag = f'"{next(self._versions)}"'
            self._objects[key] = Stored(bytes(body), etag)
            return etag
