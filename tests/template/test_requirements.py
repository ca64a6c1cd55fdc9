"""The locked files say what pyproject.toml asks for: offline, so a drift fails here and not on somebody's machine."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.template.stacks import REPO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROJECT: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
RUN_TIME: list[str] = PROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
FILES = {
    "functions/requirements.txt": RUN_TIME,
    "requirements/dev.txt": RUN_TIME + PROJECT["project"]["optional-dependencies"]["cli"] + GROUPS["dev"],
    "requirements/lab.txt": GROUPS["lab"],
    "requirements/sam.txt": GROUPS["sam"],
    "requirements/bench.txt": GROUPS["bench"],
}
PIN = re.compile(
    r"^(?P<requirement>[A-Za-z0-9][^\s;\\]*==[^\s;\\]+)(?P<marker> *;[^\\]*)?(?P<hashes>(?:\s*\\?\n? +--hash=\S+)*)",
    re.MULTILINE,
)


def text(file: str) -> str:
    return (REPO / file).read_text(encoding="utf-8")


def pins(file: str) -> dict[str, str]:
    """Versions by canonical name."""
    found = (Requirement(match["requirement"]) for match in PIN.finditer(text(file)))
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in found}


def unmet(asked: Iterable[str], given: Mapping[str, str]) -> list[str]:
    """The requirements that the pins do not satisfy."""
    wanted = [Requirement(each) for each in asked]
    return [
        str(each)
        for each in wanted
        if (version := given.get(canonicalize_name(each.name))) is None
        or not each.specifier.contains(version, prereleases=True)
    ]


@pytest.mark.parametrize("file", FILES)
def test_what_pyproject_asks_for_is_pinned(file: str) -> None:
    assert unmet(FILES[file], pins(file)) == []


@pytest.mark.parametrize("file", FILES)
def test_every_pin_is_hashed(file: str) -> None:
    bare = [match["requirement"] for match in PIN.finditer(text(file)) if "--hash=sha256:" not in match["hashes"]]
    assert bare == []


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_a_pin_a_hash_or_a_comment(file: str) -> None:
    """Nothing that resolves elsewhere: no range, no URL, no index, no path."""
    allowed = re.compile(r"^(\s*#.*|\s*--hash=sha256:[0-9a-f]{64}( \\)?|[A-Za-z0-9][\w.\[\],-]*==\S+( ;.*)?( \\)?|)$")
    assert [line for line in text(file).splitlines() if not allowed.match(line)] == []


@pytest.mark.parametrize("file", FILES)
def test_no_host_is_named(file: str) -> None:
    assert "://" not in text(file)


def test_what_is_tested_is_what_lambda_gets() -> None:
    run_time, development = pins("functions/requirements.txt"), pins("requirements/dev.txt")
    assert {name: development.get(name) for name in run_time} == run_time


def test_a_drift_is_noticed() -> None:
    assert unmet(["pydantic>=2.14,<3", "rich>=15"], {"pydantic": "3.0.1"}) == ["pydantic<3,>=2.14", "rich>=15"]
