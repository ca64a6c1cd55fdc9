"""CopyDBSnapshot and CopyDBClusterSnapshot: called in the destination, with the source's ARN when that is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.lab.rds import groups, keys, names, presigned, shapes, sharing, snapshots
from tests.lab.rds.engines import ENGINES
from tests.lab.rds.flights import Flight
from tests.lab.rds.lab import frozen
from tests.lab.rds.model import Fault, fault, invalid_combination, invalid_value
from tests.lab.rds.state import RegionState, Snapshot

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Region

_SHARED = frozenset({"KmsKeyId", "Tags", "CopyTags", "PreSignedUrl"})
INSTANCE = _SHARED | {
    "SourceDBSnapshotIdentifier",
    "TargetDBSnapshotIdentifier",
    "OptionGroupName",
    "CopyOptionGroup",
}
CLUSTER = _SHARED | {"SourceDBClusterSnapshotIdentifier", "TargetDBClusterSnapshotIdentifier"}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between copies of instance and of cluster snapshots."""

    name: str
    arn: str
    shape: str
    length: int
    cap: str
    status: str

    @property
    def source(self) -> str:
        return f"Source{self.shape}Identifier"

    @property
    def target(self) -> str:
        return f"Target{self.shape}Identifier"

    @property
    def action(self) -> str:
        return f"Copy{self.shape}"


_INSTANCE = _Kind("instance", "snapshot", "DBSnapshot", names.SNAPSHOT_LENGTH, "SnapshotCopies", "creating")
_CLUSTER = _Kind(
    "cluster", "cluster-snapshot", "DBClusterSnapshot", names.INSTANCE_LENGTH, "ClusterSnapshotCopies", "copying"
)


def instance_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CopyDBSnapshot."""
    made = _copy(call, arguments, _INSTANCE)
    return {"DBSnapshot": shapes.snapshot(call.region, made)}


def cluster_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """CopyDBClusterSnapshot."""
    made = _copy(call, arguments, _CLUSTER)
    return {"DBClusterSnapshot": shapes.cluster_snapshot(call.region, made)}


def _copy(call: Call, arguments: Arguments, kind: _Kind) -> Snapshot:
    region = call.region
    name = names.identifier(arguments[kind.target], kind.target, kind.length)
    origin, source = _source(call, arguments[kind.source], kind)
    presigned.check(call, arguments, origin, kind.action, kind.source)
    if source.status != "available":
        raise fault(
            f"Invalid{kind.shape}StateFault", f"The source snapshot {source.identifier} is not in available state."
        )
    encryption, key = _encryption(call, arguments, kind, origin, source)
    copied = replace(frozen(source.source), encryption=encryption, kms_key=key)
    if kind is _INSTANCE:
        copied.option_group = _option_group(call, arguments, origin, source)
    tags = _tags(call, arguments, origin, source)
    snapshots.may_be_added(region, kind.name, name)
    _may_fly(region, kind)
    made = Snapshot(
        name,
        region.arn(kind.arn, name),
        source.kind,
        "manual",
        copied,
        kind.status,
        None,
        tags,
        data_time=source.data_time,
        original=source.original,
        copied_from=source.arn,
    )
    region.snapshots_of(kind.name)[name] = made
    call.lab.copies.start(call.lab, Flight(made, region, source, origin))
    return made


def _may_fly(region: Region, kind: _Kind) -> None:
    """One more may be in flight; RDS answers with the quota's fault, and only the words tell it from a full quota.

    Source of the words: https://github.com/pbudzon/aws-maintenance/issues/19 (when the cap was 5).
    """
    most = region.caps[kind.cap]
    if sum(1 for item in region.snapshots_of(kind.name).values() if item.copying) >= most:
        raise fault("SnapshotQuotaExceededFault", f"Cannot copy more than {most} snapshots across regions")


def _source(call: Call, asked: str, kind: _Kind) -> tuple[Region, Snapshot]:
    """The region of the source, and the source: an identifier is one of this region, an ARN may be of any.

    Raises:
        Fault: no such snapshot, or one of another account that is not shared with this one.
    """
    origin, name = call.region, asked.lower()
    if asked.startswith("arn:"):
        parts = asked.split(":", 6)
        if len(parts) != 7 or parts[2] != "rds" or parts[5] != kind.arn:
            raise invalid_value(f"Invalid {kind.source}: {asked} is not the ARN of a {kind.arn}")
        found = call.lab.store.find(parts[4], parts[3])
        if found is None:
            raise fault(f"{kind.shape}NotFoundFault", f"{kind.shape} {asked} not found.")
        if found.state is not RegionState.ON:
            raise Fault("ServiceUnavailable", f"The source region {found.name} does not answer", 503)
        origin, name = found, parts[6].lower()
    source = origin.snapshots_of(kind.name).get(name)
    if source is None or not sharing.visible(call.region, origin, source):
        raise fault(f"{kind.shape}NotFoundFault", f"{kind.shape} {asked} not found.")
    return origin, source


def _encryption(
    call: Call, arguments: Arguments, kind: _Kind, origin: Region, source: Snapshot
) -> tuple[str, str | None]:
    """(StorageEncryptionType, key ARN) of the copy.

    Source of the rules: CopyDBSnapshot and CopyDBClusterSnapshot, KmsKeyId; of the words:
    https://github.com/pbudzon/aws-maintenance/issues/5
    """
    asked, before = arguments.get("KmsKeyId"), source.source.encryption
    if asked is None and before != keys.NONE:
        if origin.name != call.region.name:
            raise invalid_value("Must specify new KMS key for cross region encrypted snapshot copy.")
        if origin.account != call.region.account:
            raise invalid_value("Must specify new KMS key for cross account encrypted snapshot copy.")
    if asked is not None and before == keys.NONE and kind is _CLUSTER:
        raise invalid_combination("KmsKeyId can't be specified for a copy of an unencrypted DB cluster snapshot")
    if source.source.kms_key is not None:
        keys.readable(call, origin, source.source.kms_key)
    if asked is None:
        return before, source.source.kms_key
    return keys.KMS, keys.usable(call, asked)


def _option_group(call: Call, arguments: Arguments, origin: Region, source: Snapshot) -> str:
    """Option group of the copy: another region or account has only its own ones.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html (option group considerations).
    """
    named, carried = arguments.get("OptionGroupName"), arguments.get("CopyOptionGroup", False)
    engine, version = ENGINES[source.source.engine], source.source.engine_version
    if carried and origin.account == call.region.account:
        raise invalid_combination("CopyOptionGroup can only be specified for a copy across accounts")
    if carried and named is not None:
        raise invalid_combination("OptionGroupName and CopyOptionGroup can't be specified together")
    if carried:
        return groups.carried(call, origin, source.source.option_group)
    if named is None and origin is call.region:
        return source.source.option_group
    return groups.option_group(call, named, engine, version)


def _tags(call: Call, arguments: Arguments, origin: Region, source: Snapshot) -> dict[str, str]:
    """Tags of the copy: those given, else with CopyTags the source's, which another account does not see.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html (CopyTags is ignored when tags
    are given; system tags stay).
    """
    given = names.tags(arguments.get("Tags", []))
    if given or not arguments.get("CopyTags") or origin.account != call.region.account:
        return given
    return {key: value for key, value in source.tags.items() if not key.lower().startswith(("aws:", "rds:"))}
