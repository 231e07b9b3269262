"""Two files of one side each made into one with two channels, and a mix compared with their sum.

Asterisk's MixMonitor writes each side of a leg into a file of its own (r and t), in step from the
start; at the end one may be some frames longer. Nothing is measured or moved: what is missing at the
end of the shorter one is silence, and the note of the merged file says how long each was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import samples, wav
from .resample import Samples, resample, resampled_frames
from .wav import PCM, WavInfo

_FRAMES = 1 << 16


@dataclass(frozen=True, slots=True)
class Merged:
    """``exact``: every sample of both is in it as it was, so that each can be had again from it."""

    frames: int
    sample_rate: int
    exact: bool


def merge(left: Path | None, right: Path | None, target: Path) -> Merged:
    """Write a new stereo file, complete and on the disk when this returns; None is a silent side.

    Memory stays bounded whatever the length. Raises UnreadableAudio, JoinError and OSError;
    ``target`` may then be there in part. Blocking.
    """
    sides = [(path, wav.inspect(path)) if path is not None else None for path in (left, right)]
    there = [info for side in sides if side for info in (side[1],)]
    rate = max((info.sample_rate for info in there), default=8000)
    frames = max((resampled_frames(i.frames, i.sample_rate, rate) for i in there), default=0)
    streams = [_even(side, rate, frames) for side in sides]
    with target.open("xb") as file:
        file.write(wav.header(2, rate, 16, frames))
        for pair in zip(*streams, strict=True):
            file.write(np.column_stack(pair).astype("<i2", copy=False).tobytes())
        file.flush()
        os.fsync(file.fileno())
    return Merged(frames, rate, all(_plain(info) and info.sample_rate == rate for info in there))


def is_sum(mix: Path, merged: Path) -> bool:
    """Whether a mono mix holds nothing but the sum of the two sides, to the bit: it can be had again.

    Asterisk adds the two and limits the result to 16 bits (ast_slinear_saturated_add). Raises
    UnreadableAudio and OSError. Blocking.
    """
    one, both = wav.inspect(mix), wav.inspect(merged)
    if not _plain(one) or one.sample_rate != both.sample_rate or one.frames > both.frames:
        return False
    for mixed, sides in zip(samples.read(mix, one), samples.read(merged, both), strict=False):
        total = np.clip(sides[: len(mixed)].sum(axis=1, dtype=np.int32), -32768, 32767)
        if not np.array_equal(mixed[:, 0], total):
            return False
    return True


def _plain(info: WavInfo) -> bool:
    return info.tag == PCM and info.bits == 16 and info.channels == 1


def _even(side: tuple[Path, WavInfo] | None, rate: int, frames: int) -> Iterator[Samples]:
    """One side in blocks of equal length, silence behind its end."""
    held = np.zeros(0, np.int16)
    stream = iter(()) if side is None else _sound(*side, rate)
    for start in range(0, frames, _FRAMES):
        wanted = min(_FRAMES, frames - start)
        while len(held) < wanted and (block := next(stream, None)) is not None:
            held = np.concatenate((held, block))
        if len(held) < wanted:
            held = np.concatenate((held, np.zeros(wanted - len(held), np.int16)))
        yield held[:wanted]
        held = held[wanted:]


def _sound(path: Path, info: WavInfo, rate: int) -> Iterator[Samples]:
    blocks = samples.read(path, info)
    if info.sample_rate != rate:
        blocks = resample(blocks, info.frames, info.sample_rate, rate)
    for block in blocks:
        # A side with channels of its own is no side of ours; it is heard in whole all the same.
        yield block[:, 0] if info.channels == 1 else block.mean(axis=1).astype(np.int16)
