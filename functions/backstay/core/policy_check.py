"""What is wrong with a policy whose every value is well written: the checks across fields."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from backstay.core.notation import duration_text
from backstay.core.policy import Enforce, Tier, effective
from backstay.core.slots import DAY, SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from backstay.core.policy import Defaults, Keep, Match, Pitr, Policy, Snapshots

Path = tuple[str | int, ...]

KEY: Final = ""
"""Ends a path that means a mapping's key rather than the value under it."""

LONGEST_WINDOW: Final = timedelta(days=35)
"""Both providers end there: RDS ``BackupRetentionPeriod`` 0-35, Cloud SQL ``transactionLogRetentionDays`` 1-35."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One reason to refuse a document.

    Attributes:
        path: keys and positions from the top of the document, e.g. ``("tiers", 0, "name")``.
        message: continues the field's name: ``is not a duration``.
        value: what was given, short; None when the field itself is the matter.
        accepted: what would have been accepted.
    """

    path: Path
    message: str
    value: str | float | None = None
    accepted: str = ""


def problems(policy: Policy) -> tuple[Problem, ...]:
    """Every reason to refuse the policy, in the document's order; empty for a good one."""
    return tuple(_problems(policy))


def _problems(policy: Policy) -> Iterator[Problem]:
    for name, location in policy.locations.items():
        if location.aws is None and location.gcp is None:
            yield Problem(path=("locations", name), message="names no place", accepted="aws, gcp or both")
    yield from _asked(policy, policy.defaults, ("defaults",))
    if not policy.tiers:
        yield Problem(path=("tiers",), message="is empty", accepted="at least one tier")
    seen: set[str] = set()
    for position, tier in enumerate(policy.tiers):
        yield from _tier(policy, tier, ("tiers", position), seen)
        seen.add(tier.name)
    for position, exemption in enumerate(policy.exempt):
        yield from _match(exemption.match, ("exempt", position, "match"))
    for position, master in enumerate(policy.managed_elsewhere):
        yield from _match(master.match, ("managed_elsewhere", position, "match"))


def _tier(policy: Policy, tier: Tier, path: Path, seen: set[str]) -> Iterator[Problem]:
    if tier.name in seen:
        yield Problem(path=(*path, "name"), message="is taken by an earlier tier", value=tier.name)
    yield from _match(tier.match, (*path, "match"))
    yield from _asked(policy, tier, path)
    asked = effective(policy, tier)
    if asked.enforces(Enforce.PITR) and asked.pitr is None:
        yield Problem(path=(*path, "enforce"), message="enforces pitr, but neither tier nor defaults has a pitr block")
    if asked.copies and asked.snapshots is None:
        message = "asks for copies, but neither tier nor defaults has a snapshots block to copy from"
        yield Problem(path=(*path, "copies"), message=message)
    if asked.enforces(Enforce.REPLICATE) and (asked.pitr is None or not asked.pitr.replicate_to):
        yield Problem(path=(*path, "enforce"), message="enforces replicate, but pitr names no replicate_to")


def _match(match: Match, path: Path) -> Iterator[Problem]:
    if match.empty:
        accepted = 'at least one key; for every database: {names: "*"}'
        yield Problem(path=path, message="is empty, and a typo must not match a fleet", accepted=accepted)


def _asked(policy: Policy, asked: Defaults, path: Path) -> Iterator[Problem]:
    if asked.pitr is not None:
        yield from _pitr(policy, asked.pitr, (*path, "pitr"))
    if asked.snapshots is not None:
        yield from _snapshots(asked.snapshots, (*path, "snapshots"))
    targets: set[str] = set()
    for position, copy in enumerate(asked.copies or ()):
        here = (*path, "copies", position)
        yield from _location(policy, copy.to, (*here, "to"))
        yield from _keep(copy.keep, (*here, "keep"))
        if copy.to in targets:
            yield Problem(path=(*here, "to"), message="has a copy already in this list", value=copy.to)
        targets.add(copy.to)
    if asked.dumps is not None:
        yield from _keep(asked.dumps.keep, (*path, "dumps", "keep"))
    cost = asked.drill.max_cost_usd if asked.drill is not None else None
    if cost is not None and cost <= 0:
        yield Problem(path=(*path, "drill", "max_cost_usd"), message="forbids every drill", value=cost, accepted="> 0")


def _pitr(policy: Policy, pitr: Pitr, path: Path) -> Iterator[Problem]:
    if not timedelta(days=1) <= pitr.window <= LONGEST_WINDOW or pitr.window % timedelta(days=1):
        given = duration_text(pitr.window)
        yield Problem(path=(*path, "window"), message="is out of range", value=given, accepted="whole days, 1d to 35d")
    if pitr.replicate_to:
        yield from _location(policy, pitr.replicate_to, (*path, "replicate_to"))


def _snapshots(snapshots: Snapshots, path: Path) -> Iterator[Problem]:
    every = snapshots.every
    if every < SHORTEST or (every % DAY and DAY % every):
        yield Problem(
            path=(*path, "every"),
            message="does not divide a day into slots",
            value=duration_text(every),
            accepted="whole days, or hours or minutes of which a day is a multiple, at least 1h: 1h, 90m, 6h, 1d, 7d",
        )
    yield from _keep(snapshots.keep, (*path, "keep"))


def _keep(keep: Keep, path: Path) -> Iterator[Problem]:
    if keep.empty:
        yield Problem(path=path, message="keeps nothing", accepted="at least one count above 0")


def _location(policy: Policy, name: str, path: Path) -> Iterator[Problem]:
    if name not in policy.locations:
        yield Problem(path=path, message="is not a location", value=name, accepted=_listed(policy.locations))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none: the document has no locations"
