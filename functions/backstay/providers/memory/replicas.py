"""Replicated automated backups in memory.

Source: RDS API reference, StartDBInstanceAutomatedBackupsReplication; RDS user guide, "Replicating automated backups".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backstay.core.errors import Conflict, Rejected
from backstay.core.model import Kind, RecoveryWindow
from backstay.core.points import OWNED_KEY, ReplicatedBackups
from backstay.providers.memory.limits import BAD_COMBINATION, BAD_VALUE, REPLICAS

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from backstay.core.actions import ReplicateBackups
    from backstay.core.model import Database, Scope

_LONGEST_DAYS: Final = 35


@dataclass(slots=True)
class Replica:
    """What is kept in ``to`` of an instance's backups; nothing can be restored before the first one has come.

    Attributes:
        source: ARN of the instance.
        looks: how many looks pass before the first backup is there.
        span: how long that takes.
    """

    source: str
    to: Scope
    arn: str
    begun: datetime
    looks: int
    span: timedelta
    done: bool = False

    def looked(self, now: datetime) -> ReplicatedBackups:
        """As somebody sees it who looks now."""
        self.done = self.done or (self.looks <= 0 and now - self.begun >= self.span)
        self.looks -= 1
        return ReplicatedBackups(
            arn=self.arn,
            scope=self.to,
            source=self.source,
            status="replicating" if self.done else "pending",
            window=RecoveryWindow(self.begun, max(self.begun, now)) if self.done else None,
        )


def check_replication(source: Database, action: ReplicateBackups, there: int) -> None:
    """Whether that instance's backups can be replicated so, where so many are replicated to already.

    Raises:
        Conflict: they are off, or replicated.
        Rejected: anything else that RDS refuses.
    """
    home, to = source.id.scope, action.to
    if source.id.kind is not Kind.INSTANCE or home.region == to.region or home.account != to.account:
        raise Rejected(f"backups of {source.name} cannot be replicated to {to}", code=BAD_VALUE)
    if not source.retention or source.replicated_to:
        state = "replicated already" if source.replicated_to else "off"
        raise Conflict(f"automated backups of {source.name} are {state}", code="InvalidDBInstanceState")
    if not 1 <= action.days <= _LONGEST_DAYS:
        raise Rejected(f"{action.days} d is not between 1 and {_LONGEST_DAYS}", code=BAD_VALUE)
    encrypted = bool(source.config.kms_key) or source.config.encryption == OWNED_KEY
    if bool(action.kms_key) is not encrypted:
        raise Rejected(f"{source.name} and what is kept of it are both encrypted, or neither", code=BAD_COMBINATION)
    if there >= REPLICAS:
        message = f"{there} of {REPLICAS} instances are replicated to {to}"
        raise Rejected(message, code="DBInstanceAutomatedBackupQuotaExceeded")
