"""One segment from the spool into the store: wait, mend, hash, copy, check, note, and only then remove."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..core.media_kinds import Kind
from ..engine.ports import DueRecording, DueSegment, FileRole, MediaCatalog, StoredFile
from . import mp4, wav
from .crash_points import crash_point
from .errors import SpoolError, StoreError, UnreadableAudio, store_error
from .keys import segment_key
from .spool import Patience, Spool, unchanged
from .store import LocalStore

#: What the note of a file begins with that is kept but cannot be played or joined.
UNREADABLE = "unreadable: "


@dataclass(frozen=True, slots=True)
class Collected:
    """A segment that is in the store; without ``file`` nothing was captured, ``note`` says why."""

    segment: DueSegment
    file: StoredFile | None
    note: str = ""

    @property
    def usable(self) -> bool:
        return self.file is not None and not self.file.note.startswith(UNREADABLE)

    @property
    def complaint(self) -> str:
        """What is wrong with it, the same whether it was collected now or by an earlier run."""
        if self.file is None or self.usable:
            return self.note
        return f"segment {self.segment.number}: {self.file.note}"


@dataclass(frozen=True, slots=True)
class _Taken:
    file: StoredFile | None
    source: Path
    before: os.stat_result
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    recording: DueRecording
    segment: DueSegment
    key: str
    known: StoredFile | None


class Collector:
    """``slots`` bounds how many recordings use the disk at once; waiting takes no slot."""

    def __init__(
        self,
        catalog: MediaCatalog,
        store: LocalStore,
        now: Callable[[], datetime],
        patience: Patience,
        slots: AbstractAsyncContextManager[object],
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._now = now
        self._patience = patience
        self._slots = slots

    async def collect(
        self, recording: DueRecording, segment: DueSegment, spool: Spool, known: StoredFile | None
    ) -> Collected:
        """Idempotent. ``known`` is the segment's row from an earlier run. Raises MediaError."""
        present = await asyncio.to_thread(spool.find, segment.path)
        key = segment_key(segment.path)
        stored = await asyncio.to_thread(self._store.exists, known.key if known else key)
        if present is None and stored:
            return Collected(segment, known or await self._row_again(_Job(recording, segment, key, None)))
        ended = segment.closed_at or recording.ended_at
        path = await spool.wait(segment.path, ended, self._now, self._patience)
        if path is None:
            if known is not None:
                raise StoreError(
                    f"{known.key} is missing from the store and from the spool: restore it from a backup"
                )
            return Collected(segment, None, f"segment {segment.number}: the switch wrote no file")
        job = _Job(recording, segment, key, known)
        async with self._slots:
            taken = await asyncio.to_thread(self._take, job, path)
        if taken.file is not None:
            crash_point("segment.stored")
            await self._catalog.add_file(taken.file)
            crash_point("segment.cataloged")
        await asyncio.to_thread(_let_go, spool, segment, taken)
        crash_point("segment.removed")
        return Collected(segment, taken.file, taken.note)

    def _take(self, job: _Job, path: Path) -> _Taken:
        """Into the store. Blocking."""
        crash_point("segment.ready")
        before = path.lstat()
        number = job.segment.number
        file = self._put_video(job, path) if job.recording.kind is Kind.VIDEO else self._put_audio(job, path)
        if file is None:
            note = "" if job.known else f"segment {number}: the switch recorded nothing"
            return _Taken(job.known, path, before, note)
        return _Taken(file, path, before)

    def _put_audio(self, job: _Job, path: Path) -> StoredFile | None:
        """None for a file without sound."""
        try:
            if path.stat().st_size == 0:
                return None
            info = wav.inspect(path)
        except UnreadableAudio as error:
            return self._put(job, path, "wav", note=f"{UNREADABLE}{error}")
        except OSError as error:
            raise _cannot_read(path, error) from error
        if info.frames == 0:
            return None
        if info.header_ok:
            return self._put(job, path, "wav", info=info)
        # The mended copy is made beside the store: the spool's file stays as it is until that is safe.
        mended = self._store.scratch()
        try:
            wav.repair(path, mended)
            crash_point("segment.repaired")
            return self._put(job, mended, "wav", info=wav.inspect(mended), repaired=True)
        except OSError as error:
            raise store_error("mend the header of", path, error) from error
        finally:
            mended.unlink(missing_ok=True)

    def _put_video(self, job: _Job, path: Path) -> StoredFile | None:
        try:
            if path.stat().st_size == 0:
                return None
            whole = mp4.complete(path)
        except OSError as error:
            raise _cannot_read(path, error) from error
        lasts = mp4.duration_ms(path) if whole else None
        if lasts is None:
            opened = job.segment.opened_at or job.recording.started_at
            ended = job.segment.closed_at or job.recording.ended_at
            lasts = max(0, round((ended - opened).total_seconds() * 1000))
        note = "" if whole else f"{UNREADABLE}the switch did not finish this file (it has no index)"
        return self._put(job, path, "mp4", lasts=lasts, note=note)

    def _put(
        self,
        job: _Job,
        path: Path,
        suffix: str,
        *,
        info: wav.WavInfo | None = None,
        lasts: int = 0,
        repaired: bool = False,
        note: str = "",
    ) -> StoredFile:
        if job.known and self._store.exists(job.key) and path.stat().st_size < job.known.size:
            raise StoreError(f"{job.key}: the spool now holds less than was stored: compare the two by hand")
        digest = self._store.put(path, job.key)
        return StoredFile(
            recording_id=job.recording.recording_id,
            role=FileRole.SEGMENT,
            number=job.segment.number,
            key=job.key,
            format=suffix,
            size=digest.size,
            sha256=digest.sha256,
            duration_ms=info.duration_ms if info else lasts,
            channels=info.channels if info else 0,
            sample_rate=info.sample_rate if info else 0,
            repaired=repaired,
            note=note or ("the header was repaired" if repaired else ""),
        )

    async def _row_again(self, job: _Job) -> StoredFile | None:
        """The row of a file that is in the store already (the catalog is older than the store)."""
        put = self._put_video if job.recording.kind is Kind.VIDEO else self._put_audio
        async with self._slots:
            file = await asyncio.to_thread(put, job, self._store.path(job.key))
        if file is not None:
            await self._catalog.add_file(file)
        return file


def _let_go(spool: Spool, segment: DueSegment, taken: _Taken) -> None:
    """Remove the spool's file, unless somebody wrote into it after it was read. Blocking."""
    try:
        same = unchanged(taken.source, taken.before)
    except FileNotFoundError:
        return  # another run of ours was faster
    if not same:
        raise SpoolError(f"{segment.path} was written to while it was collected; it is collected again")
    spool.remove(segment.path)


def _cannot_read(path: Path, error: OSError) -> SpoolError:
    return SpoolError(
        f"cannot read {path}: {error.strerror}: let the switch write its files readable for the controller"
    )
