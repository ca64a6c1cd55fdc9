"""From a command line to a World: the caller's credentials, account and regions.

`open_world` is the one seam: tests put a World of their own behind it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from backstay.core.errors import BadRequest, Denied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from backstay.config import Settings
    from backstay.core.ports import Bus, Vault, World
    from backstay.providers.aws.clients import Clients

DEPLOYMENT: Final = "backstay"
_CREDENTIALS: Final = (
    "give --profile NAME (`aws configure list-profiles` lists them), sign in again with `aws sso login`, or export "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
_REGION: Final = "--region eu-west-2 (repeatable), AWS_DEFAULT_REGION, or `aws configure set region eu-west-2`"
_OPTIONS: Final = {
    "AWS_REGION": "--region",
    "BACKSTAY_REGIONS": "--region",
    "BACKSTAY_DEPLOYMENT": "--deployment",
    "BACKSTAY_POLICY": "--policy",
    "BACKSTAY_VAULT": "--vault",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every command is told.

    Attributes:
        regions: where to look; empty for the session's own.
        policy: ``default``, a file or ``s3://bucket/key``.
        vault: a deployment's vault bucket; empty to remember nothing beyond this run.
        ca_bundle: a file or ``s3://bucket/key`` with the RDS certificates; empty where no login is made.
    """

    profile: str | None
    regions: tuple[str, ...]
    policy: str
    deployment: str
    as_json: bool
    vault: str = ""
    ca_bundle: str = ""

    def with_policy(self, policy: str) -> Options:
        """The same under another policy."""
        return replace(self, policy=policy)

    def command(self, verb: str, *words: str) -> str:
        """Another command on the same account, regions and policy, to be pasted."""
        given = [
            ("--profile", self.profile, None),
            *(("--region", region, "") for region in self.regions),
            ("--policy", self.policy, "default"),
            ("--deployment", self.deployment, DEPLOYMENT),
            ("--ca-bundle", self.ca_bundle, ""),
            ("--vault", self.vault if verb in ("plan", "protect") else "", ""),
        ]
        return shlex.join(
            [
                *("backstay", verb, *words),
                *(word for name, value, default in given if value and value != default for word in (name, value)),
            ]
        )


def open_world(options: Options, note: Callable[[str], None]) -> World:
    """The World of one run in a terminal. Needs sts:GetCallerIdentity, and reading the policy when it is on S3.

    Raises:
        BadRequest: no region, an unknown profile, region or policy.
        ProviderError: AWS does not tell who we are, or did not give the policy or the CA bundle.
    """
    from backstay.providers.aws.vault import S3Objects  # noqa: PLC0415
    from backstay.wiring import Caller, authorities, build  # noqa: PLC0415

    clients = _clients(options.profile, options.regions)
    regions = options.regions or ((clients.region,) if clients.region else ())
    if not regions:
        raise BadRequest("no region to look in", accepted=_REGION)
    _check_regions(options)
    settings = _settings(options, regions)
    note(f"asking AWS who we are ({regions[0]})")
    caller = Caller(_account(clients))
    if options.ca_bundle.startswith("s3://"):  # hours before it is needed
        authorities(options.ca_bundle, lambda: S3Objects(clients.s3()))
    vault, bus = _memory(options, clients)
    note(f"account {caller.account}, reading {', '.join(regions)}")
    return build(settings, caller, clients, vault=vault, bus=bus, deployed=bool(options.vault), note=note)


def _clients(profile: str | None, regions: Sequence[str]) -> Clients:
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    from backstay.providers.aws.clients import Clients  # noqa: PLC0415

    try:
        return Clients(profile=profile, region=regions[0] if regions else None)
    except ProfileNotFound as exc:
        profiles = Session().available_profiles
        accepted = ", ".join(profiles) or "none, until `aws configure` or `aws configure sso` has made one"
        raise BadRequest(str(exc), field="--profile", accepted=accepted) from exc


def _check_regions(options: Options) -> None:
    """A region with a typo would otherwise cost a minute of retries against a host that does not exist."""
    from botocore.session import Session  # noqa: PLC0415

    session = Session(profile=options.profile)
    partitions = session.get_available_partitions()
    known = [each for name in partitions for each in session.get_available_regions("rds", partition_name=name)]
    for region in options.regions:
        if region not in known:
            close = get_close_matches(region, known, n=1)
            guess = f"; did you mean {close[0]}?" if close else ""
            accepted = "a region with RDS; if it is new: pip install --upgrade boto3"
            raise BadRequest(f"is not a region we know{guess}", field="--region", value=region[:40], accepted=accepted)


def _settings(options: Options, regions: Sequence[str]) -> Settings:
    """Held to the same shapes as a function's environment, with our options' names in the complaint."""
    from backstay.config import Settings  # noqa: PLC0415

    environment = {
        "AWS_REGION": regions[0],
        "BACKSTAY_REGIONS": ",".join(regions),
        "BACKSTAY_DEPLOYMENT": options.deployment,
        "BACKSTAY_POLICY": options.policy,
        "BACKSTAY_VAULT": options.vault,
    }
    try:
        settings = Settings.from_environment(environment)
    except BadRequest as exc:
        name = _OPTIONS.get(exc.field, exc.field)
        raise BadRequest("is not as it should be", field=name, value=exc.value, accepted=exc.accepted) from exc
    return replace(settings, ca_bundle=options.ca_bundle)


def _account(clients: Clients) -> str:
    from backstay.providers.aws.errors import calling  # noqa: PLC0415

    try:
        with calling("sts:GetCallerIdentity"):
            return clients.sts().get_caller_identity()["Account"]
    except Denied as exc:
        raise Denied(f"{exc}\n{_CREDENTIALS}", code=exc.code) from exc


def _memory(options: Options, clients: Clients) -> tuple[Vault, Bus]:
    """The deployment's vault where one is named; nobody listens to the bus: the functions' next audit tells."""
    from backstay.providers.aws.vault import S3Vault  # noqa: PLC0415
    from backstay.providers.memory import MemoryBus, MemoryVault  # noqa: PLC0415

    return S3Vault(clients.s3(), options.vault) if options.vault else MemoryVault(), MemoryBus()
