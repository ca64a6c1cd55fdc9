"""The edge: documents refused whole with line, value and what would be accepted; the last good policy; settings."""

from __future__ import annotations

import json
import time as clock
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from backstay.config import (
    Settings,
    StoredPolicy,
    load_policy,
    parse_policy,
    policy_schema,
    validate,
)
from backstay.config.document import LONGEST, read_document
from backstay.config.policies import MOST_VERSIONS
from backstay.core.errors import BadPolicy, BadRequest, Denied, NotFound, Unreachable
from backstay.core.model import Provider
from backstay.core.notation import UNLIMITED
from backstay.core.policy import Apply, AwsLocation, Enforce, Keep, Match, Require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "docs/examples/policy.yaml").read_text()
DEFAULT = (ROOT / "functions/backstay/policies/default.yaml").read_text()
SMALL = "version: 1\ntiers:\n  - name: all\n    match: {names: '*'}\n"
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


def refusal(text: str) -> str:
    with pytest.raises(BadPolicy) as refused:
        parse_policy(text, "policy.yaml")
    return str(refused.value)


# --- good documents ---------------------------------------------------------------------------------------------


def test_given_the_long_document_when_parsed_then_every_field_is_there() -> None:
    policy = parse_policy(EXAMPLE, "policy.yaml")
    gold, standard = policy.tiers
    assert policy.timezone == ZoneInfo("Europe/London")
    assert policy.locations["vault"].aws == AwsLocation(
        region="eu-west-1", account="222233334444", kms_key="alias/backstay"
    )
    assert policy.locations["dr"].gcp is not None
    assert (policy.guards.min_points, policy.guards.max_delete.count, policy.guards.max_delete.percent) == (2, 20, 30)
    assert gold.match == Match(tags={"backup-tier": ("gold",)})
    assert gold.objectives is not None
    assert (gold.objectives.rpo, gold.objectives.rto) == (timedelta(minutes=5), timedelta(hours=4))
    assert gold.pitr is not None
    assert (gold.pitr.window, gold.pitr.apply, gold.pitr.replicate_to) == (
        timedelta(days=14),
        Apply.MAINTENANCE_WINDOW,
        "dr",
    )
    assert gold.snapshots is not None
    assert (gold.snapshots.at, gold.snapshots.keep) == (time(3), Keep(daily=7, weekly=4, monthly=12, yearly=7))
    assert gold.copies is not None
    assert [(copy.to, copy.immutable) for copy in gold.copies] == [("dr", False), ("vault", True)]
    assert gold.drill is not None
    assert (gold.drill.checks, gold.drill.max_cost_usd) == ("s3://vault/checks/orders.sql", 20)
    assert gold.requires(Require.MULTI_AZ)
    assert gold.enforce == (Enforce.PITR, Enforce.COPY_TAGS, Enforce.DELETION_PROTECTION)
    assert standard.match.providers == (Provider.AWS, Provider.GCP)
    assert (policy.exempt[0].until, policy.exempt[0].reason) == (date(2027, 3, 31), "rebuilt nightly")
    assert policy.managed_elsewhere[0].by == "aws-backup"


def test_given_the_packaged_default_when_loaded_then_it_reports_only_and_names_no_place() -> None:
    document = load_policy("default", NOWHERE)
    assert document.policy.tiers[-1].match == Match(providers=(Provider.AWS, Provider.GCP))
    assert document.policy.defaults.enforce == ()
    assert document.policy.locations == {}
    assert (document.stale, document.problem, document.version) == (False, "", "")


def test_given_the_same_as_json_when_parsed_then_it_is_the_same_policy() -> None:
    text = json.dumps(read_document(EXAMPLE, "policy.yaml").data)
    assert parse_policy(text, "policy.json") == parse_policy(EXAMPLE, "policy.yaml")


@pytest.mark.parametrize("text", ["\ufeff" + SMALL, SMALL.replace("\n", "\r\n"), "# hi\n---\n" + SMALL + "...\n"])
def test_given_a_mark_or_windows_line_ends_or_document_marks_when_parsed_then_accepted(text: str) -> None:
    assert parse_policy(text, "policy.yaml").tiers[0].name == "all"


