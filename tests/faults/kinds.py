"""The ways in which a call goes wrong. Each bad answer carries a planted secret, which nobody may repeat."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.wire import Answer, Call, Fault

LEAK = "planted-in-an-answer"

_QUERY = ("rds", "sns", "sts")
_CODES: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "throttle": (
        400,
        {"": "ThrottlingException", "rds": "Throttling", "ec2": "RequestLimitExceeded", "s3": "SlowDown"},
    ),
    "denial": (
        403,
        {"": "AccessDeniedException", "rds": "AccessDenied", "s3": "AccessDenied", "ec2": "UnauthorizedOperation"},
    ),
    "conflict": (409, {"": "ResourceConflictException", "rds": "InvalidDBInstanceState", "s3": "PreconditionFailed"}),
    "gone": (
        404,
        {"": "ResourceNotFoundException", "rds": "DBInstanceNotFound", "s3": "NoSuchKey", "kms": "NotFoundException"},
    ),
}


def _refused(kind: str) -> Fault:
    """Refused before anything happened."""
    status, codes = _CODES[kind]

    def fault(call: Call, cloud: Callable[[], Answer]) -> Answer:
        del cloud
        code = codes.get(call.service, codes[""])
        if kind == "gone" and call.operation.endswith(("Cluster", "Clusters", "ClusterToPointInTime")):
            code = "DBClusterNotFoundFault"
        return _error(call.service, status, code, f"{kind}, said the test")

    return fault


def _error(service: str, status: int, code: str, message: str) -> Answer:
    if service in ("ec2", "s3", *_QUERY):
        inner = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        wrapped = {
            "ec2": f"<Response><Errors>{inner}</Errors><RequestID>1</RequestID></Response>",
            "s3": inner,
        }.get(service, f"<ErrorResponse>{inner}<RequestId>1</RequestId></ErrorResponse>")
        return status, {"content-type": "text/xml"}, wrapped.encode()
    body = json.dumps({"__type": code, "message": message})
    return status, {"content-type": "application/json", "x-amzn-errortype": code}, body.encode()


def _reset(call: Call, cloud: Callable[[], Answer]) -> Answer:
    """The request never arrived."""
    del cloud
    raise ConnectionClosedError(endpoint_url=f"https://{call.service}")


def _timeout(call: Call, cloud: Callable[[], Answer]) -> Answer:
    """The request arrived and was served; its answer did not come back."""
    cloud()
    raise ReadTimeoutError(endpoint_url=f"https://{call.service}")


def _malformed(call: Call, cloud: Callable[[], Answer]) -> Answer:
    """Served, but the answer is what a broken proxy makes of it."""
    del call
    status, headers, _ = cloud()
    body = f"<html>&{{{LEAK}".encode()
    return status, {**headers, "content-length": str(len(body))}, body


def _half(call: Call, cloud: Callable[[], Answer]) -> Answer:
    """Served, and the answer breaks off in the middle; its length was announced."""
    del call
    status, headers, body = cloud()
    return status, {**headers, "content-length": str(len(body))}, body[: len(body) // 2]


def _hollow(call: Call, cloud: Callable[[], Answer]) -> Answer:
    """Served, and the answer is well-formed with nothing in it: a page without its list."""
    status, headers, body = cloud()
    if body.startswith(b"{"):
        body = b"{}"
    elif b"<" in body[:1] and call.service in _QUERY:
        body = f"<{call.operation}Response><{call.operation}Result/></{call.operation}Response>".encode()
    elif b"<" in body[:1]:
        body = f"<{call.operation}Response/>".encode()
    return status, {**headers, "content-length": str(len(body))}, body


KINDS: Mapping[str, Fault] = {
    **{kind: _refused(kind) for kind in _CODES},
    "reset": _reset,
    "timeout": _timeout,
    "malformed": _malformed,
    "half": _half,
    "hollow": _hollow,
}
