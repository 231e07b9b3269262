"""Beeps and clips: exactly there, and nothing else changed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from controller.media import edits
from controller.media.sound import Sound

from .doubles import voice

RATE = 8000


def sound(samples: np.ndarray, rate: int = RATE, step: int = 1234) -> Sound:
    blocks = (samples[n : n + step] for n in range(0, len(samples), step))
    return Sound(samples.shape[1], rate, len(samples), blocks)


def all_of(made: Sound) -> np.ndarray:
    return np.concatenate([np.zeros((0, made.channels), np.int16), *made.blocks])


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_beep_is_over_the_span_and_nothing_else_changes(rate: int, channels: int) -> None:
    before = voice(rate * 3, channels)
    after = all_of(edits.beep_over(sound(before, rate), [(1000, 1500), (2500, 9000)]))
    assert after.shape == before.shape
    first, last, again = rate, rate * 3 // 2, rate * 5 // 2
    assert np.array_equal(after[:first], before[:first])
    assert np.array_equal(after[last + 1 : again], before[last + 1 : again])
    for channel in range(channels):
        for begin, end in ((first, last), (again, rate * 3)):
            piece = after[begin:end, channel].astype(float)
            spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 16))
            assert abs(np.argmax(spectrum) * rate / (1 << 16) - edits.BEEP_HZ) < 3
            # Nothing of the voice is left beside the tone.
            n = np.arange(len(piece))
            fitted = sum(
                2 * (piece * f).mean() * f
                for f in (np.sin(2 * np.pi * 1000 * n / rate), np.cos(2 * np.pi * 1000 * n / rate))
            )
            assert np.sqrt(((piece - fitted) ** 2).mean()) < 0.05 * np.sqrt((piece**2).mean())


@pytest.mark.parametrize("channels", [1, 2])
def test_a_clip_is_the_piece_with_soft_edges(channels: int) -> None:
    before = voice(RATE * 3, channels)
    after = all_of(edits.clip(sound(before), 500, 2250))
    assert len(after) == RATE * 1750 // 1000
    soft = RATE * edits.FADE_MS // 1000
    assert np.array_equal(after[soft:-soft], before[4000 + soft : 18000 - soft])
    assert np.abs(after[:4]).max() < 600
    assert np.abs(after[-4:]).max() < 2500
    assert len(all_of(edits.clip(sound(before), 2900, 9000))) == 800
    assert len(all_of(edits.clip(sound(before), 5000, 9000))) == 0
    assert len(all_of(edits.clip(sound(before), 1000, 1001))) == 8


def test_memory_does_not_grow_with_the_length() -> None:
    def peak(minutes: int) -> int:
        block = voice(RATE * 10, 1)
        made = edits.beep_over(
            Sound(1, RATE, 0, (block for _ in range(minutes * 6))), [(0, minutes * 60_000)]
        )
        tracemalloc.start()
        for _ in made.blocks:
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(30) < peak(3) * 1.5 + 1_000_000
