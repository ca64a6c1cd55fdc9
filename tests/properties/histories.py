"""Made-up histories of one Database's points in several locations, and the policy that they are pruned by.

Everything comes from two draws of bytes: a draw for each value would take ten times as long, and shrinks no better.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from backstay.core.decide.prune import PrunePlan, prune
from backstay.core.model import utc_text
from backstay.core.naming import TAG_DATABASE, TAG_DEPLOYMENT, TAG_HELPER, TAG_HOLD, TAG_SLOT, TAG_VERIFIED
from backstay.core.notation import UNLIMITED
from backstay.core.points import Origin, PointState, RecoveryPoint, is_of, is_ours
from backstay.core.policy import Copy, Guards, Keep, MaxDelete, Policy, Snapshots
from backstay.core.retention import Period
from tests.fleet import FRANKFURT, IRELAND, LONDON, database
from tests.properties.test_retention import KINDS, ODD, STEPS, ZONES, moment
from tests.workflows.places import DAY, VAULT, rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from backstay.core.model import Scope

ORDERS = database()
# Home twice as often; in Frankfurt nothing says how long anything stays.
SCOPES = (LONDON, LONDON, IRELAND, VAULT, FRANKFURT)
RULED = (LONDON, IRELAND, VAULT)
LATER = datetime(2031, 1, 1, tzinfo=UTC)
BASE = rules()
SEEN: Counter[str] = Counter()
_TIMES = len(ODD) * len(STEPS)
_AGAIN = 9  # from here on, the first byte repeats the time of the point before: a copy of it, or its twin
_COUNTS = (0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, UNLIMITED)
_OURS = {TAG_DEPLOYMENT: "backstay", TAG_DATABASE: ORDERS.id.key}
_FLAVOURS: dict[int, Callable[[RecoveryPoint], RecoveryPoint]] = {
    0: lambda each: _tagged(each, TAG_HOLD),
    1: lambda each: _tagged(each, TAG_VERIFIED),
    2: lambda each: _tagged(_tagged(each, TAG_HOLD), TAG_VERIFIED),
    3: lambda each: replace(each, data_time=None),
    4: lambda each: replace(each, tags={}),
    5: lambda each: replace(each, tags={**each.tags, TAG_DEPLOYMENT: "another"}),
    6: lambda each: replace(each, origin=Origin.AWS_BACKUP),
    7: lambda each: replace(each, source="ledger"),
    8: lambda each: replace(each, state=PointState.FAILED),
    9: lambda each: replace(each, state=PointState.CREATING),
    10: lambda each: replace(each, state=PointState.UNKNOWN),
    11: lambda each: _tagged(each, TAG_HELPER, str(VAULT)),
    12: lambda each: replace(each, state=PointState.LEAVING),
    **dict.fromkeys((13, 14, 15), lambda each: _tagged(each, TAG_VERIFIED)),
}
_KINDS_OF = 40  # flavours that are not named are plain points of ours


def _tagged(point: RecoveryPoint, tag: str, value: str = "x") -> RecoveryPoint:
    return replace(point, tags={**point.tags, tag: value})


@dataclass(frozen=True, slots=True)
class Situation:
    """What prune finds one night."""

    points: tuple[RecoveryPoint, ...]
    policy: Policy
    now: datetime

    def plan(self, points: Iterable[RecoveryPoint] | None = None, **given: str | dict[Scope, str]) -> PrunePlan:
        chosen = self.points if points is None else tuple(points)
        return prune(ORDERS, self.policy.tiers[0], self.policy, chosen, deployment="backstay", now=self.now, **given)  # type: ignore[arg-type]  # stale and unread

    def keeping(self, which: int, keep: Keep) -> Situation:
        """The same under another keep rule in one of the three locations that have one."""
        keeps = [*self.keeps]
        keeps[which] = keep
        return replace(self, policy=_policy(keeps, self.policy))

    @property
    def keeps(self) -> tuple[Keep, ...]:
        tier = self.policy.tiers[0]
        assert tier.snapshots
        return (tier.snapshots.keep, *(each.keep for each in tier.copies or ()))

    def settled(self, scope: Scope) -> list[RecoveryPoint]:
        """Ours there that can be restored from, of a known age that is not of the future."""
        return [
            each
            for each in self.points
            if each.scope == scope
            and is_ours(each, "backstay")
            and is_of(each, ORDERS.id)
            and each.state is PointState.AVAILABLE
            and not each.helper_for
            and each.data_time is not None
            and each.data_time <= self.now
        ]


def _policy(keeps: list[Keep], like: Policy) -> Policy:
    home, dr, vault = keeps
    copies = (Copy(to="dr", keep=dr), Copy(to="vault", keep=vault))
    tier = replace(BASE.tiers[0], snapshots=Snapshots(every=DAY, keep=home), copies=copies)
    return replace(like, tiers=(tier,))


def history(drawn: bytes) -> tuple[RecoveryPoint, ...]:
    """Three bytes a point: when, where, and what is odd about it."""
    found: list[RecoveryPoint] = []
    at = LATER
    for number, (when, where, flavour) in enumerate(zip(drawn[::3], drawn[1::3], drawn[2::3], strict=True)):
        if not (found and when // _TIMES >= _AGAIN):
            at = moment(when, where)
        point = _point(number, at, SCOPES[where // 17 % len(SCOPES)])
        if flavour % _KINDS_OF in _FLAVOURS:
            point = _FLAVOURS[flavour % _KINDS_OF](point)
        if point.state is PointState.CREATING and found:
            point = replace(point, copied_from=found[-1].arn)
        found.append(point)
    return tuple(found)


def _point(number: int, at: datetime, scope: Scope) -> RecoveryPoint:
    name = f"p{number:02}"
    return RecoveryPoint(
        id=name,
        arn=f"arn:aws:rds:{scope.region}:{scope.account}:snapshot:{name}",
        scope=scope,
        kind=ORDERS.id.kind,
        source=ORDERS.name,
        origin=Origin.MANUAL,
        status="available",
        state=PointState.AVAILABLE,
        made=LATER,
        data_time=at,
        tags={**_OURS, TAG_SLOT: utc_text(at)},
    )


def _rule(drawn: bytes) -> Keep:
    """Stricter than those of `test_retention`: what is kept by six kinds at once leaves nothing to the guards."""
    keep = Keep(**{each.value: _COUNTS[byte % len(_COUNTS)] for each, byte in zip(Period, drawn, strict=True)})
    return Keep(last=1) if keep.empty else keep


def situation(drawn: tuple[bytes, bytes]) -> Situation:
    """A history, and a policy with three keep rules, a zone and bounds."""
    points, (*keeps, zone, least, percent, now, when) = drawn
    each = [bytes(keeps[start : start + KINDS]) for start in range(0, 3 * KINDS, KINDS)]
    guards = Guards(min_points=1 + least % 3, max_delete=MaxDelete(count=5 + percent % 20, percent=percent % 101))
    like = replace(BASE, timezone=ZONES[zone % len(ZONES)], guards=guards)
    at = moment(when, now) if now % 8 == 0 else LATER
    few = points[0] % 64 == 0  # now and then there is nothing at all
    return Situation(
        history(b"" if few else points[: len(points) // 3 * 3]), _policy([_rule(part) for part in each], like), at
    )


SITUATIONS = st.tuples(
    st.binary(min_size=18, max_size=36), st.binary(min_size=3 * KINDS + 5, max_size=3 * KINDS + 5)
).map(situation)


def note(found: Situation, plan: PrunePlan) -> None:
    """What the generator has come across."""
    times = [each.at for each in found.points if each.data_time is not None]
    local = [each.astimezone(found.policy.timezone) for each in times]
    days = sorted({each.date() for each in local})
    SEEN["histories"] += 1
    SEEN["empty"] += not found.points
    SEEN["ties"] += len(set(times)) < len(times)
    SEEN["leap day"] += any((each.month, each.day) == (2, 29) for each in local)
    SEEN["clocks changed"] += len({each.utcoffset() for each in local}) > 1
    SEEN["gaps"] += any(after - before > timedelta(days=1) for before, after in pairwise(days))
    SEEN["several locations"] += len({each.scope for each in found.points}) > 2
    SEEN["of the future"] += any(each > found.now for each in times)
    SEEN["removed in several"] += sum(bool(each.removed) for each in plan.shelves) > 1
    SEEN["beyond"] += bool(plan.beyond)
    for guard in {each.guard for shelf in plan.shelves for each in shelf.refused}:
        SEEN[f"guard {guard}"] += 1
