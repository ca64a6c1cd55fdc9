"""What `RdsSnapshotStore` sends for each change, whose credentials sign it, and what comes of each answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from backstay import wiring
from backstay.config import Settings
from backstay.core import errors
from backstay.core.actions import (
    AdoptPoint,
    CopyPoint,
    DeletePoint,
    PointRef,
    ReplicateBackups,
    SharePoint,
    TakeSnapshot,
)
from backstay.core.model import DatabaseId, Kind, Provider, Scope
from backstay.core.stores import KeyFacts, SnapshotStore
from backstay.providers.aws.clients import Clients
from backstay.providers.aws.snapshots import RdsSnapshotStore
from backstay.providers.memory import MemoryBus, MemoryVault
from tests.unit.providers.wire import HOME_KEY, Sent, Wire, signed_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ACCOUNT, MEMBER, VAULT = "111122223333", "444455556666", "222233334444"
LONDON, IRELAND = Scope(Provider.AWS, ACCOUNT, "eu-west-2"), Scope(Provider.AWS, ACCOUNT, "eu-west-1")
IN_VAULT = Scope(Provider.AWS, VAULT, "eu-west-1")
AT_MEMBER = Scope(Provider.AWS, MEMBER, "eu-west-2")
ORDERS, LEDGER = DatabaseId(LONDON, Kind.INSTANCE, "orders"), DatabaseId(LONDON, Kind.CLUSTER, "ledger")
KEY = "alias/backstay"
TAGS = {"backup-tier": "gold", "backstay:slot": "2026-11-24T03:00:00Z"}
AS_TAGS = {
    "Tags.Tag.1.Key": "backup-tier",
    "Tags.Tag.1.Value": "gold",
    "Tags.Tag.2.Key": "backstay:slot",
    "Tags.Tag.2.Value": "2026-11-24T03:00:00Z",
}


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    wiring._members.cache_clear()
    yield Wire().lay(monkeypatch)
    wiring._members.cache_clear()


def store(scope: Scope) -> SnapshotStore:
    clients = Clients()
    return RdsSnapshotStore(lambda _part: clients, scope)


def ref(kind: Kind, scope: Scope = LONDON, name: str = "snap") -> PointRef:
    word = "snapshot" if kind is Kind.INSTANCE else "cluster-snapshot"
    return PointRef(id=name, arn=f"arn:aws:rds:{scope.region}:{scope.account}:{word}:{name}", scope=scope, kind=kind)


def taking(database: DatabaseId) -> TakeSnapshot:
    slot = datetime(2026, 11, 24, 3, tzinfo=UTC)
    return TakeSnapshot(database=database, name="snap", slot=slot, tags=TAGS, reason="due")


def copying(source: PointRef, to: Scope, **given: Any) -> CopyPoint:
    asked: dict[str, Any] = {"name": "copy", "kms_key": KEY, "tags": TAGS, "reason": "asked", **given}
    return CopyPoint(database=replace(ORDERS, kind=source.kind), source=source, to=to, **asked)


def sharing(kind: Kind, *, shared: bool) -> SharePoint:
    return SharePoint(database=ORDERS, point=ref(kind), account=VAULT, shared=shared, reason="a copy")


def test_given_an_instance_when_a_snapshot_is_taken_then_its_name_and_tags_are_sent(wire: Wire) -> None:
    store(LONDON).take(taking(ORDERS))
    named = {"DBSnapshotIdentifier": "snap", "DBInstanceIdentifier": "orders"}
    assert wire.only() == Sent("CreateDBSnapshot", "eu-west-2", HOME_KEY, named | AS_TAGS)


def test_given_a_cluster_when_a_snapshot_is_taken_then_its_name_and_tags_are_sent(wire: Wire) -> None:
    store(LONDON).take(taking(LEDGER))
    named = {"DBClusterSnapshotIdentifier": "snap", "DBClusterIdentifier": "ledger"}
    assert wire.only() == Sent("CreateDBClusterSnapshot", "eu-west-2", HOME_KEY, named | AS_TAGS)


@pytest.mark.parametrize("kind", Kind)
def test_given_a_copy_within_the_region_when_asked_for_then_by_name_and_unsigned_elsewhere(
    wire: Wire, kind: Kind
) -> None:
    store(LONDON).copy(copying(ref(kind), LONDON))
    word = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    named = {f"Source{word}Identifier": "snap", f"Target{word}Identifier": "copy", "KmsKeyId": KEY}
    assert wire.only() == Sent(f"Copy{word}", "eu-west-2", HOME_KEY, named | AS_TAGS)


@pytest.mark.parametrize("kind", Kind)
def test_given_a_copy_from_another_region_when_asked_for_then_there_by_arn_and_signed_for_the_source(
    wire: Wire, kind: Kind
) -> None:
    store(IRELAND).copy(copying(ref(kind), IRELAND))
    word = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    sent = wire.only()
    url = sent.given.pop("PreSignedUrl")
    named = {f"Source{word}Identifier": ref(kind).arn, f"Target{word}Identifier": "copy", "KmsKeyId": KEY}
    assert sent == Sent(f"Copy{word}", "eu-west-1", HOME_KEY, named | AS_TAGS)
    host, who, given = signed_url(url)
    assert (host, who) == ("rds.eu-west-2.amazonaws.com", HOME_KEY)
    assert given["DestinationRegion"] == "eu-west-1"
    assert {name: given[name] for name in named} == named
    assert given["Action"] == f"Copy{word}"


def test_given_a_copy_into_another_account_when_asked_for_then_by_arn_and_in_its_region_alone(wire: Wire) -> None:
    source = ref(Kind.INSTANCE, Scope(Provider.AWS, ACCOUNT, "eu-west-1"))
    store(IN_VAULT).copy(copying(source, IN_VAULT, carry_options=True))
    sent = wire.only().given
    assert sent["SourceDBSnapshotIdentifier"] == source.arn
    assert sent["CopyOptionGroup"] == "true"
    assert not {"PreSignedUrl", "OptionGroupName"} & set(sent)


def test_given_an_unencrypted_source_when_copied_then_no_key_is_named(wire: Wire) -> None:
    store(IRELAND).copy(copying(ref(Kind.CLUSTER), IRELAND, kms_key=""))
    assert "KmsKeyId" not in wire.only().given


def test_given_an_option_group_when_an_instances_point_is_copied_then_it_is_named_and_of_a_cluster_never(
    wire: Wire,
) -> None:
    store(IRELAND).copy(copying(ref(Kind.INSTANCE), IRELAND, option_group="orders-og"))
    store(IRELAND).copy(copying(ref(Kind.CLUSTER), IRELAND, option_group="orders-og", carry_options=True))
    first, second = (each.given for each in wire.sent)
    assert first["OptionGroupName"] == "orders-og"
    assert not {"OptionGroupName", "CopyOptionGroup"} & set(second)


@pytest.mark.parametrize("kind", Kind)
def test_given_a_point_when_it_is_shared_then_it_is_tagged_first_and_untagged_last(wire: Wire, kind: Kind) -> None:
    at = store(LONDON)
    at.share(sharing(kind, shared=True))
    at.share(sharing(kind, shared=False))
    word = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    attribute = {f"{word}Identifier": "snap", "AttributeName": "restore"}
    tag = {"Tags.Tag.1.Key": "backstay:shared", "Tags.Tag.1.Value": VAULT}
    arn = {"ResourceName": ref(kind).arn}
    assert [(each.action, each.given) for each in wire.sent] == [
        ("AddTagsToResource", arn | tag),
        (f"Modify{word}Attribute", attribute | {"ValuesToAdd.AttributeValue.1": VAULT}),
        (f"Modify{word}Attribute", attribute | {"ValuesToRemove.AttributeValue.1": VAULT}),
        ("RemoveTagsFromResource", arn | {"TagKeys.member.1": "backstay:shared"}),
    ]


@pytest.mark.parametrize(("shared", "refused"), [(True, "AddTagsToResource"), (False, "ModifyDBSnapshotAttribute")])
def test_given_the_first_of_both_calls_is_refused_when_shared_then_the_other_is_not_made(
    wire: Wire, shared: bool, refused: str
) -> None:
    wire.refusals[refused] = "AccessDenied"
    with pytest.raises(errors.Denied, match=refused):
        store(LONDON).share(sharing(Kind.INSTANCE, shared=shared))
    assert wire.only().action == refused


@pytest.mark.parametrize("kind", Kind)
def test_given_a_point_when_deleted_then_by_its_name_alone(wire: Wire, kind: Kind) -> None:
    store(LONDON).delete(DeletePoint(database=ORDERS, point=ref(kind), reason="old"))
    word = "DBSnapshot" if kind is Kind.INSTANCE else "DBClusterSnapshot"
    assert wire.only() == Sent(f"Delete{word}", "eu-west-2", HOME_KEY, {f"{word}Identifier": "snap"})


def test_given_a_point_when_adopted_then_the_tags_go_on_it(wire: Wire) -> None:
    store(LONDON).adopt(AdoptPoint(database=ORDERS, point=ref(Kind.INSTANCE), tags=TAGS, reason="asked"))
    given = {"ResourceName": ref(Kind.INSTANCE).arn} | AS_TAGS
    assert wire.only() == Sent("AddTagsToResource", "eu-west-2", HOME_KEY, given)


@pytest.mark.parametrize(("key", "tags"), [(KEY, TAGS), ("", {})], ids=["encrypted", "neither key nor tags"])
def test_given_an_instance_when_its_backups_are_replicated_then_there_and_signed_for_the_source(
    wire: Wire, key: str, tags: dict[str, str]
) -> None:
    arn = "arn:aws:rds:eu-west-2:111122223333:db:orders"
    action = ReplicateBackups(database=ORDERS, arn=arn, to=IRELAND, kms_key=key, days=7, reason="asked", tags=tags)
    store(IRELAND).replicate(action)
    sent = wire.only()
    host, _, signed = signed_url(sent.given.pop("PreSignedUrl"))
    wanted = {"SourceDBInstanceArn": arn, "BackupRetentionPeriod": "7"} | ({"KmsKeyId": key} if key else {})
    assert (sent.action, sent.region) == ("StartDBInstanceAutomatedBackupsReplication", "eu-west-1")
    assert sent.given == wanted | (AS_TAGS if tags else {})
    assert (host, signed["DestinationRegion"]) == ("rds.eu-west-2.amazonaws.com", "eu-west-1")


def test_given_points_when_listed_then_of_every_type_in_the_largest_pages_and_without_shared_ones(wire: Wire) -> None:
    at = store(LONDON)
    wire.answers = {
        "DescribeDBSnapshots": "<DBSnapshots/>",
        "DescribeDBClusterSnapshots": "<DBClusterSnapshots/>",
        "DescribeDBInstanceAutomatedBackups": "<DBInstanceAutomatedBackups/>",
    }
    assert [list(at.pages(kind)) for kind in Kind] == [list(at.pages(kind)) for kind in Kind]
    assert (at.of(ORDERS), at.of(LEDGER), list(at.replicated())) == ((), (), [])
    assert [(each.action, each.given) for each in wire.sent[2:]] == [
        ("DescribeDBSnapshots", {"MaxRecords": "100"}),
        ("DescribeDBClusterSnapshots", {"MaxRecords": "100"}),
        ("DescribeDBSnapshots", {"MaxRecords": "100", "DBInstanceIdentifier": "orders"}),
        ("DescribeDBClusterSnapshots", {"MaxRecords": "100", "DBClusterIdentifier": "ledger"}),
        ("DescribeDBInstanceAutomatedBackups", {"MaxRecords": "100"}),
    ]


def test_given_a_page_without_its_list_when_read_then_it_is_not_taken_for_an_empty_one(wire: Wire) -> None:
    at = store(LONDON)
    with pytest.raises(errors.Unexpected, match="DBSnapshots"):
        list(at.pages(Kind.INSTANCE))
    with pytest.raises(errors.Unexpected, match="DBClusterSnapshots"):
        at.of(LEDGER)
    with pytest.raises(errors.Unexpected, match="DBInstanceAutomatedBackups"):
        list(at.replicated())
    with pytest.raises(errors.Unexpected, match="DBSnapshots"):
        at.find(ref(Kind.INSTANCE))
    assert len(wire.sent) == 4


@pytest.mark.parametrize(
    ("point", "also"),
    [
        (ref(Kind.INSTANCE), {}),
        (ref(Kind.CLUSTER), {}),
        (ref(Kind.INSTANCE, name="rds:orders-2026-11-24"), {"SnapshotType": "automated"}),
        (ref(Kind.CLUSTER, name="rds:ledger-2026-11-24"), {"SnapshotType": "automated"}),
        (ref(Kind.INSTANCE, name="awsbackup:job-1"), {"SnapshotType": "awsbackup"}),
        (ref(Kind.CLUSTER, name="awsbackup:job-1"), {}),
    ],
    ids=lambda given: f"{given.kind} {given.id}" if isinstance(given, PointRef) else "",
)
def test_given_a_point_when_looked_for_then_with_the_type_that_rds_wants_to_be_told(
    wire: Wire, point: PointRef, also: dict[str, str]
) -> None:
    word = "DBSnapshot" if point.kind is Kind.INSTANCE else "DBClusterSnapshot"
    wire.answers[f"Describe{word}s"] = f"<{word}s/>"
    assert store(LONDON).find(point) is None
    assert wire.only().given == {f"{word}Identifier": point.id} | also


@pytest.mark.parametrize("kind", Kind)
def test_given_no_such_point_when_looked_for_then_there_is_none(wire: Wire, kind: Kind) -> None:
    word, tail = ("DBSnapshot", "") if kind is Kind.INSTANCE else ("DBClusterSnapshot", "Fault")
    wire.refusals[f"Describe{word}s"] = f"{word}NotFound{tail}"
    assert store(LONDON).find(ref(kind)) is None
    assert store(LONDON).of(ORDERS if kind is Kind.INSTANCE else LEDGER) == ()


def changes(scope: Scope) -> dict[str, Callable[[], object]]:
    """Every method that names a place, told of one in ``scope`` at the store of Ireland."""
    at, database, point = store(IRELAND), replace(ORDERS, scope=scope), ref(Kind.INSTANCE, scope)
    arn = "arn:aws:rds:eu-west-2:111122223333:db:orders"
    return {
        "find": lambda: at.find(point),
        "take": lambda: at.take(taking(database)),
        "copy": lambda: at.copy(copying(point, scope)),
        "share": lambda: at.share(replace(sharing(Kind.INSTANCE, shared=True), point=point)),
        "delete": lambda: at.delete(DeletePoint(database=database, point=point, reason="old")),
        "adopt": lambda: at.adopt(AdoptPoint(database=database, point=point, tags=TAGS, reason="asked")),
        "replicate": lambda: at.replicate(
            ReplicateBackups(database=database, arn=arn, to=scope, kms_key="", days=7, reason="asked")
        ),
    }


@pytest.mark.parametrize("method", changes(LONDON))
@pytest.mark.parametrize("scope", [LONDON, IN_VAULT], ids=["another region", "another account"])
def test_given_a_point_of_another_place_when_told_to_change_it_then_nothing_is_sent(
    wire: Wire, scope: Scope, method: str
) -> None:
    with pytest.raises(errors.Rejected, match=str(scope)):
        changes(scope)[method]()
    assert wire.sent == []


# Keys.

METADATA = (
    '{"KeyMetadata": {"KeyId": "1", "Arn": "arn:aws:kms:eu-west-1:111122223333:key/1", "KeyState": "%s",'
    ' "KeyUsage": "%s", "KeySpec": "%s", "KeyManager": "%s"}}'
)
GOOD = ("Enabled", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "CUSTOMER")


def test_given_a_key_when_it_is_usable_then_its_arn_and_whether_others_may_use_it(wire: Wire) -> None:
    wire.answers["DescribeKey"] = METADATA % GOOD
    assert store(IRELAND).key(KEY) == KeyFacts("arn:aws:kms:eu-west-1:111122223333:key/1")
    wire.answers["DescribeKey"] = METADATA % (*GOOD[:3], "AWS")
    assert store(IRELAND).key("alias/aws/rds").shareable is False
    assert [(each.region, each.given) for each in wire.sent] == [
        ("eu-west-1", {"KeyId": KEY}),
        ("eu-west-1", {"KeyId": "alias/aws/rds"}),
    ]


@pytest.mark.parametrize(
    ("state", "usage", "spec", "remedy"),
    [
        ("Disabled", *GOOD[1:3], "kms:EnableKey"),
        ("PendingDeletion", *GOOD[1:3], "kms:CancelKeyDeletion"),
        ("PendingReplicaDeletion", *GOOD[1:3], "kms:CancelKeyDeletion"),
        ("PendingImport", *GOOD[1:3], "import its key material"),
        ("Unavailable", *GOOD[1:3], "kms:ConnectCustomKeyStore"),
        ("Creating", *GOOD[1:3], "try again"),
        ("SomethingNew", *GOOD[1:3], "name another"),
        ("Enabled", "SIGN_VERIFY", "RSA_2048", "name another"),
        ("Enabled", "GENERATE_VERIFY_MAC", "HMAC_256", "name another"),
        ("Enabled", "ENCRYPT_DECRYPT", "RSA_2048", "name another"),
    ],
)
def test_given_a_key_that_cannot_encrypt_when_looked_at_then_why_and_what_to_do(
    wire: Wire, state: str, usage: str, spec: str, remedy: str
) -> None:
    wire.answers["DescribeKey"] = METADATA % (state, usage, spec, "CUSTOMER")
    found = store(IRELAND).key(KEY)
    assert found.arn
    assert KEY in found.problem
    assert "eu-west-1" in found.problem
    assert remedy in found.problem


def test_given_no_such_key_when_looked_at_then_it_is_an_answer(wire: Wire) -> None:
    wire.refusals["DescribeKey"] = "NotFoundException"
    found = store(IRELAND).key(KEY)
    assert (found.arn, "does not exist in eu-west-1" in found.problem) == ("", True)


@pytest.mark.parametrize(
    ("key", "arn"), [(KEY, ""), ("arn:aws:kms:eu-west-1:1:key/1", "arn:aws:kms:eu-west-1:1:key/1")]
)
def test_given_a_key_that_we_may_not_look_at_when_asked_for_then_the_permission_is_named(
    wire: Wire, key: str, arn: str
) -> None:
    wire.refusals["DescribeKey"] = "AccessDeniedException"
    found = store(IRELAND).key(key)
    assert found.arn == arn
    assert "kms:DescribeKey" in found.problem


def test_given_no_key_when_looked_at_then_nobody_is_asked(wire: Wire) -> None:
    assert store(IRELAND).key("").problem
    assert wire.sent == []


@pytest.mark.parametrize(
    ("answer", "refusal", "error"),
    [
        ('{"KeyMetadata": {"KeyId": "1"}}', "", errors.Unexpected),
        ("{}", "", errors.Unexpected),
        ("", "ThrottlingException", errors.Throttled),
        ("", "KMSInternalException", errors.Rejected),
    ],
)
def test_given_kms_does_not_tell_when_asked_then_that_is_no_answer(
    wire: Wire, answer: str, refusal: str, error: type[Exception]
) -> None:
    wire.answers["DescribeKey"] = answer
    if refusal:
        wire.refusals["DescribeKey"] = refusal
    with pytest.raises(error):
        store(IRELAND).key(KEY)


# Whose credentials.


POLICY = """
version: 1
locations:
  dr: {aws: {region: eu-west-1, kms_key: alias/backstay}}
  vault: {aws: {region: eu-west-1, account: "222233334444", kms_key: alias/backstay}}
