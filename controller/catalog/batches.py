"""Work on many recordings at once (engine.batches.BatchStore)."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, or_, select, update

from ..engine.batches import Batch, BatchState
from . import tables as t
from .writing import OnDatabase, insert

_b = t.batches.c
_COLUMNS = [field.name for field in fields(Batch)]


class BatchRows(OnDatabase):
    async def add_batch(self, batch: Batch) -> None:
        async with self._database.writing() as connection:
            await connection.execute(insert(connection, t.batches).values(_row(batch)))

    async def batch(self, account_id: str, batch_id: str) -> Batch | None:
        query = select(t.batches).where(_b.account_id == account_id, _b.batch_id == batch_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _batch(row)

    async def batches(self, account_id: str, limit: int = 50) -> list[Batch]:
        query = (
            select(t.batches)
            .where(_b.account_id == account_id, _b.state != str(BatchState.ASKED))
            .order_by(_b.created_at.desc(), _b.batch_id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [_batch(row) for row in (await connection.execute(query)).mappings()]

    async def start_batch(self, account_id: str, batch_id: str, value: str) -> bool:
        this = and_(_b.account_id == account_id, _b.batch_id == batch_id, _b.state == str(BatchState.ASKED))
        changed = update(t.batches).where(this).values(state=str(BatchState.WAITING), value=value)
        async with self._database.writing() as connection:
            return (await connection.execute(changed)).rowcount > 0

    async def next_batch(self, stale: datetime, now: datetime) -> Batch | None:
        due = or_(
            _b.state == str(BatchState.WAITING),
            and_(_b.state == str(BatchState.RUNNING), or_(_b.beat_at.is_(None), _b.beat_at < stale)),
        )
        query = select(t.batches).where(due).order_by(_b.created_at, _b.batch_id).limit(1)
        async with self._database.writing() as connection:
            row = (await connection.execute(query.with_for_update(skip_locked=True))).mappings().first()
            if row is None:
                return None
            mine = update(t.batches).where(_b.batch_id == row["batch_id"])
            await connection.execute(mine.values(state=str(BatchState.RUNNING), beat_at=now))
            return _batch({**row, "state": str(BatchState.RUNNING), "beat_at": now})

    async def save_batch(self, batch: Batch) -> bool:
        row = _row(batch)
        values = {k: row[k] for k in ("state", "done", "refused", "size", "error", "beat_at", "ended_at")}
        async with self._database.writing() as connection:
            done = await connection.execute(
                update(t.batches).where(_b.batch_id == batch.batch_id).values(values)
            )
            return done.rowcount > 0

    async def remove_batch(self, account_id: str, batch_id: str) -> bool:
        this = delete(t.batches).where(_b.account_id == account_id, _b.batch_id == batch_id)
        async with self._database.writing() as connection:
            return (await connection.execute(this)).rowcount > 0

    async def expired_batches(self, now: datetime) -> list[str]:
        over = _b.expires_at <= now
        async with self._database.writing() as connection:
            found = list((await connection.execute(select(_b.batch_id).where(over))).scalars())
            if found:
                await connection.execute(delete(t.batches).where(_b.batch_id.in_(found)))
        return found


def _row(batch: Batch) -> dict[str, Any]:
    values = {name: getattr(batch, name) for name in _COLUMNS}
    return values | {
        "state": str(batch.state), "ids": list(batch.ids), "refused": [list(one) for one in batch.refused]
    }  # fmt: skip


def _batch(row: Any) -> Batch:
    values = {name: row[name] for name in _COLUMNS}
    values |= {
        "state": BatchState(row["state"]), "ids": tuple(row["ids"]),
        "refused": tuple((str(why), int(count)) for why, count in row["refused"]),
    }  # fmt: skip
    return Batch(**values)
