"""Results above 4 GiB, as holes: joined, and repaired where they lie, with headers that say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from controller.media import samples, wav
from controller.media.join import Part, join

from .doubles import T0, voice, wav_bytes, write

RATE = 48_000
GIB = 2**30
SIZE = 4 * GIB + 4 * RATE


def _read(path: Path, info: wav.WavInfo, frame: int, frames: int) -> np.ndarray:
    with path.open("rb") as file:
        file.seek(info.data_offset + frame * info.frame_bytes)
        return np.frombuffer(file.read(frames * info.frame_bytes), "<i2").reshape(-1, info.channels)


def test_segments_that_are_twelve_hours_apart_are_joined_above_4_gib(tmp_path: Path) -> None:
    one, two = voice(RATE, seed=1), voice(RATE, seed=2)
    sounds = [np.repeat(sound, 2, axis=1) for sound in (one, two)]
    gap = timedelta(hours=12)
    parts = [
        Part(
            write(tmp_path / f"{n}.wav", wav_bytes(sound, RATE)),
            T0 + n * gap,
            T0 + n * gap + timedelta(seconds=1),
        )
        for n, sound in enumerate(sounds)
    ]
    target = tmp_path / "joined.wav"
    joined = join(parts, target)
    frames = 12 * 3600 * RATE + RATE
    assert joined.frames == frames
    size = target.stat().st_size
    assert size > 7 * GIB
    assert target.stat().st_blocks * 512 < GIB // 8, "silence takes no room"
    info = wav.inspect(target)
    assert (info.frames, info.channels, info.header_ok) == (frames, 2, True)
    assert _head(target) == b"RF64"
    assert np.array_equal(_read(target, info, 0, RATE), sounds[0])
    assert np.array_equal(_read(target, info, frames - RATE, RATE), sounds[1])
    assert not _read(target, info, frames // 2, RATE).any()


def _blocks(source: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    """As `wav.blocks`, but without reading what is a hole: that takes seconds."""
    silent, end = bytes(wav._BLOCK), start + length
    while start < end:
        try:
            sound = min(end, os.lseek(source.fileno(), start, os.SEEK_DATA))
        except OSError:
            sound = end
        size = min(len(silent), end - start)
        if sound - start >= size:
            yield silent[:size]
        else:
            yield os.pread(source.fileno(), size, start)
        start += size


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def test_one_above_4_gib_that_a_crash_left_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its header says nothing of what was written."""
    sound = np.repeat(voice(RATE), 2, axis=1)
    path = write(tmp_path / "open.wav", wav_bytes(sound, RATE, closed=False))
    long = 44 + SIZE
    with path.open("r+b") as file:
        file.truncate(long)
        file.seek(-4 * RATE, os.SEEK_END)
        file.write(sound.tobytes())
    target = tmp_path / "mended.wav"
    monkeypatch.setattr(wav, "blocks", _blocks)
    assert wav.repair(path, target) is True
    assert target.stat().st_blocks * 512 < GIB // 8, "silence takes no room"
    info = wav.inspect(target)
    assert (info.frames, info.header_ok) == (SIZE // 4, True)
    assert _head(target) == b"RF64"
    assert np.array_equal(_read(target, info, 0, RATE), sound)
    assert np.array_equal(_read(target, info, info.frames - RATE, RATE), sound)
    assert next(iter(samples.read(target, info))).shape[1] == 2
