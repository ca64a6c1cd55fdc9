"""The stories of recovery points: taken, copied, removed and audited, under a policy that asks for them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from moto.iam import models as iam
from moto.rds.models import RDSBackend, rds_backends

from backstay.core.model import DatabaseId, Kind, Provider, Scope, utc_text
from backstay.core.naming import (
    TAG_DATA_TIME,
    TAG_DATABASE,
    TAG_DEPLOYMENT,
    TAG_HELPER,
    TAG_SHARED,
    TAG_SLOT,
    point_name,
)
from backstay.handlers import audit, prune, replicate, snapshot
from tests.faults.story import Story
from tests.handlers.cloud import ACCOUNT, AWAY, HOME, VAULT, client, context, somebody
from tests.handlers.conftest import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.faults.stage import Stage
    from tests.faults.story import Told

# The slot that is open: it began twelve hours ago, so that none ends while the matrix runs.
_OPEN: Final = (datetime.now(UTC) - timedelta(hours=12)).replace(second=0, microsecond=0)
_DAY: Final = timedelta(days=1)
_TAKES: Final = timedelta(minutes=5)
_STRANGER: Final = "999988887777"
_HERE, _THERE = Scope(Provider.AWS, ACCOUNT, AWAY), Scope(Provider.AWS, ACCOUNT, HOME)
_ORDERS = DatabaseId(_HERE, Kind.INSTANCE, "orders")
_LEDGER = DatabaseId(_HERE, Kind.CLUSTER, "ledger")
_BILLING = DatabaseId(_THERE, Kind.INSTANCE, "billing")
_MEMBER: Final = "444455556666"
_OURS: Final = {CREDENTIALS["AWS_ACCESS_KEY_ID"], "AKIAIOSFODNN7TESTERS"}
ASKING: Final = f"""\
version: 1
locations:
  dr: {{aws: {{region: {HOME}, kms_key: alias/backstay}}}}
  far: {{aws: {{region: {AWAY}, kms_key: alias/backstay}}}}
guards: {{min_points: 1, max_delete: {{count: 20, percent: 100}}}}
tiers:
  - name: gold
    match: {{tags: {{backup-tier: gold}}}}
    objectives: {{rpo: 24h, rto: 4h}}
    pitr: {{window: 14d, apply: immediately, replicate_to: far}}
    snapshots: {{every: 1d, at: "{_OPEN:%H:%M}", keep: {{last: 1}}}}
    copies: [{{to: dr, keep: {{last: 1}}}}]
    enforce: [replicate]
"""
ABROAD: Final = f"""\
version: 1
locations:
  vault: {{aws: {{region: {HOME}, account: "{_MEMBER}", kms_key: alias/backstay}}}}
tiers:
  - name: gold
    match: {{tags: {{backup-tier: gold}}}}
    objectives: {{rpo: 24h, rto: 4h}}
    pitr: {{window: 14d, apply: immediately}}
    snapshots: {{every: 1d, at: "{_OPEN:%H:%M}", keep: {{last: 1}}}}
    copies: [{{to: vault, keep: {{last: 1}}}}]
"""


def _audited(stage: Stage) -> dict[str, Any]:
    """Of the one region, whose copies are in the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKSTAY_REGIONS", AWAY)
        return _asking(audit.handler, "audit", all=True)(stage)


def _asking(handler: Any, verb: str, *, stored: bool = False, **request: Any) -> Told:
    """Under that policy, which lies beside the other one, or in the vault."""

    def story(_: Stage) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            beside = os.environ["BACKSTAY_POLICY"].replace("policy.yaml", "points.yaml")
            patch.setenv("BACKSTAY_POLICY", f"s3://{VAULT}/points.yaml" if stored else beside)
            report: dict[str, Any] = handler(request, context(verb))
            return report

    return story


@contextmanager
def _apart() -> Iterator[pytest.MonkeyPatch]:
    """Moto tells accounts apart by access key, and lets one copy of another's what is shared with it."""
    of_member, own = iam.get_account_id_from, RDSBackend.get_snapshot

    def shared(there: RDSBackend, identifier: str, resource_type: Any, not_found_exception: Any) -> Any:
        _, _, _, region, account, *_, name = f"{identifier}{':' * 6 * (':' not in identifier)}".split(":")
        if account in ("", there.account_id):
            return own(there, identifier, resource_type=resource_type, not_found_exception=not_found_exception)
        found = rds_backends[account][region].resource_map[resource_type].get(name)
        if found is None or there.account_id not in found.attributes["restore"]:
            raise not_found_exception(identifier)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MOTO_ACCOUNT_ID")
        patch.setattr(iam, "get_account_id_from", lambda key: ACCOUNT if key in _OURS else of_member(key))
        patch.setattr(RDSBackend, "get_snapshot", shared)
        yield patch


def _copied_abroad(_: Stage) -> dict[str, Any]:
    """Of one region's databases into another account's other region."""
    with _apart() as patch:
        patch.setenv("BACKSTAY_REGIONS", AWAY)
        patch.setenv("BACKSTAY_POLICY", os.environ["BACKSTAY_POLICY"].replace("policy.yaml", "abroad.yaml"))
        return replicate.handler({"all": True}, context("replicate"))


