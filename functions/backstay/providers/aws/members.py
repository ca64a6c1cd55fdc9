"""Member accounts: clients that act by a role there, taken on when first needed and renewed before it ends."""

from __future__ import annotations

import logging
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal

from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials

from backstay.core.errors import ProviderError
from backstay.providers.aws.clients import Clients, core_session
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from mypy_boto3_sts.client import STSClient

Part = Literal["read", "repair", "copy", "prune"]
# It would log a traceback for each call that finds the role refused, which the Report says once per listing.
logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
_REFUSED_SECONDS: Final = 60.0  # one run makes tens of calls to an account: a refused role is asked for once


class Members:
    """The clients of member accounts. Both sides know what the roles and the external id are called.

    ``infra/member.yaml`` makes ``<deployment>-member-<part>`` for each ``Part``: ``repair`` changes settings, ``copy``
    takes, copies, shares and tags recovery points, ``prune`` removes them. The external id,
    ``<deployment>/<home account>``, is no secret: it keeps a member from being reached through another installation
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
    """

    def __init__(self, home: Clients, deployment: str, account: str) -> None:
        self._home, self._deployment, self._account = home, deployment, account
        self._made: dict[tuple[str, Part], Clients] = {}
        self._lock = Lock()

    def clients(self, account: str, part: Part) -> Clients:
        """Clients that act by that role. Making them calls nothing.

        A role that cannot be taken on fails the calls that need it, as Denied, Throttled, or whatever STS said.
        """
        with self._lock:
            if (account, part) not in self._made:
                self._made[account, part] = self._acting(account, part)
            return self._made[account, part]

    def _acting(self, account: str, part: Part) -> Clients:
        role = f"arn:{self._home.partition}:iam::{account}:role/{self._deployment}-member-{part}"
        taken = _TakenOn(self._home.sts, role, f"{self._deployment}/{self._account}", f"{self._deployment}-home")
        core = core_session()
        core.register_component("credential_provider", CredentialResolver(providers=[taken]))
        core.register_component("data_loader", self._home.loader)  # the services' models, read once for all accounts
        return Clients(core=core, region=self._home.region)


class _TakenOn(CredentialProvider):
    """Credentials of a role: asked of STS in our own region by the first request that is signed with them."""

    METHOD = "assume-role"

    def __init__(self, sts: Any, role: str, external_id: str, name: str) -> None:
        super().__init__()
        self._sts = sts
        self._refused: tuple[float, ProviderError] | None = None
        self._asked: dict[str, Any] = {"RoleArn": role, "ExternalId": external_id, "RoleSessionName": name}

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._fresh, method=self.METHOD)

    def _fresh(self) -> dict[str, str]:
        if self._refused and monotonic() < self._refused[0]:
            raise self._refused[1]
        client: STSClient = self._sts()
        try:
            with calling("sts:AssumeRole"):
                given = client.assume_role(**self._asked)["Credentials"]
        except ProviderError as exc:
            self._refused = (monotonic() + _REFUSED_SECONDS, exc)
            raise
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }
