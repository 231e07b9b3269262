"""What the engine saves and recovers: whole calls, written in batches (engine.ports.Catalog)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.calls import Call
from ..core.errors import TapelineError
from . import tables as t
from .graphs import MEDIA_COLUMNS, Row, Rows, rows_of, together
from .leases import fenced
from .merging import note_merged, take_over
from .newcomers import add_users
from .policies import settings_changed
from .rebuilding import open_calls
from .writing import OnDatabase, add_missing, chunks, upsert

#: Clocks of two controllers, and the moment in which a switch says that a leg began.
_BEFORE = timedelta(minutes=1)


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

    async def save(
        self, switch: str, calls: Sequence[Call], merged: Mapping[str, str], *, epoch: int | None = None
    ) -> None:
        """Write these calls as they are now; all in one transaction.

        If the database refuses the batch for what is in it, each call is tried alone, so that
        one bad call does not keep the others from being saved; CallsNotSaved names it then. Under
        an ``epoch`` of the switch's lease that is over nothing is written: Fenced.
        """
        # Before the first await: the engine goes on changing the calls while we wait.
        now, gone, under = self._now(), dict(merged), (switch, epoch)
        each = [rows_of(switch, call, now) for call in sorted(calls, key=lambda c: c.call_id)]
        try:
            await self._write(together(each), gone, under)
        except (SQLAlchemyError, ValueError) as error:
            if not _about_the_content(error):
                raise
            await self._write_singly(each, gone, error, under)

    async def bequeath(self, switch: str, calls: Sequence[Call]) -> int:
        """Ended calls that an earlier holder of the switch could not save. Nobody else can have them as long
        as no row does, and with one they are somebody's already: they are added whole or not at all."""
        now = self._now()
        each = [rows_of(switch, call, now) for call in sorted(calls, key=lambda c: c.call_id)]
        added = 0
        for rows in each:
            if not await self._is_known(rows):
                await self._write(rows, {}, (switch, None))
                added += 1
        return added

    async def _is_known(self, rows: Rows) -> bool:
        call_ids = [row["call_id"] for row in rows.calls]
        recording_ids = [row["recording_id"] for row in rows.recordings]
        asked = [
            select(t.calls.c.call_id).where(t.calls.c.call_id.in_(call_ids)),
            select(t.call_aliases.c.alias).where(t.call_aliases.c.alias.in_(call_ids)),
            select(t.recordings.c.recording_id).where(t.recordings.c.recording_id.in_(recording_ids)),
            # Whoever took the switch over has found its legs, as a call of another id.
            select(t.legs.c.leg_id)
            .join(t.calls, t.calls.c.call_id == t.legs.c.call_id)
            .where(t.calls.c.started_at >= min(row["started_at"] for row in rows.calls) - _BEFORE)
            .where(t.legs.c.leg_id.in_([row["leg_id"] for row in rows.legs])),
        ]
        async with self._database.reading() as connection:
            for query in asked:
                if (await connection.execute(query.limit(1))).first() is not None:
                    return True
        return False

    async def _write_singly(
        self, each: Sequence[Rows], gone: dict[str, str], cause: Exception, under: tuple[str, int | None]
    ) -> None:
        refused = []
        for rows in each:
            try:
                await self._write(rows, {}, under)
            except (SQLAlchemyError, ValueError) as error:
                if not _about_the_content(error):
                    raise
                refused.append(rows.calls[0]["call_id"])
        await self._write(Rows(), gone, under)
        if refused:
            raise CallsNotSaved(refused, cause) from cause

    async def _write(self, rows: Rows, merged: dict[str, str], under: tuple[str, int | None]) -> None:
        ids = [row["call_id"] for row in rows.calls]
        async with self._database.writing() as connection:
            await fenced(connection, *under)
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
            await upsert(connection, t.own_sounds, rows.own_sounds)
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
