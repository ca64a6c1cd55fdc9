"""Which copies begin now: the most exposed first, within what a destination takes at once, and by which steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from backstay.core.actions import CopyPoint, DeletePoint, PointAction, ReplicateBackups, SharePoint
from backstay.core.decide.copies import Lack
from backstay.core.decide.protect import LeftAlone
from backstay.core.decide.snapshot import ATTEMPTS, tags_of
from backstay.core.model import Database, Kind, Outcome, Result, Scope, State
from backstay.core.naming import TAG_HELPER, free_name
from backstay.core.places import ONE_CALL, Place, replica_place
from backstay.core.points import OWNED_KEY, UNENCRYPTED, PointState, RecoveryPoint, moment_of, same_data
from backstay.core.policy import Enforce, Policy, Require, Tier
from backstay.core.restoring import Unchecked
from backstay.core.stores import KeyFacts

# In flight per destination region and account: RDS user guide, "Copying a DB snapshot" (20 for DB instances) and
# Aurora user guide, "Copying a DB cluster snapshot" (5).
CAPS: Final[Mapping[Kind, int]] = MappingProxyType({Kind.INSTANCE: 20, Kind.CLUSTER: 5})
# Engines whose options can tie the data to them (TDE, Timezone): RDS API reference, CopyDBSnapshot, OptionGroupName.
_TIED_ENGINES: Final = ("oracle", "sqlserver")
_DEFAULT_GROUP: Final = "default:"
# A point's tag tells of one account that it is shared with, so it goes to one other account at a time.
_ABROAD: Final = "another account"
Flights = Mapping[tuple[Scope, Kind], int]


def rank(lack: Lack) -> tuple[object, ...]:
    """Most exposed first: what has no copy at all, then whose newest copy is the oldest; backfilling comes last."""
    oldest = lack.newest.timestamp() if lack.newest else float("-inf")
    fresh = -lack.source.at.timestamp()
    return lack.backfill, oldest, lack.rpo, fresh, lack.database.id.key, lack.wanted.place.name


@dataclass(frozen=True, slots=True)
class Choice:
    """What begins now, in order, and what waits, each with the reason."""

    begin: tuple[Lack, ...]
    waits: tuple[tuple[Lack, str], ...]


def choose(lacks: Iterable[Lack], in_flight: Flights, begins: Callable[[Lack], bool] = lambda _: True) -> Choice:
    """The copies that a destination takes now.

    Args:
        lacks: of all Databases and places.
        in_flight: copies on their way to each account and region by kind, whoever asked for them.
        begins: whether anything begins if its turn comes. What cannot begin is to be told, and takes no place: it would
            stand before all others in every run.
    """
    flying, busy = Counter(in_flight), set[tuple[str, object]]()
    begin: list[Lack] = []
    waits: list[tuple[Lack, str]] = []
    for lack in sorted(lacks, key=rank):
        to, kind = lack.wanted.place.scope, lack.source.kind
        same = (lack.database.id.key, to if to.account == lack.source.scope.account else _ABROAD)
        if lack.failed >= ATTEMPTS:
            begin.append(lack)  # to be told that it is given up; it takes no place
        elif lack.under_way:
            waits.append((lack, f"another copy of it is on its way to {to}"))
        elif same in busy:
            waits.append((lack, "another copy of it begins now"))
        elif flying[to, kind] >= CAPS[kind]:
            waits.append(
                (lack, f"{flying[to, kind]} copies are on their way to {to}, which takes {CAPS[kind]} at once")
            )
        else:
            begin.append(lack)
            if begins(lack):
                flying[to, kind] += 1
                busy.add(same)
    return Choice(tuple(begin), tuple(waits))


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFacts:
    """What a copy's preflight looks at. Each fact is a value or Unchecked.

    Attributes:
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        key: the place's key, as seen there.
        source_key: the source's key, as seen where the source is; None when it has none of ours.
        own_key: the key of the deployment's alias where the source is, for a copy that only serves another account's.
        option_groups: names that exist at the place.
        room: how many more points of that kind the place's quota takes.
    """

    partition: str
    key: KeyFacts | Unchecked
    source_key: KeyFacts | Unchecked | None = None
    own_key: KeyFacts | Unchecked | None = None
    option_groups: frozenset[str] | Unchecked = frozenset()
    room: int | Unchecked = 1


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do now, in order; each only after the one before was accepted."""

    actions: tuple[PointAction, ...]
    message: str = ""


