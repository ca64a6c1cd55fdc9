"""A fleet of three databases that lives through days on which everything goes wrong, one run of a verb after another.

What is looked at is what a run takes away: before and after each, over every account and region.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from backstay.core.errors import Denied, ProviderError, Throttled, Unreachable
from backstay.core.model import Database, Kind, State
from backstay.core.naming import TAG_DATA_TIME, TAG_DATABASE, TAG_DEPLOYMENT, TAG_HOLD, TAG_SLOT, TAG_VERIFIED
from backstay.core.points import OWN_KEY, PointState, RecoveryPoint, is_ours
from backstay.core.policy import Copy, Keep, Policy
from backstay.providers.memory import MemoryClock, Work
from tests.fleet import IRELAND, LONDON, NOW, configuration, database, fleet
from tests.workflows.places import VAULT, prunes, replicates, rules, snapshots

if TYPE_CHECKING:
    import random
    from collections import Counter
    from collections.abc import Callable

    from backstay.core.model import Scope
    from tests.fleet import Fleet

Report = dict[str, Any]
PLACES = (LONDON, IRELAND, VAULT)
LEAST = 2
HOUR = timedelta(hours=1)
START = NOW - timedelta(hours=9)
GENEROUS = rules(
    Copy(to="dr", keep=Keep(daily=5, weekly=2)),
    Copy(to="vault", keep=Keep(daily=2, weekly=3)),
    keep=Keep(daily=5, weekly=3),
)
MEAN = rules(Copy(to="dr", keep=Keep(last=2)), Copy(to="vault", keep=Keep(daily=1)), keep=Keep(last=1))
CAREFUL = replace(MEAN.guards.max_delete, percent=30)
_METHODS = ("points", "points_of", "take", "copy", "share", "delete", "key", "quotas", "pages", "option_groups")
_ERRORS: dict[str, ProviderError] = {
    "throttle": Throttled("Throttling: Rate exceeded", code="Throttling"),
    "denial": Denied("AccessDenied: not authorized", code="AccessDenied"),
    "no answer": Unreachable("no answer: read timeout"),
}
TROUBLES = (
    *_ERRORS,
    "failed copy",
    "cancelled copy",
    "failed snapshot",
    "stopped database",
    "lost run",
    "doubled run",
    "tags stripped",
    "deleted by hand",
    "policy keeps less",
    "held",
    "verified",
    "stale policy",
    "confirmed",
)


def databases() -> tuple[Database, ...]:
    """One whose key can be shared, one under the service's own key, which needs helpers, and a cluster."""
    keys = {"orders": "orders", "billing": "aws-rds", "ledger": "ledger"}
    found = []
    for name, key in keys.items():
        kind = Kind.CLUSTER if name == "ledger" else Kind.INSTANCE
        arn = f"arn:aws:kms:eu-west-2:111122223333:key/{key}"
        config = replace(configuration(name, kind), encryption=OWN_KEY, kms_key=arn, option_group="default:postgres-17")
        found.append(database(name, kind=kind, config=config))
    return tuple(found)


