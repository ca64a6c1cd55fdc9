"""Snapshots that another account may copy: the attribute `restore`, and who sees what.

Sources: ModifyDBSnapshotAttribute and ModifyDBClusterSnapshotAttribute;
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/share-encrypted-snapshot.html (not as public, not under the
default key) and https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html (20 accounts).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.lab.rds import databases, keys
from tests.lab.rds.model import fault, invalid_value

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Region, Snapshot

EVERYBODY = "all"
RESTORE = "restore"
MOST_ACCOUNTS = 20
MODIFY = ("AttributeName", "ValuesToAdd", "ValuesToRemove")

_ACCOUNT = re.compile(r"\d{12}")


def visible(here: Region, origin: Region, item: Snapshot) -> bool:
    """Whether the account of `here` may use the snapshot `item` of `origin`: its own, or one shared with it."""
    return origin.account == here.account or bool({here.account, EVERYBODY} & item.shared)


def shared_here(call: Call, kind: str) -> list[Snapshot]:
    """Snapshots of other accounts in the caller's region that are shared with it, public ones included."""
    here = call.region
    return [
        item
        for region in call.lab.store.everywhere()
        if region.name == here.name and region.account != here.account
        for item in region.snapshots_of(kind).values()
        if visible(here, region, item)
    ]


def modify_instance_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """ModifyDBSnapshotAttribute."""
    item = _own(call, arguments, "DBSnapshot", "instance")
    _modify(call, arguments, item, "DBSnapshot")
    return _shown(item, "DBSnapshot")


def modify_cluster_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """ModifyDBClusterSnapshotAttribute."""
    item = _own(call, arguments, "DBClusterSnapshot", "cluster")
    _modify(call, arguments, item, "DBClusterSnapshot")
    return _shown(item, "DBClusterSnapshot")


def describe_instance_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBSnapshotAttributes."""
    return _shown(_own(call, arguments, "DBSnapshot", "instance"), "DBSnapshot")


def describe_cluster_snapshot(call: Call, arguments: Arguments) -> dict[str, Any]:
    """DescribeDBClusterSnapshotAttributes."""
    return _shown(_own(call, arguments, "DBClusterSnapshot", "cluster"), "DBClusterSnapshot")


def _own(call: Call, arguments: Arguments, shape: str, kind: str) -> Snapshot:
    """The caller's own snapshot in this region; only manual ones have attributes."""
    asked = str(arguments[f"{shape}Identifier"])
    name = databases.short_here(call.region, asked, "snapshot" if kind == "instance" else "cluster-snapshot")
    found = call.region.snapshots_of(kind).get(name)
    if found is None:
        raise fault(f"{shape}NotFoundFault", f"{shape} {asked} not found.")
    if found.type != "manual":
        raise fault(f"Invalid{shape}StateFault", f"{shape} {name} is not a manual snapshot: copy it to share it.")
    return found


def _modify(call: Call, arguments: Arguments, item: Snapshot, shape: str) -> None:
    if arguments["AttributeName"] != RESTORE:
        raise invalid_value(f"Invalid AttributeName: {arguments['AttributeName']}. Valid: {RESTORE}")
    added, removed = set(arguments.get("ValuesToAdd", [])), set(arguments.get("ValuesToRemove", []))
    wrong = sorted(value for value in added | removed if value != EVERYBODY and not _ACCOUNT.fullmatch(value))
    if wrong or added & removed or not added | removed:
        raise invalid_value(f"Invalid values to add or to remove: {', '.join(wrong) or 'none, or the same in both'}")
    if item.status != "available":
        raise fault(f"Invalid{shape}StateFault", f"{shape} {item.identifier} is {item.status}")
    if added:
        _may_be_shared(call.region, item, shape, public=EVERYBODY in added)
    shared = (item.shared | added) - removed
    if len(shared - {EVERYBODY}) > MOST_ACCOUNTS:
        raise fault("SharedSnapshotQuotaExceededFault", f"A snapshot is shared with at most {MOST_ACCOUNTS} accounts")
    item.shared = shared


def _may_be_shared(region: Region, item: Snapshot, shape: str, *, public: bool) -> None:
    """Under a key that no other account can be given a snapshot is worthless to it, so RDS refuses to share it."""
    held = item.source
    if held.encryption == keys.OWNED or held.kms_key == keys.default_key(region):
        raise fault(
            f"Invalid{shape}StateFault",
            "Sharing snapshots encrypted with the default service key for RDS is currently not supported: copy "
            f"{item.identifier} with a customer managed KmsKeyId first",
        )
    if public and held.encryption != keys.NONE:
        raise fault(f"Invalid{shape}StateFault", "Encrypted snapshots can't be shared as public")


def _shown(item: Snapshot, shape: str) -> dict[str, Any]:
    return {
        f"{shape}AttributesResult": {
            f"{shape}Identifier": item.identifier,
            f"{shape}Attributes": [{"AttributeName": RESTORE, "AttributeValues": sorted(item.shared)}],
        }
    }
