"""Automated backups replicated to another region: Start- and StopDBInstanceAutomatedBackupsReplication, and following.

Called in the destination, for instances only. What arrives is really there: base backups and archived segments are
copied into the destination's own folder, so that a restore from it needs nothing of the source's region.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html (20 per destination account
and region; pending, then replicating; after the stop the backups stay, retained).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.lab.rds import backup_shapes, groups, keys, names
from tests.lab.rds.engines import ENGINES
from tests.lab.rds.lab import frozen
from tests.lab.rds.model import Fault, fault, invalid_combination, invalid_value
from tests.lab.rds.presigned import check
from tests.lab.rds.state import Instance, RegionState, Replication

if TYPE_CHECKING:
    import datetime as dt

    from tests.lab.rds.lab import Arguments, Call, Lab
    from tests.lab.rds.state import Region

START = frozenset({"SourceDBInstanceArn", "BackupRetentionPeriod", "KmsKeyId", "PreSignedUrl", "Tags"})
STOP = frozenset({"SourceDBInstanceArn"})
DEFAULT_DAYS = 7
FOLLOW_SECONDS = 0.5


def start(call: Call, arguments: Arguments) -> dict[str, Any]:
    """StartDBInstanceAutomatedBackupsReplication."""
    lab, region = call.lab, call.region
    origin, source = _source(call, arguments)
    check(call, arguments, origin, "StartDBInstanceAutomatedBackupsReplication", "SourceDBInstanceArn")
    _may_be_replicated(region, origin, source)
    days = names.retention(arguments.get("BackupRetentionPeriod", DEFAULT_DAYS), 1)
    encryption, key = _encryption(call, arguments, origin, source)
    engine, version = ENGINES[source.engine], source.engine_version
    kept = replace(
        frozen(source),
        encryption=encryption,
        kms_key=key,
        retention=days,
        option_group=groups.option_group(call, None, engine, version),
        tags=names.tags(arguments.get("Tags", [])),
        status="pending",
        earliest=None,
        latest=None,
    )
    arn = backup_shapes.backup_arn(region, kept)
    before = region.replications.get(source.resource_id)
    if before is not None:
        lab.servers.forget_replica(before.store)
    made = Replication(origin, kept, arn, f"{region.account}-{region.name}-{source.resource_id}")
    region.replications[source.resource_id] = made
    source.replicas = [arn]
    lab.jobs.start(f"replication {arn}", lambda: _follow(lab, region, made), lambda _: _broken(lab, made))
    return {"DBInstanceAutomatedBackup": backup_shapes.replicated_backup(made)}


def stop(call: Call, arguments: Arguments) -> dict[str, Any]:
    """StopDBInstanceAutomatedBackupsReplication: what has arrived stays, retained."""
    region, arn = call.region, str(arguments["SourceDBInstanceArn"])
    found = next((each for each in region.replications.values() if each.source.arn == arn), None)
    if found is None:
        raise fault("DBInstanceNotFoundFault", f"{arn} is not replicated to {region.name}.")
    if found.source.status == "retained":
        raise fault("InvalidDBInstanceStateFault", f"The replication of {arn} has been stopped already.")
    found.source.status = "retained"
    living = found.origin.instances.get(found.source.identifier)
    if living is not None and living.resource_id == found.source.resource_id:
        living.replicas = []
    return {"DBInstanceAutomatedBackup": backup_shapes.replicated_backup(found)}


def _source(call: Call, arguments: Arguments) -> tuple[Region, Instance]:
    arn = str(arguments["SourceDBInstanceArn"])
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[2] != "rds" or parts[5] != "db":
        raise invalid_value(f"Invalid SourceDBInstanceArn: {arn} is not the ARN of a DB instance")
    origin = call.lab.store.find(parts[4], parts[3])
    if origin is None or origin.account != call.region.account or parts[6].lower() not in origin.instances:
        raise fault("DBInstanceNotFoundFault", f"DBInstance {arn} not found.")
    if origin.state is not RegionState.ON:
        raise Fault("ServiceUnavailable", f"The source region {origin.name} does not answer", 503)
    if origin.name == call.region.name:
        raise invalid_value(f"SourceDBInstanceArn: {arn} is in {origin.name} itself: name another destination")
    return origin, origin.instances[parts[6].lower()]


def _may_be_replicated(region: Region, origin: Region, source: Instance) -> None:
    if source.cluster is not None:
        raise invalid_combination(f"{source.identifier} is a cluster's member: its backups cannot be replicated")
    if source.status != "available":
        raise fault("InvalidDBInstanceStateFault", f"Instance {source.identifier} is not in available state.")
    if source.retention == 0:
        raise fault("InvalidDBInstanceStateFault", f"Automated backups are not enabled for {source.identifier}.")
    if source.replicas:
        raise fault(
            "InvalidDBInstanceStateFault", f"Automated backups of {source.identifier} are replicated: {source.replicas}"
        )
    running = sum(1 for each in region.replications.values() if each.source.status != "retained")
    if running >= region.caps["BackupReplications"]:
        raise fault(
            "DBInstanceAutomatedBackupQuotaExceededFault",
            f"Cannot replicate automated backups of more than {running} DB instances from {origin.name} and elsewhere",
        )


def _encryption(call: Call, arguments: Arguments, origin: Region, source: Instance) -> tuple[str, str | None]:
    """Both are encrypted, or neither; the key is one of the destination."""
    asked = arguments.get("KmsKeyId")
    if (asked is not None) != (source.encryption != keys.NONE):
        needed = "must be specified for an encrypted" if asked is None else "can't be specified for an unencrypted"
        raise invalid_combination(f"KmsKeyId {needed} source DB instance")
    if asked is None:
        return keys.NONE, None
    if source.kms_key is not None:
        keys.readable(call, origin, source.kms_key)
    return keys.KMS, keys.usable(call, asked)


def _follow(lab: Lab, region: Region, made: Replication) -> None:
    """Bring over what is new, again and again, until the replication is stopped or its source is gone."""
    while not lab.jobs.stopping.wait(FOLLOW_SECONDS):
        with lab.store.lock:
            living = made.origin.instances.get(made.source.identifier)
            if living is None or living.resource_id != made.source.resource_id:
                made.source.status = "retained"
                return
            if made.source.status == "retained":
                return
        if {region.state, made.origin.state} != {RegionState.ON}:
            continue
        window = _arrived(lab, living, made)
        with lab.store.lock:
            if window is not None and made.source.status != "retained":
                made.source.earliest, made.source.latest = window
                made.source.status = "replicating"


def _arrived(lab: Lab, living: Instance, made: Replication) -> tuple[dt.datetime, dt.datetime] | None:
    """The window that can be restored in the destination, once all that is new has been brought there."""
    if not living.metadata_only:
        return lab.servers.replicate(living.resource_id, made.store)
    if living.earliest is None or living.latest is None:
        return None
    return living.earliest, living.latest


def _broken(lab: Lab, made: Replication) -> None:
    print(f"rds: replication {made.arn} ended", file=sys.stderr, flush=True)
    with lab.store.lock:
        made.source.status = "retained"
