"""The sound of a rendition, piece by piece and channel by channel, for whoever listens to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..engine.media_ports import HOME, StoredFile
from . import samples, wav
from .errors import UnreadableAudio
from .ffmpeg import argument, command, piped
from .resample import Samples, resample
from .shelves import Stores

#: What speech models listen at.
RATE = 16_000
#: A piece is so long at most; it ends where it is quietest in its last part.
PIECE_MS = 60_000
_LOOK_BACK_MS = 12_000
_QUIET_MS = 200
#: One format each: a file is never left to say what it is.
_DEMUXERS = {"mp4": "mov", "mp3": "mp3", "opus": "ogg", "ogg": "ogg", "flac": "flac", "amr": "amr"}
#: Nothing this quiet (of 32768) is speech: -60 dB.
SILENT = 33


@dataclass(frozen=True, slots=True)
class Piece:
    """``sound`` is (frames, channels) at RATE, from ``from_ms`` on."""

    from_ms: int
    sound: Samples

    @property
    def to_ms(self) -> int:
        return self.from_ms + len(self.sound) * 1000 // RATE

    @property
    def same_on_all(self) -> bool:
        """One sound, however many channels it is written on."""
        return self.sound.shape[1] == 1 or bool((self.sound == self.sound[:, :1]).all())


def pieces(
    stores: Stores, file: StoredFile, silent: Sequence[tuple[int, int]], stopped: Callable[[], bool]
) -> Iterator[Piece]:
    """The whole file at RATE, with these spans (ms) blanked. Blocking, bounded memory.

    Raises MediaError.
    """
    with local(stores, file) as path:
        held = np.zeros((0, 1), np.int16)
        at = 0
        for block in _sound(path, file, stopped):
            held = block if not len(held) else np.concatenate((held, block))
            while len(held) * 1000 >= PIECE_MS * RATE:
                cut = _cut(held)
                yield Piece(at * 1000 // RATE, _blank(held[:cut], at, silent))
                held, at = held[cut:].copy(), at + cut
        if len(held):
            yield Piece(at * 1000 // RATE, _blank(held, at, silent))


def audible(sound: Samples, from_ms: int, to_ms: int) -> bool:
    """Whether there is anything but silence in this span of one channel (ms from its beginning)."""
    part = sound[max(0, from_ms) * RATE // 1000 : max(0, to_ms) * RATE // 1000]
    return bool(len(part)) and int(np.abs(part.astype(np.int32)).max()) > SILENT


@contextmanager
def local(stores: Stores, file: StoredFile) -> Iterator[Path]:
    """A path with the file's bytes: its own at home, else a copy that is gone afterwards."""
    if file.store == HOME and not file.sealing:
        yield stores.path(file.key)
        return
    temp = stores.home.scratch()
    try:
        with temp.open("xb") as copy:
            for block in stores.read(file):
                copy.write(block)
        yield temp
    finally:
        temp.unlink(missing_ok=True)


def _sound(path: Path, file: StoredFile, stopped: Callable[[], bool]) -> Iterator[Samples]:
    if file.format == "wav":
        info = wav.inspect(path)
        read = samples.read(path, info)
        yield from read if info.sample_rate == RATE else resample(read, info.frames, info.sample_rate, RATE)
        return
    channels = max(1, min(2, file.channels))
    demuxer = _DEMUXERS.get(file.format)
    if demuxer is None:
        raise UnreadableAudio(f"{file.key}: nobody knows how to listen to {file.format!r}")
    arguments = command(
        "-protocol_whitelist", "file", "-f", demuxer, "-i", argument(path), "-vn",
        "-f", "s16le", "-ac", str(channels), "-ar", str(RATE), "-",
    )  # fmt: skip
    with piped(arguments, 3600 + file.duration_ms / 1000, writing=False, stopped=stopped) as decoder:
        while block := decoder.read(RATE * channels * 2):
            yield np.frombuffer(block[: len(block) // (2 * channels) * 2 * channels], "<i2").reshape(
                -1, channels
            )
        decoder.finish()


def _cut(held: Samples) -> int:
    """Where it is quietest, as late as that may be: not in the middle of a word."""
    end, step = PIECE_MS * RATE // 1000, _QUIET_MS * RATE // 1000
    tail = np.abs(held[end - _LOOK_BACK_MS * RATE // 1000 : end].astype(np.int32)).max(axis=1)
    steps = tail[: len(tail) // step * step].reshape(-1, step).sum(axis=1)
    quietest = len(steps) - 1 - int(np.argmin(steps[::-1]))
    return end - len(tail) + quietest * step + step // 2


def _blank(sound: Samples, at: int, silent: Sequence[tuple[int, int]]) -> Samples:
    blanked = sound
    for begin, end in silent:
        first, last = begin * RATE // 1000 - at, -(-end * RATE // 1000) - at
        if last > 0 and first < len(sound):
            if blanked is sound:
                blanked = sound.copy()
            blanked[max(0, first) : last] = 0
    return blanked
