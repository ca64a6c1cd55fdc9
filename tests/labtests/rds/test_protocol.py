"""The query protocol is read strictly: botocore's model is the judge both ways."""

from __future__ import annotations

import datetime as dt
import http.client
import re
import socket
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from tests.lab.rds import serialize
from tests.lab.rds.model import fault, operation
from tests.lab.rds.registry import OPERATIONS
from tests.labtests.rds.conftest import REGION, Rds, code_of
from tests.labtests.rds.standin import ACCOUNT

SIGNED = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{{region}}/{{service}}/aws4_request, SignedHeaders=host, "


def post(rds: Rds, body: str, *, region: str = REGION, service: str = "rds", signed: bool = True) -> tuple[int, str]:
    """Send a raw request; returns the status and the error code (or 'ok')."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if signed:
        headers["Authorization"] = SIGNED.format(region=region, service=service) + "Signature=0"
    connection = http.client.HTTPConnection("127.0.0.1", rds.process.port, timeout=10)
    try:
        connection.request("POST", "/", body.encode(), headers)
        reply = connection.getresponse()
        found = re.search(r"<Code>([^<]+)</Code>", reply.read().decode())
    finally:
        connection.close()
    return reply.status, found[1] if found else "ok"


def query(action: str, **parameters: str) -> str:
    return urllib.parse.urlencode({"Action": action, "Version": "2014-10-31", **parameters})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (query("DescribeDBInstances"), 200, "ok"),
        (query("DescribeDBInstances", Colour="red"), 400, "InvalidParameterValue"),
        (query("DescribeDBInstances") + "&MaxRecords=20&MaxRecords=30", 404, "MalformedQueryString"),
        (query("DescribeDBInstances", MaxRecords="many"), 400, "MalformedInput"),
        (query("DescribeDBInstances", **{"MaxRecords.1": "20"}), 400, "MalformedInput"),
        (query("ModifyDBInstance", DBInstanceIdentifier="x", ApplyImmediately="yes"), 400, "MalformedInput"),
        (query("ModifyDBInstance", ApplyImmediately="true"), 400, "MissingParameter"),
        (query("DescribeEvents", StartTime="2026-01-01T00:00:00"), 400, "MalformedInput"),
        (query("Frobnicate"), 400, "InvalidAction"),
        ("Action=DescribeDBInstances&Version=2013-01-01", 400, "InvalidAction"),
        ("Version=2014-10-31", 400, "MissingAction"),
        ("nonsense", 404, "MalformedQueryString"),
    ],
)
def test_requests_are_read_strictly(rds: Rds, body: str, status: int, code: str) -> None:
    assert post(rds, body) == (status, code)


def test_credentials_must_name_this_service_and_a_region_of_the_lab(rds: Rds) -> None:
    body = query("DescribeDBInstances")
    assert post(rds, body, signed=False) == (403, "MissingAuthenticationToken")
    assert post(rds, body, service="s3") == (403, "SignatureDoesNotMatch")
    assert post(rds, body, region="us-east-1") == (403, "SignatureDoesNotMatch")


def test_an_operation_or_parameter_that_the_lab_lacks_answers_501_never_an_empty_list(rds: Rds) -> None:
    assert post(rds, query("DescribeExportTasks")) == (501, "NotImplemented")
    located = {"SourceDBSnapshotIdentifier": "a", "TargetDBSnapshotIdentifier": "b", "SnapshotTarget": "local"}
    assert post(rds, query("CopyDBSnapshot", **located)) == (501, "NotImplemented")
    parameters = {"DBInstanceIdentifier": "x", "NewDBInstanceIdentifier": "y"}
    assert post(rds, query("ModifyDBInstance", **parameters)) == (501, "NotImplemented")


def test_values_are_held_against_the_models_enums_patterns_and_lengths(rds: Rds) -> None:
    """ParamValidator leaves these out."""
    arn = {"DBInstanceIdentifier": "x", "AwsBackupRecoveryPointArn": "arn:aws:s3:::" + "x" * 40}
    assert post(rds, query("ModifyDBInstance", **arn)) == (400, "InvalidParameterValue")
    mode = {"DBInstanceIdentifier": "x", "DatabaseInsightsMode": "extreme"}
    assert post(rds, query("ModifyDBInstance", **mode)) == (400, "InvalidParameterValue")
    kind = {"SourceType": "db-spaceship", "SourceIdentifier": "x"}
    assert post(rds, query("DescribeEvents", **kind)) == (400, "InvalidParameterValue")


def test_errors_carry_the_models_code_and_status(rds: Rds) -> None:
    with pytest.raises(ClientError) as caught:
        rds.client.describe_db_instances(DBInstanceIdentifier="absent")
    assert caught.value.response["Error"]["Code"] == "DBInstanceNotFound"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    assert code_of(rds.client.describe_db_clusters, DBClusterIdentifier="absent") == "DBClusterNotFoundFault"


@pytest.mark.parametrize("records", [19, 101])
def test_max_records_is_20_to_100(rds: Rds, records: int) -> None:
    """Source: DescribeDBInstances, MaxRecords: minimum 20, maximum 100."""
    assert code_of(rds.client.describe_db_instances, MaxRecords=records) == "InvalidParameterValue"


def test_a_made_up_marker_and_an_unknown_filter_are_refused(rds: Rds) -> None:
    assert code_of(rds.client.describe_db_instances, Marker="page-2") == "InvalidParameterValue"
    filters = [{"Name": "colour", "Values": ["red"]}]
    assert code_of(rds.client.describe_db_instances, Filters=filters) == "InvalidParameterValue"


def test_every_parameter_that_an_operation_takes_is_in_the_model() -> None:
    for name, known in OPERATIONS.items():
        found = operation(name)
        assert found is not None
        members = set(found.input_shape.members) if found.input_shape is not None else set()
        assert known.takes <= members, f"{name}: {sorted(known.takes - members)}"


def test_a_member_that_the_model_lacks_is_never_sent() -> None:
    describe = operation("DescribeDBInstances")
    assert describe is not None
    with pytest.raises(AssertionError, match="Colour"):
        serialize.answer(describe, {"DBInstances": [{"Colour": "red"}]}, "id")
    with pytest.raises(ValueError, match="no exception"):
        fault("DBInstance", "a shape, not a fault")


def test_times_are_cut_to_milliseconds_and_never_rounded_up() -> None:
    moment = dt.datetime(2026, 1, 1, 12, 0, 0, 999_999, tzinfo=dt.UTC)
    assert serialize.timestamp(moment) == "2026-01-01T12:00:00.999Z"


def test_a_request_whose_sender_died_half_way_is_none(rds: Rds) -> None:
    before = rds.calls()
    signed = SIGNED.format(region=REGION, service="rds") + "Signature=0"
    head = f"POST / HTTP/1.1\r\nHost: rds\r\nAuthorization: {signed}\r\n"
    with socket.create_connection(("127.0.0.1", rds.process.port), timeout=10) as sender:
        sender.sendall(f"{head}Content-Length: 60\r\n\r\nAction=Describe".encode())
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1024) == b""
    assert rds.calls() == before
