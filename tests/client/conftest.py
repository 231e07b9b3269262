"""The populated world of the web's tests, behind a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.web.conftest import password_hash, populated, world
from tests.web.serving import served
from tests.web.world import World

__all__ = ["password_hash", "populated", "world"]


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with served(world) as address:
        yield address