class Life:
    """The fleet, its troubles, and what it must never lose."""

    def __init__(self, rng: random.Random, seen: Counter[str]) -> None:
        self.rng, self.seen = rng, seen
        self.databases = databases()
        self.fleet: Fleet = fleet(*self.databases, rules=self._careful(GENEROUS), clock=MemoryClock(START))
        self.fleet.cloud.takes(Work.SNAPSHOT, span=timedelta(minutes=30))
        self.fleet.cloud.takes(Work.COPY, span=timedelta(minutes=150))
        self.stopped: list[Database] = []
        self.confirm: str | None = None

    @staticmethod
    def _careful(policy: Policy) -> Policy:
        return replace(policy, guards=replace(policy.guards, min_points=LEAST, max_delete=CAREFUL))

    # Runs.

    def day(self, *, calm: bool = False) -> None:
        """Six ticks of four hours; each verb runs in most of them, prune once."""
        for tick in range(6):
            if not calm:
                self._trouble()
            self._ticked("snapshot", lambda: snapshots(self.fleet), calm=calm)
            self._ticked("replicate", lambda: replicates(self.fleet), calm=calm)
            if tick == 2:
                self._ticked("prune", self._prune, calm=calm)
            self._sleep(4 * HOUR)

    def _sleep(self, span: timedelta) -> None:
        assert isinstance(self.fleet.clock, MemoryClock)
        self.fleet.clock.sleep(span)

    def _prune(self) -> Report:
        report = prunes(self.fleet, confirm=self.confirm)
        self.confirm = report["confirm"] if self.rng.random() < 0.5 else None
        self._count("confirmed", any(each["action"] for each in report["outcomes"]) and bool(report["confirm"]))
        return report

    def _ticked(self, verb: str, run: Callable[[], Report], *, calm: bool) -> None:
        luck = 1.0 if calm else self.rng.random()
        if luck < 0.12:
            self._count("lost run")
            return
        for _ in range(2 if luck < 0.25 else 1):
            self.watched(verb, run)
        self._count("doubled run", 0.12 <= luck < 0.25)

    def watched(self, verb: str, run: Callable[[], Report]) -> Report:
        """A run, after which nothing is missing that must not be, and which says so if it could not see."""
        for scope in PLACES:
            self.fleet.cloud.points.settle(scope)  # what has had its time is done, whoever looks first
        before = {each.arn: each for each in self.fleet.cloud.every_point()}
        report = run()
        after = {each.arn for each in self.fleet.cloud.every_point()}
        gone = [point for arn, point in before.items() if arn not in after]
        assert report["status"] == "unknown" or not report["unread"]
        assert verb == "prune" or all(each.helper_for for each in gone), f"{verb} removed a point"
        for each in gone:
            assert each.tags.keys() >= {TAG_DEPLOYMENT, TAG_DATABASE, TAG_SLOT}, "took what is not ours"
            assert each.helper_for or not self.fleet.world.policy_stale, "took by a policy that stands in"
            assert each.state is PointState.AVAILABLE
            assert not each.held
        self.seen["removed"] += sum(not each.helper_for for each in gone)
        for of in self.databases:
            for scope in PLACES:
                self._nothing_lost(of, scope, list(before.values()), {each.arn for each in gone})
        return report

    def _nothing_lost(self, of: Database, scope: Scope, before: list[RecoveryPoint], gone: set[str]) -> None:
        there = restorable(of, scope, before, self.fleet.clock.now())
        left = [each for each in there if each.arn not in gone]
        assert len(left) >= min(len(there), LEAST), f"too few of {of.name} left in {scope}"
        for some in (there, [each for each in there if each.verified]):
            newest = max((each.at for each in some), default=None)
            assert all(each in left for each in some if each.at == newest), f"the last one of {of.name} in {scope}"

    # Troubles.

    def _count(self, what: str, happened: object = True) -> None:
        self.seen[what] += bool(happened)

    def _trouble(self) -> None:
        for what in self.rng.sample(TROUBLES, k=self.rng.choice((0, 1, 1, 2))):
            if what in _ERRORS:
                self._fails(what)
            elif what in self._HANDS:
                self._count(what, self._HANDS[what](self))

    def _fails(self, what: str) -> None:
        error = _ERRORS[what]

        def run() -> None:
            self._count(what)
            raise error

        method, scope = self.rng.choice(_METHODS), self.rng.choice((None, *PLACES))
        times, after = self.rng.randint(1, 4), self.rng.randint(0, 3)
        self.fleet.cloud.interfere(method, run, scope=scope, times=times, after=after)

    def _some(self, fits: Callable[[RecoveryPoint], bool]) -> RecoveryPoint | None:
        found = [each for each in self.fleet.cloud.every_point() if fits(each)]
        return self.rng.choice(found) if found else None

    def _copying(self) -> RecoveryPoint | None:
        return self._some(lambda each: each.state is PointState.CREATING and bool(each.copied_from))

    def _copy_fails(self) -> bool:
        found = self._copying()
        if found:
            self.fleet.cloud.fail_point(found)
        return bool(found)

    def _copy_is_cancelled(self) -> bool:
        found = self._copying()
        if found:
            self.fleet.cloud.remove_point(found)
        return bool(found)

    def _snapshot_fails(self) -> bool:
        found = self._some(lambda each: each.state is PointState.CREATING and not each.copied_from)
        if not found:  # they are done within the tick: so fail the next one as soon as it is begun
            self.fleet.cloud.interfere("take", self._fail_new_ones, times=1, late=True)
        return True

    def _fail_new_ones(self) -> None:
        for each in self.fleet.cloud.every_point():
            if each.state is PointState.CREATING and not each.copied_from:
                self.fleet.cloud.fail_point(each)

    def _stops(self) -> bool:
        for each in self.stopped:
            self.fleet.cloud.edit(each.id, lambda now: replace(now, status="available", state=State.AVAILABLE))
        self.stopped = [] if self.stopped else [self.rng.choice(self.databases)]
        for each in self.stopped:
            self.fleet.cloud.edit(each.id, lambda now: replace(now, status="stopped", state=State.STOPPED))
        return bool(self.stopped)

    def _is_stripped(self) -> bool:
        off = self.rng.choice((None, TAG_DEPLOYMENT, TAG_DATABASE, TAG_SLOT, TAG_DATA_TIME))  # all, or one of ours
        return self._tagged(lambda tags: {name: tags[name] for name in tags if off not in (None, name)})

    def _is_held(self) -> bool:
        return self._tagged(lambda tags: {**tags, TAG_HOLD: "legal"})

    def _is_verified(self) -> bool:
        return self._tagged(lambda tags: {**tags, TAG_VERIFIED: "2026-11-24 evidence-1"})

    def _tagged(self, change: Callable[[dict[str, str]], dict[str, str]]) -> bool:
        found = self._some(lambda each: each.state is PointState.AVAILABLE)
        if found:
            self.fleet.cloud.edit_point(found, lambda each: replace(each, tags=change(dict(each.tags))))
        return bool(found)

    def _is_deleted(self) -> bool:
        found = self._some(lambda each: each.state is not PointState.CREATING)
        if found:
            self.fleet.cloud.remove_point(found)
        return bool(found)

    def _policy_changes(self) -> bool:
        mean = self.rng.random() < 0.5
        self.fleet.world = self.fleet.but(policy=self._careful(MEAN if mean else GENEROUS))
        return mean

    def _policy_stands_in(self) -> bool:
        stale = "" if self.fleet.world.policy_stale else "line 3: no tiers"
        self.fleet.world = self.fleet.but(policy_stale=stale)
        return bool(stale)

    _HANDS: dict[str, Callable[[Life], bool]] = {  # noqa: RUF012  # only read
        "failed copy": _copy_fails,
        "cancelled copy": _copy_is_cancelled,
        "failed snapshot": _snapshot_fails,
        "stopped database": _stops,
        "tags stripped": _is_stripped,
        "held": _is_held,
        "verified": _is_verified,
        "deleted by hand": _is_deleted,
        "policy keeps less": _policy_changes,
        "stale policy": _policy_stands_in,
    }

    def calm(self) -> None:
        """Everything is in order again."""
        self.fleet.cloud._hooks.clear()
        if self.stopped:
            self._stops()
        self.fleet.world = self.fleet.but(policy_stale="")


def restorable(of: Database, scope: Scope, points: list[RecoveryPoint], now: datetime) -> list[RecoveryPoint]:
    """Ours of a Database that could be restored from in a place."""
    return [
        each
        for each in points
        if each.scope == scope
        and each.source == of.name
        and is_ours(each, "backstay")
        and each.state is PointState.AVAILABLE
        and not each.helper_for
        and each.data_time is not None
        and each.data_time <= now
    ]
