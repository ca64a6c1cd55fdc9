"""What several mutating verbs make of their outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstay.core.model import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backstay.core.model import Outcome, Unread


def status_of(outcomes: Iterable[Outcome], unread: Sequence[Unread]) -> Status:
    """A run's verdict: what could not be read outranks what failed, and that what was refused or waits."""
    results = {outcome.result for outcome in outcomes}
    if unread:
        return Status.UNKNOWN
    for result, status in (
        (Result.FAILED, Status.ERROR),
        (Result.REFUSED, Status.REFUSED),
        (Result.PLANNED, Status.FINDINGS),  # a dry run: what waits its turn besides is no more than that
        (Result.PENDING, Status.PENDING),
    ):
        if result in results:
            return status
    return Status.OK
