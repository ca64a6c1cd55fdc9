"""protect: nightly over everything, and on a repairable finding over one Database."""

from __future__ import annotations

from typing import Final

from backstay.core.requests import ProtectRequest
from backstay.entry import Verb
from backstay.workflows.protect import protect

VERB: Final = Verb("protect", ProtectRequest, protect)
handler = VERB.handler
