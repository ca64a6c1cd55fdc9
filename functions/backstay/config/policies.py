"""Policy documents: read from where they live, validated whole, the last good one standing in for a broken one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import islice
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

from pydantic import ValidationError

from backstay.config.document import LONGEST, Document, read_document
from backstay.config.edge import problem_text, problems_of, read, refusal, schema_of
from backstay.config.published import published
from backstay.core.errors import BadPolicy, NotFound, ProviderError
from backstay.core.policy import Policy
from backstay.core.policy_check import Problem, problems

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_VERSIONS: Final = 50
"""Earlier versions that are tried: nobody saves fifty broken policies in a row without noticing."""

DEFAULT: Final = "default"
_MOST_BYTES: Final = 4 * LONGEST  # a character has at most four bytes; the limit on characters follows
_S3: Final = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.{1,1024})", re.ASCII)
_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/(?P<rest>.*)", re.DOTALL)
_SOURCES: Final = "default, s3://bucket/key, file://path or a path"


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One version of an object: its bytes and the store's name for the version."""

    content: bytes
    version: str


class PolicyStore(Protocol):
    """Where ``s3://`` policies are read from. Every method raises `ProviderError`, `NotFound` among them."""

    def newest(self, bucket: str, key: str) -> StoredPolicy:
        """What the object holds now.

        Raises:
            NotFound: there is no such object, or it was deleted.
        """

    def earlier(self, bucket: str, key: str) -> Iterator[str]:
        """Names of the object's versions, newest first, page by page as they are asked for; deletions left out."""

    def read(self, bucket: str, key: str, version: str) -> bytes:
        """One version.

        Raises:
            NotFound: it has gone since it was listed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """A policy in force and where it comes from.

    Attributes:
        source: as it was asked for.
        version: the object's version on S3; empty elsewhere.
        digest: SHA-256 of the text, in hex.
        stale: an earlier version stands in for the newest, which is refused: nothing may be deleted by it.
        problem: why the newest is refused; empty unless stale.
    """

    policy: Policy
    source: str
    version: str = ""
    digest: str
    stale: bool = False
    problem: str = ""


def parse_policy(text: str, source: str) -> Policy:
    """The policy in a document.

    Args:
        text: YAML.
        source: for messages, e.g. ``s3://bucket/policy.yaml``.

    Raises:
        BadPolicy: tells of up to ten problems, each with line, field, value and what would be accepted.
    """
    document = read_document(text, source)
    if not isinstance(document.data, dict):
        found = document.problems or [
            Problem(path=(), message="is not a mapping", accepted="a mapping that starts with version: 1")
        ]
        raise _refused(document, source, found)
    try:
        policy = read(Policy, document.data)
    except ValidationError as exc:
        formal = {problem.path for problem in document.problems}
        found = [*document.problems, *(each for each in problems_of(exc, Policy) if each.path not in formal)]
        raise _refused(document, source, found) from exc
    if found := [*document.problems, *problems(policy)]:
        raise _refused(document, source, found)
    return policy


def _refused(document: Document, source: str, found: list[Problem]) -> BadPolicy:
    ordered = sorted(found, key=lambda problem: document.place(problem.path))
    lines = []
    for problem in ordered:
        line, column = document.place(problem.path)
        lines.append(f"line {line}, column {column}: {problem_text(problem)}")
    return refusal(BadPolicy, f"policy {source} is refused", lines, ordered[0])


def policy_schema() -> dict[str, Any]:
    """The policy's JSON Schema (2020-12), as published in docs/policy.schema.json."""
    schema = published(schema_of(Policy), title="Backstay policy")
    blocks = schema["$defs"]["Defaults"]["properties"]
    schema["$defs"]["Tier"]["properties"] |= blocks  # the same fields, described where they are declared
    return schema


def load_policy(source: str, store: PolicyStore) -> PolicyDocument:
    """The policy in force.

    Args:
        source: ``default`` (packaged), ``s3://bucket/key``, ``file://path`` or a bare path.
        store: asked for ``s3://`` only.

    Raises:
        BadPolicy: it cannot be read or is refused, and no earlier version on S3 is any better.
        ProviderError: the store did not answer: which policy is in force is not known.
    """
    if source == DEFAULT:
        return _document((files("backstay") / "policies" / "default.yaml").read_bytes(), source)
    if found := _S3.fullmatch(source):
        return _from_store(source, found["bucket"], found["key"], store)
    return _document(_read_file(local_path(source)), source)


def local_path(source: str) -> FilePath:
    """The file that a source names.

    Raises:
        BadPolicy: it names something else.
    """
    found = _SCHEME.fullmatch(source)
    if found is None:
        if not source:
            raise BadPolicy("the policy's source is empty", accepted=_SOURCES)
        return FilePath(source)
    if found["scheme"].lower() != "file" or not found["rest"].startswith("/") or len(found["rest"]) == 1:
        raise BadPolicy("is not where a policy can be read from", field="policy", value=source, accepted=_SOURCES)
    return FilePath(unquote(found["rest"][1:]))


def _read_file(path: FilePath) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise BadPolicy(f"policy {path} cannot be read: {reason}", accepted=_SOURCES) from exc


def _document(content: bytes, source: str, version: str = "") -> PolicyDocument:
    if len(content) > _MOST_BYTES:
        raise BadPolicy(f"policy {source} is too long", accepted=f"at most {LONGEST} characters")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadPolicy(f"policy {source} is not UTF-8 text: byte {exc.start} cannot be read") from exc
    digest = hashlib.sha256(content).hexdigest()
    return PolicyDocument(policy=parse_policy(text, source), source=source, version=version, digest=digest)


def _from_store(source: str, bucket: str, key: str, store: PolicyStore) -> PolicyDocument:
    newest = ""
    try:
        stored = store.newest(bucket, key)
        newest = stored.version
        return _document(stored.content, source, stored.version)
    except NotFound as exc:
        refused = BadPolicy(f"policy {source} does not exist: {exc}")
    except BadPolicy as exc:
        refused = exc
    try:
        versions = (version for version in store.earlier(bucket, key) if version != newest)
        for version in islice(versions, MOST_VERSIONS):
            if good := _good(store, source, bucket, key, version):
                problem = f"{refused}\nVersion {version} stands in; nothing is deleted meanwhile."
                return replace(good, stale=True, problem=problem)
    except ProviderError as exc:
        raise BadPolicy(f"{refused}\nEarlier versions could not be read: {exc}") from exc
    raise BadPolicy(f"{refused}\nNo earlier version (of the last {MOST_VERSIONS}) is any better.") from refused


def _good(store: PolicyStore, source: str, bucket: str, key: str, version: str) -> PolicyDocument | None:
    try:
        return _document(store.read(bucket, key, version), source, version)
    except (BadPolicy, NotFound):  # as broken as the newest, or removed since it was listed: look further back
        return None
