"""The second half of the story: snapshots and their copies, a history that is pruned, and a region that is gone."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from backstay.core.naming import TAG_DATA_TIME, TAG_DATABASE, TAG_DEPLOYMENT, TAG_HOLD, TAG_SLOT, TAG_VERIFIED
from tests.lab.demo.fleet import GOLD, REGION
from tests.lab.demo.rows import witnessed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.demo.steps import Step
    from tests.lab.demo.story import Tale

Json = dict[str, Any]
DATABASES = ("orders", "ledger")
ZONE = ZoneInfo("Europe/London")  # the policy's
HISTORY_DAYS = 400
KEPT = {"daily": 7, "weekly": 4, "monthly": 12, "yearly": 2}  # the policy's rule for snapshots
SOON = 75.0


class Copies:
    """Steps over the fleet that the first half left."""

    def __init__(self, tale: Tale) -> None:
        self.tale, self.lab = tale, tale.lab
        self.home: str = tale.lab.region
        self.rows: dict[str, Json] = {}
        self.confirm = ""

    def steps(self) -> dict[str, Callable[[Step], None]]:
        """The steps before the last audit."""
        return {"snapshot": self.snapshot, "copies": self.copies}

    def last_steps(self) -> dict[str, Callable[[Step], None]]:
        """The steps after it."""
        return {
            "prune-asks": self.prune_asks,
            "prune-confirmed": self.prune_confirmed,
            "region-lost": self.region_lost,
            "restore-copies": self.restore_copies,
            "compare-copies": self.compare_copies,
        }

    # --- snapshots and copies -----------------------------------------------------------------------------------------

    def points(self, name: str, region: str = REGION) -> list[Json]:
        """Every manual snapshot of a database in a region, as RDS describes it."""
        rds = self.lab.client("rds", region)
        if name == "ledger":
            pages = rds.get_paginator("describe_db_cluster_snapshots").paginate(
                DBClusterIdentifier=name, SnapshotType="manual"
            )
            return [dict(each) for page in pages for each in page["DBClusterSnapshots"]]
        found = rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=name, SnapshotType="manual")
        return [dict(each) for page in found for each in page["DBSnapshots"]]

    def ours(self, name: str, region: str = REGION) -> list[Json]:
        """Those of them that are available and carry our tags."""
        return [
            each for each in self.points(name, region) if each["Status"] == "available" and TAG_SLOT in tags_of(each)
        ]

    def snapshot(self, step: Step) -> None:
        self.rows = {name: witnessed(self.tale.writers[name].dsn) for name in DATABASES}
        self.lab.fire("backstay-snapshot")
        step.expected = {"orders": 1, "ledger": 1, "scratch-1": 0, "legacy": 0}

        def taken() -> bool:
            step.actual = {name: len(self.ours(name)) for name in step.expected}
            return bool(step.actual == step.expected)

        self.lab.until("the slot's snapshots", taken, seconds=SOON)
        slot = tags_of(self.ours("orders")[0])[TAG_SLOT]
        step.detail = f"slot {slot}: orders and ledger; scratch-1 is exempt, legacy has no tier"

    def copies(self, step: Step) -> None:
        """Nobody calls replicate: the snapshots that have become available wake it."""
        key = self.lab.client("kms", self.home).describe_key(KeyId="alias/backstay")["KeyMetadata"]["Arn"]
        step.expected = {name: {"copies": 1, "key": key, "data_time": self._slot_time(name)} for name in DATABASES}

        def copied() -> bool:
            self.lab.due("backstay-replicate-wakes")  # a batch waits for a minute, which nobody here does
            step.actual = {name: self._copied(name) for name in DATABASES}
            return all(each["copies"] for each in step.actual.values())

        self.lab.until("the copies", copied, seconds=SOON)
        step.detail = f"available in {self.home}, encrypted under its key; their events woke replicate"

    def _slot_time(self, name: str) -> str:
        """When the data of the newest snapshot of ours is from, as RDS tells it at home."""
        found = max(self.ours(name), key=lambda each: str(each["SnapshotCreateTime"]))
        return moment_text(found.get("SnapshotDatabaseTime") or found["SnapshotCreateTime"])

    def _copied(self, name: str) -> Json:
        found = self.ours(name, self.home)
        if not found:
            return {"copies": 0}
        told = found[0].get("SnapshotDatabaseTime")  # a cluster's copy does not tell: our tag does
        text = moment_text(told) if told else tags_of(found[0])[TAG_DATA_TIME]
        return {"copies": len(found), "key": found[0].get("KmsKeyId"), "data_time": text}

    # --- pruning ------------------------------------------------------------------------------------------------------

    def prune_asks(self, step: Step) -> None:
        """400 nights of history, and three points that no rule keeps and nobody may remove."""
        self._seed()
        report = self._pruned({"database": "orders", "dry_run": True})
        self.confirm = report["confirm"]
        (pruned,) = report["pruned"]
        here = next(each for each in pruned["locations"] if each["scope"].endswith(REGION))
        refused = {each["point"].rsplit(":", 1)[1]: each["guard"] for each in here["refused"]}
        step.expected = {"status": "refused", "kept": self._expected(), "refused": {"before-migration": 1, "held": 2,
                         "verified": 7}, "left": HISTORY_DAYS + 4}  # fmt: skip
        step.actual = {
            "status": report["status"],
            "kept": sorted(local_day(each["data_time"]) for each in here["keep"]),
            "refused": {name: guard for name, guard in refused.items() if name in step.expected["refused"]},
            "left": len(self.points("orders")),
        }
        step.detail = report["outcomes"][0]["message"]

    def prune_confirmed(self, step: Step) -> None:
        report = self._pruned({"database": "orders", "confirm": self.confirm})
        step.expected = {"status": "ok", "left": sorted([*self._expected(), "before-migration", "held", "verified"])}
        step.actual = {"status": report["status"], "left": sorted(self._left())}
        step.detail = (
            f"{report['counts'].get('done')} removed, each after another look; {len(step.actual['left'])} stay"
        )

    def _pruned(self, event: Json) -> Json:
        """Prune's Report, whole, from the vault."""
        answer = self.lab.invoke("backstay-prune", event)
        bucket, _, key = answer["report"].removeprefix("s3://").partition("/")
        found = self.lab.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return dict(json.loads(found))

    def _nights(self) -> list[dt.datetime]:
        """At three in the morning, by the clock on the wall, from the night before the newest snapshot back."""
        today = dt.datetime.now(ZONE).date()
        days = [today - dt.timedelta(days=number) for number in range(1, HISTORY_DAYS + 1)]
        return [dt.datetime.combine(day, dt.time(3), tzinfo=ZONE).astimezone(dt.UTC) for day in days]

    def _seed(self) -> None:
        key = self.tale.fleet.instance("orders")["DBInstanceArn"].split(":")
        database = f"aws/{key[4]}/{key[3]}/instance/orders"
        common = {"region": REGION, "source": "orders", "encryption": "sse-kms", "kms_key": self.tale.fleet.key}
        gold = {tag["Key"]: tag["Value"] for tag in GOLD}
        ours = {**gold, TAG_DEPLOYMENT: "backstay", TAG_DATABASE: database}
        nights = [
            {
                **common,
                "identifier": f"seeded-{night:%Y%m%d}",
                "created": night.isoformat(),
                "tags": {**ours, TAG_SLOT: moment_text(night), TAG_DATA_TIME: moment_text(night)},
            }
            for night in self._nights()
        ]
        old = dt.datetime.now(dt.UTC) - dt.timedelta(days=500)
        others: dict[str, Json] = {
            "before-migration": gold,
            "held": {**ours, TAG_HOLD: "court order 7"},
            "verified": {**ours, TAG_VERIFIED: f"{moment_text(old)} drill-1"},
        }
        for number, (name, tags) in enumerate(others.items()):
            made = old - dt.timedelta(hours=number)
            slot = {TAG_SLOT: moment_text(made)} if TAG_DATABASE in tags else {}
            nights.append({**common, "identifier": name, "created": made.isoformat(), "tags": {**tags, **slot}})
        self.lab.rds_admin("POST", "snapshots", {"snapshots": nights})

    def _expected(self) -> list[str]:
        """The days whose points the rule keeps, counted with a calendar and without the product's code."""
        newest = dt.datetime.now(ZONE).date()
        days = [newest, *(night.astimezone(ZONE).date() for night in self._nights())]
        kept: set[dt.date] = set()
        periods: dict[str, Callable[[dt.date], Any]] = {
            "daily": lambda day: day,
            "weekly": lambda day: day.isocalendar()[:2],
            "monthly": lambda day: (day.year, day.month),
            "yearly": lambda day: day.year,
        }
        for kind, count in KEPT.items():
            newest_of: dict[Any, dt.date] = {}
            for day in days:  # newest first
                newest_of.setdefault(periods[kind](day), day)
            kept.update(list(newest_of.values())[:count])
        return sorted(day.isoformat() for day in kept)

    def _left(self) -> list[str]:
        """The local day of each of ours that is left, or the name of one that is no slot's."""
        found = []
        for each in self.points("orders"):
            name = each["DBSnapshotIdentifier"]
            ours = TAG_SLOT in tags_of(each) and name not in ("held", "verified")
            found.append(local_day(moment_text(each["SnapshotCreateTime"])) if ours else name)
        return found

    # --- a region is gone ---------------------------------------------------------------------------------------------

    def region_lost(self, step: Step) -> None:
        self.lab.rds_admin("POST", "regions", {"region": REGION, "state": "off"})
        step.expected = {"reachable": False}
        try:
            self.tale.fleet.instance("orders")
            step.actual = {"reachable": True}
        except Exception as exc:  # noqa: BLE001  # whatever the SDK makes of an outage
            step.actual, step.detail = {"reachable": False}, f"{REGION} answers nothing: {type(exc).__name__}"

    def restore_copies(self, step: Step) -> None:
        """Both at once, each from its copy in the region that is left, by the function that runs there."""
        step.expected = {name: {"front_door": "pending", "runner": "ok", "login": True} for name in DATABASES}
        answers = {name: self.lab.invoke("backstay-restore", self._event(name)) for name in DATABASES}
        step.actual = {name: self._ended(name, answer) for name, answer in answers.items()}
        shown = [f"{answer.get('target')} in {self.home}" for answer in answers.values()]
        step.detail = f"{' and '.join(shown)}, with {REGION} switched off"

    def _event(self, name: str) -> Json:
        copy = self.ours(name, self.home)[0]
        arn = copy["DBClusterSnapshotArn" if name == "ledger" else "DBSnapshotArn"]
        return {"database": name, "region": self.home, "snapshot": arn}

    def _ended(self, name: str, answer: Json) -> Json:
        if answer["status"] != "pending":
            return {"front_door": answer["status"], "why": answer.get("refusal", answer.get("error"))}
        ended = self.lab.durable(answer["execution"]["id"], seconds=SOON)
        report = json.loads(ended.get("Result") or "{}")
        self.tale.reports[f"{name}-copy"] = report
        return {
            "front_door": answer["status"],
            "runner": report.get("status", (ended.get("Error") or {}).get("ErrorMessage")),
            "login": str(report.get("server", "")).startswith("PostgreSQL"),
        }

    def compare_copies(self, step: Step) -> None:
        """What every commit left beside its row, as counted before the snapshot, against the restored servers."""
        step.expected = self.rows
        step.actual = {
            name: witnessed(self.tale.login(self.tale.reports[f"{name}-copy"], self.home)) for name in DATABASES
        }
        step.detail = ", ".join(f"{name}: {each['rows']} rows" for name, each in step.actual.items())


def tags_of(answer: Json) -> dict[str, str]:
    """Its tags."""
    return {tag["Key"]: tag["Value"] for tag in answer.get("TagList", ())}


def moment_text(moment: dt.datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def local_day(text: str) -> str:
    """The day of a moment in the policy's time zone."""
    return dt.datetime.fromisoformat(text).astimezone(ZONE).date().isoformat()
