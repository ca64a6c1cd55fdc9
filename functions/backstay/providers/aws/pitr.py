"""``PitrControl`` over RDS: one modify call per action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.decide.protect import COPY_TAGS, DELETION_PROTECTION, RETENTION, WITHDRAW
from backstay.core.model import Kind
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from mypy_boto3_rds.client import RDSClient

    from backstay.core.model import ChangeSettings

_PARAMETERS: Final = {
    RETENTION: "BackupRetentionPeriod",
    WITHDRAW: "BackupRetentionPeriod",
    COPY_TAGS: "CopyTagsToSnapshot",
    DELETION_PROTECTION: "DeletionProtection",
}


class RdsPitrControl:
    """Changes settings of instances and clusters in one region."""

    def __init__(self, rds: RDSClient) -> None:
        self._rds = rds

    def change(self, action: ChangeSettings) -> None:
        """See ``PitrControl.change``. ``ApplyImmediately`` is sent only when asked: it flushes all that is pending."""
        parameters: dict[str, Any] = {_PARAMETERS[change.setting]: change.after for change in action.changes}
        if action.immediately:
            parameters["ApplyImmediately"] = True
        name = action.database.name
        if action.database.kind is Kind.INSTANCE:
            with calling("rds:ModifyDBInstance"):
                self._rds.modify_db_instance(DBInstanceIdentifier=name, **parameters)
        else:
            with calling("rds:ModifyDBCluster"):
                self._rds.modify_db_cluster(DBClusterIdentifier=name, **parameters)
