"""Calls that turned out to be one: the younger's rows go over to the elder, its id stays valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Table, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables as t
from .graphs import targets
from .writing import add_missing, chunks, upsert

#: Made once: each has a copy of every column, in cycles that only the garbage collector frees.
_GONE, _KEPT = t.calls.alias("gone"), t.calls.alias("kept")


async def note_merged(connection: AsyncConnection, merged: Mapping[str, str]) -> None:
    """Keep each old id as an alias, earlier ones of a call that is now merged itself as well."""
    found = targets(merged)
    rows = [{"alias": gone, "call_id": keep} for gone, keep in sorted(found.items())]
    await upsert(connection, t.call_aliases, rows)
    for gone, keep in sorted(found.items()):
        await connection.execute(
            update(t.call_aliases).where(t.call_aliases.c.call_id == gone).values(call_id=keep)
        )


async def take_over(connection: AsyncConnection, saved: Sequence[str], merged: Mapping[str, str]) -> None:
    """Move what is left under an old id to the call that took it over, and drop the old call.

    Driven by the aliases, not by the batch: whether the elder or the younger was saved first,
    and in which batch, the end is the same. A call whose successor has no row yet stays.
    """
    alias = t.call_aliases
    for ids in chunks(sorted({*saved, *merged, *merged.values()})):
        pairs = await connection.execute(
            select(alias.c.alias, alias.c.call_id)
            .join(_GONE, _GONE.c.call_id == alias.c.alias)
            .join(_KEPT, _KEPT.c.call_id == alias.c.call_id)
            .where(or_(alias.c.alias.in_(ids), alias.c.call_id.in_(ids)))
            .order_by(alias.c.alias)
        )
        for gone, keep in pairs.all():
            await _move(connection, gone, keep)


async def _move(connection: AsyncConnection, gone: str, keep: str) -> None:
    r, leg = t.recordings, t.legs.c
    await connection.execute(update(r).where(r.c.call_id == gone).values(call_id=keep))
    legs = await connection.execute(select(leg.call_id, leg.leg_id).where(leg.call_id.in_([gone, keep])))
    rows = legs.all()
    known = {row.leg_id for row in rows if row.call_id == keep}
    if any(row.call_id == gone and row.leg_id not in known for row in rows):
        # The elder was not saved since, so its rows do not hold what the younger's do.
        await _append(connection, t.legs, gone, keep)
        await _append(connection, t.events, gone, keep)
        await _append(connection, t.decisions, gone, keep)
        await _copy(connection, t.call_views, gone, keep)
        await _copy(connection, t.call_routes, gone, keep)
    await connection.execute(delete(t.calls).where(t.calls.c.call_id == gone))


async def _append(connection: AsyncConnection, table: Table, gone: str, keep: str) -> None:
    last = select(func.coalesce(func.max(table.c.position), -1)).where(table.c.call_id == keep)
    after = (await connection.execute(last)).scalar_one()
    await connection.execute(
        update(table)
        .where(table.c.call_id == gone)
        .values(call_id=keep, position=table.c.position + after + 1)
    )


async def _copy(connection: AsyncConnection, table: Table, gone: str, keep: str) -> None:
    """Give the elder the younger's rows where it has none of its own."""
    rows = await connection.execute(select(table).where(table.c.call_id == gone))
    await add_missing(connection, table, [dict(row._mapping) | {"call_id": keep} for row in rows])
