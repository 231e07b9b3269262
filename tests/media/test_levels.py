"""Letters of sound: how loud each quarter of a second was, and where they stand in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.media.levels import GAP, LETTERS, Lane, edges, letters

RATE, A_SECOND = 8000, 4


def sine(peak: int, seconds: float, rate: int = RATE) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * 400 * np.arange(round(seconds * rate)) / rate)).astype("<i2")


def steps(frames: int, rate: int = RATE, first: int = 0) -> np.ndarray:
    return edges(rate, A_SECOND, first, frames)


def test_silence_a_quiet_room_a_tone_and_full_scale() -> None:
    parts = [sine(0, 0.25), sine(24, 0.25), sine(8000, 0.25), np.full(2000, -32768, "<i2")]
    sound = np.concatenate(parts)
    [text] = letters(sound.tobytes(), 1, steps(len(sound)))
    assert text[0] == "0", "exact zeros: a pause"
    assert text[1] == "1", "the quietest that there is"
    assert text[2] == LETTERS[round(1 + 34 * (54 - 12.25) / 54)], "-12 dB"
    assert text[3] == "z"


def test_one_sample_in_a_step_is_seen() -> None:
    sound = np.zeros(4000, "<i2")
    sound[2001] = -3000
    assert letters(sound.tobytes(), 1, steps(4000))[0][0] == "0"
    assert letters(sound.tobytes(), 1, steps(4000))[0][1] > "8"


def test_each_channel_has_its_own() -> None:
    both = np.stack([sine(8000, 1.0), np.zeros(8000, "<i2")], axis=1)
    left, right = letters(both.tobytes(), 2, steps(8000))
    assert right == "0000"
    assert min(left) > "m"


def test_half_a_step_waits_and_half_a_sample_is_left_out() -> None:
    sound = sine(8000, 0.4).tobytes() + b"\x01"
    assert len(letters(sound, 1, steps(3200))[0]) == 1
    assert letters(b"", 1, steps(0)) == [""]
    assert letters(b"\x01", 2, steps(1999)) == ["", ""]


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_the_steps_of_any_rate_last_a_quarter_of_a_second(rate: int) -> None:
    found = steps(rate * 7, rate)
    assert len(found) == 29
    assert {int(n) for n in np.diff(found)} <= {rate // 4, -(-rate // 4)}
    assert list(steps(rate * 7, rate, 5)) == list(found[5:])


class Plain:
    """What `Lane` should be: everything ever told, by its step."""

    def __init__(self) -> None:
        self.all: dict[int, str] = {}

    def put(self, start: int, text: str) -> None:
        self.all |= {start + n: letter for n, letter in enumerate(text)}

    def since(self, start: int, end: int) -> str:
        return "".join(self.all.get(n, GAP) for n in range(start, end))


@given(st.lists(st.tuples(st.integers(0, 30), st.text("0az", max_size=9)), max_size=12))
def test_a_lane_keeps_the_last_ones_where_they_belong(told: list[tuple[int, str]]) -> None:
    most = 8
    lane, plain = Lane(most), Plain()
    for start, text in told:
        lane.put(start, text)
        plain.put(start, text)
    end = max(plain.all, default=-1) + 1
    assert lane.end == end
    assert lane.since(end - most, end) == plain.since(end - most, end)
    assert lane.since(end - most - 3, end + 2)[3:] == plain.since(end - most, end + 2)
