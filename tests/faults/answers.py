"""What moto does not answer, or not as the service does: the lab's own handlers, and JSON by the services' models."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.validate import ParamValidator
from moto.rds.models import rds_backends

from tests.handlers.cloud import ACCOUNT, PASSWORD
from tests.lab.rds import serialize
from tests.lab.rds.lab import Call as LabCall
from tests.lab.rds.model import Fault, operation
from tests.lab.rds.parse import read_body
from tests.lab.rds.registry import OPERATIONS
from tests.lab.rds.state import Group, Region

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel

    from tests.faults.wire import Answer, Call

_XML: Final = {"content-type": "text/xml"}
JSON: Final = {"content-type": "application/json"}


def of_the_lab(call: Call, body: bytes) -> Answer:
    """As the lab's RDS answers: what can be ordered, quotas of a region without databases, moto's option groups."""
    model, arguments = read_body(body.decode())
    region = Region(call.region, ACCOUNT)
    for each in rds_backends[ACCOUNT][call.region].option_groups.values():  # moto lists none without a name
        group = Group(
            each.name, each.arn, each.description or "", engine=each.engine_name, major=each.major_engine_version
        )
        region.option_groups[each.name] = group
    asked: Any = LabCall(None, region, "", None)  # type: ignore[arg-type]  # these handlers read no more of it
    try:
        return xml(model, OPERATIONS[model.name].handler(asked, arguments))
    except Fault as fault:
        return fault.status, _XML, serialize.error(fault, "1").encode()


def backups(call: Call, _: bytes) -> Answer:
    """The instance's window, of a week."""
    latest = datetime.now(UTC)
    window = {"EarliestTime": latest - timedelta(days=7), "LatestTime": latest}
    backup = {"DBInstanceIdentifier": call.what, "Status": "active", "RestoreWindow": window}
    model = operation("DescribeDBInstanceAutomatedBackups")
    assert model is not None
    return xml(model, {"DBInstanceAutomatedBackups": [backup]})


def replicated(call: Call, body: bytes) -> Answer:
    """Asked for where they are to go; from then on the instance tells of it where it lives."""
    model, arguments = read_body(body.decode())
    _, _, _, region, account, _, name = str(arguments["SourceDBInstanceArn"]).split(":")
    there: Any = rds_backends[account][region].databases[name]
    arn = f"arn:aws:rds:{call.region}:{account}:auto-backup:ab-{name}"
    there.db_instance_automated_backups_replications = [{"DBInstanceAutomatedBackupsArn": arn}]
    backup = {"DBInstanceArn": there.arn, "DBInstanceAutomatedBackupsArn": arn, "Status": "pending", "Region": region}
    return xml(model, {"DBInstanceAutomatedBackup": backup})


def secret(call: Call, _: bytes) -> Answer:
    """The login that RDS would keep."""
    value = json.dumps({"username": "app_admin", "password": PASSWORD})
    return as_json("secretsmanager", call.operation, {"ARN": "arn:aws:secretsmanager:x", "SecretString": value})


def xml(model: OperationModel, result: dict[str, Any]) -> Answer:
    """RDS's answer."""
    return 200, _XML, serialize.answer(model, result, "1").encode()


def as_json(service: str, name: str, result: dict[str, Any]) -> Answer:
    """A JSON service's answer, which its model allows."""
    shape = _model(service).operation_model(name).output_shape
    assert shape is not None
    report = ParamValidator().validate(result, shape)
    assert not report.has_errors(), report.generate_report()
    return 200, JSON, json.dumps(result, default=str).encode()


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
