"""What all tests share: hypothesis profiles, and a deadline poll instead of sleeps."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, settings

# No deadline: on a machine that is busy with a real switch a slow example is no failure.
settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# pytest-xdist tells its workers a width, which would be that of every command line that is tried.
os.environ.pop("COLUMNS", None)

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """``await eventually(lambda: condition, "what should have happened")``, within five seconds."""

    async def wait(condition: Callable[[], object], what: str = "the condition", within: float = 5.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within} s: {what}")
            await asyncio.sleep(0.005)

    return wait
