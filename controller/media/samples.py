"""The samples of any WAV that we read, as 16-bit numbers, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .resample import Samples
from .wav import A_LAW, FLOAT, MU_LAW, WavInfo, blocks, inspect

_FRAMES = 1 << 16


def read(path: Path, info: WavInfo) -> Iterator[Samples]:
    """All frames of a file as arrays of (n, channels). 16-bit PCM comes as it is, to the bit."""
    step = info.frame_bytes * _FRAMES
    length = info.frames * info.frame_bytes
    with path.open("rb") as file:
        for start in range(0, length, step):
            raw = b"".join(blocks(file, info.data_offset + start, min(step, length - start)))
            yield decode(raw, info).reshape(-1, info.channels)


def whole(path: Path) -> Samples:
    """A whole file at once, (frames, channels): for short ones. Raises UnreadableAudio."""
    info = inspect(path)
    parts = list(read(path, info))
    return np.concatenate(parts) if parts else np.zeros((0, info.channels), np.int16)


def spread(block: Samples, channels: int) -> Samples:
    """More channels: mono is heard on all of them, others stay where they are."""
    if block.shape[1] == channels:
        return block
    if block.shape[1] == 1:
        return np.repeat(block, channels, axis=1)
    return np.pad(block, ((0, 0), (0, channels - block.shape[1])))


def decode(raw: bytes, info: WavInfo) -> Samples:
    """One number for each sample of whole frames, channel after channel."""
    if info.tag == FLOAT:
        level = np.nan_to_num(np.frombuffer(raw, f"<f{info.bits // 8}"), nan=0.0, posinf=1.0, neginf=-1.0)
        rounded: Samples = np.rint(np.clip(level, -1.0, 1.0) * 32767).astype(np.int16)
        return rounded
    if info.tag == MU_LAW:
        return _MU_LAW[np.frombuffer(raw, np.uint8)]
    if info.tag == A_LAW:
        return _A_LAW[np.frombuffer(raw, np.uint8)]
    if info.bits == 8:
        return ((np.frombuffer(raw, np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)
    if info.bits == 16:
        return np.frombuffer(raw, "<i2").astype(np.int16, copy=False)
    if info.bits == 24:
        upper = np.frombuffer(raw, np.uint8).reshape(-1, 3)[:, 1:]
        return np.ascontiguousarray(upper).view("<i2").reshape(-1).astype(np.int16, copy=False)
    return (np.frombuffer(raw, "<i4") >> 16).astype(np.int16)


def _mu_law_table() -> NDArray[np.int16]:
    """ITU-T G.711, table 2: the sign, three bits of segment, four of step, all inverted."""
    code = ~np.arange(256, dtype=np.uint8)
    size = ((((code & 0x0F).astype(np.int32) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _a_law_table() -> NDArray[np.int16]:
    """ITU-T G.711, table 1: every other bit inverted, the sign bit set for positive."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment = ((code >> 4) & 7).astype(np.int32)
    step = ((code & 0x0F).astype(np.int32) << 4) + 8
    size = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


_MU_LAW, _A_LAW = _mu_law_table(), _a_law_table()
