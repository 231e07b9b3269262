"""The finishing task `peaks`: draws the waveform of every available recording, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import PurePosixPath

import structlog

from ..engine.crash_points import crash_point
from ..engine.media_ports import HOME, FileRole, MediaCatalog, StoredFile
from ..engine.peaks_format import FIRST_READ, BadPeaks, unpack
from . import voice
from .errors import MediaError, UnreadableAudio
from .ffmpeg import NoFfmpeg
from .peaks import file_of, measure
from .shelves import Stores
from .sound import sound_of

log = structlog.get_logger(__name__)


def peaks_key(rendition: str) -> str:
    """Where the peaks of this rendition lie."""
    return str(PurePosixPath(rendition).with_suffix(".peaks"))


class PeaksTask:
    """A FinishingTask. Peaks that were made of other bytes, or are damaged, are made again."""

    name = "peaks"

    def __init__(self, catalog: MediaCatalog, stores: Stores) -> None:
        self._catalog = catalog
        self._stores = stores

    async def run(self, recording_id: str, progress: Callable[[float], None]) -> str:
        whole = await self._rendition(recording_id)
        if whole is None:
            return "no waveform: the recording is not in one file"
        if whole.channels == 0:
            return "no waveform: the recording has no sound"
        rows = await self._catalog.files(recording_id)
        made = next((row for row in rows if row.role is FileRole.PEAKS), None)
        if made is not None and await asyncio.to_thread(self._good, made, whole):
            return ""
        try:
            row = await asyncio.to_thread(self._make, whole, progress)
        except (UnreadableAudio, NoFfmpeg) as error:
            return f"no waveform: {error}"
        crash_point("peaks.stored")
        if await self._rendition(recording_id) != whole:
            # Joined anew or destroyed meanwhile: what is drawn is not of this recording any more.
            await asyncio.to_thread(self._stores.delete, row)
            raise MediaError("the recording was changed while its waveform was drawn; it is drawn again")
        await self._catalog.add_file(row)
        await asyncio.to_thread(self._stores.replaced, made, row)
        return ""

    async def _rendition(self, recording_id: str) -> StoredFile | None:
        """The encoded file where its WAV is not kept."""
        rows = {row.role: row for row in await self._catalog.files(recording_id)}
        return rows.get(FileRole.RENDITION) or rows.get(FileRole.ENCODED)

    def _good(self, made: StoredFile, whole: StoredFile) -> bool:
        try:
            head = unpack(b"".join(self._stores.read(made, 0, min(FIRST_READ, made.size))))
            # Drawn of the WAV, of which the note behind it tells: it need not be drawn of less.
            before = whole.role is FileRole.ENCODED and head.source in whole.note
            if head.source != whole.sha256 and not before:
                return False
            if head.voice_version != voice.VERSION:
                return False
            return self._stores.digest(made).sha256 == made.sha256
        except (BadPeaks, MediaError) as error:
            log.info("a waveform is drawn again", recording=made.recording_id, why=str(error))
            return False

    def _make(self, whole: StoredFile, progress: Callable[[float], None]) -> StoredFile:
        with sound_of(self._stores, whole) as sound:
            measured = measure(sound, progress, self._stores.home.scratch().parent)
        key = peaks_key(whole.key)
        digest = self._stores.home.put_blocks(file_of(measured, sound, whole.sha256), key)
        return StoredFile(
            recording_id=whole.recording_id,
            role=FileRole.PEAKS,
            number=0,
            key=key,
            format="peaks",
            size=digest.size,
            sha256=digest.sha256,
            duration_ms=measured.frames * 1000 // sound.sample_rate,
            channels=sound.channels,
            sample_rate=sound.sample_rate,
            store=HOME,
        )