def test_given_anchors_within_bounds_when_parsed_then_they_are_expanded() -> None:
    text = EXAMPLE.replace("keep: {daily: 7, weekly: 4}}", "keep: &k {daily: 7, weekly: 4}}", 1)
    policy = parse_policy(text.replace("keep: {weekly: 4, yearly: 7}", "keep: *k"), "policy.yaml")
    assert policy.tiers[0].copies is not None
    assert policy.tiers[0].copies[1].keep == Keep(daily=7, weekly=4)


def test_given_an_unquoted_time_and_words_of_yaml_1_1_when_parsed_then_they_are_text() -> None:
    text = EXAMPLE.replace('at: "03:00"', "at: 12:30", 1).replace("{backup: aws-backup}", "{backup: [on, no, 010]}")
    policy = parse_policy(text, "policy.yaml")
    assert policy.defaults.snapshots is not None
    assert policy.defaults.snapshots.at == time(12, 30)
    assert policy.managed_elsewhere[0].match.tags == {"backup": ("on", "no", "010")}


def test_given_unlimited_when_parsed_then_the_count_never_runs_out() -> None:
    policy = parse_policy(EXAMPLE.replace("yearly: 7}}", "yearly: unlimited}}", 1), "policy.yaml")
    assert policy.tiers[0].snapshots is not None
    assert policy.tiers[0].snapshots.keep.yearly == UNLIMITED


# --- typos: (what, by what, line, words that must be in the message) ----------------------------------------------

