"""restore: the front door that an engineer invokes from the console."""

from __future__ import annotations

from typing import Final

from backstay.core.requests import RestoreRequest
from backstay.entry import Verb
from backstay.workflows.restore import restore

VERB: Final = Verb("restore", RestoreRequest, restore, retried=False, needs=("vault", "bus", "runner"))
handler = VERB.handler
