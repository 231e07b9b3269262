"""SQLite's connections: each statement is one errand of the thread, and transactions are what they were."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.catalog import Database, open_database, sqlite_driver

COUNT, ADD = text("SELECT count(*) FROM marks"), text("INSERT INTO marks VALUES (:n)")
ONE = select(bindparam("wanted"))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite+aiosqlite:///{tmp_path / 'tapeline.db'}")
    async with opened.writing() as connection:
        await connection.execute(text("CREATE TABLE marks (n INTEGER PRIMARY KEY)"))
    yield opened
    await opened.close()


@pytest.fixture
def errands(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    sent: list[object] = []
    execute = sqlite_driver.Connection._execute

    async def noted(self: sqlite_driver.Connection, work: Any, *more: Any, **named: Any) -> Any:
        sent.append(work)
        return await execute(self, work, *more, **named)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(sqlite_driver.Connection, "_execute", noted)
    return sent


async def test_a_question_is_one_errand(database: Database, errands: list[object]) -> None:
    assert (await database.ask(ONE, {"wanted": 7}))[0][0] == 7
    assert len(errands) == 1


async def test_a_transaction_costs_its_statements_and_its_end(
    database: Database, errands: list[object]
) -> None:
    async with database.reading():
        pass
    assert errands == [], "nothing was begun"
    async with database.reading() as connection:
        await connection.execute(COUNT)
        await connection.execute(COUNT)
    assert len(errands) == 3


async def test_what_is_read_together_is_of_one_moment(database: Database) -> None:
    async with database.reading() as reader:
        before = (await reader.execute(COUNT)).scalar_one()
        async with database.writing() as writer:
            await writer.execute(ADD, {"n": 1})
        assert (await reader.execute(COUNT)).scalar_one() == before == 0
    async with database.reading() as reader:
        assert (await reader.execute(COUNT)).scalar_one() == 1, "the moment has ended with the reading"


async def test_rows_and_counts(database: Database) -> None:
    async with database.writing() as connection:
        many = await connection.execute(ADD, [{"n": n} for n in range(1000)])
        assert many.rowcount == 1000
        given = await connection.execute(text("DELETE FROM marks WHERE n < 10 RETURNING n"))
        assert sorted(n for (n,) in given) == list(range(10))
        assert (await connection.execute(text("DELETE FROM marks WHERE n < 20"))).rowcount == 10
    async with database.reading() as connection:
        assert len((await connection.execute(text("SELECT n FROM marks"))).all()) == 980


async def test_a_statement_that_fails_ends_its_transaction(database: Database) -> None:
    for way in (database.reading, database.writing):
        with pytest.raises(OperationalError, match="no such table"):
            await _fails(way())
    await _nobody_has_begun(database)


async def _fails(transaction: AbstractAsyncContextManager[AsyncConnection]) -> None:
    async with transaction as connection:
        await connection.execute(COUNT)
        await connection.execute(text("SELECT * FROM nowhere"))


async def test_whoever_is_cancelled_leaves_no_transaction_behind(database: Database) -> None:
    """The thread is still at it then, and may not have begun."""
    for _ in range(3):
        async with asyncio.timeout(5):
            task = asyncio.create_task(_slowly(database))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await _nobody_has_begun(database)


async def _slowly(database: Database) -> None:
    async with database.reading() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert isinstance(raw, sqlite_driver.Connection)
        await raw.create_function("slow", 1, lambda n: time.sleep(0.2) or n)  # type: ignore[no-untyped-call]
        await connection.execute(text("SELECT slow(1) FROM (SELECT count(*) FROM marks)"))


async def _nobody_has_begun(database: Database) -> None:
    """Every connection of the pool sees what has just been written, and may write itself."""
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM marks"))
        await connection.execute(ADD, {"n": 1})
    async with database.reading() as one, database.reading() as two, database.reading() as three:
        for connection in (one, two, three):
            assert (await connection.execute(COUNT)).scalar_one() == 1
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, sqlite_driver.Connection)
            await connection.rollback()
            assert not raw.in_transaction
