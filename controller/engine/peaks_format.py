"""The file of a recording's waveform, byte by byte: written by media/peaks.py, read by the web.

All numbers are little-endian. A header; who spoke on each channel; the levels, the coarsest first,
so that the first FIRST_READ bytes of the file answer most questions about a whole call. A level
holds, for each of its buckets and each channel, the lowest and the highest sample as one signed
byte each (`sample_of`). Documented in docs/reference/peaks.md. Standard library only.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.errors import TapelineError

MAGIC, VERSION = b"TLPK", 1
STEPS_A_SECOND = 50
#: So many buckets of one level are one of the next.
FACTOR = 4
#: A level that has no more buckets than this is the last.
SMALLEST = 1024
FIRST_READ = 1 << 16
MOST_CHANNELS, MOST_LEVELS, MOST_SPANS = 64, 24, 1_000_000

#: magic, version, channels, levels, version of the voice detector, sample rate, steps a second,
#: frames, SHA-256 of the rendition that was measured, bytes up to the levels
_HEAD = struct.Struct("<4sBBBBIIQ32sQ")
_LEVEL = struct.Struct("<QQQ")  # offset, buckets, steps in a bucket
_COUNT = struct.Struct("<I")
_SPAN = struct.Struct("<II")

Talk = tuple[tuple[tuple[int, int], ...], ...]


class BadPeaks(TapelineError):
    """These bytes are no peaks file, or one of another version. It is made again from the sound."""


@dataclass(frozen=True, slots=True)
class Level:
    """``steps``: so many of the finest level's buckets are one of this level's."""

    steps: int
    buckets: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """``source``: the SHA-256, in hex, of the rendition; ``levels`` from the finest to the coarsest."""

    channels: int
    sample_rate: int
    frames: int
    source: str
    voice_version: int
    levels: tuple[Level, ...]
    begin: int = 0

    @property
    def duration_ms(self) -> int:
        return self.frames * 1000 // self.sample_rate

    @property
    def bucket_bytes(self) -> int:
        return 2 * self.channels


@dataclass(frozen=True, slots=True)
class Peaks:
    """Some points in a row: point i covers the i-th equal part of ``from_ms`` to ``to_ms``.

    ``codes``: point after point, channel after channel, lowest and highest (`sample_of`).
    """

    channels: int
    from_ms: int
    to_ms: int
    codes: bytes = field(repr=False)

    @property
    def points(self) -> int:
        return len(self.codes) // (2 * self.channels)

    def samples(self) -> list[list[int]]:
        """For each channel lowest, highest, lowest, … as 16-bit samples."""
        width, numbers = 2 * self.channels, [_SAMPLES[code] for code in self.codes]
        both = [(numbers[2 * c :: width], numbers[2 * c + 1 :: width]) for c in range(self.channels)]
        return [[n for pair in zip(low, high, strict=True) for n in pair] for low, high in both]


def sample_of(code: int) -> int:
    """The 16-bit sample that a signed byte stands for: the magnitude of G.711 mu-law with its sign."""
    size = abs(code)
    value = ((((size & 15) << 3) + 0x84) << (size >> 4)) - 0x84
    return value if code >= 0 else -value


_SAMPLES = [sample_of(code if code < 128 else max(-127, code - 256)) for code in range(256)]


def lead(head: Head, talk: Sequence[Sequence[tuple[int, int]]]) -> bytes:
    """What stands before the levels. ``talk`` in steps for each channel. Behind it come the levels, from the
    coarsest to the finest."""
    spoken = b"".join(
        _COUNT.pack(len(spans)) + b"".join(_SPAN.pack(*span) for span in spans) for spans in talk
    )
    begin = _HEAD.size + len(head.levels) * _LEVEL.size + len(spoken)
    offset, table = begin, []
    for level in reversed(head.levels):
        table.append(_LEVEL.pack(offset, level.buckets, level.steps))
        offset += level.buckets * head.bucket_bytes
    first = _HEAD.pack(
        MAGIC, VERSION, head.channels, len(head.levels), head.voice_version, head.sample_rate,
        STEPS_A_SECOND, head.frames, bytes.fromhex(head.source), begin,
    )  # fmt: skip
    return b"".join((first, *reversed(table), spoken))


def unpack(first: bytes) -> Head:
    """The header from a file's first bytes. Raises BadPeaks."""
    try:
        magic, version, channels, count, voice, rate, steps, frames, source, begin = _HEAD.unpack_from(first)
        if magic != MAGIC or version != VERSION or steps != STEPS_A_SECOND:
            raise BadPeaks("no peaks of this version")
        levels = []
        for n in range(count):
            offset, buckets, size = _LEVEL.unpack_from(first, _HEAD.size + n * _LEVEL.size)
            levels.append(Level(size, buckets, offset))
    except struct.error as error:
        raise BadPeaks("the file ends in its header") from error
    head = Head(channels, rate, frames, source.hex(), voice, tuple(levels), begin)
    good = 1 <= channels <= MOST_CHANNELS and 1 <= count <= MOST_LEVELS and rate > 0
    if not good or any(level.steps < 1 or level.offset < begin for level in levels):
        raise BadPeaks("its header makes no sense")
    return head


