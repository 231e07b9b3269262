"""Digit runs taken out of a whole conversation: one speaker's words after the other's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .redaction import digit_runs, merged, redacted
from .transcripts import Utterance, in_order, utterances


def without_digits(
    said: Sequence[Utterance], least: int, language: str
) -> tuple[tuple[Utterance, ...], tuple[tuple[int, int], ...]]:
    """(what is left, the spans of the sound in ms). Runs of ``least`` digits or more go, over the borders
    of sentences too; each channel's words by themselves: what the other one says does not end a number."""
    kept: list[Utterance] = []
    spans: list[tuple[int, int]] = []
    for channel in sorted({u.channel for u in said}):
        mine = [u for u in said if u.channel == channel]
        words = [w for u in mine for w in u.words]
        runs = digit_runs(words, least, language)
        spans += [(run.from_ms, run.to_ms) for run in runs]
        speakers = [u.speaker for u in mine for _ in u.words]
        named = {(w.from_ms, w.to_ms): s for w, s in zip(words, speakers, strict=True)}
        starts = {w.from_ms: s for w, s in zip(words, speakers, strict=True)}
        left = redacted(words, runs)
        pairs = [(named.get((w.from_ms, w.to_ms), starts.get(w.from_ms, "")), w) for w in left]
        for speaker, group in groupby(pairs, key=lambda pair: pair[0]):
            kept += utterances(channel, speaker, (w for _, w in group))
    return in_order(kept), merged(spans)
