"""BK025: backed up while it runs undisturbed: the backup window and the maintenance window do not meet."""

from __future__ import annotations

import re
from typing import Final

from backstay.core.findings import Fail, Pass, Severity, Skipped, Unknown, Verdict
from backstay.core.model import State
from backstay.core.rules.base import Answer, Judged, Rule, Subject, primary

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = 24 * 60
_WEEK: Final = 7 * _DAY
# RDS API reference, PreferredBackupWindow and PreferredMaintenanceWindow; both in UTC.
_DAILY: Final = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_WEEKLY: Final = re.compile(rf"({'|'.join(_DAYS)}):(\d\d):(\d\d)-({'|'.join(_DAYS)}):(\d\d):(\d\d)", re.IGNORECASE)


def check(subject: Subject) -> Judged:
    """Pass, Fail, Skipped where no backups are asked or none run; Unknown for windows that cannot be read."""
    database, tier = subject.database, primary(subject)
    if isinstance(tier, Skipped):
        return Judged(tier)
    if tier.pitr is None:
        return Judged(Skipped("not asked"))
    if database.state is State.STOPPED:
        return Judged(Skipped("is stopped: it is not backed up before it runs again"))
    return Judged(_verdict(database.config.backup_window, database.config.maintenance_window))


def _verdict(backup: str, maintenance: str) -> Verdict:
    daily, weekly = _DAILY.fullmatch(backup), _WEEKLY.fullmatch(maintenance)
    if not daily or not weekly:
        return Unknown(
            f"windows that cannot be read: backup {backup or 'missing'}, maintenance {maintenance or 'missing'}"
        )
    text = f"backup {backup}, maintenance {maintenance} (UTC)"
    return Fail(f"backed up during maintenance: {text}") if _meet(daily, weekly) else Pass(text)


def _meet(daily: re.Match[str], weekly: re.Match[str]) -> bool:
    """Whether any day's backup window shares a minute with the maintenance window; both may wrap around."""
    first, last = _minute(daily[1], daily[2]), _minute(daily[3], daily[4])
    begin = _DAYS.index(weekly[1].lower()) * _DAY + _minute(weekly[2], weekly[3])
    end = _DAYS.index(weekly[4].lower()) * _DAY + _minute(weekly[5], weekly[6])
    length, span = (last - first) % _DAY, (end - begin) % _WEEK
    starts = [(day * _DAY + first - begin) % _WEEK for day in range(len(_DAYS))]
    return any(start < span or start + length > _WEEK for start in starts)


def _minute(hours: str, minutes: str) -> int:
    return int(hours) * 60 + int(minutes)


RULE: Final = Rule(
    id="BK025",
    title="Backed up outside its maintenance window",
    severity=Severity.LOW,
    applies_to="RDS DB instances that are no replicas, Aurora and Multi-AZ DB clusters, where the tier asks for pitr",
    why="A restart during the backup window fails the backup of that day; a stopped database is not backed up at all.",
    fix="Move one of the two windows. RDS wants them apart by itself; one that was moved long ago may not be.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupWindow.html",
    answers=(Answer("NIST 800-53", "r5", "CP-9"),),
    check=check,
)