def steps(lack: Lack, facts: CopyFacts, points: Sequence[RecoveryPoint], deployment: str) -> Steps | Outcome:
    """The next calls for one copy, or why there is none.

    A copy into another account may need help on its way: encrypted anew where its key cannot be shared, and by way of
    the account in the source's region where no one call does both. Each is a point that says what it serves; the next
    run looks again and takes the next step.

    Args:
        lack: what is to be made.
        facts: what the preflight read.
        points: ours of this Database, helpers too.
        deployment: ours.
    """
    problem = _problem(lack, facts)
    if problem:
        return _outcome(lack, Result.REFUSED, problem)
    failed = lack.failed + sum(each.state is PointState.FAILED for each in _helpers(points, lack))
    if failed >= ATTEMPTS:
        message = f"failed {failed} times; look into it, and remove the failed ones to have it tried again"
        return _outcome(lack, Result.FAILED, message)
    via, making = lack.source, _Making(lack, facts, deployment, points)
    for hop in _hops(lack, facts, deployment):
        helper = next((each for each in _helpers(points, lack, hop.to) if each.state is not PointState.FAILED), None)
        if helper is None:
            return _shared_elsewhere(lack, via, hop) or making.steps(via, hop)
        if helper.state is not PointState.AVAILABLE:
            return _outcome(lack, Result.PENDING, f"{hop.why}: {helper.id} is {helper.status}", passing=True)
        via = helper
    last = _Hop(lack.wanted.place.scope, _key(lack, facts), "", final=True)
    return _shared_elsewhere(lack, via, last) or making.steps(via, last)


@dataclass(frozen=True, slots=True)
class _Hop:
    """One copy on the way: where to, under which key, why it is needed."""

    to: Scope
    key: str
    why: str
    final: bool = False


def _shared_elsewhere(lack: Lack, via: RecoveryPoint, hop: _Hop) -> Outcome | None:
    """A wait while the point is shared with a third account: its tag tells of one, and the other would be forgotten."""
    if hop.to.account == via.scope.account or via.shared_with in ("", hop.to.account):
        return None
    message = f"waits: {via.id} is shared with {via.shared_with} for another copy"
    return _outcome(lack, Result.PENDING, message, passing=True)


def _hops(lack: Lack, facts: CopyFacts, deployment: str) -> list[_Hop]:
    source, to = lack.source, lack.wanted.place.scope
    if to.account == source.scope.account:
        return []
    hops = []
    if not _shareable(source, facts):
        own = facts.own_key.arn if isinstance(facts.own_key, KeyFacts) else own_alias(deployment)
        hops.append(_Hop(source.scope, own, "encrypted anew, since its own key cannot be shared"))
    if facts.partition not in ONE_CALL and to.region != source.scope.region:
        there = Scope(to.provider, to.account, source.scope.region)
        hops.append(_Hop(there, lack.wanted.place.kms_key, "by way of the account in the source's region"))
    return hops


def own_alias(deployment: str) -> str:
    """The key of the deployment in each region, by its alias: infra/region.yaml makes it."""
    return f"alias/{deployment}"


def _shareable(source: RecoveryPoint, facts: CopyFacts) -> bool:
    if source.encryption == OWNED_KEY:
        return False
    return not isinstance(facts.source_key, KeyFacts) or facts.source_key.shareable


def _helpers(points: Iterable[RecoveryPoint], lack: Lack, where: Scope | None = None) -> list[RecoveryPoint]:
    """The points that only serve that copy, in one scope or in all."""
    purpose = str(lack.wanted.place.scope)
    serving = [each for each in points if each.helper_for == purpose and same_data(each, lack.source)]
    return [each for each in serving if where in (None, each.scope)]


