"""How loud a piece of sound is, step by step, in letters. Pure: bytes in, letters out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Each letter is a level: "0" exact silence (a pause, in which the switch writes zeros), "1" for all that is
#: quieter than FLOOR_DB, "z" full scale. GAP: nothing was recorded.
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
GAP = "-"
FLOOR_DB = -54.0

#: Every letter by its peak.
_PEAKS = np.arange(32769)
_DB = 20 * np.log10(np.maximum(_PEAKS, 1) / 32768)
_LEVELS = np.clip(np.rint(1 + 34 * (_DB - FLOOR_DB) / -FLOOR_DB), 1, 35).astype(np.uint8)
_LEVELS[0] = 0
_CODES = np.frombuffer(LETTERS.encode(), np.uint8)[_LEVELS]


def edges(rate: int, steps_a_second: int, first: int, frames: int) -> NDArray[np.int64]:
    """The frames at which the steps begin that lie wholly within ``first`` (a step) and ``frames``, and the
    one at which the last of them ends."""
    count = frames * steps_a_second // rate
    return np.arange(first, max(first, count) + 1, dtype=np.int64) * rate // steps_a_second


def letters(sound: bytes, channels: int, edges: NDArray[np.int64]) -> list[str]:
    """For each channel one letter a step: its highest peak. ``sound``: 16-bit samples from ``edges[0]`` on;
    what lies behind the last edge is left out."""
    if len(edges) < 2:
        return [""] * channels
    frames = int(edges[-1] - edges[0])
    samples = np.frombuffer(sound, "<i2", frames * channels).reshape(frames, channels)
    starts = (edges[:-1] - edges[0]).astype(np.intp)
    low = np.minimum.reduceat(samples, starts).astype(np.int32)
    high = np.maximum.reduceat(samples, starts).astype(np.int32)
    codes = _CODES[np.maximum(-low, high)]
    return [codes[:, channel].tobytes().decode("ascii") for channel in range(channels)]


class Lane:
    """Letters by their place in time, the last ``most`` of them; what was never told is a gap."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._text, self.end = GAP * most, 0

    def put(self, start: int, text: str) -> None:
        """Letters from the step ``start`` on; they take the place of what was there."""
        if not text:
            return
        later = max(0, start + len(text) - self.end)
        kept = (self._text + GAP * min(later, self._most))[-self._most :]
        self.end += later
        at = start - (self.end - self._most)
        text, at = text[max(0, -at) :], max(0, at)
        self._text = kept[:at] + text + kept[at + len(text) :]

    def since(self, start: int, end: int) -> str:
        """The letters from ``start`` to ``end``, gaps where there are none."""
        begin = self.end - self._most
        found = self._text[max(0, start - begin) : max(0, end - begin)]
        lead = max(0, min(begin, end) - start)
        return (GAP * lead + found).ljust(end - start, GAP)
