"""snapshot: by schedule over everything; whichever slots are due."""

from __future__ import annotations

from typing import Final

from backstay.core.requests import SnapshotRequest
from backstay.entry import Verb
from backstay.workflows.snapshot import snapshot

VERB: Final = Verb("snapshot", SnapshotRequest, snapshot)
handler = VERB.handler
