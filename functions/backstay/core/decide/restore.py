"""The restore's preflight and plan. Pure: facts in, a plan or a refusal that says what is possible out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from backstay.core.decide.tags import fitting_tags, with_ours
from backstay.core.decide.versions import Origin, fitting, origin
from backstay.core.model import Configuration, DatabaseId, Kind, RecoveryWindow, State, utc_text
from backstay.core.naming import (
    MAX_MULTI_AZ_CLUSTER_NAME,
    MAX_NAME,
    TAG_REQUEST,
    restore_target,
    snapshot_target,
    writer_name,
)
from backstay.core.policy import Tier
from backstay.core.restoring import Check, RestoreFacts, RestorePlan, RestoreRefusal, Snapshot, Unchecked

if TYPE_CHECKING:
    from datetime import datetime

    from backstay.core.model import Database
    from backstay.core.requests import RestoreRunRequest

# A cluster whose source is gone leaves nobody to ask for the writer's class. Orderable for every supported Aurora
# version (Aurora user guide, "Supported DB engines for DB instance classes"); a person changes it at leisure.
FALLBACK_WRITER_CLASS: Final = "db.r6g.large"
_MULTI_AZ_CLUSTER_MEMBERS: Final = 3
# RDS user guide, "Multi-AZ DB cluster deployments": these engines, and this class in every region that has them.
_MULTI_AZ_CLUSTER_ENGINES: Final = frozenset({"mysql", "postgres"})
FALLBACK_MULTI_AZ_CLASS: Final = "db.m6gd.large"
_ALTERNATIVES: Final = 3


def default_target(source: DatabaseId, database: Database | None, moment: datetime | None, snapshot: str | None) -> str:
    """The new database's name when the request gives none."""
    limit = _name_limit(database)
    if moment is not None:
        return restore_target(source.name, moment, limit)
    return snapshot_target(source.name, snapshot or "", limit)


def _is_multi_az_cluster(database: Database | None) -> bool:
    """A cluster with a class of its own, whose members come and go with it. Aurora's members have theirs."""
    return database is not None and database.id.kind is Kind.CLUSTER and bool(database.config.instance_class)


def _name_limit(database: Database | None) -> int:
    return MAX_MULTI_AZ_CLUSTER_NAME if _is_multi_az_cluster(database) else MAX_NAME


def decide(
    *,
    source: DatabaseId,
    request: RestoreRunRequest,
    facts: RestoreFacts,
    tier: Tier | None,
    deployment: str,
    now: datetime,
) -> RestorePlan | RestoreRefusal:
    """The plan that the runner executes, or why there is none. A check that could not be made does not stop a restore.

    Args:
        source: whose data is asked for.
        request: the resolved request.
        facts: what the preflight read.
        tier: the source's tier, for the window of a database whose own is lost.
        deployment: our deployment id, for the tags.
        now: the moment of deciding.
    """
    gates = preflight(source, request, facts, now)
    failed = [gate for gate in gates if gate.ok is False]
    window = facts.window if isinstance(facts.window, RecoveryWindow) else None
    if failed:
        message = "; ".join(gate.message for gate in failed)
        return RestoreRefusal(message=message, accepted=_accepted(facts, failed, window), gates=gates, window=window)
    return _plan(source, request, facts, gates, tier=tier, deployment=deployment)


def _accepted(facts: RestoreFacts, failed: list[Check], window: RecoveryWindow | None) -> str:
    """What can be done instead. A restore takes its source's class, so it is the source that gets another one."""
    classes = _nearest(facts) if any(gate.name == "class" for gate in failed) else []
    if not facts.database or not classes:
        return _possible(window)
    return f"{facts.database.name} modified to {' or '.join(classes)}, and then {_possible(window)}"


def _possible(window: RecoveryWindow | None) -> str:
    if window is None:
        return "a snapshot's identifier"
    start = utc_text(window.earliest) if window.earliest else "?"
    return f"a moment from {start} to {utc_text(window.latest)}, or latest, or a snapshot's identifier"


