"""What happens to a recording's files after the call, step by step: collect, check, store, join, note.

Every step may be repeated: a process killed between any two of them and started again ends with the
same rows and the same files. What is to be done is in the catalog alone; nothing is queued here. Who
does it when, and what has been done of it, is the workers' business (controller/jobs).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

from ..core.media_kinds import Kind
from ..engine.crash_points import crash_point
from ..engine.media_ports import (
    GIVEN_UP,
    HOME,
    INTERRUPTED,
    DueRecording,
    DueSegment,
    FileRole,
    MayDiscard,
    MediaState,
    StoredFile,
)
from ..engine.shelving import StoringCatalog
from .collect import Collected, Collector
from .discard import Discarder
from .errors import MediaError, SpoolError
from .finishing import FinishingTask, Stoppable
from .mixing import SoundFiles
from .render import render
from .shelves import Stores, home_only
from .spool import Patience, Spool
from .store import LocalStore

log = structlog.get_logger(__name__)

#: What a rendition is made from; all else is made anew.
_SOURCES = (FileRole.SEGMENT, FileRole.MIX, FileRole.RX, FileRole.TX)

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a recording's segments. ``usable``: the numbers of those that can be joined.

    With a ``state`` there is nothing more to be done in this run, and ``notes`` says why.
    """

    state: MediaState | None
    usable: tuple[int, ...] = ()
    notes: str = ""


