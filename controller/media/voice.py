"""Who spoke when: voice activity of each channel, from its loudness in steps of 20 ms.

A step counts as loud when it is ON_ABOVE_FLOOR dB above the channel's noise floor, and goes on
while it stays above OFF_BELOW_ON dB under that (hysteresis). The floor is the FLOOR_PERCENT-th
percentile of the loudness in some 35 seconds around: talk has gaps, noise has none. Loudness is
that of the sound without its constant part, in dBFS (0 is a square wave of full scale). All
thresholds are documented in docs/reference/peaks.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: A later version finds other spans; peaks of an older one are made again.
VERSION = 1

FLOOR_PERCENT = 10
ON_ABOVE_FLOOR = 9.0
#: Never more sensitive than this (a line's own hiss), never less (somebody who talks without a gap).
ON_LEAST, ON_MOST = -50.0, -28.0
OFF_BELOW_ON = 4.0
#: What is so much weaker than the other channel at the same moment is its echo.
ECHO = 25.0
#: A gap that is no longer belongs to the talk; a burst that is shorter is a click. In milliseconds.
LONGEST_GAP_MS, SHORTEST_MS = 300, 120

_QUIET = -96.0
_FULL_SCALE = 32768.0
_BLOCK_S, _NEIGHBOURS = 5, 3
#: So many blocks are looked at together: some minutes.
_BLOCKS_AT_ONCE = 64

Levels = NDArray[np.float32]
Spans = NDArray[np.int64]


def levels(power: NDArray[np.float32]) -> Levels:
    """Mean squares of 16-bit samples in dBFS, silence being -96."""
    with np.errstate(divide="ignore"):
        decibels = 10.0 * np.log10(power / (_FULL_SCALE * _FULL_SCALE))
    shown: Levels = np.maximum(decibels, _QUIET).astype(np.float32)
    return shown


class Listener:
    """Hears the loudness of all channels as it goes by. Of what is behind it only the spans are kept in which
    somebody may have talked."""

    def __init__(self, channels: int, steps_a_second: int) -> None:
        self._rate = steps_a_second
        self._size = _BLOCK_S * steps_a_second
        #: From the block ``_begin`` on; up to the block ``_marked`` it is decided.
        self._power = np.zeros((channels, 0), np.float32)
        self._begin = self._marked = 0
        #: For each channel (begin, end, 2 where it is loud enough to be talk) in steps; one may end where the
        #: next begins.
        self._found: list[list[Spans]] = [[] for _ in range(channels)]

    def hear(self, power: NDArray[np.float32]) -> None:
        """The next (channels, steps): mean squares of 16-bit samples."""
        self._power = np.concatenate((self._power, power), axis=1)
        there = self._begin + self._power.shape[1] // self._size
        while (last := self._marked + _BLOCKS_AT_ONCE) + _NEIGHBOURS <= there:
            self._mark(last, there)
            behind = max(0, last - _NEIGHBOURS)
            self._power = self._power[:, (behind - self._begin) * self._size :]
            self._begin = behind

    def speech(self) -> list[Spans]:
        """All has been heard: for each channel (n, 2) steps, where talk begins and where it has ended."""
        steps = self._power.shape[1]
        count = self._begin + -(-steps // self._size)
        if count > self._marked:
            self._mark(count, count)
        return [_spans(found, self._rate) for found in self._found]

    def _mark(self, last: int, count: int) -> None:
        """The blocks up to ``last``, of ``count`` that are there."""
        loud = levels(self._power)
        steps = min(last * self._size, self._begin * self._size + loud.shape[1]) - self._marked * self._size
        if missing := -loud.shape[1] % self._size:
            loud = np.pad(loud, ((0, 0), (0, missing)), mode="symmetric")
        blocks = loud.reshape(len(loud), -1, self._size)
        # The neighbours of the first and last blocks are what there is, mirrored.
        near = np.arange(self._marked, last)[:, None] + np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
        near = np.minimum(near % (2 * count), -(near + 1) % (2 * count)) - self._begin
        own = blocks[:, self._marked - self._begin : last - self._begin]
        for channel, spans in enumerate(self._found):
            on = np.clip(_floor(blocks[channel, near]) + ON_ABOVE_FLOOR, ON_LEAST, ON_MOST)[:, None]
            # 2 where talk may begin, 1 where it may go on, 0 elsewhere.
            found = (own[channel] > on - OFF_BELOW_ON).astype(np.int8) + (own[channel] > on)
            others = np.delete(own, channel, axis=0)
            if len(others):
                found *= own[channel] > others.max(axis=0) - ECHO
            spans.append(_loud_spans(found.reshape(-1)[:steps], self._marked * self._size))
        self._marked = last


def _floor(around: Levels) -> Levels:
    """The noise floor at each block, from all the steps (blocks, neighbours, steps) around it."""
    windows = around.reshape(len(around), -1)
    rank = windows.shape[1] * FLOOR_PERCENT // 100
    floor: Levels = np.partition(windows, rank, axis=1)[:, rank]
    return floor


def _loud_spans(marks: NDArray[np.int8], first: int) -> Spans:
    """(n, 3): where marks that are not 0 begin and end, and the highest of them. ``first`` is their step."""
    spans = runs(marks > 0)
    # A 0 behind them: the last span may end there, and reduceat wants a place for every end.
    ends = np.append(marks, np.int8(0))
    loudest = np.maximum.reduceat(ends, spans.reshape(-1))[::2] if len(spans) else np.zeros(0, np.int8)
    return np.column_stack((spans + first, loudest)).astype(np.int64)


def _spans(found: list[Spans], rate: int) -> Spans:
    loud = np.concatenate((np.zeros((0, 3), np.int64), *found))
    if not len(loud):
        return loud[:, :2]
    begins = np.flatnonzero(np.concatenate(([True], loud[1:, 0] != loud[:-1, 1])))
    ends = np.append(begins[1:], len(loud)) - 1
    talk = np.maximum.reduceat(loud[:, 2], begins) == 2
    spans = np.stack((loud[begins, 0], loud[ends, 1]), axis=1)[talk]
    spans = _bridged(spans, LONGEST_GAP_MS * rate // 1000)
    return spans[spans[:, 1] - spans[:, 0] >= SHORTEST_MS * rate // 1000]


def runs(mask: NDArray[np.bool_]) -> Spans:
    """(n, 2): where it turns true, and where it is false again."""
    edges = np.diff(np.concatenate(([False], mask, [False])).astype(np.int8))
    return np.stack((np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)), axis=1).astype(np.int64)


def _bridged(spans: Spans, gap: int) -> Spans:
    if not len(spans):
        return spans
    apart = spans[1:, 0] - spans[:-1, 1] > gap
    begins = spans[np.concatenate(([True], apart)), 0]
    ends = spans[np.concatenate((apart, [True])), 1]
    return np.stack((begins, ends), axis=1)
