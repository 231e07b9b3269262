"""Converting on demand: some at once, each only once, kept in the cache until its recording goes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Protocol

import structlog

from ..core.formats import Format
from ..engine.converting import CannotConvert, ConversionsBusy
from ..engine.media_ports import FileRole, StoredFile
from ..engine.reading import FileRow
from .convert import encode, opened
from .edits import clip
from .encoders import Encoders
from .errors import EncodingError, MediaError, NoEncoder
from .format_cache import SEALED, FormatCache
from .shelves import Stores

log = structlog.get_logger(__name__)

#: So many may wait for their turn; more are told to come again.
MOST_WAITING = 16
_LOOK_S = 60.0
_HASH = 32


class Rows(Protocol):
    async def files(self, recording_id: str) -> list[StoredFile]: ...


class Conversions:
    """engine.converting.Converter. ``at_once`` are converted at the same time."""

    def __init__(
        self, catalog: Rows, stores: Stores, encoders: Encoders, cache: FormatCache, at_once: int = 2
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._encoders = encoders
        self._cache = cache
        self._slots = asyncio.Semaphore(at_once)
        self._at_once = at_once
        self._making: dict[tuple[str, str], asyncio.Task[Path]] = {}
        self._stopping = threading.Event()

    async def converted(
        self, recording_id: str, file: FileRow, format: Format, span: tuple[int, int] | None = None
    ) -> Path:
        name = entry_name(file, format, span)
        found = await asyncio.to_thread(self._cache.find, recording_id, name)
        if found is not None:
            return found
        key = (recording_id, name)
        task = self._making.get(key)
        if task is None:
            if len(self._making) >= self._at_once + MOST_WAITING:
                raise ConversionsBusy("too many recordings are being converted; try again in some seconds")
            task = asyncio.create_task(self._make(recording_id, file, format, span, name))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        # Shielded: others may wait for it, and whoever asks again finds it.
        return await asyncio.shield(task)

    async def run(self) -> None:
        """Forget what was deleted, changed or sealed elsewhere. Cancel it to stop."""
        self._stopping.clear()
        try:
            await asyncio.to_thread(self._cache.start)
            while True:
                try:
                    await self.tidy()
                except Exception:
                    log.exception("the cache of converted recordings could not be looked through")
                await asyncio.sleep(_LOOK_S)
        finally:
            self._stopping.set()
            for task in list(self._making.values()):
                task.cancel()

    async def tidy(self) -> None:
        """One look. Whoever deletes a recording in another process cannot reach our memory."""
        await asyncio.to_thread(self._cache.expire)
        for recording_id in await asyncio.to_thread(self._cache.recordings):
            rows = await self._catalog.files(recording_id)
            there = {row.sha256[:_HASH] for row in rows}
            if not await asyncio.to_thread(self._cache.sources, recording_id) <= there:
                await asyncio.to_thread(self._cache.forget, recording_id)

    async def _make(
        self, recording_id: str, file: FileRow, format: Format, span: tuple[int, int] | None, name: str
    ) -> Path:
        age = self._cache.age(recording_id)
        source = _stored(recording_id, file)
        async with self._slots:
            try:
                made = await asyncio.to_thread(self._convert, source, format, span, name, age)
            except NoEncoder as error:
                raise CannotConvert(str(error)) from error
            except (MediaError, OSError) as error:
                # Whoever asked has no business with our paths.
                log.warning("a recording could not be converted", recording=recording_id, why=str(error))
                raise CannotConvert("it could not be converted; the controller's log says why") from error
        if made is None:
            raise CannotConvert("the recording was deleted meanwhile")
        return made

    def _convert(
        self, source: StoredFile, format: Format, span: tuple[int, int] | None, name: str, age: int
    ) -> Path | None:
        """Blocking."""
        if format is not Format.WAV:
            self._encoders.tool(format)
        stopped, temp = self._stopping.is_set, self._cache.scratch()
        try:
            with opened(self._stores, source, stopped) as sound:
                wanted = clip(sound, *span) if span else sound
                made = encode(wanted, format, temp, self._encoders, stopped)
            if made.meter.frames == 0:
                raise EncodingError("there is no sound in this piece")
            return self._cache.keep(temp, source.recording_id, name, age)
        finally:
            temp.unlink(missing_ok=True)


def entry_name(file: FileRow, format: Format, span: tuple[int, int] | None) -> str:
    piece = f".{span[0]}-{span[1]}" if span else ""
    return f"{SEALED if file.sealing else ''}{file.sha256[:_HASH]}{piece}.{format}"


def _stored(recording_id: str, row: FileRow) -> StoredFile:
    return StoredFile(
        recording_id, FileRole(row.role), row.number, row.key, row.format, row.size, row.sha256,
        row.duration_ms, row.channels, row.sample_rate, row.repaired, row.note, row.store, row.sealing,
    )  # fmt: skip
