"""The one place where botocore's exceptions become ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from backstay.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

# Codes as the services' API references list them; what ends in a known word is recognised by that word.
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "KMSAccessDeniedException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
_THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
    }
)
_CONFLICT: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted"})
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchBucket", "NoSuchVersion", "404"})
_SERVER_ERROR: Final = 500


@contextmanager
def calling(call: str) -> Iterator[None]:
    """Translates whatever the SDK raises within the block.

    Args:
        call: the operation as IAM names it, e.g. ``rds:DescribeDBInstances``; it ends up in the message.
    """
    try:
        yield
    except boto.ClientError as exc:
        raise _answered(exc, call) from exc
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.TokenRetrievalError) as exc:
        raise errors.Denied(f"no usable credentials: {exc}", call=call) from exc
    except (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError) as exc:
        raise errors.Unreachable(f"no answer: {exc}", call=call) from exc
    except boto.BotoCoreError as exc:
        raise errors.Unexpected(str(exc), call=call) from exc
    except KeyError as exc:  # botocore gives what parses as JSON, if a required member is missing too
        raise errors.Unexpected(f"an answer without {exc}", call=call) from exc
    except ResponseParserError:
        # Neither quoted nor chained: its text is the answer, which may hold anything.
        raise errors.Unexpected("an answer that cannot be read", call=call) from None


def _answered(exc: boto.ClientError, call: str) -> errors.ProviderError:
    error = exc.response.get("Error", {})
    code, message = error.get("Code", ""), error.get("Message", "") or str(exc)
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _class_of(code, status)(f"{code}: {message}", call=call, code=code)


def _class_of(code: str, status: int) -> type[errors.ProviderError]:
    bare = code.removesuffix("Exception").removesuffix("Fault")
    if code in _DENIED:
        return errors.Denied
    if code in _THROTTLED:
        return errors.Throttled
    if code in _MISSING or bare.endswith("NotFound"):
        return errors.NotFound
    if code in _CONFLICT or bare.endswith(("AlreadyExists", "AlreadyStarted")) or _is_state(bare):
        return errors.Conflict
    return errors.Unreachable if status >= _SERVER_ERROR else errors.Rejected


def _is_state(code: str) -> bool:
    return code.startswith("Invalid") and code.endswith("State")
