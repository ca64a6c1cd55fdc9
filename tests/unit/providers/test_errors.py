"""Botocore's exceptions as ours: by code, by kind of failure, and never without the call."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from backstay.core import errors
from backstay.providers.aws.errors import calling

CODES = {
    errors.Denied: [
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "ExpiredToken",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ],
    errors.Throttled: [
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "SlowDown",
        "TooManyRequestsException",
    ],
    errors.NotFound: [
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
        "DBClusterNotFoundFault",
        "DBSnapshotNotFound",
        "DBClusterSnapshotNotFoundFault",
        "DBParameterGroupNotFound",
        "OptionGroupNotFoundFault",
        "DBInstanceAutomatedBackupNotFound",
        "ResourceNotFoundException",
        "NotFoundException",
        "NoSuchKey",
        "NoSuchBucket",
        "404",
    ],
    errors.Conflict: [
        "DBInstanceAlreadyExists",
        "DBClusterAlreadyExistsFault",
        "InvalidDBInstanceState",
        "InvalidDBInstanceStateFault",
        "InvalidDBClusterStateFault",
        "InvalidDBSnapshotState",
        "DurableExecutionAlreadyStartedException",
        "PreconditionFailed",
        "ConditionalRequestConflict",
    ],
    errors.Rejected: [
        "InvalidParameterValue",
        "InvalidParameterCombination",
        "InstanceQuotaExceeded",
        "DBClusterQuotaExceededFault",
        "StorageQuotaExceeded",
        "KMSKeyNotAccessibleFault",
        "PointInTimeRestoreNotEnabled",
        "InvalidRestoreFault",
        "InsufficientDBInstanceCapacity",
        "ValidationError",
    ],
}


def answered(code: str, status: int = 400) -> boto.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": f"about {code}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return boto.ClientError(response, "Anything")


def translated(raised: Exception) -> errors.ProviderError:
    with pytest.raises(errors.ProviderError) as caught, calling("rds:DescribeDBInstances"):
        raise raised
    assert caught.value.__cause__ is raised
    assert caught.value.call == "rds:DescribeDBInstances"
    assert str(caught.value).startswith("rds:DescribeDBInstances: ")
    return caught.value


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in CODES.items() for code in codes])
def test_given_an_error_code_when_translated_then_its_class_code_and_message(
    kind: type[errors.ProviderError], code: str
) -> None:
    found = translated(answered(code))
    assert type(found) is kind
    assert found.code == code
    assert f"about {code}" in str(found)


@pytest.mark.parametrize("code", ["InternalFailure", "ServiceUnavailable", "", "InternalError"])
def test_given_a_server_error_when_translated_then_unreachable(code: str) -> None:
    assert type(translated(answered(code, 503))) is errors.Unreachable


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (boto.EndpointConnectionError(endpoint_url="https://rds"), errors.Unreachable),
        (boto.ConnectTimeoutError(endpoint_url="https://rds"), errors.Unreachable),
        (boto.ReadTimeoutError(endpoint_url="https://rds"), errors.Unreachable),
        (boto.ConnectionClosedError(endpoint_url="https://rds"), errors.Unreachable),
        (boto.SSLError(endpoint_url="https://rds", error=OSError("certificate")), errors.Unreachable),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), errors.Unreachable),
        (boto.NoCredentialsError(), errors.Denied),
        (boto.PartialCredentialsError(provider="env", cred_var="secret"), errors.Denied),
        (boto.NoRegionError(), errors.Unexpected),
        (KeyError("Entries"), errors.Unexpected),
    ],
)
def test_given_no_usable_answer_when_translated_then_what_it_means(raised: Exception, kind: type[Exception]) -> None:
    assert type(translated(raised)) is kind


def test_given_an_answer_that_cannot_be_read_when_translated_then_it_is_neither_quoted_nor_chained() -> None:
    with pytest.raises(errors.Unexpected, match="cannot be read") as caught, calling("rds:DescribeDBInstances"):
        raise ResponseParserError("not XML: planted-password")
    assert "planted-password" not in "".join(traceback.format_exception(caught.value))


def test_given_a_bug_of_ours_when_it_is_raised_within_then_it_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), calling("rds:DescribeDBInstances"):
        raise ZeroDivisionError
