"""What encoding reads and writes (engine.media_ports.EncodingCatalog)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.media_kinds import Kind
from ..core.retention import covering
from ..engine.media_ports import GIVEN_UP, FileRole, MayGo, MediaState, StoredFile, WantedFormat
from . import tables as t
from .kept_rows import holds_of, kept_of, lock_tenant
from .policy_rows import options_of
from .timeline import zero_of
from .writing import OnDatabase, insert

#: Who did it, in the audit.
_ACCOUNT = "tapeline"


class EncodingRows(OnDatabase):
    """engine.media_ports.EncodingCatalog, with what `MediaRows` has."""

    async def wanted_format(self, recording_id: str) -> WantedFormat | None:
        r, n = t.recordings.c, t.tenants.c
        query = (
            select(r.tenant, r.kind, r.media_state, n.options)
            .outerjoin(t.tenants, n.tenant == r.tenant)
            .where(r.recording_id == recording_id)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        options = options_of(row.tenant, row.options or {})
        state = MediaState(row.media_state)
        return WantedFormat(row.tenant, Kind(row.kind), state, options.format, options.keep_original)

    async def forget_file(self, file: StoredFile) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(t.files).where(_this(file), t.files.c.key == file.key))

    async def give_up(self, recording_id: str, files: Sequence[StoredFile], why: str) -> MayGo:
        r, f = t.recordings, t.files
        query = select(r).where(r.c.recording_id == recording_id).with_for_update()
        async with self._database.writing() as connection:
            await lock_tenant(connection, await self._tenant(connection, recording_id))
            recording = (await connection.execute(query)).first()
            if recording is None or recording.media_state != str(MediaState.AVAILABLE):
                return MayGo.LATER
            (kept,) = await kept_of(connection, [recording], self._now())
            if covering(kept, await holds_of(connection, [recording.tenant])):
                return MayGo.HELD
            segments = (
                await connection.execute(
                    select(t.segments).where(t.segments.c.recording_id == recording_id).order_by("number")
                )
            ).all()
            rows = (await connection.execute(select(f).where(f.c.recording_id == recording_id))).all()
            there = {(x.role, x.number, x.key, x.sha256, x.note) for x in rows if not x.old_store}
            going = {(str(x.role), x.number, x.key, x.sha256, x.note) for x in files}
            if not going <= there:
                return MayGo.LATER
            staying = [x for x in rows if (x.role, x.number, x.key, x.sha256, x.note) not in going]
            encoded = [x.channels for x in staying if x.role == FileRole.ENCODED]
            if max((x.channels for x in files), default=0) > max(encoded, default=0):
                return MayGo.MIXED
            if zero_of(recording, segments, rows) != zero_of(recording, segments, staying):
                return MayGo.NEVER
            for file in files:
                note = f"{GIVEN_UP}{why}" + (f"; {file.note}" if file.note else "")
                await connection.execute(update(f).where(_this(file)).values(note=note))
            removed = ", ".join(f"{x.role} {x.number} sha256 {x.sha256}" for x in files)
            await connection.execute(
                insert(connection, t.audit).values(
                    at=self._now(), account=_ACCOUNT, tenant=recording.tenant, action="delete originals",
                    subject=f"recording {recording_id}", detail=f"{why}: {removed}", address="",
                )
            )  # fmt: skip
        return MayGo.YES

    async def _tenant(self, connection: AsyncConnection, recording_id: str) -> str:
        r = t.recordings.c
        query = select(r.tenant).where(r.recording_id == recording_id)
        return str((await connection.execute(query)).scalar() or "")

    async def gave_up(self, recording_id: str, files: Sequence[StoredFile]) -> None:
        f, r = t.files.c, t.recordings
        async with self._database.writing() as connection:
            gone = 0
            for file in files:
                given_up = f.note.startswith(GIVEN_UP, autoescape=True)
                removed = await connection.execute(delete(t.files).where(_this(file), given_up))
                gone += removed.rowcount
            if gone:
                # What is sealed is sealed as it was at some time: this makes it due again.
                await connection.execute(
                    update(r).where(r.c.recording_id == recording_id).values(media_at=self._now())
                )


def _this(file: StoredFile) -> ColumnElement[bool]:
    f = t.files.c
    return and_(f.recording_id == file.recording_id, f.role == str(file.role), f.number == file.number)
