"""How a conversation was shared: who spoke for how long, both at once, nobody. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Talk:
    """In milliseconds. ``spoken`` for each channel; ``both``: two or more at once; ``silence``: nobody,
    the stretches that do not count left out; ``longest_silence`` is one stretch of that."""

    counted: int
    spoken: tuple[int, ...]
    both: int
    silence: int
    longest_silence: int

    def share(self, channel: int) -> float:
        """The channel's part of what was spoken on all of them, 0 to 1."""
        total = sum(self.spoken)
        return self.spoken[channel] / total if total else 0.0


def apart(stretches: Iterable[Stretch], without: Iterable[Stretch]) -> list[Stretch]:
    """``stretches`` without what of them lies in ``without``."""
    left = list(stretches)
    for first, last in without:
        left = [
            piece
            for begin, end in left
            for piece in ((begin, min(end, first)), (max(begin, last), end))
            if piece[0] < piece[1]
        ]
    return left


def talk_of(channels: Sequence[Sequence[Stretch]], duration_ms: int, without: Iterable[Stretch] = ()) -> Talk:
    """``channels``: when somebody spoke on each, in order and apart; ``without``: stretches that do not
    count (pauses, in which nothing can be heard)."""
    edges: list[tuple[int, int, int]] = []
    for channel, stretches in enumerate(channels):
        for begin, end in stretches:
            edges += [(min(begin, duration_ms), channel, 1), (min(end, duration_ms), channel, -1)]
    for begin, end in without:
        edges += [(min(begin, duration_ms), -1, 1), (min(end, duration_ms), -1, -1)]
    edges.append((duration_ms, -2, 0))
    spoken = [0] * len(channels)
    active = [0] * (len(channels) + 1)  # the last one: what does not count
    both = silence = longest = run = counted = at = 0
    for moment, channel, change in sorted(edges):
        lasted, at = moment - at, max(at, moment)
        speaking = [n for n in range(len(channels)) if active[n]]
        if lasted > 0:
            for n in speaking:
                spoken[n] += lasted
            both += lasted if len(speaking) > 1 else 0
            counted += 0 if active[-1] else lasted
            if speaking or active[-1]:
                run = 0
            else:
                silence += lasted
                run += lasted
                longest = max(longest, run)
        if change:
            active[channel] += change
    return Talk(counted, tuple(spoken), both, silence, longest)
