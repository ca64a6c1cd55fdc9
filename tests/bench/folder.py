"""A vault on disk, so that what is remembered does not count as memory of the process that is measured."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backstay.core.ports import Stored


class FolderVault:
    """A vault on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    place = "folder:"

    def get(self, key: str) -> Stored | None:
        from backstay.core.ports import Stored  # noqa: PLC0415  # a child imports what it measures, and nothing else

        path = self._folder / key
        if not path.exists():
            return None
        body = path.read_bytes()
        return Stored(body, hashlib.md5(body, usedforsecurity=False).hexdigest())

    def keys(self, prefix: str) -> Iterator[str]:
        return (
            key for path in sorted(self._folder.rglob("*.json")) if (key := _key(self._folder, path)).startswith(prefix)
        )

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        if expect is not None:  # nobody else writes here
            stored = self.get(key)
            assert expect == (stored.etag if stored else "")
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _key(folder: Path, path: Path) -> str:
    return str(path.relative_to(folder))
