"""One WAV from the segments of a recording, each at its true time, silence between them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.timeline import Span, lasting
from . import samples, wav
from .errors import JoinError
from .resample import resample, resampled_frames
from .wav import PCM, WavInfo

#: The longest silence that is believed between two segments. A clock that was wrong while a
#: segment opened must not fill the disk.
MAX_GAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Part:
    """One segment's file, with the wall times at which its capture began and ended."""

    path: Path
    opened_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a part lies in the result, in frames of the result."""

    start: int
    frames: int


@dataclass(frozen=True, slots=True)
class Joined:
    """The result's shape. 16-bit PCM at the highest rate and with the most channels of its parts.

    ``origin`` is the wall time at which it begins, if any part's is known.
    """

    channels: int
    sample_rate: int
    frames: int
    placed: tuple[Placed, ...]
    note: str = ""
    origin: datetime | None = None

    @property
    def duration_ms(self) -> int:
        return self.frames * 1000 // self.sample_rate


def plan(parts: Sequence[Part], infos: Sequence[WavInfo], without: Sequence[Span] = ()) -> Joined:
    """Where each part goes, if the spans of wall time ``without`` are left out.

    A part begins as far from the result's beginning as its capture opened after the first, and
    never before the part in front of it has ended. The switch's file is driven by RTP (Asterisk
    writes nothing while nothing arrives), so a part may be shorter than its wall time: what is
    missing is silence at its end, and the next part is in its place again.
    """
    if not parts:
        raise JoinError("there is no segment to join")
    rate = max(i.sample_rate for i in infos)
    lengths = [resampled_frames(i.frames, i.sample_rate, rate) for i in infos]
    opened = [_opened(p, n, rate) for p, n in zip(parts, lengths, strict=True)]
    placed: list[Placed] = []
    origin: datetime | None = None
    end, note = 0, ""
    for began, length in zip(opened, lengths, strict=True):
        start = end
        if began is not None and origin is None:
            origin = began - timedelta(seconds=end / rate)
        elif began is not None and origin is not None:
            start = max(end, _frames(lasting(origin, began, without), rate))
            if start - end > _frames(MAX_GAP, rate):
                start = end
                note = "a segment claims to begin more than a day after its predecessor: joined without a gap"
        placed.append(Placed(start, length))
        end = start + length
    return Joined(max(i.channels for i in infos), rate, end, tuple(placed), note, origin)


def join(parts: Sequence[Part], target: Path, without: Sequence[Span] = ()) -> Joined:
    """Write the parts into a new file, complete and on the disk when this returns. Blocking.

    Memory stays bounded whatever the length. Samples are copied to the bit where rate and depth
    are the same. Raises UnreadableAudio, JoinError and OSError; ``target`` may then be there in part.
    """
    infos = [wav.inspect(p.path) for p in parts]
    joined = plan(parts, infos, without)
    frame = joined.channels * 2
    with target.open("xb") as file:
        file.write(wav.header(joined.channels, joined.sample_rate, 16, joined.frames))
        position = 0
        for part, info, place in zip(parts, infos, joined.placed, strict=True):
            _silence(file, (place.start - position) * frame)
            written = 0
            for block in _bytes(part.path, info, joined):
                file.write(block)
                written += len(block)
            if written != place.frames * frame:
                raise JoinError(f"{part.path.name} changed while it was joined")
            position = place.start + place.frames
        file.truncate(file.tell())  # a hole may be the end
        file.flush()
        os.fsync(file.fileno())
    return joined


def _opened(part: Part, frames: int, rate: int) -> datetime | None:
    if part.opened_at is None and part.closed_at is not None:
        return part.closed_at - timedelta(seconds=frames / rate)
    return part.opened_at


def _frames(span: timedelta, rate: int) -> int:
    """A span in frames, to the nearest; in integers, since a float loses samples after hours."""
    microseconds = span // timedelta(microseconds=1)
    return (microseconds * rate + 500_000) // 1_000_000


def _silence(file: BinaryIO, length: int) -> None:
    """As a hole: a pause of hours takes no room in work in progress, where the disk can leave any."""
    file.seek(length, os.SEEK_CUR)


def _bytes(path: Path, info: WavInfo, joined: Joined) -> Iterator[bytes]:
    same = (info.channels, info.sample_rate, info.bits, info.tag)
    if same == (joined.channels, joined.sample_rate, 16, PCM):
        with path.open("rb") as file:
            yield from wav.blocks(file, info.data_offset, info.frames * info.frame_bytes)
        return
    decoded = samples.read(path, info)
    if info.sample_rate != joined.sample_rate:
        decoded = resample(decoded, info.frames, info.sample_rate, joined.sample_rate)
    for block in decoded:
        yield samples.spread(block, joined.channels).astype(np.dtype("<i2"), copy=False).tobytes()
