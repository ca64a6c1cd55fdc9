"""``Inventory`` over RDS: two page chains per region, and one call for one database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstay.core.errors import BadRequest, NotFound, Unexpected
from backstay.core.model import Database, Kind, NotCovered, Scope
from backstay.core.ports import Page
from backstay.providers.aws import shapes
from backstay.providers.aws.errors import calling
from backstay.providers.aws.listing import pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_rds.client import RDSClient

    from backstay.core.requests import DatabaseRef


class RdsInventory:
    """The databases of one account in one region. ``TagList`` comes inline, so tags cost no call."""

    def __init__(self, rds: RDSClient, scope: Scope) -> None:
        self._rds, self._scope = rds, scope

    @property
    def scope(self) -> Scope:
        """The account and region that this reads."""
        return self._scope

    def pages(self, kind: Kind) -> Iterator[Page]:
        """See ``Inventory.pages``."""
        if kind is Kind.INSTANCE:
            answers = pages(self._rds, "describe_db_instances", "DBInstances")
        else:
            answers = pages(self._rds, "describe_db_clusters", "DBClusters")
        for each in answers:
            yield self._page(each, kind)

    def _page(self, answers: list[Mapping[str, Any]], kind: Kind) -> Page:
        databases, foreign, unreadable, members = [], [], [], []
        for answer in answers:
            try:
                if kind is Kind.INSTANCE and answer.get("DBClusterIdentifier"):
                    members.append(shapes.member(answer))  # its cluster is the database
                    continue
                database = self._parse(answer, kind)
            except Unexpected as exc:
                unreadable.append(str(exc))
                continue
            if database.engine in shapes.FOREIGN_ENGINES:
                foreign.append(NotCovered(self._scope, database.name, database.engine))
            else:
                databases.append(database)
        return Page(tuple(databases), tuple(foreign), tuple(unreadable), tuple(members))

    def _parse(self, answer: Mapping[str, Any], kind: Kind) -> Database:
        parse = shapes.instance if kind is Kind.INSTANCE else shapes.cluster
        return parse(answer, self._scope)

    def find(self, ref: DatabaseRef) -> Database | None:
        """See ``Inventory.find``."""
        found = [self._instance(ref.name)] if ref.kind is not Kind.CLUSTER else []
        if ref.kind is not Kind.INSTANCE:
            found.append(self._cluster(ref.name))
        databases = [each for each in found if each is not None and each.engine not in shapes.FOREIGN_ENGINES]
        if len({each.id for each in databases}) > 1:
            accepted = " or ".join(each.arn for each in databases)
            raise BadRequest("names an instance and a cluster", field="database", value=ref.name, accepted=accepted)
        return databases[0] if databases else None

    def _instance(self, name: str) -> Database | None:
        try:
            with calling("rds:DescribeDBInstances"):
                answers = self._rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        except NotFound:
            return None
        if not answers:
            return None
        cluster = answers[0].get("DBClusterIdentifier")
        return self._cluster(cluster) if cluster else shapes.instance(answers[0], self._scope)

    def _cluster(self, name: str) -> Database | None:
        try:
            with calling("rds:DescribeDBClusters"):
                answers = self._rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        except NotFound:
            return None
        if not answers:
            return None
        database = shapes.cluster(answers[0], self._scope)
        if not database.config.members:
            return database
        with calling("rds:DescribeDBInstances"):
            answer = self._rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [name]}])
            members: list[Any] = list(answer["DBInstances"])
        return shapes.with_members(database, members)
