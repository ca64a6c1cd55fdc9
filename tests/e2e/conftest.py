"""The main story, told once; the tests then look at what it left and go on with its lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.cloud.lab import Lab
from tests.lab.demo.fleet import REGION, Fleet
from tests.lab.demo.steps import Story
from tests.lab.demo.story import Tale

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def told() -> Iterator[Tale]:
    """The story after its last step, lab and fleet still running."""
    with Lab.start() as lab:
        tale = Tale(lab, Story(quiet=True), Fleet(lab))
        tale.tell()
        lab.rds_admin("POST", "regions", {"region": REGION, "state": "on"})  # the story ends without its first region
        yield tale
