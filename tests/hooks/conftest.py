"""A catalog on SQLite and on a real PostgreSQL, and a real HTTP server that receives."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.engine.ids import now
from tests.catalog.conftest import kind, postgres, server, url

from .receiver import Receiver

__all__ = ["catalog", "kind", "postgres", "receiver", "server", "url"]


@pytest.fixture
async def catalog(url: str) -> AsyncIterator[SqlCatalog]:
    database = await open_database(url)
    yield SqlCatalog(database, now)
    await database.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made
