"""One segment from the spool into the store: wait, mend, hash, copy, check, note, and only then remove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..core.media_kinds import Kind
from ..core.recording import side_paths
from ..engine.crash_points import crash_point
from ..engine.media_ports import DueRecording, DueSegment, MediaCatalog, StoredFile
from .errors import SpoolError, StoreError
from .keys import segment_key
from .sides import belongs_to_sides, take_sides
from .spool import Patience, Spool, unchanged
from .store import LocalStore
from .take import UNFINISHED, UNREADABLE, Job, Source, Taken, Taker


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
    def interrupted(self) -> bool:
        """Whether it broke off: so the switch said, or the file itself does."""
        unended = self.file is not None and (self.file.repaired or UNFINISHED in self.file.note)
        return self.segment.interrupted or unended

    @property
    def complaint(self) -> str:
        """What is wrong with it, the same whether it was collected now or by an earlier run."""
        if self.file is None or not self.file.note.startswith((UNREADABLE, UNFINISHED)):
            return self.note
        return f"segment {self.segment.number}: {self.file.note}"


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
        self._taker = Taker(store)
        self._now = now
        self._patience = patience
        self._slots = slots

    async def collect(
        self, recording: DueRecording, segment: DueSegment, spool: Spool, known: StoredFile | None
    ) -> Collected:
        """Idempotent. ``known`` is the segment's row from an earlier run. Raises MediaError."""
        paths = [segment.path]
        if recording.kind is Kind.AUDIO:
            paths += side_paths(segment.path)
        present = [p for p in paths if await asyncio.to_thread(spool.find, p) is not None]
        key = segment_key(segment.path)
        stored = await asyncio.to_thread(self._store.exists, known.key if known else key)
        if stored and known is None:
            known = await self._row_again(Job(recording, segment, key, None))
        if stored and not present:
            return Collected(segment, known)
        ended = segment.closed_at or recording.ended_at
        found = await self._wait(spool, paths, present, ended, stored)
        if not found:
            if stored:
                return Collected(segment, known)  # another run of ours was faster
            if known is not None:
                raise StoreError(
                    f"{known.key} is missing from the store and from the spool: restore it from a backup"
                )
            return Collected(segment, None, f"segment {segment.number}: the switch wrote no file")
        job = Job(recording, segment, key, known)
        async with self._slots:
            taken = await asyncio.to_thread(self._take, job, found)
        for file in taken.extra:
            await self._catalog.add_file(file)
        if taken.file is not None:
            crash_point("segment.stored")
            await self._catalog.add_file(taken.file)
            crash_point("segment.cataloged")
        await asyncio.to_thread(_let_go, spool, taken.sources)
        crash_point("segment.removed")
        return Collected(segment, taken.file, taken.note)

    async def ready(self, recording: DueRecording, segment: DueSegment, spool: Spool) -> None:
        """Return when `collect` would not have to wait for the switch any more. Raises MediaError."""
        stored = await asyncio.to_thread(self._store.exists, segment_key(segment.path))
        paths = [segment.path, *(side_paths(segment.path) if recording.kind is Kind.AUDIO else ())]
        present = [p for p in paths if await asyncio.to_thread(spool.find, p) is not None]
        if present or not stored:
            ended = segment.closed_at or recording.ended_at
            await self._wait(spool, paths, present, ended, stored)

    async def _wait(
        self, spool: Spool, paths: list[str], present: list[str], ended: datetime, stored: bool
    ) -> dict[str, Path]:
        """The segment's files once their writer is done with them; {} if none appeared in time."""
        found: dict[str, Path] = {}

        async def wait_for(path: str) -> None:
            # A segment that is stored waits for nothing; it takes what came late.
            if path in present or not stored:
                file = await spool.wait(path, ended, self._now, self._patience)
                if file is not None:
                    found[path] = file

        await wait_for(paths[0])
        present = [p for p in paths if await asyncio.to_thread(spool.find, p) is not None]
        if set(present) - {paths[0]}:
            for side in paths[1:]:
                await wait_for(side)
        return found

    def _take(self, job: Job, found: dict[str, Path]) -> Taken:
        """Into the store. Blocking."""
        crash_point("segment.ready")
        sources = [Source(path, file, file.lstat()) for path, file in found.items()]
        main = found.get(job.segment.path)
        if main is not None and len(found) == 1 and not belongs_to_sides(job.known, main):
            taken = self._taker.take(job, main)
        else:
            mix, rx, tx = (found.get(path) for path in (job.segment.path, *side_paths(job.segment.path)))
            taken = take_sides(self._taker, job, mix, rx, tx)
        return replace(taken, sources=sources)

    async def _row_again(self, job: Job) -> StoredFile | None:
        """The row of a file that is in the store already (the catalog is older than the store)."""
        async with self._slots:
            file = await asyncio.to_thread(self._taker.put_any, job, self._store.path(job.key))
        if file is not None:
            await self._catalog.add_file(file)
        return file


def _let_go(spool: Spool, sources: list[Source]) -> None:
    """Remove the spool's files, unless somebody wrote into one after it was read. Blocking."""
    there: list[Source] = []
    for source in sources:
        try:
            same = unchanged(source.file, source.before)
        except FileNotFoundError:
            continue  # another run of ours was faster
        if not same:
            raise SpoolError(f"{source.path} was written to while it was collected; it is collected again")
        there.append(source)
    for source in there:
        spool.remove(source.path)
        crash_point("segment.let_go")
