"""Listings: page after page, and no entry or page without the fields that are asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from backstay.core.errors import Unexpected
from backstay.providers.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_rds.client import RDSClient

# The largest pages: RDS API reference, MaxRecords; EC2 API reference, MaxResults; EventBridge API reference, Limit.
RDS_PAGE: Final = 100
EC2_PAGE: Final = 1000
RULES_PAGE: Final = 100
_CALLS: Final = {
    "describe_db_cluster_parameter_groups": "rds:DescribeDBClusterParameterGroups",
    "describe_db_cluster_snapshots": "rds:DescribeDBClusterSnapshots",
    "describe_db_clusters": "rds:DescribeDBClusters",
    "describe_db_instance_automated_backups": "rds:DescribeDBInstanceAutomatedBackups",
    "describe_db_instances": "rds:DescribeDBInstances",
    "describe_db_parameter_groups": "rds:DescribeDBParameterGroups",
    "describe_db_snapshots": "rds:DescribeDBSnapshots",
    "describe_db_subnet_groups": "rds:DescribeDBSubnetGroups",
    "describe_option_groups": "rds:DescribeOptionGroups",
    "describe_security_groups": "ec2:DescribeSecurityGroups",
    "describe_subnets": "ec2:DescribeSubnets",
    "list_rules": "events:ListRules",
}


def pages(client: Any, operation: str, key: str, size: int = RDS_PAGE, **given: Any) -> Iterator[list[Any]]:
    """The lists of a page chain.

    Raises:
        Unexpected: a page without its list.
        ProviderError: a page could not be read; those before it are good.
    """
    call = _CALLS[operation]
    answers = iter(client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **given))
    while True:
        with calling(call):
            page = next(answers, None)
        if page is None:
            return
        if not isinstance(page.get(key), list):
            raise Unexpected(f"a page without {key}", call=call)
        yield page[key]


def entries(client: Any, operation: str, key: str, size: int = RDS_PAGE, **given: Any) -> Iterator[Entry]:
    """Every entry of a listing.

    Raises:
        Unexpected: a page without its list, or an entry without a field that is asked of it.
    """
    call = _CALLS[operation]
    for page in pages(client, operation, key, size, **given):
        yield from (Entry(each, call) for each in page)


class Entry(dict[str, Any]):
    """One entry of a listing; a field that is missing is Unexpected, and not a KeyError of ours."""

    def __init__(self, fields: Mapping[str, Any], call: str) -> None:
        super().__init__(fields)
        self._call = call

    def __missing__(self, field: str) -> Any:
        raise Unexpected(f"an entry without {field}", call=self._call)


def option_groups(rds: RDSClient) -> frozenset[str]:
    """The names of a region's option groups."""
    return frozenset(each["OptionGroupName"] for each in entries(rds, "describe_option_groups", "OptionGroupsList"))
