"""Waveform peaks of a recording: measured once, kept in a file of several levels.

Every step of 20 ms has the lowest and the highest sample of each channel; every further level has
a quarter of the steps, down to some hundreds, so that any part of a call of hours is drawn from a
few thousand numbers. The file holds who spoke when as well (media/voice.py). Its bytes are
laid out in engine/peaks_format.py and described in docs/reference/peaks.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.peaks_format import FACTOR, SMALLEST, STEPS_A_SECOND, Head, Level, pack, sample_of
from . import voice
from .resample import Samples
from .sound import Sound

Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Measured:
    """``codes`` is (steps, channels, 2): lowest, highest; ``talk`` for each channel (n, 2) steps."""

    frames: int
    codes: Codes
    talk: list[voice.Spans]


def measure(sound: Sound, progress: Callable[[float], None] = lambda done: None) -> Measured:
    """Read all of it, keeping three bytes a channel and step. Blocking."""
    # Whole seconds hold a whole number of steps, whatever the sample rate is.
    rate, seconds = sound.sample_rate, _Seconds(sound.sample_rate)
    listener = voice.Listener(sound.channels, STEPS_A_SECOND)
    codes, frames = bytearray(), 0  # grown in place: of hours nothing shall be there twice
    for part in _in_seconds(sound.blocks, rate):
        frames += len(part)
        low_high, loud = seconds.steps(part)
        codes += _CODES[low_high.view(np.uint16)].tobytes()
        listener.hear(loud)
        if sound.frames:
            progress(min(1.0, frames / sound.frames))
    bounds = np.frombuffer(codes, np.int8).reshape(-1, sound.channels, 2)
    return Measured(frames, bounds, listener.speech())


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
    levels = _pyramid(measured.codes)
    head = Head(
        channels=sound.channels,
        sample_rate=sound.sample_rate,
        frames=measured.frames,
        source=source_sha256,
        voice_version=voice.VERSION,
        levels=tuple(Level(FACTOR**n, len(level)) for n, level in enumerate(levels)),
    )
    talk = [[(int(b), int(e)) for b, e in spans] for spans in measured.talk]
    return pack(head, talk, [level.reshape(-1).data.cast("B") for level in levels])


def _pyramid(base: Codes) -> list[Codes]:
    levels = [base]
    while len(levels[-1]) > SMALLEST:
        finer = levels[-1]
        edges = np.arange(0, len(finer), FACTOR)
        low = np.minimum.reduceat(finer[:, :, 0], edges, axis=0)
        high = np.maximum.reduceat(finer[:, :, 1], edges, axis=0)
        levels.append(np.ascontiguousarray(np.stack((low, high), axis=2)))
    return levels


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