def preflight(source: DatabaseId, request: RestoreRunRequest, facts: RestoreFacts, now: datetime) -> tuple[Check, ...]:
    """Every check with its outcome; ``ok`` None is a warning.

    A restore that has made its target already is picked up: what it used of a quota, or a moment that has left the
    window since, must not stop it.
    """
    data = _moment(request, facts, now) if request.snapshot is None else _snapshot(source, request.snapshot, facts)
    checks = (
        data,
        _target(request, facts),
        _key(facts),
        _groups(facts, _origin(request, facts)),
        _orderable(facts, _origin(request, facts)),
        _addresses(facts),
        *_quotas(source, facts),
    )
    if not is_ours(facts.target, request.request_id):
        return checks
    return tuple(replace(check, ok=None) if check.ok is False else check for check in checks)


def _moment(request: RestoreRunRequest, facts: RestoreFacts, now: datetime) -> Check:
    """Whether the moment is in the window, its end included.

    RDS wants a moment before its end. That moves on every few minutes, so a named moment that is the end now is mostly
    before it when RDS is asked, and RDS answers at once; ``latest`` never is the end (``newest``).
    """
    name, moment = "window", request.at
    if facts.database is None:
        return Check(name, ok=False, message=f"there is no database {request.database}")
    if facts.window is None:
        why = "PITR is off" if not facts.database.retention else "there is no backup yet"
        return Check(name, ok=False, message=f"no moment can be restored: {why}")
    if moment is None or moment > now:
        return Check(name, ok=False, message=f"{request.moment} is in the future; now is {utc_text(now)}")
    if isinstance(facts.window, Unchecked):
        return Check(name, ok=None, message=facts.window.error)
    if not facts.window.holds(moment):
        return Check(name, ok=False, message=f"{request.moment} is outside the recovery window")
    return Check(name, ok=True, message=f"{request.moment} is inside the recovery window")


def _snapshot(source: DatabaseId, ident: str, facts: RestoreFacts) -> Check:
    name, snapshot = "snapshot", facts.snapshot
    if snapshot is None:
        return Check(name, ok=False, message=f"there is no snapshot {ident}")
    if snapshot.source != source.name:
        message = f"snapshot {snapshot.id} is of {snapshot.source}, not of {source.name}"
        return Check(name, ok=False, message=message)
    if not snapshot.ready:
        return Check(name, ok=False, message=f"snapshot {snapshot.id} is {snapshot.status}")
    return Check(name, ok=True, message=f"snapshot {snapshot.id} is available")


def is_ours(target: Database | None, request_id: str) -> bool:
    """Whether the target exists as the work of this very request."""
    return target is not None and target.tags.get(TAG_REQUEST) == request_id


def _target(request: RestoreRunRequest, facts: RestoreFacts) -> Check:
    limit = _name_limit(facts.database)
    if len(request.target) > limit:
        message = f"{request.target} is longer than the {limit} characters that this kind of database may have"
        return Check("target", ok=False, message=message)
    if facts.target is None:
        return Check("target", ok=True, message=f"the name {request.target} is free")
    if is_ours(facts.target, request.request_id):
        return Check("target", ok=True, message=f"{request.target} is this same restore, {facts.target.status}")
    message = f"{request.target} exists and is not of this restore; nothing is overwritten: give another target"
    return Check("target", ok=False, message=message)


def _key(facts: RestoreFacts) -> Check:
    if isinstance(facts.key, Unchecked):
        return Check("key", ok=None, message=facts.key.error)
    return Check("key", ok=not facts.key, message=facts.key or "the encryption key is usable")


def _origin(request: RestoreRunRequest, facts: RestoreFacts) -> Origin:
    return origin(facts.database, facts.snapshot, request.at, facts.backups)


def _groups(facts: RestoreFacts, made: Origin) -> Check:
    if isinstance(facts.missing_groups, Unchecked):
        return Check("groups", ok=None, message=facts.missing_groups.error)
    if facts.database is None:
        return Check("groups", ok=None, message="the source is gone: default groups and the default subnets")
    missing = ", ".join(facts.missing_groups)
    if missing:
        return Check("groups", ok=False, message=f"gone: {missing}")
    if isinstance(facts.backups, Unchecked):
        return Check(
            "groups", ok=None, message=f"the engine version of that moment is not known: {facts.backups.error}"
        )
    if made.unfit:
        return Check("groups", ok=None, message=f"{made.unfit}: default parameter and option groups")
    if made.unsure:
        return Check("groups", ok=None, message=f"{made.unsure}: its groups, or default ones where RDS refuses them")
    return Check("groups", ok=True, message="all groups exist")


