"""Waveform peaks of a recording: measured once, kept in a file of several levels.

Every step of 20 ms has the lowest and the highest sample of each channel; every further level has
a quarter of the steps, down to some hundreds, so that any part of a call of hours is drawn from a
few thousand numbers. The file holds who spoke when as well (media/voice.py). Its bytes are
laid out in engine/peaks_format.py and described in docs/reference/peaks.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..engine.peaks_format import FACTOR, SMALLEST, STEPS_A_SECOND, Head, Level, lead, sample_of
from . import voice
from .resample import Samples
from .sound import Sound

Codes = NDArray[np.int8]
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Measured:
    """``finest`` holds the codes of all steps, (steps, channels, 2): lowest, highest; ``coarser`` the same of
    every further level; ``talk`` for each channel (n, 2) steps."""

    frames: int
    finest: IO[bytes]
    coarser: list[Codes]
    talk: list[voice.Spans]


def measure(
    sound: Sound, progress: Callable[[float], None] = lambda done: None, scratch: Path | None = None
) -> Measured:
    """Read all of it. Blocking. What hours have most of, the finest level, is kept in a file without a name
    in the folder ``scratch``; `file_of` closes it."""
    # Whole seconds hold a whole number of steps, whatever the sample rate is.
    rate, seconds = sound.sample_rate, _Seconds(sound.sample_rate)
    listener = voice.Listener(sound.channels, STEPS_A_SECOND)
    finest = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - file_of closes it
    second, frames = _NextLevel(sound.channels), 0
    for part in _in_seconds(sound.blocks, rate):
        frames += len(part)
        low_high, loud = seconds.steps(part)
        codes = _CODES[low_high.view(np.uint16)]
        finest.write(codes.tobytes())
        second.add(codes)
        listener.hear(loud)
        if sound.frames:
            progress(min(1.0, frames / sound.frames))
    steps = finest.tell() // (2 * sound.channels)
    return Measured(frames, finest, _pyramid(second.codes()) if steps > SMALLEST else [], listener.speech())


class _NextLevel:
    """Of each FACTOR steps the lowest and the highest, as they come."""

    def __init__(self, channels: int) -> None:
        self._made = bytearray()  # grown in place: of hours nothing shall be there twice
        self._rest = np.zeros((0, channels, 2), np.int8)

    def add(self, finer: Codes) -> None:
        steps = np.concatenate((self._rest, finer))
        whole = len(steps) - len(steps) % FACTOR
        if whole:
            self._made += _coarser(steps[:whole]).tobytes()
        self._rest = steps[whole:]

    def codes(self) -> Codes:
        """All has been added."""
        if len(self._rest):
            self._made += _coarser(self._rest).tobytes()
        return np.frombuffer(self._made, np.int8).reshape(-1, *self._rest.shape[1:])


class _Seconds:
    """The steps of a piece of sound that begins at a whole second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        #: The first frame of each step of a second: that at k/50 s, or the next one.
        self._edges = -(-np.arange(STEPS_A_SECOND, dtype=np.int64) * rate // STEPS_A_SECOND)

    def steps(self, part: Samples) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        lanes = np.ascontiguousarray(part.T)
        count = len(part)
        if self._rate % STEPS_A_SECOND == 0 and count % self._rate == 0:
            cut = lanes.reshape(len(lanes), -1, self._rate // STEPS_A_SECOND)
            low, high = cut.min(axis=2), cut.max(axis=2)
            exact = cut.astype(np.float32)
            mean = exact.mean(axis=2)
            square = np.einsum("cbs,cbs->cb", exact, exact) / np.float32(cut.shape[2])
        else:
            whole = np.arange(-(-count // self._rate), dtype=np.int64)[:, None] * self._rate
            edges = np.unique((whole + self._edges).reshape(-1))
            edges = edges[edges < count]
            sizes = np.diff(np.append(edges, count)).astype(np.float32)
            low = np.minimum.reduceat(lanes, edges, axis=1)
            high = np.maximum.reduceat(lanes, edges, axis=1)
            exact = lanes.astype(np.float32)
            mean = np.add.reduceat(exact, edges, axis=1) / sizes
            square = np.add.reduceat(exact * exact, edges, axis=1) / sizes
        bounds = np.stack((low.T, high.T), axis=2)
        return bounds, np.maximum(square - mean * mean, 0).astype(np.float32)


def _in_seconds(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    """The same sound in pieces that begin at whole seconds."""
    held: list[Samples] = []
    waiting = 0
    for block in blocks:
        held.append(block)
        waiting += len(block)
        if waiting >= rate:
            joined = np.concatenate(held)
            whole = waiting - waiting % rate
            yield joined[:whole]
            held, waiting = [joined[whole:]], waiting - whole
    if waiting:
        yield np.concatenate(held)


def file_of(measured: Measured, sound: Sound, source_sha256: str) -> Iterator[bytes]:
    """The whole file, in blocks: header, who spoke, the levels from the coarsest on."""
    with measured.finest as finest:
        steps = finest.tell() // (2 * sound.channels)
        finest.seek(0)
        counts = [steps, *map(len, measured.coarser)]
        head = Head(
            channels=sound.channels,
            sample_rate=sound.sample_rate,
            frames=measured.frames,
            source=source_sha256,
            voice_version=voice.VERSION,
            levels=tuple(Level(FACTOR**n, count) for n, count in enumerate(counts)),
        )
        talk = [[(int(b), int(e)) for b, e in spans] for spans in measured.talk]
        yield lead(head, talk)
        for level in reversed(measured.coarser):
            yield level.tobytes()
        while block := finest.read(_BLOCK):
            yield block


def _pyramid(base: Codes) -> list[Codes]:
    """It, and every further level."""
    levels = [base]
    while len(levels[-1]) > SMALLEST:
        levels.append(_coarser(levels[-1]))
    return levels


def _coarser(finer: Codes) -> Codes:
    edges = np.arange(0, len(finer), FACTOR)
    low = np.minimum.reduceat(finer[:, :, 0], edges, axis=0)
    high = np.maximum.reduceat(finer[:, :, 1], edges, axis=0)
    return np.stack((low, high), axis=2)


def _codes() -> NDArray[np.int8]:
    """For each 16-bit sample, read as unsigned, the nearest code: of two samples the higher never has the
    lower code, so that bounds may be found among the codes."""
    values = np.array([sample_of(code) for code in range(128)], np.int32)
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    sizes = np.abs(samples)
    above = np.clip(np.searchsorted(values, sizes), 1, 127)
    nearest = np.where(sizes - values[above - 1] < values[above] - sizes, above - 1, above)
    return (np.sign(samples) * nearest).astype(np.int8)


_CODES = _codes()
