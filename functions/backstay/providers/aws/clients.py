"""AWS clients: made lazily, once per service and region, with the retry behaviour that RDS needs."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.session import Session

from backstay.providers.aws.answers import Answers
from backstay.providers.aws.models import Models

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_kms.client import KMSClient
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_rds.client import RDSClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sts.client import STSClient

    from backstay.providers.aws.messages import Queues, Topics

# RDS throttles per account and region, so the client slows itself down (adaptive) rather than hammering on. A region
# that takes connections and never answers must cost audit a minute, not its whole time.
_ATTEMPTS: Final = 5
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 10


def core_session(profile: str | None = None) -> Session:
    """Botocore's session, which starts and reads in half the time. Models of one's own (``AWS_DATA_PATH``) stay."""
    core = Session(profile=profile)
    core.register_component("response_parser_factory", Answers())
    if not core.get_config_variable("data_path"):
        core.register_component("data_loader", Models())
    return core


class Clients:
    """The caller's credentials, and clients made from them.

    ``AWS_MAX_ATTEMPTS`` overrides the number of attempts, as it does for every AWS SDK.
    """

    def __init__(self, *, profile: str | None = None, region: str | None = None, core: Session | None = None) -> None:
        self._core = core or core_session(profile)
        if region:
            self._core.set_config_variable("region", region)
        self._made: dict[tuple[str, str | None], Any] = {}
        self._lock = Lock()
        retries: dict[str, Any] = {"mode": "adaptive"}
        if "AWS_MAX_ATTEMPTS" not in os.environ:
            retries["total_max_attempts"] = _ATTEMPTS
        self._config = Config(
            retries=retries,  # type: ignore[arg-type]  # a TypedDict whose keys we add by condition
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=16,
        )

    @property
    def region(self) -> str | None:
        """The session's own region."""
        region: str | None = self._core.get_config_variable("region")
        return region

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return self._core.get_partition_for_region(self.region or "us-east-1")

    @property
    def loader(self) -> Any:
        """What reads the services' models; other sessions may share it."""
        return self._core.get_component("data_loader")

    def _client(self, service: str, region: str | None) -> Any:
        with self._lock:  # making a client is not thread-safe in botocore; using one is
            if (service, region) not in self._made:
                make: Any = self._core.create_client
                self._made[service, region] = make(service, region_name=region, config=self._config)
            return self._made[service, region]

    def rds(self, region: str) -> RDSClient:
        client: RDSClient = self._client("rds", region)
        return client

    def ec2(self, region: str) -> EC2Client:
        """Knows the operations of ``models.EC2_OPERATIONS`` only."""
        client: EC2Client = self._client("ec2", region)
        return client

    def kms(self, region: str) -> KMSClient:
        client: KMSClient = self._client("kms", region)
        return client

    def secrets(self, region: str) -> SecretsManagerClient:
        client: SecretsManagerClient = self._client("secretsmanager", region)
        return client

    def s3(self) -> S3Client:
        client: S3Client = self._client("s3", None)
        return client

    def events(self, region: str | None = None) -> EventBridgeClient:
        client: EventBridgeClient = self._client("events", region)
        return client

    def functions(self) -> LambdaClient:
        client: LambdaClient = self._client("lambda", None)
        return client

    def topics(self) -> Topics:
        client: Topics = self._client("sns", None)
        return client

    def queues(self) -> Queues:
        client: Queues = self._client("sqs", None)
        return client

    def sts(self) -> STSClient:
        client: STSClient = self._client("sts", None)
        return client
