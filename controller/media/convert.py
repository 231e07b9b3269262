"""One format into another, streaming: any stored file to raw sound, raw sound to any format.

A few megabytes of memory whatever the length: the samples go through pipes, block by block.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.formats import Format
from ..engine.media_ports import StoredFile
from . import wav
from .encoders import OPENCORE, Encoders, Shape, decode_line, decoder, encode_line, shape_of
from .errors import EncodingError, JoinError
from .ffmpeg import piped
from .meter import Meter, measured
from .resample import Samples, resample
from .shelves import Stores
from .sound import Sound, sound_of

_BLOCK = 1 << 18
#: A program may be starved by a busy switch for long; one that hangs is killed all the same.
_LIMIT_S = 6 * 3600.0

Stopped = Callable[[], bool]


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Encoded:
    """``frames`` went in; ``meter`` measured them. ``channels`` and ``sample_rate`` are the file's."""

    channels: int
    sample_rate: int
    mixed: bool
    meter: Meter
    duration_ms: int


@contextlib.contextmanager
def opened(stores: Stores, file: StoredFile, stopped: Stopped = never) -> Iterator[Sound]:
    """The sound of a stored audio file at its own rate. Blocking; raises MediaError, also while its blocks
    are read."""
    if file.format == Format.WAV:
        with sound_of(stores, file) as sound:
            yield sound
        return
    if file.format not in set(Format):
        raise EncodingError(f"{file.key}: a file in the format {file.format} is not converted")
    format, channels, rate = Format(file.format), max(1, file.channels), file.sample_rate or 8000
    tool = decoder(format)
    line = decode_line(tool, format, channels, rate)
    feed = stores.read(file)
    with _told(), piped(
        line, _LIMIT_S, writing=False, stopped=stopped, feed=feed, name=tool.kind
    ) as program:  # fmt: skip

        def blocks() -> Iterator[Samples]:
            frame = channels * 2
            for raw in iter(lambda: program.read(_BLOCK - _BLOCK % frame), b""):
                yield np.frombuffer(raw[: len(raw) - len(raw) % frame], "<i2").reshape(-1, channels)
            program.finish()

        yield Sound(channels, rate, file.duration_ms * rate // 1000, blocks())


def encode(
    sound: Sound, format: Format, target: Path, encoders: Encoders, stopped: Stopped = never
) -> Encoded:
    """All of the sound into a new file. Blocking; raises MediaError, ``target`` may then be there in part."""
    meter = Meter()
    sound = measured(sound, meter)
    if format is Format.WAV:
        write_wav(sound, target, stopped)
        return Encoded(sound.channels, sound.sample_rate, False, meter, _ms(meter.frames, sound.sample_rate))
    if sound.channels > 8:
        raise EncodingError(f"{sound.channels} channels are kept as WAV")
    tool = encoders.tool(format)
    line = encode_line(tool, format, sound.channels, sound.sample_rate, target)
    shape = shape_of(format, sound.channels, sound.sample_rate)
    blocks = _shaped(sound, shape) if tool.kind == OPENCORE else sound.blocks
    with _told(), piped(line, _LIMIT_S, writing=True, stopped=stopped, name=tool.kind) as program:
        for block in blocks:
            program.write(raw(block))
        program.finish()
    # What Opus plays at is always 48 kHz; its row says what sound is in it.
    rate = sound.sample_rate if format is Format.OPUS else shape.sample_rate
    return Encoded(shape.channels, rate, shape.mixed, meter, _ms(meter.frames, sound.sample_rate))


def _shaped(sound: Sound, shape: Shape) -> Iterator[Samples]:
    """In the file's own shape; several channels become the mean of all, so that none is too loud."""
    blocks = map(_mixed, sound.blocks) if shape.mixed else sound.blocks
    if sound.sample_rate == shape.sample_rate:
        return blocks
    # What is said of the length may be wrong; how much there is tells the end.
    return resample(blocks, None, sound.sample_rate, shape.sample_rate)


def _mixed(block: Samples) -> Samples:
    total = block[:, 0].astype(np.int32)
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    mean: Samples = np.rint(total / block.shape[1]).astype(np.int16)[:, None]
    return mean


def write_wav(sound: Sound, target: Path, stopped: Stopped = never) -> int:
    """As a WAV; answers its frames. The header is written at the end, when the length is known; it has
    room for that of a file over 4 GiB."""
    frame, length = sound.channels * 2, 0
    room = len(wav.roomy_header(sound.channels, sound.sample_rate, 0))
    with target.open("xb") as file:
        file.seek(room)
        for block in sound.blocks:
            if stopped():
                raise EncodingError("the controller stops; it is done again when it is back")
            length += file.write(raw(block))
        file.seek(0)
        file.write(wav.roomy_header(sound.channels, sound.sample_rate, length // frame))
        file.truncate(room + length)
        file.flush()
        os.fsync(file.fileno())
    return length // frame


def raw(block: Samples) -> bytes:
    """As a file has it."""
    return block.astype(np.dtype("<i2"), copy=False).tobytes()


def _ms(frames: int, rate: int) -> int:
    return frames * 1000 // rate


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What `piped` says is about joining; here it is about encoding."""
    try:
        yield
    except JoinError as error:
        raise EncodingError(str(error)) from error