tiers:
  - name: all
    match: {providers: [aws]}
    snapshots: {every: 1d, at: "03:00", keep: {daily: 7}}
    copies:
      - {to: dr, keep: {daily: 7}}
      - {to: vault, keep: {daily: 7}}
"""


@pytest.fixture
def stores(wire: Wire, tmp_path: Path) -> Any:  # noqa: ARG001  # nothing may reach the network
    document = tmp_path / "policy.yaml"
    document.write_text(POLICY)
    settings = Settings(region="eu-west-1", regions=("eu-west-2",), accounts=(MEMBER,), policy=document.as_uri())
    world = wiring.build(
        settings, wiring.Caller(ACCOUNT), Clients(), vault=MemoryVault(), bus=MemoryBus(), deployed=False
    )
    return world.stores


def test_given_a_policy_with_locations_when_wired_then_there_is_a_store_wherever_points_may_be(stores: Any) -> None:
    member_dr = Scope(Provider.AWS, MEMBER, "eu-west-1")
    assert set(stores) == {LONDON, AT_MEMBER, IRELAND, member_dr, IN_VAULT}
    assert stores[IN_VAULT].scope == IN_VAULT
    assert stores[IN_VAULT] is stores[IN_VAULT]
    with pytest.raises(KeyError):
        stores[Scope(Provider.AWS, VAULT, "eu-west-2")]


def test_given_a_store_of_another_account_when_nothing_is_asked_of_it_then_nothing_is_made_or_sent(
    stores: Any, wire: Wire
) -> None:
    assert stores[IN_VAULT].scope == IN_VAULT
    assert (wire.sent, wiring._members.cache_info().currsize) == ([], 0)


def test_given_another_account_when_something_is_done_there_then_by_the_role_for_that_part(
    stores: Any, wire: Wire
) -> None:
    point = ref(Kind.INSTANCE, IN_VAULT)
    wire.answers["DescribeDBSnapshots"] = "<DBSnapshots/>"
    stores[IN_VAULT].find(point)
    stores[IN_VAULT].copy(copying(ref(Kind.INSTANCE, IRELAND), IN_VAULT))
    stores[IN_VAULT].adopt(AdoptPoint(database=ORDERS, point=point, tags=TAGS, reason="asked"))
    stores[IN_VAULT].delete(DeletePoint(database=ORDERS, point=point, reason="old"))
    stores[IN_VAULT].delete(DeletePoint(database=ORDERS, point=point, reason="served its copy", helper=True))
    taken_on = [each for each in wire.sent if each.action == "AssumeRole"]
    done = [(each.action, each.region, each.who) for each in wire.sent if each.action != "AssumeRole"]
    assert [(each.who, each.given["RoleArn"], each.given["ExternalId"]) for each in taken_on] == [
        (HOME_KEY, f"arn:aws:iam::{VAULT}:role/backstay-member-{part}", f"backstay/{ACCOUNT}")
        for part in ("read", "copy", "prune")
    ]
    assert done == [
        ("DescribeDBSnapshots", "eu-west-1", "backstay-member-read"),
        ("CopyDBSnapshot", "eu-west-1", "backstay-member-copy"),
        ("AddTagsToResource", "eu-west-1", "backstay-member-copy"),
        ("DeleteDBSnapshot", "eu-west-1", "backstay-member-prune"),
        ("DeleteDBSnapshot", "eu-west-1", "backstay-member-copy"),  # a helper is removed by whoever made it
    ]


def test_given_a_copy_across_region_and_account_when_asked_for_then_the_other_account_signs_for_the_source(
    stores: Any, wire: Wire
) -> None:
    stores[IN_VAULT].copy(copying(ref(Kind.INSTANCE), IN_VAULT))
    sent = wire.sent[-1]
    host, who, _ = signed_url(sent.given["PreSignedUrl"])
    assert (sent.who, sent.given["SourceDBSnapshotIdentifier"]) == ("backstay-member-copy", ref(Kind.INSTANCE).arn)
    assert (host, who) == ("rds.eu-west-2.amazonaws.com", "backstay-member-copy")


def test_given_our_own_account_when_something_is_done_then_as_ourselves_and_nobody_else_is_asked(
    stores: Any, wire: Wire
) -> None:
    stores[LONDON].take(taking(ORDERS))
    stores[IRELAND].delete(DeletePoint(database=ORDERS, point=ref(Kind.INSTANCE, IRELAND), reason="old"))
    assert [(each.action, each.who) for each in wire.sent] == [
        ("CreateDBSnapshot", HOME_KEY),
        ("DeleteDBSnapshot", HOME_KEY),
    ]


def test_given_a_role_that_we_may_not_take_on_when_needed_then_denied_by_the_call_that_was_refused(
    stores: Any, wire: Wire
) -> None:
    wire.refusals["AssumeRole"] = "AccessDenied"
    with pytest.raises(errors.Denied, match="sts:AssumeRole"):
        stores[IN_VAULT].delete(DeletePoint(database=ORDERS, point=ref(Kind.INSTANCE, IN_VAULT), reason="old"))


# What RDS may answer.

OPERATIONS = (
    "CreateDBSnapshot",
    "CreateDBClusterSnapshot",
    "CopyDBSnapshot",
    "CopyDBClusterSnapshot",
    "ModifyDBSnapshotAttribute",
    "ModifyDBClusterSnapshotAttribute",
    "DeleteDBSnapshot",
    "DeleteDBClusterSnapshot",
    "AddTagsToResource",
    "RemoveTagsFromResource",
    "StartDBInstanceAutomatedBackupsReplication",
)
REFUSED = {
    "SnapshotQuotaExceeded",
    "SharedSnapshotQuotaExceeded",
    "DBInstanceAutomatedBackupQuotaExceeded",
    "KMSKeyNotAccessibleFault",
    "StorageTypeNotSupported",
}


@cache
def faults(operation: str) -> tuple[str, ...]:
    """The codes that an operation may answer, by botocore's model."""
    model = botocore.session.get_session().get_service_model("rds").operation_model(operation)
    return tuple(shape.metadata["error"]["code"] for shape in model.error_shapes)