TYPOS = [
    ("rpo: 5m", "rpo: 5x", 16, ("tiers[0].objectives.rpo", "not a duration", "'5x'", "s|m|h|d|w")),
    ("rpo: 5m", "rpo: 0m", 16, ("not a duration", "'0m'")),
    ("rpo: 5m", "rpo: 300", 16, ("not a duration", "300")),
    ("rpo: 5m", "rpo: true", 16, ("not a duration", "True")),
    ("rpo: 5m", "rpo: [5m]", 16, ("not a duration",)),
    ("rpo: 5m", "rpo:", 16, ("has no value",)),
    ("rpo: 5m, ", "", 16, ("tiers[0].objectives.rpo", "missing")),
    ("window: 14d", "window: 36d", 17, ("tiers[0].pitr.window", "'36d'", "35d")),
    ("window: 14d", "window: 90m", 17, ("tiers[0].pitr.window", "'90m'", "whole days")),
    ("window: 14d", "windw: 14d", 17, ("windw", "did you mean window?", "apply, replicate_to, window")),
    ("window: 14d, apply: maintenance_window", "window: 14d, apply: immediatly", 17, ("did you mean immediately?",)),
    ("replicate_to: dr", "replicate_to: rd", 17, ("not a location", "'rd'", "dr, vault")),
    ("to: vault", "to: valt", 21, ("tiers[0].copies[1].to", "not a location", "dr, vault")),
    ("to: vault", "to: dr", 21, ("already", "'dr'")),
    ("immutable: true", 'immutable: "false"', 21, ("immutable", "is text", "true or false")),
    ("immutable: true", "immutable: 1", 21, ("immutable", "is a number", "true or false")),
    ("monthly: 12}", "monthly: -1}", 20, ("not a keep count", "-1", "unlimited")),
    ("monthly: 12}", "monthly: 1.5}", 20, ("not a keep count", "1.5")),
    ("monthly: 12}", "monthly: forever}", 20, ("not a keep count", "'forever'")),
    ("monthly: 12}", "fortnightly: 1}", 20, ("fortnightly", "hourly, last")),
    ("keep: {daily: 7, monthly: 12}", "keep: {}", 20, ("keeps nothing",)),
    ("keep: {daily: 7, monthly: 12}", "keep: 7", 20, ("is a number", "a mapping with last")),
    ("format: custom", "format: plain", 22, ("'plain'", "custom, directory")),
    ("source: primary", "source: standby", 22, ("'standby'", "primary, replica")),
    ("encrypt: kms", "encrypt: none", 22, ("'none'", "kms")),
    ("checks: s3://vault/checks/orders.sql", "checks: orders.sql", 23, ("address of an object", "s3://bucket/key")),
    ("max_cost_usd: 20", "max_cost_usd: 0", 23, ("forbids every drill",)),
    ("max_cost_usd: 20", "max_cost_usd: .inf", 23, ("is text", "a number")),
    ("multi_az, copy_tags]", "multi-az, copy_tags]", 24, ("require[3]", "did you mean multi_az?", "replica")),
    (
        "enforce: [pitr, ",
        "enforce: [encrypted, ",
        25,
        ("enforce[0]", "pitr, copy_tags, deletion_protection, replicate"),
    ),
    ("enforce: [pitr, ", "enforce: [replicate, pitr, ", 0, ()),
    ("name: gold", "name: 9gold", 14, ("not a name", "'9gold'")),
    ("name: standard", "name: gold", 26, ("tiers[1].name", "earlier tier")),
    ("tags: {backup-tier: gold}", "tag: {backup-tier: gold}", 15, ("did you mean tags?",)),
    ("{tags: {backup-tier: gold}}", "{}", 15, ("tiers[0].match", "empty")),
    ("{tags: {backup-tier: gold}}", "{tags: {}}", 15, ("tiers[0].match", "empty", "a typo must not match a fleet")),
    ("{tags: {backup-tier: gold}}", "{tags: {backup-tier: []}}", 15, ("empty list",)),
    ("backup-tier: gold", "backup-tier: 1", 15, ("holds 1", "in quotes")),
    ("[aws, gcp]", "[aws, azure]", 27, ("providers[1]", "'azure'", "aws, gcp")),
    ("[aws, gcp]", "aws", 27, ("is text", "a list")),
    ('["scratch-*"]', '["scratch-[a"]', 29, ("never closed",)),
    ('["scratch-*"]', "[]", 29, ("empty list",)),
    ('reason: "rebuilt nightly", ', "", 29, ("exempt[0].reason", "missing")),
    ('"rebuilt nightly"', '"  "', 29, ("exempt[0].reason", "not text")),
    (", until: 2027-03-31", "", 29, ("exempt[0].until", "missing", "YYYY-MM-DD")),
    ("2027-03-31", "2027-02-30", 29, ("no calendar", "'2027-02-30'")),
    ("2027-03-31", "31.03.2027", 29, ("not a date", "YYYY-MM-DD")),
    (", by: aws-backup", "", 31, ("managed_elsewhere[0].by", "missing")),
    ("version: 1", "version: 2", 1, ("version", "2", "only 1")),
    ("version: 1", 'version: "1"', 1, ("version", "'1'")),
    ("version: 1", "version: true", 1, ("version", "True")),
    ("version: 1\n", "", 1, ("version", "missing", "1")),
    ("Europe/London", "Europe/Londn", 2, ("timezone", "did you mean Europe/London?")),
    ("Europe/London", "../etc/passwd", 2, ("timezone", "not a time zone")),
    ("Europe/London", "Europe", 2, ("timezone", "not a time zone")),
    ("Europe/London", '"a\\0b"', 2, ("timezone", "not a time zone")),
    ('"222233334444"', "222233334444", 5, ("locations.vault.aws.account", "in quotes")),
    ("region: eu-west-1, kms_key", "region: ireland, kms_key", 4, ("not a region", "'ireland'")),
    ("region: europe-west4", "zone: europe-west4", 4, ("locations.dr.gcp", "missing")),
    ("  dr:  ", "  d r:  ", 4, ("not a name", "'d r'")),
    ("min_points: 2", "min_points: 0", 6, ("guards.min_points", "at least 1")),
    ("percent: 30", "percent: 101", 6, ("percent", "0 to 100")),
    ("percent: 30", "percent: 30%", 6, ("percent", "'30%'", "not an integer")),
    ('at: "03:00"', "at: 3am", 10, ("time of day", "'3am'", "HH:MM")),
    ('at: "03:00"', "at: 24:00", 10, ("time of day", "'24:00'")),
    ("defaults:  ", "default:  ", 7, ("did you mean defaults?",)),
    ("enforce: []", "enforce: [pitr]\n  enforce: []", 13, ("given twice", "line 12")),
    ("tiers:\n", "tiers: &again\n", 0, ()),
]


@pytest.mark.parametrize(("what", "by", "line", "words"), [typo for typo in TYPOS if typo[2]])
def test_given_one_typo_when_parsed_then_line_field_value_and_what_is_accepted_are_told(
    what: str, by: str, line: int, words: tuple[str, ...]
) -> None:
    assert what in EXAMPLE
    message = refusal(EXAMPLE.replace(what, by, 1))
    assert "policy.yaml" in message
    assert f"line {line}, column " in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(("what", "by"), [typo[:2] for typo in TYPOS if not typo[2]])
