"""A world for each test, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from tests.catalog.conftest import database, kind, postgres, server, url

from .world import World, now

__all__ = ["database", "kind", "postgres", "server", "url", "world"]


@pytest.fixture
async def world(url: str, tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "spool").mkdir()
    database = await open_database(url)
    yield World(url, tmp_path, SqlCatalog(database, now))
    await database.close()
