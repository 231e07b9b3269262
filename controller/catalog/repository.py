"""What the engine saves and recovers: whole calls, written in batches (engine.ports.Catalog)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.calls import Call
from ..core.errors import TapelineError
from . import tables as t
from .graphs import MEDIA_COLUMNS, Row, Rows, rows_of, together
from .merging import note_merged, take_over
from .newcomers import add_users
from .policies import settings_changed
from .rebuilding import open_calls
from .writing import OnDatabase, add_missing, chunks, upsert


class CallsNotSaved(TapelineError):
    """These calls could not be written, although the database works; every other one was."""

    def __init__(self, call_ids: Sequence[str], cause: Exception) -> None:
        super().__init__(f"{len(call_ids)} call(s) cannot be saved: {', '.join(call_ids[:10])}: {cause}")
        self.call_ids = tuple(call_ids)


def _about_the_content(error: Exception) -> bool:
    """Whether it is what was written that the database refuses, not the database that is away."""
    if isinstance(error, OperationalError | InterfaceError):
        return False
    if isinstance(error, DBAPIError):
        return not error.connection_invalidated
    return isinstance(error, StatementError | ValueError)


class CallRepository(OnDatabase):
    """engine.ports.Catalog."""

    async def save(self, switch: str, calls: Sequence[Call], merged: Mapping[str, str]) -> None:
        """Write these calls as they are now; all in one transaction.

        If the database refuses the batch for what is in it, each call is tried alone, so that
        one bad call does not keep the others from being saved; CallsNotSaved names it then.
        """
        # Before the first await: the engine goes on changing the calls while we wait.
        now, gone = self._now(), dict(merged)
        each = [rows_of(switch, call, now) for call in sorted(calls, key=lambda c: c.call_id)]
        try:
            await self._write(together(each), gone)
        except (SQLAlchemyError, ValueError) as error:
            if not _about_the_content(error):
                raise
            await self._write_singly(each, gone, error)

    async def _write_singly(self, each: Sequence[Rows], gone: dict[str, str], cause: Exception) -> None:
        refused = []
        for rows in each:
            try:
                await self._write(rows, {})
            except (SQLAlchemyError, ValueError) as error:
                if not _about_the_content(error):
                    raise
                refused.append(rows.calls[0]["call_id"])
        await self._write(Rows(), gone)
        if refused:
            raise CallsNotSaved(refused, cause) from cause

    async def _write(self, rows: Rows, merged: dict[str, str]) -> None:
        ids = [row["call_id"] for row in rows.calls]
        async with self._database.writing() as connection:
            await add_missing(connection, t.tenants, rows.tenants)
            new_users = await add_users(connection, rows.users)
            await upsert(connection, t.calls, rows.calls)
            await self._write_views(connection, ids, rows.views)
            await add_missing(connection, t.call_routes, rows.routes)
            await upsert(connection, t.legs, rows.legs)
            await upsert(connection, t.events, rows.events)
            await upsert(connection, t.decisions, rows.decisions)
            await upsert(connection, t.recordings, rows.recordings, keep=MEDIA_COLUMNS)
            await upsert(connection, t.segments, rows.segments)
            await upsert(connection, t.pauses, rows.pauses)
            await note_merged(connection, merged)
            await take_over(connection, ids, merged)
            await self._drop_stand_ins(connection, rows.recordings)
            if new_users:
                await settings_changed(connection)

    @staticmethod
    async def _write_views(connection: AsyncConnection, call_ids: Sequence[str], rows: Sequence[Row]) -> None:
        """Also takes away what a party's later identification has made untrue."""
        v = t.call_views
        current = {(row["call_id"], row["tenant"], row["user"]) for row in rows}
        for ids in chunks(call_ids):
            there = await connection.execute(
                select(v.c.call_id, v.c.tenant, v.c.user).where(v.c.call_id.in_(ids))
            )
            for call_id, tenant, user in there.all():
                if (call_id, tenant, user) not in current:
                    await connection.execute(
                        delete(v).where(v.c.call_id == call_id, v.c.tenant == tenant, v.c.user == user)
                    )
        await upsert(connection, v, rows)

    @staticmethod
    async def _drop_stand_ins(connection: AsyncConnection, recordings: Sequence[Row]) -> None:
        """A recording adopted from the spool got a call of its own, named as itself (see
        `media_rows`). If its true call is saved after all, that one is not needed."""
        real = {row["recording_id"] for row in recordings} - {row["call_id"] for row in recordings}
        for ids in chunks(sorted(real)):
            await connection.execute(delete(t.calls).where(t.calls.c.call_id.in_(ids)))

    async def open_calls(self, switch: str) -> list[Call]:
        async with self._database.reading() as connection:
            return await open_calls(connection, switch)