def unpack_talk(head: Head, first: bytes) -> Talk:
    """Who spoke, for each channel in steps; ``first`` reaches to ``head.begin``. Raises BadPeaks."""
    at = _HEAD.size + len(head.levels) * _LEVEL.size
    talk = []
    try:
        for _ in range(head.channels):
            (count,) = _COUNT.unpack_from(first, at)
            if count > MOST_SPANS:
                raise BadPeaks("more talk than there can be")
            at += _COUNT.size
            talk.append(tuple(_SPAN.iter_unpack(first[at : at + count * _SPAN.size])))
            at += count * _SPAN.size
    except struct.error as error:
        raise BadPeaks("the file ends in its header") from error
    if any(begin >= end for spans in talk for begin, end in spans):
        raise BadPeaks("its talk makes no sense")
    return tuple(talk)


@dataclass(frozen=True, slots=True)
class Cut:
    """What has to be read (``offset``, ``length``) to draw a part, and how it is to be grouped:
    ``edges`` are the buckets behind ``first`` at which the points begin, and the end."""

    from_ms: int
    to_ms: int
    offset: int
    length: int
    edges: tuple[int, ...]


def cut(head: Head, points: int, from_ms: int, to_ms: int) -> Cut:
    """The coarsest level that has twice the points asked for, or the finest there is.

    Where even that has fewer buckets than points, each bucket is a point, and the part begins and
    ends at a bucket's edge.
    """
    step = 1000 // STEPS_A_SECOND
    end_ms = -(-head.frames * 1000 // head.sample_rate)
    from_ms = min(max(0, from_ms), end_ms)
    to_ms = min(max(from_ms, to_ms), end_ms)
    span = to_ms - from_ms
    fine = [level for level in head.levels if span >= 2 * points * step * level.steps]
    level = fine[-1] if fine else head.levels[0]
    bucket = step * level.steps
    first, last = from_ms // bucket, min(level.buckets, -(-to_ms // bucket))
    if last - first <= points:
        edges = tuple(range(last - first + 1))
        from_ms, to_ms = min(first * bucket, end_ms), min(last * bucket, end_ms)
    else:
        edges = (*((from_ms + span * n // points) // bucket - first for n in range(points)), last - first)
    width = head.bucket_bytes
    return Cut(from_ms, to_ms, level.offset + first * width, (last - first) * width, edges)


def grouped(head: Head, part: Cut, data: bytes) -> Peaks:
    """The points from the bytes that were read. Raises BadPeaks if there are too few."""
    if len(data) < part.length:
        raise BadPeaks("the file ends before its peaks")
    width, numbers = head.bucket_bytes, memoryview(data).cast("b")
    if part.edges == tuple(range(len(part.edges))):
        return Peaks(head.channels, part.from_ms, part.to_ms, bytes(data[: part.length]))
    lanes = [numbers[lane : part.length : width].tolist() for lane in range(width)]
    points = bytearray()
    for begin, end in zip(part.edges, part.edges[1:], strict=False):
        for lane in range(0, width, 2):
            points += struct.pack("bb", min(lanes[lane][begin:end]), max(lanes[lane + 1][begin:end]))
    return Peaks(head.channels, part.from_ms, part.to_ms, bytes(points))