class MediaPipeline:
    """``spools``: each switch's name and its spool as we see it. ``now`` gives aware UTC.

    ``workers`` recordings at most use the disk at once, besides one film. ``on_available`` is called
    on the event loop with the id of each recording that can now be played. All work is done in
    ``store``, the home; ``stores`` knows where else a file may have been moved. ``tasks`` are done to
    what can be played, in this order. ``sounds`` finds the announcements that tenants want in recordings.
    """

    def __init__(
        self,
        catalog: StoringCatalog,
        spools: Mapping[str, Path],
        store: LocalStore,
        now: Callable[[], datetime],
        *,
        workers: int = 2,
        patience: Patience | None = None,
        on_available: Callable[[str], None] | None = None,
        stores: Stores | None = None,
        tasks: Sequence[FinishingTask] = (),
        sounds: SoundFiles | None = None,
    ) -> None:
        self._catalog = catalog
        self._stores = stores or home_only(store)
        self._spools = {name: Spool(root) for name, root in spools.items()}
        self._store = store
        self._sounds = sounds or SoundFiles()
        self._on_available = on_available
        self._slots = asyncio.Semaphore(workers)
        # A film takes minutes: one at a time, and none of the places of those that take no time.
        self._films = asyncio.Semaphore(1)
        self._stopping = threading.Event()
        self._now = now
        self._patience = patience or Patience()
        self._collector = Collector(catalog, store, now, self._patience, self._slots)
        self._discarder = Discarder(catalog, self._stores, now, self._patience)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks = {task.name: task for task in tasks}

    @property
    def task_names(self) -> tuple[str, ...]:
        return tuple(self._tasks)

    def stop(self) -> None:
        """Let what runs in a thread for minutes give up: it would be waited for at the exit."""
        self._stopping.set()
        for task in self._tasks.values():
            if isinstance(task, Stoppable):
                task.stop()

    def resume(self) -> None:
        self._stopping.clear()

    async def drain(self) -> dict[str, MediaState]:
        """Process everything that is due once, failures too; answers what became of each."""
        states: dict[str, MediaState] = {}
        while True:
            due = [d for d in await self._catalog.due(_BATCH + len(states)) if d.recording_id not in states]
            if not due:
                return states
            done = await asyncio.gather(*(self.process(d) for d in due))
            states.update(zip((d.recording_id for d in due), done, strict=True))

    async def process(self, recording: DueRecording) -> MediaState:
        """Bring one recording as far as it goes, with its finishing. A failure is noted in the catalog
        or the log, not raised; only the catalog's own errors are raised."""
        taken = await self.take(recording)
        if taken.state is not None:
            return taken.state
        state, _ = await self.join(recording, taken.usable, taken.notes)
        if state is MediaState.AVAILABLE:
            for name in self.task_names:
                if error := (await self.finish(recording.recording_id, name, lambda _: None))[1]:
                    log.warning("not finished", recording=recording.recording_id, task=name, why=error)
        return state

    async def ready(self, recording: DueRecording) -> None:
        """Wait until the switch is done with the recording's files, or patience is at its end.

        Takes no place from anybody. What goes wrong is not told here: `take` meets it again.
        """
        spool = self._spools.get(recording.switch)
        if spool is None:
            return
        for segment in recording.segments:
            try:
                await self._collector.ready(recording, segment, spool)
            except (MediaError, OSError):
                continue

    async def take(self, recording: DueRecording) -> Taken:
        """Every segment into the store (or, if it is to be discarded, out of everything).

        A failure is noted in the catalog and answered, not raised.
        """
        async with self._lock(recording):
            try:
                return await self._take(recording)
            except Exception as error:
                return Taken(MediaState.FAILED, notes=await self._failed(recording, error))

    async def join(
        self, recording: DueRecording, usable: Sequence[int], notes: str
    ) -> tuple[MediaState, str]:
        """The stored segments into one file that can be played; (state, error). Never raises a failure."""
        async with self._lock(recording):
            try:
                rows = {
                    f.number: f
                    for f in await self._catalog.files(recording.recording_id)
                    if f.role is FileRole.SEGMENT
                }
                segments = sorted(recording.segments, key=lambda s: s.number)
                kept = [(s, rows[s.number]) for s in segments if s.number in usable]
                state = await self._render(recording, kept, notes)
            except Exception as error:
                return MediaState.FAILED, await self._failed(recording, error)
        if state is MediaState.AVAILABLE:
            self._tell(recording.recording_id)
        return state, ""

    async def finish(
        self, recording_id: str, task: str, progress: Callable[[float], None]
    ) -> tuple[str, str]:
        """Do one finishing task: (remark, error). A task that is no longer configured is done."""
        work = self._tasks.get(task)
        if work is None:
            return "", ""
        try:
            return await work.run(recording_id, progress), ""
        except (MediaError, OSError) as error:
            return "", str(error)
        except Exception as error:
            log.exception("a finishing task failed", recording=recording_id, task=task)
            return "", f"{type(error).__name__}: {error}"

    def _lock(self, recording: DueRecording) -> asyncio.Lock:
        return self._locks.setdefault(recording.recording_id, asyncio.Lock())

    def _tell(self, recording_id: str) -> None:
        if self._on_available is None:
            return
        try:
            self._on_available(recording_id)
        except Exception:
            # The recording is safe and noted; a subscriber's mistake is the subscriber's.
            log.exception("nobody could be told that a recording is available", recording=recording_id)

    async def _take(self, recording: DueRecording) -> Taken:
        spool = self._spools.get(recording.switch)
        if spool is None:
            raise SpoolError(
                f"no switch is called {recording.switch!r}, so its spool is unknown: put it back into the "
                "configuration until its recordings are collected"
            )
        if recording.discard and await self._discarder.discard(recording, spool) is MayDiscard.YES:
            await self._state(recording, MediaState.DISCARDED)
            crash_point("recording.discarded")
            return Taken(MediaState.DISCARDED)
        rows = await self._catalog.files(recording.recording_id)
        for row in rows:
            if (row.store != HOME or row.sealing) and row.role in _SOURCES:
                # It was finished and is due again (a file came late): what was moved, or sealed, is needed.
                await self._catalog.copied(row, HOME)
                await asyncio.to_thread(self._stores.recall, row)
        rows = [row for row in rows if not row.note.startswith(GIVEN_UP)]
        known = {row.number: row for row in rows if row.role is FileRole.SEGMENT}
        collected: list[Collected] = []
        errors: list[str] = []
        for segment in sorted(recording.segments, key=lambda s: s.number):
            try:
                collected.append(
                    await self._collector.collect(recording, segment, spool, known.get(segment.number))
                )
            except (MediaError, OSError) as error:
                errors.append(str(error))  # the others are brought to safety all the same
        if errors:
            raise MediaError("; ".join(errors))
        broke_off = [INTERRUPTED] if any(c.interrupted for c in collected) else []
        notes = "; ".join([*broke_off, *(c.complaint for c in collected if c.complaint)])
        if {FileRole.ENCODED} <= (roles := {row.role for row in rows}) and FileRole.RENDITION not in roles:
            return await self._came_too_late(recording, collected)
        kept = [(c.segment, c.file) for c in collected if c.file is not None]
        if not kept:
            notes = notes or "nothing was captured"
            await self._state(recording, MediaState.EMPTY, error=notes)
            return Taken(MediaState.EMPTY, notes=notes)
        await self._state(recording, MediaState.STORED)
        crash_point("recording.stored")
        usable = tuple(c.segment.number for c in collected if c.usable)
        if not usable:
            raise MediaError(f"{notes}; kept in the store as {kept[0][1].key}")
        return Taken(None, usable, notes)

    async def _came_too_late(self, recording: DueRecording, collected: Sequence[Collected]) -> Taken:
        """Its tenant keeps the encoded file alone, and the WAV of it has gone."""
        late = [str(c.segment.number) for c in collected if c.file is not None]
        note = f"segment {', '.join(late)} came after the recording was encoded and is kept by itself"
        note = note if late else ""
        return Taken(await self._state(recording, MediaState.AVAILABLE, error=note), notes=note)

    async def _render(
        self, recording: DueRecording, segments: Sequence[tuple[DueSegment, StoredFile]], notes: str
    ) -> MediaState:
        async with self._films if recording.kind is Kind.VIDEO else self._slots:
            stopped = self._stopping.is_set
            rendition = await asyncio.to_thread(
                render, recording, segments, self._store, stopped, self._sounds
            )
        rows = await self._catalog.files(recording.recording_id)
        old = next((row for row in rows if row.role is FileRole.RENDITION), None)
        await self._catalog.add_file(rendition)
        await asyncio.to_thread(self._stores.replaced, old, rendition)
        crash_point("rendition.cataloged")
        notes = "; ".join(note for note in (notes, rendition.note) if note)
        duration_ms = rendition.duration_ms
        state = await self._state(recording, MediaState.AVAILABLE, duration_ms=duration_ms, error=notes)
        crash_point("recording.available")
        return state

    async def _failed(self, recording: DueRecording, error: Exception) -> str:
        why = str(error)
        if not isinstance(error, MediaError | OSError):
            log.exception("a recording could not be processed", recording=recording.recording_id)
            why = f"{type(error).__name__}: {error}"
        log.warning("a recording's files could not be dealt with", recording=recording.recording_id, why=why)
        await self._state(recording, MediaState.FAILED, error=why)
        return why

    async def _state(
        self, recording: DueRecording, state: MediaState, *, duration_ms: int = 0, error: str = ""
    ) -> MediaState:
        return await self._catalog.set_media_state(
            recording.recording_id, state, duration_ms=duration_ms, error=error[:2000]
        )
