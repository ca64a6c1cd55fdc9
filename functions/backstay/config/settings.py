"""A function's environment as one frozen value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from backstay.core.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

DEPLOYMENT: Final = "backstay"

_REGION: Final = r"[a-z]{2}(?:-[a-z]+)+-\d"
_ARN: Final = r"arn:aws[a-z-]*:"
_BUCKET: Final = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"


@dataclass(frozen=True, slots=True)
class _Shape:
    pattern: str
    accepted: str

    def check(self, name: str, value: str) -> str:
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise BadRequest("is not as it should be", field=name, value=value[:200], accepted=self.accepted)
        return value


_DEPLOYMENT_SHAPE: Final = _Shape(r"[a-z][a-z0-9-]{0,30}", "1 to 31 lower-case letters, digits and -, a letter first")
_REGION_SHAPE: Final = _Shape(_REGION, "an AWS region, e.g. eu-west-1")
_ACCOUNT_SHAPE: Final = _Shape(r"[0-9]{12}", "the 12 digits of an AWS account")
_POLICY_SHAPE: Final = _Shape(
    rf"default|s3://{_BUCKET}/.+|(?:file://)?(?!\w+:/).+", "default, s3://bucket/key or a file"
)
_VAULT_SHAPE: Final = _Shape(_BUCKET, "a bucket's name")
_BUS_SHAPE: Final = _Shape(
    rf"(?:{_ARN}events:{_REGION}:\d{{12}}:event-bus/)?[A-Za-z0-9._/-]{{1,256}}", "a bus's name or ARN"
)
_RUNNER_SHAPE: Final = _Shape(
    rf"{_ARN}lambda:{_REGION}:\d{{12}}:function:[A-Za-z0-9_-]{{1,64}}:[A-Za-z0-9_-]{{1,128}}",
    "the ARN of a function with its alias: a durable function needs a qualified one",
)
_TOPIC_SHAPE: Final = _Shape(rf"{_ARN}sns:{_REGION}:\d{{12}}:[A-Za-z0-9_-]{{1,256}}", "the ARN of an SNS topic")
_SHARDS_SHAPE: Final = _Shape(r"https?://[^\s?#@]+/\d{12}/[A-Za-z0-9_-]{1,80}", "the URL of an SQS queue")
_BUNDLE_SHAPE: Final = _Shape(rf"s3://{_BUCKET}/.+", "s3://bucket/key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a deployment tells its functions. What a function does not need is empty.

    Attributes:
        region: home (``AWS_REGION``).
        regions: the regions to watch (``BACKSTAY_REGIONS``, separated by commas).
        accounts: the member accounts (``BACKSTAY_ACCOUNTS``, separated by commas), watched beside our own.
        deployment: ``BACKSTAY_DEPLOYMENT``; names and tags carry it.
        policy: ``BACKSTAY_POLICY``, a source for `load_policy`.
        vault: ``BACKSTAY_VAULT``, a bucket's name.
        bus: ``BACKSTAY_BUS``, an event bus's name.
        runner: ``BACKSTAY_RUNNER``, the ARN of restore-run's alias.
        topic: ``BACKSTAY_TOPIC``, the ARN of the SNS topic that digests go to.
        shards: ``BACKSTAY_SHARDS``, the URL of the SQS queue that an audit of a large fleet is spread over.
        ca_bundle: ``BACKSTAY_CA_BUNDLE``, where the RDS certificates are: ``s3://bucket/key``.
    """

    region: str
    regions: tuple[str, ...]
    accounts: tuple[str, ...] = ()
    deployment: str = DEPLOYMENT
    policy: str = "default"
    vault: str = ""
    bus: str = ""
    runner: str = ""
    topic: str = ""
    shards: str = ""
    ca_bundle: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings in an environment.

        Raises:
            BadRequest: names the variable that is missing or malformed.
        """
        regions = [text.strip() for text in environment.get("BACKSTAY_REGIONS", "").split(",")]
        if not any(regions):
            # Watching nothing would look like a fleet in which all is well.
            raise BadRequest("names no region", field="BACKSTAY_REGIONS", accepted="regions separated by commas")
        return cls(
            region=_REGION_SHAPE.check("AWS_REGION", environment.get("AWS_REGION", "")),
            regions=tuple(dict.fromkeys(_REGION_SHAPE.check("BACKSTAY_REGIONS", text) for text in regions)),
            accounts=_accounts(environment.get("BACKSTAY_ACCOUNTS", "")),
            deployment=_given(environment, "BACKSTAY_DEPLOYMENT", _DEPLOYMENT_SHAPE) or DEPLOYMENT,
            policy=_given(environment, "BACKSTAY_POLICY", _POLICY_SHAPE) or "default",
            vault=_given(environment, "BACKSTAY_VAULT", _VAULT_SHAPE),
            bus=_given(environment, "BACKSTAY_BUS", _BUS_SHAPE),
            runner=_given(environment, "BACKSTAY_RUNNER", _RUNNER_SHAPE),
            topic=_given(environment, "BACKSTAY_TOPIC", _TOPIC_SHAPE),
            shards=_given(environment, "BACKSTAY_SHARDS", _SHARDS_SHAPE),
            ca_bundle=_given(environment, "BACKSTAY_CA_BUNDLE", _BUNDLE_SHAPE),
        )

    def require(self, *fields: str) -> None:
        """Checks that what a function cannot work without is set.

        Raises:
            BadRequest: names the variable that is missing.
        """
        for name in fields:
            if not getattr(self, name):
                raise BadRequest("is missing", field=f"BACKSTAY_{name.upper()}", accepted=_NEEDED[name].accepted)


_NEEDED: Final[Mapping[str, _Shape]] = {"vault": _VAULT_SHAPE, "bus": _BUS_SHAPE, "runner": _RUNNER_SHAPE}


def _accounts(text: str) -> tuple[str, ...]:
    if not text.strip():
        return ()
    named = (each.strip() for each in text.split(","))
    return tuple(dict.fromkeys(_ACCOUNT_SHAPE.check("BACKSTAY_ACCOUNTS", each) for each in named))


def _given(environment: Mapping[str, str], name: str, shape: _Shape) -> str:
    value = environment.get(name, "")
    return shape.check(name, value) if value else ""
