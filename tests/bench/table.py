"""A figure beside its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Row:
    """One line.

    Attributes:
        figure: what was measured; None where it could not be, and ``how`` says why.
        target: the most that it may be.
        how: the figures behind it.
    """

    name: str
    figure: float | None
    target: float
    unit: str = "x"
    how: str = ""

    @property
    def verdict(self) -> str:
        if self.figure is None:
            return "none"
        return "ok" if self.figure <= self.target else "MISS"


def text(rows: Iterable[Row]) -> str:
    """The table, a row per line."""
    lines = [f"{'':4} {'what':34} {'figure':>10} {'target':>10}  from"]
    for row in rows:
        figure = "-" if row.figure is None else f"{row.figure:.2f} {row.unit}"
        lines.append(f"{row.verdict:4} {row.name:34} {figure:>10} {f'{row.target:.2f} {row.unit}':>10}  {row.how}")
    return "\n".join(lines)