def _point(
    of: DatabaseId, back: int, *, scope: Scope | None = None, name: str = "", also: Mapping[str, str] | None = None
) -> str:
    """One of ours, of a slot so many days back, with data of then; says its name.

    Elsewhere it is a copy, taken of moto's account as it is. Moto knows of no time but now, and of no copy's source.
    """
    slot, scope = _OPEN - back * _DAY, scope or of.scope
    name = name or point_name("backstay", of, slot)
    ours = {
        TAG_DEPLOYMENT: "backstay",
        TAG_DATABASE: of.key,
        TAG_SLOT: utc_text(slot),
        TAG_DATA_TIME: utc_text(slot + _TAKES),
        **(also or {}),
    }
    _make(of, scope, name, ours, slot + _TAKES)
    return name


def _make(of: DatabaseId, scope: Scope, name: str, tags: Mapping[str, str], at: datetime) -> None:
    rds, here = client("rds", scope.region), rds_backends[ACCOUNT][scope.region]
    cluster = of.kind is Kind.CLUSTER
    word, known = ("Cluster", here.cluster_snapshots) if cluster else ("", here.database_snapshots)
    given: Any = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    if scope == of.scope:
        given |= {f"DB{word or 'Instance'}Identifier": of.name, f"DB{word}SnapshotIdentifier": name}
        (rds.create_db_cluster_snapshot if cluster else rds.create_db_snapshot)(**given)
    else:
        source = f"arn:aws:rds:{of.scope.region}:{ACCOUNT}:{'cluster-' * cluster}snapshot:{name}"
        given |= {
            f"SourceDB{word}SnapshotIdentifier": source,
            f"TargetDB{word}SnapshotIdentifier": name,
            "KmsKeyId": "alias/backstay",
        }
        (rds.copy_db_cluster_snapshot if cluster else rds.copy_db_snapshot)(**given)
    made: Any = known[name]
    made.created = made.original_snapshot_create_time = at
    if not cluster:
        made.option_group_name = rds_backends[ACCOUNT][of.scope.region].databases[of.name].option_group_name


# Before them.


def _some_taken(_: Stage) -> None:
    """`billing` has its snapshot of this slot, `orders` of the last one, `ledger` has none."""
    _point(_BILLING, 0)
    _point(_ORDERS, 1)


def _uncopied(_: Stage) -> None:
    """`orders` and `ledger` lack a copy each; what an earlier one needed is left, and so is a share of `billing`'s."""
    for back in (1, 0):
        _point(_ORDERS, back)
    _point(_ORDERS, 1, scope=_THERE)
    _point(_ORDERS, 1, name="backstay-h-orders", also={TAG_HELPER: str(_THERE)})
    _point(_LEDGER, 0)
    name = _point(_BILLING, 0, also={TAG_SHARED: _STRANGER})
    _share(name, HOME, _STRANGER)


def _share(name: str, region: str, account: str) -> None:
    client("rds", region).modify_db_snapshot_attribute(
        DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=[account]
    )


def _not_abroad(_: Stage) -> None:
    """`orders` lacks its copy in the other account, which has a key for it."""
    _point(_ORDERS, 0)
    admin = f"arn:aws:iam::{_MEMBER}:role/Admin"
    with _apart():
        taken = client("sts").assume_role(RoleArn=admin, RoleSessionName="casey")["Credentials"]
        kms = somebody().client(
            "kms",
            region_name=HOME,
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
        )
        key = kms.create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/backstay", TargetKeyId=key)


def _too_many(_: Stage) -> None:
    """Each keeps the last: two of `orders` and a copy are to go, and one of `ledger`. The policy lies in the vault."""
    for database, since, copied in ((_ORDERS, 2, 1), (_LEDGER, 1, 0)):
        for back in range(since, -1, -1):
            _point(database, back)
        for back in range(copied, -1, -1):
            _point(database, back, scope=_THERE)
    client("rds", AWAY).create_db_snapshot(DBSnapshotIdentifier="before-the-upgrade", DBInstanceIdentifier="orders")
    client("s3").put_object(Bucket=VAULT, Key="points.yaml", Body=ASKING.encode())


def _to_be_judged(_: Stage) -> None:
    """`orders` and `ledger` as they should be, but for somebody's snapshot that a stranger may copy."""
    for database in (_ORDERS, _LEDGER):
        _point(database, 0)
        _point(database, 0, scope=_THERE)
    client("rds", AWAY).create_db_snapshot(DBSnapshotIdentifier="for-a-friend", DBInstanceIdentifier="orders")
    _share("for-a-friend", AWAY, _STRANGER)


STORIES: Final[Mapping[str, Story]] = {
    "audit-points": Story(_audited, "findings", before=_to_be_judged, beside="audit-all"),
    "snapshot-all": Story(_asking(snapshot.handler, "snapshot", all=True), "pending", _some_taken, ("ok",)),
    "snapshot-one": Story(_asking(snapshot.handler, "snapshot", database=_ORDERS.key), "pending", _some_taken, ("ok",)),
    "replicate-all": Story(_asking(replicate.handler, "replicate", all=True), "pending", _uncopied, ("ok",)),
    "replicate-abroad": Story(_copied_abroad, "pending", _not_abroad, ("ok",)),
    "prune-all": Story(_asking(prune.handler, "prune", stored=True, all=True), "ok", _too_many),
}
