"""Recovery points for the handlers of snapshot, replicate and prune: a policy that asks for them; a look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.handlers.cloud import ACCOUNT, AWAY, HOME, ORDERS, Cloud, client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LEDGER = f"aws/{ACCOUNT}/{AWAY}/cluster/ledger"
BILLING = f"aws/{ACCOUNT}/{HOME}/instance/billing"
SNAPSHOT = f"arn:aws:rds:{AWAY}:{ACCOUNT}:snapshot"
POLICY = """\
version: 1
locations:
  dr: {{aws: {{region: eu-west-1, kms_key: alias/backstay}}}}
guards: {{min_points: 1, max_delete: {{count: {most}, percent: 100}}}}
tiers:
  - name: gold
    match: {{tags: {{backup-tier: gold}}}}
    objectives: {{rpo: 24h, rto: 4h}}
    pitr: {{window: 14d, apply: immediately}}
    snapshots: {{every: 1d, at: "03:00", keep: {{last: 1}}}}
    {copies}
exempt:
  - {{match: {{names: "scratch-*"}}, reason: rebuilt nightly, until: 2099-12-31}}
"""
COPIES = "copies: [{to: dr, keep: {daily: 7}}]"


def keeping(policy: Path, *, copies: bool = True, most: int = 20) -> None:
    """Gold is snapshotted daily, of which the last is kept, and copied home."""
    policy.write_text(POLICY.format(copies=COPIES if copies else "", most=most))


def room(cloud: Cloud, used: int = 3) -> None:
    """What moto does not know: how much room there is."""
    names = ("ManualSnapshots", "ManualClusterSnapshots")
    quotas = [{"AccountQuotaName": name, "Used": used, "Max": 100} for name in names]
    cloud.answer("rds:DescribeAccountAttributes", {"AccountQuotas": quotas})


def key(alias: str = "alias/backstay", region: str = HOME) -> str:
    """Makes the key that the policy's location names."""
    kms = client("kms", region)
    arn: str = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=alias, TargetKeyId=arn)
    return arn


def take(name: str, slot: str, *, ours: bool = True) -> str:
    """A snapshot of `orders` for a slot; in moto its data is from now, so the later taken, the newer. Says its ARN."""
    tags = {"backstay:deployment": "backstay", "backstay:database": ORDERS, "backstay:slot": slot} if ours else {}
    made = client("rds", AWAY).create_db_snapshot(
        DBSnapshotIdentifier=name,
        DBInstanceIdentifier="orders",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    arn: str = made["DBSnapshot"]["DBSnapshotArn"]
    return arn


def there(region: str = AWAY) -> set[str]:
    """The names of the instances' snapshots of a region, but for RDS's own."""
    answer = client("rds", region).describe_db_snapshots(SnapshotType="manual")
    return {each["DBSnapshotIdentifier"] for each in answer["DBSnapshots"]}


def tags(call: Any) -> dict[str, str]:
    """The tags that a call asks for."""
    return {each["Key"]: each["Value"] for each in call.parameters["Tags"]}


def measured(lines: Iterable[dict[str, Any]], verb: str) -> dict[str, float]:
    """What the last run of a verb published for its alarms: the metrics whose one dimension is the service."""
    published = [
        {metric["Name"]: line[metric["Name"]][0] for metric in directive["Metrics"]}
        for line in lines
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        if directive["Dimensions"] == [["service"]] and line["service"] == verb
    ]
    return published[-1]
