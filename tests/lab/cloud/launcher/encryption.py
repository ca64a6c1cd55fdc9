"""S3 asks KMS on the caller's behalf: an object under a KMS key needs `kms:GenerateDataKey` to write and `kms:Decrypt`
to read.

MiniStack stores such objects without asking anybody. Here the caller's right to the key is evaluated (key policy and
all), a denial is S3's own AccessDenied, and the use of the key is written down as the caller's call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions
from ministack.core.router import detect_service, extract_access_key_id, extract_region
from ministack.services import s3

from . import auth

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "x-amz-server-side-encryption"
KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def _object(method: str, path: str, query: Mapping[str, object]) -> tuple[str, str] | None:
    """The bucket and key that a plain PutObject or GetObject names, or None for any other S3 request."""
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    plain = method in ("PUT", "GET") and key and not set(query) - {"versionId", "x-id"}
    return (bucket, key) if plain else None


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _key_for_writing(bucket: str, headers: Mapping[str, str]) -> str | None:
    """The KMS key of an object about to be written: the request's, or the bucket's default."""
    chosen = headers if headers.get(ALGORITHM) else s3._bucket_default_sse_headers(bucket)
    return chosen.get(KEY) if chosen.get(ALGORITHM) == "aws:kms" else None


def _context(region: str, bucket: str, key: str) -> dict[str, object]:
    """Condition keys of the KMS request; with a bucket key the encryption context is the bucket's ARN alone."""
    has_bucket_key = "BucketKeyEnabled>true" in (s3._bucket_encryption.get(bucket) or "")
    arn = f"arn:aws:s3:::{bucket}" if has_bucket_key else f"arn:aws:s3:::{bucket}/{key}"
    return {"kms:ViaService": f"s3.{region}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": arn}


def install() -> None:
    """Patch MiniStack."""
    dispatch = app._dispatch_service_request

    async def checked(*request: Any) -> Any:
        method, path, headers, _, query, request_id = request
        named = _object(method, path, query) if detect_service(method, path, headers, query) == "s3" else None
        access_key = extract_access_key_id(headers, query) or ""
        if named is None or not access_key or auth.ROOT_KEY.fullmatch(access_key):
            return await dispatch(*request)

        def denial(action: str, kms_key: str | None) -> Any:
            context = _context(extract_region(headers, query), *named)
            if kms_key is None or auth.permit(access_key, action, kms_key, context):
                return None
            principal = auth.principal_of(access_key)
            return iam_actions.access_denied_response("s3", action, principal, request_id, headers=headers)

        if method == "PUT":
            refused = denial("kms:GenerateDataKey", _key_for_writing(named[0], headers))
            return refused or await dispatch(*request)
        answer = await dispatch(*request)
        if answer[0] >= 300:
            return answer
        return denial("kms:Decrypt", _lower(answer[1]).get(KEY)) or answer

    app._dispatch_service_request = checked
