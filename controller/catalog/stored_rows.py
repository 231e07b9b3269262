"""Where files lie, and that they were moved (engine.shelving.ShelvingCatalog)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, exists, func, or_, select, update

from ..engine.media_ports import MediaState, StoredFile
from ..engine.shelving import Amount, Lying
from . import tables as t
from .media_rows import stored_file
from .writing import OnDatabase, chunks

COLUMNS = [t.files.c[f.name] for f in fields(StoredFile)]
AVAILABLE = t.recordings.c.media_state == str(MediaState.AVAILABLE)


class StoredRows(OnDatabase):
    """engine.shelving.ShelvingCatalog."""

    async def lying(
        self,
        store: str,
        after: str = "",
        limit: int = 500,
        *,
        tenants: Collection[str] | None = None,
        but: Collection[str] = (),
    ) -> list[Lying]:
        query = (
            select(t.recordings.c.tenant, *COLUMNS)
            .join(t.recordings, t.recordings.c.recording_id == t.files.c.recording_id)
            .where(*_lies(store, tenants, but), t.files.c.key > after)
            .order_by(t.files.c.key)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Lying(row["tenant"], stored_file(row)) for row in rows]

    async def amount(
        self, store: str, *, tenants: Collection[str] | None = None, but: Collection[str] = ()
    ) -> Amount:
        query = (
            select(func.count(), func.coalesce(func.sum(t.files.c.size), 0))
            .select_from(t.files)
            .join(t.recordings, t.recordings.c.recording_id == t.files.c.recording_id)
            .where(*_lies(store, tenants, but))
        )
        async with self._database.reading() as connection:
            count, size = (await connection.execute(query)).one()
        return Amount(int(count), int(size))

    async def moved(self, file: StoredFile, to: str, sealing: str) -> bool:
        f, r = t.files.c, t.recordings.c
        available = exists().where(r.recording_id == file.recording_id, AVAILABLE)
        change = (
            update(t.files)
            .where(*as_it_was(file), f.key == file.key, available)
            .values(store=to, sealing=sealing, old_store=file.store)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(change)).rowcount > 0

    async def copied(self, file: StoredFile, store: str) -> None:
        f = t.files.c
        elsewhere = or_(f.store != store, f.sealing > "")
        change = update(t.files).where(*_this(file), f.store == file.store, elsewhere)
        async with self._database.writing() as connection:
            await connection.execute(change.values(old_store=store))

    async def left_behind(self, limit: int = 500) -> list[tuple[StoredFile, str]]:
        f = t.files.c
        query = (
            select(f.old_store, *COLUMNS)
            .join(t.recordings, t.recordings.c.recording_id == f.recording_id)
            .where(f.old_store > "", AVAILABLE)
            .order_by(f.old_store)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [(stored_file(row), row["old_store"]) for row in rows]

    async def old_copies(self, after: str, limit: int) -> list[tuple[str, str]]:
        """engine.sweeping.SweepingCatalog, with the two below."""
        f = t.files.c
        query = select(f.key, f.old_store).where(f.old_store > "", f.key > after).order_by(f.key).limit(limit)
        async with self._database.reading() as connection:
            return [(key, store) for key, store in await connection.execute(query)]

    async def known_keys(self, store: str, keys: Sequence[str]) -> set[str]:
        f, found = t.files.c, set[str]()
        async with self._database.reading() as connection:
            for some in chunks(keys):
                query = select(f.key).where(f.key.in_(some), or_(f.store == store, f.old_store == store))
                found |= set((await connection.execute(query)).scalars())
        return found

    async def paths_of(self, capture_ids: Collection[str]) -> set[str]:
        s, found = t.segments.c, set[str]()
        async with self._database.reading() as connection:
            for some in chunks(sorted(capture_ids)):
                query = select(s.path).where(s.capture_id.in_(some))
                found |= set((await connection.execute(query)).scalars())
        return found

    async def recordings_among(self, recording_ids: Collection[str]) -> set[str]:
        """Not those whose call is only a stand-in (see `media_rows`): their true one is not saved yet."""
        r, found = t.recordings.c, set[str]()
        async with self._database.reading() as connection:
            for some in chunks(sorted(recording_ids)):
                query = select(r.recording_id).where(r.recording_id.in_(some), r.call_id != r.recording_id)
                found |= set((await connection.execute(query)).scalars())
        return found

    async def tidied(self, file: StoredFile, old_store: str) -> None:
        f = t.files.c
        change = update(t.files).where(*_this(file), f.old_store == old_store).values(old_store="")
        async with self._database.writing() as connection:
            await connection.execute(change)


def _lies(store: str, tenants: Collection[str] | None, but: Collection[str]) -> list[ColumnElement[bool]]:
    """What has an old copy to be removed first is not moved on."""
    where = [t.files.c.store == store, t.files.c.old_store == "", AVAILABLE]
    if tenants is not None:
        where.append(t.recordings.c.tenant.in_(tenants))
    if but:
        where.append(t.recordings.c.tenant.not_in(but))
    return where


def _this(file: StoredFile) -> list[ColumnElement[bool]]:
    f = t.files.c
    return [f.recording_id == file.recording_id, f.role == str(file.role), f.number == file.number]


def as_it_was(file: StoredFile) -> list[ColumnElement[bool]]:
    """Its row, if it still says the same of where it lies, what it holds and how it is sealed."""
    f = t.files.c
    return [*_this(file), f.store == file.store, f.sha256 == file.sha256, f.sealing == file.sealing]
