"""How many rows of a large table fit a text, on PostgreSQL: told from a few of its pages.

The planner's statistics know nothing of what stands in the midst of a text, nor of the beginnings of words.
The pages are the same each time, so they stay in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, column, func, literal_column, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

#: So many pages, of some tens of rows each.
PAGES = 60
_SEED: ColumnElement[int] = literal_column("1")

#: Of the sample's columns.
Fits = Callable[[Any], ColumnElement[bool]]


async def estimates(connection: AsyncConnection, of: Table, fits: Sequence[Fits]) -> list[int] | None:
    """For each about how many rows there are that fit; None while the database has not counted the table."""
    c = table("pg_class", column("relname"), column("relpages"), column("reltuples"), column("oid")).c
    size = select(c.relpages, c.reltuples).where(c.oid == func.to_regclass(of.name))
    pages, rows = (await connection.execute(size)).one()
    if pages < 1 or rows < 1:
        return None
    some = of.tablesample(func.system(min(100.0, 100.0 * PAGES / pages)), name="some", seed=_SEED)
    counts = (func.count().filter(one(some.c)) for one in fits)
    query = select(func.count(), *counts).select_from(some)
    looked_at, *found = (await connection.execute(query)).one()
    return [round(rows * n / looked_at) for n in found] if looked_at else None
