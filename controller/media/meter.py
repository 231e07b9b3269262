"""How long and how loud sound is, measured while it goes by."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .resample import Samples
from .sound import Sound

#: A recording whose loudest sample is no louder has nothing to be heard in it: -58 dB, above the noise
#: of an idle line in A-law and mu-law (8) and below that of any room.
SILENCE_PEAK = 40


@dataclass(slots=True)
class Meter:
    """What went by. ``peak`` of 32,768; ``rms`` over all channels."""

    frames: int = 0
    peak: int = 0
    _squares: float = 0.0
    _samples: int = 0

    def note(self, block: Samples) -> None:
        """An array of (n, channels)."""
        self.frames += len(block)
        if block.size:
            self.peak = max(self.peak, int(block.max()), -int(block.min()))
            level = block.astype(np.float32).ravel()
            self._squares += float(np.dot(level, level))
            self._samples += level.size

    @property
    def rms(self) -> float:
        return math.sqrt(self._squares / self._samples) if self._samples else 0.0


def measured(sound: Sound, meter: Meter) -> Sound:
    """The same sound; the meter knows all of it when it has gone by."""

    def blocks() -> Iterator[Samples]:
        for block in sound.blocks:
            meter.note(block)
            yield block

    return replace(sound, blocks=blocks())


def measure(sound: Sound) -> Meter:
    """Let all of it go by."""
    meter = Meter()
    for _ in measured(sound, meter).blocks:
        pass
    return meter
