"""How old the newest copies are, by place for whoever watches a fleet, and by Database for whoever owns one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from backstay.core.guards import newest_of
from backstay.core.model import utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from backstay.core.decide.copies import Lack
    from backstay.core.exposure import Exposure
    from backstay.core.model import Database, Scope
    from backstay.workflows.replicate import Asked

Part = dict[str, Any]


def exposure_part(database: Database, away: Exposure, now: datetime) -> Part:
    """A Database's line and the figures behind it; ``lost_seconds`` is null when all would be lost or nobody knows."""
    lost = away.lost(now)
    return {
        "database": database.id.key,
        "newest": utc_text(away.newest) if away.newest else None,
        "where": away.where,
        "lost_seconds": None if lost is None else round(lost.total_seconds(), 3),
        "line": away.line(now),
    }


def places_part(asked: Iterable[Asked], lacks: Sequence[Lack], now: datetime) -> list[Part]:
    """Per tier and place: the age of the newest copy of the Database that is worst off, and how much waits."""
    waiting = Counter((lack.tier.name, lack.wanted.place.scope) for lack in lacks)
    rows: dict[tuple[str, Scope], Part] = {}
    for each in asked:
        for wanted in each.wanted:
            scope = wanted.place.scope
            row = rows.setdefault((each.tier.name, scope), _row(each.tier.name, scope))
            row["waiting"] = waiting[each.tier.name, scope]
            newest = newest_of((point for point in each.points if point.scope == scope and not point.helper_for), now)
            if newest is None:
                row["without"] += 1
                continue
            age = round((now - newest).total_seconds(), 3)
            row["oldest_newest_seconds"] = max(row["oldest_newest_seconds"] or age, age)
    return [rows[key] for key in sorted(rows)]


def _row(tier: str, scope: Scope) -> Part:
    where = {"tier": tier, "account": scope.account, "region": scope.region}
    return {**where, "waiting": 0, "without": 0, "oldest_newest_seconds": None}
