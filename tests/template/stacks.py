"""Reads our templates as AWS does: short tags, the SAM translation, parameters, conditions and intrinsic functions.

A `Stack` answers with values in which nothing is left to resolve. What only AWS knows (ARNs, physical names) is made up
in AWS's own form, so that policies and patterns can be compared with real calls and events.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPO: Final = Path(__file__).resolve().parents[2]
HOME: Final = REPO / "template.yaml"
REGION: Final = REPO / "infra" / "region.yaml"
MEMBER: Final = REPO / "infra" / "member.yaml"
MEMBER_REGION: Final = REPO / "infra" / "member-region.yaml"
DEADMAN: Final = REPO / "infra" / "deadman.yaml"
ACCOUNT: Final = "111122223333"
HOME_REGION: Final = "eu-west-1"
TRANSLATOR: Final = REPO / ".lab" / "venv" / "bin" / "python"
HOME_PARAMETERS: Final[Mapping[str, str]] = {"Regions": "eu-west-1,eu-west-2"}
REGION_PARAMETERS: Final[Mapping[str, str]] = {"HomeRegion": HOME_REGION}

_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")
_ARNS: Final[Mapping[str, str]] = {
    "AWS::Events::ApiDestination": "arn:aws:events:{here}:api-destination/{name}/4e3a0a5c",
    "AWS::Events::Connection": "arn:aws:events:{here}:connection/{name}/5b1f7d2e",
    "AWS::Events::Rule": "arn:aws:events:{here}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{here}:key/{name}",
    "AWS::Lambda::Alias": "arn:aws:lambda:{here}:function:{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{here}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{here}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{here}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{here}:{name}",
}
_NOTHING: Final = object()  # AWS::NoValue


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


@functools.cache
def load(path: Path) -> dict[str, Any]:
    """A template with its tags in long form. Do not change what this returns: it is shared."""
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    return loaded


@functools.cache
def translate(path: Path) -> dict[str, Any]:
    """The CloudFormation that AWS makes of a SAM template, with `CodeUri` where `sam deploy` puts the code."""
    (translated,) = translate_each(path, [{}])
    return translated


def translate_each(path: Path, given: Sequence[Mapping[str, str]], code: str = "code.zip") -> list[dict[str, Any]]:
    """`translate` for each set of parameters, with what is at `code`."""
    template = json.loads(json.dumps(load(path)))
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": "artifacts", "Key": code}
    asked = [{"template": template, "parameters": {**HOME_PARAMETERS, **each}, "region": HOME_REGION} for each in given]
    environment = {**os.environ, "AWS_DEFAULT_REGION": HOME_REGION, "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [TRANSLATOR, Path(__file__).with_name("translate.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    translated: list[dict[str, Any]] = json.loads(done.stdout)
    return translated


@dataclass(frozen=True)
class Stack:
    """A template deployed with `given` parameters into `region`; `imports` are other stacks' exports."""

    template: Mapping[str, Any]
    given: Mapping[str, str]
    region: str = HOME_REGION
    imports: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def parameters(self) -> dict[str, str]:
        """Every parameter's value, defaults included."""
        values = {}
        for name, declared in self.template["Parameters"].items():
            value = self.given.get(name, declared.get("Default"))
            assert value is not None, f"parameter {name} has no value"
            values[name] = str(value)
        return values

    @functools.cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Every resource whose condition holds, resolved."""
        return {
            name: self.resolve(resource)
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of one type, by logical id."""
        return {name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == kind}

    @functools.cached_property
    def exports(self) -> dict[str, str]:
        """What this stack exports."""
        found = {}
        for output in self.template.get("Outputs", {}).values():
            if "Export" in output and ("Condition" not in output or self.holds(output["Condition"])):
                resolved = self.resolve(output)
                found[resolved["Export"]["Name"]] = resolved["Value"]
        return found

    def holds(self, condition: str) -> bool:
        """Whether a named condition is true."""
        return self._true(self.template["Conditions"][condition])

    def _true(self, expression: Mapping[str, Any]) -> bool:
        ((name, given),) = expression.items()
        match name:
            case "Condition":
                return self.holds(given)
            case "Fn::Equals":
                return bool(self.resolve(given[0]) == self.resolve(given[1]))
            case "Fn::Not":
                return not self._true(given[0])
            case "Fn::And":
                return all(self._true(each) for each in given)
            case "Fn::Or":
                return any(self._true(each) for each in given)
            case _:
                raise AssertionError(f"no test has needed {name} in a condition yet")

    def resolve(self, value: Any) -> Any:
        """A value with nothing left to resolve."""
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, given),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, given)
        resolved = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not _NOTHING}

    def _call(self, function: str, given: Any) -> Any:
        match function:
            case "Ref":
                return self._ref(given)
            case "Fn::GetAtt":
                return self._attribute(*given)
            case "Fn::Sub":
                return self._substitute(given)
            case "Fn::If":
                return self.resolve(given[1] if self.holds(given[0]) else given[2])
            case "Fn::ImportValue":
                return self.imports[self.resolve(given)]
            case "Fn::Select":
                return self.resolve(given[1])[int(given[0])]
            case "Fn::Split":
                return self.resolve(given[1]).split(given[0])
            case "Fn::FindInMap":
                name, first, second = map(self.resolve, given)
                return self.template["Mappings"][name][first][second]
            case "Fn::Join":
                return given[0].join(self.resolve(given[1]))
            case _:
                raise AssertionError(f"no test has needed {function} yet")

    def _substitute(self, given: Any) -> str:
        text, variables = (given, {}) if isinstance(given, str) else given
        known = self.resolve(variables)

        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name in known:
                return str(known[name])
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return _PLACEHOLDER.sub(one, text)

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NOTHING,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            declared = self.template["Parameters"][name]["Type"]
            value = self.parameters[name]
            return value.split(",") if declared == "CommaDelimitedList" else value
        return self._physical(name)

    def _physical(self, logical: str) -> str:
        resource = self.template["Resources"][logical]
        match resource["Type"]:
            case "AWS::SNS::Topic" | "AWS::Lambda::Alias" | "AWS::IAM::ManagedPolicy":
                return str(self._attribute(logical, "Arn"))
            case "AWS::SQS::Queue":
                return f"https://sqs.{self.region}.amazonaws.com/{ACCOUNT}/{self._name(logical)}"
            case _:
                return self._name(logical)

    def _name(self, logical: str) -> str:
        properties = self.template["Resources"][logical].get("Properties", {})
        for key in ("FunctionName", "QueueName", "TopicName", "LogGroupName", "BucketName", "Name"):
            if key in properties:
                return str(self.resolve(properties[key]))
        return logical

    def _attribute(self, logical: str, attribute: str) -> str:
        kind = self.template["Resources"][logical]["Type"]
        name = self._name(logical)
        match attribute:
            case "QueueName":
                return name
            case "Version":
                return "1"
            case "Arn" if kind == "AWS::Events::Rule":
                bus = self.resolve(self.template["Resources"][logical]["Properties"].get("EventBusName", "default"))
                name = name if bus == "default" else f"{bus}/{name}"
        assert attribute == "Arn", f"no test has needed {logical}.{attribute} yet"
        if kind == "AWS::Lambda::Alias":
            properties = self.template["Resources"][logical]["Properties"]
            name = f"{self.resolve(properties['FunctionName'])}:{properties['Name']}"
        return _ARNS[kind].format(name=name, here=f"{self.region}:{ACCOUNT}", account=ACCOUNT)


def region_stack(region: str = HOME_REGION, **given: str) -> Stack:
    """infra/region.yaml deployed into `region`."""
    return Stack(load(REGION), {**REGION_PARAMETERS, **given}, region)


def home_stack(*, vault_key: str = "", **given: str) -> Stack:
    """template.yaml, translated, deployed at home beside its region stack, whose key is `vault_key` where named."""
    regional = {"DeploymentId": given["DeploymentId"]} if "DeploymentId" in given else {}
    if vault_key:
        regional["VaultKeyArn"] = vault_key
    return Stack(translate(HOME), {**HOME_PARAMETERS, **given}, HOME_REGION, region_stack(**regional).exports)
