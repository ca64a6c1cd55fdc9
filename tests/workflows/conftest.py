"""Both ways to run a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workflows.ways import Way, durable, hurry, inline

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Way]


@pytest.fixture(params=[inline, durable], ids=lambda make: str(make.__name__))
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Make:
    hurry(monkeypatch)
    chosen: Make = request.param
    return chosen