def test_given_a_harmless_change_when_parsed_then_accepted(what: str, by: str) -> None:
    assert parse_policy(EXAMPLE.replace(what, by, 1), "policy.yaml").tiers


def test_given_enforce_without_anything_to_enforce_when_parsed_then_refused() -> None:
    message = refusal(SMALL + "    enforce: [pitr, replicate]\n")
    assert "enforces pitr" in message
    assert "enforces replicate" in message


def test_given_many_typos_when_parsed_then_ten_are_told_in_order_and_the_rest_counted() -> None:
    message = refusal(SMALL + "".join(f"odd{number}: 1\n" for number in range(13)))
    lines = message.splitlines()
    assert len(lines) == 12
    assert lines[1].strip().startswith("line 5,")
    assert lines[-1].strip() == "and 3 more"


def test_given_a_refusal_when_looked_at_then_its_parts_are_the_first_problems() -> None:
    with pytest.raises(BadPolicy) as refused:
        parse_policy(EXAMPLE.replace("rpo: 5m", "rpo: 5x"), "policy.yaml")
    assert (refused.value.field, refused.value.value) == ("tiers[0].objectives.rpo", "5x")
    assert "s|m|h|d|w" in refused.value.accepted


def test_given_a_very_long_value_when_refused_then_the_message_stays_short() -> None:
    assert len(refusal(EXAMPLE.replace("rpo: 5m", "rpo: " + "5" * 5_000))) < 400


# --- texts that are no document -----------------------------------------------------------------------------------

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("empty",)),
        ("\n# nothing but remarks\n", ("empty",)),
        ("- a\n- b\n", ("not a mapping", "line 1")),
        ("gold", ("not a mapping",)),
        ("null", ("no value",)),
        ("a: b: c", ("line 1", "not YAML")),
        ("version: 1\ntiers:\n\t- name: x\n", ("line 3, column 1", "spaces, not tabs")),
        ("version: 1\ntiers: [", ("not YAML",)),
        ("a: 'open", ("not YAML", "quoted scalar")),
        ("version: 1\nversion: 1\n", ("line 2", "given twice, first in line 1")),
        (SMALL + "---\n" + SMALL, ("line 5", "single document")),
        ("a: *nobody", ("line 1", "undefined alias")),
        ("1: x\n", ("line 1", "1: is a key that is not text")),
        ("true: x\n", ("true: is a key that is not text",)),
        ("? [a, b]\n: x\n", ("a key that is not text",)),
        ("a: !!python/object/apply:os.system ['true']", ("python/object", "without tags")),
        ("a: !!int x", ("tag", "without tags")),
        ("a: !mine {}", ("!mine", "without tags")),
        ("base: &b {x: 1}\nuse: {<<: *b}\n", ("use",)),
        ("a: &a [*a]", ("anchors",)),
        ("a: &a {b: *a}", ("anchors",)),
        (BOMB, ("anchors",)),
        ("[" * 5_000, ("nested too deeply",)),
        ("{a: " * 30 + "1" + "}" * 30, ("too large", "20 levels")),
        ("version: 1\x00", ("not YAML", "special characters")),
        ('version: 1\nname: "\\ud800"', ("JSON",)),
        ("x" * (LONGEST + 1), (str(LONGEST), "characters")),
    ],
)
def test_given_a_text_that_is_no_document_when_parsed_then_one_clear_refusal(text: str, words: tuple[str, ...]) -> None:
    message = refusal(text)
    assert "policy.yaml" in message
    for word in words:
        assert word in message


