"""prune: nightly over everything, and by hand with the hash of a plan beyond the blast radius."""

from __future__ import annotations

from typing import Final

from backstay.core.requests import PruneRequest
from backstay.entry import Verb
from backstay.workflows.prune import prune

VERB: Final = Verb("prune", PruneRequest, prune)
handler = VERB.handler
