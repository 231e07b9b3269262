"""Finishing a recording: its rendition in the format that the tenant chose, and what then may go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ..core.formats import Format
from ..core.media_kinds import Kind
from ..engine.crash_points import crash_point
from ..engine.media_ports import GIVEN_UP, EncodingCatalog, FileRole, MayGo, MediaState, StoredFile
from .convert import Stopped, encode, opened
from .encoders import Encoders
from .errors import EncodingError, NoEncoder, store_error
from .keys import encoded_key
from .meter import Meter, measure
from .resample import Samples
from .shelves import Stores
from .sound import Sound
from .take import UNREADABLE

T = TypeVar("T")
Progress = Callable[[float], None]

_MIXED = "the WAV is kept: {channels} channels are one in the {format}, and who said what would be lost"
_MADE_OF = "made of the rendition with sha256 "
#: A codec works in frames of up to 72 ms (MP3 at 8 kHz) and may add some at either end.
LENGTH_TOLERANCE_MS = 250
#: Encoded speech is as loud as it was; a file that is four times louder or quieter holds something else.
_LOUDER = 4.0
#: Below that (RMS, -50 dB) there is too little to compare.
_FAINT = 100.0


def current(encoded: StoredFile | None, rendition: StoredFile) -> bool:
    """Whether it was made of this very rendition."""
    return encoded is not None and f"{_MADE_OF}{rendition.sha256}" in encoded.note


def of_role(rows: Sequence[StoredFile], role: FileRole) -> StoredFile | None:
    return next((r for r in rows if r.role is role and not r.note.startswith(GIVEN_UP)), None)


class EncodeTask:
    """Makes FileRole.ENCODED of the rendition. Without an encoder the recording stays as it is."""

    name = "encode"

    def __init__(
        self,
        catalog: EncodingCatalog,
        stores: Stores,
        encoders: Encoders,
        default: Format = Format.WAV,
        at_once: int = 1,
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._encoders = encoders
        self._default = default
        self._slots = asyncio.Semaphore(at_once)

    async def run(self, recording_id: str, progress: Progress) -> str:
        """Idempotent; raises MediaError, OSError."""
        wanted = await self._catalog.wanted_format(recording_id)
        if wanted is None or wanted.state is not MediaState.AVAILABLE or wanted.kind is Kind.VIDEO:
            return ""
        rows = await self._catalog.files(recording_id)
        rendition, before = of_role(rows, FileRole.RENDITION), of_role(rows, FileRole.ENCODED)
        if rendition is None:
            return ""
        format = wanted.format.of(self._default)
        if (
            current(before, rendition)
            and before is not None
            and (format is Format.WAV or before.format == format)
        ):
            return ""
        if format is Format.WAV:
            if before is None:
                return ""
            format = Format(before.format)  # made of what the rendition was before a file came late
        async with self._slots:
            try:
                made = await _in_thread(lambda stopped: self._make(rendition, format, progress, stopped))
            except NoEncoder as error:
                return f"kept as WAV: {error}"
        await self._catalog.add_file(made)
        crash_point("encode.cataloged")
        if before is not None and before.key != made.key:
            await asyncio.to_thread(self._stores.delete, before)
        else:
            await asyncio.to_thread(self._stores.replaced, before, made)
        return ""

    def _make(
        self, rendition: StoredFile, format: Format, progress: Progress, stopped: Stopped
    ) -> StoredFile:
        """Blocking."""
        self._encoders.tool(format)
        home, key = self._stores.home, encoded_key(rendition.key, format)
        temp = home.scratch()
        try:
            with opened(self._stores, rendition, stopped) as sound:
                made = encode(
                    _counted(sound, rendition.duration_ms, progress), format, temp, self._encoders, stopped
                )
            if abs(made.duration_ms - rendition.duration_ms) > LENGTH_TOLERANCE_MS:
                raise EncodingError(
                    f"{rendition.key} holds {made.duration_ms} ms, its row says {rendition.duration_ms}"
                )
            crash_point("encode.made")
            digest = home.put(temp, key)
        except OSError as error:
            raise store_error(f"cannot encode into {home.path(key)}", error) from error
        finally:
            temp.unlink(missing_ok=True)
        crash_point("encode.stored")
        mixed = f"; {rendition.channels} channels mixed into {made.channels}" if made.mixed else ""
        return StoredFile(
            recording_id=rendition.recording_id,
            role=FileRole.ENCODED,
            number=0,
            key=key,
            format=str(format),
            size=digest.size,
            sha256=digest.sha256,
            duration_ms=made.duration_ms,
            channels=made.channels,
            sample_rate=made.sample_rate,
            note=f"{_MADE_OF}{rendition.sha256}{mixed}",
        )


class GiveUpOriginalsTask:
    """Removes the WAV of tenants who keep the encoded file alone. The last of all tasks: the others read
    the WAV. What is not wholly in the encoded file is never removed."""

    name = "originals"

    def __init__(self, catalog: EncodingCatalog, stores: Stores, default: Format = Format.WAV) -> None:
        self._catalog = catalog
        self._stores = stores
        self._default = default

    async def run(self, recording_id: str, progress: Progress) -> str:
        """Idempotent; raises MediaError, OSError."""
        rows = await self._catalog.files(recording_id)
        await self._remove(recording_id, [r for r in rows if r.note.startswith(GIVEN_UP)])
        wanted = await self._catalog.wanted_format(recording_id)
        if wanted is None or wanted.keep_original or wanted.state is not MediaState.AVAILABLE:
            return ""
        rendition, encoded = of_role(rows, FileRole.RENDITION), of_role(rows, FileRole.ENCODED)
        if rendition is None or encoded is None or not current(encoded, rendition):
            return ""
        if encoded.format != wanted.format.of(self._default):
            return ""
        if any(r.note.startswith(UNREADABLE) for r in rows):
            return "the WAV is kept: a segment that could not be read is not in the encoded file"
        if encoded.channels < rendition.channels:
            return _MIXED.format(channels=rendition.channels, format=encoded.format.upper())
        await _in_thread(lambda stopped: self._compare(rendition, encoded, progress, stopped))
        crash_point("originals.compared")
        going = [r for r in rows if r.role in (FileRole.SEGMENT, FileRole.RENDITION)]
        why = f"kept as {encoded.format} with sha256 {encoded.sha256}"
        answer = await self._catalog.give_up(recording_id, going, why)
        if answer is MayGo.HELD:
            return "the WAV is kept: a legal hold covers the recording"
        if answer is MayGo.MIXED:
            return _MIXED.format(channels="its", format=encoded.format.upper())
        if answer is MayGo.NEVER:
            return "the WAV is kept: without its segments the times of pauses would shift"
        if answer is MayGo.LATER:
            raise EncodingError("the originals are being moved, or have changed: it is looked at again")
        crash_point("originals.noted")
        await self._remove(recording_id, going)
        return ""

    async def _remove(self, recording_id: str, files: Sequence[StoredFile]) -> None:
        if not files:
            return
        for file in files:
            await asyncio.to_thread(self._stores.delete, file)
            crash_point("originals.removed")
        await self._catalog.gave_up(recording_id, files)
        crash_point("originals.forgotten")

    def _compare(
        self, rendition: StoredFile, encoded: StoredFile, progress: Progress, stopped: Stopped
    ) -> None:
        """Blocking. Raises EncodingError unless the encoded file plays as long and as loud as the WAV."""
        if self._stores.digest(encoded).sha256 != encoded.sha256:
            raise EncodingError(f"{encoded.key} no longer has its SHA-256: the WAV is kept")
        was = self._measured(rendition, lambda share: progress(share / 2), stopped)
        now = self._measured(encoded, lambda share: progress(0.5 + share / 2), stopped)
        lasted, lasts = (_ms(m, f.sample_rate) for m, f in ((was, rendition), (now, encoded)))
        if abs(lasted - lasts) > LENGTH_TOLERANCE_MS:
            raise EncodingError(f"{encoded.key} plays for {lasts} ms, the WAV for {lasted}: the WAV is kept")
        if max(was.rms, now.rms) > _FAINT and not 1 / _LOUDER < now.rms / max(was.rms, 1.0) < _LOUDER:
            raise EncodingError(f"{encoded.key} sounds different from the WAV, which is kept")

    def _measured(self, file: StoredFile, progress: Progress, stopped: Stopped) -> Meter:
        with opened(self._stores, file, stopped) as sound:
            return measure(_counted(sound, file.duration_ms, progress, stopped))


def _ms(meter: Meter, rate: int) -> int:
    return meter.frames * 1000 // max(1, rate)


def _counted(sound: Sound, duration_ms: int, progress: Progress, stopped: Stopped = lambda: False) -> Sound:
    """The same sound; ``progress`` is told how much of it has gone by."""
    whole = max(1, duration_ms * sound.sample_rate // 1000)

    def blocks() -> Iterator[Samples]:
        done = 0
        for block in sound.blocks:
            if stopped():
                raise EncodingError("the controller stops; it is done again when it is back")
            yield block
            done += len(block)
            progress(min(1.0, done / whole))

    return replace(sound, blocks=blocks())


async def _in_thread(work: Callable[[Stopped], T]) -> T:
    """``work`` in a thread, which is told to stop when we are cancelled."""
    stopping = threading.Event()
    try:
        return await asyncio.to_thread(work, stopping.is_set)
    finally:
        stopping.set()
