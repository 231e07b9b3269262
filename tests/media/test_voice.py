"""Who spoke: found in noise, not found in noise, echoes told from voices."""

from __future__ import annotations

import numpy as np
import pytest

from controller.media import voice

RATE = 50


def power(decibels: np.ndarray) -> np.ndarray:
    return (32_768.0**2 * 10 ** (np.asarray(decibels) / 10)).astype(np.float32)


def spans(*channels: np.ndarray) -> list[list[tuple[float, float]]]:
    """In seconds."""
    return heard(np.stack([power(c) for c in channels]), 10**9)


def heard(loudness: np.ndarray, at_once: int) -> list[list[tuple[float, float]]]:
    """In seconds, told so many steps at a time."""
    listener = voice.Listener(len(loudness), RATE)
    for begin in range(0, loudness.shape[1], at_once):
        listener.hear(loudness[:, begin : begin + at_once])
    found = listener.speech()
    return [[(b / RATE, e / RATE) for b, e in each] for each in found]


def line(seconds: float, level: float, *said: tuple[float, float, float], seed: int = 1) -> np.ndarray:
    """A line with noise of this loudness, and talk: (from, to, loudness) with syllables."""
    made = level + np.random.default_rng(seed).normal(0, 1.0, int(seconds * RATE))
    for begin, end, loud in said:
        first, last = round(begin * RATE), round(end * RATE)
        syllables = np.where(np.arange(last - first) % 12 < 9, loud, loud - 14)
        made[first:last] = np.maximum(made[first:last], syllables)
    return made


TALK = ((3, 5.5, -22), (9, 10, -26), (20, 24, -18))


@pytest.mark.parametrize("floor", [-96, -70, -55, -45, -40])
def test_talk_is_found_over_noise_of_any_loudness(floor: float) -> None:
    (found,) = spans(line(60, floor, *TALK))
    assert len(found) == 3
    for (begin, end), (from_s, to_s, _) in zip(found, TALK, strict=True):
        assert begin == pytest.approx(from_s, abs=0.021)
        assert end == pytest.approx(to_s, abs=0.081)


@pytest.mark.parametrize("floor", [-96, -70, -55, -45, -40])
def test_noise_alone_is_no_talk(floor: float) -> None:
    assert spans(line(120, floor)) == [[]]


def test_noise_that_becomes_louder_is_no_talk_for_long() -> None:
    """A car window that is opened: the floor follows within half a minute."""
    (found,) = spans(np.concatenate((line(60, -70), line(180, -42))))
    assert sum(e - b for b, e in found) < 30


def test_somebody_who_talks_without_a_gap_is_heard_to_the_end() -> None:
    (found,) = spans(line(120, -60, (0, 120, -20)))
    assert found == [(0, pytest.approx(120, abs=0.081))]


def test_gaps_between_words_are_bridged_and_clicks_left_out() -> None:
    def at(*bursts: tuple[float, float]) -> list[tuple[float, float]]:
        made = np.full(RATE * 30, -80.0)
        for begin, end in bursts:
            made[round(begin * RATE) : round(end * RATE)] = -20
        return spans(made)[0]

    assert at((1, 2), (2.3, 3)) == [(1, 3)]
    assert at((1, 2), (2.32, 3)) == [(1, 2), (2.32, 3)]
    assert at((1, 1.1)) == []
    assert at((1, 1.12)) == [(1, 1.12)]


def test_hysteresis_keeps_what_has_begun_and_begins_with_nothing_weak() -> None:
    made = np.full(RATE * 30, -90.0)
    made[100:200] = -53.0  # between the two thresholds: -50 and -54
    assert spans(made) == [[]]
    made[150] = -40
    assert spans(made) == [[(2, 4)]]


def test_an_echo_is_not_the_other_party() -> None:
    mine = line(60, -70, (10, 20, -15))
    echo = np.maximum(line(60, -70, seed=2), mine - 30)
    assert spans(mine, echo)[1] == []
    both = np.maximum(echo, line(60, -70, (12, 15, -25), seed=3))
    ((begin, end),) = spans(mine, both)[1]
    assert (begin, end) == (pytest.approx(12, abs=0.05), pytest.approx(15, abs=0.1))


def test_nothing_and_next_to_nothing() -> None:
    assert heard(np.zeros((2, 0), np.float32), 1) == [[], []]
    assert spans(np.full(3, -96.0)) == [[]]
    assert spans(np.full(50, -20.0)) == [[(0, 1)]]


@pytest.mark.parametrize("minutes", [1, 5, 6, 11, 30])
def test_hours_are_heard_as_a_whole_would_be(minutes: int) -> None:
    """What is let go of on the way decides nothing any more, at the end neither."""
    said = [(n * 7.3, n * 7.3 + 2, -20 - n % 9) for n in range(minutes * 8)]
    lines = np.stack([power(line(minutes * 60 + 2.5, floor, *said, seed=minutes)) for floor in (-60, -45)])
    lines[1] = np.roll(lines[1], 170)
    found = heard(lines, 10**9)
    assert all(len(channel) > minutes * 4 for channel in found)
    for at_once in (50, 333, 4001):
        assert heard(lines, at_once) == found


def test_the_floor_is_that_of_the_half_minute_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of any size find what the definition says, block by block."""
    loudness = power(line(400, -50, *TALK, (200, 201, -30), (390, 399.9, -33)))[None, :]
    whole = heard(loudness, 10**9)
    for blocks in (1, 2, 3, 7, 1000):
        monkeypatch.setattr(voice, "_BLOCKS_AT_ONCE", blocks)
        assert heard(loudness, 50) == whole
