"""Every test that asks for a database runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from controller.catalog import Database, SqlCatalog, open_database

from . import cluster

NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
_TEMPLATE = "migrated"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL's beginning of a running PostgreSQL that holds a migrated template database."""
    programs = cluster.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL HERE: install postgresql (initdb, postgres) to run half of these tests")
    with cluster.running(programs) as base:
        asyncio.run(_prepare(base))
        yield base


async def _prepare(base: str) -> None:
    await _make(base, _TEMPLATE)
    await (await open_database(f"{base}/{_TEMPLATE}")).close()


async def _make(base: str, name: str, template: str = "template0") -> None:
    engine = create_async_engine(f"{base}/postgres", isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    await engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> str | None:
    """PostgreSQL's URL, which is started at the first test that needs it; None on SQLite."""
    return None if kind == "sqlite" else str(request.getfixturevalue("postgres"))


@pytest.fixture
async def empty_url(server: str | None, tmp_path: Path) -> str:
    """The URL of a database without a schema."""
    if server is None:
        return f"sqlite+aiosqlite:///{tmp_path}/made/by/us/tapeline.db"
    name = f"test_{next(_numbers)}"
    await _make(server, name)
    return f"{server}/{name}"


@pytest.fixture
async def url(server: str | None, tmp_path: Path) -> str:
    """The URL of a database of this test's own; on PostgreSQL a copy of a migrated one."""
    if server is None:
        return f"sqlite+aiosqlite:///{tmp_path}/tapeline.db"
    name = f"test_{next(_numbers)}"
    await _make(server, name, _TEMPLATE)
    return f"{server}/{name}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await open_database(url)
    yield opened
    await opened.close()


@pytest.fixture
def catalog(database: Database) -> SqlCatalog:
    return SqlCatalog(database, lambda: NOW)
