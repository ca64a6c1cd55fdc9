"""What the rules on recovery points share: what is known of them, and one verdict out of those on several places."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from backstay.core.findings import Fail, Pass, Skipped, Unknown, Verdict, verdict_text
from backstay.core.holdings import Points, asks_points
from backstay.core.policy import Tier
from backstay.core.rules.base import Subject, primary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

V = TypeVar("V", Fail, Unknown, Skipped, Pass)


def points_of(subject: Subject) -> tuple[Tier, Points] | Skipped | Unknown:
    """The tier that asks for recovery points, and what is known of them; or why nothing is asked, or nothing known."""
    tier = primary(subject)
    if isinstance(tier, Skipped):
        return tier
    if not asks_points(tier):
        return Skipped("not asked")
    if subject.points is None:
        return Unknown("the recovery points were not read")
    return tier, subject.points


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict: what fails for sure outranks what is unknown, and both what is on its way.

    Args:
        verdicts: of each place; none at all is nothing that is asked.
    """
    failed = _all(verdicts, Fail)
    lasting = [each for each in failed if not each.pending]
    if lasting:
        return Fail(_texts(lasting + [each for each in failed if each.pending]))
    if unknown := _all(verdicts, Unknown):
        return Unknown(_texts(unknown))
    if failed:
        return Fail(_texts(failed), pending=True)
    if passed := _all(verdicts, Pass):
        return Pass(_texts(passed))
    return Skipped(_texts(_all(verdicts, Skipped)) or "not asked")


def _all(verdicts: Sequence[Verdict], kind: type[V]) -> list[V]:
    return [each for each in verdicts if isinstance(each, kind)]


def _texts(verdicts: Sequence[Verdict]) -> str:
    return "; ".join(dict.fromkeys(verdict_text(each) for each in verdicts))


def is_new(subject: Subject, span: timedelta) -> bool:
    """Whether the Database is younger than that, so that what takes so long cannot be there yet."""
    created = subject.database.created
    return created is not None and created + span > subject.now
