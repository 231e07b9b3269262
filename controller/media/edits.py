"""Short edits by pydub: a beep over a span, a clip.

pydub holds a whole sound in memory, so it gets pieces of at most `PIECE_S` seconds: what lies outside of
an edit streams past it, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from pydub import AudioSegment
from pydub.generators import Sine

from . import samples
from .resample import Samples
from .sound import Sound

PIECE_S = 30
#: A clip begins and ends without a click.
FADE_MS = 10
BEEP_HZ = 1000
#: Of a beep, in dB below full scale: heard, and no fright.
BEEP_DB = -24.0

Span = tuple[int, int]
_Edit = Callable[[AudioSegment], AudioSegment]


def beep_over(sound: Sound, spans: Sequence[Span]) -> Sound:
    """A tone, and nothing else, in these spans (ms), on every channel."""

    def tone(piece: AudioSegment) -> AudioSegment:
        # As long as the piece or a little longer, and of its rate.
        return _second_of_tone(piece.frame_rate) * (len(piece) // 1000 + 1)

    return _edited(sound, spans, tone)


@lru_cache(maxsize=4)
def _second_of_tone(rate: int) -> AudioSegment:
    """Whole periods, so that one second may stand behind the other; pydub makes every sample in Python."""
    return Sine(BEEP_HZ, sample_rate=rate).to_audio_segment(1000, BEEP_DB)


def clip(sound: Sound, from_ms: int, to_ms: int) -> Sound:
    """What lies from ``from_ms`` to ``to_ms``, with soft edges. Of any length; nothing if that is beyond
    the end."""
    first, last = (ms * sound.sample_rate // 1000 for ms in (from_ms, to_ms))
    soft = max(1, FADE_MS * sound.sample_rate // 1000)
    cut = replace(sound, blocks=_soft_end(_cut(sound.blocks, first, last), soft, sound))
    return _edited(cut, [(0, FADE_MS)], lambda piece: piece.fade_in(FADE_MS))


def _edited(sound: Sound, spans: Sequence[Span], edit: _Edit) -> Sound:
    """The same sound with each piece in a span as ``edit`` makes it: never longer, never shorter."""
    rate = sound.sample_rate
    places = [(begin * rate // 1000, -(-end * rate // 1000)) for begin, end in spans]

    def blocks() -> Iterator[Samples]:
        at = 0
        for block in _pieces(sound.blocks, PIECE_S * rate):
            for first, last in places:
                begin, end = max(0, first - at), min(len(block), last - at)
                if begin < end:
                    piece = block[begin:end]
                    changed = _array(edit(_segment(piece, rate)), piece)
                    block = np.concatenate((block[:begin], changed, block[end:]))
            yield block
            at += len(block)

    return replace(sound, blocks=blocks())


def _cut(blocks: Iterator[Samples], first: int, last: int) -> Iterator[Samples]:
    at = 0
    for block in blocks:
        begin, end = max(0, first - at), min(len(block), last - at)
        if begin < end:
            yield block[begin:end]
        at += len(block)
        if at >= last:
            return


def _soft_end(blocks: Iterator[Samples], soft: int, sound: Sound) -> Iterator[Samples]:
    """Hold back the last frames until it is known that they are the last."""
    held = np.zeros((0, sound.channels), np.int16)
    for block in blocks:
        held = np.concatenate((held, block))
        if len(held) > soft:
            yield held[:-soft]
            held = held[-soft:]
    if len(held):
        yield _array(_segment(held, sound.sample_rate).fade_out(FADE_MS), held)


def _pieces(blocks: Iterator[Samples], size: int) -> Iterator[Samples]:
    """The same frames in blocks of exactly this size, but for the last."""
    waiting: list[Samples] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block)
        while count >= size:
            whole = np.concatenate(waiting)
            yield whole[:size]
            waiting, count = [whole[size:]], count - size
    if count:
        yield np.concatenate(waiting)


def _segment(block: Samples, rate: int) -> AudioSegment:
    data = np.ascontiguousarray(block, np.dtype("<i2")).tobytes()
    return AudioSegment(data=data, sample_width=2, frame_rate=rate, channels=block.shape[1])


def _array(segment: AudioSegment, like: Samples) -> Samples:
    """As many frames and channels as ``like`` has; pydub counts in milliseconds."""
    found = np.frombuffer(segment.raw_data, "<i2").astype(np.int16, copy=False)
    found = samples.spread(found.reshape(-1, segment.channels), like.shape[1])[: len(like)]
    if len(found) < len(like):
        found = np.concatenate((found, np.zeros((len(like) - len(found), like.shape[1]), np.int16)))
    return found
