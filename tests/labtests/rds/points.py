"""What the tests of copies, of sharing and of replication do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.labtests.rds.conftest import wait_for

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

    from tests.labtests.rds.conftest import Rds


def snapshot(client: RDSClient, name: str) -> dict[str, Any]:
    found: Any = client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
    return dict(found)


def cluster_snapshot(client: RDSClient, name: str) -> dict[str, Any]:
    found: Any = client.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"][0]
    return dict(found)


def until(client: RDSClient, name: str, status: str = "available") -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        found = snapshot(client, name)
        assert found["Status"] in {"creating", status}
        return found if found["Status"] == status else None

    return wait_for(probe, f"{name} {status}")


def until_cluster(client: RDSClient, name: str, status: str = "available") -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        found = cluster_snapshot(client, name)
        assert found["Status"] in {"creating", "copying", status}
        return found if found["Status"] == status else None

    return wait_for(probe, f"{name} {status}")


def copy(client: RDSClient, source: str, name: str, **given: Any) -> dict[str, Any]:
    found: Any = client.copy_db_snapshot(SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=name, **given)
    return dict(found["DBSnapshot"])


def copy_cluster(client: RDSClient, source: str, name: str, **given: Any) -> dict[str, Any]:
    found: Any = client.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=source, TargetDBClusterSnapshotIdentifier=name, **given
    )
    return dict(found["DBClusterSnapshot"])


def event_of(rds: Rds, number: str, name: str) -> dict[str, Any]:
    return rds.cloud.wait_event(
        lambda e: (e["Detail"].get("EventID"), e["Detail"].get("SourceIdentifier")) == (f"RDS-EVENT-{number}", name)
    )


def sow(rds: Rds, *snapshots: dict[str, Any]) -> list[str]:
    """Seed snapshots; returns their ARNs."""
    found: list[str] = rds.admin("POST", "/_lab/snapshots", {"snapshots": list(snapshots)})["snapshots"]
    return found
