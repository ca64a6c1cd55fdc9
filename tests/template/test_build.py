"""`sam build`, and what ends up in the zip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.template.stacks import HOME, REPO, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAMBDA_UNZIPPED_LIMIT = 250 * 1024 * 1024


def installed(folder: Path) -> set[str]:
    """The distributions in a folder, by canonical name."""
    return {canonicalize_name(each.metadata["Name"]) for each in distributions(path=[str(folder)])}


def sam_build(sam: Path, python313: Path, source: Path, into: Path, **environment: str) -> None:
    """Run `sam build` on a copy of the project in `source`."""
    done = subprocess.run(
        [sam, "build", "--template", source / HOME.name, "--build-dir", into, "--region", "eu-west-1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=source,
        env={
            **os.environ,
            **environment,
            "PATH": f"{python313.parent}{os.pathsep}{os.environ['PATH']}",
            "SAM_CLI_TELEMETRY": "0",
            "HOME": str(into.parent),
        },
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def project(folder: Path) -> Path:
    """A copy of what `sam build` reads."""
    shutil.copytree(REPO / "functions", folder / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOME, folder)
    return folder


def handlers() -> dict[str, str]:
    """Handler paths by logical id."""
    return {
        name: each["Properties"]["Handler"]
        for name, each in load(HOME)["Resources"].items()
        if each["Type"] == "AWS::Serverless::Function"
    }


def test_builds_every_function_with_its_handler_and_nothing_of_the_tests(
    sam: Path | None, python313: Path | None, tmp_path: Path, could_not_run: Callable[[str], None]
) -> None:
    """Offline: without the third-party packages, which `.lab/deps` shows (below) and the next test downloads."""
    if sam is None or python313 is None:
        could_not_run(f"sam build: {'no SAM CLI (make setup)' if sam is None else 'no python3.13 that runs'}")
        return
    source = project(tmp_path / "project")
    (source / "functions" / "requirements.txt").write_text("", encoding="utf-8")
    sam_build(sam, python313, source, tmp_path / "built", PIP_NO_INDEX="1")
    for logical, handler in handlers().items():
        built = tmp_path / "built" / logical
        assert (built / (handler.rpartition(".")[0].replace(".", "/") + ".py")).exists()
        assert sorted(each.name for each in built.iterdir()) == ["backstay", "requirements.txt"]
        assert [each for each in built.rglob("*") if "test" in each.name.split("_")] == []


def test_builds_with_the_packages_that_lambda_gets(
    sam: Path | None, python313: Path | None, tmp_path: Path, could_not_run: Callable[[str], None]
) -> None:
    """The real build downloads packages for another processor, so it runs only when it is asked for."""
    if os.environ.get("BACKSTAY_ONLINE") != "1" or sam is None or python313 is None:
        could_not_run("sam build with its packages: downloads them; run with BACKSTAY_ONLINE=1 (needs python3.13)")
        return
    sam_build(sam, python313, project(tmp_path / "project"), tmp_path / "built")
    for logical in handlers():
        built = tmp_path / "built" / logical
        assert installed(built) == locked()
        assert size(built) < LAMBDA_UNZIPPED_LIMIT


def locked() -> set[str]:
    """The distributions that functions/requirements.txt pins."""
    text = (REPO / "functions" / "requirements.txt").read_text(encoding="utf-8")
    return {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def size(folder: Path) -> int:
    """Bytes in a folder."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def names(requirements: list[str]) -> set[str]:
    """What a list of requirements names."""
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def test_no_development_lab_or_command_line_package_is_locked_for_lambda() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    others = [*project["dependency-groups"].values(), *project["project"]["optional-dependencies"].values()]
    unwanted = {name for group in others for name in names(group)} - names(project["project"]["dependencies"])
    assert {"pytest", "moto", "cfn-lint", "ministack", "click", "rich"} <= unwanted
    assert locked() & unwanted == set()


def test_what_the_lab_gives_to_functions_is_what_is_locked() -> None:
    assert installed(REPO / ".lab" / "deps") == locked()


def test_code_and_packages_fit_into_a_function() -> None:
    assert size(REPO / ".lab" / "deps") + size(REPO / "functions") < LAMBDA_UNZIPPED_LIMIT
