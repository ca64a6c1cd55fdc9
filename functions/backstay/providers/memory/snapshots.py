"""``SnapshotStore`` in memory, with RDS's rules of what is refused when.

Sources: RDS API reference, CreateDBSnapshot, CopyDBSnapshot, CopyDBClusterSnapshot, ModifyDBSnapshotAttribute and
DeleteDBSnapshot; RDS user guide, "Copying a DB snapshot" and "Sharing a DB snapshot".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from backstay.core.errors import Conflict, NotFound, Rejected, Unreachable
from backstay.core.model import Kind
from backstay.core.naming import TAG_SHARED
from backstay.core.points import (
    OWN_KEY,
    OWNED_KEY,
    UNENCRYPTED,
    Origin,
    PointState,
    RecoveryPoint,
    ReplicatedBackups,
    tagged_data_time,
)
from backstay.core.restoring import Quota, Unchecked
from backstay.core.stores import KeyFacts, PointPage
from backstay.providers.memory.cloud import MANUAL, Surroundings, Work
from backstay.providers.memory.limits import (
    BAD_COMBINATION,
    BAD_VALUE,
    IN_FLIGHT,
    QUOTA_FULL,
    checked_name,
    checked_tags,
)
from backstay.providers.memory.points import CREATING, Making, key_of
from backstay.providers.memory.replicas import Replica, check_replication

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backstay.core.actions import (
        AdoptPoint,
        CopyPoint,
        DeletePoint,
        PointRef,
        ReplicateBackups,
        SharePoint,
        TakeSnapshot,
    )
    from backstay.core.model import Database, DatabaseId, Scope
    from backstay.providers.memory.cloud import MemoryCloud

_EXISTS: Final[Mapping[Kind, str]] = {
    Kind.INSTANCE: "DBSnapshotAlreadyExists",
    Kind.CLUSTER: "DBClusterSnapshotAlreadyExistsFault",
}
_ARN: Final = "arn:"
_SERVICE_KEY: Final = "aws-rds"


class MemorySnapshotStore:
    """The recovery points of one scope.

    A hook or a record of the cloud knows its methods as ``points`` (a page), ``points_of``, ``point``, ``replicated``,
    ``take``, ``copy``, ``share``, ``delete``, ``adopt``, ``replicate``, ``key``, ``option_groups`` and ``quotas``.
    """

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope = cloud, scope

    @property
    def scope(self) -> Scope:
        """See ``SnapshotStore.scope``."""
        return self._scope

    # Reading.

    def pages(self, kind: Kind) -> Iterator[PointPage]:
        """See ``SnapshotStore.pages``. Each page is a call of its own, of what was there when the first was asked."""
        cloud, size = self._cloud, self._cloud.page_size
        names: list[str] = []
        start = 0
        while True:
            with cloud.calling("points", self._scope, kind):
                names = names if start else cloud.points.names(self._scope, kind)
                points = tuple(cloud.points.looked(self._scope, kind, names[start : start + size]))
                unreadable = cloud.unreadable_points.get((self._scope, kind), []) if start == 0 else []
            yield PointPage(points, tuple(unreadable))
            start += size
            if start >= len(names):
                return

    def of(self, database: DatabaseId) -> tuple[RecoveryPoint, ...]:
        """See ``SnapshotStore.of``."""
        with self._cloud.calling("points_of", self._scope, database):
            points, kind = self._cloud.points, database.kind
            return tuple(points.looked(self._scope, kind, points.of(self._scope, kind, database.name)))

    def find(self, point: PointRef) -> RecoveryPoint | None:
        """See ``SnapshotStore.find``."""
        with self._cloud.calling("point", self._scope, point):
            self._own(point.scope)
            return next(self._cloud.points.looked(self._scope, point.kind, [point.id]), None)

    def replicated(self) -> Iterator[ReplicatedBackups]:
        """See ``SnapshotStore.replicated``."""
        with self._cloud.calling("replicated", self._scope, None):
            now = self._cloud.clock.now()
            found = [each.looked(now) for each in self._cloud.replicas if each.to == self._scope]
        yield from found

    def key(self, key: str) -> KeyFacts:
        """See ``SnapshotStore.key``."""
        with self._cloud.calling("key", self._scope, key):
            return self._key(key)

    def _key(self, key: str) -> KeyFacts:
        if not key:
            return KeyFacts("", "no key is named")
        known = {name: facts for (scope, name), facts in self._cloud.keys.items() if scope == self._scope}
        for name, facts in known.items():
            if key in (name, facts.arn):
                return facts
        place = f"arn:aws:kms:{self._scope.region}:"
        if key.startswith(_ARN) and not key.startswith(place):
            return KeyFacts("", f"key {key} is not in {self._scope.region}: name one that is")
        name = key.removeprefix("alias/").replace("/", "-")
        arn = key if key.startswith(_ARN) else f"{place}{self._scope.account}:key/{name}"
        return KeyFacts(arn, shareable=not arn.endswith(f":key/{_SERVICE_KEY}"))

    def option_groups(self) -> frozenset[str]:
        """See ``SnapshotStore.option_groups``."""
        with self._cloud.calling("option_groups", self._scope, None):
            return self._option_groups()

    def _option_groups(self) -> frozenset[str]:
        missing = self._around().missing_groups
        if isinstance(missing, Unchecked):
            raise Unreachable(missing.error)
        listed = self._cloud.listed(self._scope, Kind.INSTANCE)
        used = {self._cloud.held(each).database.config.option_group for each in listed} - {""}
        used |= self._cloud.option_groups.get(self._scope, set())
        return frozenset(name for name in used if f"option group {name}" not in missing)

    def quotas(self) -> tuple[Quota, ...]:
        """See ``SnapshotStore.quotas``. Of manual points, those that are there besides what the surroundings tell."""
        with self._cloud.calling("quotas", self._scope, None):
            return self._quotas()

    def _quotas(self) -> tuple[Quota, ...]:
        told = self._around().quotas
        if isinstance(told, Unchecked):
            raise Unreachable(told.error)
        counted = {name: self._cloud.points.manual(self._scope, kind) for kind, name in MANUAL.items()}
        return tuple(replace(each, used=each.used + counted.get(each.name, 0)) for each in told)

    def _around(self) -> Surroundings:
        return self._cloud.surroundings.get(self._scope, Surroundings())

    # Changing.

    def take(self, action: TakeSnapshot) -> None:
        """See ``SnapshotStore.take``. An instance is ``backing-up`` until it is done."""
        with self._cloud.calling("take", self._scope, action):
            self._own(action.database.scope)
            database = self._cloud.held(action.database, available=True).database
            name = self._free_name(action.name, action.database.kind)
            point = self._taken(database, name, checked_tags(action.tags))
            self._room(action.database.kind)
            self._begin(point, Work.SNAPSHOT, database=action.database)

    def _taken(self, database: Database, name: str, tags: Mapping[str, str]) -> RecoveryPoint:
        config, kind, now = database.config, database.id.kind, self._cloud.clock.now()
        inherited = database.tags if database.copy_tags and not tags else {}
        return RecoveryPoint(
            id=name,
            arn=self._arn(kind, name),
            scope=self._scope,
            kind=kind,
            source=database.name,
            origin=Origin.MANUAL,
            status="available",
            state=PointState.AVAILABLE,
            made=now,
            data_time=now,
            tags={**inherited, **tags},
            engine=database.engine,
            engine_version=database.engine_version,
            encryption=config.encryption or (OWN_KEY if config.kms_key else UNENCRYPTED),
            kms_key=config.kms_key,
            option_group=config.option_group,
            gb=database.storage_gb,
        )

    def copy(self, action: CopyPoint) -> None:
        """See ``SnapshotStore.copy``."""
        with self._cloud.calling("copy", self._scope, action):
            self._own(action.to)
            tags = checked_tags(action.tags)
            source = self._source(action.source)
            name = self._free_name(action.name, source.kind)
            key = self._key_for(source, action.kms_key)
            group = self._group_for(source, action)
            self._room_in_flight(source.kind)
            self._room(source.kind)
            now = self._cloud.clock.now()
            copied = replace(
                source,
                id=name,
                arn=self._arn(source.kind, name),
                scope=self._scope,
                origin=Origin.MANUAL,
                made=now,
                data_time=source.data_time if source.kind is Kind.INSTANCE else tagged_data_time(tags),
                tags=dict(tags),
                encryption=OWN_KEY if key else source.encryption,
                kms_key=key,
                copied_from=source.arn,
                option_group=group,
            )
            self._begin(copied, Work.COPY, source=source)

    def _source(self, ref: PointRef) -> RecoveryPoint:
        """What is to be copied; a point of another account is only there for those that it is shared with."""
        account = self._scope.account
        if ref.scope.account != account and account not in self._cloud.points.shared_with(ref):
            raise NotFound(f"{ref.arn} does not exist, or is not shared with {account}")
        return self._cloud.points.available(ref)

    def _key_for(self, source: RecoveryPoint, asked: str) -> str:
        """The key that a copy gets; empty for none of ours."""
        if asked and source.encryption == UNENCRYPTED and source.kind is Kind.CLUSTER:
            raise Rejected("a copy of an unencrypted cluster snapshot cannot be encrypted", code=BAD_COMBINATION)
        if asked:
            return self._usable(asked)
        if source.encryption != UNENCRYPTED and source.scope != self._scope:
            raise Rejected(
                f"a copy of the encrypted {source.id} to {self._scope} needs a key there", code=BAD_COMBINATION
            )
        return source.kms_key

    def _usable(self, key: str) -> str:
        facts = self._key(key)
        if facts.problem:
            raise Rejected(facts.problem, code="KMSKeyNotAccessibleFault")
        return facts.arn

    def _group_for(self, source: RecoveryPoint, action: CopyPoint) -> str:
        away = source.scope.account != self._scope.account
        if action.carry_options and not away:
            raise Rejected("an option group goes along into another account only", code=BAD_COMBINATION)
        if action.option_group and action.option_group not in self._option_groups():
            raise NotFound(f"option group {action.option_group} does not exist", code="OptionGroupNotFoundFault")
        if action.option_group or source.kind is Kind.CLUSTER:
            return action.option_group
        if action.carry_options or source.scope == self._scope:
            return source.option_group
        return f"default:{source.engine}-{source.engine_version.partition('.')[0]}"

    def share(self, action: SharePoint) -> None:
        """See ``SnapshotStore.share``. What nobody else can decrypt cannot be shared."""
        with self._cloud.calling("share", self._scope, action):
            self._own(action.point.scope)
            point = self._cloud.points.available(action.point)
            if action.shared:
                self._shareable(point, action.account)
            self._cloud.points.share(point, action.account, shared=action.shared)
            tags = {name: value for name, value in point.tags.items() if name != TAG_SHARED}
            if action.shared:
                tags[TAG_SHARED] = action.account
            self._cloud.points.edit(point, lambda each: replace(each, tags=tags))

    def _shareable(self, point: RecoveryPoint, account: str) -> None:
        if account == self._scope.account:
            raise Rejected(f"{point.id} cannot be shared with {account}, whose it is", code=BAD_VALUE)
        if point.origin is not Origin.MANUAL:
            raise Conflict(f"{point.id} is {point.origin}: a copy of it can be shared")
        if point.encryption == OWNED_KEY or (point.kms_key and not self._key(point.kms_key).shareable):
            raise Conflict(f"{point.id} is encrypted under a key that nobody else can be let use")

    def delete(self, action: DeletePoint) -> None:
        """See ``SnapshotStore.delete``. Only what is manual and available can be removed."""
        with self._cloud.calling("delete", self._scope, action):
            self._own(action.point.scope)
            point = self._cloud.points.available(action.point)
            if point.origin is not Origin.MANUAL:
                raise Conflict(f"{point.id} is {point.origin}: whoever made it removes it")
            self._cloud.points.remove(point)

    def adopt(self, action: AdoptPoint) -> None:
        """See ``SnapshotStore.adopt``."""
        with self._cloud.calling("adopt", self._scope, action):
            self._own(action.point.scope)
            checked_tags(action.tags)
            there = self._cloud.points.there(action.point).tags
            tags = checked_tags(
                {name: value for name, value in there.items() if not name.startswith("aws:")} | dict(action.tags)
            )
            self._cloud.points.edit(action.point, lambda each: replace(each, tags=tags))

    def replicate(self, action: ReplicateBackups) -> None:
        """See ``SnapshotStore.replicate``. Instances only, with PITR on, into another region of their account."""
        with self._cloud.calling("replicate", self._scope, action):
            self._own(action.to)
            held = self._cloud.held(action.database, available=True)
            there = sum(each.to == self._scope for each in self._cloud.replicas)
            check_replication(held.database, action, there)
            if action.kms_key:
                self._usable(action.kms_key)
            arn = f"arn:aws:rds:{self._scope.region}:{self._scope.account}:auto-backup:ab-{action.database.name}"
            pace, now = self._cloud.pace(Work.REPLICATE), self._cloud.clock.now()
            self._cloud.replicas.append(Replica(held.database.arn, self._scope, arn, now, *pace))
            held.database = replace(held.database, replicated_to=(arn,))

    # What both need.

    def _own(self, scope: Scope) -> None:
        if scope != self._scope:
            raise Rejected(f"this store is that of {self._scope}, not of {scope}")

    def _arn(self, kind: Kind, name: str) -> str:
        word = "snapshot" if kind is Kind.INSTANCE else "cluster-snapshot"
        return f"arn:aws:rds:{self._scope.region}:{self._scope.account}:{word}:{name}"

    def _free_name(self, name: str, kind: Kind) -> str:
        checked = checked_name(name, kind)
        if self._cloud.points.taken(self._scope, kind, checked):
            raise Conflict(f"{checked} already exists", code=_EXISTS[kind])
        return checked

    def _room(self, kind: Kind) -> None:
        for quota in self._quotas():
            if quota.name == MANUAL[kind] and quota.used >= quota.maximum:
                raise Rejected(f"{quota.used} of {quota.maximum} {quota.name} used", code=QUOTA_FULL)

    def _room_in_flight(self, kind: Kind) -> None:
        if self._cloud.points.copying(self._scope, kind) >= IN_FLIGHT[kind]:
            raise Rejected(f"{IN_FLIGHT[kind]} copies are on their way to {self._scope}", code=QUOTA_FULL)

    def _begin(
        self,
        done: RecoveryPoint,
        work: Work,
        *,
        source: RecoveryPoint | None = None,
        database: DatabaseId | None = None,
    ) -> None:
        """Puts it there as RDS shows it meanwhile: without a time of its own."""
        told = tagged_data_time(done.tags) if source is not None and done.kind is Kind.CLUSTER else None
        begun = replace(done, status=CREATING, state=PointState.CREATING, made=None, data_time=told)
        looks, span = self._cloud.pace(work)
        copied = None if source is None else key_of(source)
        self._cloud.points.make(begun, Making(done, looks, span, self._cloud.clock.now(), copied, database))
