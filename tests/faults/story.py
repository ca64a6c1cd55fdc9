"""A story: one run of a workflow, as its function does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.stage import Stage

Told = Callable[["Stage"], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Story:
    """One run.

    Attributes:
        before: what went well before it; the account is kept as that left it.
        good: how it ends when nothing fails.
        later: how a later run may end that finds the work done, begun, or too late.
        beside: a story whose calls are made here too, and are tried there.
    """

    run: Told
    good: str
    before: Callable[[Stage], None] | None = None
    later: tuple[str, ...] = ()
    beside: str = ""
