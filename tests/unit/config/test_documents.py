"""Texts that are policies in any of their forms, and texts that are no document at all."""

from __future__ import annotations

import json
import time as clock
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from backstay.config import parse_policy
from backstay.config.document import LONGEST, read_document
from backstay.core.model import Provider
from backstay.core.notation import UNLIMITED
from backstay.core.policy import Apply, AwsLocation, Enforce, Keep, Match, Require
from tests.unit.config.given import EXAMPLE, SMALL, refusal


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


# --- texts that are no document ----------------------------------------------------------------------------------

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
