"""Shares, overlap and silence add up to the recording, whatever the stretches are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.core.talk import apart, talk_of


def test_two_who_take_turns() -> None:
    found = talk_of([[(0, 1000), (3000, 5000)], [(1000, 2000), (4000, 4500)]], 10_000)
    assert found.spoken == (3000, 1500)
    assert found.both == 500
    assert found.silence == 10_000 - 4000
    assert found.longest_silence == 5000
    assert found.share(0) == 3000 / 4500


def test_a_pause_is_no_silence() -> None:
    found = talk_of([[(0, 1000)]], 10_000, without=[(2000, 6000)])
    assert (found.silence, found.longest_silence, found.counted) == (5000, 4000, 6000)


def test_what_nobody_of_the_call_says_is_nobodys_talk() -> None:
    said = [(0, 1000), (2000, 3000), (5000, 9000)]
    assert apart(said, [(500, 2000), (6000, 7000), (8500, 9500)]) == [
        (0, 500), (2000, 3000), (5000, 6000), (7000, 8500),
    ]  # fmt: skip
    assert apart(said, []) == said
    assert apart(said, [(0, 9000)]) == []


def test_nothing() -> None:
    assert talk_of([], 0).silence == 0
    assert talk_of([[], []], 500).share(1) == 0.0
    assert talk_of([[], []], 500).silence == 500


@st.composite
def stretches(draw: st.DrawFn) -> list[tuple[int, int]]:
    edges = sorted(draw(st.sets(st.integers(0, 60), max_size=8)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@given(st.lists(stretches(), min_size=1, max_size=3), stretches(), st.integers(0, 50))
def test_against_counting_every_millisecond(
    channels: list[list[tuple[int, int]]], without: list[tuple[int, int]], duration: int
) -> None:
    def covered(spans: list[tuple[int, int]], at: int) -> bool:
        return any(begin <= at < end for begin, end in spans)

    found = talk_of(channels, duration, without)
    speaking = [sum(covered(c, at) for c in channels) for at in range(duration)]
    paused = [covered(without, at) for at in range(duration)]
    assert found.spoken == tuple(sum(covered(c, at) for at in range(duration)) for c in channels)
    assert found.both == sum(n > 1 for n in speaking)
    assert found.silence == sum(not n and not p for n, p in zip(speaking, paused, strict=True))
    assert found.counted == sum(not p for p in paused)
