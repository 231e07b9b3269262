"""The engine of SQLAlchemy: opened, brought to the newest schema, and one way to read and to write."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import greenlet_spawn

from ..core.errors import TapelineError
from . import sqlite_driver
from .cancellation import kept_cancellation
from .columns import LOOSE, loose
from .newest import UnknownSchema, is_newest
from .postgres_driver import ask_for_signs_of_life

#: So long a writer waits for another one (another process on SQLite) before it gives up.
BUSY_TIMEOUT_MS = 15_000
#: So many entries of an index are looked at to say what it is good for: writers wait meanwhile.
LOOKED_AT = 20_000
#: So long a connection to PostgreSQL may take.
CONNECT_TIMEOUT_S = 10

# Any number will do as long as it is ours: two processes that start at once take turns by it.
_MIGRATION_LOCK = 0x7461_7065
# Alembic keeps the running migration in module globals, so within one process, too, one at a time.
_ALEMBIC = threading.Lock()


class DatabaseUnavailable(TapelineError):
    """The database cannot be used; the text names the key of the configuration and the reason."""


class Database:
    """An open database. Statements run on a connection from `reading` or `writing`, never both at
    once in one task: with a small pool that would wait for itself."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(tapeline_write=True)
        self._asker = engine.execution_options(
            **{"tapeline_alone": True} if self.sqlite else {"isolation_level": "AUTOCOMMIT"}
        )
        #: Whether parties can be looked up by trigrams; None: not asked yet (see narrowing.py).
        self.trigrams: bool | None = None
        # SQLite has one writer. Waiting here is first come, first served; its own lock is not.
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with kept_cancellation():
            async with self.engine.connect() as connection:
                yield connection

    async def ask(self, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The rows of one statement that reads, as every request asks some: without a transaction around it,
        whose beginning and end would take as long again, and at one go instead of step by step."""
        with kept_cancellation():
            return await greenlet_spawn(self._ask, statement, values)

    def _ask(self, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        with self._asker.sync_engine.connect() as connection:
            return connection.execute(statement, values).all()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, rolled back by an exception."""
        with kept_cancellation():
            async with AsyncExitStack() as stack:
                if self.sqlite:
                    await stack.enter_async_context(self._turn)
                yield await stack.enter_async_context(self._writer.begin())

    async def tend(self) -> None:
        """Have SQLite look again at what its plans go by; PostgreSQL does so by itself."""
        if not self.sqlite:
            return
        async with self.writing() as connection:
            await connection.exec_driver_sql(f"PRAGMA analysis_limit={LOOKED_AT}")
            await connection.exec_driver_sql("ANALYZE")
        await self.renew()

    async def renew(self) -> None:
        """Have SQLite plan by what some process has found when it looked: a connection goes by what it read
        when it was opened, so all are opened anew."""
        if self.sqlite and not _in_memory(self.engine.url):
            await self.engine.dispose()

    async def close(self) -> None:
        await self.engine.dispose()


async def open_database(url: str) -> Database:
    """Connect, and bring the schema to the newest revision.

    ``url`` is sqlite+aiosqlite:///FILE (its folder is made) or postgresql+asyncpg://…. Safe when
    two processes do it at once. Raises DatabaseUnavailable.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUnavailable("database.url is not a SQLAlchemy URL") from error
    engine: AsyncEngine | None = None
    try:
        engine = _engine(parsed)
        await _migrate(engine)
    except BaseException as error:
        if engine is not None:
            await engine.dispose()
        if not isinstance(error, Exception):
            raise
        # Not only SQLAlchemyError: asyncpg lets some refusals of the server (no such database,
        # wrong password) through as they are, and they share no base class with the others.
        raise DatabaseUnavailable(_explain(parsed, error)) from error
    return Database(engine)


def _engine(url: URL) -> AsyncEngine:
    # Errors go into logs; what callers and accounts are called, and password hashes, do not.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.drivername == "postgresql+asyncpg":
        connect = {"timeout": CONNECT_TIMEOUT_S}
        engine = create_async_engine(url, pool_size=10, pool_pre_ping=True, connect_args=connect, **options)
        event.listen(engine.sync_engine, "connect", _prepare_postgres)
        return engine
    if url.drivername != "sqlite+aiosqlite":
        raise OSError("it must begin with sqlite+aiosqlite:// or postgresql+asyncpg://")
    if _in_memory(url):
        # Every connection would be a database of its own: one connection, which tasks take in turn.
        options |= {"poolclass": AsyncAdaptedQueuePool, "pool_size": 1, "max_overflow": 0}
    else:
        assert url.database is not None
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, **options)
    event.listen(engine.sync_engine, "do_connect", _by_our_driver)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "invalidate", _roll_back_sqlite)
    return engine


def _in_memory(url: URL) -> bool:
    return not url.database or ":memory:" in url.database


def _by_our_driver(_dialect: Any, _record: Any, _positional: Any, named: dict[str, Any]) -> None:
    named["async_creator_fn"] = sqlite_driver.connect


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own habit of beginning late, and never before DDL, is switched off: see below.
    connection.isolation_level = None
    connection.create_function(LOOSE, 1, _loose, deterministic=True)
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # Two megabytes, the default, do not hold the upper pages of a million recordings' indexes.
    cursor.execute("PRAGMA cache_size=-16000")
    # What is deleted (a wrapped data key, say) is overwritten, not only unlinked.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _prepare_postgres(connection: Any, _record: Any) -> None:
    # Pages of fifty rows: to compile a statement, or to start processes for it, takes longer than to carry it
    # out; PostgreSQL believes otherwise where it takes all of a tenant's rows for what will be read. And the
    # pages of the indexes are in memory, not on a turning disk.
    cursor = connection.cursor()
    for setting in ("jit = off", "max_parallel_workers_per_gather = 0", "random_page_cost = 1.1"):
        cursor.execute(f"SET {setting}")
    cursor.close()
    connection.commit()
    ask_for_signs_of_life(connection.driver_connection)


def _loose(text: str | None) -> str | None:
    return None if text is None else loose(text)


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a reader that turns writer is refused without waiting if
    # somebody else has written meanwhile.
    options = connection.get_execution_options()
    if not options.get("tapeline_alone"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("tapeline_write") else "BEGIN")


def _roll_back_sqlite(connection: Any, _record: Any, _error: BaseException | None) -> None:
    # Who is cancelled in the middle of a statement leaves its cursor to the garbage collector, and as long as
    # there is one, closing the connection ends no transaction: it would keep every other writer out.
    with contextlib.suppress(Exception):
        connection.rollback()


async def _migrate(engine: AsyncEngine) -> None:
    # In a thread, since whoever holds it may be waiting for this very event loop.
    await asyncio.to_thread(_ALEMBIC.acquire)
    try:
        deadline = asyncio.get_running_loop().time() + BUSY_TIMEOUT_MS / 1000
        while True:
            try:
                await _migrate_once(engine)
                return
            except DBAPIError as error:
                # Switching a new file to WAL does not honour the busy timeout.
                locked = engine.dialect.name == "sqlite" and "locked" in str(error.orig)
                if not locked or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.05)
    finally:
        _ALEMBIC.release()


async def _migrate_once(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        if await connection.run_sync(is_newest):
            return
    from . import schema

    async with engine.execution_options(tapeline_write=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
        await connection.run_sync(schema.upgrade)


def _explain(url: URL, error: BaseException) -> str:
    reason = str(getattr(error, "orig", None) or error) or type(error).__name__
    if isinstance(error, UnknownSchema):
        reason = f"its schema is not one that this version knows ({reason}); was it used by a newer one?"
    reason = (reason.strip().splitlines() or [type(error).__name__])[0]
    if url.password:
        reason = reason.replace(str(url.password), "***")
    return f"database.url: cannot use {url.render_as_string(hide_password=True)}: {reason}"
