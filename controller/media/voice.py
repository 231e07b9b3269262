"""Who spoke when: voice activity of each channel, from its loudness in steps of 20 ms.

A step counts as loud when it is ON_ABOVE_FLOOR dB above the channel's noise floor, and goes on
while it stays above OFF_BELOW_ON dB under that (hysteresis). The floor is the FLOOR_PERCENT-th
percentile of the loudness in some 35 seconds around: talk has gaps, noise has none. Loudness is
that of the sound without its constant part, in dBFS (0 is a square wave of full scale). All
thresholds are documented in docs/reference/peaks.md.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
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

Levels = NDArray[np.float32]
Spans = NDArray[np.int64]


def levels(power: NDArray[np.float32]) -> Levels:
    """Mean squares of 16-bit samples in dBFS, silence being -96."""
    with np.errstate(divide="ignore"):
        decibels = 10.0 * np.log10(power / (_FULL_SCALE * _FULL_SCALE))
    shown: Levels = np.maximum(decibels, _QUIET).astype(np.float32)
    return shown


def speech(power: NDArray[np.float32], steps_a_second: int) -> list[Spans]:
    """For each channel (n, 2) steps: where talk begins and where it has ended.

    ``power`` is (channels, steps): mean squares of 16-bit samples.
    """
    loud = levels(power)
    found = []
    for channel in range(len(loud)):
        others = np.delete(loud, channel, axis=0)
        echo = others.max(axis=0) - ECHO if len(others) else None
        found.append(_channel(loud[channel], echo, steps_a_second))
    return found


def _channel(loud: Levels, echo: Levels | None, rate: int) -> Spans:
    on = np.clip(_floor(loud, rate) + ON_ABOVE_FLOOR, ON_LEAST, ON_MOST)
    own = np.ones(len(loud), bool) if echo is None else loud > echo
    spans = runs((loud > on - OFF_BELOW_ON) & own)
    if not len(spans):
        return spans
    triggered = np.concatenate(([0], np.cumsum((loud > on) & own)))
    spans = spans[triggered[spans[:, 1]] > triggered[spans[:, 0]]]
    spans = _bridged(spans, LONGEST_GAP_MS * rate // 1000)
    return spans[spans[:, 1] - spans[:, 0] >= SHORTEST_MS * rate // 1000]


def _floor(loud: Levels, rate: int) -> Levels:
    """The noise floor at each step."""
    size = _BLOCK_S * rate
    count = -(-len(loud) // size)
    # The neighbours of the first and last blocks are what there is, mirrored.
    padded = np.pad(loud, (0, count * size - len(loud)), mode="symmetric") if len(loud) else loud
    blocks = padded.reshape(-1, size)
    if not len(blocks):
        return loud
    around = np.pad(blocks, ((_NEIGHBOURS, _NEIGHBOURS), (0, 0)), mode="symmetric")
    windows = sliding_window_view(around, 2 * _NEIGHBOURS + 1, axis=0).reshape(len(blocks), -1)
    rank = windows.shape[1] * FLOOR_PERCENT // 100
    floor = np.partition(windows, rank, axis=1)[:, rank]
    return np.repeat(floor, size)[: len(loud)].astype(np.float32)


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
