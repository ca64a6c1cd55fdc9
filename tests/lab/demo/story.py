"""The story: a fleet is audited and repaired by deployed functions, and a dropped table comes back, twice."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backstay.workflows.reports import every_verdict
from tests.lab.demo.copies import Copies
from tests.lab.demo.fleet import DBNAME, REGION, Fleet
from tests.lab.demo.rows import Writer, restored

if TYPE_CHECKING:
    from tests.lab.cloud.lab import Lab
    from tests.lab.demo.steps import Step, Story

HERE = Path(__file__).resolve().parent
EVENTS = HERE.parents[2] / "events"
POLICY = HERE / "policy.yaml"
WINDOW = 14
# What audit must find on the fleet as somebody left it; everything else must be green or not asked.
FOUND = {
    "orders": ["BK001", "BK002", "BK010", "BK011", "BK024"],
    "ledger": ["BK001", "BK010", "BK011"],
    "legacy": ["BK003"],
}
GREEN: dict[str, list[str]] = {"legacy": ["BK003"]}
SOON = 75.0


@dataclass(slots=True)
class Tale:
    """The fleet, its writers, and the steps in the order in which `tell` tells them."""

    lab: Lab
    story: Story
    fleet: Fleet
    writers: dict[str, Writer] = field(default_factory=dict)
    moments: dict[str, dt.datetime] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tell(self) -> None:
        """Every step; StepFailed at the first that sees something other than expected."""
        second = Copies(self)
        steps = {
            "fleet": self.found_fleet,
            "deploy": self.deploy,
            "audit-finds": self.audit_finds,
            "protect-repairs": self.protect_repairs,
            "undo-is-repaired": self.undo_is_repaired,
            "drop-orders": lambda step: self.drop(step, "orders"),
            "restore-orders": lambda step: self.restore(step, "orders"),
            "compare-orders": lambda step: self.compare(step, "orders"),
            "clicked-twice": self.clicked_twice,
            "drop-ledger": lambda step: self.drop(step, "ledger"),
            "restore-ledger": lambda step: self.restore(step, "ledger"),
            "compare-ledger": lambda step: self.compare(step, "ledger"),
            **second.steps(),
            "audit-is-green": self.audit_is_green,
            "nothing-changes": self.nothing_changes,
            **second.last_steps(),
        }
        for name, work in steps.items():
            self.story.tell(name, work)

    def found_fleet(self, step: Step) -> None:
        self.fleet.create()
        for name in ("orders", "ledger"):
            self.writers[name] = Writer(self.fleet.dsn(name))
        step.expected = {"orders": 0, "ledger": 1, "scratch-1": 1, "legacy": 1}
        step.actual = {
            name: (self.fleet.cluster(name) if name == "ledger" else self.fleet.instance(name))["BackupRetentionPeriod"]
            for name in step.expected
        }
        step.detail = (
            "orders (PITR off), ledger (Aurora, 1 day), scratch-1 (exempt), legacy (no tier); rows are written"
        )

    def deploy(self, step: Step) -> None:
        stack = self.lab.deploy(policy=POLICY.read_text(encoding="utf-8"))
        verbs = ("audit", "protect", "prune", "replicate", "restore", "restore-run", "snapshot")
        step.expected = [f"backstay-{verb}" for verb in verbs]
        step.actual = sorted(each["name"] for each in self.lab.functions())
        step.detail = f"template.yaml and infra/region.yaml, {len(stack.outputs)} outputs, {len(verbs)} functions"

    # --- audit and repair ---------------------------------------------------------------------------------------------

    def audit_finds(self, step: Step) -> None:
        self.lab.fire("backstay-audit")
        report = self.lab.until("the audit's report", lambda: self._report("audit"), seconds=SOON)
        step.expected, step.actual = FOUND, _failing(report)
        texts = [f"{each['database']['name']}: {each['message']}" for each in report["findings"] if _fails(each)]
        step.detail = "; ".join(texts)

    def protect_repairs(self, step: Step) -> None:
        """Nobody calls protect: the findings that audit put on the bus do. One Modify call for each database."""
        step.expected = {"orders": [WINDOW, 1], "ledger": [WINDOW, 1]}
        self._settle(step, lambda: {name: [self._retention(name), self._repairs(name)] for name in step.expected})
        step.detail = "findings woke protect: one Modify call each, windows now 14 days"

    def undo_is_repaired(self, step: Step) -> None:
        status = "DBInstanceStatus"  # the repair has started a first backup
        self.lab.until("orders", lambda: self.fleet.instance("orders")[status] == "available", seconds=SOON)
        self.fleet.rds.modify_db_instance(DBInstanceIdentifier="orders", BackupRetentionPeriod=0, ApplyImmediately=True)
        step.expected = {"window": WINDOW, "repairs": 2}
        self._settle(step, lambda: {"window": self._retention("orders"), "repairs": self._repairs("orders")})
        step.detail = "somebody turned backups off; CloudTrail woke audit, its finding woke protect, once"

    def _settle(self, step: Step, look: Any) -> None:
        """Wait until `look` sees what is expected, then make sure that it stays so while events are still arriving."""

        def seen() -> bool:
            step.actual = look()
            return bool(step.actual == step.expected)

        self.lab.until(f"{step.name}: {step.expected}", seen, seconds=SOON)
        self._quiet()
        step.actual = look()

    def _quiet(self) -> None:
        """Wait until no function has run for a while: nothing more is on its way."""
        last = -1

        def still() -> bool:
            nonlocal last
            before, last = last, len(self.lab.invocations())
            return before == last

        still()
        self.lab.until("the functions to be done", lambda: _after(1.5) and still(), seconds=SOON)

    def _retention(self, name: str) -> int:
        found = self.fleet.cluster(name) if name == "ledger" else self.fleet.instance(name)
        return int(found["BackupRetentionPeriod"])

    def _repairs(self, name: str) -> int:
        """How many Modify calls of protect a database has accepted."""
        calls = self.lab.calls(function="backstay-protect")
        named = [call for call in calls if call["action"].startswith("rds:ModifyDB") and call["error"] is None]
        return sum(name in (call["resources"] or [""])[0].split(":") for call in named)

    def _report(self, verb: str, after: int = 0) -> dict[str, Any] | None:
        """The newest Report of a fleet-wide run, once there are more than `after` of them."""
        s3 = self.lab.client("s3")
        vault = f"backstay-vault-{self.lab.account}-{self.lab.region}"
        beat = s3.list_object_versions(Bucket=vault, Prefix=f"heartbeat/{verb}.json").get("Versions", [])
        if len(beat) <= after:
            return None
        key = json.loads(s3.get_object(Bucket=vault, Key=f"heartbeat/{verb}.json")["Body"].read())["report"]
        return dict(json.loads(s3.get_object(Bucket=vault, Key=key)["Body"].read()))

    def _audits(self) -> int:
        vault = f"backstay-vault-{self.lab.account}-{self.lab.region}"
        found = self.lab.client("s3").list_object_versions(Bucket=vault, Prefix="heartbeat/audit.json")
        return len(found.get("Versions", []))

    # --- the incident -------------------------------------------------------------------------------------------------

    def drop(self, step: Step, name: str) -> None:
        """One second before the drop is the moment that the engineer will ask for; it must be restorable first."""
        writer = self.writers[name]
        self.lab.until(f"a recovery window of {name}", lambda: self._window(name), seconds=SOON)
        began = dt.datetime.now(dt.UTC)
        self.lab.until("rows on both sides of the moment", lambda: _since(began) > 3, seconds=SOON)
        dropped = writer.drop()
        moment = (dropped - dt.timedelta(seconds=1)).replace(microsecond=0)
        self.moments[name] = moment
        self.lab.until(f"{moment} to be restorable", lambda: (self._window(name) or began) >= moment, seconds=SOON)
        step.expected = {"table": False, "rows_after_the_moment": True, "rows_before": True}
        step.actual = {
            "table": self._has_table(writer.dsn),
            "rows_after_the_moment": writer.later(moment) > 0,
            "rows_before": writer.expected(moment)["rows"] > 0,
        }
        step.detail = f"DROP TABLE committed {dropped:%H:%M:%S.%f}; asked for {moment:%H:%M:%S}"

    @staticmethod
    def _has_table(dsn: str) -> bool:
        try:
            return bool(restored(dsn))
        except Exception as exc:  # the driver's own error for a table that is not there
            if "does not exist" not in str(exc):
                raise
            return False

    def _window(self, name: str) -> dt.datetime | None:
        found = self.fleet.cluster(name) if name == "ledger" else self.fleet.instance(name)
        latest: dt.datetime | None = found.get("LatestRestorableTime")
        return latest

    def event(self, name: str) -> dict[str, Any]:
        """The event that an engineer pastes from events/restore-pitr.json, with database and moment filled in."""
        sample: dict[str, Any] = json.loads((EVENTS / "restore-pitr.json").read_text(encoding="utf-8"))
        return sample | {"database": name, "to": self.moments[name].isoformat().replace("+00:00", "Z")}

    def restore(self, step: Step, name: str) -> None:
        step.expected = {"front_door": "pending", "runner": "ok", "login": True, "lacking": []}
        began = dt.datetime.now(dt.UTC)
        answer = self.lab.invoke("backstay-restore", self.event(name))
        front = _since(began)
        if answer["status"] != "pending":
            step.actual = {"front_door": answer["status"], "why": answer.get("refusal", answer.get("error"))}
            return
        ended = self.lab.durable(answer["execution"]["id"], seconds=SOON)
        report = json.loads(ended.get("Result") or "{}")
        self.reports[name] = report
        step.actual = {
            "front_door": answer["status"],
            "runner": report.get("status", ended["Status"]),
            "login": str(report.get("server", "")).startswith("PostgreSQL"),
            "lacking": report.get("lacking", (ended.get("Error") or {}).get("ErrorMessage")),
        }
        phases = ", ".join(f"{phase['name']} {phase['seconds']:.1f}" for phase in report.get("phases", ()))
        step.detail = f"front door {front:.1f} s; {answer['target']}: {phases} s; {report.get('server')}"

    def compare(self, step: Step, name: str) -> None:
        """Logs in as the engineer would, by the report's endpoint and secret, and lets both servers count."""
        step.expected = self.writers[name].expected(self.moments[name])
        step.actual = restored(self.login(self.reports[name]))
        step.detail = f"{step.actual['rows']} rows, digest {step.actual['digest'][:12]} in both servers"

    def login(self, report: dict[str, Any], region: str = REGION) -> str:
        """How the engineer logs in to a restored database: by the report's endpoint and secret."""
        secrets = self.lab.client("secretsmanager", region)
        login = json.loads(secrets.get_secret_value(SecretId=report["secret"])["SecretString"])
        where = report["endpoint"]
        return (
            f"host={where['host']} port={where['port']} user={login['username']} password='{login['password']}' "
            f"dbname={DBNAME} sslmode=verify-full sslrootcert={self.lab.ca_bundle}"
        )

    def clicked_twice(self, step: Step) -> None:
        answer = self.lab.invoke("backstay-restore", self.event("orders"))
        calls = self.lab.calls(function="backstay-restore-run", action="rds:RestoreDBInstanceToPointInTime")
        step.expected = {"started": False, "target": self.reports["orders"]["target"], "restore_calls": 1}
        step.actual = {
            "started": answer["execution"]["started"],
            "target": answer["target"],
            "restore_calls": len(calls),
        }
        step.detail = "the same event again is the same restore: nothing was started"

    # --- the end ------------------------------------------------------------------------------------------------------

    def audit_is_green(self, step: Step) -> None:
        report = self._audit_again()
        step.expected, step.actual = GREEN, _failing(report)
        rpo = {
            each["database"]["name"]: each["measured"]["rpo_seconds"]
            for each in every_verdict(report)
            if each["rule"] == "BK002" and each["verdict"] == "pass" and each["database"]["name"] in self.writers
        }
        step.detail = "measured RPO: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(rpo.items()))

    def nothing_changes(self, step: Step) -> None:
        """A second audit of an unchanged fleet tells nothing and changes nothing."""
        self._quiet()
        before = self._mutations()
        report = self._audit_again()
        self._quiet()
        step.expected = {"told": 0, "changes": 0, "repairs": {"orders": 2, "ledger": 1}}
        step.actual = {
            "told": report["changed"],
            "changes": self._mutations() - before,
            "repairs": {name: self._repairs(name) for name in ("orders", "ledger")},
        }
        step.detail = "no event but the heartbeat, no call that changes a database"

    def _audit_again(self) -> dict[str, Any]:
        before = self._audits()
        self.lab.fire("backstay-audit")
        return dict(self.lab.until("another audit", lambda: self._report("audit", before), seconds=SOON))

    def _mutations(self) -> int:
        """Calls of ours that are no mere looking: on RDS, and on the bus."""
        ours = [
            call for call in self.lab.calls() if call["function"] and call["action"].split(":")[0] in ("rds", "events")
        ]
        looking = ("rds:Describe", "events:List")
        return sum(not call["action"].startswith(looking) and not is_heartbeat(call) for call in ours)


def is_heartbeat(call: dict[str, Any]) -> bool:
    """Whether a recorded call puts *Backstay Heartbeat* on the bus, and so tells nothing of the fleet."""
    return '"Backstay Heartbeat"' in json.dumps(call["parameters"].get("Entries")).replace("\\", "")


def _fails(finding: dict[str, Any]) -> bool:
    return finding["verdict"] not in ("pass", "skipped")


def _failing(report: dict[str, Any]) -> dict[str, list[str]]:
    """Database name to the rules that are not green."""
    found: dict[str, list[str]] = {}
    for finding in report["findings"]:
        if _fails(finding):
            found.setdefault(finding["database"]["name"], []).append(finding["rule"])
    return found


def _since(began: dt.datetime) -> float:
    return (dt.datetime.now(dt.UTC) - began).total_seconds()


def _after(seconds: float) -> bool:
    import time  # noqa: PLC0415

    time.sleep(seconds)
    return True
