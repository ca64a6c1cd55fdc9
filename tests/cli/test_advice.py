"""explain and init in a terminal: what is asked and why, and a first policy that is never written over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstay.config import parse_policy
from backstay.core.explain import ASKS
from backstay.core.findings import Skipped
from backstay.core.policy import Match, Tier
from backstay.core.rules import RULES, Subject
from backstay.core.tiering import InTier
from tests.fleet import IRELAND, LONDON, NOW, database, fleet, policy
from tests.workflows.helpers import denied

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal

ARN = "arn:aws:rds:eu-west-2:111122223333:db"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_alone_says_what_it_asks_and_needs_no_account(terminal: Terminal, rule: object) -> None:
    ident = getattr(rule, "id", "")
    result = terminal.run(f"explain {ident.lower()}")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{ident}  ")
    for part in ("Why it matters", "What to do", "Applies to", "Where it stands"):
        assert f"\n{part}\n" in result.stdout
    status, report = terminal.json(f"explain {ident}")
    assert (status, report["schema"], report["rule"]["id"]) == (0, "backstay.explain/1", ident)


def test_a_repairable_failure_is_explained_down_to_the_command(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("orders", days=0)))
    terminal.wide(80)
    result = terminal.run("explain BK001 orders --policy policy.yaml")
    assert result.exit_code == 1
    assert "backstay protect orders --policy policy.yaml" in result.stdout
    status, report = terminal.json("explain BK001 orders")
    assert (status, report["finding"]["verdict"], report["command"]) == (1, "fail", "")
    assert report["finding"]["measured"] == {"window_days": 0.0, "asked_days": 14.0}
    assert {"path": "tiers[0].pitr", "value": "window 14d, apply immediately"} in report["asked"]
    assert {"path": "tiers[0].match", "value": "the first tier that matches: gold"} in report["asked"]
    assert {"fact": "PITR window", "value": "PITR is off"} in report["facts"]
    assert {"framework": "Security Hub", "version": "FSBP 1.0.0", "id": "RDS.11"} in report["rule"]["answers"]


def test_a_failure_that_protect_may_not_mend_gets_awss_own_command(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("orders", days=3), rules=policy(enforce=())))
    assert terminal.json("explain BK001 orders")[1]["command"] == (
        "aws rds modify-db-instance --db-instance-identifier orders --backup-retention-period 14 --region eu-west-2"
    )


def test_a_database_in_no_tier_gets_the_command_that_tags_it(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("legacy", tags={})))
    report = terminal.json("explain BK003 legacy")[1]
    assert report["command"] == (
        f"aws rds add-tags-to-resource --resource-name {ARN}:legacy --tags Key=backup-tier,Value=gold "
        "--region eu-west-2"
    )
    assert report["asked"][0]["path"] == "nowhere"


@pytest.mark.parametrize(
    ("name", "tags", "path"),
    [
        ("scratch-1", {}, "exempt[0]"),
        ("orders", {"backup": "aws-backup"}, "managed_elsewhere[0]"),
        ("orders", {"backstay:scratch": "1"}, "nowhere"),
    ],
)
def test_what_nobody_asks_is_explained_by_where_the_policy_says_so(
    terminal: Terminal, name: str, tags: dict[str, str], path: str
) -> None:
    terminal.looks_at(fleet(database(name, tags=tags)))
    status, report = terminal.json(f"explain BK001 {name}")
    assert (status, report["finding"]["verdict"], report["asked"][0]["path"]) == (0, "skipped", path)


def test_a_block_of_the_defaults_is_named_as_such(terminal: Terminal) -> None:
    rules = parse_policy("version: 1\ndefaults: {pitr: {window: 7d}}\ntiers: [{name: all, match: {names: '*'}}]", "x")
    terminal.looks_at(fleet(database("orders"), rules=rules))
    asked = terminal.json("explain BK001 orders")[1]["asked"]
    assert {"path": "defaults.pitr", "value": "window 7d, apply maintenance_window"} in asked
    assert {"path": "tiers[0].enforce", "value": "not asked"} in asked


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_that_needs_a_block_of_the_tier_says_which(rule: object) -> None:
    tier = Tier(name="bare", match=Match(names=("*",)))
    verdict = rule.check(Subject(database(), InTier(tier=tier), NOW)).verdict  # type: ignore[attr-defined]
    ident = getattr(rule, "id", "")
    assert (isinstance(verdict, Skipped) and verdict.reason == "not asked") <= (ident in ASKS)


def test_a_database_that_cannot_be_read_is_unknown(terminal: Terminal) -> None:
    given = fleet(database("orders"))
    given.cloud.interfere("find", denied)
    terminal.looks_at(given)
    status, report = terminal.json("explain BK001 orders")
    assert (status, report["status"], report["finding"]) == (2, "unknown", None)
    assert "AccessDenied" in terminal.run("explain BK001 orders").stdout


def test_an_unknown_rule_is_refused_with_those_that_there_are(terminal: Terminal) -> None:
    status, report = terminal.json("explain BK999")
    assert (status, report["error"]["field"]) == (1, "RULE")
    assert "BK001" in report["error"]["accepted"]


def test_init_prints_a_policy_that_can_be_used_as_it_is(terminal: Terminal) -> None:
    terminal.looks_at(fleet(database("orders"), database("web", scope=IRELAND, tags={}), scopes=(LONDON, IRELAND)))
    result = terminal.run("init")
    assert result.exit_code == 0
    written = parse_policy(result.stdout, "stdout")
    assert [tier.name for tier in written.tiers] == ["gold", "standard"]
    assert terminal.json("init")[1]["tiers"] == {"gold": 1, "standard": 1}


def test_init_writes_a_file_and_never_over_one(terminal: Terminal, tmp_path: Path) -> None:
    terminal.looks_at(fleet(database("orders")))
    path = tmp_path / "policy.yaml"
    result = terminal.run(f"init --output {path} --region eu-west-2")
    assert result.exit_code == 0
    assert f"backstay audit --region eu-west-2 --policy {path}" in result.stdout
    before = path.read_text()
    parse_policy(before, str(path))
    status, report = terminal.json(f"init --output {path}")
    assert (status, report["error"]["field"]) == (1, "--output")
    assert path.read_text() == before


def test_init_where_it_cannot_write_says_so(terminal: Terminal, tmp_path: Path) -> None:
    terminal.looks_at(fleet(database("orders")))
    status, report = terminal.json(f"init --output {tmp_path}/no/policy.yaml")
    assert (status, report["status"]) == (2, "error")


def test_init_with_a_region_unread_is_unknown_and_says_what_is_missing(terminal: Terminal) -> None:
    given = fleet(database("orders"), scopes=(LONDON, IRELAND))
    given.cloud.interfere("pages", denied, scope=IRELAND)
    terminal.looks_at(given)
    result = terminal.run("init")
    assert result.exit_code == 2
    assert "not read, so not in it: aws/111122223333/eu-west-1" in result.stderr
    parse_policy(result.stdout, "stdout")
