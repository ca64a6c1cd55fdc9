"""What S3 asks beyond a request's own action, and MiniStack does not.

An object under a KMS key needs `kms:GenerateDataKey` to write and `kms:Decrypt` to read, through S3. An object that is
not there answers 404 only to those who may list the bucket; others get 403. The caller's rights are evaluated (key
policy and all), a denial is S3's own AccessDenied, and each question is written down as the caller's call.
"""

from __future__ import annotations

from http import HTTPStatus
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
    """The bucket and key that a plain PutObject, GetObject or HeadObject names; None for any other S3 request."""
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    plain = method in {"PUT", "GET", "HEAD"} and key and not set(query) - {"versionId", "x-id"}
    return (bucket, key) if plain else None


def _key_for_writing(bucket: str, headers: Mapping[str, str]) -> str | None:
    """The KMS key of an object about to be written: the request's, or the bucket's default."""
    chosen = headers if headers.get(ALGORITHM) else s3._bucket_default_sse_headers(bucket)
    return chosen.get(KEY) if chosen.get(ALGORITHM) == "aws:kms" else None


def _context(region: str, bucket: str, key: str) -> dict[str, object]:
    """Condition keys of the KMS request; with a bucket key the encryption context is the bucket's ARN alone."""
    has_bucket_key = "BucketKeyEnabled>true" in (s3._bucket_encryption.get(bucket) or "")
    arn = f"arn:aws:s3:::{bucket}" if has_bucket_key else f"arn:aws:s3:::{bucket}/{key}"
    return {"kms:ViaService": f"s3.{region}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": arn}


class _Questions:
    """What is asked about one request of one caller. A denial is an answer; None means allowed."""

    def __init__(self, request: tuple[Any, ...], access_key: str, bucket: str, key: str) -> None:
        _, _, self._headers, _, query, self._request_id = request
        self._access_key, self._bucket, self._key = access_key, bucket, key
        self._region = extract_region(self._headers, query)

    def _denied(self, action: str) -> Any:
        principal = auth.principal_of(self._access_key)
        return iam_actions.access_denied_response("s3", action, principal, self._request_id, headers=self._headers)

    def use_key(self, action: str, kms_key: str | None) -> Any:
        context = _context(self._region, self._bucket, self._key)
        allowed = kms_key is None or auth.permit(self._access_key, action, kms_key, context)
        return None if allowed else self._denied(action)

    def before_writing(self) -> Any:
        return self.use_key("kms:GenerateDataKey", _key_for_writing(self._bucket, self._headers))

    def after_reading(self, method: str, answer: tuple[Any, ...]) -> Any:
        status, headers, _ = answer
        if status == HTTPStatus.NOT_FOUND:
            may_know = auth.permit(self._access_key, "s3:ListBucket", f"arn:aws:s3:::{self._bucket}")
            return None if may_know else self._denied("s3:ListBucket")
        if status < HTTPStatus.MULTIPLE_CHOICES and method == "GET":
            return self.use_key("kms:Decrypt", {name.lower(): value for name, value in headers.items()}.get(KEY))
        return None


def install() -> None:
    """Patch MiniStack."""
    dispatch = app._dispatch_service_request

    async def checked(*request: Any) -> Any:
        method, path, headers, _, query, _ = request
        named = _object(method, path, query) if detect_service(method, path, headers, query) == "s3" else None
        access_key = extract_access_key_id(headers, query) or ""
        if named is None or not access_key or auth.ROOT_KEY.fullmatch(access_key):
            return await dispatch(*request)
        asked = _Questions(request, access_key, *named)
        if method == "PUT":
            return asked.before_writing() or await dispatch(*request)
        answer = await dispatch(*request)
        return asked.after_reading(method, answer) or answer

    app._dispatch_service_request = checked
