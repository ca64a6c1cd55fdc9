"""``Surveyor`` over RDS, EC2, KMS and EventBridge: one page chain per kind and region, all at once.

Only keys and combinations of engine, version and class cost a call each, and each of them once however many databases
use it. At most ``_WORKERS`` calls are under way per region.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backstay.core.errors import Unexpected
from backstay.core.restoring import Unchecked
from backstay.core.surroundings import Combination, Surroundings, combination
from backstay.providers.aws.errors import calling
from backstay.providers.aws.preflight import Preflight, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from backstay.core.model import Database
    from backstay.providers.aws.clients import Clients

T = TypeVar("T")
_WORKERS: Final = 8
# The largest pages: RDS API reference, MaxRecords; EC2 API reference, MaxResults; EventBridge API reference, Limit.
_RDS_PAGE: Final = 100
_EC2_PAGE: Final = 1000
_RULES_PAGE: Final = 100


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
        pages = _entries(self._rds, "describe_db_parameter_groups", "DBParameterGroups", _RDS_PAGE)
        return frozenset(each["DBParameterGroupName"] for each in pages)

    def cluster_parameter_groups(self) -> frozenset[str]:
        pages = _entries(self._rds, "describe_db_cluster_parameter_groups", "DBClusterParameterGroups", _RDS_PAGE)
        return frozenset(each["DBClusterParameterGroupName"] for each in pages)

    def option_groups(self) -> frozenset[str]:
        pages = _entries(self._rds, "describe_option_groups", "OptionGroupsList", _RDS_PAGE)
        return frozenset(each["OptionGroupName"] for each in pages)

    def subnet_groups(self) -> dict[str, tuple[str, ...]]:
        pages = _entries(self._rds, "describe_db_subnet_groups", "DBSubnetGroups", _RDS_PAGE)
        return {
            each["DBSubnetGroupName"]: tuple(subnet["SubnetIdentifier"] for subnet in each.get("Subnets", []))
            for each in pages
        }

    def security_groups(self) -> frozenset[str]:
        pages = _entries(self._ec2, "describe_security_groups", "SecurityGroups", _EC2_PAGE)
        return frozenset(each["GroupId"] for each in pages)

    def subnets(self) -> dict[str, int]:
        pages = _entries(self._ec2, "describe_subnets", "Subnets", _EC2_PAGE)
        return {each["SubnetId"]: int(each["AvailableIpAddressCount"]) for each in pages}

    def rules(self, prefix: str) -> dict[str, bool]:
        pages = _entries(self._events, "list_rules", "Rules", _RULES_PAGE, NamePrefix=prefix)
        return {each["Name"]: each["State"] != "DISABLED" for each in pages}


_CALLS: Final = {
    "describe_db_parameter_groups": "rds:DescribeDBParameterGroups",
    "describe_db_cluster_parameter_groups": "rds:DescribeDBClusterParameterGroups",
    "describe_option_groups": "rds:DescribeOptionGroups",
    "describe_db_subnet_groups": "rds:DescribeDBSubnetGroups",
    "describe_security_groups": "ec2:DescribeSecurityGroups",
    "describe_subnets": "ec2:DescribeSubnets",
    "list_rules": "events:ListRules",
}


def _entries(client: Any, operation: str, key: str, size: int, **given: str) -> Iterator[_Entry]:
    """Every entry of a listing.

    Raises:
        Unexpected: a page without its list, or an entry without a field that is asked of it.
    """
    call = _CALLS[operation]
    pages = iter(client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **given))
    while True:
        with calling(call):
            page = next(pages, None)
        if page is None:
            return
        if not isinstance(page.get(key), list):
            raise Unexpected(f"a page without {key}", call=call)
        yield from (_Entry(each, call) for each in page[key])


class _Entry(dict[str, Any]):
    """One entry of a listing; a field that is missing is Unexpected, and not a KeyError of ours."""

    def __init__(self, fields: Mapping[str, Any], call: str) -> None:
        super().__init__(fields)
        self._call = call

    def __missing__(self, field: str) -> Any:
        raise Unexpected(f"an entry without {field}", call=self._call)