@dataclass(frozen=True, slots=True)
class _Making:
    """One copy, beside what there is of its Database."""

    lack: Lack
    facts: CopyFacts
    deployment: str
    points: Sequence[RecoveryPoint]

    def steps(self, via: RecoveryPoint, hop: _Hop) -> Steps:
        """The copy itself; into another account the point is shared before it.

        That is done again where the tag says that it is shared already: the tag is written first, so that it says too
        much where the sharing itself failed, and the copy would fail in every run.
        """
        lack, source = self.lack, self.lack.source
        abroad = hop.to.account != via.scope.account
        group, noted = _group(lack, self.facts, abroad=abroad) if hop.final else ("", "")
        copy = CopyPoint(
            database=lack.database.id,
            source=via.ref,
            to=hop.to,
            name=self._name(hop),
            kms_key=hop.key,
            tags=self._tags(hop),
            option_group=group,
            carry_options=abroad and _has_options(source),
            reason=hop.why or f"tier {lack.tier.name}: a copy in {lack.wanted.place.name}",
        )
        if not abroad:
            return Steps((copy,), noted)
        why = f"for its copy in {lack.wanted.place.name}"
        share = SharePoint(database=copy.database, point=via.ref, account=hop.to.account, shared=True, reason=why)
        return Steps((share, copy), noted)

    def _slot(self) -> datetime:
        return moment_of(self.lack.source.slot) or self.lack.source.at

    def _name(self, hop: _Hop) -> str:
        """Not that of a failed attempt, nor of another slot of the same minute; nor may a helper have its source's."""
        deployment = self.deployment if hop.final else f"{self.deployment}-h"
        taken = {
            each.id
            for each in self.points
            if each.scope == hop.to and (each.state is PointState.FAILED or each.slot != self.lack.source.slot)
        }
        return free_name(deployment, self.lack.database.id, self._slot(), taken)

    def _tags(self, hop: _Hop) -> dict[str, str]:
        source = self.lack.source
        tags = tags_of(source.tags, self.lack.database.id, self._slot(), self.deployment, source.at)
        return tags if hop.final else {**tags, TAG_HELPER: str(self.lack.wanted.place.scope)}


def _has_options(source: RecoveryPoint) -> bool:
    return bool(source.option_group) and not source.option_group.startswith(_DEFAULT_GROUP)


def _group(lack: Lack, facts: CopyFacts, *, abroad: bool) -> tuple[str, str]:
    """The option group that a copy within the account names, and what is to be said of it."""
    source, to = lack.source, lack.wanted.place.scope
    if abroad or not _has_options(source) or to.region == source.scope.region:
        return "", ""
    if isinstance(facts.option_groups, Unchecked):
        return "", f"with the default option group, since those of {to} could not be read: {facts.option_groups.error}"
    if source.option_group in facts.option_groups:
        return source.option_group, ""
    return "", f"with the default option group: {to} has no {source.option_group}"


def _key(lack: Lack, facts: CopyFacts) -> str:
    """The key to copy under. An unencrypted cluster snapshot stays so: RDS cannot encrypt it by copying."""
    if lack.source.encryption == UNENCRYPTED and lack.source.kind is Kind.CLUSTER:
        return ""
    return facts.key.arn if isinstance(facts.key, KeyFacts) and facts.key.arn else lack.wanted.place.kms_key


def _problem(lack: Lack, facts: CopyFacts) -> str:
    """The first reason why the copy would fail, or be worth nothing; empty when none is known."""
    source, place = lack.source, lack.wanted.place
    plain = source.encryption == UNENCRYPTED and source.kind is Kind.CLUSTER
    if plain and lack.tier.requires(Require.ENCRYPTED):
        return (
            f"{source.id} is not encrypted, and a cluster snapshot cannot be encrypted by copying: "
            "restore it into an encrypted cluster"
        )
    if not plain and isinstance(facts.key, KeyFacts) and facts.key.problem:
        return f"{place.kms_key} in {place.scope}: {facts.key.problem}"
    if place.scope.account != source.scope.account and not _shareable(source, facts):
        own = facts.own_key
        if isinstance(own, KeyFacts) and own.problem:
            return f"its key cannot be shared, and the one to encrypt it anew with: {own.problem}"
    if isinstance(facts.room, int) and facts.room <= 0:
        return f"the quota of snapshots in {place.scope} is full: ask for more in Service Quotas, or remove some"
    return _tied(lack, facts)


