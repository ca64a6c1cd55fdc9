"""``Shares`` over memory and moto: who may copy a point is told as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from moto import mock_aws

from backstay.core.actions import PointRef
from backstay.core.errors import NotFound, Unexpected
from backstay.core.model import Kind
from backstay.providers.aws.clients import Clients
from backstay.providers.aws.shares import RdsShares
from tests.fleet import LONDON, database, fleet, point
from tests.unit.providers.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay.core.stores import Shares

ACCOUNT, OTHER = "222233334444", "999988887777"
KINDS = pytest.mark.parametrize("kind", list(Kind))


class Site(Protocol):
    shares: Shares

    def made(self, kind: Kind) -> PointRef: ...

    def share(self, point: PointRef, account: str, *, shared: bool) -> None: ...


class Memory:
    def __init__(self) -> None:
        self._fleet = fleet(database())
        self.shares = self._fleet.world.sharing[LONDON]

    def made(self, kind: Kind) -> PointRef:
        found = point(database(kind=kind), id="before-deploy")
        self._fleet.cloud.add_point(found)
        return found.ref

    def share(self, point: PointRef, account: str, *, shared: bool) -> None:
        self._fleet.cloud.points.share(point, account, shared=shared)


class Moto:
    def __init__(self) -> None:
        self._rds: Any = boto3.client("rds", region_name=LONDON.region)
        self.shares: Shares = RdsShares(Clients, LONDON)

    def made(self, kind: Kind) -> PointRef:
        login = {"Engine": "aurora-postgresql", "MasterUsername": "admin1", "MasterUserPassword": "not-a-secret"}
        if kind is Kind.INSTANCE:
            size = {"Engine": "postgres", "DBInstanceClass": "db.m7g.large", "AllocatedStorage": 20}
            self._rds.create_db_instance(DBInstanceIdentifier="orders", **{**login, **size})
            self._rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="before-deploy")
        else:
            self._rds.create_db_cluster(DBClusterIdentifier="orders", **login)
            self._rds.create_db_cluster_snapshot(
                DBClusterIdentifier="orders", DBClusterSnapshotIdentifier="before-deploy"
            )
        return ref(kind)

    def share(self, point: PointRef, account: str, *, shared: bool) -> None:
        values = {"ValuesToAdd" if shared else "ValuesToRemove": [account]}
        if point.kind is Kind.INSTANCE:
            self._rds.modify_db_snapshot_attribute(DBSnapshotIdentifier=point.id, AttributeName="restore", **values)
        else:
            self._rds.modify_db_cluster_snapshot_attribute(
                DBClusterSnapshotIdentifier=point.id, AttributeName="restore", **values
            )


def ref(kind: Kind) -> PointRef:
    return PointRef(id="before-deploy", arn="", scope=LONDON, kind=kind)


@pytest.fixture(params=["memory", "moto"])
def site(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    if request.param == "memory":
        yield Memory()
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", LONDON.region)
    with mock_aws():
        yield Moto()


@KINDS
def test_given_a_point_when_it_is_shared_and_taken_back_then_who_may_copy_it_is_told(site: Site, kind: Kind) -> None:
    made = site.made(kind)
    assert site.shares.accounts(made) == ()
    site.share(made, OTHER, shared=True)
    site.share(made, ACCOUNT, shared=True)
    assert site.shares.accounts(made) == (ACCOUNT, OTHER)
    site.share(made, OTHER, shared=False)
    assert site.shares.accounts(made) == (ACCOUNT,)


@KINDS
def test_given_a_point_that_everyone_may_copy_when_asked_then_all(site: Site, kind: Kind) -> None:
    made = site.made(kind)
    site.share(made, "all", shared=True)
    assert site.shares.accounts(made) == ("all",)


@KINDS
def test_given_no_point_of_that_name_when_asked_then_not_found(site: Site, kind: Kind) -> None:
    with pytest.raises(NotFound):
        site.shares.accounts(ref(kind))


# --- what RDS is asked, and answers that tell nothing -----------------------------------------------------------------


@KINDS
def test_given_a_point_when_asked_then_one_call_where_it_lives(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    wire = Wire().lay(monkeypatch)
    word = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    attribute = f"<{word}Attribute><AttributeName>restore</AttributeName><AttributeValues/></{word}Attribute>"
    action = f"Describe{word}Attributes"
    wire.answers[action] = (
        f"<{word}AttributesResult><{word}Attributes>{attribute}</{word}Attributes></{word}AttributesResult>"
    )
    assert RdsShares(Clients, LONDON).accounts(ref(kind)) == ()
    sent = wire.only()
    assert (sent.action, sent.region) == (action, LONDON.region)
    assert sent.given == {f"{word}Identifier": "before-deploy"}


@KINDS
@pytest.mark.parametrize(
    "attributes",
    ["", "<A/>", "<A><AttributeName>other</AttributeName><AttributeValues/></A>"],
    ids=["none", "bare", "other"],
)
def test_given_an_answer_that_does_not_say_who_may_copy_it_then_that_is_not_nobody(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, attributes: str
) -> None:
    wire = Wire().lay(monkeypatch)
    word = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    inner = attributes.replace("<A>", f"<{word}Attribute>").replace("</A>", f"</{word}Attribute>")
    inner = inner.replace("<A/>", f"<{word}Attribute/>")
    wire.answers[f"Describe{word}Attributes"] = (
        f"<{word}AttributesResult><{word}Attributes>{inner}</{word}Attributes></{word}AttributesResult>"
    )
    with pytest.raises(Unexpected):
        RdsShares(Clients, LONDON).accounts(ref(kind))
