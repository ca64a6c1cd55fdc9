"""The properties of `tests.properties.test_prune` one by one, over as many histories as find a mutant in a second.

Run by `test_mutants` over a copy of the product; the ten thousand are the business of the properties themselves.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import backstay
from tests.properties.histories import situation
from tests.properties.test_prune import OF_ONE, OF_TWO
from tests.properties.test_retention import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.core.decide.prune import PrunePlan
    from tests.properties.histories import Situation

HISTORIES = 250
UNDER_TEST = Path(os.environ["BACKSTAY_UNDER_TEST"])
if UNDER_TEST not in Path(backstay.__file__).parents:
    raise RuntimeError(f"{backstay.__file__} is not the copy that is to be tested, {UNDER_TEST}")


def found(rng: random.Random) -> Situation:
    drawn = rng.randbytes(rng.randrange(18, 37)), rng.randbytes(3 * KINDS + 5)
    return situation(drawn)


@pytest.mark.parametrize("holds", OF_ONE, ids=lambda each: str(each.__name__))
def test_of_one_plan(holds: Callable[[Situation, PrunePlan], None]) -> None:
    rng = random.Random(20261124)
    for _ in range(HISTORIES):
        one = found(rng)
        holds(one, one.plan())


@pytest.mark.parametrize("holds", OF_TWO, ids=lambda each: str(each.__name__))
def test_of_two_plans(holds: Callable[[Situation, PrunePlan, int], None]) -> None:
    rng = random.Random(20261124)
    for pick in range(HISTORIES):
        one = found(rng)
        holds(one, one.plan(), pick)
