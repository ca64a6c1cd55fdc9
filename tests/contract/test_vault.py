"""``Vault``: objects by key, and writes that only one of two racers wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest

from backstay.core.errors import LostRace, NotFound
from backstay.providers.aws.vault import S3Objects, S3Vault
from backstay.providers.memory import MemoryVault

if TYPE_CHECKING:
    from backstay.core.ports import Vault

BUCKET = "backstay-vault-123456789012-eu-west-2"
KEY = "findings/aws/111122223333/eu-west-2/instance/orders.json"


@pytest.fixture(params=["memory", "moto"])
def vault(request: pytest.FixtureRequest) -> Vault:
    if request.param == "memory":
        return MemoryVault()
    request.getfixturevalue("mocked")
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    return S3Vault(client, BUCKET)


def test_what_was_put_is_got_to_the_byte(vault: Vault) -> None:
    body = bytes(range(256))
    etag = vault.put(KEY, body)
    found = vault.get(KEY)
    assert found is not None
    assert (found.body, found.etag) == (body, etag)


def test_what_is_not_there_is_none(vault: Vault) -> None:
    assert vault.get(KEY) is None


def test_without_expectation_the_last_write_stands(vault: Vault) -> None:
    vault.put(KEY, b"1")
    vault.put(KEY, b"2")
    found = vault.get(KEY)
    assert found is not None
    assert found.body == b"2"


def test_keys_are_listed_by_prefix_in_order_and_past_a_page(vault: Vault) -> None:
    wanted = [f"reports/run/{number:04}.json" for number in range(1001)]  # S3 lists a thousand at a time
    for key in (*reversed(wanted), "reports/runner.json", KEY):
        vault.put(key, b"{}")
    assert list(vault.keys("reports/run/")) == wanted
    assert list(vault.keys("reports/none/")) == []


def test_creating_what_exists_loses(vault: Vault) -> None:
    vault.put(KEY, b"1", expect="")
    with pytest.raises(LostRace):
        vault.put(KEY, b"2", expect="")
    found = vault.get(KEY)
    assert found is not None
    assert found.body == b"1"


def test_replacing_what_has_changed_meanwhile_loses(vault: Vault) -> None:
    first = vault.put(KEY, b"1", expect="")
    second = vault.put(KEY, b"2", expect=first)
    with pytest.raises(LostRace):
        vault.put(KEY, b"3", expect=first)
    assert vault.put(KEY, b"4", expect=second) != second


def test_replacing_what_is_not_there_loses(vault: Vault) -> None:
    with pytest.raises(LostRace):
        vault.put(KEY, b"1", expect='"d41d8cd98f00b204e9800998ecf8427e"')
    assert vault.get(KEY) is None


def test_keys_are_kept_apart(vault: Vault) -> None:
    vault.put("a/b.json", b"1")
    vault.put("a/b.json.bak", b"2")
    assert vault.get("a") is None
    assert vault.get("a/b") is None


def test_people_are_told_where_it_is(vault: Vault) -> None:
    assert vault.place in ("memory:", f"s3://{BUCKET}")


def test_of_many_that_create_at_once_one_wins() -> None:
    vault = MemoryVault()

    def create(number: int) -> bool:
        try:
            vault.put(KEY, str(number).encode(), expect="")
        except LostRace:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(64))) == 1


@pytest.mark.usefixtures("mocked")
def test_a_vault_that_does_not_exist_is_an_error_and_does_not_remember_nothing() -> None:
    vault = S3Vault(boto3.client("s3"), BUCKET)
    with pytest.raises(NotFound):
        vault.get(KEY)
    for expect in (None, ""):
        with pytest.raises(NotFound):
            vault.put(KEY, b"1", expect=expect)


@pytest.mark.usefixtures("mocked")
def test_earlier_versions_of_an_object_are_told_newest_first() -> None:
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for text in (b"1", b"2", b"3"):
        client.put_object(Bucket=BUCKET, Key="policy.yaml", Body=text)
        client.put_object(Bucket=BUCKET, Key="policy.yaml.bak", Body=b"other")
    client.delete_object(Bucket=BUCKET, Key="policy.yaml")
    objects = S3Objects(client)
    versions = list(objects.earlier(BUCKET, "policy.yaml"))
    assert [objects.read(BUCKET, "policy.yaml", version) for version in versions] == [b"3", b"2", b"1"]
    with pytest.raises(NotFound):
        objects.newest(BUCKET, "policy.yaml")
    client.put_object(Bucket=BUCKET, Key="policy.yaml", Body=b"4")
    assert objects.newest(BUCKET, "policy.yaml")[0] == b"4"
