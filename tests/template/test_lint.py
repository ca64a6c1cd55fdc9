"""The templates are clean in the eyes of AWS's own tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.template.stacks import DEADMAN, HOME, HOME_REGION, MEMBER, MEMBER_REGION, REGION, REPO, load, translate

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATES = [
    pytest.param(HOME, id="home"),
    pytest.param(MEMBER, id="member"),
    pytest.param(MEMBER_REGION, id="member-region"),
    pytest.param(REGION, id="region"),
    pytest.param(DEADMAN, id="deadman"),
]
# I4010 asks for a vendor's metadata block that describes the architecture in prose; ours stands in docs/.
# What a template has cfn-lint ignore is forgotten once the command line ignores something: W1033 is template.yaml's.
LINT = ("--include-checks", "I", "--ignore-checks", "I4010", "W1033", "--regions", HOME_REGION, "--template")
# Bytes. CloudFormation API reference, CreateChangeSet, TemplateURL: "a template (max size: 1 MB) that's located in an
# Amazon S3 bucket", which cfn-lint counts as a million (E1002); TemplateBody takes 51,200.
LARGEST_TEMPLATE = 1_000_000
LARGEST_INLINE_TEMPLATE = 51_200

# What SAM's deployer gives to CreateChangeSet and UpdateStack when it has a bucket.
SENDS = """
from unittest.mock import Mock
from samcli.lib.deploy.deployer import Deployer
bucket = Mock(**{"upload.return_value": "s3://bucket/key", "to_path_style_s3_url.return_value": "https://s3/key"})
sent = Deployer._process_kwargs({"StackName": "x", "TemplateBody": "x"}, bucket, None, None, None)
print(sent["TemplateURL"], *sorted(sent))
"""


def lint(template: Path, *ignored: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),
            *LINT,
            template,
            *(("--ignore-checks", *ignored) if ignored else ()),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_cfn_lint_is_silent(template: Path) -> None:
    done = lint(template)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_cfn_lint_is_silent_about_the_translated_template(tmp_path: Path) -> None:
    translated = tmp_path / "translated.json"
    translated.write_text(json.dumps(translate(HOME)), encoding="utf-8")
    done = lint(translated, "W2001")  # "not used": Unset is used by SAM, and gone after it
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("template", TEMPLATES)
def test_sam_validate_is_silent(
    template: Path, sam: Path | None, tmp_path: Path, could_not_run: Callable[[str], None]
) -> None:
    if sam is None:
        could_not_run("sam validate --lint: the SAM CLI is not installed (make setup)")
        return
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sam, "validate", "--lint", "--region", HOME_REGION, "--template", template],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_yaml_anchor_which_cloudformation_does_not_read(template: Path) -> None:
    tokens = yaml.scan(template.read_text(encoding="utf-8"))
    anchors = [t for t in tokens if isinstance(t, yaml.tokens.AnchorToken | yaml.tokens.AliasToken)]
    assert anchors == []


def test_small_enough_for_a_bucket_before_and_after_the_translation() -> None:
    """Home's code needs a bucket, so its template goes there as well, whatever its size."""
    assert HOME.stat().st_size < LARGEST_TEMPLATE
    assert len(json.dumps(translate(HOME))) < LARGEST_TEMPLATE


@pytest.mark.parametrize("template", [MEMBER, MEMBER_REGION, REGION, DEADMAN])
def test_what_has_no_code_is_small_enough_to_be_sent_without_a_bucket(template: Path) -> None:
    assert template.stat().st_size < LARGEST_INLINE_TEMPLATE


def test_sam_uploads_the_template_and_sends_its_address(sam: Path | None, could_not_run: Callable[[str], None]) -> None:
    """With a bucket, which samconfig.toml asks for, `TemplateBody` becomes `TemplateURL`: its limit is what counts."""
    config = tomllib.loads((REPO / "samconfig.toml").read_text(encoding="utf-8"))
    deployed = [each["deploy"]["parameters"] for name, each in config.items() if name != "version"]
    assert [each["resolve_s3"] for each in deployed] == [True] * 4
    if sam is None:
        could_not_run("how sam deploy sends a template: the SAM CLI is not installed (make setup)")
        return
    done = subprocess.run(
        [sam.with_name("python"), "-c", SENDS], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.split() == ["https://s3/key", "StackName", "TemplateURL"], done.stderr


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_parameter_says_what_it_is_for(template: Path) -> None:
    parameters = load(template)["Parameters"]
    silent = [name for name, declared in parameters.items() if len(declared.get("Description", "")) < 20]
    assert silent == []
    patterned = [name for name, declared in parameters.items() if "AllowedPattern" in declared]
    assert [name for name in patterned if not parameters[name].get("ConstraintDescription")] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_parameter_stands_in_one_group_of_the_console(template: Path) -> None:
    loaded = load(template)
    groups = loaded["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(loaded["Parameters"])


@pytest.mark.parametrize("template", TEMPLATES)
def test_only_what_has_no_sane_default_is_asked_for(template: Path) -> None:
    asked = {name for name, declared in load(template)["Parameters"].items() if "Default" not in declared}
    wanted = {
        HOME: {"Regions"},
        REGION: {"HomeRegion"},
        MEMBER: {"HomeAccount"},
        MEMBER_REGION: {"HomeAccount", "HomeRegion"},
        DEADMAN: {"DeadMansSwitchUrl"},
    }
    assert asked == wanted[template]


@pytest.mark.parametrize(
    ("environment", "template"),
    [("default", HOME), ("location", REGION), ("member", MEMBER), ("member-region", MEMBER_REGION)],
)
def test_samconfig_sets_what_the_template_asks_for(environment: str, template: Path) -> None:
    config = tomllib.loads((REPO / "samconfig.toml").read_text(encoding="utf-8"))[environment]["deploy"]["parameters"]
    assert config.get("template_file", HOME.name) == template.relative_to(REPO).as_posix()
    given = {each.partition("=")[0] for each in config["parameter_overrides"]}
    declared = load(template)["Parameters"]
    assert {name for name, each in declared.items() if "Default" not in each} <= given <= declared.keys()
