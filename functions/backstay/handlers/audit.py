"""audit: by schedule over everything, by event over one Database."""

from __future__ import annotations

from typing import Final

from backstay.core.requests import AuditRequest
from backstay.entry import Verb
from backstay.workflows.audit import audit

VERB: Final = Verb("audit", AuditRequest, audit)
handler = VERB.handler
