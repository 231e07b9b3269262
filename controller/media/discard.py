"""The end of a recording that nobody started in time: every byte of its sound is destroyed.

The row stays as the trace of that. All is read from the row and from names that follow from it, so a
process killed between any two steps does the same again; the recording is due until the last is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import structlog

from ..core.recording import side_paths
from ..engine.crash_points import crash_point
from ..engine.media_ports import DueRecording, DueSegment, MayDiscard, MediaCatalog, StoredFile
from .errors import MediaError, SpoolError
from .keys import mix_key, rendition_key, segment_key
from .shelves import Stores
from .spool import Patience, Spool

log = structlog.get_logger(__name__)


class Discarder:
    def __init__(
        self, catalog: MediaCatalog, stores: Stores, now: Callable[[], datetime], patience: Patience
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._now = now
        self._patience = patience

    async def discard(self, recording: DueRecording, spool: Spool) -> MayDiscard:
        """Destroy it; any answer but YES: nothing was touched, it is to be kept after all. Idempotent.

        Raises MediaError if a file could not be reached or removed: all others are gone, and the
        recording stays due.
        """
        for segment in recording.segments:
            # Not under the writer's hands: what it opens again, or opens late, would stay.
            await self._written(recording, segment, spool)
        may = await self._catalog.may_discard(recording.recording_id)
        if may is not MayDiscard.YES:
            why = "a legal hold covers it" if may is MayDiscard.HELD else "somebody started it"
            log.warning("kept after all", recording=recording.recording_id, why=why)
            return may
        crash_point("discard.allowed")
        rows = await self._catalog.files(recording.recording_id)
        # What a row names, and what may be there without one (a crash between file and row).
        keys = {row.key for row in rows} | set(_keys(recording.segments))
        await asyncio.to_thread(self._remove_stored, sorted(keys), rows)
        crash_point("discard.unstored")
        if rows:
            await self._catalog.forget_files(recording.recording_id)
        crash_point("discard.forgotten")
        errors = await asyncio.to_thread(_remove_spooled, recording.segments, spool)
        if errors:
            raise SpoolError("; ".join(errors))
        crash_point("discard.unspooled")
        return MayDiscard.YES

    async def _written(self, recording: DueRecording, segment: DueSegment, spool: Spool) -> None:
        ended = segment.closed_at or recording.ended_at
        try:
            await spool.wait(segment.path, ended, self._now, self._patience)
            for side in _paths(segment)[1:]:
                if await asyncio.to_thread(spool.find, side) is not None:
                    await spool.wait(side, ended, self._now, self._patience)
        except MediaError as error:
            # A name that is no file of ours, say. The others go first, then it is complained about.
            log.warning("a segment cannot be looked at", segment=segment.capture_id, why=str(error))

    def _remove_stored(self, keys: Sequence[str], rows: Sequence[StoredFile]) -> None:
        for key in keys:
            self._stores.home.delete(key)
        for row in rows:
            self._stores.delete(row)


def _paths(segment: DueSegment) -> tuple[str, ...]:
    return (segment.path, *side_paths(segment.path)) if segment.path.endswith(".wav") else (segment.path,)


def _keys(segments: Sequence[DueSegment]) -> Iterator[str]:
    for segment in segments:
        try:
            yield from (segment_key(path) for path in _paths(segment))
            yield rendition_key(segment.path)
            yield mix_key(segment.path)
        except MediaError:
            continue  # no path of ours: nothing was ever stored under it, and the spool complains


def _remove_spooled(segments: Sequence[DueSegment], spool: Spool) -> list[str]:
    errors: list[str] = []
    for segment in segments:
        for path in _paths(segment):
            try:
                if spool.find(path) is not None:
                    spool.destroy(path)
                    crash_point("discard.removed")
            except MediaError as error:
                errors.append(str(error))
    return errors
