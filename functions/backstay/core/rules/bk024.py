"""BK024: would start restoring right now: the restore's own preflight, to the newest moment, creating nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from backstay.core.decide.restore import default_target, preflight
from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown
from backstay.core.model import Database, utc_text
from backstay.core.requests import RestoreRunRequest
from backstay.core.rules.base import Answer, Judged, Rule, Subject, primary
from backstay.core.surroundings import around


def check(subject: Subject) -> Judged:
    """Pass, Fail with every check that would stop the restore, Skipped, or Unknown with those that could not be made.

    What fails for sure is a Fail even when other checks could not be made.
    """
    database, tier = subject.database, primary(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    if tier.objectives is None:
        return Judged(Skipped("not asked"))
    checks = preflight(database.id, _newest(database, subject.now), around(database, subject.surroundings), subject.now)
    failed = [each.message for each in checks if each.ok is False]
    if failed:
        return Judged(Fail("; ".join(failed)))
    unmade = [each.message for each in checks if each.ok is None]
    if unmade:
        return Judged(Unknown("; ".join(dict.fromkeys(unmade))))
    return Judged(Pass("a restore would start now"))


def _newest(database: Database, now: datetime) -> RestoreRunRequest:
    """What the front door makes of ``latest`` and no target. The listing is a little younger than ``now``."""
    moment = min(database.window.latest, now) if database.window else now
    return RestoreRunRequest(
        database=database.id.key,
        target=default_target(database.id, database, moment, None),
        request_id="",
        moment=utc_text(moment),
    )


RULE: Final = Rule(
    id="BK024",
    title="Would start restoring right now",
    severity=Severity.HIGH,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier has objectives",
    why="A restore is refused for a key, a group, a class that is no longer sold, a full subnet or a quota: better "
    "found on a quiet day.",
    fix="Mend what the message names; `backstay restore DATABASE --to latest --dry-run` shows each check.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html",
    answers=(Answer("NIST 800-53", "r5", "CP-10"),),
    check=check,
)
