"""Taken out of a whole conversation: runs of digits, one speaker after the other, and chosen spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from .errors import InvalidPolicy
from .redaction import MARK, digit_runs, merged, redacted
from .transcripts import Utterance, Word, in_order, utterances


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


_MOMENT = re.compile(r"(?:(?:([0-9]{1,3}):)?([0-9]{1,4}):)?([0-9]{1,6})(?:[.,]([0-9]{1,3}))?")


def moment_ms(key: str, text: str) -> int:
    """A place on a time line as people write it: ``75.5``, ``1:15.5``, ``1:02:15``. Raises InvalidPolicy,
    which names the key."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise InvalidPolicy(f"{key}: want seconds or m:ss, like 75.5 or 1:15.5, not {text[:20]!r}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    return (hours * 3600 + minutes * 60 + seconds) * 1000 + int((found[4] or "0").ljust(3, "0"))


def without_spans(said: Sequence[Utterance], spans: Sequence[tuple[int, int]]) -> tuple[Utterance, ...]:
    """What is left if every word that lies in one of these spans (ms), or reaches into it, goes."""
    return tuple(replace(utterance, words=_hidden(utterance.words, spans)) for utterance in said)


def _hidden(words: Sequence[Word], spans: Sequence[tuple[int, int]]) -> tuple[Word, ...]:
    left: list[Word] = []
    taken = False
    for word in words:
        inside = any(begin < word.to_ms and word.from_ms < end for begin, end in spans)
        if inside and taken:
            left[-1] = replace(left[-1], to_ms=max(left[-1].to_ms, word.to_ms))
        else:
            left.append(Word(MARK, word.from_ms, word.to_ms, hidden=True) if inside else word)
        taken = inside
    return tuple(left)
