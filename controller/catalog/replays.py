"""Answers kept for a day (engine.replays.ReplayStore)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, delete, or_, select, update

from ..engine.replays import KEPT_FOR, UNDER_WAY, Replay
from . import tables as t
from .writing import OnDatabase, insert

_c = t.replays.c


class Replays(OnDatabase):
    async def claim_replay(self, caller: str, key: str, fingerprint: str, now: datetime) -> Replay | None:
        row = {
            "caller": caller, "key": key, "fingerprint": fingerprint, "status": 0, "sealed": b"", "at": now,
        }  # fmt: skip
        over = or_(_c.at < now - KEPT_FOR, and_(_c.status == 0, _c.at < now - UNDER_WAY))
        async with self._database.writing() as connection:
            await connection.execute(delete(t.replays).where(over))
            # Of two at once exactly one inserts.
            statement = insert(connection, t.replays).values(row).on_conflict_do_nothing()
            added = (await connection.execute(statement.returning(_c.key))).first()
            if added is not None:
                return None
            query = select(_c.fingerprint, _c.status, _c.sealed).where(_c.caller == caller, _c.key == key)
            found = (await connection.execute(query)).one()
        return Replay(*found)

    async def keep_replay(self, caller: str, key: str, status: int, sealed: bytes) -> None:
        mine = update(t.replays).where(_c.caller == caller, _c.key == key)
        async with self._database.writing() as connection:
            await connection.execute(mine.values(status=status, sealed=sealed))

    async def release_replay(self, caller: str, key: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(t.replays).where(_c.caller == caller, _c.key == key))
