"""Where policies come from: files, the package, and S3 with the last good version when the newest is broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from backstay.config import StoredPolicy, load_policy
from backstay.config.document import LONGEST
from backstay.config.policies import MOST_VERSIONS
from backstay.core.errors import BadPolicy, Denied, NotFound, Unreachable
from backstay.core.model import Provider
from backstay.core.policy import Match
from tests.unit.config.given import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = "s3://rules/policy.yaml"


@dataclass
class Shelf:
    """An S3 bucket with versions, newest first; a version is its bytes, or the error that reading it gives."""

    versions: list[tuple[str, bytes | Exception]] = field(default_factory=list)
    deleted: bool = False
    listing: Exception | None = None
    reads: list[str] = field(default_factory=list)

    def newest(self, bucket: str, key: str) -> StoredPolicy:
        if self.deleted or not self.versions:
            raise NotFound(f"no {bucket}/{key}", call="s3:GetObject", code="NoSuchKey")
        version, _ = self.versions[0]
        return StoredPolicy(self.read(bucket, key, version), version)

    def earlier(self, bucket: str, key: str) -> Iterator[str]:
        assert (bucket, key) == ("rules", "policy.yaml")
        if self.listing:
            raise self.listing
        yield from (version for version, _ in self.versions)

    def read(self, bucket: str, key: str, version: str) -> bytes:
        assert (bucket, key) == ("rules", "policy.yaml")
        self.reads.append(version)
        content = dict(self.versions)[version]
        if isinstance(content, Exception):
            raise content
        return content


NOWHERE = Shelf()


def test_given_the_packaged_default_when_loaded_then_it_reports_only_and_names_no_place() -> None:
    document = load_policy("default", NOWHERE)
    assert document.policy.tiers[-1].match == Match(providers=(Provider.AWS, Provider.GCP))
    assert document.policy.defaults.enforce == ()
    assert document.policy.locations == {}
    assert (document.stale, document.problem, document.version) == (False, "", "")


@pytest.mark.parametrize("form", ["{path}", "file://{path}"])
def test_given_a_file_when_loaded_then_its_policy_is_in_force(tmp_path: Path, form: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(SMALL)
    document = load_policy(form.format(path=path), NOWHERE)
    assert document.policy.tiers[0].name == "all"
    assert len(document.digest) == 64


def test_given_a_relative_file_with_a_blank_when_loaded_then_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my policy.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    assert load_policy("my policy.yaml", NOWHERE).policy == load_policy("file://my%20policy.yaml", NOWHERE).policy


@pytest.mark.parametrize(
    "source",
    ["", "s3://", "s3://rules", "s3://rules/", "s3:/rules/policy.yaml", "S3://rules/x", "s3://Rules/x", "gs://rules/x",
     "https://example.com/x", "file://", "file:policy.yaml", "nowhere.yaml", "nowhere\0.yaml", "/"],
)  # fmt: skip
def test_given_a_source_that_holds_no_policy_when_loaded_then_refused_with_what_is_accepted(source: str) -> None:
    with pytest.raises(BadPolicy, match="s3://bucket/key"):
        load_policy(source, NOWHERE)


@pytest.mark.parametrize(("content", "words"), [(b"\xff\xfe\x00", "UTF-8"), (b"x" * (4 * LONGEST + 1), "too long")])
def test_given_a_file_of_something_else_when_loaded_then_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(BadPolicy, match=words):
        load_policy(str(path), NOWHERE)


GOOD = SMALL.encode()
BROKEN = GOOD.replace(b"names", b"nams")


def test_given_a_good_object_when_loaded_then_it_is_in_force_and_nothing_earlier_is_read() -> None:
    shelf = Shelf([("v2", GOOD), ("v1", GOOD)])
    document = load_policy(SOURCE, shelf)
    assert (document.version, document.stale, document.problem) == ("v2", False, "")
    assert shelf.reads == ["v2"]


def test_given_a_broken_newest_when_loaded_then_the_newest_good_one_stands_in_and_says_so() -> None:
    other = GOOD.replace(b"name: all", b"name: every")
    shelf = Shelf([("v4", BROKEN), ("v3", b"\xff"), ("v2", other), ("v1", GOOD)])
    document = load_policy(SOURCE, shelf)
    assert (document.version, document.stale) == ("v2", True)
    assert document.policy.tiers[0].name == "every"
    assert "did you mean names?" in document.problem
    assert "v2" in document.problem
    assert shelf.reads == ["v4", "v3", "v2"]


def test_given_a_deleted_object_when_loaded_then_the_last_version_stands_in() -> None:
    document = load_policy(SOURCE, Shelf([("v1", GOOD)], deleted=True))
    assert (document.version, document.stale) == ("v1", True)
    assert "does not exist" in document.problem


def test_given_a_version_that_went_since_it_was_listed_when_loaded_then_the_next_one_is_tried() -> None:
    shelf = Shelf([("v3", BROKEN), ("v2", NotFound("gone")), ("v1", GOOD)])
    assert load_policy(SOURCE, shelf).version == "v1"


@pytest.mark.parametrize("versions", [[], [("v1", BROKEN)], [("v2", BROKEN), ("v1", b"")]])
def test_given_no_good_version_when_loaded_then_refused_with_the_newest_ones_problem(
    versions: list[tuple[str, bytes | Exception]],
) -> None:
    with pytest.raises(BadPolicy, match="No earlier version") as refused:
        load_policy(SOURCE, Shelf(versions))
    assert ("did you mean names?" if versions else "does not exist") in str(refused.value)


def test_given_a_long_history_of_broken_versions_when_loaded_then_the_search_is_bounded() -> None:
    shelf = Shelf([*((f"v{number}", BROKEN) for number in range(200)), ("good", GOOD)])
    with pytest.raises(BadPolicy, match=str(MOST_VERSIONS)):
        load_policy(SOURCE, shelf)
    assert len(shelf.reads) == 1 + MOST_VERSIONS


@pytest.mark.parametrize("error", [Denied("no", code="AccessDenied"), Unreachable("timed out")])
def test_given_the_newest_cannot_be_read_when_loaded_then_nothing_stands_in(error: Exception) -> None:
    with pytest.raises(type(error)):
        load_policy(SOURCE, Shelf([("v2", error), ("v1", GOOD)]))


def test_given_versions_that_may_not_be_listed_when_the_newest_is_broken_then_both_are_told() -> None:
    shelf = Shelf([("v2", BROKEN), ("v1", GOOD)], listing=Denied("not allowed", call="s3:ListObjectVersions"))
    with pytest.raises(BadPolicy, match="s3:ListObjectVersions: not allowed") as refused:
        load_policy(SOURCE, shelf)
    assert "did you mean names?" in str(refused.value)
