"""``Restorer`` in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from backstay.core.errors import Conflict, NotFound, Rejected
from backstay.core.model import Database, DatabaseId, Kind, Member, RecoveryWindow, State
from backstay.core.points import PointState
from backstay.core.ports import Credentials
from backstay.core.requests import DatabaseRef
from backstay.core.restoring import RestoreFacts, Snapshot
from backstay.providers.memory.cloud import Member as MemberInstance
from backstay.providers.memory.cloud import Surroundings, Work
from backstay.providers.memory.pitr import backed_up

if TYPE_CHECKING:
    from backstay.core.model import Scope
    from backstay.core.points import RecoveryPoint
    from backstay.core.requests import RestoreRunRequest
    from backstay.core.restoring import RestorePlan
    from backstay.providers.memory.cloud import MemoryCloud

_PORT: Final = 5432
_MULTI_AZ_MEMBERS: Final = 3


class MemoryRestorer:
    """Restores within one scope."""

    def __init__(self, cloud: MemoryCloud, scope: Scope) -> None:
        self._cloud, self._scope = cloud, scope

    def facts(self, request: RestoreRunRequest, source: Database | None) -> RestoreFacts:
        """See ``Restorer.facts``."""
        with self._cloud.calling("facts", self._scope, request):
            kind = DatabaseRef.parse(request.database).kind or Kind.INSTANCE
            around = self._cloud.surroundings.get(self._scope, Surroundings())
            target = self._cloud.looked(DatabaseId(self._scope, kind, request.target))
            snapshot = self._snapshot(request.snapshot, kind) if request.snapshot else None
        if source is None:
            return RestoreFacts(database=None, snapshot=snapshot, target=target, key=around.key, quotas=around.quotas)
        return RestoreFacts(
            database=source,
            window=source.window,
            snapshot=snapshot,
            target=target,
            key=around.key,
            missing_groups=around.missing_groups,
            free_addresses=around.free_addresses,
            orderable=around.orderable,
            sold=around.sold,
            quotas=around.quotas,
            backups=around.backups if request.at else (),
        )

    def snapshot(self, ident: str, kind: Kind | None) -> Snapshot | None:
        """See ``Restorer.snapshot``."""
        with self._cloud.calling("snapshot", self._scope, ident):
            return self._snapshot(ident, kind)

    def _snapshot(self, ident: str, kind: Kind | None) -> Snapshot | None:
        found = self._cloud.snapshots.get((self._scope, ident)) or self._point(ident, kind)
        return found if found and kind in (None, found.kind) else None

    def _point(self, ident: str, kind: Kind | None) -> Snapshot | None:
        """A recovery point as a restore sees it."""
        name = ident.split(":", 6)[-1] if ident.startswith("arn:") else ident
        for each in [kind] if kind else list(Kind):
            for point in self._cloud.points.looked(self._scope, each, [name]):
                if ident in (point.id, point.arn):
                    return restorable(point)
        return None

    def create(self, plan: RestorePlan) -> None:
        """See ``Restorer.create``."""
        with self._cloud.calling("create", self._scope, plan):
            if self._cloud.exists(plan.target):
                raise Conflict(f"{plan.target.name} already exists")
            self._check_groups()
            if plan.snapshot:
                self._check_snapshot(plan)
            else:
                self._check_moment(plan)
            self._bring_up(plan)

    def _check_groups(self) -> None:
        missing = self._cloud.surroundings.get(self._scope, Surroundings()).missing_groups
        if missing and isinstance(missing, tuple):
            raise NotFound(f"{missing[0]} does not exist")

    def _check_snapshot(self, plan: RestorePlan) -> None:
        snapshot = self._snapshot(plan.snapshot, plan.target.kind)
        if snapshot is None:
            raise NotFound(f"snapshot {plan.snapshot} does not exist")
        if not snapshot.ready:
            raise Conflict(f"snapshot {snapshot.id} is {snapshot.status}")

    def _check_moment(self, plan: RestorePlan) -> None:
        self._cloud.held(plan.source)
        source = self._cloud.looked(plan.source)
        if source is None or source.window is None:
            raise Rejected(f"{plan.source.name} has no moment to restore")
        # Before the latest, as RDS has it (see ``core.restoring.newest``).
        if plan.moment is None or not source.window.holds(plan.moment) or plan.moment == source.window.latest:
            raise Rejected(f"{plan.moment} is outside the window of {plan.source.name}")

    def _bring_up(self, plan: RestorePlan) -> None:
        held = _new(plan)
        self._cloud.add(held)
        under_way = self._cloud.held(plan.target)
        self._cloud.begin(under_way, Work.CREATE, lambda database, now: self._created(plan, database, now))
        if plan.target.kind is Kind.INSTANCE and plan.retention_days:
            self._cloud.begin(under_way, Work.BACKUP, backed_up)

    def _created(self, plan: RestorePlan, database: Database, now: datetime) -> Database:
        if plan.target.kind is Kind.CLUSTER:
            members = self._multi_az_members(plan) if plan.config.instance_class else ()
            window = RecoveryWindow(now, now)
            config = replace(database.config, members=members)
            return replace(database, status="available", state=State.AVAILABLE, window=window, config=config)
        status, state = ("backing-up", State.BUSY) if plan.retention_days else ("available", State.AVAILABLE)
        return replace(database, status=status, state=state, endpoint=_endpoint(plan))

    def _multi_az_members(self, plan: RestorePlan) -> tuple[Member, ...]:
        names = [f"{plan.target.name}-instance-{number}" for number in range(1, _MULTI_AZ_MEMBERS + 1)]
        for name in names:
            self._cloud.members[self._scope, name] = MemberInstance(plan.target, "available")
        return tuple(Member(name, writer=name == names[0]) for name in names)

    def create_writer(self, plan: RestorePlan) -> None:
        """See ``Restorer.create_writer``."""
        with self._cloud.calling("create_writer", self._scope, plan):
            if self._cloud.exists(DatabaseId(self._scope, Kind.INSTANCE, plan.writer)):
                raise Conflict(f"{plan.writer} already exists")
            held = self._cloud.held(plan.target, available=True)
            instance = MemberInstance(plan.target, "creating")
            self._cloud.members[self._scope, plan.writer] = instance

            def become(database: Database, _now: datetime) -> Database:
                instance.status = "available"
                members = (*database.config.members, Member(plan.writer, writer=not database.config.members))
                return replace(database, config=replace(database.config, members=members))

            self._cloud.begin(held, Work.MEMBER, become)

    def member_status(self, plan: RestorePlan) -> str | None:
        """See ``Restorer.member_status``."""
        with self._cloud.calling("member_status", self._scope, plan):
            self._cloud.looked(plan.target)
            found = self._cloud.members.get((self._scope, plan.writer))
            return found.status if found else None

    def settle(self, plan: RestorePlan) -> None:
        """See ``Restorer.settle``. Asking again for a managed login that is there changes nothing."""
        with self._cloud.calling("settle", self._scope, plan):
            held = self._cloud.held(plan.target, available=True)
            shown = held.database.secret[0] if held.database.secret else ""
            if shown in self._cloud.credentials and shown != plan.source_secret:
                return
            kind = "db" if plan.target.kind is Kind.INSTANCE else "cluster"
            place = f"arn:aws:secretsmanager:{self._scope.region}:{self._scope.account}:secret"
            arn = f"{place}:rds!{kind}-{plan.target.name}"
            self._cloud.credentials[arn] = Credentials("master", new_password())
            held.database = replace(held.database, secret=(arn, "creating"))
            self._cloud.begin(held, Work.SECRET, lambda database, _now: replace(database, secret=(arn, "active")))

    def attach_roles(self, plan: RestorePlan) -> None:
        """See ``Restorer.attach_roles``."""
        with self._cloud.calling("attach_roles", self._scope, plan):
            held = self._cloud.held(plan.target, available=True)
            have = held.database.config.roles
            roles = (*have, *(role for role in plan.config.roles if role not in have))
            held.database = replace(held.database, config=replace(held.database.config, roles=roles))


def new_password() -> str:
    """A password that nobody has seen."""
    from secrets import token_urlsafe  # noqa: PLC0415  # only a restore needs one

    return token_urlsafe(24)


def restorable(point: RecoveryPoint) -> Snapshot:
    """What a restore needs to know of a recovery point."""
    return Snapshot(
        id=point.id,
        arn=point.arn,
        kind=point.kind,
        source=point.source,
        engine=point.engine,
        engine_version=point.engine_version,
        status=point.status,
        ready=point.state is PointState.AVAILABLE,
        data_time=point.data_time,
        kms_key=point.kms_key,
        tags=point.tags,
    )


def _endpoint(plan: RestorePlan) -> tuple[str, int]:
    prefix = "cluster." if plan.target.kind is Kind.CLUSTER else ""
    return f"{plan.target.name}.{prefix}{plan.target.scope.region}.memory", plan.config.port or _PORT


def _new(plan: RestorePlan) -> Database:
    """As a restore call leaves it: creating, without members and roles, a cluster with its endpoint already."""
    kind = "db" if plan.target.kind is Kind.INSTANCE else "cluster"
    scope = plan.target.scope
    return Database(
        id=plan.target,
        arn=f"arn:aws:rds:{scope.region}:{scope.account}:{kind}:{plan.target.name}",
        engine=plan.engine,
        engine_version=plan.engine_version,
        status="creating",
        state=State.BUSY,
        tags=dict(plan.tags),
        retention=timedelta(days=plan.retention_days),
        copy_tags=plan.copy_tags,
        deletion_protection=plan.deletion_protection,
        endpoint=_endpoint(plan) if plan.target.kind is Kind.CLUSTER else None,
        secret=(plan.source_secret, "active") if plan.source_secret else None,  # the worst that RDS shows
        config=replace(plan.config, members=(), roles=()),
    )