def _tied(lack: Lack, facts: CopyFacts) -> str:
    source, to = lack.source, lack.wanted.place.scope
    known = not isinstance(facts.option_groups, Unchecked)
    if (
        source.engine.startswith(_TIED_ENGINES)
        and _has_options(source)
        and to.region != source.scope.region
        and to.account == source.scope.account
        and known
        and source.option_group not in facts.option_groups  # type: ignore[operator]  # known says so
    ):
        return f"{source.engine} may need its options: create an option group {source.option_group} in {to}"
    return ""


def _outcome(lack: Lack, result: Result, message: str, *, passing: bool = False) -> Outcome:
    text = f"copy in {lack.wanted.place.name}: {message}"
    return Outcome(database=lack.database.id, arn=lack.source.arn, result=result, message=text, passing=passing)


def waiting(lack: Lack, why: str) -> Outcome:
    """A copy that waits its turn: in order, and so nothing to alarm anybody with."""
    return _outcome(lack, Result.PENDING, f"waits: {why}", passing=True)


def tidy(
    database: Database, points: Sequence[RecoveryPoint], needed: Iterable[tuple[str, str]], unread: Iterable[Scope]
) -> tuple[PointAction, ...]:
    """What copies leave behind: sharing that has served its purpose, and helpers whose copy is there.

    Args:
        database: whose.
        points: ours of it, everywhere.
        needed: slot and scope of each copy that lacks.
        unread: scopes that could not be read to their end: what serves a copy there is left as it is.
    """
    wanted, blind = set(needed), {str(each) for each in unread}
    flying = {(each.copied_from, each.scope.account) for each in points if each.state is PointState.CREATING}
    serving = {(slot, scope.split("/")[1]) for slot, scope in wanted}
    found: list[PointAction] = []
    for each in points:
        account = each.shared_with
        if account and not blind and (each.arn, account) not in flying and (each.slot, account) not in serving:
            why = f"no copy into account {account} needs it any more"
            share = SharePoint(database=database.id, point=each.ref, account=account, shared=False, reason=why)
            found.append(share)
        purpose = each.helper_for
        done = bool(purpose) and not blind and (each.slot, purpose) not in wanted and not each.held
        if done and each.state is PointState.AVAILABLE and each.arn not in {source for source, _ in flying}:
            why = f"the copy in {purpose} that it served is there"
            found.append(DeletePoint(database=database.id, point=each.ref, reason=why, helper=True))
    return tuple(found)


def replication(database: Database, tier: Tier, policy: Policy) -> Place | LeftAlone | Outcome:
    """Where automated backups are to be replicated and are not yet, or why nothing is to be done."""
    place = replica_place(policy, tier, database.id.scope)
    if place is None or not tier.enforces(Enforce.REPLICATE):
        return LeftAlone(f"tier {tier.name} does not enforce it")
    if database.id.kind is not Kind.INSTANCE:
        return LeftAlone("RDS replicates the automated backups of instances only")  # BK006 says so aloud
    if any(arn.split(":")[3] == place.scope.region for arn in database.replicated_to):
        return LeftAlone(f"replicated to {place.scope.region} already")
    if not database.retention:
        return LeftAlone("PITR is off: there is nothing to replicate")
    if database.state is not State.AVAILABLE:
        message = f"replication to {place.name}: it is {database.status}; the next run tries again"
        return Outcome(database=database.id, arn=database.arn, result=Result.PENDING, message=message, passing=True)
    return place


def replicating(database: Database, tier: Tier, place: Place, key: KeyFacts | Unchecked) -> ReplicateBackups | Outcome:
    """The call that begins it, or why its key forbids it."""
    encrypted = database.config.encryption != UNENCRYPTED
    if encrypted and isinstance(key, KeyFacts) and key.problem:
        message = f"replication to {place.name}: {place.kms_key} in {place.scope}: {key.problem}"
        return Outcome(database=database.id, arn=database.arn, result=Result.REFUSED, message=message)
    known = key.arn if isinstance(key, KeyFacts) and key.arn else place.kms_key
    return ReplicateBackups(
        database=database.id,
        arn=database.arn,
        to=place.scope,
        kms_key=known if encrypted else "",
        days=_days(database.retention, tier),
        reason=f"tier {tier.name} enforces replicate_to {place.name}",
    )


def _days(own: timedelta, tier: Tier) -> int:
    asked = tier.pitr.window if tier.pitr else own
    return max(asked, own).days