def test_given_the_longest_document_when_parsed_then_it_takes_seconds_at_most() -> None:
    before = clock.monotonic()
    refusal(SMALL + "odd: [" + "1," * ((LONGEST - len(SMALL) - 10) // 2) + "]")
    assert clock.monotonic() - before < 20


# --- the published schema -----------------------------------------------------------------------------------------


def against_schema(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(policy_schema(), format_checker=jsonschema.FormatChecker())
    return [error.message for error in validator.iter_errors(read_document(text, "policy.yaml").data)]


def test_given_the_published_schema_when_compared_then_it_is_up_to_date() -> None:
    published = json.loads((ROOT / "docs/policy.schema.json").read_text())
    assert published == policy_schema(), "python -m backstay.config > docs/policy.schema.json"


def test_given_the_schema_when_checked_then_it_is_one_and_describes_every_field() -> None:
    schema = policy_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "Backstay policy"
    objects: Mapping[str, Any] = {"Policy": schema, **schema["$defs"]}
    plain = {"Keep", "Objectives"}  # their fields are the words of the sentence above them
    missing = [
        f"{name}.{key}"
        for name, each in objects.items()
        for key, value in each.get("properties", {}).items()
        if "description" not in value and name not in plain
    ]
    assert missing == []


@pytest.mark.parametrize("text", [EXAMPLE, DEFAULT, SMALL], ids=["example", "default", "small"])
def test_given_a_good_document_when_held_against_the_schema_then_it_fits(text: str) -> None:
    assert against_schema(text) == []


CROSS_FIELD = ("35d", "whole days", "not a location", "already", "earlier tier", "never closed", "no calendar",
               "did you mean Europe/London?", "not a time zone", "forbids every drill", "given twice", "has no value",
               "a typo must not match a fleet")  # fmt: skip


@pytest.mark.parametrize(
    ("what", "by"),
    [typo[:2] for typo in TYPOS if typo[2] and not any(words in typo[3] for words in CROSS_FIELD)],
)
def test_given_a_typo_in_one_value_when_held_against_the_schema_then_it_does_not_fit(what: str, by: str) -> None:
    assert against_schema(EXAMPLE.replace(what, by, 1))


# --- where policies come from -------------------------------------------------------------------------------------


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


# --- settings -----------------------------------------------------------------------------------------------------

ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "BACKSTAY_DEPLOYMENT": "backstay",
    "BACKSTAY_REGIONS": "eu-west-2, eu-west-1,eu-west-2",
    "BACKSTAY_POLICY": "s3://rules/policy.yaml",
    "BACKSTAY_VAULT": "backstay-vault-111122223333-eu-west-1",
    "BACKSTAY_BUS": "backstay",
    "BACKSTAY_RUNNER": "arn:aws:lambda:eu-west-1:111122223333:function:backstay-restore-run:live",
    "BACKSTAY_CA_BUNDLE": "s3://backstay-vault-111122223333-eu-west-1/ca/global-bundle.pem",
}


def test_given_a_functions_environment_when_read_then_every_setting_is_there() -> None:
    assert Settings.from_environment(ENVIRONMENT) == Settings(
        region="eu-west-1",
        regions=("eu-west-2", "eu-west-1"),
        deployment="backstay",
        policy="s3://rules/policy.yaml",
        vault="backstay-vault-111122223333-eu-west-1",
        bus="backstay",
        runner="arn:aws:lambda:eu-west-1:111122223333:function:backstay-restore-run:live",
        ca_bundle="s3://backstay-vault-111122223333-eu-west-1/ca/global-bundle.pem",
    )


def test_given_the_least_environment_when_read_then_the_rest_has_defaults() -> None:
    settings = Settings.from_environment({"AWS_REGION": "us-gov-west-1", "BACKSTAY_REGIONS": "us-gov-west-1"})
    assert settings == Settings(region="us-gov-west-1", regions=("us-gov-west-1",))
    assert (settings.deployment, settings.policy) == ("backstay", "default")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", ""),
        ("AWS_REGION", "ireland"),
        ("BACKSTAY_REGIONS", ""),
        ("BACKSTAY_REGIONS", " , "),
        ("BACKSTAY_REGIONS", "eu-west-1,,eu-west-2"),
        ("BACKSTAY_REGIONS", "eu-west-1;eu-west-2"),
        ("BACKSTAY_REGIONS", "eu-west-1\n"),
        ("BACKSTAY_DEPLOYMENT", "Backstay"),
        ("BACKSTAY_DEPLOYMENT", "9lives"),
        ("BACKSTAY_DEPLOYMENT", "a" * 32),
        ("BACKSTAY_DEPLOYMENT", "a/../b"),
        ("BACKSTAY_POLICY", "s3://rules"),
        ("BACKSTAY_POLICY", "https://example.com/policy.yaml"),
        ("BACKSTAY_VAULT", "s3://vault"),
        ("BACKSTAY_VAULT", "UPPER"),
        ("BACKSTAY_BUS", "two words"),
        ("BACKSTAY_RUNNER", "backstay-restore-run"),
        ("BACKSTAY_RUNNER", "arn:aws:lambda:eu-west-1:111122223333:function:backstay-restore-run"),
        ("BACKSTAY_CA_BUNDLE", "/etc/ssl/rds.pem"),
    ],
)
def test_given_a_malformed_variable_when_read_then_it_is_named_with_what_is_accepted(name: str, value: str) -> None:
    if name == "BACKSTAY_REGIONS" and value.endswith("\n"):
        # Blanks around a region are not a mistake.
        assert Settings.from_environment({**ENVIRONMENT, name: value}).regions == ("eu-west-1",)
        return
    with pytest.raises(BadRequest) as refused:
        Settings.from_environment({**ENVIRONMENT, name: value})
    assert refused.value.field == name
    assert refused.value.accepted


