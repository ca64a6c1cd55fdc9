"""How long a changed setting stays as it is: from the event on the bus to protect's Modify call, in the lab.

Somebody turns a setting off; CloudTrail's event wakes audit, its finding wakes protect, which calls Modify. The two
functions start cold for the first change of twenty, which p95 leaves out and the row says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tests.bench.table import Row
from tests.lab.cloud import deploy
from tests.lab.cloud.lab import LAB_PYTHON, Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION: Final = "eu-west-2"  # not home: the event is forwarded
_SETTINGS: Final = ("DeletionProtection", "CopyTagsToSnapshot")
_SOON: Final = 60.0
_QUIET: Final = 0.5
_POLICY: Final = """\
version: 1
tiers:
  - name: gold
    match: {tags: {backup-tier: gold}}
    pitr: {window: 1d, apply: immediately}
    require: [deletion_protection, copy_tags]
    enforce: [deletion_protection, copy_tags]
"""
_EMPTY: Final = """\
Transform: AWS::Serverless-2016-10-31
Resources:
"""
_FUNCTION: Final = """\
  Empty{number}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: empty-{number}
      Runtime: python3.13
      Handler: empty.handler
      CodeUri: ./
      AutoPublishAlias: live
      Timeout: 20
"""
_CODE: Final = b"def handler(event, context):\n    return {}\n"


def rows(*, quick: bool) -> Iterator[Row]:
    """One row; ``quick`` repairs one database."""
    name = "repair: event to Modify, p95"
    if not LAB_PYTHON.exists():
        yield Row(name, None, 3.0, how="no lab here: `make setup` makes it")
        return
    with Lab.start() as lab:
        _Fleet(lab).create(1 if quick else 10)
        lab.deploy(policy=_POLICY)
        empty = _empty_start(lab, 1 if quick else 5)
        spans = _Fleet(lab).repairs()
    p95 = sorted(spans)[-(-len(spans) * 95 // 100) - 1]
    median = sorted(spans)[len(spans) // 2]
    how = (
        f"{p95:.2f} s, median {median:.2f} s of {len(spans)} changes; the first, with both functions cold, "
        f"{spans[0]:.2f} s; an empty handler starts in {empty:.2f} s"
    )
    yield Row(name, p95 / empty, 3.0, how=how)


def _empty_start(lab: Lab, count: int) -> float:
    """From the call to the answer of a function that was never called and does nothing; the median of several."""
    template = _EMPTY + "".join(_FUNCTION.format(number=number) for number in range(count))
    lab.deploy_stack("empty", template, code=deploy.archive({"empty.py": _CODE}))
    spans = []
    for number in range(count):
        began = time.perf_counter()
        lab.invoke(f"empty-{number}", {})
        spans.append(time.perf_counter() - began)
    return sorted(spans)[count // 2]


@dataclass(frozen=True, slots=True)
class _Fleet:
    lab: Lab

    @property
    def _rds(self) -> Any:
        return self.lab.client("rds", REGION)

    def create(self, count: int) -> None:
        rds = self._rds
        for number in range(count):
            rds.create_db_instance(
                DBInstanceIdentifier=f"db-{number}",
                Engine="postgres",
                DBInstanceClass="db.t4g.medium",
                AllocatedStorage=20,
                BackupRetentionPeriod=1,
                Tags=[{"Key": "backup-tier", "Value": "gold"}],
                MasterUsername="master",
                MasterUserPassword="made-up-for-the-lab",
                **dict.fromkeys(_SETTINGS, True),
            )
        self.lab.until("the fleet", lambda: len(self._there()) == count, seconds=_SOON)

    def _there(self) -> list[dict[str, Any]]:
        found = self._rds.describe_db_instances()["DBInstances"]
        return [each for each in found if each["DBInstanceStatus"] == "available"]

    def repairs(self) -> list[float]:
        """One setting of one database after the other, so that no change waits for another's repair."""
        names = sorted(each["DBInstanceIdentifier"] for each in self._there())
        return [self._repair(name, setting) for setting in _SETTINGS for name in names]

    def _repair(self, name: str, setting: str) -> float:
        self.lab.until("the functions to be done", self._quiet, seconds=_SOON)
        before = len(self._modified(name))
        self._rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **{setting: False})
        ours = self.lab.until(f"{name}'s repair", lambda: self._modified(name)[before + 1 :], seconds=_SOON)
        theirs = self._modified(name)[before]
        return (_at(ours[0]) - _at(theirs)).total_seconds()

    def _modified(self, name: str) -> list[dict[str, Any]]:
        calls = self.lab.calls(action="rds:ModifyDBInstance")
        return [call for call in calls if name in (call["resources"] or [""])[0].split(":")]

    def _quiet(self) -> bool:
        before = len(self.lab.invocations())
        time.sleep(_QUIET)
        return len(self.lab.invocations()) == before


def _at(call: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(call["time"])