def _orderable(facts: RestoreFacts, made: Origin) -> Check:
    """Whether class and version can be ordered: RDS refuses to restore into a class that it does not sell.

    A *version* that can be ordered with no class any more is another matter: "any DB instance restored from a DB
    snapshot created with the unsupported version will automatically and immediately be upgraded"
    (https://aws.amazon.com/rds/faqs/), so that one is a warning.
    """
    if isinstance(facts.orderable, Unchecked):
        return Check("class", ok=None, message=facts.orderable.error)
    if facts.database is None:
        return Check("class", ok=None, message=f"the source is gone: {_class_of_the_lost(facts.snapshot)}, not checked")
    what, version = "class and engine version", f"{made.engine} {made.version}"
    if facts.orderable:
        return Check("class", ok=True, message=f"{what} can be ordered")
    if facts.sold == ():
        message = f"{version} can no longer be ordered; RDS restores its backups all the same, and may upgrade them"
        return Check("class", ok=None, message=message)
    others = " or ".join(_nearest(facts))
    sold = f"; with {version} one can order {others}" if others else ""
    return Check("class", ok=False, message=f"{what} can no longer be ordered{sold}")


def _class_of_the_lost(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.kind is Kind.INSTANCE:
        return "the class that it had when the snapshot was taken"  # RDS's default
    return f"{ordered_class(_lost(snapshot.kind, snapshot))}, since a cluster's snapshot does not tell its class"


def _nearest(facts: RestoreFacts) -> list[str]:
    """The classes that can be ordered and are most like the source's: of its size, then of its kind."""
    if not facts.database or not facts.sold or isinstance(facts.sold, Unchecked):
        return []
    kind, _, size = ordered_class(facts.database.config).removeprefix("db.").partition(".")

    def unlike(name: str) -> tuple[bool, bool, str]:
        other, _, its_size = name.removeprefix("db.").partition(".")
        return (its_size != size, other[:1] != kind[:1], name)

    return sorted(facts.sold, key=unlike)[:_ALTERNATIVES]


def _addresses(facts: RestoreFacts) -> Check:
    free = facts.free_addresses
    if isinstance(free, Unchecked):
        return Check("addresses", ok=None, message=free.error)
    if not free:
        return Check("addresses", ok=None, message="the subnet group is not known")
    needed = _needed_addresses(facts.database)
    total = sum(free.values())
    return Check(
        "addresses", ok=total >= needed, message=f"{total} free addresses in the subnet group, {needed} needed"
    )


def _needed_addresses(database: Database | None) -> int:
    if database is None:
        return 1
    if _is_multi_az_cluster(database):
        return _MULTI_AZ_CLUSTER_MEMBERS
    return 2 if database.config.multi_az and database.id.kind is Kind.INSTANCE else 1


def _quotas(source: DatabaseId, facts: RestoreFacts) -> tuple[Check, ...]:
    if isinstance(facts.quotas, Unchecked):
        return (Check("quota", ok=None, message=facts.quotas.error),)
    concerned = {"DBInstances"} | ({"DBClusters"} if source.kind is Kind.CLUSTER else set())
    return tuple(
        Check("quota", ok=quota.used < quota.maximum, message=f"{quota.used} of {quota.maximum} {quota.name} used")
        for quota in facts.quotas
        if quota.name in concerned
    )


def _plan(
    source: DatabaseId,
    request: RestoreRunRequest,
    facts: RestoreFacts,
    gates: tuple[Check, ...],
    *,
    tier: Tier | None,
    deployment: str,
) -> RestorePlan:
    database, snapshot = facts.database, facts.snapshot
    made = _origin(request, facts)
    config, ungrouped = fitting(database.config, made) if database else (_lost(source.kind, snapshot), ())
    tags, untagged = fitting_tags(database.tags if database else snapshot.tags if snapshot else {}, tier)
    return RestorePlan(
        source=source,
        source_arn=database.arn if database else "",
        engine=made.engine,
        engine_version=made.version,
        target=DatabaseId(source.scope, source.kind, request.target),
        request_id=request.request_id,
        moment=request.at or (snapshot.data_time if snapshot else None),
        snapshot=snapshot.arn if snapshot else "",
        retention_days=_retention(database, tier),
        deletion_protection=bool(database and database.deletion_protection),
        copy_tags=bool(database is None or database.copy_tags),
        tags=with_ours(tags, source, request.request_id, deployment),
        config=config,
        writer=_writer(source, request, config),
        gates=gates,
        source_secret=database.secret[0] if database and database.secret else "",
        forgone=(*ungrouped, *untagged),
        unsure=made.unsure,
    )


def _lost(kind: Kind, snapshot: Snapshot | None) -> Configuration:
    """What is known of a source that is gone: nothing but its snapshot; AWS gives defaults for the rest.

    A cluster's snapshot tells neither class nor IOPS (RDS API reference, ``DBClusterSnapshot``), so the storage of a
    Multi-AZ DB cluster is left to RDS, whose default is io1. Nothing becomes public: that is always told.
    """
    if snapshot is None:
        return Configuration()
    multi_az = kind is Kind.CLUSTER and snapshot.engine in _MULTI_AZ_CLUSTER_ENGINES
    return Configuration(
        kms_key=snapshot.kms_key, instance_class=FALLBACK_MULTI_AZ_CLASS if multi_az else "", multi_az=multi_az
    )


def _retention(database: Database | None, tier: Tier | None) -> int:
    """The source's own window; where that is lost or off, the tier's; never off, or the restored one is unprotected."""
    own = database.retention.days if database else 0
    asked = tier.pitr.window.days if tier and tier.pitr else 0
    return own or asked or 1


def _writer(source: DatabaseId, request: RestoreRunRequest, config: Configuration) -> str:
    """Aurora restores a cluster without instances; a Multi-AZ cluster (which has a class of its own) brings them."""
    if source.kind is not Kind.CLUSTER or config.instance_class:
        return ""
    return writer_name(request.target)


def ordered_class(config: Configuration) -> str:
    """The class that a restore orders: the source's own, of Aurora its writer's."""
    return config.instance_class or writer_class(config)


def writer_class(config: Configuration) -> str:
    """The class of the writer that a restored Aurora cluster gets: its source's writer's."""
    writers = [member.instance_class for member in config.members if member.writer and member.instance_class]
    others = [member.instance_class for member in config.members if member.instance_class]
    return next(iter(writers + others), FALLBACK_WRITER_CLASS)


def differences(plan: RestorePlan, target: Database) -> tuple[str, ...]:
    """What the finished database lacks of its source; empty when everything that a bare restore loses is back."""
    config, wanted = target.config, plan.config
    pairs = [
        ("security groups", sorted(config.security_groups), sorted(wanted.security_groups)),
        ("parameter group", config.parameter_group, wanted.parameter_group),
        ("option group", config.option_group, wanted.option_group),
        ("roles", _role_names(config), _role_names(wanted)),
        ("window", min(target.retention.days, plan.retention_days), plan.retention_days),  # protect may have widened it
        ("deletion protection", bool(target.deletion_protection), plan.deletion_protection),
        ("copy tags", bool(target.copy_tags), plan.copy_tags),
        ("tags", {key: target.tags.get(key) for key in plan.tags}, dict(plan.tags)),
    ]
    lacking = [*plan.forgone]
    lacking += [f"{name}: {have}, wanted {want}" for name, have, want in pairs if want and have != want]
    if reachable(config) and not reachable(wanted):
        lacking.append("privacy: it is publicly accessible, and its source is not")
    if plan.writer and not any(member.writer for member in config.members):
        lacking.append("no writer")
    return tuple(lacking)


def reachable(config: Configuration) -> bool:
    """Whether it is publicly accessible. Of Aurora its writer says so, of others they themselves.

    Source: RDS API reference, ``DBCluster.PubliclyAccessible`` ("only for non-Aurora Multi-AZ DB clusters").
    """
    if config.instance_class:
        return bool(config.public)
    return any(member.public for member in config.members if member.writer)


def _role_names(config: Configuration) -> list[str]:
    return sorted(f"{role.arn} {role.feature}".strip() for role in config.roles)


def serves(target: Database) -> bool:
    """Whether it is worth trying to log in: there is an endpoint, and it is not on its way out."""
    return target.endpoint is not None and target.state not in (State.FAILED, State.LEAVING, State.STOPPED)
