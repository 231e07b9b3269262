"""Which files lie plain and which sealed, and what their data keys are wrapped with."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.media_ports import StoredFile
from ..engine.shelving import SHREDDED, Amount, Lying, SealedAmount, shredded
from . import tables as t
from .media_rows import stored_file
from .stored_rows import AVAILABLE, COLUMNS, as_it_was
from .writing import OnDatabase


class SealedRows(OnDatabase):
    """engine.shelving.SealingCatalog."""

    async def unsealed(
        self,
        after: str = "",
        limit: int = 500,
        *,
        tenants: Collection[str] | None = None,
        but: Collection[str] = (),
        recording_id: str | None = None,
        added_after: datetime | None = None,
        added_before: datetime | None = None,
    ) -> list[Lying]:
        f, r = t.files.c, t.recordings.c
        # What has an old copy to be removed first is not touched.
        where = [f.sealing == "", f.old_store == "", AVAILABLE]
        if tenants is not None:
            where.append(r.tenant.in_(tenants))
        if but:
            where.append(r.tenant.not_in(but))
        if recording_id is not None:
            where.append(f.recording_id == recording_id)
        if added_after is not None:
            where.append(f.added_at >= added_after)
        if added_before is not None:
            where.append(f.added_at < added_before)
        return await self._lying(where, after, limit)

    async def sealings(self, after: str = "", limit: int = 500) -> list[Lying]:
        return await self._lying(_can_be_opened(), after, limit)

    async def _lying(self, where: list[ColumnElement[bool]], after: str, limit: int) -> list[Lying]:
        f = t.files.c
        query = (
            select(t.recordings.c.tenant, *COLUMNS)
            .join(t.recordings, t.recordings.c.recording_id == f.recording_id)
            .where(*where, f.key > after)
            .order_by(f.key)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Lying(row["tenant"], stored_file(row)) for row in rows]

    async def rewrapped(self, file: StoredFile, sealing: str) -> bool:
        change = update(t.files).where(*as_it_was(file)).values(sealing=sealing)
        async with self._database.writing() as connection:
            return (await connection.execute(change)).rowcount > 0

    async def sealed_amounts(self) -> list[SealedAmount]:
        f, r = t.files.c, t.recordings.c
        sealed = case((f.sealing > "", 1), else_=0)
        query = (
            select(
                r.tenant,
                func.count(),
                func.coalesce(func.sum(f.size), 0),
                func.coalesce(func.sum(sealed), 0),
                func.coalesce(func.sum(f.size * sealed), 0),
            )
            .select_from(t.files)
            .join(t.recordings, r.recording_id == f.recording_id)
            .where(AVAILABLE)
            .group_by(r.tenant)
            .order_by(r.tenant)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            SealedAmount(tenant, Amount(int(some), int(bytes_)), Amount(int(all_ - some), int(size - bytes_)))
            for tenant, all_, size, some, bytes_ in rows
        ]

    async def shred(self, recording_id: str) -> int:
        async with self._database.writing() as connection:
            return await shred(connection, recording_id)


async def shred(connection: AsyncConnection, recording_id: str) -> int:
    """`SealedRows.shred` within a transaction of somebody's own."""
    f = t.files.c
    mine = [f.recording_id == recording_id, *_can_be_opened()]
    done = 0
    for sealing in set(
        (await connection.execute(select(f.sealing).where(*mine).with_for_update())).scalars()
    ):
        change = update(t.files).where(*mine, f.sealing == sealing).values(sealing=shredded(sealing))
        done += (await connection.execute(change)).rowcount
    return done


def _can_be_opened() -> list[ColumnElement[bool]]:
    return [t.files.c.sealing > "", t.files.c.sealing.not_like(f"{SHREDDED}%")]
