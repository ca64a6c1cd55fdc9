"""``Vault`` and the policy store over S3: one object per key, conditional writes, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.errors import Conflict, LostRace, NotFound
from backstay.core.ports import Stored
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client

_NO_BUCKET: Final = "NoSuchBucket"


class S3Vault:
    """The vault bucket. Encryption, object lock and TLS are the bucket's own defaults and policy."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    @property
    def place(self) -> str:
        """See ``Vault.place``."""
        return f"s3://{self._bucket}"

    def get(self, key: str) -> Stored | None:
        """See ``Vault.get``."""
        try:
            with calling("s3:GetObject"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                return Stored(answer["Body"].read(), answer["ETag"])
        except NotFound as exc:
            if exc.code == _NO_BUCKET:  # a vault that is not there has not forgotten: it is lost
                raise
            return None

    def keys(self, prefix: str) -> Iterator[str]:
        """See ``Vault.keys``."""
        pages = iter(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while True:
            with calling("s3:ListBucket"):
                page = next(pages, None)
            if page is None:
                return
            for each in page.get("Contents", []):
                yield each["Key"]

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        """See ``Vault.put``."""
        condition: dict[str, Any] = {}
        if expect is not None:
            condition = {"IfMatch": expect} if expect else {"IfNoneMatch": "*"}
        try:
            with calling("s3:PutObject"):
                answer = self._s3.put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", **condition
                )
                return answer["ETag"]
        except (Conflict, NotFound) as exc:  # 412, 409 and, for an object that vanished, 404
            if expect is None or exc.code == _NO_BUCKET:
                raise
            raise LostRace(f"{self.place}/{key} was written by somebody else: {exc}") from exc


class S3Objects:
    """Reads single objects and their earlier versions: the policy, the CA bundle."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def newest(self, bucket: str, key: str) -> tuple[bytes, str]:
        """What the object holds now, and its version id. Raises NotFound."""
        with calling("s3:GetObject"):
            answer = self._s3.get_object(Bucket=bucket, Key=key)
            return answer["Body"].read(), answer.get("VersionId", "")

    def read(self, bucket: str, key: str, version: str) -> bytes:
        """One version. Raises NotFound."""
        with calling("s3:GetObjectVersion"):
            return self._s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()

    def earlier(self, bucket: str, key: str) -> Iterator[str]:
        """Version ids, newest first, deletions left out."""
        pages = iter(self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key))
        while True:
            with calling("s3:ListBucketVersions"):
                page = next(pages, None)
            if page is None:
                return
            for version in page.get("Versions", []):
                if version.get("Key") == key:
                    yield version["VersionId"]
