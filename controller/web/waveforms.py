"""The stored waveform of a recording: opened where it lies, read in parts, checked against the recording."""

from __future__ import annotations

import asyncio

from ..core.errors import TapelineError
from ..core.spans import Happened, Paused, RecordingSpan, spans_of
from ..core.talk import Stretch
from ..engine.peaks_format import (
    FIRST_READ,
    STEPS_A_SECOND,
    BadPeaks,
    Head,
    Peaks,
    cut,
    grouped,
    unpack,
    unpack_talk,
)
from ..engine.reading import Account, CallDetail, FileRow, RecordingDetail
from .pages.words import number, who
from .ports import FileStore
from .problems import Problem
from .services import Services

#: A header that claims more than this for who spoke is not believed.
_LONGEST_HEAD = 16 << 20
_STEP_MS = 1000 // STEPS_A_SECOND


def peaks_file(detail: RecordingDetail) -> FileRow | None:
    """Its row; whether it is the waveform of these very bytes is in its header."""
    if detail.playable is None:
        return None
    return next((f for f in detail.files if f.role == "peaks"), None)


def no_waveform() -> Problem:
    return Problem(404, "The recording has no waveform (yet).")


class Waveform:
    """An opened one. Blocking inside, in threads of its own."""

    def __init__(self, store: FileStore, file: FileRow, head: Head, first: bytes) -> None:
        self._store = store
        self._file = file
        self._first = first
        self.head = head

    @classmethod
    async def open(cls, store: FileStore, detail: RecordingDetail) -> Waveform:
        """Raises Problem 404 if there is none of the recording as it is now, 503 if the store is away."""
        file = peaks_file(detail)
        if file is None or detail.playable is None:
            raise no_waveform()
        first = await _read(store, file, 0, min(FIRST_READ, file.size))
        try:
            head = unpack(first)
        except BadPeaks as error:
            raise no_waveform() from error
        # Of an encoded file whose WAV is not kept the note names what it was made of.
        if head.source != detail.playable.sha256 and head.source not in detail.playable.note:
            raise no_waveform()  # of the file that was there before; it is being drawn again
        return cls(store, file, head, first)

    async def peaks(self, points: int, from_ms: int, to_ms: int) -> Peaks:
        part = cut(self.head, points, from_ms, to_ms)
        try:
            return grouped(self.head, part, await self._bytes(part.offset, part.length))
        except BadPeaks as error:
            raise no_waveform() from error

    async def talk(self) -> list[list[Stretch]]:
        """For each channel, in milliseconds."""
        if self.head.begin > _LONGEST_HEAD:
            raise no_waveform()
        try:
            spoken = unpack_talk(self.head, await self._bytes(0, self.head.begin))
        except BadPeaks as error:
            raise no_waveform() from error
        return [[(begin * _STEP_MS, end * _STEP_MS) for begin, end in spans] for spans in spoken]

    async def _bytes(self, offset: int, length: int) -> bytes:
        if offset + length <= len(self._first):
            return self._first[offset : offset + length]
        return await _read(self._store, self._file, offset, length)


async def _read(store: FileStore, file: FileRow, start: int, length: int) -> bytes:
    try:
        return await asyncio.to_thread(lambda: b"".join(store.read(file, start, length)))
    except TapelineError as error:
        raise Problem(503, "The waveform cannot be read now; try again later.") from error


async def happened(parts: Services, me: Account, detail: RecordingDetail) -> tuple[RecordingSpan, ...]:
    """The recording's spans, as far as this account may know of them."""
    call = await parts.reader.call(me.scope, detail.row.call_id)
    return spans(detail, call)


def spans(detail: RecordingDetail, call: CallDetail | None) -> tuple[RecordingSpan, ...]:
    file = detail.playable
    if file is None or detail.line is None:
        return ()
    length = file.duration_ms or detail.row.duration_ms
    legs = () if call is None else call.legs
    return spans_of(
        detail.line,
        length,
        [Paused(p.from_ms, p.to_ms, p.left_out_ms, p.asked_by) for p in detail.pauses],
        [(s.from_ms, s.to_ms) for s in detail.segments if s.from_ms is not None],
        [] if call is None else [Happened(j.at, j.what, j.leg_id) for j in call.journey if j.leg_id],
        {leg.leg_id: f"{number(leg.party)} {who(leg.party)}".strip() for leg in legs},
        detail.told,
    )


def speaker(detail: RecordingDetail, channel: int, channels: int, at_ms: int) -> str:
    """Who is on a channel at this moment; on a single channel nobody can tell."""
    if channels != 2:
        return ""
    for segment in reversed(detail.segments):
        if segment.channels and segment.from_ms is not None and segment.from_ms <= at_ms + _STEP_MS:
            return segment.channels[channel]
    return detail.channels[channel] if detail.channels else ""
