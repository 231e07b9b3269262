"""What a minute really takes: the sizes of the files that there are, by format and channels."""

from __future__ import annotations

from sqlalchemy import func, select

from ..core.disk import MeasuredRate
from ..engine.media_ports import GIVEN_UP, FileRole
from ..engine.reading import Scope
from . import tables as t
from .gate import Gate
from .writing import OnDatabase

#: Less than this says nothing of a minute.
_LEAST_MS = 60_000
_ROLES = (str(FileRole.RENDITION), str(FileRole.ENCODED), str(FileRole.PEAKS))


class DiskRows(OnDatabase):
    """engine.reading.CatalogReader, its part about disk use."""

    async def measured_rates(self, scope: Scope) -> list[MeasuredRate]:
        """Of the recordings that the scope covers, most minutes first."""
        f, r = t.files.c, t.recordings.c
        query = (
            select(f.role, f.format, f.channels, func.sum(f.size), func.sum(f.duration_ms), func.count())
            .join(t.recordings, r.recording_id == f.recording_id)
            .where(Gate(scope).recordings(), f.role.in_(_ROLES), f.duration_ms > 0)
            .where(f.note.not_like(f"{GIVEN_UP}%"))
            .group_by(f.role, f.format, f.channels)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        found = [
            MeasuredRate(
                "peaks" if role == FileRole.PEAKS else format,
                1 if format == "mp4" else channels,
                int(size),
                int(ms),
                count,
            )
            for role, format, channels, size, ms, count in rows
            if ms >= _LEAST_MS and channels in (1, 2)
        ]
        return sorted(found, key=lambda rate: -rate.duration_ms)
