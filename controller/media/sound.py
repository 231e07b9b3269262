"""The sound of a stored file as 16-bit samples, block by block: any WAV, and what ffmpeg can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np

from ..engine.media_ports import StoredFile
from . import ffmpeg, wav
from .errors import UnreadableAudio
from .resample import Samples
from .samples import decode
from .shelves import Stores
from .stored_reader import reader

_BLOCK = 1 << 18
#: What is no WAV is decoded to this rate: what is asked of it is loudness, not fidelity.
RATE = 16_000
_CHANNELS = 8
#: How long ffmpeg may take for one file; four hours of video need some minutes.
_LIMIT_S = 3600.0
#: The name that ffmpeg has for each format, so that it never guesses from hostile bytes.
_DEMUXERS = {"mp4": "mov", "mp3": "mp3", "opus": "ogg", "ogg": "ogg", "flac": "flac", "amr": "amr"}


@dataclass(frozen=True, slots=True)
class Sound:
    """``blocks`` are (n, channels), in order; ``frames`` is what there should be in all, or 0."""

    channels: int
    sample_rate: int
    frames: int
    blocks: Iterator[Samples]


@contextmanager
def sound_of(stores: Stores, file: StoredFile) -> Iterator[Sound]:
    """Open it. Blocking. Raises UnreadableAudio, StoreError; NoFfmpeg and JoinError for what is no WAV."""
    if file.format == "wav":
        with reader(stores, file) as head:
            info = wav.inspect_stream(cast(BinaryIO, head), file.size, file.key)
        yield Sound(info.channels, info.sample_rate, info.frames, _wav(stores, file, info))
        return
    demuxer = _DEMUXERS.get(file.format)
    if demuxer is None:
        raise UnreadableAudio(f"{file.key} is {file.format[:20]!r}, and nothing here reads that")
    # An index may stand at the end, so ffmpeg needs a file to seek in; the store may be a bucket.
    copy = stores.home.scratch()
    try:
        with copy.open("xb") as out:
            for block in stores.read(file):
                out.write(block)
        channels = min(max(1, file.channels), _CHANNELS)
        line = ffmpeg.command(
            "-protocol_whitelist", "file", "-f", demuxer, "-i", ffmpeg.argument(copy), "-map", "0:a:0",
            # Sound that begins after the picture stays where it is on the time line.
            "-af", "aresample=async=1:first_pts=0",
            "-ac", str(channels), "-ar", str(RATE), "-f", "s16le", "pipe:1",
        )  # fmt: skip
        with ffmpeg.piped(line, _LIMIT_S, writing=False) as process:
            yield Sound(channels, RATE, file.duration_ms * RATE // 1000, _piped(process, channels))
            process.finish()
    finally:
        copy.unlink(missing_ok=True)


def _wav(stores: Stores, file: StoredFile, info: wav.WavInfo) -> Iterator[Samples]:
    length = info.frames * info.frame_bytes
    held = b""
    for block in stores.read(file, info.data_offset, length):
        raw = held + block
        whole = len(raw) - len(raw) % info.frame_bytes
        held = raw[whole:]
        length -= len(block)
        if whole:
            yield decode(raw[:whole], info).reshape(-1, info.channels)
    if length > 0:
        raise UnreadableAudio(f"{file.key} ended {length} bytes too early")


def _piped(process: ffmpeg.Piped, channels: int) -> Iterator[Samples]:
    frame = 2 * channels
    while raw := process.read(_BLOCK - _BLOCK % frame):
        whole = len(raw) - len(raw) % frame
        yield np.frombuffer(raw[:whole], "<i2").astype(np.int16, copy=False).reshape(-1, channels)
