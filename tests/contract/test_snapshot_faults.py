"""``SnapshotStore`` when the cloud fails: each failure is one of our errors, none is an empty answer or a change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from backstay.core import errors
from backstay.core.actions import ReplicateBackups, TakeSnapshot
from backstay.core.model import DatabaseId, Kind
from backstay.providers.aws.clients import Clients
from backstay.providers.aws.snapshots import RdsSnapshotStore
from tests.contract.points import SLOT, TAGS, PointSite, Seed, fresh, memory
from tests.contract.test_faults import CASES
from tests.fleet import IRELAND, LONDON
from tests.labtests.rds.standin import GOOD_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = {Kind.INSTANCE: "DBSnapshot", Kind.CLUSTER: "DBClusterSnapshot"}
KINDS = pytest.mark.parametrize("kind", Kind)


def fault(site: PointSite, action: str, kind: str, **more: Any) -> None:
    assert site.rds is not None
    site.rds.admin("POST", "/_lab/faults", {"action": action, "kind": kind, **more})


def calls(site: PointSite, kind: Kind) -> dict[str, tuple[str, Callable[[], Any]]]:
    """Every call of the store about a point, by what it is for: its RDS action, and how to make it."""
    word, ref, name = WORDS[kind], site.sown(kind), fresh()
    database = DatabaseId(LONDON, kind, ref.id)
    taking = TakeSnapshot(database=site.database(kind), name=name, slot=SLOT, tags=TAGS, reason="test")
    site.until_idle()
    return {
        "pages": (f"Describe{word}s", lambda: list(site.home.pages(kind))),
        "of": (f"Describe{word}s", lambda: site.home.of(database)),
        "find": (f"Describe{word}s", lambda: site.home.find(ref)),
        "take": (f"Create{word}", lambda: site.home.take(taking)),
        "copy": (f"Copy{word}", lambda: site.copy(ref, name=name)),
        "share": (f"Modify{word}Attribute", lambda: site.share(ref)),
        "take back": (f"Modify{word}Attribute", lambda: site.share(ref, shared=False)),
        "tag as shared": ("AddTagsToResource", lambda: site.share(ref)),
        "adopt": ("AddTagsToResource", lambda: site.adopt(ref, {"team": "shop"})),
        "delete": (f"Delete{word}", lambda: site.delete(ref)),
        "quotas": ("DescribeAccountAttributes", site.home.quotas),
        "option groups": ("DescribeOptionGroups", site.home.option_groups),
    }


@KINDS
@pytest.mark.parametrize(("failure", "error"), [("denied", errors.Denied), ("reset", errors.Unreachable)])
def test_every_call_translates_its_failures_and_changes_nothing(
    lab_points: PointSite, kind: Kind, failure: str, error: type[errors.ProviderError]
) -> None:
    assert lab_points.rds is not None
    made = calls(lab_points, kind)
    before = {each.arn for page in lab_points.home.pages(kind) for each in page.points}
    for name, (action, call) in made.items():
        fault(lab_points, action, failure)
        with pytest.raises(error) as caught:
            call()
        assert caught.value.call == f"rds:{action}", name
        lab_points.rds.admin("DELETE", "/_lab/faults")
    after = {each.arn for page in lab_points.home.pages(kind) for each in page.points}
    assert after == before


@pytest.mark.parametrize(("failure", "error", "text"), CASES)
def test_each_failure_of_a_listing_is_one_of_our_errors(
    lab_points: PointSite, failure: str, error: type[errors.ProviderError], text: str
) -> None:
    fault(lab_points, "DescribeDBSnapshots", failure)
    with pytest.raises(error, match=text) as caught:
        list(lab_points.home.pages(Kind.INSTANCE))
    assert type(caught.value) is error
    assert caught.value.call == "rds:DescribeDBSnapshots"


def test_a_second_page_that_fails_leaves_the_first(lab_points: PointSite) -> None:
    many = [Seed(scope=IRELAND, kind=Kind.CLUSTER, name=fresh(), source="many", tags=TAGS) for _ in range(150)]
    lab_points.sow(*many)
    fault(lab_points, "DescribeDBClusterSnapshots", "denied", region=IRELAND.region, marker=True)
    pages = lab_points.away.pages(Kind.CLUSTER)
    assert len(next(pages).points) == 100
    with pytest.raises(errors.Denied):
        next(pages)


@KINDS
def test_a_point_that_is_tagged_as_shared_stays_so_when_taking_it_back_fails(lab_points: PointSite, kind: Kind) -> None:
    ref = lab_points.sown(kind)
    lab_points.share(ref)
    fault(lab_points, f"Modify{WORDS[kind]}Attribute", "denied")
    with pytest.raises(errors.Denied):
        lab_points.share(ref, shared=False)
    assert lab_points.there(ref).shared_with


def test_a_key_that_we_may_not_look_at_is_told_with_the_permission(lab_points: PointSite) -> None:
    assert lab_points.door is not None
    lab_points.door.deny.add("DescribeKey")
    found = lab_points.away.key(GOOD_KEY)
    assert found.arn == ""
    assert "kms:DescribeKey" in found.problem


def test_throttling_that_ends_within_the_retries_is_not_noticed(
    lab_points: PointSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lab_points.rds is not None
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", lab_points.rds.process.url)
    ref = lab_points.sown(Kind.INSTANCE)
    patient = Clients()
    fault(lab_points, "DescribeDBSnapshots", "throttle", times=1)
    found = RdsSnapshotStore(lambda _part: patient, LONDON).find(ref)
    assert found is not None


def memory_calls(site: PointSite) -> dict[str, Callable[[], Any]]:
    """Every method of the memory store, by the name under which its cloud knows it."""
    ref = site.sown(Kind.INSTANCE)
    orders = site.database(Kind.INSTANCE)
    taking = TakeSnapshot(database=orders, name=fresh(), slot=SLOT, tags=TAGS, reason="test")
    replicating = ReplicateBackups(database=orders, arn="a", to=IRELAND, kms_key=GOOD_KEY, days=7, reason="test")
    return {
        "points": lambda: list(site.home.pages(Kind.INSTANCE)),
        "points_of": lambda: site.home.of(orders),
        "point": lambda: site.home.find(ref),
        "replicated": lambda: list(site.home.replicated()),
        "take": lambda: site.home.take(taking),
        "copy": lambda: site.copy(ref, LONDON),
        "share": lambda: site.share(ref),
        "delete": lambda: site.delete(ref),
        "adopt": lambda: site.adopt(ref, {"team": "shop"}),
        "replicate": lambda: site.away.replicate(replicating),
        "key": lambda: site.home.key(GOOD_KEY),
        "option_groups": site.home.option_groups,
        "quotas": site.home.quotas,
    }


@pytest.mark.parametrize("method", memory_calls(memory()))
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_in_memory_every_method_can_fail_before_and_after_its_work(method: str, late: bool) -> None:
    def denied() -> None:
        raise errors.Denied("planted")

    site = memory()
    assert site.cloud is not None
    made = memory_calls(site)
    untouched = site.cloud.every_point()
    replicas = len(site.cloud.replicas)
    site.cloud.interfere(method, denied, times=1, late=late)
    with pytest.raises(errors.Denied, match="planted"):
        made[method]()
    changed = (site.cloud.every_point(), len(site.cloud.replicas)) != (untouched, replicas)
    assert changed is (late and method in {"take", "copy", "share", "delete", "adopt", "replicate"})
    assert [each.method for each in site.cloud.called(method)] == ([method] if late else [])


def test_in_memory_what_cannot_be_read_stands_on_the_first_page() -> None:
    site = memory()
    assert site.cloud is not None
    site.cloud.unreadable_points[LONDON, Kind.CLUSTER] = ["snapshot odd: cannot read KeyError('Status')"]
    (page,) = site.home.pages(Kind.CLUSTER)
    assert page.unreadable == ("snapshot odd: cannot read KeyError('Status')",)
    assert next(site.home.pages(Kind.INSTANCE)).unreadable == ()
    assert replace(page, unreadable=()).points == ()
