"""``Surveyor`` over RDS, EC2, KMS and EventBridge: one page chain per kind and region, all at once.

Only keys and combinations of engine, version and class cost a call each, and each of them once however many databases
use it. At most ``_WORKERS`` calls are under way per region.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from backstay.core.restoring import Unchecked
from backstay.core.surroundings import Combination, Surroundings, combination
from backstay.providers.aws.listing import EC2_PAGE, RULES_PAGE, entries, option_groups
from backstay.providers.aws.preflight import Preflight, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from backstay.core.model import Database
    from backstay.providers.aws.clients import Clients

T = TypeVar("T")
_WORKERS: Final = 8


class RdsSurveyor:
    """What stands around the databases of one region.

    Args:
        clients: whose credentials read.
        region: where.
        watchers: how the names of the rules begin that forward this region's changes; None when nothing is deployed.
    """

    def __init__(self, clients: Clients, region: str, watchers: str | None) -> None:
        self._clients, self._region, self._watchers = clients, region, watchers

    def begin(self) -> RdsSurvey:
        """See ``Surveyor.begin``."""
        return RdsSurvey(_Reader(self._clients, self._region), self._watchers)


class RdsSurvey:
    """See ``Survey``. The lists are asked for at once, keys and combinations as databases are met."""

    def __init__(self, read: _Reader, watchers: str | None) -> None:
        self._read, self._pool, self._lock = read, ThreadPoolExecutor(max_workers=_WORKERS), Lock()
        self._keys: dict[str, Future[str | Unchecked]] = {}
        self._combinations: dict[Combination, Future[bool | Unchecked]] = {}
        self._quotas = self._begin(read.preflight.quotas)
        self._parameter_groups = self._begin(read.parameter_groups)
        self._cluster_parameter_groups = self._begin(read.cluster_parameter_groups)
        self._option_groups = self._begin(read.option_groups)
        self._security_groups = self._begin(read.security_groups)
        self._subnet_groups = self._begin(read.subnet_groups)
        self._subnets = self._begin(read.subnets)
        self._watchers = None if watchers is None else self._begin(lambda: read.rules(watchers))

    def _begin(self, read: Callable[[], T]) -> Future[T | Unchecked]:
        return self._pool.submit(checked, read)

    def meet(self, databases: Iterable[Database]) -> None:
        """See ``Survey.meet``."""
        with self._lock:
            for database in databases:
                self._meet(database, database.config.kms_key, combination(database))

    def _meet(self, database: Database, key: str, wanted: Combination | None) -> None:
        if key and key not in self._keys:
            self._keys[key] = self._begin(lambda: self._read.preflight.key(key))
        if wanted and wanted not in self._combinations:
            self._combinations[wanted] = self._begin(lambda: self._read.preflight.orderable(database))

    def result(self) -> Surroundings:
        """See ``Survey.result``."""
        with self._pool:
            return Surroundings(
                parameter_groups=self._parameter_groups.result(),
                cluster_parameter_groups=self._cluster_parameter_groups.result(),
                option_groups=self._option_groups.result(),
                security_groups=self._security_groups.result(),
                addresses=_addresses(self._subnet_groups.result(), self._subnets.result()),
                quotas=self._quotas.result(),
                watchers=None if self._watchers is None else self._watchers.result(),
                keys={key: found.result() for key, found in self._keys.items()},
                orderable={wanted: found.result() for wanted, found in self._combinations.items()},
            )


def _addresses(
    groups: Mapping[str, tuple[str, ...]] | Unchecked, subnets: Mapping[str, int] | Unchecked
) -> Mapping[str, Mapping[str, int]] | Unchecked:
    if isinstance(groups, Unchecked):
        return groups
    if isinstance(subnets, Unchecked):
        return subnets
    return {name: {each: subnets[each] for each in inside if each in subnets} for name, inside in groups.items()}


class _Reader:
    """The lists of one region. Every method raises ProviderError."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._rds, self._ec2, self._events = clients.rds(region), clients.ec2(region), clients.events(region)
        self.preflight = Preflight(clients, region)

    def parameter_groups(self) -> frozenset[str]:
        pages = entries(self._rds, "describe_db_parameter_groups", "DBParameterGroups")
        return frozenset(each["DBParameterGroupName"] for each in pages)

    def cluster_parameter_groups(self) -> frozenset[str]:
        pages = entries(self._rds, "describe_db_cluster_parameter_groups", "DBClusterParameterGroups")
        return frozenset(each["DBClusterParameterGroupName"] for each in pages)

    def option_groups(self) -> frozenset[str]:
        return option_groups(self._rds)

    def subnet_groups(self) -> dict[str, tuple[str, ...]]:
        pages = entries(self._rds, "describe_db_subnet_groups", "DBSubnetGroups")
        return {
            each["DBSubnetGroupName"]: tuple(subnet["SubnetIdentifier"] for subnet in each.get("Subnets", []))
            for each in pages
        }

    def security_groups(self) -> frozenset[str]:
        pages = entries(self._ec2, "describe_security_groups", "SecurityGroups", EC2_PAGE)
        return frozenset(each["GroupId"] for each in pages)

    def subnets(self) -> dict[str, int]:
        pages = entries(self._ec2, "describe_subnets", "Subnets", EC2_PAGE)
        return {each["SubnetId"]: int(each["AvailableIpAddressCount"]) for each in pages}

    def rules(self, prefix: str) -> dict[str, bool]:
        pages = entries(self._events, "list_rules", "Rules", RULES_PAGE, NamePrefix=prefix)
        return {each["Name"]: each["State"] != "DISABLED" for each in pages}
