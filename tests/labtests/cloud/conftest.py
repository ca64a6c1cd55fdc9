"""One lab for the session, with the sample stacks in it; the RDS emulator is only a stub here, it has tests of its
own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.cloud import deploy
from tests.lab.cloud.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
SAMPLE = HERE / "sample"
STUB = (sys.executable, str(HERE / "stub_rds.py"))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab, with sample.yaml at home and forward.yaml in both regions."""
    with Lab.start(rds=STUB) as running:
        code = deploy.package(SAMPLE, ["handlers.py"])
        running.deploy_stack("sample", (SAMPLE / "sample.yaml").read_text(), code=code)
        for region in running.regions:
            running.deploy_stack("forward", (SAMPLE / "forward.yaml").read_text(), region=region)
        yield running
