"""What happens to a recording's files after the call: collect, check, store, join, note.

Every step may be repeated: a process killed between any two of them and started again ends with the
same rows and the same files. What is to be done is in the catalog alone; nothing is queued here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

from ..core.media_kinds import Kind
from ..engine.media_ports import HOME, DueRecording, DueSegment, FileRole, MediaState, StoredFile
from ..engine.shelving import StoringCatalog
from .collect import Collected, Collector
from .crash_points import crash_point
from .discard import Discarder
from .errors import MediaError, SpoolError
from .render import render
from .shelves import Stores, home_only
from .spool import Patience, Spool
from .store import LocalStore

log = structlog.get_logger(__name__)

#: What a rendition is made from; all else is made anew.
_SOURCES = (FileRole.SEGMENT, FileRole.MIX, FileRole.RX, FileRole.TX)

_BATCH = 100
_FIRST_RETRY_S = 2.0
_LAST_RETRY_S = 600.0


class MediaPipeline:
    """``spools``: each switch's name and its spool as we see it. ``now`` gives aware UTC.

    ``workers`` recordings at most use the disk at once, besides one film. ``on_available`` is called
    on the event loop with the id of each recording that can now be played. All work is done in
    ``store``, the home; ``stores`` knows where else a file may have been moved.
    """

    def __init__(
        self,
        catalog: StoringCatalog,
        spools: Mapping[str, Path],
        store: LocalStore,
        now: Callable[[], datetime],
        *,
        workers: int = 2,
        poll_s: float = 30.0,
        first_retry_s: float = _FIRST_RETRY_S,
        patience: Patience | None = None,
        on_available: Callable[[str], None] | None = None,
        stores: Stores | None = None,
    ) -> None:
        self._catalog = catalog
        self._stores = stores or home_only(store)
        self._spools = {name: Spool(root) for name, root in spools.items()}
        self._store = store
        self._workers = workers
        self._poll_s = poll_s
        self._first_retry_s = first_retry_s
        self._on_available = on_available
        self._slots = asyncio.Semaphore(workers)
        # A film takes minutes: one at a time, and none of the places of those that take no time.
        self._films = asyncio.Semaphore(1)
        self._stopping = threading.Event()
        self._collector = Collector(catalog, store, now, patience or Patience(), self._slots)
        self._discarder = Discarder(catalog, self._stores, now, patience or Patience())
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def poke(self) -> None:
        """A recording may have ended: look at once. To be called on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Work off what is due, now and as it comes. Never returns by itself; cancel it to stop."""
        self._stopping.clear()
        try:
            while True:
                self._wake.clear()
                try:
                    await self._start_due()
                except Exception:
                    # The database is away, say. What is due stays due; the next look finds it.
                    log.exception("the catalog could not say which recordings are due")
                    await asyncio.sleep(min(self._poll_s, 2.0))
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: up to Python 3.11 it loses a cancellation that meets the wake-up.
                    async with asyncio.timeout(self._until_next_look()):
                        await self._wake.wait()
        finally:
            self._stopping.set()  # its thread would otherwise be waited for at the exit
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
        """Bring one recording as far as it goes. A failure is noted in the catalog, not raised;
        only the catalog's own errors are raised."""
        lock = self._locks.setdefault(recording.recording_id, asyncio.Lock())
        async with lock:
            try:
                state = await self._process(recording)
            except (MediaError, OSError) as error:
                state = await self._failed(recording, str(error))
            except Exception as error:
                log.exception("a recording could not be processed", recording=recording.recording_id)
                state = await self._failed(recording, f"{type(error).__name__}: {error}")
        self._remember(recording.recording_id, failed=state is MediaState.FAILED)
        if state is MediaState.AVAILABLE:
            self._tell(recording.recording_id)
        return state

    def _tell(self, recording_id: str) -> None:
        if self._on_available is None:
            return
        try:
            self._on_available(recording_id)
        except Exception:
            # The recording is safe and noted; a subscriber's mistake is the subscriber's.
            log.exception("nobody could be told that a recording is available", recording=recording_id)

    async def _process(self, recording: DueRecording) -> MediaState:
        spool = self._spools.get(recording.switch)
        if spool is None:
            raise SpoolError(
                f"no switch is called {recording.switch!r}, so its spool is unknown: put it back into the "
                "configuration until its recordings are collected"
            )
        if recording.discard and await self._discarder.discard(recording, spool):
            await self._state(recording, MediaState.DISCARDED)
            crash_point("recording.discarded")
            return MediaState.DISCARDED
        rows = await self._catalog.files(recording.recording_id)
        for row in rows:
            if (row.store != HOME or row.sealing) and row.role in _SOURCES:
                # It was finished and is due again (a file came late): what was moved, or sealed, is needed.
                await self._catalog.copied(row, HOME)
                await asyncio.to_thread(self._stores.recall, row)
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
            return await self._failed(recording, "; ".join(errors))
        notes = "; ".join(c.complaint for c in collected if c.complaint)
        kept = [(c.segment, c.file) for c in collected if c.file is not None]
        if not kept:
            await self._state(recording, MediaState.EMPTY, error=notes or "nothing was captured")
            return MediaState.EMPTY
        await self._state(recording, MediaState.STORED)
        crash_point("recording.stored")
        usable = [(c.segment, c.file) for c in collected if c.file is not None and c.usable]
        if not usable:
            return await self._failed(recording, f"{notes}; kept in the store as {kept[0][1].key}")
        return await self._render(recording, usable, notes)

    async def _render(
        self, recording: DueRecording, segments: Sequence[tuple[DueSegment, StoredFile]], notes: str
    ) -> MediaState:
        async with self._films if recording.kind is Kind.VIDEO else self._slots:
            stopped = self._stopping.is_set
            rendition = await asyncio.to_thread(render, recording, segments, self._store, stopped)
        await self._catalog.add_file(rendition)
        crash_point("rendition.cataloged")
        notes = "; ".join(note for note in (notes, rendition.note) if note)
        await self._state(recording, MediaState.AVAILABLE, duration_ms=rendition.duration_ms, error=notes)
        crash_point("recording.available")
        return MediaState.AVAILABLE

    async def _failed(self, recording: DueRecording, why: str) -> MediaState:
        log.warning("a recording's files could not be dealt with", recording=recording.recording_id, why=why)
        await self._state(recording, MediaState.FAILED, error=why)
        return MediaState.FAILED

    async def _state(
        self, recording: DueRecording, state: MediaState, *, duration_ms: int = 0, error: str = ""
    ) -> None:
        await self._catalog.set_media_state(
            recording.recording_id, state, duration_ms=duration_ms, error=error[:2000]
        )

    def _remember(self, recording_id: str, *, failed: bool) -> None:
        if not failed:
            self._failures.pop(recording_id, None)
            return
        count = self._failures.get(recording_id, (0, 0.0))[0] + 1
        delay = min(_LAST_RETRY_S, self._first_retry_s * 2 ** min(count - 1, 16))
        self._failures[recording_id] = (count, time.monotonic() + delay)

    def _until_next_look(self) -> float:
        waiting = [at for i, (_, at) in self._failures.items() if i not in self._running]
        return max(0.05, min([self._poll_s, *(at - time.monotonic() for at in waiting)]))

    async def _start_due(self) -> None:
        # Failed ones stay due and are the oldest: ask for so many more that they hide nobody.
        due = await self._catalog.due(_BATCH + len(self._failures) + len(self._running))
        self._failures = {d.recording_id: f for d in due if (f := self._failures.get(d.recording_id))}
        for recording in due:
            if recording.recording_id in self._running or len(self._running) >= _BATCH:
                continue
            _, not_before = self._failures.get(recording.recording_id, (0, 0.0))
            if not_before <= time.monotonic():
                task = asyncio.create_task(self._work(recording))
                self._running[recording.recording_id] = task

    async def _work(self, recording: DueRecording) -> None:
        try:
            await self.process(recording)
        except Exception:
            log.exception("a recording could not be processed", recording=recording.recording_id)
            self._remember(recording.recording_id, failed=True)
        finally:
            self._running.pop(recording.recording_id, None)
            if len(self._running) < self._workers:
                self._wake.set()
