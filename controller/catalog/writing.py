"""Statements that write the same way on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import Table, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database

T = TypeVar("T")

#: Both databases take at most 32,766 parameters a statement.
CHUNK = 5_000


class Clock(Protocol):
    def __call__(self) -> datetime: ...


class OnDatabase:
    """What every part of the catalog has: an open database and the time (aware UTC)."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now


def insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    keep: Collection[str] = (),
) -> None:
    """Insert the rows, or bring those that are there up to date, but for the columns in ``keep``.

    A row that says nothing new is not written again: a long call is saved many times.
    """
    if not rows:
        return
    await connection.execute(_upsert(connection.dialect.name, table, frozenset(keep)), rows)


@cache
def _upsert(dialect: str, table: Table, keep: frozenset[str]) -> sqlite.Insert | postgresql.Insert:
    """Made once: ``excluded`` copies every column of the table, in cycles that only the garbage
    collector frees. Made with each save, it stopped the event loop for 20 ms every few seconds."""
    statement = _insert(dialect, table)
    key = [c.name for c in table.primary_key]
    new = {c.name: statement.excluded[c.name] for c in table.c if c.name not in key and c.name not in keep}
    changed = or_(*(table.c[name].is_distinct_from(value) for name, value in new.items()))
    return statement.on_conflict_do_update(index_elements=key, set_=new, where=changed)


async def add_missing(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows that are not there yet; the others stay as they are."""
    if rows:
        await connection.execute(insert(connection, table).on_conflict_do_nothing(), rows)


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