def expected(code: str) -> type[errors.ProviderError]:
    if code in REFUSED:
        return errors.Rejected
    bare = code.removesuffix("Fault")
    if bare.endswith("NotFound"):
        return errors.NotFound
    assert bare.endswith(("AlreadyExists", "State")), f"{code}: nobody has said what it means"
    return errors.Conflict


def doing(operation: str) -> Callable[[], None]:
    """What makes the call."""
    kind = Kind.CLUSTER if "Cluster" in operation else Kind.INSTANCE
    london, ireland = store(LONDON), store(IRELAND)
    database = ORDERS if kind is Kind.INSTANCE else LEDGER
    arn = "arn:aws:rds:eu-west-2:111122223333:db:orders"
    replicating = ReplicateBackups(database=ORDERS, arn=arn, to=IRELAND, kms_key="", days=7, reason="asked")
    match operation.removesuffix("Attribute"):
        case "CreateDBSnapshot" | "CreateDBClusterSnapshot":
            return lambda: london.take(taking(database))
        case "CopyDBSnapshot" | "CopyDBClusterSnapshot":
            return lambda: ireland.copy(copying(ref(kind), IRELAND))
        case "ModifyDBSnapshot" | "ModifyDBClusterSnapshot" | "AddTagsToResource":
            return lambda: london.share(sharing(kind, shared=True))
        case "RemoveTagsFromResource":
            return lambda: london.share(sharing(kind, shared=False))
        case "DeleteDBSnapshot" | "DeleteDBClusterSnapshot":
            return lambda: london.delete(DeletePoint(database=database, point=ref(kind), reason="old"))
    return lambda: ireland.replicate(replicating)


@pytest.mark.parametrize(
    ("operation", "code"), [(operation, code) for operation in OPERATIONS for code in faults(operation)]
)
def test_given_a_fault_that_the_model_names_when_answered_then_it_is_ours_with_call_and_code(
    wire: Wire, operation: str, code: str
) -> None:
    wire.refusals[operation] = code
    with pytest.raises(errors.ProviderError) as caught:
        doing(operation)()
    assert type(caught.value) is expected(code)
    assert (caught.value.call, caught.value.code) == (f"rds:{operation}", code)
