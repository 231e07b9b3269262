"""The garbage collector of a controller that runs: seldom, and never through what was there at the start."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from controller.engine.garbage import THRESHOLDS, spare_the_loop


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_stays_and_the_rest_is_looked_through_seldom() -> None:
    there = [object()]
    spare_the_loop()
    assert gc.get_threshold() == THRESHOLDS
    assert not any(thing is there for thing in gc.get_objects())
    later: list[object] = []
    later.append(later)
    assert any(thing is later for thing in gc.get_objects())
