"""What a planned change would cost: an estimate, with what it assumes, or unknown with the reason.

The facts give the provisioned storage and the days that are added. How much of the data changes a day, no listing
tells, so it is assumed; what an Aurora volume holds, no listing tells either, so there it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backstay.core.decide.protect import RETENTION
from backstay.core.model import ChangeSettings

if TYPE_CHECKING:
    from backstay.core.actions import Action
    from backstay.core.model import Database

# List prices in USD per GiB and month of backup storage beyond what is free: a reference, since other regions differ
# (eu-west-2: 0.10 and 0.022), and a contract does too. Nothing here asks AWS for its prices. RDS:ChargedBackupUsage is
# of the price list published on 2026-08-12; Aurora:BackupUsage of that of 2026-08-06, in eu-west-1, which has the same.
PRICE_REGION: Final = "us-east-1"
PRICES_AS_OF: Final = "2026-08"
PRICE_SOURCES: Final = (
    "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonRDS/current/us-east-1/index.json",
    "https://aws.amazon.com/rds/aurora/pricing/",
    "https://aws.amazon.com/blogs/database/demystifying-amazon-rds-backup-storage-costs/",
)
RDS_GB_MONTH: Final = 0.095
AURORA_GB_MONTH: Final = 0.021
# Our assumption, not a measurement: backups are incremental, and each day adds what changed.
DAILY_CHANGE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What a change adds to backup storage and to the bill.

    Attributes:
        gb: GiB of backups that are kept more; None when unknown.
        usd: a month, at list price; None when unknown.
        unknown: why it is; empty when it is known.
    """

    gb: float | None
    usd: float | None
    unknown: str = ""


def estimate(database: Database, action: Action | None) -> Cost:
    """What the action adds. Only a longer retention adds anything.

    A first backup is as large as the provisioned storage at most, and that much is free (Amazon RDS pricing, "Backup
    Storage": 100 % of a region's provisioned storage): what the added days change is charged.
    """
    changes = action.changes if isinstance(action, ChangeSettings) else ()
    change = next((each for each in changes if each.setting == RETENTION), None)
    if change is None or not isinstance(change.before, int) or not isinstance(change.after, int):
        return Cost(0.0, 0.0)
    if database.engine.startswith("aurora"):
        why = f"what its volume holds is not listed; ${AURORA_GB_MONTH} per GB and month beyond that, {PRICE_REGION}"
        return Cost(None, None, why)
    if database.storage_gb is None:
        return Cost(None, None, "its provisioned storage is not listed")
    charged = database.storage_gb * DAILY_CHANGE * (change.after - change.before)
    first = 0 if change.before else database.storage_gb
    return Cost(round(first + charged, 1), round(charged * RDS_GB_MONTH, 2))