# --- requests -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A request as the core declares them."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}
    database: str
    dry_run: bool = False
    match: Match | None = None
    count: int = 0


def test_given_a_good_request_when_validated_then_it_is_the_dataclass() -> None:
    assert validate(Sample, {"database": "orders", "match": {"names": ["o*"]}}, "the request") == Sample(
        database="orders", match=Match(names=("o*",))
    )


@pytest.mark.parametrize(
    ("data", "field_name", "words"),
    [
        ({}, "database", ("the request", "missing", "text")),
        ({"database": "orders", "dryrun": True}, "dryrun", ("did you mean dry_run?", "count, database")),
        ({"database": "orders", "dry_run": "false"}, "dry_run", ("'false'", "true or false")),
        ({"database": "orders", "dry_run": 1}, "dry_run", ("true or false",)),
        ({"database": 7}, "database", ("7", "text in quotes")),
        ({"database": None}, "database", ("is empty", "text in quotes")),
        ({"database": "orders", "match": {"nam": "x"}}, "match.nam", ("did you mean names?",)),
        ({"database": "orders", "match": "x"}, "match", ("is text", "a mapping with names")),
        ({"database": "orders", "count": 1.5}, "count", ("1.5",)),
        ([], "", ("it is a list", "a mapping with database")),
        (None, "", ("it is empty", "a mapping with database")),
        ("orders", "", ("it is text", "'orders'")),
    ],
)
def test_given_a_bad_request_when_validated_then_the_field_and_what_is_accepted_are_told(
    data: object, field_name: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(BadRequest) as refused:
        validate(Sample, data, "the request")
    assert refused.value.field == field_name
    for word in words:
        assert word in str(refused.value)


def nested() -> object:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize("make", [lambda: {"database": {1}}, lambda: {"count": float("nan")}, nested])
def test_given_what_json_cannot_say_when_validated_then_refused(make: Callable[[], object]) -> None:
    with pytest.raises(BadRequest, match="the request is not JSON"):
        validate(Sample, make(), "the request")


def test_given_half_a_character_when_validated_then_refused() -> None:
    with pytest.raises(BadRequest, match="the request"):
        validate(Sample, {"database": "\ud800"}, "the request")


# --- member accounts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "accounts"),
    [
        ("", ()),
        (" ", ()),
        ("444455556666", ("444455556666",)),
        ("444455556666, 777788889999", ("444455556666", "777788889999")),
        ("444455556666,444455556666", ("444455556666",)),
    ],
)
def test_given_member_accounts_when_read_then_each_once(text: str, accounts: tuple[str, ...]) -> None:
    told = {"AWS_REGION": "eu-west-1", "BACKSTAY_REGIONS": "eu-west-1", "BACKSTAY_ACCOUNTS": text}
    assert Settings.from_environment(told).accounts == accounts


@pytest.mark.parametrize(
    "text", ["44445555666", "444455556666,", "444455556666;777788889999", "staging", "\uff13" * 12]
)
def test_given_what_is_no_account_when_read_then_refused_by_its_name(text: str) -> None:
    told = {"AWS_REGION": "eu-west-1", "BACKSTAY_REGIONS": "eu-west-1", "BACKSTAY_ACCOUNTS": text}
    with pytest.raises(BadRequest) as refused:
        Settings.from_environment(told)
    assert refused.value.field == "BACKSTAY_ACCOUNTS"
