"""aiosqlite's connection, with a statement as one errand of its thread.

SQLAlchemy takes a cursor, executes, fetches and closes, and aiosqlite sends its thread for each of the four
and waits: for most of our statements that takes longer than the finding. Whatever is fetched is fetched whole
by SQLAlchemy anyway. And nobody is sent for what changes nothing: a BEGIN, which SQLite carries out with the
first statement behind it, goes with that, and there is nothing to roll back where nothing was begun.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from typing import Any

import aiosqlite


def connect(database: str, **options: Any) -> Connection:
    """To be awaited. ``options`` are those of sqlite3.connect."""
    return Connection(partial(sqlite3.connect, database, **options), 64)


class Connection(aiosqlite.Connection):
    def __init__(self, connector: Callable[[], sqlite3.Connection], iter_chunk_size: int) -> None:
        super().__init__(connector, iter_chunk_size)
        # As SQLAlchemy has it for its own: a process that ends waits for no connection's thread.
        self._thread.daemon = True
        #: A BEGIN was asked for and goes with the next statement.
        self._to_begin = False

    def cursor(self) -> Any:
        return Cursor(self)

    async def errand(self, work: Callable[[sqlite3.Connection], None]) -> None:
        begin, self._to_begin = self._to_begin, False

        def whole() -> None:
            if begin:
                self._conn.execute("BEGIN")
            work(self._conn)

        execute: Any = self._execute
        await execute(whole)

    def begin(self) -> None:
        self._to_begin = True

    # Neither comes while an errand is under way: SQLAlchemy closes a connection whose asker was cancelled.
    async def commit(self) -> None:
        self._to_begin = False
        if self.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        self._to_begin = False
        if self.in_transaction:
            await super().rollback()


class Cursor:
    """What SQLAlchemy asks of one. It holds the rows, not the statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.arraysize = 1
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Cursor:
        return self

    async def execute(self, operation: str, parameters: Any = ()) -> None:
        if operation == "BEGIN":
            self._connection.begin()
        else:
            await self._run(lambda cursor: cursor.execute(operation, parameters))

    async def executemany(self, operation: str, parameters: Iterable[Any]) -> None:
        await self._run(lambda cursor: cursor.executemany(operation, parameters))

    async def _run(self, statement: Callable[[sqlite3.Cursor], object]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            with closing(connection.cursor()) as cursor:
                statement(cursor)
                self._rows = cursor.fetchall() if cursor.description else []
                self.description, self.rowcount = cursor.description, cursor.rowcount
                self.lastrowid = cursor.lastrowid

        await self._connection.errand(work)

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """It was closed when it was executed."""
